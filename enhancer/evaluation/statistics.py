"""What scores of many files say together: means with intervals, paired differences, and which are beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

RESAMPLES = 2000
SIGNIFICANT = 0.05
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


def mean_with_interval(values: np.ndarray, groups: np.ndarray | None = None) -> Mean:
    """The mean and its 95 % percentile-bootstrap interval (Efron & Tibshirani, 1993) from 2000 seeded resamples.

    Shapes: values [files]; groups [files] or [kinds, files], labels: whole groups are resampled then, because files of
    one group are not independent. Two kinds, such as speakers and noise recordings, are resampled both at once
    (`two_way_interval`). Beyond 2000 files or groups the normal approximation, which agrees by then.
    """
    values = np.asarray(values, float)
    defined = ~np.isnan(values)
    values = values[defined]
    if not len(values):
        return Mean(np.nan, np.nan, np.nan, 0)
    kinds = _kinds(groups, defined)
    mean = float(values.mean())
    if len(kinds) > 1:
        return Mean(mean, *_two_way(values, kinds[0], kinds[1], mean), len(values))
    sums, counts = _by_group(values, kinds[0] if kinds else None)
    low, high = _interval(sums, counts, mean) if len(sums) > 1 else (np.nan, np.nan)
    return Mean(mean, low, high, len(values))


def paired_difference(ours: np.ndarray, theirs: np.ndarray, groups: np.ndarray | None = None) -> Difference:
    """Of ours - theirs, file by file, where both are defined; the interval resamples pairs (or groups of pairs).

    Shapes as above. The test is two-sided, of the pairs' differences or of the groups' mean differences (of two kinds
    of groups the larger of both p-values), with half of the zeros on each side; NaN where nothing differs.
    """
    difference = np.asarray(ours, float) - np.asarray(theirs, float)
    summary = mean_with_interval(difference, groups)
    defined = ~np.isnan(difference)
    p_value = np.nan
    if np.any(difference[defined]):
        kinds = _kinds(groups, defined)
        tests = [_signed_rank(difference[defined], kind) for kind in kinds]
        p_value = max(tests) if kinds else _signed_rank(difference[defined], None)
    return Difference(summary.mean, summary.low, summary.high, summary.count, p_value)


def two_way_interval(
    differences: np.ndarray, speakers: Sequence[str], noises: Sequence[str], resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of a mean over items that share speakers and noises: the pigeonhole bootstrap (Owen, 2007).

    Each resample draws speakers and, independently, noise recordings with replacement; an item weighs the product of
    how often its two were drawn, and the mean is the weighted one. Simulated coverage where the two matter: 94 % with
    20 speakers and 20 recordings, 98 % with 40 and 190, 90 % with 8 and 8 (few of a kind: a little narrow). Up to
    sqrt(3) too wide in theory where they do not matter (independent items, one for each speaker and recording).
    Shapes: differences [items], NaN left out; speakers and noises [items], labels. An item without a noise recording
    (""), whose noise was synthesised for it, counts as a recording of its own.
    Returns (nan, nan) where nothing can be resampled: fewer than two items, or one speaker and one recording in all.
    Raises ValueError for lengths that differ.
    """
    values = np.asarray(differences, float)
    if not len(values) == len(speakers) == len(noises):
        raise ValueError(f"{len(values)} differences, {len(speakers)} speakers and {len(noises)} noises do not match")
    defined: list[int] = np.flatnonzero(~np.isnan(values)).tolist()
    values = values[defined]
    rng = np.random.default_rng(seed)
    weights = np.ones((resamples, len(values)))
    levels = 1
    for labels in ([speakers[i] for i in defined], [noises[i] or f" item {i}" for i in defined]):
        names, member = np.unique(labels, return_inverse=True)
        if len(names) > 1:
            drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
            weights *= drawn[:, member]
        levels = max(levels, len(names))
    total = weights.sum(axis=1)
    if len(values) < 2 or levels == 1 or not total.any():
        return float("nan"), float("nan")
    drew = total > 0  # with few labels a resample may hold no item at all
    low, high = np.percentile(weights[drew] @ values / total[drew], [2.5, 97.5])
    return float(low), float(high)


def holm(p_values: list[float]) -> list[float]:
    """Holm's step-down correction (1979): adjusted p-values in the given order; NaN stay NaN and do not count."""
    order = sorted((index for index, p in enumerate(p_values) if not np.isnan(p)), key=lambda index: p_values[index])
    adjusted, largest = list(p_values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _kinds(groups: np.ndarray | None, defined: np.ndarray) -> list[np.ndarray]:
    """The labels of each kind, of the defined files."""
    return [] if groups is None else [kind[defined] for kind in np.atleast_2d(groups)]


def _signed_rank(difference: np.ndarray, groups: np.ndarray | None) -> float:
    from scipy.stats import wilcoxon

    sums, counts = _by_group(difference, groups)
    return float(wilcoxon(sums / counts, zero_method="zsplit").pvalue)


def _by_group(values: np.ndarray, groups: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of the values in each group; without groups each value is one of its own."""
    if groups is None:
        return values, np.ones(len(values))
    _, member = np.unique(groups, return_inverse=True)
    return np.bincount(member, values), np.bincount(member).astype(float)


def _interval(sums: np.ndarray, counts: np.ndarray, mean: float) -> tuple[float, float]:
    number = len(sums)
    if number > RESAMPLES:
        half = 1.96 * float(np.sqrt(np.sum((sums - counts * mean) ** 2))) / float(counts.sum())
        return mean - half, mean + half
    drawn = _times_drawn(number)
    low, high = np.percentile(drawn @ sums / (drawn @ counts), [2.5, 97.5])
    return float(low), float(high)


@lru_cache(maxsize=2)
def _times_drawn(number: int) -> np.ndarray:
    """How often each of `number` groups is in each resample: [RESAMPLES, number]; one for all measures and systems."""
    drawn = np.random.default_rng(_SEED).integers(number, size=(RESAMPLES, number))
    drawn += number * np.arange(RESAMPLES)[:, None]
    return np.bincount(drawn.ravel(), minlength=RESAMPLES * number).reshape(RESAMPLES, number).astype(float)


def _two_way(values: np.ndarray, one: np.ndarray, other: np.ndarray, mean: float) -> tuple[float, float]:
    if len(values) <= RESAMPLES:
        return two_way_interval(values, one.tolist(), other.tolist(), RESAMPLES, _SEED)
    # The variance that the pigeonhole bootstrap has: of a pair of items 1 for each label they share, of an item 3.
    centred = values - mean
    shared = [_by_group(centred, kind)[0] for kind in (one, other)]
    half = 1.96 * float(np.sqrt(sum(np.sum(sums**2) for sums in [*shared, centred]))) / len(values)
    return mean - half, mean + half
