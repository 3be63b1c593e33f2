"""`enhancer gui`: the window."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Page(StrEnum):
    """What can be opened by name."""

    LIVE = "live"
    MIC_TEST = "mic-test"
    FILES = "files"
    SETTINGS = "settings"


def command(
    page: Annotated[Page | None, typer.Option("--page", "-p", help="Open this page instead of the last one.")] = None,
    minimised: Annotated[
        bool, typer.Option("--minimised", "-m", help="Start in the tray (where there is none: minimised).")
    ] = False,
    at_login: Annotated[bool, typer.Option("--at-login", hidden=True)] = False,
) -> None:
    """Open the window: live sound, mic test, files and settings.

    It shows and controls the engine, which runs in a process of its own. A second `enhancer gui` brings the open window
    to the front. While live sound is on, closing the window leaves it in the tray; Ctrl+Q quits.

    [bold]Examples[/bold]

      enhancer gui

      enhancer gui --page files

      enhancer gui --minimised

    [bold]Exit code[/bold]: 0 quit, or an open window was called; 2 no display, or no extra `gui`; 130 stopped.
    """
    from enhancer.errors import ConfigError

    try:
        from gui.app import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("PyQt6", "pyqtgraph", "Xlib"):
            raise
        raise ConfigError("the window needs PyQt6 and pyqtgraph", "pip install 'enhancer[gui]'") from None
    except ImportError as error:  # PyQt6 is there, but a library of the system is not
        raise ConfigError(
            f"Qt cannot be loaded: {error}",
            "on Debian or Ubuntu: sudo apt install libegl1 libgl1 libxkbcommon0 libxkbcommon-x11-0 libxcb-cursor0",
        ) from None
    raise typer.Exit(run(page=page.value if page else "", minimised=minimised, at_login=at_login))
