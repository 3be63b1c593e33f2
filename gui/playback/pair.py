"""Two files read side by side, at one rate and with as many channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr

from gui.playback.sound_file import SoundFile, open_sound

RATES = (8_000, 192_000)  # what sound servers take; files of other rates are converted
USUAL_RATE = 48_000


class Pair:
    """The sound of `before` and `after`; the shorter one goes on in silence. Raises InputError."""

    def __init__(self, before: Path, after: Path) -> None:
        self._sides: list[_Side] = []
        try:
            for path in (before, after):
                self._sides.append(_Side(open_sound(path)))
        except BaseException:
            self.close()
            raise
        first = self._sides[0].sound
        self.sample_rate = first.sample_rate if RATES[0] <= first.sample_rate <= RATES[1] else USUAL_RATE
        self.channels = max(side.sound.channels for side in self._sides)
        self.seconds = max(side.sound.frames / side.sound.sample_rate for side in self._sides)

    def seek(self, seconds: float) -> None:
        """The next `read` begins there."""
        for side in self._sides:
            side.seek(seconds, self.sample_rate)

    def read(self, count: int) -> np.ndarray:
        """float32 [count, 2 * channels], before and after beside each other; fewer frames at the end only."""
        blocks = [side.read(count) for side in self._sides]
        out = np.zeros((max(map(len, blocks)), 2 * self.channels), np.float32)
        for number, block in enumerate(blocks):
            start = number * self.channels
            out[: len(block), start : start + self.channels] = block  # one channel goes to both loudspeakers
        return out

    def close(self) -> None:
        """Closes both files."""
        for side in self._sides:
            side.sound.close()


class _Side:
    def __init__(self, sound: SoundFile) -> None:
        self.sound = sound
        self._resampler: soxr.ResampleStream | None = None
        self._held = np.zeros((0, sound.channels), np.float32)
        self._ended = False

    def seek(self, seconds: float, sample_rate: int) -> None:
        self.sound.seek(round(seconds * self.sound.sample_rate))
        self._held, self._ended = self._held[:0], False
        if sample_rate != self.sound.sample_rate:
            self._resampler = soxr.ResampleStream(
                self.sound.sample_rate, sample_rate, self.sound.channels, dtype="float32"
            )

    def read(self, count: int) -> np.ndarray:
        if self._resampler is None:
            return self.sound.read(count)
        while len(self._held) < count and not self._ended:
            block = self.sound.read(self.sound.sample_rate // 10)
            self._ended = len(block) < self.sound.sample_rate // 10
            more = self._resampler.resample_chunk(np.ascontiguousarray(block), last=self._ended)
            self._held = np.concatenate([self._held, more])
        out, self._held = self._held[:count], self._held[count:]
        return out
