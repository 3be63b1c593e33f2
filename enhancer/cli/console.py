"""Where the command line writes: colours and live lines on a terminal, plain text everywhere else."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def console_for(stream: IO[str]) -> Console:
    """A rich console on `stream` that neither guesses at numbers and paths nor reads markup in file names."""
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, soft_wrap=True)


def print_error(message: str, hint: str = "") -> None:
    """`error: ...` and `hint: ...` on standard error, one line each; an empty one is left out."""
    lines = [
        (label, style, text) for label, style, text in (("error", "bold red", message), ("hint", "cyan", hint)) if text
    ]
    if not sys.stderr.isatty():
        for label, _, text in lines:
            print(f"{label}: {text}", file=sys.stderr)
        return
    from rich.text import Text

    console = console_for(sys.stderr)
    for label, style, text in lines:
        console.print(Text.assemble((f"{label}: ", style), text), soft_wrap=False)  # prose: broken between words
