"""The scores of an evaluation as one object: means, paired differences, and both by category and SNR."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from enhancer.evaluation.statistics import Mean, two_way_interval
from enhancer.evaluation.summary import without_nan
from training.evaluation.items import Entry
from training.evaluation.run import MEASURES, SNR, Scored

NOISY = "noisy"
BANDS_DB = (-math.inf, -5.0, 0.0, 5.0, 10.0, 15.0, math.inf)


@dataclass(frozen=True)
class Group:
    """Some of the items: those of a category, or those within a range of SNRs."""

    name: str
    members: np.ndarray  # [members], numbers of items


class Results:
    """Values by system and measure, [items], NaN where undefined; items that some system lacks are left out.

    `reference` is the system that the others are compared with: the first that is not the noisy mixture.
    """

    def __init__(self, entries: Sequence[Entry], systems: Sequence[str], scored: Scored):
        complete = [e for e in entries if all((e.name, system) in scored.outcomes for system in systems)]
        self.entries, self.systems = complete, list(systems)
        self.reference = next((system for system in systems if system != NOISY), NOISY)
        self.outcomes = {key: scored.outcomes[key] for e in complete for key in ((e.name, s) for s in systems)}

    def values(self, system: str, measure: str) -> np.ndarray:
        """[items]."""
        found = (self.outcomes[entry.name, system].values.get(measure) for entry in self.entries)
        return np.array([math.nan if value is None else value for value in found])

    @cached_property
    def snr_db(self) -> np.ndarray:
        """[items]."""
        return self.values(self.systems[0], SNR)

    @cached_property
    def seconds(self) -> float:
        """Of sound, all items."""
        return sum(self.outcomes[entry.name, self.systems[0]].seconds for entry in self.entries)

    def mean(self, system: str, measure: str, minus: str = "", members: np.ndarray | None = None) -> Mean:
        """The mean, or that of the paired differences to another system, with its two-way interval.

        Over all items or `members` of them; the real-time factor has no interval.
        """
        chosen = np.arange(len(self.entries)) if members is None else members
        values = self.values(system, measure)[chosen]
        if minus:
            values = values - self.values(minus, measure)[chosen]
        count = int(np.sum(~np.isnan(values)))
        if not count:
            return Mean(math.nan, math.nan, math.nan, 0)
        low = high = math.nan
        if measure != "rtf":
            entries = [self.entries[i] for i in chosen]
            low, high = two_way_interval(values, [e.speaker for e in entries], [e.noise_recording for e in entries])
        return Mean(float(np.nanmean(values)), low, high, count)

    def categories(self) -> list[Group]:
        """Items by noise category, none where it is unknown for all."""
        names = sorted({entry.category for entry in self.entries} - {""})
        return [
            Group(name, np.array([i for i, entry in enumerate(self.entries) if entry.category == name]))
            for name in names
        ]

    def bands(self) -> list[Group]:
        """Items by SNR in steps of 5 dB; bands without items are left out."""
        groups = []
        for low, high in itertools.pairwise(BANDS_DB):
            members = np.flatnonzero((self.snr_db >= low) & (self.snr_db < high))
            if len(members):
                groups.append(Group(_band_name(low, high), members))
        return groups

    def plain_means(self, measure: str, groups: Sequence[Group]) -> dict[str, dict[str, float]]:
        """By group, then system: means without intervals."""

        def mean(values: np.ndarray) -> float:
            return float(np.nanmean(values)) if np.any(~np.isnan(values)) else math.nan

        return {g.name: {s: mean(self.values(s, measure)[g.members]) for s in self.systems} for g in groups}

    @cached_property
    def summary(self) -> dict[str, Any]:
        """All of it for JSON, NaN as null."""
        grouped = {"by_category": self.categories(), "by_snr_db": self.bands()}
        content: dict[str, Any] = {
            "items": len(self.entries),
            "seconds": round(self.seconds, 2),
            "reference": self.reference,
            "systems": {s: {m: asdict(self.mean(s, m)) for m in (*MEASURES, "rtf")} for s in self.systems},
            "minus_reference": {
                s: {m: asdict(self.mean(s, m, minus=self.reference)) for m in MEASURES}
                for s in self.systems
                if s != self.reference
            },
        }
        for key, groups in grouped.items():
            content[key] = {
                "items": {group.name: len(group.members) for group in groups},
                **{m: self.plain_means(m, groups) for m in MEASURES},
            }
        return without_nan(content)


def _band_name(low: float, high: float) -> str:
    if math.isinf(low):
        return f"below {high:g}"
    return f"{low:g} and above" if math.isinf(high) else f"{low:g} to {high:g}"
