"""`--ray [ADDRESS]`: how a command is told to spread its files over a Ray cluster."""

from __future__ import annotations

from typing import Any

import typer


def ray_option(panel: str) -> Any:
    """The option `--ray` of a command of the class `OptionalValues`, in that panel of its help."""
    return typer.Option(
        "--ray",
        metavar="[ADDRESS]",
        rich_help_panel=panel,
        help="Spread the files over a Ray cluster (extra cluster): auto, host:port or ray://host:port; without an "
        "address RAY_ADDRESS's, else one started here. Its nodes must reach all files under the same paths.",
    )
