"""`training evaluate`; registered on the `training` app by `training.cli`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from training.places import default_pools
from training.run_commands import PoolsOption


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
    from training.evaluate import averaged_network, score, score_network
    from training.teachers import load_teacher

    if (checkpoint is None) == (teacher is None):
        raise UserError("nothing to score", "give a checkpoint, or --teacher NAME")
    sets = Pools(pools or default_pools())
    if checkpoint is not None:
        scores = score_network(averaged_network(load_checkpoint(checkpoint)), sets, split, items)
    else:
        by_rate = {rate: load_teacher(teacher, rate) for rate in (16_000, 48_000)}
        scores = score(lambda noisy, rate: by_rate[rate].enhance(noisy), sets, split, items)
    print(json.dumps(scores))


def register(app: typer.Typer) -> None:
    """Adds this module's commands to the app."""
    app.command()(evaluate)
