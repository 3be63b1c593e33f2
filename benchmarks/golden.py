"""Golden scores: what the shipped model scores on the demo clips, so that a change of sound never goes unnoticed.

`python -m benchmarks golden` compares; `--write` replaces assets/demo/golden.json after the model or the clips changed,
and with it the README's table and picture.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.clips import DEMO, DemoClip, demo_clips
from benchmarks.result_files import write_json
from benchmarks.scores import Scores, score

GOLDEN = DEMO / "golden.json"
# Other CPUs sum in another order and PESQ is a little discontinuous; a real change of sound moves far more.
TOLERANCE = Scores(pesq_wb=0.03, estoi=0.004, si_sdr=0.1)


def measure(clip: DemoClip) -> dict[str, dict[str, float]]:
    """Scores of a clip before and after `enhancer.denoise` with the shipped model."""
    import enhancer

    noisy = clip.noisy()
    enhanced = enhancer.denoise(noisy, clip.sample_rate)
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


def differences(measured: Scores, golden: dict[str, float]) -> list[str]:
    """What differs by more than the tolerance, in words; empty if nothing does."""
    return [
        f"{name} {value:.4f}, golden {golden[name]:.4f}"
        for name, value in asdict(measured).items()
        if abs(value - golden[name]) > getattr(TOLERANCE, name)
    ]


def run(*, write: bool) -> int:
    """Prints one line a clip; returns the exit code (1 if a score differs from its golden value)."""
    measured = {clip.name: measure(clip) for clip in demo_clips()}
    if write:
        from benchmarks import demo

        write_json(GOLDEN, {"weights_sha256": _shipped_weights(), "clips": measured})
        with tempfile.TemporaryDirectory() as folder:
            demo.run(Path(folder), write=True)
        print(f"wrote {GOLDEN.name}, the README's table and its picture")
        return 0
    golden, failed = load(), False
    for name, scores in measured.items():
        wrong = differences(Scores(**scores["enhanced"]), golden[name]["enhanced"])
        failed = failed or bool(wrong)
        print(f"{name}: {'; '.join(wrong) or 'as golden'}")
    return int(failed)
