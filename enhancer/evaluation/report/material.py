"""What a report is made of, and the scores of it as arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from enhancer.evaluation.facts import Facts
from enhancer.evaluation.grouping import Grouping
from enhancer.evaluation.measures import BY_KEY, Measure
from enhancer.evaluation.pairs import Pair
from enhancer.evaluation.scoring import NOISY, Method, Outcome
from enhancer.evaluation.statistics import Difference, paired_difference
from enhancer.evaluation.summary import Summary

# What is looked at first; the rest of the measures is in the tables and distributions.
_FIRST = ("pesq_wb", "estoi", "si_sdr")


@dataclass(frozen=True)
class Material:
    """An evaluation with all that its report tells. `pairs` holds the files that were to be scored, scored or not.

    `systems` says in words what each system is; `software` names versions; `left_out` says, a line each, what of the
    files could not be scored; `stopped` is true where the run was ended before all were.
    """

    summary: Summary
    outcomes: list[Outcome]
    pairs: Sequence[Pair]
    method: Method
    systems: Mapping[str, str]
    software: Mapping[str, str]
    command: str
    made: str
    facts: Facts = field(default_factory=Facts)
    grouping: Grouping = field(default_factory=Grouping)
    left_out: Sequence[str] = ()
    stopped: bool = False
    full_scores: Path | None = None

    @property
    def ours(self) -> str:
        return self.summary.ours

    @property
    def has_noisy(self) -> bool:
        return NOISY in self.summary.systems

    @property
    def shown_systems(self) -> list[str]:
        """Before and after, where both are."""
        return [system for system in (NOISY, self.ours) if system in self.summary.systems]

    @property
    def others(self) -> list[str]:
        """The peers."""
        return [system for system in self.summary.systems if system not in self.shown_systems]

    @cached_property
    def first_measures(self) -> list[Measure]:
        """The few that are looked at first: those of them that have values, else whatever has."""
        there = self.summary.measures()
        first = [BY_KEY[key] for key in _FIRST if BY_KEY[key] in there]
        return first or [measure for measure in there if measure.better][:3]

    def values(self, system: str, key: str, names: Sequence[str] | None = None) -> np.ndarray:
        """Values of the files, NaN where there is none. Shape: [files], in the order of `names` (all of them)."""
        table = self._by_system.get(system, {})
        wanted = self.summary.names if names is None else names
        return np.array([table[n].values.get(key, math.nan) if n in table else math.nan for n in wanted], float)

    def gains(self, key: str, names: Sequence[str] | None = None) -> np.ndarray:
        """After minus before, file by file; where there is no before, the value itself."""
        own = self.values(self.ours, key, names)
        return own - self.values(NOISY, key, names) if self.has_noisy else own

    def gain(self, key: str, names: Sequence[str]) -> Difference:
        """The mean gain over some files with its interval, over groups where those are told."""
        before = self.values(NOISY, key, names) if self.has_noisy else np.zeros(len(names))
        return paired_difference(self.values(self.ours, key, names), before, self.grouping.of(names))

    def outcome(self, name: str) -> Outcome:
        """The outcome of a file under our system, or under another one where ours failed."""
        return next(table[name] for table in (self._by_system.get(self.ours, {}), *self._by_system.values())
                    if name in table)  # fmt: skip

    @cached_property
    def _by_system(self) -> dict[str, dict[str, Outcome]]:
        tables: dict[str, dict[str, Outcome]] = {}
        for outcome in self.outcomes:
            tables.setdefault(outcome.system, {})[outcome.name] = outcome
        return tables
