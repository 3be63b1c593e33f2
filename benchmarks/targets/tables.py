"""The two tables of the targets, for the terminal and docs/targets.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from rich.table import Table

from benchmarks.targets import cost
from benchmarks.targets.aims import QUALITY
from benchmarks.targets.rows import FACTOR, OURS, Row
from enhancer.evaluation.measures import BY_KEY
from enhancer.evaluation.peers import PEERS
from training.evaluation.results import Results


def systems(results: Results, costs: Mapping[str, cost.Cost]) -> Table:
    """A row a system: mean quality, and cost at its own rate; ours has one line a rate."""
    table = _table("", *(BY_KEY[key].label for key in QUALITY), "rate", "RTF streaming", "RTF files")
    for system in results.systems:
        quality = [f"{np.nanmean(results.values(system, key)):.{BY_KEY[key].digits}f}" for key in QUALITY]
        if system == OURS:
            for rate, name in reversed(cost.OURS.items()):
                table.add_row(OURS if quality else "", *(quality or [""] * 3), *_cost(costs[name], rate))
                quality = []
        else:
            known = costs.get(system)
            title = PEERS[system].title if system in PEERS else system
            table.add_row(title, *quality, *(_cost(known, known.sample_rate) if known else ["-"] * 3))
    return table


def aims(rows: Sequence[Row]) -> Table:
    """A row an aim, met or missed by how much."""
    table = _table("against", "what", "aim", "ours", "theirs", "difference", "95 %", "")
    for heading in ("what", "aim", ""):
        column = next(column for column in table.columns if column.header == heading)
        column.justify = "left"
    before = ""
    for row in rows:
        if before and row.against != before:
            table.add_row()
        name = row.against if row.against != before else ""
        before = row.against
        table.add_row(
            name, row.what, row.aim, f"{row.ours:.{row.digits}f}", f"{row.theirs:.{row.digits}f}",
            *_difference(row), verdict(row),
        )  # fmt: skip
    return table


def verdict(row: Row) -> str:
    """ "met", or by how much it is missed, in words."""
    if row.verdict.met is None:
        return ""
    if row.verdict.met:
        return "met"
    if row.verdict.why:
        return f"missed: {row.verdict.why}"
    if row.unit == FACTOR:
        return f"missed by a factor of {row.verdict.missed_by:.1f}"
    return f"missed by {row.verdict.missed_by:.{row.digits}f}"


def count(rows: Sequence[Row]) -> str:
    """How many of the aims are met."""
    judged = [row for row in rows if row.verdict.met is not None]
    return f"{sum(bool(row.verdict.met) for row in judged)} of {len(judged)} aims met"


def _difference(row: Row) -> tuple[str, str]:
    if row.unit == FACTOR:
        return f"{row.difference:.2f} x", ""
    between = "" if math.isnan(row.low) else f"[{row.low:+.{row.digits}f} {row.high:+.{row.digits}f}]"
    return f"{row.difference:+.{row.digits}f}", between


def _cost(known: cost.Cost, rate: int) -> list[str]:
    streaming = "-" if known.streaming is None else f"{known.streaming:.4f}"
    return [f"{rate // 1000} kHz", streaming, f"{known.files:.4f}"]


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    return table
