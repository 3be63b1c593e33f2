"""Removes the constant delay of a system under test before it is scored: every measure assumes aligned signals."""

from __future__ import annotations

import numpy as np

__all__ = ["align", "find_delay"]


def find_delay(estimate: np.ndarray, reference: np.ndarray, max_delay: int) -> int:
    """Delay of `estimate` behind `reference` in samples, by the peak of their cross-correlation.

    Shapes: estimate [T], reference [T'], lengths may differ; searched over -max_delay..max_delay (0 < max_delay).
    The magnitude's peak counts, so that a system that inverts the polarity is found too.
    Raises ValueError if a signal is silent: silence has no delay.
    """
    estimate, reference = np.asarray(estimate, np.float64), np.asarray(reference, np.float64)
    if not (np.any(estimate) and np.any(reference)):
        raise ValueError("the delay of a silent signal is undefined")
    size = 1 << int(np.ceil(np.log2(len(estimate) + len(reference))))
    correlation = np.fft.irfft(np.fft.rfft(estimate, size) * np.fft.rfft(reference, size).conj(), size)
    max_delay = min(max_delay, size // 2 - 1)
    lags = np.concatenate([correlation[-max_delay:], correlation[: max_delay + 1]])
    return int(np.argmax(np.abs(lags))) - max_delay


def align(estimate: np.ndarray, delay: int, length: int) -> np.ndarray:
    """`estimate` moved `delay` samples earlier (later if negative), cut or zero-padded to `length` samples.

    Shapes: estimate [T, ...] -> [length, ...].
    """
    start = max(delay, 0)
    lead = max(-delay, 0)
    moved = np.zeros((length, *estimate.shape[1:]), estimate.dtype)
    part = estimate[start : start + max(length - lead, 0)]
    moved[lead : lead + len(part)] = part
    return moved
