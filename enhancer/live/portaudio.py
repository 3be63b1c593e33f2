"""Sound streams through PortAudio (package sounddevice): the portable backend.

PortAudio calls the sink or source from a thread of its own, and nothing else happens there. Elsewhere than on Linux a
device is PortAudio's own. On Linux PortAudio knows only ALSA's devices: a stream goes through ALSA's `pulse` or
`pipewire` device, and environment variables that libpulse reads on connecting say to which source or sink.

PortAudio freezes its list of devices when it starts. It is not started anew here: that would end running streams.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from enhancer.live.backend import InputSink, OutputSource, Stream, StreamSpec
from enhancer.live.device import Device, Kind
from enhancer.live.devices import list_devices
from enhancer.live.errors import DeviceError

SOUND_SERVER_DEVICES = ("pulse", "pipewire")  # as ALSA calls them; whichever is configured
END_S = 0.9  # stop and close promise a second, and PortAudio waits for its thread

_opening = threading.Lock()  # the environment belongs to the whole process


class PortAudioBackend:
    """Raises DeviceError when sounddevice or PortAudio is not installed."""

    name = "PortAudio"

    def __init__(self) -> None:
        try:
            import sounddevice
        except ImportError:
            raise DeviceError("the package sounddevice is not installed", "pip install 'enhancer[live]'") from None
        except OSError:
            raise DeviceError("PortAudio is not installed", "install libportaudio2 (Debian, Ubuntu)") from None
        self._sounddevice = sounddevice

    def open_input(self, spec: StreamSpec, sink: InputSink) -> Stream:
        """A device's sound, as blocks handed to `sink`. Raises DeviceError."""
        return _PortAudioStream(self._sounddevice, "input", spec, sink)

    def open_output(self, spec: StreamSpec, source: OutputSource) -> Stream:
        """Sound to a device, as blocks filled by `source`. Raises DeviceError."""
        return _PortAudioStream(self._sounddevice, "output", spec, source)


class _PortAudioStream:
    def __init__(self, sounddevice: Any, kind: Kind, spec: StreamSpec, callback: Callable[[np.ndarray], None]) -> None:
        device = _find(spec.device, kind)
        self._portaudio_error = sounddevice.PortAudioError
        self._kind = kind
        self._name = device.name
        self._callback = callback
        self._latency_s = spec.latency_s
        self._xruns = 0
        self._error = ""
        self._running = False
        self._closed = False
        open_stream = sounddevice.InputStream if kind == "input" else sounddevice.OutputStream
        options = {
            "device": _portaudio_index(sounddevice, device),
            "channels": spec.channels,
            "blocksize": spec.hop,
            "dtype": "float32",
            "latency": spec.latency_s,
            "callback": self._on_input if kind == "input" else self._on_output,
            "finished_callback": self._on_finished,
        }
        with _opening, _routed(kind, spec.device):
            try:
                self._stream = open_stream(samplerate=spec.sample_rate, **options)
            except sounddevice.PortAudioError:
                try:  # as WASAPI does, it may take no rate but its own
                    self._stream = open_stream(samplerate=device.sample_rate, **options)
                except sounddevice.PortAudioError as error:
                    raise DeviceError(f"the {kind} device {self._name} cannot be opened: {error}") from None

    @property
    def sample_rate(self) -> int:
        return round(self._stream.samplerate)

    @property
    def latency_s(self) -> float:
        return self._latency_s

    @property
    def xruns(self) -> int:
        return self._xruns

    @property
    def alive(self) -> bool:
        return not self._closed and not self._error

    @property
    def error(self) -> str:
        return self._error

    def start(self) -> None:
        if not self.alive:
            raise DeviceError(self._error or f"the {self._kind} stream is closed", "open the device again")
        if self._running:
            return
        self._running = True
        try:
            self._stream.start()
        except self._portaudio_error as error:
            self._running = False
            self._error = f"the {self._kind} device {self._name} cannot be started: {error}"
            raise DeviceError(self._error) from None

    def stop(self) -> None:
        if self._running:
            self._running = False
            self._in_time(lambda: self._stream.abort(ignore_errors=True))

    def close(self) -> None:
        if not self._closed:
            self._closed, self._running = True, False
            self._in_time(lambda: self._stream.close(ignore_errors=True))

    def _in_time(self, action: Callable[[], object]) -> None:
        """PortAudio's thread may hang in a server that is frozen; then it is left to end without us."""
        helper = threading.Thread(target=action, name=f"portaudio-{self._kind}-end", daemon=True)
        helper.start()
        helper.join(END_S)

    # -- PortAudio's thread

    def _on_input(self, block: np.ndarray, _frames: int, times: Any, status: Any) -> None:
        if status.input_overflow:
            self._xruns += 1
        self._latency_s = times.currentTime - times.inputBufferAdcTime
        if self._running:
            self._callback(block)

    def _on_output(self, block: np.ndarray, _frames: int, times: Any, status: Any) -> None:
        if status.output_underflow:
            self._xruns += 1
        self._latency_s = times.outputBufferDacTime - times.currentTime
        if self._running:
            self._callback(block)
        else:
            block.fill(0.0)

    def _on_finished(self) -> None:
        if self._running:
            self._error = f"the {self._kind} device {self._name} went away"


def _find(name: str | None, kind: Kind) -> Device:
    """The device of that name, or the default. PipeWire would put a stream whose device it does not know on another."""
    for device in list_devices():
        if device.kind == kind and (device.default if name is None else name in (device.name, device.id)):
            return device
    raise DeviceError(f"there is no {kind} device {name or '(default)'}", "see: enhancer devices")


def _portaudio_index(sounddevice: Any, device: Device) -> int:
    if sys.platform != "linux":
        return int(device.id)
    for index, found in enumerate(sounddevice.query_devices()):
        if found["name"] in SOUND_SERVER_DEVICES:
            return index
    raise DeviceError("ALSA has no device for the sound server", "install libasound2-plugins (Debian, Ubuntu)")


@contextmanager
def _routed(kind: Kind, device: str | None) -> Iterator[None]:
    """While this lasts, libpulse connects new streams to the source or sink `device`."""
    variable = "PULSE_SOURCE" if kind == "input" else "PULSE_SINK"
    before = os.environ.get(variable)
    if device is not None:
        os.environ[variable] = device
    try:
        yield
    finally:
        if before is not None:
            os.environ[variable] = before
        elif device is not None:
            del os.environ[variable]
