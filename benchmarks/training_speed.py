"""What training costs on one thread: mixing, a step of the shipped student, an LSTM beside a GRU of the same size."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from training.config import load_config
from training.data.mixing import MixConfig, Mixer
from training.data.pools import Pools
from training.loop import Run
from training.networks import BandRecurrentNet

FRAMES, BATCH, ROUNDS = 200, 4, 9


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
    Console(highlight=False).print(table)


def _median_s(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)
