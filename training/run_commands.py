"""Commands that train, distil and export; registered on the `training` app by `training.cli`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.places import default_pools, default_runs

if TYPE_CHECKING:
    from training.checkpoint import Checkpoint
    from training.networks import BandRecurrentNet

ConfigOption = Annotated[str, typer.Option(help="A TOML file, or a name from training/configs.")]
PoolsOption = Annotated[Path | None, typer.Option(help="Pools made by `training prepare` (default: runs/pools).")]
OutOption = Annotated[Path | None, typer.Option(help="Folder of the run (default: runs/NAME).")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on from the run's checkpoint.")]
InitOption = Annotated[Path | None, typer.Option(help="Checkpoint whose weights are the start.")]
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

    from training.processes import train as run

    run(config, pools or default_pools(), out or default_runs() / config.name, resume, init)


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
    from training.export import export as write

    loaded = load_checkpoint(checkpoint)
    network = _averaged_network(loaded)
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


def evaluate(
    checkpoint: Annotated[Path | None, typer.Argument(help="A checkpoint written by `train` or `distil`.")] = None,
    teacher: Annotated[str | None, typer.Option(help="Score this external teacher instead.")] = None,
    pools: PoolsOption = None,
    split: Annotated[str, typer.Option(help="Fixed set: val (for choosing) or test (for published tables).")] = "val",
    items: Annotated[int, typer.Option(min=1, max=200, help="The first so many mixtures of the set.")] = 200,
) -> None:
    """Score a checkpoint's averaged weights, or a teacher, on a fixed set: PESQ-WB, ESTOI, SI-SDR, noisy beside it."""
    from enhancer.errors import UserError
    from training.checkpoint import load_checkpoint
    from training.data.pools import Pools
    from training.evaluate import score, score_network
    from training.teachers import load_teacher

    if (checkpoint is None) == (teacher is None):
        raise UserError("nothing to score", "give a checkpoint, or --teacher NAME")
    sets = Pools(pools or default_pools())
    if checkpoint is not None:
        scores = score_network(_averaged_network(load_checkpoint(checkpoint)), sets, split, items)
    else:
        by_rate = {rate: load_teacher(teacher, rate) for rate in (16_000, 48_000)}
        scores = score(lambda noisy, rate: by_rate[rate].enhance(noisy), sets, split, items)
    print(json.dumps(scores))


def _averaged_network(checkpoint: Checkpoint) -> BandRecurrentNet:
    """The network of a checkpoint with its averaged weights."""
    from training.config import from_dict
    from training.networks import BandRecurrentNet, NetworkConfig

    network = BandRecurrentNet(from_dict(NetworkConfig, checkpoint.facts["config"]["network"]))
    network.load_state_dict(checkpoint.part("ema"))
    return network


def register(app: typer.Typer) -> None:
    """Adds this module's commands to the app."""
    for command in (train, distil, export, evaluate, slim):
        app.command()(command)
