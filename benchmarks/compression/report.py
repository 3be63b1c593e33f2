"""The comparison on paper: three tables, for the terminal, benchmarks/results/compression.json and the docs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.clips import ROOT
from benchmarks.compression.timing import FrameTime, Operators
from benchmarks.result_files import write_json
from benchmarks.tables import as_text, replace_block
from enhancer.evaluation.measures import BY_KEY
from training.evaluation.results import Results

RESULTS = ROOT / "benchmarks" / "results" / "compression.json"
PAGE = ROOT / "docs" / "compression.md"
MEASURES = [BY_KEY[key] for key in ("pesq_wb", "estoi", "si_sdr")]
NAMED_OPERATORS = 4


@dataclass(frozen=True)
class Measured:
    """What was measured of one file; its quality is in the results under the same name."""

    name: str
    kilobytes: int
    time: FrameTime
    operators: Operators
    block_difference_db: float  # of a stream from a file: how far scales depend on the frames of a call


def tables(measured: Sequence[Measured], results: Results) -> list[Table]:
    """Quality, size and time; what each loses against the first, with intervals; where its time goes."""
    return [_main(measured, results), _losses(measured, results), _operators(measured)]


def facts(measured: Sequence[Measured], results: Results, about: dict[str, Any]) -> dict[str, Any]:
    """All of it for JSON; `about` says what was measured, when and where."""
    summary = results.summary
    return {
        **about,
        "items": summary["items"],
        "noisy": summary["systems"]["noisy"],
        "variants": {
            m.name: {
                "kilobytes": m.kilobytes,
                "nodes": m.operators.nodes,
                "time": asdict(m.time),
                "operators": m.operators.shares,
                "block_difference_db": m.block_difference_db,
                "quality": summary["systems"][m.name],
                f"minus {results.reference}": summary["minus_reference"].get(m.name),
            }
            for m in measured
        },
    }


def write(content: dict[str, Any], shown: Sequence[Table], note: str) -> list[Path]:
    """Replaces the JSON and the tables in docs/compression.md; returns the two."""
    write_json(RESULTS, content)
    replace_block(PAGE, "compression tables", f"{as_text(*shown)}\n\n{note}")
    return [RESULTS, PAGE]


def _main(measured: Sequence[Measured], results: Results) -> Table:
    headings = (*(m.label for m in MEASURES), "kB", "nodes", "p50 us", "x fp32", "p10 us", "cold us", "blocks dB")
    table = _table("Quality, size, and one frame at 16 kHz on one thread", *headings)
    table.add_row("noisy", *(f"{results.mean('noisy', m.key).mean:.{m.digits}f}" for m in MEASURES), *[""] * 7)
    for row in measured:
        quality = (f"{results.mean(row.name, m.key).mean:.{m.digits}f}" for m in MEASURES)
        time = row.time
        table.add_row(
            row.name,
            *quality,
            str(row.kilobytes),
            str(row.operators.nodes),
            f"{time.p50_us:.0f}",
            f"{time.ratio:.2f}",
            f"{time.p10_us:.0f}",
            f"{time.cold_p50_us:.0f}",
            f"{row.block_difference_db:.0f}",
        )
    return table


def _losses(measured: Sequence[Measured], results: Results) -> Table:
    table = _table(
        f"\nMinus {results.reference}, item by item, with 95 % intervals over speakers and noise recordings",
        *(m.label for m in MEASURES),
    )
    for row in measured:
        if row.name != results.reference:
            cells = []
            for m in MEASURES:
                mean = results.mean(row.name, m.key, minus=results.reference)
                digits = m.digits + 1  # a loss is smaller than what is lost
                ends = f"[{mean.low:+.{digits}f}, {mean.high:+.{digits}f}]"
                cells.append(f"{mean.mean:+.{digits}f} {ends}")
            table.add_row(row.name, *cells)
    return table


def _operators(measured: Sequence[Measured]) -> Table:
    table = _table("\nWhere the time inside operators goes", *["share"] * NAMED_OPERATORS)
    for row in measured:
        largest = list(row.operators.shares.items())[:NAMED_OPERATORS]
        table.add_row(row.name, *(f"{name} {100 * share:.0f} %" for name, share in largest))
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
