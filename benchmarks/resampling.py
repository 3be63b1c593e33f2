"""Latency and cost of resampling a stream to the grid and back: our polyphase filter beside soxr's variable rate.

The delay of soxr's pair is what it has taken in and not yet given back once it runs; ours is what an Enhancer's latency
at that rate exceeds the 20 ms of a grid by.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import soxr
from rich.console import Console
from rich.table import Table

from enhancer.resampling import RateAdapter, grid_of

RATES = (8_000, 22_050, 44_100, 96_000)
BLOCKS = 300
GRID_LATENCY_MS = 20.0


def run() -> None:
    """Prints delay (ms, there and back) and cost (us a 10 ms block, median) rate by rate."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("rate, Hz", "ours, ms", "soxr vr, ms", "ours, us a block", "soxr vr, us a block"):
        table.add_column(title, justify="right")
    for rate in RATES:
        adapter = RateAdapter(rate, 1, 100, None)
        own_delay = 1000.0 * adapter.latency / rate - GRID_LATENCY_MS
        _, own_cost = _run_stream(rate, lambda b, a=adapter: a.from_grid.push(a.to_grid.push(b[None]))[0])
        grid = grid_of(rate).sample_rate
        there, back = (soxr.ResampleStream(*pair, 1, vr=True) for pair in ((rate, grid), (grid, rate)))
        delay, cost = _run_stream(rate, lambda b, t=there, k=back: k.resample_chunk(t.resample_chunk(b)))
        table.add_row(str(rate), f"{own_delay:.2f}", f"{delay:.2f}", f"{own_cost:.0f}", f"{cost:.0f}")
    Console(highlight=False).print(table)


def _run_stream(rate: int, resample: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float]:
    """(ms of sound held back after three seconds, median us a block of 10 ms)."""
    block = np.zeros(round(rate / 100), np.float32)
    given, times = 0, []
    for _ in range(BLOCKS):
        began = time.perf_counter()
        out = resample(block)
        times.append(time.perf_counter() - began)
        given += len(out)
    return 1000.0 * (BLOCKS * len(block) - given) / rate, 1e6 * statistics.median(times)
