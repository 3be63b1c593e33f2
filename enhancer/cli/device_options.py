"""How a command is told which devices to use, and what the shell offers for it."""

from __future__ import annotations

import contextlib
from typing import Any

import typer

from enhancer.errors import UserError

INPUT_HELP = "The microphone: its id or a part of its name as `enhancer devices` shows them, or `default`."


def device_names(kind: str, beginning: str) -> list[str]:
    """Names of the "input" or "output" devices, for the shell's completion; none where there is no sound."""
    with contextlib.suppress(UserError):
        from enhancer.live.devices import list_devices

        return [d.name for d in list_devices() if d.kind == kind and d.name.startswith(beginning)]
    return []


def input_names(beginning: str = "") -> list[str]:
    """Microphones, for the shell's completion."""
    return device_names("input", beginning)


def output_names(beginning: str = "") -> list[str]:
    """Loudspeakers and headphones, for the shell's completion."""
    return device_names("output", beginning)


def input_option(panel: str = "Options", left_out: str = "") -> Any:
    """The option `--input` of a command, in that panel of its help; left_out: what is taken without it."""
    return typer.Option(
        "--input",
        "-i",
        metavar="NAME|ID",
        rich_help_panel=panel,
        autocompletion=input_names,
        help=f"{INPUT_HELP} {left_out}".rstrip(),
    )
