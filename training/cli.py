"""The `training` command: one subcommand a step."""

from __future__ import annotations

import sys

import typer

from enhancer.errors import UserError
from training.commands import ablate, adapt, data, evaluate, pack, run, ship
from training.commands.teachers import app as teachers_app


class _App(typer.Typer):
    """A mistake of the user's becomes one clear line and exit code 2, whoever calls the app."""

    def __call__(self, *args, **kwargs):
        try:
            return super().__call__(*args, **kwargs)
        except UserError as error:
            print(f"error: {error}" + (f" ({error.hint})" if error.hint else ""), file=sys.stderr)
            sys.exit(2)


app = _App(no_args_is_help=True, help="Train speech-enhancement networks.")
app.add_typer(teachers_app, name="teachers")


@app.callback()
def _steps() -> None:
    """Train speech-enhancement networks, one command a step."""


for group in (data, run, pack, evaluate, ship, ablate, adapt):
    group.register(app)


if __name__ == "__main__":
    app()
