"""What every external teacher looks like to the cache and to the losses, and how hidden features become frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

FRAMES_PER_SECOND = 100  # the student's frames: 10 ms hops
FRAME_SPAN_HOPS = 2  # a student frame's synthesis span: the 20 ms that end with its hop


@dataclass(frozen=True)
class TeacherOutput:
    """What a teacher says about one signal of N samples.

    enhanced: float32 [N], aligned in time with the input, of its polarity and level.
    features: float16 [N // hop, dims], one row a student frame (hop = sample_rate / 100), or None.
    """

    enhanced: np.ndarray
    features: np.ndarray | None


class Teacher(Protocol):
    """A pretrained network that is run, never trained. Mono signals in -1..1 at `sample_rate`."""

    name: str
    licence: str
    sample_rate: int
    feature_dims: int  # 0: no hidden features can be read
    sha256: str  # of the file with the weights: caches carry it

    def run(self, noisy: np.ndarray) -> TeacherOutput:
        """Both outputs for one pass. Shapes: noisy [N], float, N >= one hop."""
        ...

    def enhance(self, noisy: np.ndarray) -> np.ndarray:
        """Enhanced float32 [N] of noisy [N]: no delay, right polarity and level."""
        ...

    def features(self, noisy: np.ndarray) -> np.ndarray | None:
        """Hidden features float16 [N // hop, dims] of noisy [N], or None where they cannot be read."""
        ...


def pool_frames(activations: np.ndarray, frames: int, step: int, first: int, width: int) -> np.ndarray:
    """Means over time of hidden activations, one a student frame.

    Shapes: activations [dims, J] (teacher frames); returns float32 [frames, dims], row t being the mean of teacher
    frames `t * step + first` up to `width` of them, cut where J ends or starts. Running sums in float64: an error in
    one frame does not leak into others.
    """
    count = activations.shape[1]
    sums = np.zeros((activations.shape[0], count + 1))
    np.cumsum(activations, axis=1, dtype=np.float64, out=sums[:, 1:])
    starts = np.clip(np.arange(frames) * step + first, 0, count - 1)
    stops = np.clip(np.arange(frames) * step + first + width, starts + 1, count)
    return ((sums[:, stops] - sums[:, starts]) / (stops - starts)).T.astype(np.float32)


def standardise(features: np.ndarray) -> np.ndarray:
    """Features [frames, dims] with each dimension's mean over the signal removed, scaled to an RMS of 1, as float16.

    The similarity term compares frames by inner products (row-normalised Gram matrices, Tung & Mori 2019). What all
    frames share makes every pair look alike and hides the differences; removing it keeps them. A constant signal
    gives zeros.
    """
    if not len(features):
        return features.astype(np.float16)
    centred = features - features.mean(axis=0)
    scale = float(np.sqrt(np.mean(np.square(centred, dtype=np.float64))))
    return (centred / max(scale, 1e-9)).astype(np.float16)
