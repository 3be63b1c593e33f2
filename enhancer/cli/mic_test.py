"""`enhancer mic-test`: record yourself, hear and see what Enhancer makes of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from enhancer.cli.console import table_console
from enhancer.cli.device_options import input_option, output_names
from enhancer.cli.model_option import model_option

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from enhancer.live.device import Device, Kind
    from enhancer.live.mic_test import Levels, MicTest
    from enhancer.live.settings import RememberedDevice

_BAR_DB = 60.0  # the bar begins at -60 dBFS
_BAR_WIDTH = 30


def command(
    input_device: Annotated[
        str | None,
        input_option(left_out="Left out: the one that `enhancer live` takes."),
    ] = None,
    output_device: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="NAME|ID", autocompletion=output_names, help="Where to play; else the default."
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", "-s", metavar="S", min=1.0, max=60.0, help="How long to record.")
    ] = 5.0,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="DIR",
            file_okay=False,
            help="Write TIME-noisy.wav and TIME-clean.wav there, instead of playing.",
        ),
    ] = None,
    play: Annotated[
        bool | None,
        typer.Option("--play/--no-play", help="Play before and after; on without --save and --json."),
    ] = None,
    attenuation_limit: Annotated[
        float | None,
        typer.Option(
            "--attenuation-limit", "-a", metavar="DB", min=0.0, help="Lower no sound by more than this: 12 is natural."
        ),
    ] = None,
    model: Annotated[str | None, model_option("Options")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")] = False,
) -> None:
    """Record a few seconds of your microphone, denoise them, and play both.

    Speak, and pause now and then: the pauses tell how loud the noise is.

    Levels, noise floor and signal-to-noise ratio are printed, and what to change about the microphone, if anything.

    [bold]Examples[/bold]

      enhancer mic-test

      enhancer mic-test --input yeti --seconds 10

      enhancer mic-test --save takes/ --attenuation-limit 12

    [bold]Exit code[/bold]: 0 done, 2 no sound or wrong use, 130 interrupted.
    """
    from enhancer.cli.interrupts import stopping_on_signals
    from enhancer.engine import Enhancer
    from enhancer.live import mic_test, places, settings
    from enhancer.live.backends import default_backend
    from enhancer.live.devices import list_devices
    from enhancer.model import Student

    student = Student(model)  # refused before anybody has spoken
    devices = list_devices()
    remembered, note = settings.load(places.config_file())
    source, source_note = _choose(devices, input_device, "input", remembered.input)
    plays = play if play is not None else save is None and not as_json
    sink, sink_note = _choose(devices, output_device, "output", remembered.output) if plays else (None, "")
    console = _progress_console()
    for line in filter(None, (note, source_note, sink_note)):
        console.print(f"note: {line}")

    backend = default_backend()
    with stopping_on_signals():
        console.print(f"recording {seconds:g} s from {source.description}: speak, and pause now and then")
        with _Meter(console, seconds) as meter:
            noisy, rate = mic_test.record(backend, source.name, seconds, meter.show)
        test = mic_test.judge(noisy, Enhancer(rate, attenuation_limit_db=attenuation_limit, model=student))
        files = mic_test.save(test, save) if save is not None else []
        if as_json:
            _print_json(test, source, files)
        else:
            _report(test, mic_test.advice(test), files)
        if plays and sink is not None:
            for sound, what in ((test.noisy, "what was recorded"), (test.clean, "what Enhancer makes of it")):
                console.print(f"playing {what} ...")
                mic_test.play(backend, sink.name, sound, rate)


def _choose(
    devices: list[Device], wanted: str | None, kind: Kind, remembered: RememberedDevice | None
) -> tuple[Device, str]:
    """The device that is meant, else the remembered one, else the default; and a line for the user, maybe empty."""
    from enhancer.live.device import find
    from enhancer.live.settings import recall

    device, note = recall(remembered, kind, devices) if wanted is None else (None, "")
    return device or find(devices, None if wanted == "default" else wanted, kind), note


class _Meter:
    """The level while it is recorded: a moving bar on a terminal, a line a second elsewhere."""

    def __init__(self, console: Console, seconds: float) -> None:
        from rich.live import Live

        self._console, self._seconds = console, seconds
        self._live = Live(console=console, transient=True, auto_refresh=False) if console.is_terminal else None
        self._next_line = 1.0

    def __enter__(self) -> _Meter:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, done_s: float, newest: np.ndarray) -> None:
        """The newest 100 ms."""
        from enhancer.live.mic_test import dbfs, peak_dbfs

        level, peak = dbfs(newest), peak_dbfs(newest)
        if self._live is not None:
            from rich.text import Text

            filled = round(_BAR_WIDTH * min(1.0, max(0.0, 1.0 + level / _BAR_DB)))
            colour = "red" if peak > -1.0 else "yellow" if peak > -6.0 else "green"
            self._live.update(
                Text.assemble(
                    f"{done_s:4.1f} of {self._seconds:g} s  ",
                    ("█" * filled, colour),
                    ("░" * (_BAR_WIDTH - filled), "dim"),
                    f"  {level:4.0f} dBFS",
                ),
                refresh=True,
            )
        elif done_s >= self._next_line:
            self._next_line += 1.0
            self._console.print(f"  {int(done_s)} s: {level:.0f} dBFS, peak {peak:.0f}")


def _report(test: MicTest, advice: str, files: list[Path]) -> None:
    from rich.text import Text

    console = table_console()
    console.print()
    console.print(_table(test.before, test.after))
    console.print(f"\nspeech in {test.speech_share:.0%} of the time")
    if advice:
        console.print(Text.assemble(("hint: ", "cyan"), advice))
    for path in files:
        console.print(f"wrote {path}")


def _table(before: Levels, after: Levels) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    table.add_column("")
    for side in ("before", "after"):
        table.add_column(side, justify="right")
    table.add_column("")
    table.add_row("speech", *(f"{side.level_dbfs:.1f}" for side in (before, after)), "dBFS")
    table.add_row("highest peak", *(f"{side.peak_dbfs:.1f}" for side in (before, after)), "dBFS")
    table.add_row("noise floor", *(_floor(side.noise_dbfs) for side in (before, after)), "dBFS")
    table.add_row("signal to noise", *(_ratio(side.snr_db) for side in (before, after)), "dB")
    return table


def _floor(value: float) -> str:
    """That of digital silence is no number."""
    return "silence" if value <= -110.0 else f"{value:.1f}"


def _ratio(value: float | None) -> str:
    from enhancer.live.mic_test import SNR_MOST_DB

    return "unknown" if value is None else f"over {SNR_MOST_DB:.0f}" if value >= SNR_MOST_DB else f"{value:.1f}"


def _print_json(test: MicTest, source: Device, files: list[Path]) -> None:
    import json

    from enhancer.live.mic_test import advice, figures

    report: dict[str, Any] = {
        "input": source.name,
        **figures(test),
        "advice": advice(test) or None,
        "files": [str(path) for path in files],
    }
    print(json.dumps(report, indent=2, ensure_ascii=False))


def _progress_console() -> Console:
    """On standard error: standard output is for figures."""
    from enhancer.cli.console import console_for

    return console_for(sys.stderr)
