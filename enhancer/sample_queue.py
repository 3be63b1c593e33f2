"""A first-in, first-out queue of samples in one preallocated buffer: what lies between blocks of different lengths."""

from __future__ import annotations

import numpy as np


class SampleQueue:
    """Samples [channels, time] in order. Grows when it must, which a stream of like blocks does once at most."""

    def __init__(self, channels: int, room: int, silence: int = 0) -> None:
        """Holds `silence` zeros at first and after every `reset`; `room` samples need no growth."""
        self._silence = silence
        self._buffer = np.zeros((channels, max(2 * room, silence, 1)), np.float32)
        self._start, self._end = 0, silence

    def __len__(self) -> int:
        return self._end - self._start

    def reset(self) -> None:
        """Back to the initial silence."""
        self._start, self._end = 0, self._silence
        self._buffer[:, : self._silence] = 0.0

    def put(self, samples: np.ndarray) -> None:
        """Appends samples [channels, any]."""
        new = samples.shape[1]
        if self._end + new > self._buffer.shape[1]:
            self._make_room(new)
        self._buffer[:, self._end : self._end + new] = samples
        self._end += new

    def take(self, count: int) -> np.ndarray:
        """Removes the oldest `count` samples and returns them as a view, valid until the next `put`."""
        if count > self._end - self._start:
            raise ValueError(f"{count} samples wanted, {len(self)} in the queue")
        start = self._start
        self._start += count
        return self._buffer[:, start : self._start]

    def _make_room(self, new: int) -> None:
        held = self._buffer[:, self._start : self._end]
        count = held.shape[1]
        if 2 * (count + new) > self._buffer.shape[1]:  # with half of it free, moves stay rare
            self._buffer = np.empty((held.shape[0], 4 * (count + new)), np.float32)
            self._buffer[:, :count] = held
        else:
            self._buffer[:, :count] = held.copy()
        self._start, self._end = 0, count
