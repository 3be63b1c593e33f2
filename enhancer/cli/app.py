"""The command `enhancer`: its subcommands by name, its own options, and how errors leave the program.

A subcommand's module is imported only when it runs or shows its help, so that `enhancer --help` stays quick. A module
listed in COMMANDS has one function `command`, written as Typer wants it, or an `app` with commands of its own.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from enhancer.cli.console import drop_stdout, print_error
from enhancer.errors import UserError

# name -> (module, the one line that `enhancer --help` shows)
COMMANDS = {
    "ctl": ("enhancer.cli.ctl", "Control a running `enhancer live` from scripts and hot-keys."),
    "denoise": ("enhancer.cli.denoise", "Remove the noise from files, folders or a pipe."),
    "devices": ("enhancer.cli.devices", "List microphones and loudspeakers."),
    "doctor": ("enhancer.cli.doctor", "Check whether live sound works here, and say what mends it."),
    "evaluate": ("enhancer.cli.evaluate", "Score enhanced speech against clean recordings."),
    "gui": ("enhancer.cli.gui", "Open the window: live sound, mic test, files."),
    "live": ("enhancer.cli.live", "Clean a microphone while you speak."),
    "mic-test": ("enhancer.cli.mic_test", "Record yourself, hear and see what is made of it."),
    "model": ("enhancer.cli.model", "Show what a model is: the shipped one, or a file."),
    "peers": ("enhancer.cli.peers", "List and fetch other systems to compare with."),
    "service": ("enhancer.cli.service", "Keep the virtual microphone from login to logout."),
}
_CONTEXT = {"help_option_names": ["-h", "--help"]}


class LazyCommand(TyperCommand):
    """Stands for a command in listings; becomes the real one when it is used."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the real command, which is imported now."""
        return self._load().make_context(info_name, args, parent=parent, **extra)

    def _load(self) -> Any:
        module = import_module(COMMANDS[str(self.name)][0])
        if hasattr(module, "app"):
            group = typer.main.get_command(module.app)
            group.name = self.name
            return group
        only = typer.Typer(add_completion=False, rich_markup_mode="rich", context_settings=_CONTEXT)
        only.command(self.name, context_settings=_CONTEXT)(module.command)
        return typer.main.get_command(only)


class LazyGroup(TyperGroup):
    """The group of all commands; turns what a user did wrong into `error:` and `hint:` lines and exit code 2."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (_, line) in COMMANDS.items():
            self.add_command(LazyCommand(name=name, callback=None, help=line), name)

    def main(  # type: ignore[override]  # of the other arguments only newer versions of Typer know
        self, args: Any = None, prog_name: str | None = None, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        """Runs the command line and leaves with its exit code (0 done, 1 some failed, 2 nothing done, 130 stopped)."""
        if not standalone_mode:
            return super().main(args=args, prog_name=prog_name, standalone_mode=False, **extra)
        try:
            code = super().main(args=args, prog_name=prog_name or "enhancer", standalone_mode=False, **extra)
            sys.stdout.flush()  # what waits there is written now, or refused now
        except UserError as error:
            print_error(error.message, error.hint)
            code = 2
        except typer.Abort:
            print_error("stopped", "")
            code = 130
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            print_error("no space left for what is printed", "free some space, or print to another place")
            drop_stdout()
            code = 2
        except Exception as error:
            if not hasattr(error, "format_message"):  # only a usage error of click or Typer has it
                raise
            code = _usage_error(error)
        sys.exit(code if isinstance(code, int) else 0)


def _usage_error(error: Any) -> int:
    """Says in our own way what is wrong with the command line; no arguments at all means help."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        # Typer has printed the help while making this error; older versions keep it in the message.
        if message := error.format_message():
            print(message)
        return 2
    path = context.command_path if context else "enhancer"
    print_error(error.format_message().rstrip("."), f"`{path} --help` shows what there is")
    return getattr(error, "exit_code", 2)


app = typer.Typer(
    name="enhancer",
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings=_CONTEXT,
    pretty_exceptions_enable=False,  # a bug shows a plain traceback that can be pasted into an issue
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from enhancer.version import __version__

        print(f"enhancer {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and stop.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Removes noise from speech, in files and in pipes."""


def main() -> None:
    """Entry point of the command `enhancer`."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by whoever started the program: empty, or read by nobody
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  # for as long as the program runs
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")  # a file's name that the terminal cannot show is no error
    try:
        app()
    except SystemExit as end:
        if end.code != 130:
            raise
        # Where the signal came during an import, CPython remembers it as unhandled and would end by SIGINT (-2) now.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # nobody reads it any more
                stream.flush()
        os._exit(130)
