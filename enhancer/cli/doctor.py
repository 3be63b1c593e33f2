"""`enhancer doctor`: why live sound does not work here, or that it does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from enhancer.cli.console import table_console
from enhancer.cli.model_option import model_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console
    from rich.table import Table

    from enhancer.live.doctor.finding import Finding

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    bundle: Annotated[
        Path | None,
        typer.Option(
            "--bundle",
            metavar="FILE.zip",
            dir_okay=False,
            help="Also write the report, the engine's log, settings and device names into a ZIP file for a bug report. "
            "No sound is in it; an existing file is not overwritten.",
        ),
    ] = None,
    model: Annotated[str | None, model_option("Options")] = None,
) -> None:
    """Check whether live sound works on this machine, and say what to do where it does not.

    Each line is ok, warn or fail, the last two with what mends it. It takes about five seconds.

    To see whether a virtual microphone can be made, one is, for a moment; left-overs of a crashed engine are removed.

    300 frames of 10 ms are timed: from that comes the latency mode to use.

    [bold]Examples[/bold]

      enhancer doctor

      enhancer doctor --bundle report.zip

      enhancer doctor --json | jq .recommended_latency

    [bold]Exit code[/bold]: 0 nothing fails, 1 something does, 2 wrong use, or the bundle could not be written.
    """
    from enhancer.live.doctor.bundle import check_target, write_bundle
    from enhancer.live.doctor.examine import as_json as report_of
    from enhancer.live.doctor.examine import examine

    if bundle is not None:
        check_target(bundle)
    findings = _gather(examine(model), None if as_json else table_console())
    report = report_of(findings)
    if as_json:
        import json

        print(json.dumps(report, indent=2, ensure_ascii=False))
    if bundle is not None:
        names = write_bundle(bundle, _plain(findings), report)
        told = sys.stderr if as_json else sys.stdout
        print(f"\nwrote {bundle}: {', '.join(names)}; have a look before you send it", file=told)
    if report["fail"]:
        raise typer.Exit(1)


def _gather(findings: Iterable[Finding], console: Console | None) -> list[Finding]:
    """All findings, each printed as soon as it is there."""
    from contextlib import nullcontext

    gathered: list[Finding] = []
    waiting = console.status("looking ...") if console is not None and console.is_terminal else nullcontext()
    with waiting:
        for finding in findings:
            gathered.append(finding)
            if console is not None:
                console.print(_line(finding))
    if console is not None:
        console.print(_summary(gathered))
    return gathered


def _line(finding: Finding) -> Table:
    """Two columns and a text that is broken between words."""
    from rich.table import Table
    from rich.text import Text

    from enhancer.live.doctor.examine import NAMES

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=4)
    grid.add_column(width=max(map(len, NAMES)), no_wrap=True)
    grid.add_column(overflow="fold")
    state = finding.state.value
    grid.add_row(Text(state, _STYLES[state]), finding.name, finding.text)
    if finding.fix:
        grid.add_row("", "", Text.assemble(("fix: ", "cyan"), finding.fix))
    return grid


def _summary(findings: list[Finding]) -> str:
    counts = {state: sum(finding.state.value == state for finding in findings) for state in _STYLES}
    if counts["fail"]:
        verb = "fails" if counts["fail"] == 1 else "fail"
        return f"\n{counts['fail']} of {len(findings)} checks {verb}: live sound does not work so"
    if counts["warn"]:
        verb = "has" if counts["warn"] == 1 else "have"
        return f"\nlive sound works; {counts['warn']} of {len(findings)} checks {verb} something to say"
    return f"\nall {len(findings)} checks are fine"


def _plain(findings: list[Finding]) -> str:
    """The report as it looks in a file."""
    import io

    from rich.console import Console

    stream = io.StringIO()
    console = Console(file=stream, width=200, highlight=False, markup=False)
    for finding in findings:
        console.print(_line(finding))
    return "".join(line.rstrip() + "\n" for line in stream.getvalue().splitlines())
