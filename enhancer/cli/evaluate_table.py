"""The tables of `enhancer evaluate`: a line a measure, a column a system, then differences and the worst files."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from enhancer.cli.console import printable, table_console
from enhancer.cli.display import clock
from enhancer.evaluation.grouping import in_words
from enhancer.evaluation.measures import BY_KEY, Measure
from enhancer.evaluation.notes import notes_on
from enhancer.evaluation.scoring import NOISY, Outcome
from enhancer.evaluation.statistics import SIGNIFICANT, Difference, Mean
from enhancer.evaluation.summary import Summary

# How much of an interval is shown, the most first: what fits into the terminal is taken.
_BOTH_ENDS, _HALF_WIDTH, _NOTHING = "95 % interval", "half the width of the 95 % interval", ""
_FORMS = (_BOTH_ENDS, _HALF_WIDTH, _NOTHING)


def show(summary: Summary, outcomes: list[Outcome], kept: int, stream: IO[str]) -> None:
    """Prints everything a person wants to know of an evaluation."""
    console = table_console(stream)
    files = f"{len(summary.names)} files" if len(summary.names) != 1 else "1 file"
    known = f", {kept} of them scored before" if kept else ""
    over = f" over {in_words(summary.groups)}" if summary.groups else ""
    table, form = _fitting(console, lambda form: _means(summary, form))
    console.print(f"{files}, {clock(summary.seconds)} of sound{known}; mean over files{_with(form)}{over}")
    console.print(table)
    if any(system != summary.ours for system in summary.systems) and summary.ours in summary.systems:
        table, form = _fitting(console, lambda form: _differences(summary, form))
        console.print()
        console.print(
            f"{summary.ours} minus the others, paired{_with(form)}; * where Wilcoxon's test, Holm-corrected, finds it "
            "beyond chance (p < 0.05; PESQ-WB, ESTOI and SI-SDR are tested)"
        )
        console.print(table)
    if summary.worst and len(summary.names) > 1:
        console.print()
        what = "smallest gain over the noisy file" if NOISY in summary.systems else "lowest"
        console.print(f"worst files, {what} by {BY_KEY[summary.worst[0].measure].label}")
        console.print(_worst(summary))
    print(file=stream)
    for line in notes_on(summary, outcomes):
        print(f"note: {line}", file=stream)


def _fitting(console: Console, make: Callable[[str], Table]) -> tuple[Table, str]:
    """The table with as much of the intervals as the width has room for, and how much that is."""
    unbounded = console.options.update(width=10_000)
    for form in _FORMS:
        table = make(form)
        if console.measure(table, options=unbounded).maximum <= console.width:
            break
    return table, form


def _with(form: str) -> str:
    return f", with {form}" if form else " (intervals: --json, --out, or a wider terminal)"


def _table() -> Table:
    return Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))


def _means(summary: Summary, form: str) -> Table:
    table = _table()
    table.add_column("", no_wrap=True)
    for system in summary.systems:
        table.add_column(system, justify="right")
    for measure in summary.measures():
        table.add_row(measure.label, *(_cell(summary.means[s][measure.key], measure, form) for s in summary.systems))
    return table


def _differences(summary: Summary, form: str) -> Table:
    others = [system for system in summary.systems if system != summary.ours]
    table = _table()
    table.add_column("", no_wrap=True)
    for other in others:
        table.add_column(f"- {other}", justify="right")
    for measure in summary.measures():
        if any(summary.differences[other][measure.key].count for other in others):
            cells = []
            for other in others:
                p_value = summary.p_values[other].get(measure.key, math.nan)
                star = "*" if p_value < SIGNIFICANT else " "
                cells.append(_cell(summary.differences[other][measure.key], measure, form, sign="+") + star)
            table.add_row(measure.label, *cells)
    return table


def _worst(summary: Summary) -> Table:
    table = _table()
    table.add_column("", overflow="fold")
    measure = BY_KEY[summary.worst[0].measure]
    for column in (["noisy"] if NOISY in summary.systems else []) + [summary.ours]:
        table.add_column(column, justify="right")
    for row in summary.worst:
        values = ([row.noisy] if NOISY in summary.systems else []) + [row.ours]
        table.add_row(
            Text(printable(row.name)),
            *(f"{value:.{measure.digits}f}" for value in values),
        )
    return table


def _cell(value: Mean | Difference, measure: Measure, form: str, sign: str = "") -> str:
    """1.49 [1.37 1.61], 1.49 ±0.12 or 1.49."""
    if not value.count:
        return "-"
    shown = f"{sign}.{measure.digits}f"
    text = f"{value.mean:{shown}}"
    if form == _BOTH_ENDS and not math.isnan(value.low):
        text += f" [{value.low:{shown}} {value.high:{shown}}]"
    elif form == _HALF_WIDTH and not math.isnan(value.low):
        text += f" ±{(value.high - value.low) / 2:.{measure.digits}f}"
    return text
