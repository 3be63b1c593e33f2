"""Commands that train, distil and export; registered on the `training` app by `training.cli`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from training.places import default_pools, default_runs

ConfigOption = Annotated[str, typer.Option(help="A TOML file, or a name from training/configs.")]
PoolsOption = Annotated[Path | None, typer.Option(help="Pools made by `training prepare` (default: runs/pools).")]
OutOption = Annotated[Path | None, typer.Option(help="Folder of the run (default: runs/NAME).")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on from the run's checkpoint.")]
InitOption = Annotated[Path | None, typer.Option(help="Checkpoint whose weights are the start.")]
_NETWORKS = ["shipped", "teacher", "ablation-teacher"]
MinutesOption = Annotated[float | None, typer.Option(help="Budget in minutes, instead of the config's.")]


def train(
    config: ConfigOption = "student",
    pools: PoolsOption = None,
    out: OutOption = None,
    resume: ResumeOption = False,
    init: InitOption = None,
    minutes: MinutesOption = None,
) -> None:
    """Train a network on mixtures and their clean targets: a teacher, or a student without one."""
    _run(config, pools, out, resume, init, minutes, taught=False)


def distil(
    config: ConfigOption = "shipped",
    pools: PoolsOption = None,
    out: OutOption = None,
    resume: ResumeOption = False,
    init: InitOption = None,
    minutes: MinutesOption = None,
) -> None:
    """Train a student on a teacher's outputs and features beside the clean targets."""
    _run(config, pools, out, resume, init, minutes, taught=True)


def _run(
    name: str,
    pools: Path | None,
    out: Path | None,
    resume: bool,
    init: Path | None,
    minutes: float | None,
    taught: bool,
) -> None:
    from enhancer.errors import UserError
    from training.config import load_config

    config = load_config(name)
    if taught and config.distillation is None:
        raise UserError(f"config {name} has no [distillation]", "use `training train` for a run without a teacher")
    if not taught and config.distillation is not None:
        raise UserError(f"config {name} has a [distillation] part", "use `training distil`")
    if minutes is not None:
        config = dataclasses.replace(config, run=dataclasses.replace(config.run, minutes=minutes))

    from training.run.processes import train as run

    run(config, pools or default_pools(), out or default_runs() / config.name, resume, init)


def networks(
    configs: Annotated[list[str], typer.Argument(help="TOML files, or names from training/configs.")] = _NETWORKS,
) -> None:
    """Print what the configs' networks cost: parameters, multiply-accumulates, ONNX nodes, file size."""
    from rich.console import Console
    from rich.table import Table

    from training.config import load_config
    from training.sizes import sizes

    table = Table("config", "direction", box=None)
    for title in ("parameters", "MMAC/s", "ONNX nodes", "MB"):
        table.add_column(title, justify="right")
    for name in configs:
        network = load_config(name).network
        cost = sizes(network)
        file = ("-", "-") if cost.file_bytes is None else (str(cost.nodes), f"{cost.file_bytes / 1e6:.2f}")
        direction = "both" if network.bidirectional else "causal"
        table.add_row(name, direction, f"{cost.parameters:,}", f"{cost.macs_per_second / 1e6:.0f}", *file)
    Console().print(table)


def export(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint written by `training train` or `distil`.")],
    out: Annotated[Path | None, typer.Option(help="The ONNX file to write (default: runs/student.onnx).")] = None,
    name: Annotated[str, typer.Option(help="Name in the model card.")] = "student",
    pools: PoolsOption = None,
    items: Annotated[int, typer.Option(min=0, max=200, help="Mixtures of val and test to score for the card.")] = 200,
) -> None:
    """Write the averaged weights of a checkpoint as the ONNX file that `enhancer` runs, with its model card."""
    from training.card import describe
    from training.checkpoint import load_checkpoint
    from training.data.pools import Pools
    from training.evaluate import averaged_network
    from training.export import export as write

    loaded = load_checkpoint(checkpoint)
    network = averaged_network(loaded)
    out = out or default_runs() / "student.onnx"
    model = write(network, out, name, describe(loaded, network, Pools(pools or default_pools()), items))
    size = out.stat().st_size / 1e6
    print(f"{out}: {network.parameter_count()} parameters, {len(model.graph.node)} nodes, {size:.2f} MB")


def slim(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint written by `training train` or `distil`.")],
    out: Annotated[Path, typer.Option(help="The smaller checkpoint to write.")],
) -> None:
    """Keep the weights alone, in half precision: a checkpoint to commit and to give to --init later."""
    from training.checkpoint import load_checkpoint, save_checkpoint
    from training.checkpoint import slim as slimmed

    save_checkpoint(out, slimmed(load_checkpoint(checkpoint)))
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")


def average(
    checkpoints: Annotated[list[Path], typer.Argument(help="Two checkpoints or more, of the same [network].")],
    out: Annotated[Path, typer.Option(help="The checkpoint to write, for `training ship`, `evaluate` or --init.")],
    share: Annotated[
        list[float] | None,
        typer.Option(help="How much a checkpoint counts; once for each, in their order.", show_default="all alike"),
    ] = None,
) -> None:
    """Average the weights of several runs that began with the same ones: often better than each, without training.

    For example: training average runs/one runs/two --out runs/mean.safetensors, then `training evaluate` on it.
    """
    from training.averaging import average as mean
    from training.checkpoint import load_checkpoint, save_checkpoint, slim

    save_checkpoint(out, slim(mean([load_checkpoint(path) for path in checkpoints], share or ())))
    print(f"{out}: the mean of {len(checkpoints)} checkpoints, {out.stat().st_size / 1e6:.2f} MB")


def register(app: typer.Typer) -> None:
    """Adds this module's commands to the app."""
    for command in (train, distil, networks, export, slim, average):
        app.command()(command)
