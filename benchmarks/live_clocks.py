"""Hours of live sound between two devices whose clocks differ, in simulated time: is the latency constant?

The rings, the drift control and the resampler are the engine's own; the `Enhancer` is left out, for it counts frames
and knows no clock. What the microphone hears tells the time: a tone of one period a second in two channels, cosine and
sine, whose phase in what the loudspeaker plays says when it was captured, and whose amplitude and continuity say
whether sound is missing. So the latency is that of the sound, not what the engine believes of it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from math import atan2, hypot, pi
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.clips import ROOT
from benchmarks.simulated_devices import Device, SimulatedTime, simulate
from benchmarks.tables import as_text, replace_block
from enhancer.live.clock import MODES
from enhancer.live.output import OutputBranch
from enhancer.live.pipeline import Pipeline

DOC = ROOT / "docs" / "benchmarks.md"
RATE = 16_000
BLOCK = RATE // 50
JITTER_S = 0.002
SETTLING_S = 80.0  # of the controller, after the start
BOUND_S = 0.005  # of the latency around its mean
STALL_S = 0.2
STALLS, EVERY_S = 20, 15.0
STALLED = {
    "the microphone; its sound is lost": (True, False, False),
    "the microphone; its sound comes late": (True, False, True),
    "the loudspeaker": (False, True, False),
    "both, as in a machine that stands still": (True, True, True),
}  # (microphone, loudspeaker, what was missed comes at once)


@dataclass(frozen=True)
class Steady:
    """Hours without a fault, after the controller has settled; latencies are means over a second.

    found_ppm: the clocks' difference as the controller has it in the end. drops: blocks whose sound did not go on where
    the one before had ended.
    """

    ppm: float
    found_ppm: float
    lowest_ms: float
    mean_ms: float
    highest_ms: float
    drops: int


@dataclass(frozen=True)
class Stalled:
    """recovered_s: after the end of each stall, until the sound was whole and as late as before, for good."""

    what: str
    recovered_s: tuple[float, ...]


class PassThrough:
    """What a pipeline asks of an `Enhancer`: sound as it is, without delay."""

    sample_rate, channels = RATE, 2
    bypass = False

    def process(self, hop: np.ndarray) -> np.ndarray:
        """The same hop."""
        return hop


@dataclass(frozen=True)
class Heard:
    """Of each block that was played: when it began, how late its sound was, whether it went on from the one before."""

    times: np.ndarray
    latencies_s: np.ndarray
    whole: np.ndarray


class Listener:
    """At the loudspeaker."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._latencies_s: list[float] = []
        self._whole: list[bool] = []
        self._last = 0.0  # when the last sample that was played had been captured, modulo a second

    def __call__(self, now: float, block: np.ndarray) -> None:
        first, last = _captured_at(block[0]), _captured_at(block[-1])
        follows = _apart(first, self._last) < 1e-4 and _apart(last, first + (len(block) - 1) / RATE) < 1e-4
        loud = min(hypot(*block[0]), hypot(*block[-1])) > 0.99
        self._times.append(now)
        self._latencies_s.append((now - first) % 1.0)
        self._whole.append(loud and follows)
        self._last = last + 1.0 / RATE

    def heard(self) -> Heard:
        """Everything so far."""
        return Heard(np.array(self._times), np.array(self._latencies_s), np.array(self._whole))


def _captured_at(sample: np.ndarray) -> float:
    """The time that a sample [2] tells, modulo a second."""
    return atan2(sample[1], sample[0]) / (2.0 * pi) % 1.0


def _apart(one: float, other: float) -> float:
    """Seconds between two times that are known modulo a second."""
    return abs((one - other + 0.5) % 1.0 - 0.5)


def run(hours: float, ppm: float, write: bool = False) -> None:
    """Prints two tables: clocks that differ by +-ppm, `hours` each, and stalls; `write` puts them into the docs."""
    console = Console(highlight=False)
    workers = min(2, os.cpu_count() or 1)
    signs = (-1.0, 1.0)
    with ProcessPoolExecutor(workers) as pool, console.status(f"simulating 2 x {hours:g} hours in {workers} processes"):
        steady_runs = list(pool.map(steady, (hours, hours), [sign * ppm for sign in signs]))
        stalled_runs = list(pool.map(stalled, STALLED, [ppm] * len(STALLED)))
    tables = _steady_table(steady_runs, hours), _stalled_table(stalled_runs)
    console.print(*tables, sep="\n")
    if write:
        replace_block(DOC, "live-clocks", f"{as_text(*tables)}\n\n{date.today().isoformat()}")
        console.print(f"wrote {DOC.relative_to(ROOT)}")


def steady(hours: float, ppm: float) -> Steady:
    """One run: the microphone's clock faster than the loudspeaker's by `ppm`."""
    microphone, loudspeaker = Device(RATE, BLOCK, ppm, JITTER_S), Device(RATE, BLOCK, 0.0, JITTER_S)
    listener, branch = _simulate(microphone, loudspeaker, 3600.0 * hours)
    settled = listener.times > SETTLING_S
    second = (listener.times[settled] - SETTLING_S).astype(int)
    late_ms = 1e3 * np.bincount(second, listener.latencies_s[settled])[:-1] / np.bincount(second)[:-1]
    drops = int((~listener.whole[settled]).sum())
    return Steady(ppm, branch.drift_ppm, float(late_ms.min()), float(late_ms.mean()), float(late_ms.max()), drops)


def stalled(what: str, ppm: float) -> Stalled:
    """One run with a stall every 15 s, after the controller has settled."""
    microphone, loudspeaker, backlog = STALLED[what]
    begins = SETTLING_S + EVERY_S * np.arange(1, STALLS + 1) + np.random.default_rng(0).uniform(0.0, 1.0, STALLS)
    stalls = tuple((begin, begin + STALL_S) for begin in begins)
    listener, _ = _simulate(
        Device(RATE, BLOCK, ppm, JITTER_S, stalls if microphone else (), backlog),
        Device(RATE, BLOCK, 0.0, JITTER_S, stalls if loudspeaker else (), backlog),
        SETTLING_S + EVERY_S * (STALLS + 1),
    )
    times, late = listener.times, listener.latencies_s
    usual = late[(times > SETTLING_S) & (times < begins[0])].mean()
    wrong = times[~listener.whole | (np.abs(late - usual) > BOUND_S)]
    ends = begins + STALL_S
    after = np.split(wrong, np.searchsorted(wrong, ends))[1:]  # what was wrong between a stall's end and the next one's
    befores = np.append(begins[1:], np.inf)
    recovered = [
        max(part[part < before], default=end) - end for part, end, before in zip(after, ends, befores, strict=True)
    ]
    return Stalled(what, tuple(float(each) for each in recovered))


def _simulate(microphone: Device, loudspeaker: Device, seconds: float) -> tuple[Heard, OutputBranch]:
    """What was heard of a second's tone in both channels, and the branch with what it found out of the clocks."""
    time, listener = SimulatedTime(), Listener()
    pipeline = Pipeline(PassThrough(), lambda clock: [OutputBranch(clock, RATE, 2, MODES["normal"], time)], now=time)
    branch = pipeline.branches[0]
    rate = RATE * (1.0 + 1e-6 * microphone.ppm)

    def tone(start: int, count: int) -> np.ndarray:
        phase = 2.0 * pi * ((start + np.arange(count)) / rate % 1.0)
        return np.stack([np.cos(phase), np.sin(phase)], axis=1).astype(np.float32)

    simulate(time, pipeline, branch, microphone, loudspeaker, seconds, tone, listener)
    return listener.heard(), branch


def _steady_table(runs: Sequence[Steady], hours: float) -> Table:
    headings = ("clocks differ by ppm", "found", "latency ms: lowest", "mean", "highest", "drops")
    table = _table(f"Two clocks, {hours:g} simulated hours each", *headings)
    for run in runs:
        latencies = (f"{ms:.1f}" for ms in (run.lowest_ms, run.mean_ms, run.highest_ms))
        table.add_row(f"{run.ppm:+.0f}", f"{run.found_ppm:+.0f}", *latencies, str(run.drops))
    return table


def _stalled_table(runs: Sequence[Stalled]) -> Table:
    table = _table(
        f"\n{STALLS} stalls of {1e3 * STALL_S:.0f} ms each", "what stalls", "whole again after ms: median", "worst"
    )
    table.columns[0].justify = "left"
    for run in runs:
        table.add_row(run.what, f"{1e3 * median(run.recovered_s):.0f}", f"{1e3 * max(run.recovered_s):.0f}")
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
