"""What both backends promise, on real PulseAudio and PipeWire servers; what PortAudio does where there is neither."""

import math
import os
import signal
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import live_loopback
from enhancer.live import portaudio, pulse_streams
from enhancer.live.backend import StreamSpec
from enhancer.live.backends import default_backend
from enhancer.live.device import Device
from enhancer.live.errors import DeviceError
from enhancer.live.portaudio import PortAudioBackend
from enhancer.live.pulse_streams import PulseBackend
from tests.live.sound_servers import in_time, wait_until

RATE = 48_000


def libpulse_backend(server, _monkeypatch):
    return PulseBackend(server.address)


def portaudio_backend(server, monkeypatch):
    sounddevice = pytest.importorskip("sounddevice")
    monkeypatch.setenv("PULSE_SERVER", server.address)
    sounddevice._terminate()  # no stream runs: its list of devices may date from when there was no server
    sounddevice._initialize()
    return PortAudioBackend()


@pytest.fixture(params=[libpulse_backend, portaudio_backend], ids=["libpulse", "PortAudio"])
def make_backend(request, monkeypatch):
    return lambda server: request.param(server, monkeypatch)


@pytest.fixture
def backend(make_backend, sound_server):
    return make_backend(sound_server)


def spec(device, latency_s=0.04):
    return StreamSpec(device, RATE, channels=1, hop=480, latency_s=latency_s)


class Ear:
    """A sink that remembers when it was given how much."""

    def __init__(self):
        self.times, self.frames = [], 0

    def __call__(self, block):
        self.times.append(time.perf_counter())
        self.frames += len(block)


class Mouth(Ear):
    """A source of silence that remembers the same."""

    def __call__(self, block):
        block.fill(0.0)
        super().__call__(block)


@contextmanager
def running(*streams):
    try:
        for stream in streams:
            stream.start()
        yield
    finally:
        for stream in streams:
            stream.close()


def seconds_taken(action):
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def test_sound_comes_back_unbroken_as_late_as_reported(backend):
    def attempt() -> None:
        result = live_loopback.run(backend, asked_s=0.1, seconds=1.5, sink="loudspeaker", settle_s=0.5)
        assert result.gaps == 0
        assert abs(result.reported_ms - result.latency_p50_ms) < 20.0
        assert result.latency_p50_ms < 250.0

    in_time(attempt, trials=4)


def test_a_device_that_does_not_exist_is_named(backend):
    with pytest.raises(DeviceError, match="there is no input device nowhere"):
        backend.open_input(spec("nowhere"), Ear())
    with pytest.raises(DeviceError, match="there is no output device nowhere"):
        backend.open_output(spec("nowhere"), Mouth())


def test_no_name_means_the_default_device(backend, sound_server):
    ear, mouth = Ear(), Mouth()
    with running(backend.open_input(spec(None), ear), backend.open_output(spec(None), mouth)):
        wait_until(lambda: ear.frames and mouth.frames, 2.0, "sound flows")
        inputs, outputs = (sound_server.pactl("list", "short", kind) for kind in ("source-outputs", "sink-inputs"))
    devices = {
        line.split("\t")[1]: line.split("\t")[0]
        for kind in ("sources", "sinks")
        for line in sound_server.pactl("list", "short", kind).splitlines()
    }
    assert devices["microphone"] in [line.split("\t")[1] for line in inputs.splitlines()]
    assert devices["loudspeaker"] in [line.split("\t")[1] for line in outputs.splitlines()]


def test_a_stopped_stream_is_silent_and_starts_again(backend):
    ear, mouth = Ear(), Mouth()
    input_, output = backend.open_input(spec("microphone"), ear), backend.open_output(spec("loudspeaker"), mouth)
    assert not ear.frames
    with running(input_, output):
        wait_until(lambda: ear.frames and mouth.frames, 2.0, "sound flows")
        assert seconds_taken(input_.stop) < 1.0
        assert seconds_taken(output.stop) < 1.0
        before = ear.frames, mouth.frames
        time.sleep(0.2)
        assert (ear.frames, mouth.frames) == before
        assert input_.alive
        assert output.alive
        input_.start()
        output.start()
        wait_until(lambda: ear.frames > before[0] and mouth.frames > before[1], 2.0, "sound flows again")
    assert not input_.alive
    assert input_.error == ""
    with pytest.raises(DeviceError, match="closed"):
        input_.start()


def test_a_slow_sink_holds_nobody_up_and_loses_nothing(backend):
    def attempt() -> None:
        ear, mouth = Ear(), Mouth()

        def slow_once(block):
            if ear.frames == 0:
                time.sleep(0.3)
            ear(block)

        input_ = backend.open_input(spec("microphone"), slow_once)
        output = backend.open_output(spec("loudspeaker"), mouth)
        with running(output, input_):
            wait_until(lambda: ear.frames, 2.0, "the slow sink has returned")
            during = [t for t in mouth.times if ear.times[0] - 0.3 < t < ear.times[0]]
            assert max(np.diff(during)) < 0.15
            before = ear.frames
            time.sleep(0.5)
            heard_s = (ear.frames - before) / RATE
        assert heard_s > 0.4
        assert input_.error == ""

    in_time(attempt)


def test_a_source_that_comes_too_late_is_counted(backend):
    mouth, stalls = Mouth(), [0.2]

    def late_once(block):
        if mouth.frames > RATE // 4 and stalls:
            time.sleep(stalls.pop())
        mouth(block)

    output = backend.open_output(spec("loudspeaker"), late_once)
    with running(output):
        wait_until(lambda: mouth.frames > RATE // 2, 4.0, "half a second is played")
        assert output.alive
    if backend.name == "libpulse":  # PortAudio on PipeWire does not notice
        assert output.xruns >= 1


def test_a_server_that_is_killed_ends_streams_with_one_line(make_backend, mortal_server):
    backend = make_backend(mortal_server)
    streams = [
        backend.open_input(spec("microphone"), Ear()),
        backend.open_output(spec("loudspeaker"), Mouth()),
        backend.open_output(spec("loudspeaker"), Mouth()),
    ]
    with running(*streams):
        time.sleep(0.3)
        streams[2].stop()
        mortal_server.kill()
        for stream in streams[:2]:
            wait_until(lambda stream=stream: not stream.alive, 2.0, "the stream is dead")
            assert stream.error.endswith("went away")
            assert "\n" not in stream.error
            with pytest.raises(DeviceError, match="went away"):
                stream.start()
        for stream in streams:
            assert seconds_taken(stream.stop) < 1.0
            assert seconds_taken(stream.close) < 1.0
            stream.close()
    with pytest.raises(DeviceError, match="no connection to the sound server"):
        backend.open_input(spec("microphone"), Ear())


def test_a_server_that_is_frozen_holds_nobody(mortal_server, monkeypatch):
    monkeypatch.setattr(pulse_streams, "OPEN_S", 0.5)
    backend = PulseBackend(mortal_server.address)
    input_, output = backend.open_input(spec("microphone"), Ear()), backend.open_output(spec("loudspeaker"), Mouth())
    with running(input_, output):
        time.sleep(0.2)
        pids = [process.pid for process in mortal_server._processes]
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            assert seconds_taken(input_.stop) < 1.0
            assert seconds_taken(output.close) < 1.0
            assert seconds_taken(input_.close) < 1.0
            with pytest.raises(DeviceError, match="did not answer"):
                backend.open_output(spec("loudspeaker"), Mouth())
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)


def test_a_device_that_is_unplugged_ends_its_stream_and_no_other_gets_the_sound(sound_server):
    backend = PulseBackend(sound_server.address)
    module = sound_server.pactl("load-module", "module-null-sink", "sink_name=pluggable").strip()
    wait_until(lambda: "pluggable" in sound_server.pactl("list", "short", "sinks"), 5.0, "it is plugged in")
    mouth = Mouth()
    output = backend.open_output(spec("pluggable"), mouth)
    with running(output):
        wait_until(lambda: mouth.frames, 2.0, "sound flows")
        sound_server.pactl("unload-module", module)
        wait_until(lambda: not output.alive, 2.0, "the stream is dead")
        assert output.error == "the output device pluggable went away"


def test_a_device_that_refuses_the_rate_is_opened_at_its_own(monkeypatch):
    class PortAudioError(Exception):
        pass

    class OutputStream:
        def __init__(self, samplerate, **_):
            if samplerate != 44_100:
                raise PortAudioError("Invalid sample rate")
            self.samplerate = float(samplerate)

    fake = SimpleNamespace(PortAudioError=PortAudioError, OutputStream=OutputStream)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(
        portaudio, "list_devices", lambda: [Device("3", "Speakers", "Speakers", "output", 44_100, 2, default=True)]
    )
    stream = portaudio._PortAudioStream(fake, "output", spec(None), Mouth())
    assert stream.sample_rate == 44_100
    assert math.isclose(stream.latency_s, 0.04)


@pytest.mark.parametrize(("platform", "name"), [("linux", "libpulse"), ("darwin", "PortAudio"), ("win32", "PortAudio")])
def test_the_default_is_libpulse_on_linux_and_portaudio_elsewhere(platform, name, monkeypatch):
    pytest.importorskip("sounddevice", exc_type=(ImportError, OSError))
    monkeypatch.setattr(sys, "platform", platform)
    assert default_backend().name == name
