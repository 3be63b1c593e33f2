"""The engine: one thread that decides. Requests, the devices' fate and the clock come to it; sound flows elsewhere.

It opens and closes sessions, keeps the virtual microphone, sleeps while nobody listens, comes back when a device or the
sound server does, and tells its clients through the meters. All that changes, changes here.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from enhancer.engine import Enhancer
from enhancer.errors import UserError
from enhancer.live import places
from enhancer.live.backend import Backend
from enhancer.live.clock import MODES
from enhancer.live.control import ControlServer
from enhancer.live.default_devices import DefaultDevices
from enhancer.live.devices import Kind, list_devices
from enhancer.live.errors import DeviceError, NotRunning
from enhancer.live.gauges import Gauges
from enhancer.live.meters import MeterWriter
from enhancer.live.protocol import (
    Bypass,
    LoadModel,
    Monitor,
    Ok,
    Record,
    Reply,
    Request,
    SetDevices,
    SetLimit,
    Shutdown,
    Start,
    Status,
    StatusReply,
    Stop,
)
from enhancer.live.protocol import EngineState as State
from enhancer.live.recorder import Recorder
from enhancer.live.session import SAMPLE_RATE, Route, Session
from enhancer.live.states import StateMachine
from enhancer.model import Student

if TYPE_CHECKING:  # where there is no PulseAudio, its package is not there either
    from enhancer.live.pulse.virtual_device import Defaults, Usage, VirtualDevice
    from enhancer.live.virtual_mic import VirtualMic
    from enhancer.live.virtual_speaker import VirtualSpeaker

WATCHED_TICK_S = 1 / 30  # while somebody looks at the meters: as often as a window paints them
TICK_S = 0.25
HEARTBEAT_S = 0.5  # between publications while nobody looks, or nothing sounds
DOZE_S = 2.0  # without readers, before the microphone is closed: a call program that changes its settings is not gone
LOOK_AGAIN_S = 2.0  # for a microphone that is gone
RETRY_S = 0.5  # between attempts to open what was lost
ANSWER_S = 4.0  # for a request; a client waits for five
LONELY_S = 2.0  # without clients, before an engine that is no service ends
TOO_BUSY = "the machine is too busy: the sound passes as it is"
MUTED = "the microphone gives silence: is it muted?"
OVER = {TOO_BUSY: "the machine keeps up again", MUTED: "the microphone gives sound again"}  # said when it is
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """What an engine is started with. virtual_mic: its name; None: play to `output`. service: lives without clients.

    speaker: the other direction: the name of a virtual loudspeaker, whose sound is enhanced on its way to `output`.
    """

    input: str | None = None
    output: str | None = None
    virtual_mic: str | None = None
    speaker: str | None = None
    limit_db: float | None = None
    latency: str = "normal"
    monitor: bool = False
    keep_open: bool = False
    service: bool = False
    model: str | None = None


class Engine:
    """Made in the thread that calls `run`, which returns after `Shutdown` or when nobody is left."""

    def __init__(
        self, backend: Callable[[], Backend], options: Options, runtime: Path, sound_server: str | None = None
    ) -> None:
        """sound_server: as in PULSE_SERVER; None is the user's own. Raises ModelError for an unusable model."""
        self._backend = backend
        self._options = options
        self._runtime = runtime
        self._sound_server = sound_server
        self._machine = StateMachine()
        # A request with its reply to be; None: something has happened that is worth a look.
        self._inbox: queue.SimpleQueue[tuple[Request, Future[Reply]] | None] = queue.SimpleQueue()
        self._student = Student(options.model)
        self._session: Session | None = None
        self._mic: VirtualMic | None = None
        self._speaker: VirtualSpeaker | None = None
        self._bypass = False
        self._recorder: Recorder | None = None
        self._recording: str | None = None  # the folder
        self._done = False
        self._wanted = False  # somebody asked to start, and nobody to stop
        self._usage: Usage | None = None  # of the virtual device; replaced by the thread that watches it
        self._used_at = 0.0  # when somebody last used it
        self._defaults: DefaultDevices | None = None  # where there is a virtual device
        self._seen_defaults: Defaults | None = None  # the system's, when devices were chosen last
        self._missing = False  # the microphone that was asked for is gone, and the default one serves
        self._retry_at = 0.0
        self._published_at, self._published_state = 0.0, State.STOPPED
        self._gauges = Gauges()
        self._began = monotonic()

    # --- the thread that decides --------------------------------------------------------------------------------

    def run(self) -> None:
        """Serves until the end. Raises AlreadyRunning, EngineError or ConfigError where no engine can be.

        A bug that ended the worker is raised here: better a new engine than a silent one.
        """
        with (
            ControlServer(self._runtime, self._ask) as control,
            MeterWriter(places.meters_path(self._runtime)) as meters,
        ):
            try:
                while not self._done:
                    self._serve_one(self._patience_s(meters))
                    self._look_after()
                    self._publish(meters)
                    if not self._options.service and control.idle_s > LONELY_S:
                        _log.info("the last client is gone")
                        break
            finally:
                self._stop("the engine ends")
                self._refuse_the_rest()

    def post(self, request: Request) -> Future[Reply]:
        """Hands over a request without waiting for its reply; from any thread, and from signal handlers."""
        answer: Future[Reply] = Future()
        self._inbox.put((request, answer))
        return answer

    def _ask(self, request: Request) -> Reply:
        """For the threads of clients: the decision of the engine's thread."""
        try:
            return self.post(request).result(ANSWER_S)
        except TimeoutError:
            raise UserError("the engine is busy", "try again") from None

    def _refuse_the_rest(self) -> None:
        """Answers who still waits, so that their threads can end."""
        self._done = True
        while not self._inbox.empty():
            if asked := self._inbox.get():
                asked[1].set_exception(NotRunning("the engine has just ended"))

    def _patience_s(self, meters: MeterWriter) -> float:
        """How long nothing may happen before we look by ourselves."""
        if self._session is not None:
            return WATCHED_TICK_S if meters.watched else TICK_S
        return HEARTBEAT_S if self._machine.state is State.SLEEPING else TICK_S

    def _serve_one(self, patience_s: float) -> None:
        try:
            asked = self._inbox.get(timeout=patience_s)
        except queue.Empty:
            return
        if asked is None:
            return
        request, answer = asked
        try:
            answer.set_result(self._handle(request))
        except BaseException as error:  # the asker's to see: a UserError becomes a refusal, anything else a bug's log
            answer.set_exception(error)

    def _handle(self, request: Request) -> Reply:
        match request:
            case Start(patient=patient):
                self._start(patient)
            case Stop():
                self._stop("stopped")
            case SetDevices(input=source, output=sink):
                self._set_devices(source, sink)
            case SetLimit(db=db):
                self._options = replace(self._options, limit_db=db)
                if self._session:
                    self._session.pipeline.enhancer.attenuation_limit_db = db
            case Bypass(on=on):
                self._bypass = on
                if self._session:
                    self._session.pipeline.bypass = on
            case Monitor(on=on):
                self._set_monitor(on)
            case LoadModel(path=path):
                self._load(path)
            case Status():
                return self._status()
            case Shutdown():
                self._done = True
            case Record(folder=folder):
                self._record(folder)
            case _:
                raise UserError(f"the engine does not know {type(request).__name__}")
        return Ok()

    # --- starting and stopping ----------------------------------------------------------------------------------

    def _start(self, patient: bool) -> None:
        if self._machine.state in (State.STOPPED, State.FAILED):
            self._machine.go(State.STARTING, "starting")
            self._wanted = True
            try:
                self._make_virtual()
                self._open(self._route())
            except DeviceError as error:
                if patient:
                    self._lost(error.message, monotonic())
                    return
                self._wanted = False
                self._give_back()
                self._machine.go(State.FAILED, error.message)
                raise

    def _stop(self, why: str) -> None:
        self._wanted = False
        self._give_back()
        if self._machine.state is not State.STOPPED:
            self._machine.go(State.STOPPED, why)

    @property
    def _virtual(self) -> VirtualMic | VirtualSpeaker | None:
        """Our device in the sound server."""
        return self._mic or self._speaker

    def _make_virtual(self) -> None:
        options = self._options
        if self._virtual is not None:
            return
        if options.virtual_mic:
            from enhancer.live.virtual_mic import VirtualMic

            self._mic = VirtualMic(options.virtual_mic, SAMPLE_RATE, self._sound_server)
        elif options.speaker:
            from enhancer.live.virtual_speaker import VirtualSpeaker

            self._speaker = VirtualSpeaker(options.speaker, SAMPLE_RATE, server=self._sound_server)
        self._used_at = monotonic()
        if device := self._virtual:
            before = device.defaults_before
            self._defaults = DefaultDevices(before.source, before.sink, self._sound_server)
            device.watch(lambda usage: self._learn(device, usage))

    def _learn(self, device: VirtualDevice, usage: Usage) -> None:
        """By the thread that watches the virtual device."""
        if device is self._virtual:
            self._usage = usage
            self._inbox.put(None)

    def _remove_virtual(self) -> None:
        device = self._virtual
        self._mic = self._speaker = self._usage = self._defaults = None
        if device is not None:
            device.remove()

    def _open_again(self) -> None:
        """Opens what is wanted; the default microphone for one that is gone. Raises DeviceError."""
        self._make_virtual()
        self._missing = False
        try:
            self._open(self._route())
        except DeviceError as error:
            if self._options.input is None or self._options.speaker:
                raise
            self._missing = True
            self._open(self._route())
            self._machine.go(State.RUNNING, f"{error.message}: the default microphone is used until it is back")

    def _open(self, route: Route) -> None:
        """From any state in which a session is wanted to running. Raises DeviceError."""
        enhancer = Enhancer(
            SAMPLE_RATE,
            block_size=SAMPLE_RATE // 100,
            attenuation_limit_db=self._options.limit_db,
            model=self._student,
        )
        enhancer.process(np.zeros(SAMPLE_RATE // 10, np.float32))  # warm, before a sound has to be on time
        enhancer.reset()
        self._session = Session(self._backend(), route, enhancer, MODES[self._options.latency], [self._listen])
        self._session.pipeline.bypass = self._bypass
        again = self._machine.state is State.RECONNECTING
        self._machine.go(State.RUNNING, "running")
        if again:
            self._machine.say("the sound is back")

    def _close(self) -> None:
        self._end_recording()
        if self._session is not None:
            self._session.close()
            self._session = None

    def _give_back(self) -> None:
        """Closes the devices and takes the virtual microphone away."""
        self._close()
        self._remove_virtual()

    def _route(self) -> Route:
        """The devices that are wanted now. Raises DeviceError when one of them is a default that there is not."""
        options = self._options
        self._seen_defaults = self._usage.defaults if self._usage else None
        if self._speaker is not None:
            return Route(self._speaker.source_name, (options.output or self._default("output"),))
        source = (None if self._missing else options.input) or self._default("input")
        if self._mic is None:
            return Route(source, (options.output,))
        monitor = (options.output or self._default("output"),) if options.monitor else ()
        return Route(source, (self._mic.sink_name, *monitor))

    def _default(self, kind: Kind) -> str | None:
        """The user's default device, never one of ours; None, the system's choice, where we have made no device."""
        if self._defaults is None:
            return None
        name, note = self._defaults.choose(kind)
        if note:
            self._machine.say(note)
        return name

    def _follow(self, route: Route) -> None:
        """Goes over to these devices; those that stay are not disturbed. Raises DeviceError and keeps the old ones."""
        assert self._session is not None
        if route.input != self._session.route.input:
            self._session.set_input(route.input)
        if route.outputs != self._session.route.outputs:
            self._session.set_outputs(route.outputs)

    # --- what clients ask for -----------------------------------------------------------------------------------

    def _set_devices(self, source: str | None, sink: str | None) -> None:
        if source != self._options.input:
            self._missing = False
            self._change(replace(self._options, input=source))
        self._change(replace(self._options, output=sink))

    def _change(self, options: Options) -> None:
        """Other devices, if they can be had; else those from before, and DeviceError."""
        before, self._options = self._options, options
        try:
            if self._session is not None:
                self._follow(self._route())
        except DeviceError:
            self._options = before
            raise

    def _set_monitor(self, on: bool) -> None:
        if self._mic is None:
            raise UserError("there is nothing to monitor: the sound goes to a loudspeaker already")
        self._change(replace(self._options, monitor=on))

    def _record(self, folder: str | None) -> None:
        if folder is None:
            self._end_recording()
            return
        if self._session is None:
            raise UserError("there is no sound to record at the moment", "start the engine first")
        self._end_recording()
        enhancer = self._session.pipeline.enhancer
        self._recorder = Recorder(Path(folder), SAMPLE_RATE, enhancer.channels, enhancer.latency_samples)
        self._recording = folder

    def _end_recording(self) -> None:
        recorder, self._recorder, self._recording = self._recorder, None, None
        if recorder is not None:
            recorder.close()

    def _load(self, path: str) -> None:
        self._student = Student(path)
        self._options = replace(self._options, model=path)
        if self._session is not None:
            self._close()
            self._open(self._route())

    def _status(self) -> StatusReply:
        options = self._options
        return StatusReply(
            self._machine.state,
            message=self._machine.message,
            input=options.input,
            output=options.output,
            microphone=self._session.route.input if self._session and not options.speaker else None,
            virtual_mic=options.virtual_mic,
            speaker=options.speaker,
            limit_db=options.limit_db,
            bypass=self._bypass,
            monitor=options.monitor,
            recording=self._recording,
            model=str(options.model or ""),
            latency_mode=options.latency,
            service=options.service,
            running_s=monotonic() - self._began,
            events=self._machine.events,
        )

    # --- what happens by itself ---------------------------------------------------------------------------------

    def _look_after(self) -> None:
        """Notices what has happened to the devices and to the listeners, and acts on it."""
        if not self._wanted:
            return
        now, usage = monotonic(), self._usage
        if usage and usage.users:
            self._used_at = now
        lost = self._machine.state is State.RECONNECTING
        try:
            if usage and usage.gone:
                self._lost(usage.fault, now)
                self._remove_virtual()  # for what we hold of it; it is made anew
            elif self._session is not None:
                self._watch_session(now)
            elif usage and usage.fault:
                self._machine.go(State.RECONNECTING, usage.fault)  # until the server answers
            elif lost and usage and not usage.users and not self._options.keep_open:
                self._machine.go(State.SLEEPING, self._why_asleep())
            elif now >= self._retry_at and (lost or (usage and usage.users)):
                self._open_again()
        except DeviceError as error:
            self._lost(error.message, now)

    def _watch_session(self, now: float) -> None:
        assert self._session is not None
        pipeline = self._session.pipeline
        if pipeline.bug is not None:
            raise pipeline.bug
        if fault := self._session.fault:
            self._lost(fault, now)
        elif self._virtual is not None and not self._options.keep_open and now - self._used_at > DOZE_S:
            self._close()
            self._machine.go(State.SLEEPING, self._why_asleep())
        elif self._recorder is not None and self._recorder.error:
            self._machine.say(f"the recording has ended: {self._recorder.error}")
            self._end_recording()
        elif self._usage and self._usage.defaults != self._seen_defaults:
            self._follow(self._route())
        elif self._missing:
            self._return_to_microphone(now)
        elif pipeline.overloaded:
            self._machine.go(State.DEGRADED, TOO_BUSY)
        elif pipeline.muted:
            self._machine.go(State.RUNNING, MUTED)
        else:
            if over := OVER.get(self._machine.message):
                self._machine.say(over)
            self._machine.go(State.RUNNING, "running")

    def _why_asleep(self) -> str:
        if self._speaker is not None:
            return "nothing is played to the virtual loudspeaker"
        return "nobody listens: the microphone is closed"

    def _lost(self, why: str, now: float) -> None:
        """Closes what is left and tries again after a while."""
        self._close()
        self._retry_at = now + RETRY_S
        self._machine.go(State.RECONNECTING, why)

    def _return_to_microphone(self, now: float) -> None:
        """Goes back to the microphone that was asked for, once it is there again."""
        wanted = self._options.input
        assert self._session is not None
        if now < self._retry_at:
            return
        self._retry_at = now + LOOK_AGAIN_S
        if any(d.kind == "input" and wanted in (d.id, d.name) for d in list_devices(self._sound_server)):
            self._session.set_input(wanted)
            self._missing = False
            self._machine.say(f"the microphone {wanted} is back")
            self._machine.go(State.RUNNING, "running")

    # --- what it shows ------------------------------------------------------------------------------------------

    def _listen(self, heard: np.ndarray, passed: np.ndarray) -> None:
        """By the worker, each hop."""
        self._gauges.hear(heard, passed)
        recorder = self._recorder
        if recorder is not None:
            recorder.hear(heard, passed)

    def _publish(self, meters: MeterWriter) -> None:
        now, state = monotonic(), self._machine.state
        moving = self._session is not None and meters.watched
        if not moving and state is self._published_state and now - self._published_at < HEARTBEAT_S:
            return
        self._published_at, self._published_state = now, state
        users = self._usage.users if self._usage else 0
        meters.publish(self._gauges.values(state, users, self._session, spectra=meters.spectra_watched))
