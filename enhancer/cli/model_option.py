"""`--model`: how a command is told which model to use, and what the shell offers for it."""

from __future__ import annotations

import contextlib
from typing import Any

import typer

from enhancer.bundled import STANDARD, bundled_models
from enhancer.errors import ModelError

METAVAR = "NAME|FILE"


def names(beginning: str = "") -> list[str]:
    """The bundled models whose names begin so; none in a broken installation, which says so when a model is used.

    As a completion: where nothing fits, shells go on to offer files.
    """
    with contextlib.suppress(ModelError):
        return [name for name in bundled_models() if name.startswith(beginning)]
    return []


def model_help() -> str:
    """What can be given, in one line."""
    return f"A bundled model ({', '.join(names())}) or a model file; {STANDARD} when left out."


def model_option(panel: str) -> Any:
    """The option `--model` of a command, in that panel of its help."""
    return typer.Option(
        "--model", "-m", metavar=METAVAR, rich_help_panel=panel, help=model_help(), autocompletion=names
    )
