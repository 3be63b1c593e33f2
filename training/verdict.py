"""Whether a candidate may replace the shipped student: what changes measure by measure, and how much may be lost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enhancer.errors import UserError
from enhancer.evaluation.statistics import Mean
from enhancer.evaluation.summary import without_nan
from enhancer.model_card import METRICS
from training.evaluation.results import NOISY, Results

# A mean may fall by this much unasked: what no table shows and nobody hears.
TOLERANCE = {"pesq_wb": 0.005, "estoi": 0.002, "si_sdr": 0.1}
SHIPPED, CANDIDATE = "shipped", "candidate"


@dataclass(frozen=True)
class Change:
    """Means of one measure, and of candidate minus shipped; its interval is NaN where items could not be paired."""

    shipped: float
    candidate: float
    difference: Mean


Changes = Mapping[str, Change]  # by the keys of TOLERANCE


def paired(results: Results) -> Changes:
    """Item by item, with 95 % intervals over speakers and noise recordings."""
    return {
        metric: Change(
            results.mean(SHIPPED, metric).mean,
            results.mean(CANDIDATE, metric).mean,
            results.mean(CANDIDATE, metric, minus=SHIPPED),
        )
        for metric in TOLERANCE
    }


def against_card(results: Results, card: Mapping[str, Any], set_hash: str) -> Changes:
    """With the means in the card of a shipped file that this program cannot run.

    Raises UserError unless they are of the same items.
    """
    known = card.get("scores", {}).get("val", {})
    items, of_set = known.get("items", 0), known.get("set")
    if (items, of_set) != (len(results.entries), set_hash) or not known.keys() >= TOLERANCE.keys():
        raise UserError(
            "the shipped file is of a format that cannot run here, and its card has no scores of these items: "
            f"{items} of the set {of_set}, not {len(results.entries)} of {set_hash}",
            "compare with the same --items and --pools as in its card (`enhancer model --json`)",
        )
    changes = {}
    for metric in TOLERANCE:
        candidate = results.mean(CANDIDATE, metric)
        difference = Mean(candidate.mean - known[metric], math.nan, math.nan, candidate.count)
        changes[metric] = Change(known[metric], candidate.mean, difference)
    return changes


def accepted_losses(changes: Changes, trades: Sequence[str]) -> list[str]:
    """The measures that are worse and traded.

    Raises UserError for a candidate that is worse on a measure that is not traded, or cannot be judged.
    """
    for metric, change in changes.items():
        if not change.difference.count:
            raise UserError(f"{METRICS[metric][0]} is undefined on all of these items", "give pools of real speech")
    worse = [metric for metric, change in changes.items() if change.difference.mean < -TOLERANCE[metric]]
    if lost := [metric for metric in worse if metric not in trades]:
        by = " and ".join(_in_words(metric, changes[metric]) for metric in lost)
        options = " ".join(f"--trade {metric}" for metric in lost)
        raise UserError(
            f"the candidate is worse: {by}; nothing was written",
            f"{options} accepts that, and the card will say so",
        )
    return worse


def _in_words(metric: str, change: Change) -> str:
    label, digits = METRICS[metric]
    name, _, unit = label.partition(" ")
    loss = f"{-change.difference.mean:.{digits + 1}f} {unit}".rstrip()
    return f"{name} by {loss} (at most {TOLERANCE[metric]:g} is let pass)"


def table(changes: Changes) -> str:
    """One line a measure, for people."""
    lines = [f"{'':10}{'shipped':>10}{'candidate':>11}   difference (95 % interval)"]
    for metric, change in changes.items():
        label, digits = METRICS[metric]
        more = digits + 1  # than the card shows: differences are small
        mean, low, high = _rounded(change.difference, more)
        ends = "unpaired: no interval" if math.isnan(low) else f"{low:+.{more}f} to {high:+.{more}f}"
        means = f"{change.shipped:10.{more}f}{change.candidate:11.{more}f}"
        lines.append(f"{label:10}{means}   {mean:+.{more}f} ({ends})")
    return "\n".join(lines)


def differences_for_card(changes: Changes) -> dict[str, Any]:
    """By measure: the mean difference and the ends of its interval, null where there is none."""
    ends = "mean", "low", "high"
    return without_nan({m: dict(zip(ends, _rounded(c.difference, 4), strict=True)) for m, c in changes.items()})


def scores_for_card(results: Results, label: str, set_hash: str) -> dict[str, Any]:
    """A system's means and their 95 % intervals, and the noisy mixtures' means; no undefined measures."""
    means = {metric: mean for metric in TOLERANCE if (mean := results.mean(label, metric)).count}
    return {
        **{metric: round(mean.mean, 4) for metric, mean in means.items()},
        **{f"noisy_{metric}": round(results.mean(NOISY, metric).mean, 4) for metric in means},
        "intervals": without_nan({metric: _rounded(mean, 4)[1:] for metric, mean in means.items()}),
        "items": len(results.entries),
        "set": set_hash,
    }


def _rounded(mean: Mean, digits: int) -> list[float]:
    """Mean, low and high, never minus zero."""
    return [round(value, digits) + 0.0 for value in (mean.mean, mean.low, mean.high)]
