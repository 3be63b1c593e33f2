"""Cuts and gaps in a running sound that nobody hears as clicks."""

from __future__ import annotations

import numpy as np

FADE_S = 0.010


class Cutter:
    """Leaves out part of a stream [frames, channels], with a 10 ms crossfade from before to behind it."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._fade = max(1, round(FADE_S * sample_rate))
        self._rise = ((np.arange(self._fade, dtype=np.float32) + 1) / (self._fade + 1))[:, None]
        self._before = np.zeros((self._fade, channels), np.float32)
        self._seen = self._end = 0  # frames of the cut so far, and all of them, both fades included

    @property
    def busy(self) -> bool:
        """A cut is under way."""
        return self._seen < self._end

    def cut(self, frames: int) -> None:
        """Takes away `frames` frames from here on. Not while `busy`."""
        self._seen, self._end = 0, frames + self._fade

    def process(self, block: np.ndarray) -> np.ndarray:
        """What is left of a block: of a cut, its last 10 ms, faded from its first; may be empty."""
        if not self.busy:
            return block
        count = min(len(block), self._end - self._seen)
        part, fade = block[:count], self._fade
        fading_out = min(count, max(0, fade - self._seen))
        self._before[self._seen : self._seen + fading_out] = part[:fading_out]
        behind = max(0, self._end - fade - self._seen)  # where, in this part, the last frames of the cut begin
        place = self._seen + behind - (self._end - fade)
        self._seen += count
        last = part[behind:]
        rise = self._rise[place : place + len(last)]
        faded = self._before[place : place + len(last)] * (1.0 - rise) + last * rise
        return np.concatenate([faded, block[count:]])


class Gap:
    """The end of a sound that ran dry, and its return: falls from its last sample, rises again over 10 ms."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        fade = max(1, round(FADE_S * sample_rate))
        # Half a cosine: begins and ends without a corner.
        self._fall = (0.5 + 0.5 * np.cos(np.pi * (np.arange(fade, dtype=np.float32) + 1) / (fade + 1)))[:, None]
        self._last = np.zeros(channels, np.float32)
        self._fallen = fade  # frames of the fall that are over
        self._risen = 0  # frames of the rise that are over; a sound begins with one

    @property
    def open(self) -> bool:
        """The sound has not risen to its height again, or has not begun."""
        return self._risen < len(self._fall)

    def fill(self, out: np.ndarray) -> None:
        """Fills `out` [frames, channels] where there is no sound: the fall from the last sample, then silence."""
        if not len(out):
            return
        count = min(len(out), len(self._fall) - self._fallen)
        out[:count] = self._last * self._fall[self._fallen : self._fallen + count]
        out[count:] = 0.0
        self._fallen += count
        self._risen = 0

    def sound(self, block: np.ndarray) -> None:
        """Passes sound [frames, channels], which rises, in place, if it returns from a gap."""
        if not len(block):
            return
        # A server gives zeros until it has linked a new stream: only behind them does the sound begin.
        first = 0 if self._risen else _silence(block)
        count = min(len(block) - first, len(self._fall) - self._risen)
        if count:
            block[first : first + count] *= self._fall[::-1][self._risen : self._risen + count]
            self._risen += count
        self._last[:] = block[-1]
        self._fallen = 0

    def last_sound(self, block: np.ndarray) -> None:
        """Passes the sound [frames, channels] before a gap that is meant: it falls, in place, to nothing at its end."""
        count = min(len(block), len(self._fall))
        self.sound(block)
        if count:
            places = np.linspace(0, len(self._fall) - 1, count).round().astype(int)
            block[-count:] *= self._fall[places]
            self._last[:] = 0.0


def _silence(block: np.ndarray) -> int:
    """Frames of exact zeros at the beginning of a block."""
    sounds = np.any(block, axis=1)
    first = int(np.argmax(sounds))
    return first if sounds[first] else len(block)
