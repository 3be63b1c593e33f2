"""A ring of samples between two threads, one writing and one reading, without locks."""

from __future__ import annotations

import numpy as np


class Ring:
    """Samples [frames, channels] from one writer to one reader.

    Each side moves a count of its own, and Python integers are replaced as a whole: no lock is needed, and neither
    side ever waits for the other.
    """

    def __init__(self, capacity: int, channels: int) -> None:
        self._samples = np.zeros((capacity, channels), np.float32)
        self.capacity = capacity
        self.written = 0  # frames since the beginning; the writer's
        self.taken = 0  # the reader's

    @property
    def fill(self) -> int:
        """Frames that wait to be read."""
        return self.written - self.taken

    def write(self, block: np.ndarray) -> int:
        """Puts in what there is room for of a block [frames, channels]; returns the number of frames put in."""
        count = min(len(block), self.capacity - self.fill)
        start = self.written % self.capacity
        first = min(count, self.capacity - start)
        self._samples[start : start + first] = block[:first]
        self._samples[: count - first] = block[first:count]
        self.written += count  # last: from here on the reader sees them
        return count

    def read(self, out: np.ndarray) -> int:
        """Fills the beginning of `out` [frames, channels] with what there is; returns the number of frames."""
        count = min(len(out), self.fill)
        start = self.taken % self.capacity
        first = min(count, self.capacity - start)
        out[:first] = self._samples[start : start + first]
        out[first:count] = self._samples[: count - first]
        self.taken += count  # last: from here on the writer may overwrite them
        return count

    def skip(self, count: int) -> None:
        """The reader leaves out so many frames, or as many as there are."""
        self.taken += min(count, self.fill)
