"""`enhancer live`: its options and its help. What it does is in `live_run`, loaded when it runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from enhancer.cli.device_options import input_option, output_names
from enhancer.cli.model_option import model_option

MIC_NAME, SPEAKER_NAME = "Enhancer microphone", "Enhancer speaker"
_WHERE, _HOW, _MORE = "From where to where", "How", "What else"


class OptionalName(TyperCommand):
    """`--virtual-mic` takes a name or none; Typer knows only options that always take a value."""

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        """Gives a bare `--virtual-mic` the name that it stands for."""
        named = list(arguments)
        for place, word in enumerate(arguments):
            if word == "--virtual-mic" and (place + 1 == len(arguments) or arguments[place + 1].startswith("-")):
                named[place] = f"--virtual-mic={MIC_NAME}"
        return super().parse_args(context, named)


app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.command("live", cls=OptionalName, context_settings={"help_option_names": ["-h", "--help"]})
def command(
    input_device: Annotated[
        str | None,
        input_option(_WHERE, "Left out: the one of last time."),
    ] = None,
    output_device: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="NAME|ID",
            rich_help_panel=_WHERE,
            autocompletion=output_names,
            help="Play to this loudspeaker instead of making a virtual microphone; with --virtual-mic or --speaker, "
            "where you hear it.",
        ),
    ] = None,
    virtual_mic: Annotated[
        str | None,
        typer.Option(
            "--virtual-mic",
            metavar="[NAME]",
            rich_help_panel=_WHERE,
            help=f"Make a microphone that call programs can choose, called {MIC_NAME} or as you say. "
            "Taken when neither --output nor --speaker is given.",
        ),
    ] = None,
    speaker: Annotated[
        bool,
        typer.Option(
            "--speaker",
            rich_help_panel=_WHERE,
            help=f"The other direction: make a loudspeaker, {SPEAKER_NAME}, and clean what call programs play to it.",
        ),
    ] = False,
    attenuation_limit: Annotated[
        str | None,
        typer.Option(
            "--attenuation-limit",
            "-a",
            metavar="DB|none",
            rich_help_panel=_HOW,
            help="Lower no sound by more than this, so that some of the room stays: 6 gentle, 12 natural, 24 strong.",
        ),
    ] = None,
    latency: Annotated[
        str | None,
        typer.Option(
            "--latency",
            metavar="low|normal|safe",
            rich_help_panel=_HOW,
            help="How much waits in buffers: low for a quick machine, safe for a busy one or for Bluetooth.",
        ),
    ] = None,
    model: Annotated[str | None, model_option(_HOW)] = None,
    keep_open: Annotated[
        bool,
        typer.Option(
            "--keep-open",
            rich_help_panel=_HOW,
            help="Keep the microphone open while nobody records from the virtual one: it is there at once then.",
        ),
    ] = False,
    monitor: Annotated[
        bool, typer.Option("--monitor", rich_help_panel=_MORE, help="Hear yourself. Wear headphones.")
    ] = False,
    record: Annotated[
        str | None,
        typer.Option(
            "--record", metavar="DIR", rich_help_panel=_MORE, help="Record both sides, before and after, as FLAC files."
        ),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option("--duration", metavar="S", min=0.0, rich_help_panel=_MORE, help="End after so many seconds."),
    ] = None,
    stats: Annotated[
        str | None,
        typer.Option("--stats", metavar="FILE", rich_help_panel=_MORE, help="Write figures of the run there, as JSON."),
    ] = None,
    clean: Annotated[
        bool,
        typer.Option(
            "--clean",
            rich_help_panel=_MORE,
            help="Do nothing but end a running engine and take away what a killed one has left in the sound server.",
        ),
    ] = False,
) -> None:
    """Clean a microphone while you speak.

    Without options it makes a virtual microphone: choose it in your call program.

    While no program records from that, the real one is closed.

    Devices, strength and latency are remembered for the next time.

    Started twice, the second shows and controls the first; `enhancer ctl` does so from scripts.

    [bold]Examples[/bold]

      enhancer live

      enhancer live --input yeti --attenuation-limit 12 --monitor

      enhancer live --virtual-mic "Quiet Yeti" --latency low

      enhancer live --output headphones --record takes/ --duration 60

      enhancer live --speaker --output headphones

    [bold]Keys[/bold]: b bypass, + and - strength, r record, m hear yourself, q quit.

    [bold]Exit code[/bold]: 0 done, 2 wrong use or no sound, 130 interrupted.
    """
    if clean:
        from enhancer.cli.live_clean import clean_up

        raise typer.Exit(clean_up())
    from enhancer.cli.live_run import Request, run

    request = Request(
        input_device, output_device, virtual_mic, speaker, attenuation_limit, latency, model, keep_open, monitor,
        record, duration, stats,
    )  # fmt: skip
    raise typer.Exit(run(request))
