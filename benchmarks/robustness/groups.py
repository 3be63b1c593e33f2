"""Mean gains by language, family, sex, noise category and SNR, and which rows are below the rest beyond chance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from benchmarks.robustness.material import FAMILIES
from training.data.pools import Pools
from training.evaluation.results import NOISY, Group, Results

STUDENT = "student"
MEASURES = ("pesq_wb", "estoi", "si_sdr")
FEW = 2  # speakers: a row of so few is about these voices, whatever its interval says
SEXES = {"f": "women", "m": "men", "": "not known"}


def by_label(labels: Sequence[str]) -> list[Group]:
    """Items with one label each, as groups in the order of the labels."""
    return [Group(name, np.flatnonzero(np.array(labels) == name)) for name in sorted(set(labels))]


def languages_of(results: Results, names: Mapping[str, str]) -> tuple[list[Group], list[Group]]:
    """Items by language and by family; `names`: the language of each item's name."""
    spoken = [names[entry.name] for entry in results.entries]
    return by_label(spoken), by_label([FAMILIES.get(language, language) for language in spoken])


def sexes_of(results: Results, pools: Pools) -> list[Group]:
    """Items by the sex of the voice, as the index has or guesses it."""
    known = {clip.group: clip.sex.rstrip("?") for rate in (16_000, 48_000) for clip in pools.get("speech", rate).clips}
    return by_label([SEXES.get(known.get(entry.speaker, ""), SEXES[""]) for entry in results.entries])


def rows(results: Results, groups: Iterable[Group]) -> dict[str, dict]:
    """By group: items, speakers, and of each measure the mean before and its gain with a 95 % interval.

    `low` in a measure: the whole interval lies below the mean gain of all items.
    """
    found = {}
    for group in groups:
        row: dict = {
            "items": len(group.members),
            "speakers": len({results.entries[i].speaker for i in group.members}),
        }
        for measure in MEASURES:
            gain = results.mean(STUDENT, measure, minus=NOISY, members=group.members)
            overall = results.mean(STUDENT, measure, minus=NOISY)
            row[measure] = {
                "before": results.mean(NOISY, measure, members=group.members).mean,
                "gain": gain.mean, "interval": [gain.low, gain.high], "low": bool(gain.high < overall.mean),
            }  # fmt: skip
        found[group.name] = row
    return found
