"""`python -m benchmarks NAME`: one command a measurement; each prints a table and may write JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.clips import ROOT
from enhancer.cli.one_line_errors import OneLineErrors

app = typer.Typer(
    cls=OneLineErrors,
    help=__doc__,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command()
def demo(out: Annotated[Path, typer.Option(help="Folder for the WAVs and the picture.")] = Path("demo-output")) -> None:
    """Clean the bundled recordings; print scores before and after, write WAVs and a picture."""
    from benchmarks import demo

    demo.run(out)


@app.command()
def golden(
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An ONNX student (default: the shipped one).")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Replace the golden scores.")] = False,
) -> None:
    """Compare the scores of the demo clips with assets/demo/golden.json (exit code 1 if one drops)."""
    from benchmarks import golden
    from enhancer.errors import ConfigError

    if write and model:
        raise ConfigError("--write is for the shipped model", "leave --model out")
    raise typer.Exit(golden.run(write=write, model=model))


@app.command()
def speed(
    seconds: Annotated[float, typer.Option(help="Audio per system and round.")] = 20.0,
    rounds: Annotated[int, typer.Option(help="Rounds over all systems, taken in turn.")] = 3,
    write: Annotated[bool, typer.Option("--write", help="Replace benchmarks/results/speed.json.")] = False,
) -> None:
    """Time a frame, a file and a start on one thread, beside DeepFilterNet3 and RNNoise."""
    from benchmarks import speed

    speed.run(seconds, rounds, write=write)


@app.command()
def card(
    write: Annotated[bool, typer.Option("--write", help="Put it into the model files in assets/.")] = False,
) -> None:
    """What the shipped student costs and where it fails, from the figures of `speed` and `robustness`, for its card."""
    from benchmarks import card

    card.run(write=write)


@app.command()
def training_speed(
    pools: Annotated[Path, typer.Option(help="Made by `training prepare`.")] = ROOT / "runs" / "pools",
) -> None:
    """Time mixing, a training step, and an LSTM beside a GRU on one thread (extra train)."""
    from benchmarks import training_speed

    training_speed.run(pools)


@app.command()
def peer_quality(
    write: Annotated[bool, typer.Option("--write", help="Replace the table in the docs.")] = False,
) -> None:
    """Score the demo clips through DeepFilterNet3 and RNNoise too (needs the extra `peers`)."""
    from benchmarks import peer_quality

    peer_quality.run(write=write)


@app.command()
def recogniser(
    write: Annotated[bool, typer.Option("--write", help="Replace the table in docs/evaluation.md.")] = False,
) -> None:
    """What pocketsphinx mishears for noise that nobody hears: how far to trust word error rates (extra words)."""
    from benchmarks import recogniser

    recogniser.run(write=write)


@app.command()
def resampling() -> None:
    """Latency and cost of our resampler beside soxr's variable-rate stream."""
    from benchmarks import resampling

    resampling.run()


@app.command()
def robustness(
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An ONNX student (default: the shipped one).")
    ] = None,
    pools: Annotated[Path, typer.Option(help="Made by `training prepare`.")] = ROOT / "runs" / "pools",
    items: Annotated[int | None, typer.Option(min=1, help="The first so many of each set (default: all).")] = None,
    worst: Annotated[int | None, typer.Option(min=1, help="Only list the so many worst items by each measure.")] = None,
    pictures: Annotated[Path | None, typer.Option(metavar="DIR", help="... and draw each of them, as PNG.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Replace robustness.json and the tables in the docs.")] = False,
) -> None:
    """Speech lost, noise left, odd inputs, languages, and the worst cases, on the validation set (extra train)."""
    from benchmarks.robustness import run
    from enhancer.errors import ConfigError

    if write and (items or worst):
        raise ConfigError("--write needs all items of all sets", "leave --items and --worst out")
    if pictures and not worst:
        raise ConfigError("--pictures draws the worst items", "say how many, for example --worst 20")
    if worst:
        run.run_worst(model, pools, items, worst, pictures)
    else:
        run.run(model, pools, items, write=write)


@app.command()
def targets(
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An ONNX student (default: the shipped one).")
    ] = None,
    pools: Annotated[Path, typer.Option(help="Made by `training prepare`.")] = ROOT / "runs" / "pools",
    items: Annotated[int, typer.Option(min=2, max=200, help="The first so many of the test set.")] = 200,
    jobs: Annotated[int, typer.Option(min=1, help="Mixtures scored at the same time.", show_default="all cores")] = (
        os.cpu_count() or 1
    ),
    write: Annotated[bool, typer.Option("--write", help="Replace targets.json, the docs' tables and picture.")] = False,
) -> None:
    """The student against its aims and its peers: quality and cost on the test set (extras train, peers, eval)."""
    from benchmarks.targets import command

    command.run(items, model, pools, jobs, write=write)


@app.command()
def compression(
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Of a student to compress, or an ONNX file (default: the shipped one)."),
    ] = None,
    also: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A checkpoint or ONNX file as a further row; repeatable.")
    ] = None,
    pools: Annotated[Path, typer.Option(help="Made by `training prepare`.")] = ROOT / "runs" / "pools",
    items: Annotated[int, typer.Option(min=1, max=200, help="The first so many of the validation set.")] = 40,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files stay.")] = ROOT / "runs" / "compression",
    write: Annotated[
        bool, typer.Option("--write", help="Replace compression.json and the tables in the docs.")
    ] = False,
) -> None:
    """One student in 16 and 8 bits and with fewer channels: quality, size, time per frame (extra train)."""
    from benchmarks.compression import run

    run.run(checkpoint, also or [], pools, items, out, write=write)


@app.command()
def live_clocks(
    hours: Annotated[float, typer.Option(min=0.05, help="Simulated hours, once for each sign.")] = 6.0,
    ppm: Annotated[float, typer.Option(help="By how much the devices' clocks differ.")] = 200.0,
    write: Annotated[bool, typer.Option("--write", help="Replace the tables in docs/benchmarks.md.")] = False,
) -> None:
    """Hold the latency between two devices whose clocks differ or stall, in simulated time (6 hours take minutes)."""
    from benchmarks import live_clocks

    live_clocks.run(hours, ppm, write=write)


@app.command()
def live_cost(
    seconds: Annotated[float, typer.Option(min=1.0, help="Of each of the measurements.")] = 6.0,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds over both, taken in turn.")] = 2,
    write: Annotated[bool, typer.Option("--write", help="Replace live_cost.json and the tables in the docs.")] = False,
) -> None:
    """The live engine on a private PulseAudio beside the same chain with RNNoise (extras live, peers); 4 minutes."""
    from benchmarks import live_cost

    live_cost.run(seconds, rounds, write=write)


@app.command()
def live_soak(
    minutes: Annotated[float, typer.Option(min=0.2, help="How long the engine is looked at.")] = 10.0,
    write: Annotated[bool, typer.Option("--write", help="Replace the table and the picture in docs/live.md.")] = False,
) -> None:
    """The live engine for minutes: exit code 1 unless its memory and latency are flat (extra live)."""
    from benchmarks import live_soak

    raise typer.Exit(live_soak.run(minutes, write=write))


@app.command()
def search(
    what: Annotated[str, typer.Argument(help="structure (sizes of the network) or recipe (losses, optimiser).")],
    pools: Annotated[Path, typer.Option(help="Made by `training prepare`.")] = ROOT / "runs" / "pools",
    out: Annotated[Path, typer.Option(help="Where the runs stay; a stopped search goes on.")] = ROOT / "runs/search",
    steps: Annotated[int, typer.Option(min=1, help="Updates of every row.")] = 1500,
    jobs: Annotated[int, typer.Option(min=1, help="Rows at a time, one core each.")] = 2,
    write: Annotated[bool, typer.Option("--write", help="Replace the results and the table in the docs.")] = False,
) -> None:
    """Train variations alike from nothing and compare them; 5 minutes of a core a row (extra train)."""
    from benchmarks import search

    choices = {"structure": search.structure, "recipe": search.recipe}
    if what not in choices:
        raise typer.BadParameter(f"{what!r} is none of {', '.join(choices)}")
    choices[what](pools, out / what, steps, jobs, write=write)


@app.command()
def heard_before(
    pools: Annotated[Path, typer.Option(help="Made by `training prepare`.")] = ROOT / "runs" / "pools",
    items: Annotated[int, typer.Option(min=1, max=200, help="Mixtures of each of the four kinds.")] = 200,
    write: Annotated[bool, typer.Option("--write", help="Replace the result and the table in the docs.")] = False,
) -> None:
    """Is the student better on voices and noises it was trained on? Whether more data would help (extra train)."""
    from benchmarks import heard_before

    heard_before.run(pools, items, write=write)


@app.command()
def live_backends(
    seconds: Annotated[float, typer.Option(min=1.0, help="Of each of the twelve loops.")] = 30.0,
    write: Annotated[bool, typer.Option("--write", help="Replace the table in docs/live.md.")] = False,
) -> None:
    """Latency and gaps through PortAudio and libpulse, on private PulseAudio and PipeWire servers (extra live)."""
    from benchmarks import live_backends

    live_backends.run(seconds, asked_ms=(10.0, 20.0, 40.0), write=write)


@app.command()
def gui_painting(
    seconds: Annotated[float, typer.Option(min=1.0, help="Of each of the seven measurements.")] = 20.0,
    write: Annotated[
        bool, typer.Option("--write", help="Replace gui_painting.json and the table in docs/gui.md.")
    ] = False,
) -> None:
    """CPU of the window while it shows live sound, on a virtual screen without a graphics card (extra gui, Xvfb)."""
    from benchmarks import gui_painting

    gui_painting.run(seconds, write=write)


@app.command()
def screenshots(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where they are written.")] = ROOT / "docs/images/gui",
    every: Annotated[bool, typer.Option("--all", help="Not only those that the docs show.")] = False,
) -> None:
    """Pictures of every page of the window with live sound, light and dark, English and Chinese (extra gui, Xvfb)."""
    from benchmarks import screenshots

    screenshots.run(out, every=every)


@app.command()
def gui_soak(
    minutes: Annotated[float, typer.Option(min=0.5, help="How long the Live page shows sound.")] = 30.0,
    cycles: Annotated[int, typer.Option(min=8, help="Times the engine is turned on and off.")] = 500,
) -> None:
    """The window for minutes and hundreds of starts: exit code 1 if memory, threads or files grow (extra gui, Xvfb)."""
    from benchmarks import gui_soak

    raise typer.Exit(gui_soak.run(minutes, cycles))


@app.command()
def make_demo_clips(
    data: Annotated[Path, typer.Option(help="Folder with speech/ and noise/.")] = ROOT.parent / "shared" / "data",
) -> None:
    """Mix the bundled clips again (for maintainers: needs the recordings)."""
    from benchmarks import make_demo_clips

    for clip in make_demo_clips.make(data):
        typer.echo(f"{clip.name}: {clip.title}, {clip.kind}, {clip.snr_db:g} dB")


if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
