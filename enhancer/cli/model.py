"""`enhancer model`: what a model is, from the metadata in its file."""

from __future__ import annotations

from typing import Annotated

import typer

from enhancer.cli.model_option import METAVAR, model_help, model_option, names


def command(
    model: Annotated[str | None, typer.Argument(metavar=METAVAR, help=model_help(), autocompletion=names)] = None,
    option: Annotated[str | None, model_option("Options")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of the file's metadata as JSON.")] = False,
) -> None:
    """Show what a model is: size, sound it takes, training, scores, licence.

    [bold]Examples[/bold]

      enhancer model

      enhancer model --model standard

      enhancer model my-room.onnx --json
    """
    from enhancer.errors import ConfigError
    from enhancer.model import Student

    if None not in (model, option):
        raise ConfigError(f"two models are named: {model} and {option}", "name one of them")
    info = Student(model if option is None else option).info
    if as_json:
        import json

        print(json.dumps({"file": str(info.path), **info.details}, indent=2, ensure_ascii=False))
        return
    import sys

    from rich.table import Table
    from rich.text import Text

    from enhancer.cli.console import console_for
    from enhancer.model_card import card_lines

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in card_lines(info):
        table.add_row(Text(label), Text(value))
    console_for(sys.stdout).print(table, soft_wrap=False)
