"""What live sound costs, ours beside the same chain with RNNoise: CPU, wake-ups, frame times, xruns, latency.

On a private PulseAudio server the engine runs as a service does, a process of its own that nobody watches. A program
records its virtual microphone while noisy speech is played to the real one; then the program leaves, and the engine
sleeps. Ours and RNNoise's take turns, so that a machine that is busy for a while is busy for both. Without an engine
the program records the microphone itself: what the sound server takes then is not our doing, and as late as the sound
comes then it comes anyhow.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import date
from math import isfinite
from pathlib import Path

from rich.console import Console
from rich.status import Status
from rich.table import Table

from benchmarks.clips import ROOT
from benchmarks.live_latency import Probe
from benchmarks.live_rnnoise import DELAY
from benchmarks.live_servers import PulseAudioServer, SoundServer, be_urgent, wait_until
from benchmarks.peers import RNNoise
from benchmarks.result_files import write_json
from benchmarks.speed import machine, model_facts
from benchmarks.speed_worker import noisy_sound
from benchmarks.tables import as_text, replace_block
from enhancer.evaluation.peers import chosen_peers
from enhancer.live import places
from enhancer.live.clock import MODES
from enhancer.live.engine import Options
from enhancer.live.errors import NotRunning
from enhancer.live.meters import MeterReader
from enhancer.live.process import encode_options
from enhancer.live.protocol import EngineState
from enhancer.live.pulse_streams import PulseBackend

RESULTS = ROOT / "benchmarks" / "results" / "live_cost.json"
DOC = ROOT / "docs" / "benchmarks.md"
RATE = 48_000
OURS, THEIRS, NONE = "enhancer", "RNNoise", "-"
CHAINS = {OURS: "enhancer.live.process", THEIRS: "benchmarks.live_rnnoise"}
MICROPHONE, NARROW, VIRTUAL = "microphone", "narrow", "enhancer_mic"  # of 48 kHz, of 16 kHz, ours
ROOMS = {MICROPHONE: "room", NARROW: "narrow_room"}  # what is played there, the microphones hear
SETTLE_S = 3.0  # servers shrink their buffers over the first second
UNWATCHED_S = 1.2  # after a look at the meters, until the engine takes it that nobody looks
START_S, DOZE_S, FIND_S = 30.0, 15.0, 5.0  # at most, on a busy machine; about 1, 2 and 0 s

Figures = dict[str, float]
Row = tuple[str, str]  # state and chain
COLUMNS = {  # headings: a figure, and how it is written
    "CPU %": ("cpu_percent", ".1f"),
    "wakes/s": ("wakeups", ".0f"),
    "p50 ms": ("frame_p50_ms", ".2f"),
    "p99": ("frame_p99_ms", ".2f"),
    "xruns": ("xruns", ".0f"),
    "late ms": ("latency_ms", ".0f"),
    "told": ("told_ms", ".0f"),
    "server": ("server_percent", ".1f"),
}
IDLE_COLUMNS = {"CPU %": ("cpu_percent", ".2f"), "wakes/s": ("wakeups", ".1f"), "server": ("server_percent", ".2f")}
COMPARED = ("cpu_percent", "wakeups", "frame_p50_ms", "frame_p99_ms", "latency_ms")


def run(seconds: float, rounds: int, *, write: bool = False) -> None:
    """Prints the table and, with `write`, replaces results/live_cost.json and the table in docs/benchmarks.md."""
    console = Console(highlight=False)
    chosen_peers("rnnoise")  # or says how to get it
    before = os.getloadavg()[0]
    be_urgent()  # what plays and records must not be late itself
    with closing(PulseAudioServer()) as server, console.status("the sound server starts") as status:
        server.start()
        server.add_microphone(NARROW, ROOMS[NARROW], 16_000)
        measured = _measure_all(server, seconds, rounds, status)
    rows = {row: _pooled(turns) for row, turns in measured.items()}
    tables = _tables(rows, f"{rounds} x {seconds:g} s in turns")
    facts = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "load_before": round(before, 2),
        "seconds": seconds,
        "rounds": rounds,
        "peer": RNNoise.describe(),
        "model": model_facts(),
        "rows": [{"state": state, "chain": chain, **figures} for (state, chain), figures in rows.items()],
    }
    note = f"\n{facts['peer']}\n{facts['machine']}; load before: {facts['load_before']}; {facts['date']}"
    console.print(*tables, sep="\n")
    console.print(note, soft_wrap=True)
    if write:
        write_json(RESULTS, facts)
        replace_block(DOC, "live-cost", f"{as_text(*tables)}\n{note}")
        console.print(f"wrote {RESULTS.relative_to(ROOT)} and {DOC.relative_to(ROOT)}")


# --- measuring --------------------------------------------------------------------------------------------------


def _measure_all(server: SoundServer, seconds: float, rounds: int, status: Status) -> dict[Row, list[Figures]]:
    sound = noisy_sound(RATE, 20.0)
    measured: dict[Row, list[Figures]] = {}

    def keep(state: str, chain: str, figures: Figures) -> None:
        measured.setdefault((state, chain), []).append(figures)

    def note(what: str) -> None:
        status.update(f"round {turn + 1} of {rounds}: {what}")

    def program(microphone: str, source: str) -> Probe:
        """Plays to the microphone and records the source."""
        return Probe(PulseBackend(server.address), ROOMS[microphone], source, sound)

    def stream(state: str, chain: str, mode: str, microphone: str, alone_s: float) -> None:
        note(f"{state}, {chain}")
        options = Options(input=microphone, virtual_mic="Enhancer microphone", latency=mode, service=True)
        with _engine(server, chain, options) as (pid, meters):
            with program(microphone, VIRTUAL) as probe:
                keep(state, chain, _streaming(server, chain, pid, meters, probe, seconds, alone_s))
            if state == "normal":
                keep("asleep", chain, _asleep(server, pid, meters, seconds))

    for turn in range(rounds):
        note("no engine")
        with program(MICROPHONE, MICROPHONE) as probe:
            time.sleep(SETTLE_S)
            keep("recording", NONE, _window(server, None, seconds))
            alone_s = _latency_s(probe)
        time.sleep(SETTLE_S)
        keep("nothing", NONE, _window(server, None, seconds))
        for mode in MODES:
            for chain in list(CHAINS)[:: -1 if turn % 2 else 1]:
                stream(mode, chain, mode, MICROPHONE, alone_s)
    note("16 kHz microphone")
    with program(NARROW, NARROW) as probe:
        time.sleep(SETTLE_S)
        alone_s = _latency_s(probe)
    stream(NARROW, OURS, "normal", NARROW, alone_s)
    return measured


@contextmanager
def _engine(server: SoundServer, chain: str, options: Options) -> Iterator[tuple[int, MeterReader]]:
    """A running engine: its process, and its meters."""
    process = server.spawn(sys.executable, "-m", CHAINS[chain], encode_options(options), cwd=ROOT)
    try:
        with wait_until(lambda: _meters(server, process), START_S, f"{chain} starts") as meters:
            wait_until(lambda: meters.read().state is EngineState.RUNNING, START_S, f"{chain} runs")
            yield process.pid, meters
    finally:
        process.terminate()
        process.wait(START_S)


def _meters(server: SoundServer, process: subprocess.Popen) -> MeterReader | None:
    if process.poll() is not None:
        raise RuntimeError(f"the engine ended as it started: {server.log.strip().splitlines()[-1]}")
    with suppress(NotRunning):
        return MeterReader(places.meters_path(server.runtime / "enhancer"))
    return None


def _streaming(
    server: SoundServer, chain: str, pid: int, meters: MeterReader, probe: Probe, seconds: float, alone_s: float
) -> Figures:
    time.sleep(SETTLE_S)
    before = meters.read()
    time.sleep(UNWATCHED_S)
    figures = _window(server, pid, seconds)
    latency_s = _latency_s(probe)
    after = meters.read()
    time.sleep(0.5)
    told = meters.read()
    if told.state is not EngineState.RUNNING:
        raise RuntimeError(f"{chain} is {told.state}")
    if (told.latency_algorithm_ms == 1e3 * DELAY / RATE) != (chain == THEIRS):
        raise RuntimeError(f"this is not the chain of {chain}")
    return figures | {
        "frame_p50_ms": told.frame_p50_ms,
        "frame_p99_ms": told.frame_p99_ms,
        "xruns": after.xruns - before.xruns,
        "latency_ms": 1e3 * (latency_s - alone_s),
        "told_ms": told.latency_ms,
    }


def _asleep(server: SoundServer, pid: int, meters: MeterReader, seconds: float) -> Figures:
    wait_until(lambda: meters.read().state is EngineState.SLEEPING, DOZE_S, "the engine sleeps", every_s=0.1)
    time.sleep(UNWATCHED_S)
    return _window(server, pid, seconds)


def _latency_s(probe: Probe) -> float:
    """Of the last 2 s in which there was speech."""
    deadline = time.monotonic() + FIND_S
    while not isfinite(latency_s := probe.latency_s()):
        if time.monotonic() > deadline:
            raise RuntimeError("what the program records is not what was played")
        time.sleep(0.2)
    return latency_s


def _window(server: SoundServer, pid: int | None, seconds: float) -> Figures:
    """What engine and server take for so long."""
    began, first = time.perf_counter(), _spent(server, pid)
    time.sleep(seconds)
    took, last = time.perf_counter() - began, _spent(server, pid)
    return {name: (last[name] - first[name]) / took for name in last}


def _spent(server: SoundServer, pid: int | None) -> Figures:
    """So far: CPU in percent of a core times seconds, and times that a thread of the engine has gone to sleep."""
    figures = {"server_percent": 100.0 * sum(_cpu_s(each) for each in server.pids)}
    if pid is not None:
        figures |= {"cpu_percent": 100.0 * _cpu_s(pid), "wakeups": _wakeups(pid)}
    return figures


def _cpu_s(pid: int) -> float:
    """User and system time of all threads of a process, to the nanosecond (/proc/PID/stat has it in 10 ms)."""
    return time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid(3)


def _wakeups(pid: int) -> int:
    """Voluntary context switches of all threads."""
    count = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        with suppress(FileNotFoundError):  # it has just ended
            count += int(status.read_text().split("\nvoluntary_ctxt_switches:")[1].split()[0])
    return count


# --- showing ----------------------------------------------------------------------------------------------------


def _pooled(turns: list[Figures]) -> Figures:
    """Medians of the rounds; xruns of all of them."""
    figures = {name: round(statistics.median(turn[name] for turn in turns), 3) for name in turns[0]}
    return figures | ({"xruns": sum(turn["xruns"] for turn in turns)} if "xruns" in figures else {})


def _tables(rows: Mapping[Row, Figures], how_long: str) -> tuple[Table, Table]:
    streaming = _table(f"Streaming to a program, one channel, {how_long}", "mode", COLUMNS)
    for state in (*MODES, NARROW):
        _add(streaming, state if state in MODES else "16 kHz", state, rows, COLUMNS)
    idle = _table("\nNobody records; and without an engine", "", IDLE_COLUMNS)
    for state, title in (("asleep", "asleep"), ("nothing", "no engine"), ("recording", "no engine, a program records")):
        _add(idle, title, state, rows, IDLE_COLUMNS)
    return streaming, idle


def _table(title: str, first: str, columns: Mapping[str, tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in (first, "", *columns):
        table.add_column(heading, justify="right" if heading in columns else "left", no_wrap=True)
    return table


def _add(
    table: Table, title: str, state: str, rows: Mapping[Row, Figures], columns: Mapping[str, tuple[str, str]]
) -> None:
    """The rows of a state: ours, RNNoise's, and ours as a share of that."""
    for chain in (*CHAINS, NONE):
        if figures := rows.get((state, chain)):
            cells = (f"{figures[name]:{form}}" if name in figures else "" for name, form in columns.values())
            table.add_row(title, chain, *cells)
            title = ""
    if (state, THEIRS) in rows:
        ours, theirs = rows[state, OURS], rows[state, THEIRS]
        ratios = (f"{ours[name] / theirs[name]:.2f} x" if name in COMPARED else "" for name, _ in columns.values())
        table.add_row("", "ratio", *ratios)
