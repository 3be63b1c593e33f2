"""Sound streams through libpulse, for PulseAudio and PipeWire: named sources and sinks, latency that is kept.

Each stream has one thread, a connection of its own and a libpulse main loop, and only that thread calls libpulse. It
waits for the server, hands over what came and asks for what is due. Other threads set a flag, wake the loop and wait
for its answer, never longer than `ANSWER_S`, so that a server that is gone or frozen holds nobody.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from enhancer.live import libpulse
from enhancer.live.backend import InputSink, OutputSource, Stream, StreamSpec
from enhancer.live.errors import DeviceError

CLIENT_NAME = "Enhancer"
OPEN_S = 3.0  # a server that has not answered by then is hung
ANSWER_S = 0.9  # stop and close promise a second
# PipeWire's own floor (256 samples). With 2.5 ms, PulseAudio ran dry 15 times in 6 s on a busy machine, with 5 ms once,
# for half the wake-ups.
SHORTEST_REQUEST_S = 0.005
FRAME_BYTES = 4  # of one channel: float32


class PulseBackend:
    """Streams of one sound server: that of the environment (PULSE_SERVER, the user's own), or the one named here.

    Raises DeviceError when libpulse is not installed.
    """

    name = "libpulse"

    def __init__(self, server: str | None = None) -> None:
        self._server = server
        try:
            libpulse.load()
        except OSError:
            raise DeviceError(
                f"{libpulse.LIBRARY} is not installed", "install libpulse0 (Debian, Ubuntu) or libpulse (Arch)"
            ) from None

    def open_input(self, spec: StreamSpec, sink: InputSink) -> Stream:
        """A source's sound, as blocks handed to `sink`. Raises DeviceError."""
        return _InputStream(self._server, spec, sink)

    def open_output(self, spec: StreamSpec, source: OutputSource) -> Stream:
        """Sound to a sink, as blocks filled by `source`. Raises DeviceError."""
        return _OutputStream(self._server, spec, source)


class _PulseStream:
    """A connection with one stream; what the two directions share."""

    kind = ""  # "input" | "output", for messages and the thread's name

    def __init__(self, server: str | None, spec: StreamSpec, callback: Callable[[np.ndarray], None]) -> None:
        self._pulse = libpulse.load()
        self._server = server
        self._spec = spec
        self._callback = callback
        self._frame_bytes = FRAME_BYTES * spec.channels
        self._latency_s = spec.latency_s
        self._xruns = 0
        self._error = ""
        self._alive = False
        # Commands: flags that other threads set and the loop acts on; whoever waits for that leaves an event.
        self._run_wanted = False
        self._close_wanted = False
        self._waiting: deque[threading.Event] = deque()
        self._loop_guard = threading.Lock()  # `_loop` is freed by its thread while others may want to wake it
        self._loop: int | None = self._pulse.pa_mainloop_new()
        self._context: int | None = None
        self._stream: int | None = None
        self._refusal: DeviceError | None = None
        self._on_underflow = libpulse.STREAM_NOTIFY(self._count_underflow)  # kept: libpulse holds only its address
        self._thread = threading.Thread(target=self._work, name=f"pulse-{self.kind}", daemon=True)
        opened = threading.Event()
        self._waiting.append(opened)
        self._thread.start()
        opened.wait()  # opening has its own time limit
        if self._refusal is not None:
            raise self._refusal

    # -- what others see

    @property
    def sample_rate(self) -> int:
        return self._spec.sample_rate  # the server converts

    @property
    def latency_s(self) -> float:
        return self._latency_s

    @property
    def xruns(self) -> int:
        return self._xruns

    @property
    def alive(self) -> bool:
        return self._alive

    @property
    def error(self) -> str:
        return self._error

    def start(self) -> None:
        if not self._alive:
            raise DeviceError(self._error or f"the {self.kind} stream is closed", "open the device again")
        self._run_wanted = True
        self._ask()

    def stop(self) -> None:
        self._run_wanted = False
        self._ask()

    def close(self) -> None:
        self._alive = False
        self._close_wanted = True
        self._ask()
        self._thread.join(ANSWER_S)

    def _ask(self) -> None:
        """Lets the loop see the flags, and waits until it has acted on them."""
        acted = threading.Event()
        self._waiting.append(acted)
        with self._loop_guard:
            if self._loop is None:  # its thread is done: nothing runs any more
                return
            self._pulse.pa_mainloop_wakeup(self._loop)
        if threading.current_thread() is not self._thread:
            acted.wait(ANSWER_S)

    def _answer(self, waiting: list[threading.Event]) -> None:
        for event in waiting:
            event.set()
            self._waiting.remove(event)

    # -- the stream's own thread

    def _work(self) -> None:
        try:
            self._open()
            self._alive = True
            self._serve()
        except DeviceError as error:
            self._refusal = error  # read by the constructor; later nobody does
            self._error = error.message
        except BaseException as error:
            self._refusal = DeviceError(f"the {self.kind} stream stopped on an internal error: {type(error).__name__}")
            self._error = self._refusal.message
            raise
        finally:
            self._alive = False
            self._free()
            self._answer(list(self._waiting))

    def _open(self) -> None:
        pulse, deadline = self._pulse, time.perf_counter() + OPEN_S
        self._context = pulse.pa_context_new(pulse.pa_mainloop_get_api(self._loop), CLIENT_NAME.encode())
        server = None if self._server is None else self._server.encode()
        # Without autospawn: a server that was killed is not ours to bring back.
        if pulse.pa_context_connect(self._context, server, libpulse.PA_CONTEXT_NOAUTOSPAWN, None) < 0:
            raise self._server_error()
        while (state := pulse.pa_context_get_state(self._context)) != libpulse.PA_CONTEXT_READY:
            if state in (libpulse.PA_CONTEXT_FAILED, libpulse.PA_CONTEXT_TERMINATED):
                raise self._server_error()
            self._wait_for_server(deadline)

        rate, channels = self._spec.sample_rate, self._spec.channels
        sample_spec = libpulse.SampleSpec(libpulse.PA_SAMPLE_FLOAT32LE, rate, channels)
        self._stream = pulse.pa_stream_new(self._context, self.kind.encode(), sample_spec, None)
        flags = libpulse.PA_STREAM_START_CORKED | libpulse.PA_STREAM_ADJUST_LATENCY
        flags |= libpulse.PA_STREAM_AUTO_TIMING_UPDATE
        if self._spec.device is not None:
            # The server would put a stream whose device is unplugged on another one: a private microphone's sound
            # on the loudspeakers, or a microphone open that nobody chose.
            flags |= libpulse.PA_STREAM_DONT_MOVE
        device = None if self._spec.device is None else self._spec.device.encode()
        if self._connect(device, flags) < 0:
            raise self._device_error()
        while (state := pulse.pa_stream_get_state(self._stream)) != libpulse.PA_STREAM_READY:
            if state in (libpulse.PA_STREAM_FAILED, libpulse.PA_STREAM_TERMINATED):
                raise self._device_error()
            self._wait_for_server(deadline)

    def _wait_for_server(self, deadline: float) -> None:
        remaining_us = int(1e6 * (deadline - time.perf_counter()))
        if remaining_us <= 0:
            raise DeviceError(
                f"the sound server did not answer for {OPEN_S:g} s",
                "restart it: systemctl --user restart pipewire-pulse",
            )
        self._iterate(remaining_us)

    def _serve(self) -> None:
        running = False
        while not self._close_wanted:
            waiting = list(self._waiting)  # before the flags are read: these have set theirs
            if self._run_wanted != running:
                running = not running
                self._set_running(running)
            self._answer(waiting)
            self._iterate(-1)
            self._check()
            if running and self._run_wanted:
                self._note_latency()  # before moving sound: then it is that of the next frame
                self._pump()

    def _iterate(self, timeout_us: int) -> None:
        pulse, loop = self._pulse, self._loop
        if (
            pulse.pa_mainloop_prepare(loop, timeout_us) < 0
            or pulse.pa_mainloop_poll(loop) < 0
            or pulse.pa_mainloop_dispatch(loop) < 0
        ):
            raise DeviceError("the connection to the sound server broke down")

    def _check(self) -> None:
        """Raises DeviceError when server or device are gone."""
        if self._pulse.pa_stream_get_state(self._stream) == libpulse.PA_STREAM_READY:
            return
        if self._pulse.pa_context_get_state(self._context) != libpulse.PA_CONTEXT_READY:
            raise DeviceError("the sound server went away")
        raise DeviceError(f"the {self.kind} device {self._device_name()} went away")

    def _set_running(self, running: bool) -> None:
        if running:
            self._prepare()
        self._forget(self._pulse.pa_stream_cork(self._stream, int(not running), None, None))
        if not running:
            self._forget(self._pulse.pa_stream_flush(self._stream, None, None))

    def _forget(self, operation: int | None) -> None:
        if operation:
            self._pulse.pa_operation_unref(operation)

    def _note_latency(self) -> None:
        """Latency of the next frame, from where the server stood a moment ago and the time that has passed since.

        libpulse's own interpolation is a clock model that swings by tens of ms for seconds after a stall.
        """
        pointer = self._pulse.pa_stream_get_timing_info(self._stream)
        if not pointer:
            return  # the first answer is still on its way
        timing = pointer.contents
        if timing.write_index_corrupt or timing.read_index_corrupt:
            return  # a flush is on its way
        age_s = time.time() - timing.seconds - 1e-6 * timing.microseconds
        queued = (timing.write_index - timing.read_index) // self._frame_bytes
        self._latency_s = queued / self._spec.sample_rate + self._device_latency_s(timing, age_s)

    def _count_underflow(self, _stream: int, _data: int) -> None:
        if self._run_wanted:
            self._xruns += 1

    def _block(self, data: ctypes.c_void_p, size: int) -> np.ndarray:
        """The `size` bytes at `data` as float32 [frames, channels], not copied."""
        assert data.value is not None
        memory = (ctypes.c_char * size).from_address(data.value)
        return np.frombuffer(memoryview(memory), np.float32).reshape(-1, self._spec.channels)

    def _free(self) -> None:
        pulse = self._pulse
        if self._stream is not None:
            pulse.pa_stream_disconnect(self._stream)
            pulse.pa_stream_unref(self._stream)
        if self._context is not None:
            pulse.pa_context_disconnect(self._context)
            pulse.pa_context_unref(self._context)
        with self._loop_guard:
            pulse.pa_mainloop_free(self._loop)
            self._loop = None

    # -- errors

    def _device_name(self) -> str:
        return self._spec.device or "(default)"

    def _reason(self) -> str:
        return self._pulse.pa_strerror(self._pulse.pa_context_errno(self._context)).decode(errors="replace")

    def _server_error(self) -> DeviceError:
        return DeviceError(
            f"no connection to the sound server: {self._reason()}", "start it: systemctl --user start pipewire-pulse"
        )

    def _device_error(self) -> DeviceError:
        if self._pulse.pa_context_errno(self._context) == libpulse.PA_ERR_NOENTITY:
            return DeviceError(f"there is no {self.kind} device {self._device_name()}", "see: enhancer devices")
        return DeviceError(f"the {self.kind} device {self._device_name()} cannot be opened: {self._reason()}")

    # -- the two directions

    def _connect(self, device: bytes | None, flags: int) -> int:
        raise NotImplementedError

    def _prepare(self) -> None:
        """What is due before sound flows."""
        raise NotImplementedError

    def _pump(self) -> None:
        """Moves what is there to be moved."""
        raise NotImplementedError

    def _device_latency_s(self, timing: libpulse.TimingInfo, age_s: float) -> float:
        """What there is beside the queue, and what has moved in the `age_s` since the server looked."""
        raise NotImplementedError


class _InputStream(_PulseStream):
    kind = "input"

    def _connect(self, device: bytes | None, flags: int) -> int:
        choice = libpulse.SERVERS_CHOICE
        fragment = min(self._spec.hop, round(self._spec.latency_s * self._spec.sample_rate))
        attributes = libpulse.BufferAttr(choice, choice, choice, choice, fragment * self._frame_bytes)
        self._silence = np.zeros((self._spec.hop, self._spec.channels), np.float32)
        return self._pulse.pa_stream_connect_record(self._stream, device, attributes, flags)

    def _prepare(self) -> None:
        for _ in self._fragments():
            pass  # they were on their way when the stream was stopped

    def _pump(self) -> None:
        for data, size in self._fragments():
            if not self._run_wanted:
                return
            if data.value:
                self._callback(self._block(data, size))
            else:
                self._fill_hole(size // self._frame_bytes)

    def _fragments(self) -> Iterator[tuple[ctypes.c_void_p, int]]:
        """What has come: address and bytes, valid until the next. No address: the server has dropped sound."""
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        while self._pulse.pa_stream_peek(self._stream, data, size) >= 0 and size.value:
            yield data, size.value
            self._pulse.pa_stream_drop(self._stream)

    def _device_latency_s(self, timing: libpulse.TimingInfo, age_s: float) -> float:
        # A monitor has the sound before the sink plays it.
        return 1e-6 * (timing.source_usec - timing.sink_usec) + age_s

    def _fill_hole(self, frames: int) -> None:
        """Sound was dropped because we did not fetch it: silence keeps time."""
        self._xruns += 1
        for start in range(0, frames, len(self._silence)):
            self._callback(self._silence[: frames - start])


class _OutputStream(_PulseStream):
    kind = "output"

    def _connect(self, device: bytes | None, flags: int) -> int:
        choice = libpulse.SERVERS_CHOICE
        rate, target = self._spec.sample_rate, round(self._spec.latency_s * self._spec.sample_rate)
        # PulseAudio gives a quarter of the target to the device and asks for more whenever a request fits into the
        # rest. prebuf 0: after an underflow time goes on instead of waiting for a full queue.
        request = max(min(self._spec.hop, target // 4), round(SHORTEST_REQUEST_S * rate))
        target = max(target, 4 * request)
        attributes = libpulse.BufferAttr(choice, target * self._frame_bytes, 0, request * self._frame_bytes, choice)
        self._pulse.pa_stream_set_underflow_callback(self._stream, self._on_underflow, None)
        return self._pulse.pa_stream_connect_playback(self._stream, device, attributes, flags, None, None)

    def _prepare(self) -> None:
        self._pump()  # a queue that starts empty runs dry at once

    def _pump(self) -> None:
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        wanted = self._pulse.pa_stream_writable_size(self._stream)
        while wanted not in (0, libpulse.SIZE_ERROR):
            size.value = wanted
            if self._pulse.pa_stream_begin_write(self._stream, data, size) < 0 or not size.value:
                return
            self._callback(self._block(data, size.value))
            self._pulse.pa_stream_write(self._stream, data, size.value, None, 0, libpulse.PA_SEEK_RELATIVE)
            wanted -= size.value

    def _device_latency_s(self, timing: libpulse.TimingInfo, age_s: float) -> float:
        return 1e-6 * timing.sink_usec - age_s
