"""The `training` command: one subcommand a step."""

from __future__ import annotations

import typer

from enhancer.cli.one_line_errors import OneLineErrors
from training.commands import ablate, adapt, data, evaluate, pack, run, ship
from training.commands.teachers import app as teachers_app

app = typer.Typer(cls=OneLineErrors, no_args_is_help=True, help="Train speech-enhancement networks.")
app.add_typer(teachers_app, name="teachers")


@app.callback()
def _steps() -> None:
    """Train speech-enhancement networks, one command a step."""


for group in (data, run, pack, evaluate, ship, ablate, adapt):
    group.register(app)


if __name__ == "__main__":
    app()
