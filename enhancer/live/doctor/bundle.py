"""`--bundle`: what a bug report needs in one ZIP file. No sound; the user's home folder reads `~`."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from enhancer.errors import OutputError, UserError
from enhancer.live import places
from enhancer.live.devices import list_devices
from enhancer.media.atomic import replacing, write_error

MAX_LOG_BYTES = 2_000_000  # of one file: the newest part; the engine's own logs are shorter


def check_target(path: Path) -> None:
    """Raises OutputError when a bundle cannot be called so, before anything is looked at."""
    if path.suffix.lower() != ".zip":
        raise OutputError(f"a bundle is a ZIP file, {path} is not called so", f"for example: {path.name}.zip")
    if path.exists():
        raise OutputError(f"{path} exists already", "choose another name; nothing is overwritten")


def write_bundle(path: Path, text: str, report: dict[str, Any]) -> list[str]:
    """Writes the file, whole or not at all, and returns the names of what is in it.

    text and report: what the doctor has found, for people and for programs. Raises OutputError.
    """
    check_target(path)
    contents = {
        "report.txt": text,
        "report.json": _json(report),
        **dict(_devices()),
        **dict(_settings()),
        **dict(_logs()),
    }
    with replacing(path, overwrite=False) as temporary:
        try:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, content in contents.items():
                    archive.writestr(name, _without_home(content))
        except OSError as error:
            raise write_error(path, error) from error
    return list(contents)


def _devices() -> Iterator[tuple[str, str]]:
    with suppress(UserError):
        yield "devices.json", _json([asdict(device) for device in list_devices()])


def _settings() -> Iterator[tuple[str, str]]:
    with suppress(OSError):
        yield "settings.toml", places.config_file().read_text(errors="replace")


def _logs() -> Iterator[tuple[str, str]]:
    """The engine's logs: live.log, live.log.1, ..., and what is written when Python itself crashes."""
    with suppress(UserError, OSError):
        for path in sorted(places.log_dir().glob("*.log*")):
            if path.is_file() and not path.is_symlink() and (data := path.read_bytes()):
                yield f"log/{path.name}", data[-MAX_LOG_BYTES:].decode(errors="replace")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _without_home(text: str) -> str:
    """A home folder is called after its user."""
    home = str(Path.home())
    return text.replace(json.dumps(home)[1:-1], "~").replace(home, "~") if len(home) > 1 else text
