"""One of two sounds that run side by side, the other one at any sample, never with a click."""

from __future__ import annotations

import numpy as np

from enhancer.live.ring import Ring

FADE_S = 0.010
LONGEST = 4096  # frames at a time


class Ramp:
    """A gain between 0 and 1 that takes 10 ms from one to the other."""

    def __init__(self, sample_rate: int, value: float = 0.0) -> None:
        self._step = 1.0 / max(1, round(FADE_S * sample_rate))
        self._numbers = np.arange(1, LONGEST + 1)[:, None]
        self.value = self.target = value

    @property
    def frames_left(self) -> int:
        """Until the target is reached."""
        return int(np.ceil(abs(self.target - self.value) / self._step - 1e-6))

    def take(self, count: int) -> np.ndarray | float:
        """The gains of the next `count` frames, [count, 1], or one number where it stands still."""
        if self.value == self.target:
            return self.value
        step = self._step if self.target > self.value else -self._step
        gains = np.clip(self.value + step * self._numbers[:count], 0.0, 1.0).astype(np.float32)
        self.value = float(gains[-1, 0]) if count < self.frames_left else self.target
        return gains


class Mixer:
    """Takes frames [before..., after...] from a ring and gives one side of them, float32 [frames, channels].

    A loudspeaker's thread calls `give`, another thread all the rest. While it is paused nothing is taken.
    """

    def __init__(self, ring: Ring, sample_rate: int, channels: int, after: bool = False) -> None:
        self._ring, self._channels = ring, channels
        self._taken = np.zeros((LONGEST, 2 * channels), np.float32)
        self._share = Ramp(sample_rate, float(after))
        self._height = Ramp(sample_rate)

    def choose(self, after: bool) -> None:
        """Which side is heard, after a crossfade."""
        self._share.target = float(after)

    def play(self, on: bool) -> None:
        """Begins, or pauses."""
        self._height.target = float(on)

    @property
    def silent(self) -> bool:
        """Paused and faded out."""
        return self._height.value == self._height.target == 0.0

    def give(self, block: np.ndarray) -> None:
        """Fills block [frames, channels]; what the ring does not have is silence."""
        for start in range(0, len(block), LONGEST):
            self._give(block[start : start + LONGEST])

    def _give(self, out: np.ndarray) -> None:
        wanted = len(out) if self._height.target else min(len(out), self._height.frames_left)
        count = self._ring.read(self._taken[:wanted])
        if count:
            before, after = self._taken[:count, : self._channels], self._taken[:count, self._channels :]
            share = self._share.take(count)
            out[:count] = before * (1.0 - share) + after * share
            out[:count] *= self._height.take(count)
        out[count:] = 0.0
        if count < wanted:  # at the end, or the disk is slow: it begins anew from silence
            self._height.value = 0.0
