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
from time import monotonic, process_time
from typing import TYPE_CHECKING

import numpy as np

from enhancer.engine import Enhancer
from enhancer.errors import UserError
from enhancer.live import places
from enhancer.live.backend import Backend
from enhancer.live.clock import MODES
from enhancer.live.control import ControlServer
from enhancer.live.devices import list_devices
from enhancer.live.errors import DeviceError, NotRunning
from enhancer.live.metering import SnrEstimate, SoundMeter
from enhancer.live.meters import Meters, MeterWriter
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
    from enhancer.live.virtual_mic import VirtualMic
    from enhancer.live.virtual_speaker import VirtualSpeaker

TICK_S = 0.05
ASLEEP_TICK_S = 0.15  # and 100 ms to open the devices: a first reader hears sound within 300 ms
SLEEPING_PUBLISH_S = 0.5
DOZE_S = 2.0  # without readers, before the microphone is closed: a call program that changes its settings is not gone
LOOK_AGAIN_S = 2.0  # for a microphone that is gone
RETRY_S = 0.5  # between attempts to open what was lost
ANSWER_S = 4.0  # for a request; a client waits for five
LONELY_S = 2.0  # without clients, before an engine that is no service ends
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
        self._inbox: queue.SimpleQueue[tuple[Request, Future[Reply]]] = queue.SimpleQueue()
        self._student = Student(options.model)
        self._session: Session | None = None
        self._mic: VirtualMic | None = None
        self._speaker: VirtualSpeaker | None = None
        self._bypass = False
        self._recorder: Recorder | None = None
        self._recording: str | None = None  # the folder
        self._done = False
        self._wanted = False  # somebody asked to start, and nobody to stop
        self._users = 0
        self._used_at = 0.0  # when somebody last used the virtual device
        self._retry_at = 0.0
        self._published_at = 0.0
        self._heard = SoundMeter(SAMPLE_RATE)
        self._passed = SoundMeter(SAMPLE_RATE)
        self._snr = SnrEstimate()
        self._began = monotonic()
        self._cpu = (monotonic(), process_time())
        self._cpu_share = 0.0

    # --- the thread that decides --------------------------------------------------------------------------------

    def run(self) -> None:
        """Serves until the end. Raises AlreadyRunning, EngineError or ConfigError where no engine can be."""
        with (
            ControlServer(self._runtime, self._ask) as control,
            MeterWriter(places.meters_path(self._runtime)) as meters,
        ):
            try:
                while not self._done:
                    self._serve_one()
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
            self._inbox.get()[1].set_exception(NotRunning("the engine has just ended"))

    def _serve_one(self) -> None:
        try:
            request, answer = self._inbox.get(timeout=ASLEEP_TICK_S if self._session is None else TICK_S)
        except queue.Empty:
            return
        try:
            answer.set_result(self._handle(request))
        except BaseException as error:  # the asker's to see: a UserError becomes a refusal, anything else a bug's log
            answer.set_exception(error)

    def _handle(self, request: Request) -> Reply:
        match request:
            case Start():
                self._start()
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

    def _start(self) -> None:
        if self._machine.state in (State.STOPPED, State.FAILED):
            self._machine.go(State.STARTING, "starting")
            self._wanted = True
            try:
                self._make_virtual()
                self._open(self._route())
            except DeviceError as error:
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

    def _remove_virtual(self) -> None:
        if self._virtual is not None:
            self._virtual.remove()
        self._mic = self._speaker = None

    def _open_again(self) -> None:
        """Opens what is wanted; the default microphone for one that is gone. Raises DeviceError."""
        self._make_virtual()
        route = self._route()
        try:
            self._open(route)
        except DeviceError as error:
            if route.input is None or self._options.speaker:
                raise
            self._open(replace(route, input=None))
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
        self._machine.go(State.RUNNING, "running")

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
        source, output = self._options.input, self._options.output
        if self._speaker is not None:
            return Route(self._speaker.source_name, (output,))
        main = self._mic.sink_name if self._mic is not None else output
        return Route(source, (main, output) if self._hears_itself else (main,))

    @property
    def _hears_itself(self) -> bool:
        return self._options.monitor and self._mic is not None

    # --- what clients ask for -----------------------------------------------------------------------------------

    def _set_devices(self, source: str | None, sink: str | None) -> None:
        before, self._options = self._options, replace(self._options, input=source, output=sink)
        if self._session is None:
            return
        try:
            if source != before.input and not self._options.speaker:
                self._session.set_input(source)
            if self._route().outputs != self._session.route.outputs:
                self._session.set_outputs(self._route().outputs)
        except DeviceError:
            self._options = before if before.speaker else replace(before, input=self._session.route.input)
            raise

    def _set_monitor(self, on: bool) -> None:
        if self._mic is None:
            raise UserError("there is nothing to monitor: the sound goes to a loudspeaker already")
        before, self._options = self._options, replace(self._options, monitor=on)
        try:
            if self._session is not None:
                self._session.set_outputs(self._route().outputs)
        except DeviceError:
            self._options = before
            raise

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
        )

    # --- what happens by itself ---------------------------------------------------------------------------------

    def _look_after(self) -> None:
        """Notices what has happened to the devices and to the listeners, and acts on it."""
        if not self._wanted:
            return
        now = monotonic()
        try:
            self._count_users(now)
            if self._session is not None:
                self._watch_session(now)
            elif now >= self._retry_at and (self._machine.state is State.RECONNECTING or self._users):
                self._open_again()
        except DeviceError as error:
            self._lost(error.message, now)

    def _watch_session(self, now: float) -> None:
        assert self._session is not None
        pipeline = self._session.pipeline
        if fault := self._session.fault:
            self._lost(fault, now)
        elif self._virtual is not None and not self._options.keep_open and now - self._used_at > DOZE_S:
            self._close()
            self._machine.go(State.SLEEPING, self._why_asleep())
        elif self._recorder is not None and self._recorder.error:
            self._machine.go(self._machine.state, f"the recording has ended: {self._recorder.error}")
            self._end_recording()
        elif self._session.route.input != self._route().input:
            self._return_to_microphone(now)
        elif pipeline.overloaded:
            self._machine.go(State.DEGRADED, "the machine is too busy: the sound passes as it is")
        elif pipeline.muted:
            self._machine.go(State.RUNNING, "the microphone gives silence: is it muted?")
        else:
            self._machine.go(State.RUNNING, "running")

    def _count_users(self, now: float) -> None:
        if self._virtual is not None:
            self._users = self._virtual.users()
            if self._users:
                self._used_at = now

    def _why_asleep(self) -> str:
        if self._speaker is not None:
            return "nothing is played to the virtual loudspeaker"
        return "nobody listens: the microphone is closed"

    def _lost(self, why: str, now: float) -> None:
        """Closes what is left and tries again after a while."""
        self._close()
        if not self._virtual_lives():
            self._remove_virtual()  # for what the server may remember of it; it is made anew
        self._retry_at = now + RETRY_S
        self._machine.go(State.RECONNECTING, why)

    def _virtual_lives(self) -> bool:
        try:
            if self._virtual is not None:
                self._virtual.users()
        except DeviceError:
            return False
        return True

    def _return_to_microphone(self, now: float) -> None:
        """Goes back to the microphone that was asked for, once it is there again."""
        wanted = self._options.input
        assert self._session is not None
        if wanted == self._session.route.input or now < self._retry_at:
            return
        self._retry_at = now + LOOK_AGAIN_S
        if any(d.kind == "input" and wanted in (d.id, d.name) for d in list_devices(self._sound_server)):
            self._session.set_input(wanted)
            self._machine.go(State.RUNNING, f"{wanted} is back")

    # --- what it shows ------------------------------------------------------------------------------------------

    def _listen(self, heard: np.ndarray, passed: np.ndarray) -> None:
        """By the worker, each hop."""
        self._heard.hear(heard)
        self._passed.hear(passed)
        recorder = self._recorder
        if recorder is not None:
            recorder.hear(heard, passed)

    def _publish(self, meters: MeterWriter) -> None:
        now = monotonic()
        if self._session is None and now - self._published_at < SLEEPING_PUBLISH_S:
            return
        self._published_at = now
        self._measure_cpu(now)
        values = Meters(state=self._machine.state, readers=self._users, cpu_share=self._cpu_share)
        session = self._session
        if session is not None:
            pipeline, branch = session.pipeline, session.branches[0]
            stats, times = pipeline.enhancer.stats, pipeline.frame_times
            self._snr.update(self._heard.power, self._passed.power, stats.speech_presence)
            into, out = session.device_latencies_s
            values = replace(
                values,
                input_rms_dbfs=self._heard.rms_dbfs,
                input_peak_dbfs=self._heard.peak_dbfs,
                output_rms_dbfs=self._passed.rms_dbfs,
                output_peak_dbfs=self._passed.peak_dbfs,
                gain_reduction_db=stats.gain_reduction_db,
                snr_db=self._snr.db,
                speech_presence=stats.speech_presence,
                input_spectrum_db=self._heard.spectrum_db(),
                output_spectrum_db=self._passed.spectrum_db(),
                frames=stats.frames,
                frame_p50_ms=times.p50_ms,
                frame_p99_ms=times.p99_ms,
                frame_max_ms=times.max_ms,
                input_xruns=session.input_xruns,
                output_xruns=session.output_xruns,
                drift_ppm=branch.drift_ppm,
                latency_algorithm_ms=1e3 * pipeline.enhancer.latency_samples / SAMPLE_RATE,
                latency_buffers_ms=1e3 * branch.latency_s,
                latency_input_device_ms=1e3 * into,
                latency_output_device_ms=1e3 * out,
                ring_fill_ms=1e3 * branch.latency_s,
            )
        meters.publish(values)

    def _measure_cpu(self, now: float) -> None:
        then, used = self._cpu
        if now - then >= 1.0:
            self._cpu = (now, process_time())
            self._cpu_share = (self._cpu[1] - used) / (now - then)
