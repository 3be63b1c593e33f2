"""An evaluation on paper: tables for the terminal, and results.csv, results.json, report.md and quality.png."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.table import Table

from enhancer.evaluation.measures import BY_KEY, Measure
from enhancer.evaluation.score_files import json_text
from enhancer.evaluation.statistics import Mean
from enhancer.media.atomic import replacing, write_error
from training.evaluation.plot import draw
from training.evaluation.results import Group, Results
from training.evaluation.run import MEASURES, SNR

SHOWN = [BY_KEY[key] for key in (*MEASURES, "rtf")]
COMPARED = [BY_KEY[key] for key in MEASURES]
GROUPED = [BY_KEY[key] for key in ("pesq_wb", "estoi", "si_sdr")]


def show(results: Results, title: str, stream: IO[str]) -> None:
    """Prints the means, and the differences to the reference with their intervals."""
    console = Console(file=stream, highlight=False, markup=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = 160
    console.print(title)
    console.print(_for_terminal(results, _means(results)))
    if len(results.systems) > 2:
        console.print(f"\nminus {results.reference}, item by item, with 95 % intervals over speakers and noises")
        console.print(_for_terminal(results, _differences(results)))


def write(folder: Path, results: Results, title: str, facts: dict[str, Any]) -> list[Path]:
    """Writes the four files into `folder`, each whole or not at all. Raises OutputError.

    `facts` are what a reader must know: what was scored, each system's version.
    """
    content = {"title": title, **facts, **results.summary}
    writers: dict[str, Callable[[Path], object]] = {
        "results.csv": lambda path: _write_rows(path, results),
        "results.json": lambda path: path.write_text(json_text(content) + "\n", encoding="utf-8"),
        "quality.png": lambda path: draw(results, path),
        "report.md": lambda path: path.write_text(markdown(results, title, facts), encoding="utf-8"),
    }
    for name, writer in writers.items():
        with replacing(folder / name, overwrite=True) as temporary:
            try:
                writer(temporary)
            except OSError as error:
                raise write_error(folder / name, error) from error
    return [folder / name for name in writers]


def markdown(results: Results, title: str, facts: dict[str, Any]) -> str:
    """The report: means, differences, tables by SNR and category, and what each system is."""
    parts = [
        f"# {title}",
        "PESQ is wide-band (P.862.2). `level dB` is the level of the clean speech inside the output (0 is best), `RTF` "
        "processor seconds a second of sound. Intervals are 95 %, bootstrapped over speakers and noise recordings at "
        "once (Owen, 2007).",
        "![PESQ-WB gain by SNR](quality.png)",
        "## Means",
        _markdown_table(["system", *(m.label for m in SHOWN)], _means(results)),
    ]
    if len(results.systems) > 2:
        parts += [
            f"## Minus {results.reference}",
            _markdown_table(["system", *(m.label for m in COMPARED)], _differences(results)),
        ]
    for heading, groups in (("By SNR", results.bands()), ("By noise category", results.categories())):
        for measure in GROUPED if groups else ():
            parts += [f"## {heading}, dB: {measure.label}" if heading == "By SNR" else f"## {heading}: {measure.label}"]
            parts += [_markdown_table(["", "items", *results.systems], _grouped(results, measure, groups))]
    versions = facts.get("versions", {})
    if versions:
        parts += ["## Systems", _markdown_table(["system", "version"], [[s, v or "-"] for s, v in versions.items()])]
    return "\n\n".join(parts) + "\n"


def _means(results: Results) -> list[list[str]]:
    """A row a system: means, PESQ-WB and the others with both ends of the interval where there is one."""
    return [[s, *(_number(results.mean(s, m.key), m) for m in SHOWN)] for s in results.systems]


def _differences(results: Results) -> list[list[str]]:
    return [
        [s, *(_with_ends(results.mean(s, m.key, minus=results.reference), m) for m in COMPARED)]
        for s in results.systems
        if s != results.reference
    ]


def _grouped(results: Results, measure: Measure, groups: list[Group]) -> list[list[str]]:
    means = results.plain_means(measure.key, groups)
    return [
        [g.name, str(len(g.members)), *(_rounded(means[g.name][s], measure) for s in results.systems)] for g in groups
    ]


def _rounded(value: float, measure: Measure, sign: str = "") -> str:
    return "-" if math.isnan(value) else f"{value:{sign}.{measure.digits}f}"


def _number(mean: Mean, measure: Measure) -> str:
    return _rounded(mean.mean, measure)


def _with_ends(mean: Mean, measure: Measure) -> str:
    if math.isnan(mean.low):
        return _rounded(mean.mean, measure, "+")
    return " ".join(
        [_rounded(mean.mean, measure, "+"), f"[{_rounded(mean.low, measure, '+')} {_rounded(mean.high, measure, '+')}]"]
    )


def _for_terminal(results: Results, rows: list[list[str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for measure in SHOWN[: len(rows[0]) - 1]:
        table.add_column(measure.label, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _markdown_table(heading: list[str], rows: list[list[str]]) -> str:
    lines = [heading, ["---", *("---:" for _ in heading[1:])], *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _write_rows(path: Path, results: Results) -> None:
    """One row an item and system."""
    facts = ("item", "system", "sample_rate", "seconds", "category", SNR, "speaker", "noise_recording")
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([*facts, *(m.key for m in SHOWN)])
        for entry in results.entries:
            for system in results.systems:
                o = results.outcomes[entry.name, system]
                table.writerow(
                    [entry.name, system, o.sample_rate, round(o.seconds, 3), entry.category, o.values[SNR]]
                    + [entry.speaker, entry.noise_recording]
                    + [round(o.values.get(m.key, math.nan), m.digits + 2) for m in SHOWN]
                )
