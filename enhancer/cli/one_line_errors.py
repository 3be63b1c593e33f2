"""A group of commands that tells its user in one line what they did wrong: for command lines beside `enhancer`."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from enhancer.errors import UserError


class OneLineErrors(TyperGroup):
    """A mistake of the user's becomes one clear line and exit code 2, however the app is called."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            print(f"error: {error}" + (f" ({error.hint})" if error.hint else ""), file=sys.stderr)
            raise typer.Exit(2) from None
