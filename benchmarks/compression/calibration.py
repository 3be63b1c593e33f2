"""What the network hears of training mixtures, recorded where the product feeds it: the inputs of every call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from enhancer.engine import denoise
from enhancer.model import Student, StudentStream
from training.data.mixing import MixConfig, Mixer
from training.data.pools import Pools

SEED = 20_261
SECONDS = 4.0
MIXTURES = {16_000: 16, 48_000: 8}  # as the fixed sets have it: a third at 48 kHz


class RecordingStudent(Student):
    """A student that keeps what it is fed: `heard`, one dictionary a call, the state before it included."""

    def __init__(self, model: Student) -> None:
        self.session, self.info = model.session, model.info
        self.heard: list[dict[str, np.ndarray]] = []

    def stream(self, channels: int = 1) -> StudentStream:
        return _RecordingStream(self, channels)


class _RecordingStream(StudentStream):
    def __init__(self, student: RecordingStudent, channels: int) -> None:
        super().__init__(student, channels)
        self._heard = student.heard
        self._state_names = [tensor.name for tensor in student.info.state]

    def step(self, core: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        state = dict(zip(self._state_names, (value.copy() for value in self.state), strict=True))
        self._heard.append({"core": core.copy(), "high": high.copy(), **state})
        return super().step(core, high)


def training_mixtures(pools: Pools) -> list[tuple[np.ndarray, int]]:
    """Noisy signals [T] and their rates from the training split: nothing that is ever scored."""
    mixer = Mixer(MixConfig(), pools, "train", SEED)
    return [(noisy, rate) for rate, count in MIXTURES.items() for noisy in mixer.batch(count, SECONDS, rate).noisy]


def heard(model: Student, sounds: Sequence[tuple[np.ndarray, int]]) -> list[dict[str, np.ndarray]]:
    """What the model is fed, up to 100 frames a call, while it cleans the sounds ([T], rate)."""
    recording = RecordingStudent(model)
    for noisy, sample_rate in sounds:
        denoise(noisy, sample_rate, model=recording)
    return recording.heard
