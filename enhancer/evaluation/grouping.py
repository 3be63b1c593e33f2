"""Which files are not independent of one another: those of one speaker, one noise recording, one part of a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from enhancer.errors import ConfigError
from enhancer.evaluation.facts import Facts
from enhancer.evaluation.name_patterns import told_by

SPEAKER, NOISE, GROUP = "speaker", "noise recording", "group"


@dataclass(frozen=True)
class Grouping:
    """Labels by file name for each kind of group (none, one, or speakers and noise recordings), and who tells them."""

    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    source: str = ""

    def of(self, names: Sequence[str]) -> np.ndarray | None:
        """What `statistics` takes as groups: [kinds, files]; a file that nothing is known of is a group of its own."""
        if not self.labels:
            return None
        return np.array([[known.get(name) or f" file {name}" for name in names] for known in self.labels.values()])

    def counts(self, names: Sequence[str]) -> dict[str, int]:
        """How many groups of each kind the files are in."""
        return {kind: len({known.get(name) or f" file {name}" for name in names})
                for kind, known in self.labels.items()}  # fmt: skip


def grouping_of(names: Sequence[str], pattern: str | None, facts: Facts) -> Grouping:
    """Groups as `--group` finds them in names, else the speakers and noise recordings that a table tells.

    Raises ConfigError for a pattern that is none or is not in every name, and where both tell groups.
    """
    known = {kind: labels for kind, labels in ((SPEAKER, facts.speakers), (NOISE, facts.noises)) if labels}
    if pattern is None:
        return Grouping(known, facts.table) if known else Grouping()
    if known:
        raise ConfigError(f"--group, and {facts.table} by its columns speaker and noise, both tell groups",
                          "leave --group out, or those columns")  # fmt: skip
    group_of = told_by("--group", pattern)
    return Grouping({GROUP: {name: group_of(name) for name in names}}, pattern)


def in_words(counts: Mapping[str, int]) -> str:
    """20 speakers and 40 noise recordings; nothing for no groups."""
    return " and ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items())
