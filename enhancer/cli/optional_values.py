"""Options that may stand without their value, such as `--words [RECOGNISER]`."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand

from enhancer.cluster import ADDRESS

# What each takes for its value; without one it is the empty text.
_OPTIONS = {
    "--ray": re.compile(f"auto|{ADDRESS}"),  # files may follow
    "--words": re.compile("[^-].*"),
}


class OptionalValues(TyperCommand):
    """Typer knows only options that always take a value; these take one that looks like theirs, or none."""

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        """Gives bare options the empty value."""
        words = list(arguments)
        for place, word in enumerate(arguments):
            if word == "--":
                break
            pattern = _OPTIONS.get(word)
            if pattern and not (place + 1 < len(words) and pattern.fullmatch(arguments[place + 1])):
                words[place] = f"{word}="
        return super().parse_args(context, words)
