"""What scores of many files say together: means with intervals, paired differences, and which are beyond chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
_SEED = 20080118


@dataclass(frozen=True)
class Mean:
    """A mean over `count` values with its 95 % interval (NaN for less than two); NaN values are left out."""

    mean: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Difference:
    """Mean of paired differences with its 95 % interval, and the p-value of Wilcoxon's signed-rank test."""

    mean: float
    low: float
    high: float
    count: int
    p_value: float


def mean_with_interval(values: np.ndarray) -> Mean:
    """The mean and its percentile-bootstrap interval (Efron & Tibshirani, 1993), 2000 seeded resamples of the files."""
    values = np.asarray(values, float)
    values = values[~np.isnan(values)]
    if not len(values):
        return Mean(np.nan, np.nan, np.nan, 0)
    low, high = _interval(values) if len(values) > 1 else (np.nan, np.nan)
    return Mean(float(values.mean()), low, high, len(values))


def paired_difference(ours: np.ndarray, theirs: np.ndarray) -> Difference:
    """Of ours - theirs, file by file, where both are defined; the interval resamples pairs.

    Shapes: [files] both. The test is two-sided, with half of the zeros on each side; NaN where nothing differs.
    """
    difference = np.asarray(ours, float) - np.asarray(theirs, float)
    difference = difference[~np.isnan(difference)]
    summary = mean_with_interval(difference)
    p_value = np.nan
    if np.any(difference):
        from scipy.stats import wilcoxon

        p_value = float(wilcoxon(difference, zero_method="zsplit").pvalue)
    return Difference(summary.mean, summary.low, summary.high, summary.count, p_value)


def holm(p_values: list[float]) -> list[float]:
    """Holm's step-down correction (1979): adjusted p-values in the given order; NaN stay NaN and do not count."""
    order = sorted((index for index, p in enumerate(p_values) if not np.isnan(p)), key=lambda index: p_values[index])
    adjusted, largest = list(p_values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _interval(values: np.ndarray) -> tuple[float, float]:
    rng = np.random.default_rng(_SEED)
    # In pieces: the indices of 2000 resamples of 100,000 files would take gigabytes.
    piece = max(1, 10_000_000 // len(values))
    means = [
        values[rng.integers(len(values), size=(min(piece, RESAMPLES - start), len(values)))].mean(axis=1)
        for start in range(0, RESAMPLES, piece)
    ]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)
