"""`enhancer service`: the virtual microphone from login to logout, without a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from enhancer.cli.device_options import input_option
from enhancer.cli.live import MIC_NAME
from enhancer.cli.model_option import model_option

if TYPE_CHECKING:
    from enhancer.live.protocol import StatusReply

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode="rich")
START_S = 15.0  # half a second on an idle machine


@app.callback()
def _service() -> None:
    """Keep the virtual microphone from login to logout.

    The engine runs for this user alone: by systemd on Linux, launchd on macOS, the Task Scheduler on Windows.

    While no program records from the virtual microphone, the real one is closed.

    `enhancer live` shows and controls it, `enhancer ctl` does so from scripts.

    [bold]Examples[/bold]

      enhancer service install

      enhancer service status

      enhancer service remove
    """


@app.command()
def install(
    input_device: Annotated[
        str | None,
        input_option(),
    ] = None,
    virtual_mic: Annotated[
        str, typer.Option("--virtual-mic", metavar="NAME", help="What call programs list.")
    ] = MIC_NAME,
    attenuation_limit: Annotated[
        str | None,
        typer.Option(
            "--attenuation-limit", "-a", metavar="DB|none", help="Lower no sound by more than this: 12 is natural."
        ),
    ] = None,
    latency: Annotated[
        str | None,
        typer.Option(
            "--latency", metavar="low|normal|safe", help="How much waits in buffers; `enhancer doctor` recommends one."
        ),
    ] = None,
    model: Annotated[str | None, model_option("Options")] = None,
    keep_open: Annotated[
        bool, typer.Option("--keep-open", help="Keep the microphone open while nobody records from the virtual one.")
    ] = False,
) -> None:
    """Start the engine now and at every login; once more with other options changes them.

    What is left out is what `enhancer live` remembers: try there what you like, then install.

    [bold]Examples[/bold]

      enhancer service install

      enhancer service install --input yeti --attenuation-limit 12

    [bold]Exit code[/bold]: 0 it runs, 1 installed but not running yet, 2 not installed.
    """
    from dataclasses import replace

    from enhancer.cli.live_choice import Request, check, choose
    from enhancer.live import places, settings
    from enhancer.live.devices import list_devices
    from enhancer.live.protocol import EngineState
    from enhancer.live.service.manager import engine_command, package_folder, this_manager
    from enhancer.model import Student

    manager = this_manager()
    manager.check()
    request = Request(
        input=input_device, virtual_mic=virtual_mic, attenuation_limit=attenuation_limit, latency=latency, model=model,
        keep_open=keep_open,
    )  # fmt: skip
    check(request)
    remembered, note = settings.load(places.config_file())
    choice = choose(request, remembered, list_devices())
    Student(choice.options.model)  # one that cannot be used is refused now, not at login
    where = manager.install(engine_command(replace(choice.options, service=True)), package_folder())
    print(f"installed for {manager.name}: {where}")
    for line in filter(None, (note, *choice.notes)):
        print(f"note: {line}")
    reply = _wait_for_engine()
    if reply is not None and reply.service and reply.state is not EngineState.FAILED:
        print(f"running: call programs find {reply.virtual_mic or reply.output!r} from now on, and after every login")
        return
    if reply is not None and reply.service:
        print(f"it waits for its devices: {reply.message}")
    elif reply is not None:
        print("another engine is running (`enhancer live`): the service takes over within 15 s of its end")
    else:
        print("it does not answer yet: see `enhancer service status`, then `enhancer doctor`")
    raise typer.Exit(1)


@app.command()
def remove() -> None:
    """End the service and take away all that `install` made; settings and logs stay.

    [bold]Examples[/bold]

      enhancer service remove

    [bold]Exit code[/bold]: 0 there is none any more, 2 it could not be removed.
    """
    import contextlib
    import sys

    from enhancer.live.errors import DeviceError
    from enhancer.live.service.manager import this_manager

    removed = this_manager().remove()
    if sys.platform == "linux":
        with contextlib.suppress(DeviceError):  # no server, no modules
            from enhancer.live.virtual_mic import remove_stale

            remove_stale()  # of one that was killed
    for thing in removed:
        print(f"removed {thing}")
    if not removed:
        print("there was no service")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Say whether the service is installed, and what its engine does.

    [bold]Examples[/bold]

      enhancer service status

      enhancer service status --json

    [bold]Exit code[/bold]: 0 installed and running, 1 not.
    """
    from enhancer.live.service.manager import this_manager

    manager = this_manager()
    installed = manager.status()
    reply = _engine()
    if as_json:
        import json

        report = {
            "manager": manager.name,
            "installed": installed is not None,
            "where": installed.where if installed else None,
            "enabled": bool(installed and installed.enabled),
            "running": bool(installed and installed.running),
            "engine": {"state": reply.state.value, "message": reply.message, "service": reply.service}
            if reply
            else None,
        }
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        if installed is None:
            print("not installed: enhancer service install")
        else:
            print(f"installed for {manager.name}: {installed.where}")
            print(f"at login: {'yes' if installed.enabled else 'no'}")
            print(f"running: {'yes' if installed.running else 'no'}")
        print(f"engine: {_words(reply)}")
    if installed is None or not installed.running:
        raise typer.Exit(1)


def _words(reply: StatusReply | None) -> str:
    if reply is None:
        return "none"
    kind = "the service" if reply.service else "`enhancer live`"
    said = f" ({reply.message})" if reply.message not in ("", reply.state.value) else ""
    return f"{kind}, {reply.state.value}{said}"


def _engine() -> StatusReply | None:
    """What the running engine says; None where none answers."""
    from enhancer.errors import UserError
    from enhancer.live import places
    from enhancer.live.client import EngineClient
    from enhancer.live.protocol import Status, StatusReply

    try:
        with EngineClient(places.runtime_dir()) as client:
            reply = client.request(Status())
    except UserError:
        return None
    return reply if isinstance(reply, StatusReply) else None


def _wait_for_engine() -> StatusReply | None:
    """The answer of an engine that has started, or the last one in a quarter of a minute; None if there is none."""
    from time import monotonic, sleep

    from enhancer.live.protocol import EngineState

    not_yet = (EngineState.STOPPED, EngineState.STARTING, EngineState.FAILED)  # a service that fails tries again
    deadline, reply = monotonic() + START_S, None
    while monotonic() < deadline:
        reply = _engine()
        if reply is not None and reply.state not in not_yet:
            break
        sleep(0.1)
    return reply
