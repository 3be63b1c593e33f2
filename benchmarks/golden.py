"""Golden scores: what the shipped model scores on the demo clips, so that a change of sound never goes unnoticed.

`python -m benchmarks golden` fails where PESQ-WB, ESTOI or SI-SDR drop, on a clip or in the mean over all; tests/
test_golden.py fails where they change at all. `--write` replaces assets/demo/golden.json after the model or the clips
changed, and with it the README's table and picture.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.clips import DEMO, DemoClip, demo_clips
from benchmarks.result_files import write_json
from benchmarks.scores import Scores, mean, score

if TYPE_CHECKING:
    from enhancer.model import Student

GOLDEN = DEMO / "golden.json"
BELOW = "below golden"
# Other CPUs sum in another order and PESQ is a little discontinuous; a real change of sound moves far more.
TOLERANCE = Scores(pesq_wb=0.03, estoi=0.004, si_sdr=0.1)
OF_MEAN = 0.5  # of that for the mean over all clips, where such noise averages out


def measure(clip: DemoClip, model: Student | None = None) -> dict[str, dict[str, float]]:
    """Scores of a clip before and after `enhancer.denoise` with a model, the shipped one if not said."""
    import enhancer

    noisy = clip.noisy()
    enhanced = enhancer.denoise(noisy, clip.sample_rate, model=model)
    return {"noisy": score(noisy, clip).rounded(), "enhanced": score(enhanced, clip).rounded()}


def load() -> dict[str, dict[str, dict[str, float]]]:
    """The golden scores: {clip: {"noisy" | "enhanced": {measure: value}}}."""
    return json.loads(GOLDEN.read_text(encoding="utf-8"))["clips"]


def of_shipped_model() -> bool:
    """Whether the golden scores were made with the model that is shipped now."""
    return json.loads(GOLDEN.read_text(encoding="utf-8"))["weights_sha256"] == _shipped_weights()


def _shipped_weights() -> str:
    """The hash in the shipped model's card: of the weights, which the rest of the card does not change."""
    from enhancer.model import Student

    return str(Student().info.details["weights_sha256"])


def differences(measured: Scores, golden: dict[str, float], share: float = 1.0) -> list[str]:
    """What differs by more than a share of the tolerance, in words; empty if nothing does."""
    return [
        f"{name} {value:.4f} {BELOW if value < golden[name] else 'above golden'} {golden[name]:.4f}"
        for name, value in asdict(measured).items()
        if abs(value - golden[name]) > share * getattr(TOLERANCE, name)
    ]


def run(*, write: bool = False, model: Path | None = None, clips: Sequence[DemoClip] | None = None) -> int:
    """Prints one line a clip and one for their mean; returns the exit code: 1 if a score drops below its golden one.

    Takes the shipped model, or another that is to replace it, and all clips, or some.
    """
    from enhancer.model import Student

    student = Student(model)
    measured = {clip.name: measure(clip, student) for clip in clips or demo_clips()}
    if write:
        from benchmarks import demo

        write_json(GOLDEN, {"weights_sha256": _shipped_weights(), "clips": measured})
        with tempfile.TemporaryDirectory() as folder:
            demo.run(Path(folder), write=True)
        print(f"wrote {GOLDEN.name}, the README's table and its picture")
        return 0
    golden = load()
    rows = {name: (Scores(**scores["enhanced"]), golden[name]["enhanced"], 1.0) for name, scores in measured.items()}
    wanted = mean(Scores(**expected) for _, expected, _ in rows.values())
    rows["mean"] = (mean(scores for scores, _, _ in rows.values()), asdict(wanted), OF_MEAN)
    found = {name: differences(*row) for name, row in rows.items()}
    for name, lines in found.items():
        print(f"{name}: {'; '.join(lines) or 'as golden'}")
    return int(any(BELOW in line for lines in found.values() for line in lines))
