"""One row an aim: what was asked, what both systems reach, and whether it is met."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clips import ROOT
from benchmarks.targets import cost, full_band
from benchmarks.targets.aims import AIMS, MET, QUALITY, REPORTED, Above, Against, Aim, Level, Share, Verdict
from enhancer.evaluation.measures import BY_KEY
from enhancer.evaluation.peers import PEERS
from enhancer.evaluation.statistics import Mean, two_way_interval
from training.evaluation.items import Entry
from training.evaluation.results import Results

# At the size that ships, and at the reduced size that tried more ways of teaching.
ABLATIONS = tuple(ROOT / "benchmarks" / "results" / f"{name}.json" for name in ("ablation-shipped", "ablation"))
OURS, NOISY = "enhancer", "noisy"
FULL_BAND_PEER = "deepfilternet3"
FACTOR = "times its cost"


@dataclass(frozen=True)
class Row:
    """`difference` is ours minus theirs with its 95 % interval (NaN: none), or our cost over theirs (`unit`)."""

    against: str
    what: str
    aim: str
    ours: float
    theirs: float
    difference: float
    low: float
    high: float
    verdict: Verdict
    digits: int
    unit: str = ""

    def as_json(self) -> dict[str, Any]:
        """Numbers rounded, NaN as null."""
        facts = asdict(self)
        facts.update(facts.pop("verdict"))
        del facts["digits"]
        return {
            key: (None if math.isnan(value) else round(value, 5)) if isinstance(value, float) else value
            for key, value in facts.items()
        }


def against_peers(results: Results, measured: Mapping[str, cost.Cost]) -> list[Row]:
    """Quality and cost against each peer of `AIMS`."""
    rows = []
    for against in AIMS:
        title = PEERS[against.peer].title
        for key, aim in against.quality.items():
            difference = results.mean(OURS, key, minus=against.peer)
            both = (float(np.nanmean(results.values(system, key))) for system in (OURS, against.peer))
            rows.append(_quality(title, BY_KEY[key].label, aim, *both, difference, BY_KEY[key].digits))
        rows += costs(title, against, measured)
    return rows


def against_full_band(entries: Sequence[Entry], values: Mapping[tuple[str, str], Mapping[str, float]]) -> list[Row]:
    """The band above 8 kHz on the mixtures at 48 kHz, against DeepFilterNet3."""
    measured = [entry for entry in entries if (entry.name, OURS) in values]

    def column(system: str, key: str) -> np.ndarray:
        return np.array([values[entry.name, system][key] for entry in measured])

    title = f"{PEERS[FULL_BAND_PEER].title}, 48 kHz"
    distances = [column(system, full_band.LSD) for system in (OURS, FULL_BAND_PEER)]
    left = [column(system, full_band.LEFT) for system in (OURS, FULL_BAND_PEER)]
    rows = []
    for what, (ours, theirs), aim in (
        ("LSD 8-16 kHz, dB", distances, Level("level or better")),
        ("left in pauses, dB", left, None),
    ):
        less = _mean(theirs - ours, measured)  # less is better
        shown = Mean(-less.mean, -less.high, -less.low, less.count)
        verdict = aim.judge(less) if aim else REPORTED
        both = float(np.nanmean(ours)), float(np.nanmean(theirs))
        says = aim.says if aim else "reported"
        rows.append(Row(title, what, says, *both, shown.mean, shown.low, shown.high, verdict, 2))
    ours, theirs = (audible_in_pauses(values, system)[0] for system in (OURS, FULL_BAND_PEER))
    verdict = Verdict(False, ours) if ours else MET
    what = "... audible in mixtures"
    return [*rows, Row(title, what, "0", ours, theirs, ours - theirs, math.nan, math.nan, verdict, 0)]


def audible_in_pauses(values: Mapping[tuple[str, str], Mapping[str, float]], system: str) -> tuple[int, int]:
    """In how many of the mixtures with pauses something above 8 kHz is heard in them, and how many there are."""
    levels = [row[full_band.LEVEL] for (_, label), row in values.items() if label == system]
    known = [level for level in levels if not math.isnan(level)]
    return sum(level > full_band.AUDIBLE_DB for level in known), len(known)


def without_distillation(path: Path) -> list[Row]:
    """What distillation is worth, from a stored ablation: each of its rows with as many seeds as the control.

    Its students are trained for less than the shipped one, all for the same updates. No rows where there is no file.
    """
    if not path.is_file():
        return []
    facts = json.loads(path.read_text(encoding="utf-8"))
    by_name = {row["name"]: row for row in facts["rows"]}
    control = by_name[facts["control"]]
    rows = []
    for row in facts["rows"]:
        if row is control or len(row["seeds"]) < len(control["seeds"]):
            continue
        title = f"not distilled ({row['name']}, {facts['parameters'] / 1000:.0f} k)"
        for key in QUALITY:
            score = row["test"][key]
            difference = Mean(score["difference"], score["low"], score["high"], facts["items"])
            both = score["mean"], control["test"][key]["mean"]
            rows.append(_quality(title, BY_KEY[key].label, Above(), *both, difference, BY_KEY[key].digits + 1))
    return rows


def _quality(against: str, what: str, aim: Aim, ours: float, theirs: float, difference: Mean, digits: int) -> Row:
    found = difference.mean, difference.low, difference.high
    return Row(against, what, aim.says, ours, theirs, *found, aim.judge(difference), digits)


def costs(title: str, against: Against, measured: Mapping[str, cost.Cost]) -> list[Row]:
    """Ours at the peer's rate over the peer's cost, frame by frame and on whole files, where asked and possible."""
    theirs = measured[against.peer]
    ours = measured[cost.OURS[theirs.sample_rate]]
    rows = []
    pairs = (("RTF streaming", against.streaming, "streaming"), ("RTF files", against.files, "files"))
    for what, aim, way in pairs:
        own, other = getattr(ours, way), getattr(theirs, way)
        if aim is not None and other is not None:
            rows.append(_cost(title, what, aim, own, other))
    return rows


def _cost(title: str, what: str, aim: Share, own: float, other: float) -> Row:
    share = own / other
    return Row(title, what, aim.says, own, other, share, math.nan, math.nan, aim.judge(share), 4, FACTOR)


def _mean(differences: np.ndarray, entries: Sequence[Entry]) -> Mean:
    interval = two_way_interval(differences, [e.speaker for e in entries], [e.noise_recording for e in entries])
    return Mean(float(np.nanmean(differences)), *interval, int(np.sum(~np.isnan(differences))))
