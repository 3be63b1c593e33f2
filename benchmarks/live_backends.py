"""PortAudio beside libpulse on PulseAudio and PipeWire: how late sound comes back, and how often it breaks.

A loop plays noise into a null sink and records the sink's monitor, with the same latency asked of both streams. Each
loop is a process of its own, each server a private one, and nothing else plays there. Sound is whole when every sample
comes back: a gap is counted where it does not, whether or not the streams noticed (their own count is `xruns`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.clips import ROOT
from benchmarks.live_loopback import BACKENDS, SETTLE_S, Loopback
from benchmarks.live_servers import PipeWireServer, PulseAudioServer, SoundServer
from benchmarks.tables import as_text, replace_block

DOC = ROOT / "docs" / "live.md"
START_S = 30.0


@dataclass(frozen=True)
class Case:
    server: str
    backend: str
    asked_ms: float
    result: Loopback


def run(seconds: float, asked_ms: Sequence[float], write: bool = False) -> None:
    """Prints the table and, with `write`, puts it into docs/live.md."""
    console = Console(highlight=False)
    cases: list[Case] = []
    before = os.getloadavg()[0]
    for kind in (PulseAudioServer, PipeWireServer):
        with closing(kind()) as server:
            server.start()
            for asked in asked_ms:
                for backend in BACKENDS:
                    console.print(f"{server.name}, {backend}, {asked:g} ms: {seconds:g} s", style="dim")
                    cases.append(Case(server.name, backend, asked, _measure(server, backend, asked, seconds)))
    title = f"There and back over {seconds:g} s; {os.cpu_count()} cores, load {before:.1f} before"
    console.print(title)
    console.print(table := _table(cases))
    if write:
        replace_block(DOC, "live-backends", f"{title}\n{as_text(table)}")


def _measure(server: SoundServer, backend: str, asked_ms: float, seconds: float) -> Loopback:
    command = [sys.executable, "-m", "benchmarks.live_loopback", backend, str(asked_ms), str(seconds), "loudspeaker"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=seconds + SETTLE_S + START_S,
        check=False,
        preexec_fn=_hurry,
    )
    if done.returncode:
        raise RuntimeError(f"{backend} on {server.name}: {done.stderr.strip()}")
    return Loopback(**json.loads(done.stdout))


def _hurry() -> None:
    """Before the machine's other work, where that is allowed: the backends are compared, not the load."""
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -15)


def _table(cases: Sequence[Case]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("server", "asked ms", "backend"):
        table.add_column(title, no_wrap=True)
    for title in ("p50 ms", "longest", "told", "gaps", "xruns", "CPU %"):
        table.add_column(title, justify="right", no_wrap=True)
    before = ("", 0.0)
    for case in cases:
        result, group = case.result, (case.server, case.asked_ms)
        table.add_row(
            case.server if case.server != before[0] else "",
            f"{case.asked_ms:g} + {case.asked_ms:g}" if group != before else "",
            case.backend,
            f"{result.latency_p50_ms:.1f}",
            f"{result.latency_max_ms:.1f}",
            f"{result.reported_ms:.1f}",
            str(result.gaps),
            str(result.xruns),
            f"{result.cpu_percent:.1f}",
        )
        before = group
    return table
