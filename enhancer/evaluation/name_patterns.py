"""What a regular expression of the user tells of a file by its name: its group, its category."""

from __future__ import annotations

import re
from collections.abc import Callable

from enhancer.errors import ConfigError


def told_by(option: str, pattern: str) -> Callable[[str], str]:
    """A function of a file's name: the first bracket of the pattern, or all that it matches, in that name.

    `option` is named in errors. Raises ConfigError for a pattern that is none; so does the function for a name that the
    pattern is not in.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"{option} {pattern} is no regular expression: {error}") from error
    bracket = min(compiled.groups, 1)

    def told(name: str) -> str:
        match = compiled.search(name)
        if match is None:
            raise ConfigError(f"{option} {pattern} is not in {name}", "the pattern must be in every file's name")
        return match.group(bracket) or ""

    return told
