"""The bundled demo clips: which there are, what they are called, and how they are read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "assets" / "demo"


@dataclass(frozen=True)
class DemoClip:
    """One noisy recording with its clean reference, both FLAC of the same rate, length and channels."""

    name: str  # file name without suffix
    title: str  # "German, typing"
    sample_rate: int
    channels: int
    snr_db: float  # noisy against clean, on active speech

    @property
    def noisy_path(self) -> Path:
        return DEMO / "noisy" / f"{self.name}.flac"

    @property
    def clean_path(self) -> Path:
        return DEMO / "clean" / f"{self.name}.flac"

    @property
    def kind(self) -> str:
        """Rate and channels in words: "48 kHz stereo"."""
        return f"{self.sample_rate // 1000} kHz {'mono' if self.channels == 1 else 'stereo'}"

    def noisy(self) -> np.ndarray:
        """The noisy samples, float32 [n, channels]."""
        return read(self.noisy_path)

    def clean(self) -> np.ndarray:
        """The clean reference, float32 [n, channels]."""
        return read(self.clean_path)


def demo_clips() -> list[DemoClip]:
    """All bundled clips in the order they are shown."""
    rows = json.loads((DEMO / "clips.json").read_text(encoding="utf-8"))
    return [DemoClip(**row) for row in rows]


def write_clip_list(clips: list[DemoClip]) -> None:
    """Replaces assets/demo/clips.json; `make_demo_clips` calls it."""
    (DEMO / "clips.json").write_text(json.dumps([asdict(c) for c in clips], indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> np.ndarray:
    """A sound file as float32 [n, channels]."""
    import soundfile

    samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    return samples
