"""`training pack` and `training travel`; registered on the `training` app by `training.cli`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.places import default_data, default_pools

MIB = 2**20


def pack(
    out: Annotated[Path, typer.Option(help="Folder for the shards.")],
    max_mib: Annotated[float, typer.Option(min=1, help="Largest shard, in MiB.")] = 35.0,
    config: Annotated[str | None, typer.Option(help="Config of the run: goes along, with its caches.")] = None,
    cache: Annotated[
        list[Path] | None, typer.Option(help="Teacher cache to take (default: those the config names).")
    ] = None,
    cache_minutes: Annotated[float | None, typer.Option(min=0.1, help="Minutes of each cache (default: all).")] = None,
    features: Annotated[bool, typer.Option(help="Whether to take the teachers' features, in 8 bits.")] = True,
    items: Annotated[int, typer.Option(min=0, max=200, help="Mixtures of the validation set to take.")] = 40,
    init: Annotated[Path | None, typer.Option(help="Checkpoint whose weights go along as the start.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder with speech/ and noise/ (default: ../shared/data).")] = None,
    corpus: Annotated[list[str] | None, typer.Option(help="NAME:FOLDER, as given to `training prepare`.")] = None,
    pools: Annotated[Path | None, typer.Option(help="Pools of `training prepare` (default: runs/pools).")] = None,
) -> None:
    """Pack the training data into shards that travel to another machine, each a fair part of everything."""
    from training.config import load_config
    from training.data import corpora
    from training.data.pools import Pools
    from training.packing.pack import Wish
    from training.packing.pack import pack as write

    loaded = load_config(config) if config else None
    named = loaded.distillation.caches if loaded and loaded.distillation else ()
    wish = Wish(max_mib, tuple(cache or map(Path, named)), cache_minutes, features, items, loaded, init)
    folder = data or (None if corpus else default_data())
    found = corpora.read_indexed(folder) if folder else []
    for one in corpora.read_corpora(corpus or []):
        found += one.recordings
    files = write(folder, corpora.settle(found), Pools(pools or default_pools()), out, wish, _say_size)
    for path in files:
        print(f"{path}: {path.stat().st_size / MIB:.1f} MiB")


def _say_size(kind: str, size: int) -> None:
    print(f"  {kind}: {size / MIB:.1f} MiB", flush=True)


def travel(
    shards: Annotated[Path, typer.Option(help="Folder with the shards that came, all or some.")],
    out: Annotated[Path, typer.Option(help="Folder for what is to be brought back.")],
    minutes: Annotated[float, typer.Option(min=0, help="Minutes to train; 0: unpack only.")],
    config: Annotated[str | None, typer.Option(help="Config (default: the one packed with the shards).")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Checkpoint to go on from: a file, or a folder with it or its pieces.")
    ] = None,
    init: Annotated[
        Path | None, typer.Option(help="Checkpoint whose weights are the start (default: the packed one).")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="Folder for unpacked data and the run (default: work beside the shards).")
    ] = None,
) -> None:
    """Train for some minutes elsewhere: unpack shards, start or resume, write the next checkpoint in pieces."""
    from training.config import load_config
    from training.packing.travel import Journey
    from training.packing.travel import travel as go

    journey = Journey(
        shards, work or shards / "work", out, minutes, load_config(config) if config else None, resume, init
    )
    files = go(journey, lambda line: print(line, flush=True), _say_progress)
    for path in files:
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def _say_progress(done: int, total: int) -> None:
    if done % max(1, total // 10) == 0 or done == total:
        print(f"  {done} of {total} recordings decoded", flush=True)


def register(app: typer.Typer) -> None:
    """Adds this module's commands to the app."""
    for command in (pack, travel):
        app.command()(command)
