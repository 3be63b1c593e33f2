"""Hours of live sound between two devices whose clocks differ, in simulated time: is the latency constant?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.simulated_devices import Device, SimulatedTime, simulate
from enhancer.engine import Enhancer
from enhancer.live.clock import MODES
from enhancer.live.output import OutputBranch
from enhancer.live.pipeline import Pipeline

RATE = 16_000
BLOCK = RATE // 50
JITTER_S = 0.002
SETTLING_S = 80.0  # of the controller, after the start


@dataclass(frozen=True)
class Outcome:
    """Of one run; latencies in ms after the controller has settled."""

    ppm: float
    lowest_ms: float
    highest_ms: float
    drift_ppm: float
    drops: int  # underruns, overruns and cuts


def run(hours: float, ppm: float) -> None:
    """Prints a table: clocks that differ by +-ppm, `hours` each."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("clocks differ by, ppm", "found", "latency ms, lowest", "highest", "drops"):
        table.add_column(title, justify="right")
    for sign in (-1.0, 1.0):
        o = outcome(hours, sign * ppm)
        table.add_row(f"{o.ppm:+.0f}", f"{o.drift_ppm:+.0f}", f"{o.lowest_ms:.1f}", f"{o.highest_ms:.1f}", str(o.drops))
    Console(highlight=False).print(table)


def outcome(hours: float, ppm: float) -> Outcome:
    """One run: the microphone's clock faster than the loudspeaker's by `ppm`."""
    time = SimulatedTime()
    enhancer = Enhancer(RATE, block_size=RATE // 100)
    enhancer.rest()  # the network has no part in this
    pipeline = Pipeline(enhancer, lambda clock: [OutputBranch(clock, RATE, 1, MODES["normal"], time)], now=time)
    branch = pipeline.branches[0]
    silence = np.zeros((BLOCK, 1), np.float32)
    lowest, highest = np.inf, -np.inf

    def heard(now: float, _: np.ndarray) -> None:
        nonlocal lowest, highest
        if now > SETTLING_S:
            lowest, highest = min(lowest, branch.latency_s), max(highest, branch.latency_s)

    simulate(
        time, pipeline, branch,
        Device(RATE, BLOCK, ppm=ppm, jitter_s=JITTER_S), Device(RATE, BLOCK, jitter_s=JITTER_S),
        3600.0 * hours, lambda start, count: silence, heard,
    )  # fmt: skip
    drops = branch.underruns + branch.cuts + pipeline.overruns
    return Outcome(ppm, 1e3 * lowest, 1e3 * highest, branch.drift_ppm, drops)
