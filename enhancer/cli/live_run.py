"""What `enhancer live` does: chooses devices, finds or starts the engine, shows it and passes keys on to it.

One thread: it looks at the meters ten times a second and asks for the status twice; the sound is another process's.
"""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from dataclasses import replace
from math import inf
from pathlib import Path
from time import localtime, monotonic, strftime, time
from typing import Any

from enhancer.cli.console import drop_stdout, print_error, table_console
from enhancer.cli.interrupts import stopping_on_signals
from enhancer.cli.keyboard import Keyboard
from enhancer.cli.live_choice import Choice, Request, absolute_folder, absolute_model, check, choose, limit_of
from enhancer.cli.live_panel import SOUND, View, panel, status_line, strength_words
from enhancer.cli.live_stats import LiveStats
from enhancer.errors import OutputError
from enhancer.live import places, settings
from enhancer.live.devices import list_devices
from enhancer.live.errors import DeviceError, EngineError, NotRunning, RequestRefused
from enhancer.live.launch import Supervisor
from enhancer.live.protocol import Bypass, LoadModel, Monitor, Record, SetDevices, SetLimit, Start
from enhancer.live.protocol import EngineState as State
from enhancer.live.protocol import Request as EngineRequest

__all__ = ["Request", "run"]

FRAME_S, STATUS_S, LINE_S = 0.1, 0.5, 1.0
START_S = 15.0  # opening a Bluetooth headset takes some seconds
LIMITS = (3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 24.0, 30.0, 40.0, inf)  # dB; inf: no limit
RECORDINGS = "enhancer-recordings"  # in the current folder: where the key r records to
NOTES, NOTES_S = 3, 30.0


def run(request: Request) -> int:
    """Until the user or the time says so. Returns the exit code; raises UserError."""
    check(request)
    if request.stats is not None and not Path(request.stats).absolute().parent.is_dir():
        raise OutputError(f"there is no folder for {request.stats}", "make it first")
    remembered, note = settings.load(places.config_file())
    choice = choose(request, remembered, list_devices())
    notes = [note, *choice.notes] if note else [*choice.notes]
    stats = LiveStats()
    code = 0
    with stopping_on_signals():
        try:
            with Supervisor(choice.options, places.runtime_dir()) as supervisor:
                live = _Live(request, choice, supervisor, stats, notes)
                try:
                    live.begin()
                    live.watch()
                except NotRunning as end:  # somebody else has ended it
                    live.say(end.message)
                except KeyboardInterrupt:
                    code = 130
                live.remember(remembered)
                live.say(stats.summary())
        except KeyboardInterrupt:
            code = 130
        except BrokenPipeError:  # nobody reads the lines any more
            drop_stdout()
    if request.stats is not None:
        stats.write(Path(request.stats))
    return code


class _Live:
    """One run: what is shown, and what keys do."""

    def __init__(
        self, request: Request, choice: Choice, supervisor: Supervisor, stats: LiveStats, notes: list[str]
    ) -> None:
        self._request, self._choice, self._engine, self._stats = request, choice, supervisor, stats
        self._terminal = sys.stdout.isatty()
        self._notes: deque[tuple[float, str]] = deque(maxlen=NOTES)
        self._display: Any = None
        self._began = self._status_at = self._show_at = self._seen_at = monotonic()
        self._folder = absolute_folder(request.record or RECORDINGS)
        self._record = request.record is not None  # whether the user wants to
        self._descriptions: dict[tuple[str, str | None], str] = {}
        self._status = supervisor.status()
        for note in notes:
            self.say(note)

    # --- beginning and end --------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Has the engine do what was asked for. Raises RequestRefused."""
        if not self._engine.own:
            self.say(f"an engine is running already (process {self._engine.pid}): this shows and controls it")
            self._adapt()
        status = self._engine.status()
        if status.state in (State.STOPPED, State.FAILED):
            self._engine.request(Start(), START_S)
        if self._record:
            self._engine.request(Record(self._folder))
        self._status = self._engine.status()
        self._look()

    def _adapt(self) -> None:
        """Asks a running engine for what was given on our command line; says what it cannot change."""
        request, options, status = self._request, self._choice.options, self._engine.status()
        wanted: list[EngineRequest] = []
        if request.input or request.output:
            source = options.input if request.input else status.input
            wanted.append(SetDevices(source, options.output if request.output else status.output))
        if request.attenuation_limit:
            wanted.append(SetLimit(limit_of(request.attenuation_limit)))
        if request.monitor:
            wanted.append(Monitor(True))
        if request.model:
            wanted.append(LoadModel(str(absolute_model(request.model))))
        for each in wanted:
            self._engine.request(each, START_S)
        fixed = {
            "--latency": request.latency not in (None, status.latency_mode),
            "--virtual-mic": request.virtual_mic not in (None, status.virtual_mic),
            "--speaker": request.speaker and status.speaker is None,
            "--keep-open": request.keep_open,
        }
        if ignored := [flag for flag, other in fixed.items() if other]:
            self.say(f"{' and '.join(ignored)} cannot be changed while it runs: end it first (enhancer ctl stop)")

    def remember(self, before: settings.Settings) -> None:
        """Writes down devices, latency and the strength as it is now, if they are others than before."""
        limit = self._engine.status().limit_db
        now = replace(self._choice.settings, limit_db=limit)
        if now != before:
            try:
                settings.save(now, places.config_file())
            except OutputError as error:
                print_error(error.message)

    # --- the loop -----------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Shows the engine until the time is over or q is pressed."""
        try:
            with Keyboard() as keyboard, self._showing() as self._display:
                while (left := self._left_s()) > 0:
                    self._show(keyboard.available)
                    for key in keyboard.wait(min(FRAME_S, left)):
                        if key in "qQ":
                            return
                        self._press(key)
                    self._look()
        finally:
            self._display = None

    def _left_s(self) -> float:
        return inf if self._request.duration is None else self._began + self._request.duration - monotonic()

    def say(self, line: str, at: float | None = None) -> None:
        """Something that happened, for the user. at: seconds since the epoch; None: now."""
        if self._display is None:
            print(line, flush=True)
        else:
            self._notes.append((monotonic(), f"{strftime('%H:%M:%S', localtime(at or time()))} {line}"))

    def _look(self) -> None:
        now = monotonic()
        if line := self._engine.look_after():
            self._stats.restarts += "again" in line and self._engine.own
            self.say(line)
        if now - self._status_at >= STATUS_S:
            self._status_at = now
            before, self._status = self._status, self._engine.status()
            if self._status.microphone != before.microphone:
                self._descriptions.clear()
            self._follow_recording(before.recording, before.state)
        self._tell_news()
        self._meters = self._engine.meters()
        self._stats.add(now - self._seen_at, self._status, self._meters)
        self._seen_at = now

    def _tell_news(self) -> None:
        """What has happened in the engine; to the user, save what is only its state."""
        for event in self._engine.news():
            self._descriptions.clear()  # devices may be others, or another one the default
            self._stats.happened(monotonic() - self._began - (time() - event.at), event)
            # Lines without sound say the state's reason anyway, once a second.
            said = not self._terminal and event.text == self._status.message and self._status.state not in SOUND
            if event.text != str(event.state) and not said:
                self.say(event.text, event.at)

    def _follow_recording(self, before: str | None, state_before: State) -> None:
        """A recording ends when the microphone is closed, and begins anew with it; a full disk ends it for good."""
        if not self._record or self._status.recording is not None or self._status.state is not State.RUNNING:
            return
        if before is not None and state_before is State.RUNNING:
            self._record = False
        else:
            self._try(Record(self._folder))

    # --- keys ---------------------------------------------------------------------------------------------------

    def _press(self, key: str) -> None:
        status = self._status
        if key in "bB":
            self._try(Bypass(not status.bypass))
        elif key in "mM":
            self._try(Monitor(not status.monitor))
        elif key in "rR":
            self._record = status.recording is None
            self._try(Record(self._folder if self._record else None))
        elif key in "+=-_":
            limit = _next_limit(status.limit_db, stronger=key in "+=")
            self._try(SetLimit(limit))
            self.say(f"strength: {strength_words(limit)}")
        self._status = self._engine.status()
        if self._display is not None:
            self._show_at = 0.0

    def _try(self, request: EngineRequest) -> None:
        try:
            self._engine.request(request, START_S)
        except RequestRefused as error:
            self.say(error.message)
        except NotRunning:  # noticed, and mended, at the next look
            pass
        except EngineError as error:
            self.say(error.message)

    # --- showing ------------------------------------------------------------------------------------------------

    def _showing(self) -> Any:
        if not self._terminal:
            return contextlib.nullcontext()
        from rich.live import Live

        return Live(console=table_console(sys.stdout), auto_refresh=False, redirect_stderr=False, redirect_stdout=False)

    def _show(self, keys: bool) -> None:
        now = monotonic()
        if now < self._show_at:
            return
        if self._display is not None:
            self._display.update(panel(self._view(now, keys)), refresh=True)
            self._show_at = now + (0.0 if self._status.state in SOUND else STATUS_S)
        else:
            print(status_line(self._view(now, keys)), flush=True)
            self._show_at += LINE_S

    def _view(self, now: float, keys: bool) -> View:
        status = self._status
        notes = [line for said_at, line in self._notes if now - said_at < NOTES_S]
        return View(
            status, self._meters, self._microphone(), self._target(), now - self._began, notes, self._engine.alive, keys
        )

    def _microphone(self) -> str:
        if self._status.speaker:
            return f"{self._status.speaker} (choose it in your call program)"
        return self._described("input", self._status.input, self._status.microphone)

    def _target(self) -> str:
        if self._status.virtual_mic:
            return f"{self._status.virtual_mic} (choose it in your call program)"
        return self._described("output", self._status.output)

    def _described(self, kind: str, wanted: str | None, used: str | None = None) -> str:
        """A device in words, that which is used rather than that which was asked for; looked up once."""
        name = used or wanted
        if (kind, name) not in self._descriptions:
            with contextlib.suppress(DeviceError):
                for device in list_devices():
                    default = " (the default)" if device.default and wanted is None else ""
                    self._descriptions[device.kind, device.name] = device.description + default
                    if device.default:
                        self._descriptions[device.kind, None] = f"{device.description} (the default)"
            self._descriptions.setdefault((kind, name), name or "the default")
        return self._descriptions[kind, name]


def _next_limit(limit: float | None, *, stronger: bool) -> float | None:
    """The next step of LIMITS."""
    value = inf if limit is None else limit
    further = [step for step in LIMITS if (step > value if stronger else step < value)]
    chosen = value if not further else min(further) if stronger else max(further)
    return None if chosen == inf else chosen
