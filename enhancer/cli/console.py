"""Where the command line writes: colours and live lines on a terminal, plain text everywhere else."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

WIDTH_IN_FILES = 200  # a name that is folded cannot be searched for


def console_for(stream: IO[str]) -> Console:
    """A rich console on `stream` that neither guesses at numbers and paths nor reads markup in file names."""
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, soft_wrap=True)


def table_console(stream: IO[str] | None = None) -> Console:
    """A console for tables and prose, on standard output if not said: as wide as the terminal, or enough for a file."""
    console = console_for(stream or sys.stdout)
    console.soft_wrap = False  # prose is broken between words, tables between cells
    if not console.is_terminal:
        console.width = WIDTH_IN_FILES
    return console


def drop_stdout() -> None:
    """What still waits for standard output, which takes no more, goes nowhere: Python would try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def printable(text: str) -> str:
    """The text on one line, with escapes for what a terminal would obey or break: file names may hold anything."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def print_error(message: str, hint: str = "") -> None:
    """`error: ...` and `hint: ...` on standard error, one line each; an empty one is left out."""
    lines = [
        (label, style, printable(text))
        for label, style, text in (("error", "bold red", message), ("hint", "cyan", hint))
        if text
    ]
    if not sys.stderr.isatty():
        for label, _, text in lines:
            print(f"{label}: {text}", file=sys.stderr)
        return
    from rich.text import Text

    console = console_for(sys.stderr)
    for label, style, text in lines:
        console.print(Text.assemble((f"{label}: ", style), text), soft_wrap=False)  # prose: broken between words
