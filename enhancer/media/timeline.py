"""Decoded sound on its time line: gaps between packets become silence, so that lips and voice stay together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from enhancer.media.types import Track

# A jump in time stamps up to this is jitter of the container (Matroska rounds to 1 ms); beyond it, a gap.
_JITTER_S = 0.04
# A gap longer than this is a broken time stamp, not a pause in the recording.
_LONGEST_GAP_S = 600.0
# Samples of the longest packet of AAC or Opus, and then some.
_LONGEST_PADDING = 4096


class Timeline:
    """Strings decoded frames together by their time stamps and hands them out in blocks of about a second.

    `length` is how many samples there should be, where that is known: up to one packet beyond it is padding.
    """

    def __init__(self, track: Track, length: int | None) -> None:
        self._rate, self._channels, self._length = track.sample_rate, track.channels, length
        self._parts: list[np.ndarray] = []
        self._held = 0
        self._count = 0
        self._end: float | None = None  # seconds, where the next frame should begin
        self.start_s = 0.0

    def add(self, samples: np.ndarray, at: float | None) -> Iterator[np.ndarray]:
        """Takes float32 [n, channels] that begin at `at` seconds; gaps become silence, overlaps are cut."""
        if self._end is None:
            self._end = self.start_s = at or 0.0
        elif at is not None:
            jump = at - self._end
            if _JITTER_S < jump < _LONGEST_GAP_S:
                yield from self._silence(round(jump * self._rate))
            elif -_LONGEST_GAP_S < jump < -_JITTER_S:
                samples = samples[round(-jump * self._rate) :]
        self._push(samples)
        if self._ready():
            yield self._take()

    def _silence(self, count: int) -> Iterator[np.ndarray]:
        while count > 0:
            piece = min(count, self._rate)
            self._push(np.zeros((piece, self._channels), np.float32))
            count -= piece
            if self._ready():
                yield self._take()

    def _push(self, samples: np.ndarray) -> None:
        self._parts.append(samples)
        self._held += len(samples)
        self._count += len(samples)
        self._end = (self._end or 0.0) + len(samples) / self._rate

    def _ready(self) -> bool:
        # Around the promised end nothing is handed out until it is clear whether more follows.
        beyond = 0 if self._length is None else self._count - self._length
        return self._held >= self._rate and not 0 < beyond <= _LONGEST_PADDING

    def _take(self) -> np.ndarray:
        block = np.concatenate(self._parts) if len(self._parts) != 1 else self._parts[0]
        self._parts, self._held = [], 0
        return block

    def rest(self) -> np.ndarray | None:
        """What is left, without padding, or None."""
        if not self._held:
            return None
        block = self._take()
        beyond = 0 if self._length is None else self._count - self._length
        if 0 < beyond <= _LONGEST_PADDING:
            block = block[: len(block) - beyond]
        return block if len(block) else None
