"""`enhancer ctl`: drives a running engine from a script, a hot-key or a status bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from enhancer.live.client import EngineClient
    from enhancer.live.meters import Meters
    from enhancer.live.protocol import Request, StatusReply

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def _ctl() -> None:
    """Control the engine that `enhancer live` or the service runs.

    [bold]Examples[/bold]

      enhancer ctl status --json

      enhancer ctl bypass

      enhancer ctl limit 12

    [bold]Exit code[/bold]: 0 done, 2 wrong use, no engine is running, or it refused.
    """


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Show what the engine does.

    With --json and no engine it prints {"running": false}, and the exit code is 2 all the same.

    [bold]Examples[/bold]

      enhancer ctl status

      enhancer ctl status --json | jq -r .state
    """
    from enhancer.live.errors import NotRunning
    from enhancer.live.meters import MeterReader
    from enhancer.live.protocol import Status, StatusReply

    try:
        with _client() as client, MeterReader(client.meters_path) as reader:
            reply, meters = client.request(Status()), reader.read()
            pid = client.pid
    except NotRunning:
        if not as_json:
            raise
        print('{"running": false}')
        raise typer.Exit(2) from None
    assert isinstance(reply, StatusReply)
    if as_json:
        import json

        print(json.dumps(_as_json(pid, reply, meters), indent=2))
    else:
        _print(pid, reply, meters)


@app.command()
def on() -> None:
    """Start to enhance: open the devices, make the virtual microphone.

    [bold]Examples[/bold]

      enhancer ctl on
    """
    from enhancer.live.protocol import Start

    _ask(Start())


@app.command()
def off() -> None:
    """Close the devices and take the virtual microphone away; the engine stays.

    [bold]Examples[/bold]

      enhancer ctl off
    """
    from enhancer.live.protocol import Stop

    _ask(Stop())


@app.command()
def bypass(
    switch: Annotated[str | None, typer.Argument(metavar="[on|off]", help="The other way round when left out.")] = None,
) -> None:
    """Pass the sound on as it is, or enhance it again. Neither clicks.

    [bold]Examples[/bold]

      enhancer ctl bypass

      enhancer ctl bypass off
    """
    from enhancer.errors import ConfigError
    from enhancer.live.protocol import Bypass, Status, StatusReply

    if switch not in ("on", "off", None):
        raise ConfigError(f"bypass is on or off, not {switch!r}", "leave it out to switch over")
    with _client() as client:
        before = client.request(Status())
        assert isinstance(before, StatusReply)
        now = not before.bypass if switch is None else switch == "on"
        client.request(Bypass(now))
    print(f"bypass is {'on' if now else 'off'}")


@app.command()
def limit(
    decibels: Annotated[str, typer.Argument(metavar="DB|none", help="0 or more: 6 gentle, 12 natural, 24 strong.")],
) -> None:
    """Set the strength: no sound is lowered by more than so many dB.

    [bold]Examples[/bold]

      enhancer ctl limit 12

      enhancer ctl limit none
    """
    from enhancer.cli.live_choice import limit_of
    from enhancer.live.protocol import SetLimit

    _ask(SetLimit(limit_of(decibels)))


@app.command()
def stop() -> None:
    """End the engine, and wait until it has. An `enhancer live` that shows it ends, too.

    [bold]Examples[/bold]

      enhancer ctl stop
    """
    from enhancer.live import places
    from enhancer.live.errors import NotRunning
    from enhancer.live.launch import end_running

    if end_running(places.runtime_dir()) is None:
        raise NotRunning


def _client() -> EngineClient:
    """Raises NotRunning when there is no engine."""
    from enhancer.live import places
    from enhancer.live.client import EngineClient

    return EngineClient(places.runtime_dir())


def _ask(request: Request) -> None:
    with _client() as client:
        client.request(request, 15.0)  # opening a Bluetooth headset takes some seconds


def _as_json(pid: int, status: StatusReply, meters: Meters) -> dict[str, object]:
    """All that the engine says and shows, without the spectra."""
    from dataclasses import asdict

    shown = {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in (asdict(meters) | {"latency_ms": meters.latency_ms}).items()
        if not name.endswith("spectrum_db") and name != "state"
    }
    return {"running": True, "pid": pid, **asdict(status), "meters": shown}


def _print(pid: int, status: StatusReply, meters: Meters) -> None:
    from enhancer.cli.live_panel import View, status_line, strength_words

    print(status_line(View(status, meters, "", "", status.running_s)))
    rows = {
        "from": status.speaker or status.input or "the default microphone",
        "to": status.virtual_mic or status.output or "the default output",
        "strength": strength_words(status.limit_db),
        "bypass": "on" if status.bypass else "off",
        "recording": status.recording or "no",
        "latency": status.latency_mode,
        "process": f"{pid}{' (a service)' if status.service else ''}",
    }
    for name, value in rows.items():
        print(f"  {name:<10} {value}")
