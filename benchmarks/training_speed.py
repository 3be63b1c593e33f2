"""What training costs: mixing, a step of the student, an LSTM beside a GRU of the same size, each on one thread; and
how much audio worker processes draw for a fast device."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from training.config import load_config
from training.data.mixing import MixConfig, Mixer
from training.data.pools import Pools
from training.networks import BandRecurrentNet
from training.run.loop import Run
from training.run.source import BatchSource

FRAMES, BATCH, ROUNDS = 200, 4, 9
DRAWN = 60  # batches, of both rates as the config has them


def run(pools: Path) -> None:
    """Prints medians of nine rounds. Raises InputError when there are no pools."""
    torch.set_num_threads(1)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("work, one thread")
    table.add_column("ms", justify="right")
    table.add_column("audio s a core-second", justify="right")
    seconds = BATCH * FRAMES / 100

    def row(name: str, work: Callable[[], object]) -> None:
        took = _median_s(work)
        table.add_row(name, f"{1000 * took:.0f}", f"{seconds / took:.0f}")

    opened = Pools(pools)
    mixer = Mixer(MixConfig(), opened, "train", 1)
    for rate in (16_000, 48_000):
        row(
            f"mixing {BATCH} x {FRAMES / 100:g} s at {rate // 1000} kHz",
            lambda rate=rate: mixer.batch(BATCH, 2.0, rate),
        )
    config = load_config("student")
    row("a whole training step of the student", Run(config, opened).step)
    network = BandRecurrentNet(config.network)
    core, high = torch.randn(FRAMES, BATCH, 2, 256), torch.zeros(FRAMES, BATCH, 17)
    row("the network alone, forward and backward", lambda: network(core, high).mask.square().mean().backward())
    for layer in (nn.LSTM, nn.GRU):
        trunk = layer(160, 160, 2)
        x = torch.randn(FRAMES, BATCH, 160, requires_grad=True)
        row(f"two {layer.__name__} layers of 160, forward and backward", lambda t=trunk, x=x: t(x)[0].sum().backward())
    console = Console(highlight=False)
    console.print(table)
    console.print(_drawing(opened))


def _drawing(pools: Pools) -> Table:
    """What a device that takes batches at once would get, by the number of worker processes."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("batches drawn by")
    table.add_column("audio s a second", justify="right")
    config = load_config("student")
    seconds = DRAWN * config.batch.size * config.batch.seconds
    for workers in (0, 1, 2):
        source = BatchSource(replace(config, run=replace(config.run, workers=workers)), pools, rank=0)
        for step in range(DRAWN):  # until pools are in memory, workers have begun and their queues are full
            source.batch(step)
        began = time.perf_counter()
        for step in range(DRAWN, 2 * DRAWN):
            source.batch(step)
        took = time.perf_counter() - began
        name = "the run's own thread" if not workers else f"{workers} worker{'s' if workers > 1 else ''}"
        table.add_row(name, f"{seconds / took:.0f}")
        source.close()
    return table


def _median_s(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)
