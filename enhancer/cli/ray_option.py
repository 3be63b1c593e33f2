"""`--ray [ADDRESS]`: how a command is told to spread its files over a Ray cluster."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import TyperCommand

from enhancer.cluster import ADDRESS

_NAMED = re.compile(f"auto|{ADDRESS}")


class RayCommand(TyperCommand):
    """Typer knows only options that always take a value; `--ray` takes one that looks like an address, or none."""

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        """Gives a bare `--ray` the empty address."""
        words = list(arguments)
        for place, word in enumerate(arguments):
            if word == "--":
                break
            if word == "--ray" and not (place + 1 < len(words) and _NAMED.fullmatch(arguments[place + 1])):
                words[place] = "--ray="
        return super().parse_args(context, words)


def ray_option(panel: str) -> Any:
    """The option `--ray` of a command, in that panel of its help."""
    return typer.Option(
        "--ray",
        metavar="[ADDRESS]",
        rich_help_panel=panel,
        help="Spread the files over a Ray cluster (extra cluster): auto, host:port or ray://host:port; without an "
        "address RAY_ADDRESS's, else one started here. Its nodes must reach all files under the same paths.",
    )
