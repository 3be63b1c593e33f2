"""All outcomes of an evaluation in one object, from which the table, the JSON and the report are made."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import numpy as np

from enhancer.evaluation.grouping import Grouping
from enhancer.evaluation.measures import MEASURES, Measure
from enhancer.evaluation.scoring import ENHANCED, NOISY, OURS, Outcome
from enhancer.evaluation.statistics import Difference, Mean, holm, mean_with_interval, paired_difference

# Differences that are tested; the other measures are shown without a test.
_TESTED = ("pesq_wb", "estoi", "si_sdr")
_RANKED_BY = ("pesq_wb", "estoi", "si_sdr", "dnsmos_ovrl")


@dataclass(frozen=True)
class Worst:
    """A file where our system did worst, with the change against the noisy file (or the value, without one)."""

    name: str
    measure: str
    value: float
    noisy: float
    ours: float


@dataclass
class Summary:
    """What the files say together.

    `groups` says how many groups of each kind intervals are over (none: over files); `means` and `undefined` go by
    system, then measure; `differences` are ours minus each other system; `p_values` are Holm-corrected over all tested
    differences.
    """

    systems: list[str]
    ours: str
    names: list[str]
    groups: dict[str, int]
    seconds: float
    means: dict[str, dict[str, Mean]]
    differences: dict[str, dict[str, Difference]]
    p_values: dict[str, dict[str, float]]
    undefined: dict[str, dict[str, dict[str, int]]]
    worst: list[Worst]

    def measures(self) -> list[Measure]:
        """Those with a value for any system."""
        return [m for m in MEASURES if any(self.means[system][m.key].count for system in self.systems)]


def summarise(
    outcomes: list[Outcome], systems: list[str], ours: str, grouping: Grouping | None = None, worst: int = 5
) -> Summary:
    """Means, paired differences and the worst files; `ours` is the system that the others are compared with.

    Where a `grouping` tells of speakers and the like, intervals and tests are over those groups.
    """
    names = sorted({outcome.name for outcome in outcomes})
    grouping = grouping or Grouping()
    groups = grouping.of(names)
    place = {name: number for number, name in enumerate(names)}
    table = {system: {measure.key: np.full(len(names), np.nan) for measure in MEASURES} for system in systems}
    for outcome in outcomes:
        for key, value in outcome.values.items():
            table[outcome.system][key][place[outcome.name]] = value

    def values(system: str, key: str) -> np.ndarray:
        return table[system][key]

    means = {s: {m.key: mean_with_interval(values(s, m.key), groups) for m in MEASURES} for s in systems}
    others = [system for system in systems if system != ours]
    differences = {
        other: {m.key: paired_difference(values(ours, m.key), values(other, m.key), groups) for m in MEASURES}
        for other in others
    }
    tests = [(other, key) for other in others for key in _TESTED]
    corrected = holm([differences[other][key].p_value for other, key in tests])
    p_values: dict[str, dict[str, float]] = {other: {} for other in others}
    for (other, key), p_value in zip(tests, corrected, strict=True):
        p_values[other][key] = p_value
    return Summary(
        systems=systems,
        ours=ours,
        names=names,
        groups=grouping.counts(names),
        seconds=_total_seconds(outcomes),
        means=means,
        differences=differences,
        p_values=p_values,
        undefined={system: _undefined(o for o in outcomes if o.system == system) for system in systems},
        worst=_worst(values, names, systems, ours, worst),
    )


def as_json(summary: Summary) -> dict[str, object]:
    """The summary for a JSON file, NaN as null."""
    content = {
        "files": len(summary.names),
        "groups": summary.groups,
        "seconds": round(summary.seconds, 3),
        "compared_system": summary.ours,
        "systems": {
            system: {m.key: asdict(summary.means[system][m.key]) for m in summary.measures()}
            for system in summary.systems
        },
        "differences": {
            other: {
                m.key: asdict(row[m.key]) | {"p_value_holm": summary.p_values[other].get(m.key, math.nan)}
                for m in summary.measures()
                if row[m.key].count
            }
            for other, row in summary.differences.items()
        },
        "undefined": summary.undefined,
        "worst": [asdict(worst) for worst in summary.worst],
    }
    return without_nan(content)


def without_nan(content: object) -> dict[str, object]:
    """The same JSON content with null for what JSON has no word for (NaN, infinity)."""
    return _without_nan(content)  # type: ignore[return-value]


def _without_nan(content: object) -> object:
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _total_seconds(outcomes: list[Outcome]) -> float:
    return sum({outcome.name: outcome.seconds for outcome in outcomes}.values())


def _undefined(outcomes: Iterable[Outcome]) -> dict[str, dict[str, int]]:
    """How often each measure had no value, by reason."""
    counts: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        for key, reason in outcome.reasons.items():
            counts.setdefault(key, Counter())[reason] += 1
    return {key: dict(reasons) for key, reasons in counts.items()}


def _worst(
    values: Callable[[str, str], np.ndarray], names: list[str], systems: list[str], ours: str, count: int
) -> list[Worst]:
    """The files with the smallest gain over the noisy input (without one: the smallest value), by PESQ-WB if it is."""
    if ours not in systems:
        return []
    for key in _RANKED_BY:
        own = values(ours, key)
        before = values(NOISY, key) if NOISY in systems else np.full(len(names), np.nan)
        ranked = own - before if NOISY in systems else own
        order = [index for index in np.argsort(ranked, kind="stable") if not np.isnan(ranked[index])]
        if order:
            return [Worst(names[i], key, float(ranked[i]), float(before[i]), float(own[i])) for i in order[:count]]
    return []


def compared_system(systems: list[str]) -> str:
    """The system that others are compared with: given files, else what was made here."""
    return ENHANCED if ENHANCED in systems else OURS
