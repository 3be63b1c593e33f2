"""`enhancer denoise`: its options and its help. What it does is in `denoise_run`, loaded when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from enhancer.cli.model_option import model_option
from enhancer.cli.optional_values import OptionalValues
from enhancer.cli.ray_option import ray_option

_WHERE, _HOW, _RAW, _SHOW = "What and where", "How", "Raw samples in pipes", "What is shown"

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.command("denoise", cls=OptionalValues, context_settings={"help_option_names": ["-h", "--help"]})
def command(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Files, folders, globs in quotes, or - for standard input."),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            rich_help_panel=_WHERE,
            help="A file, a folder (same names inside), - for standard output, or a pattern with {dir}, {name}, "
            "{stem} and {suffix}. The suffix chooses the format. Left out: NAME-clean.EXT beside each input.",
        ),
    ] = None,
    recursive: Annotated[
        bool,
        typer.Option(
            "--recursive", "-r", rich_help_panel=_WHERE, help="Search sub-folders too; -o keeps their structure."
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", rich_help_panel=_WHERE, help="Replace outputs that exist; else a batch skips them."
        ),
    ] = False,
    attenuation_limit: Annotated[
        float | None,
        typer.Option(
            "--attenuation-limit",
            "-a",
            metavar="DB",
            min=0.0,
            rich_help_panel=_HOW,
            help="Lower no sound by more than this, so that some of the room stays: 6 gentle, 12 natural, 24 strong.",
        ),
    ] = None,
    bitrate: Annotated[
        str | None,
        typer.Option(
            "--bitrate",
            "-b",
            metavar="RATE",
            rich_help_panel=_HOW,
            help="Of lossy outputs, such as 128k; else the input's.",
        ),
    ] = None,
    model: Annotated[str | None, model_option(_HOW)] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            metavar="N",
            min=1,
            max=256,
            rich_help_panel=_HOW,
            help="Files at the same time; left out: as many as pay off. The sound is the same for every N.",
        ),
    ] = None,
    ray: Annotated[str | None, ray_option(_HOW)] = None,
    salvage: Annotated[
        bool,
        typer.Option(
            "--salvage",
            rich_help_panel=_HOW,
            help="Clean what can be read of cut-off or damaged files, not refuse them.",
        ),
    ] = False,
    raw_rate: Annotated[
        int | None,
        typer.Option(
            "--raw-rate", metavar="HZ", min=1, rich_help_panel=_RAW, help="Standard input is raw samples of this rate."
        ),
    ] = None,
    raw_channels: Annotated[
        int | None,
        typer.Option(
            "--raw-channels", metavar="N", min=1, rich_help_panel=_RAW, help="Interleaved channels (1 when left out)."
        ),
    ] = None,
    raw_format: Annotated[
        str | None,
        typer.Option(
            "--raw-format",
            metavar="FMT",
            rich_help_panel=_RAW,
            help="u8, s8, s16le (when left out), s24le, s32le, f32le, f64le, or ..be. Makes standard output raw, too.",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", rich_help_panel=_SHOW, help="Print one JSON object at the end: what became of each file."
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", rich_help_panel=_SHOW, help="Show errors only.")] = False,
) -> None:
    """Remove the noise from files, folders or a pipe.

    Rate, channels, sample format, length and metadata stay as they are; of a video only the sound changes.

    Nothing is overwritten unless you say so, and unfinished outputs never appear.

    [bold]Examples[/bold]

      enhancer denoise talk.wav

      enhancer denoise recordings/ -r -o cleaned/ --jobs 4

      enhancer denoise recordings/ -r -o cleaned/ --ray head-node:6379

      enhancer denoise '*.mp3' -o '{dir}/{stem}.clean{suffix}'

      enhancer denoise meeting.mp4 -o meeting-sound.flac

      arecord -f S16_LE -r 48000 | enhancer denoise - -o - | aplay

    [bold]Exit code[/bold]: 0 done, 1 some files failed, 2 wrong use or nothing could be done, 130 interrupted.
    """
    from enhancer.cli.denoise_run import Request, run

    request = Request(
        inputs, output, recursive, overwrite, attenuation_limit, bitrate, model, jobs, ray, salvage, raw_rate,
        raw_channels, raw_format, as_json, quiet,
    )  # fmt: skip
    raise typer.Exit(run(request))
