"""Golden scores: what the shipped model scores on the demo clips, so that a change of sound never goes unnoticed.

`python -m benchmarks golden` compares, `--write` replaces assets/demo/golden.json after the model or clips changed.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.clips import DEMO, DemoClip, demo_clips
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
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


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
        _write(GOLDEN, measured)
        print(f"wrote {len(measured)} clips to {GOLDEN.name}")
        return 0
    golden, failed = load(), False
    for name, scores in measured.items():
        wrong = differences(Scores(**scores["enhanced"]), golden[name]["enhanced"])
        failed = failed or bool(wrong)
        print(f"{name}: {'; '.join(wrong) or 'as golden'}")
    return int(failed)


def _write(path: Path, scores: dict) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
