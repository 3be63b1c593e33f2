"""Tables as people see them: on the terminal, and the same text in README.md and docs/, between two marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.clips import DemoClip
from benchmarks.scores import Scores, mean


def scores_table(rows: Sequence[tuple[DemoClip, Scores, Scores]]) -> Table:
    """One row a clip with its scores before and after, and their mean."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("clip")
    table.add_column("sound")
    for measure in ("PESQ-WB", "ESTOI", "SI-SDR dB"):
        table.add_column(measure, justify="right")
    for clip, before, after in rows:
        table.add_row(clip.title, clip.kind, *score_cells(before, after))
    table.add_row("mean", "", *score_cells(mean(r[1] for r in rows), mean(r[2] for r in rows)), style="bold")
    return table


def score_cells(before: Scores, after: Scores) -> list[str]:
    """PESQ-WB, ESTOI and SI-SDR as "before → after", the last figures aligned."""
    return [
        f"{before.pesq_wb:.2f} → {after.pesq_wb:.2f}",
        f"{before.estoi:.2f} → {after.estoi:.2f}",
        f"{before.si_sdr:.1f} → {after.si_sdr:4.1f}",
    ]


def as_text(*tables: Table) -> str:
    """Tables as plain text, without trailing blanks."""
    console = Console(width=200, color_system=None, file=None, highlight=False)
    with console.capture() as captured:
        for table in tables:
            console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def replace_block(path: Path, name: str, text: str) -> None:
    """Replaces what stands between `<!-- NAME -->` and `<!-- /NAME -->` by `text` in a fenced block.

    Raises ValueError when the marks are not there.
    """
    page = path.read_text(encoding="utf-8")
    opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    if opening not in page or closing not in page:
        raise ValueError(f"{path.name} has no place marked {opening.strip()}")
    head, rest = page.split(opening, 1)
    tail = rest.split(closing, 1)[1]
    part = path.with_name(path.name + ".part")
    part.write_text(f"{head}{opening}```text\n{text}\n```\n{closing}{tail}", encoding="utf-8")
    part.replace(path)
