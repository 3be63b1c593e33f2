"""`training adapt`; registered on the `training` app by `training.cli`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from training.commands.run import PoolsOption
from training.places import default_pools, default_runs, shipped_weights


def adapt(
    room: Annotated[list[Path], typer.Option(help="Recording of your room's noise without speech, 5 s or more.")],
    voice: Annotated[list[Path] | None, typer.Option(help="Clean recording of your voice, 5 s or more.")] = None,
    init: Annotated[Path | None, typer.Option(help="Checkpoint to adapt (default: the shipped student).")] = None,
    minutes: Annotated[float, typer.Option(min=0.1, help="Time for learning; the check takes about two more.")] = 5.0,
    out: Annotated[Path | None, typer.Option(help="ONNX file to write (default: runs/adapted.onnx).")] = None,
    pools: PoolsOption = None,
    items: Annotated[int, typer.Option(min=50, max=200, help="Validation mixtures to be no worse on.")] = 200,
) -> None:
    """Fine-tune the student for your room (and voice) on a CPU; nothing is written unless it helps and harms nothing.

    Both options may be given several times. The last fifth of each recording is kept from training and scored.
    """
    out = out or default_runs() / "adapted.onnx"
    try:
        import torch

        from training.adaptation.fine_tuning import AdaptationConfig
        from training.adaptation.run import Wish
        from training.adaptation.run import adapt as run

        torch.set_num_threads(1)  # the recurrent steps are small: two threads were measured to be slower than one
        wish = Wish(
            rooms=room,
            voices=voice or [],
            init=init or shipped_weights(),
            out=out,
            pools=pools or default_pools(),
            validation_items=items,
            workers=os.cpu_count() or 1,
        )
        run(wish, AdaptationConfig(minutes=minutes), shown, print)
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        raise typer.Exit(130) from None
    print(f"\nwritten: {out}, and {wish.checkpoint.name} beside it to go on from (--init)")
    print(f"use it:  enhancer denoise noisy.wav --model {out}")


@contextlib.contextmanager
def shown(what: str) -> Iterator[Callable[[float], None]]:
    """A bar with the time that is left while the body runs; on what is no terminal, one line."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        print(f"{what} ...", file=sys.stderr, flush=True)
        yield lambda share: None
        return
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def register(app: typer.Typer) -> None:
    """Adds this module's command to the app."""
    app.command()(adapt)
