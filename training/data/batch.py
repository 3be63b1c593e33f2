"""One step's lesson as tensors: what was drawn, and what a cached teacher said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Taught:
    """What a teacher said of a batch."""

    teacher: int  # which of the run's caches
    enhanced: Tensor  # [batch, time]
    features: Tensor | None  # [batch, frames, width]; None: it has none that can be read


@dataclass(frozen=True)
class DrawnBatch:
    """One step's lesson."""

    sample_rate: int
    noisy: Tensor  # [batch, time]
    clean: Tensor | None  # [batch, time]; None: a noisy recording of which no clean one exists
    bandwidth_hz: Tensor | None = None  # [batch], up to where each target is real; None: the whole of it
    taught: Taught | None = None  # None: no cached teacher has heard it

    def to(self, device: torch.device) -> DrawnBatch:
        """The same batch on `device`."""
        return self._each(lambda x: x.to(device, non_blocking=True))

    def pin_memory(self) -> DrawnBatch:
        """The same batch in memory that a GPU can copy from while it works."""
        return self._each(Tensor.pin_memory)

    def _each(self, moved: Callable[[Tensor], Tensor]) -> DrawnBatch:
        def maybe(x: Tensor | None) -> Tensor | None:
            return None if x is None else moved(x)

        taught = self.taught
        if taught is not None:
            taught = Taught(taught.teacher, moved(taught.enhanced), maybe(taught.features))
        return DrawnBatch(self.sample_rate, moved(self.noisy), maybe(self.clean), maybe(self.bandwidth_hz), taught)
