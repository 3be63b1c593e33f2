"""Settings in TOML files: one that cannot be understood is put aside with a line for the user, never an obstacle."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from enhancer.errors import ConfigError

Settings = TypeVar("Settings")


def load(path: Path, read: Callable[[bytes], Settings], otherwise: Settings) -> tuple[Settings, str]:
    """What `read` makes of this file, and a line for the user, empty if there is nothing to say.

    No file means `otherwise`. One of which `read` raises ConfigError, whose message goes on from "the settings FILE
    ...", is renamed to `NAME.old.toml`.
    """
    try:
        return read(path.read_bytes()), ""
    except FileNotFoundError:
        return otherwise, ""
    except OSError as error:
        return otherwise, f"the settings {path} cannot be read ({error.strerror}): going on without them"
    except ConfigError as error:
        aside = path.with_suffix(".old.toml")
        try:
            os.replace(path, aside)
        except OSError:
            return otherwise, f"the settings {path} {error.message}: going on without them"
        return otherwise, f"the settings {path} {error.message}: put aside as {aside.name}, going on without them"


def parse(data: bytes, newest: int) -> dict[str, Any]:
    """The values of a file but for its `version`. Raises ConfigError if it is no TOML or too new."""
    try:
        values = tomllib.loads(data.decode())
    except ValueError as error:  # no TOML, or not even UTF-8
        raise ConfigError(f"are damaged ({error})") from error
    version = values.pop("version", None)
    if type(version) is not int or version < 1:
        raise ConfigError("are damaged (no version)")
    if version > newest:
        raise ConfigError("are of a newer enhancer")
    return values


def quoted(text: str) -> str:
    """A TOML string; what is no text (a lone surrogate of a name that is not UTF-8) becomes a question mark."""
    text = text.encode(errors="replace").decode()
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
