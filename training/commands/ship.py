"""`training ship`: its options; registered on the `training` app by `training.cli`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from training.commands.adapt import shown
from training.commands.run import PoolsOption
from training.places import default_pools, shipped_weights


def ship(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint written by `training train` or `distil`.")],
    items: Annotated[int, typer.Option(min=1, max=200, help="Mixtures of the validation set to compare on.")] = 200,
    pools: PoolsOption = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of student.onnx, its 8-bit twin and its checkpoint.", show_default="assets"),
    ] = None,
    trade: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC", help="Accept a loss in pesq_wb, estoi or si_sdr; the card will say so."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Items at the same time.", show_default="all cores")] = (
        os.cpu_count() or 1
    ),
) -> None:
    """Replace the shipped student by a checkpoint's averaged weights, unless they are worse on the validation set.

    Worse is a mean that is lower by more than 0.005 PESQ-WB, 0.002 ESTOI or 0.1 dB SI-SDR, or a file over 3 MB: that
    is refused with exit code 2, and nothing is written. The same weights in 8 bits become `--model light`.
    """
    from enhancer.evaluation.measures import require_packages
    from training.shipping import LIGHT, MODEL, WEIGHTS, Wish
    from training.shipping import ship as run

    require_packages()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill ends like Ctrl-C
    out = out or shipped_weights().parent
    try:
        run(Wish(checkpoint, out, pools or default_pools(), items, trade or (), jobs), shown, print)
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        raise typer.Exit(130) from None
    print(f"\nwritten: {out / MODEL}, {LIGHT} and {WEIGHTS}")
    print("next:    make figures  (measures everything again and writes it into README and docs), then commit")


def register(app: typer.Typer) -> None:
    """Adds this module's command to the app."""
    app.command()(ship)
