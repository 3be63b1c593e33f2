"""The engine on real sound servers: a virtual microphone that works, sleeps, wakes, survives, and leaves nothing."""

import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from enhancer.live import engine, places
from enhancer.live.client import EngineClient
from enhancer.live.engine import Engine, Options
from enhancer.live.errors import RequestRefused
from enhancer.live.meters import MeterReader
from enhancer.live.protocol import Bypass, EngineState, Monitor, SetDevices, SetLimit, Shutdown, Start, Status, Stop
from enhancer.live.pulse import virtual_device
from enhancer.live.pulse_streams import PulseBackend
from tests.live.sound_servers import wait_until

OPTIONS = Options(input="microphone", virtual_mic="Enhancer microphone")


class Running:
    """An engine in a thread of its own, and a client of it."""

    def __init__(self, server, runtime: Path, options: Options = OPTIONS) -> None:
        self.server = server
        self.engine = Engine(lambda: PulseBackend(server.address), options, runtime, sound_server=server.address)
        self.bug: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        wait_until(places.meters_path(runtime).exists, 5.0, "the engine is there")
        self.client = EngineClient(runtime)
        self.meters = MeterReader(places.meters_path(runtime))

    def _run(self) -> None:
        try:
            self.engine.run()
        except BaseException as bug:
            self.bug = bug

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.thread.is_alive():
            self.client.request(Shutdown())
        self.thread.join(5)
        assert not self.thread.is_alive()

    def status(self):
        return self.client.request(Status())

    def reaches(self, state: EngineState, within_s: float) -> None:
        wait_until(lambda: self.status().state is state, within_s, f"the engine is {state}")


@pytest.fixture
def runtime(tmp_path_factory):
    return tmp_path_factory.mktemp("rt")


@pytest.fixture
def impatient(monkeypatch):
    """An engine that waits for nobody longer than it must, so that its tests do not, either."""
    for name in ("DOZE_S", "LOOK_AGAIN_S", "LONELY_S"):
        monkeypatch.setattr(engine, name, 0.5)


def sources(server) -> str:
    return server.pactl("list", "short", "sources")


def hiss(seconds: float) -> np.ndarray:
    return (0.05 * np.random.default_rng(1).standard_normal(int(48_000 * seconds))).astype(np.float32)


def test_it_sleeps_while_nobody_listens_and_wakes_for_the_first_reader(sound_server, runtime, impatient):
    before = sound_server.modules()
    with Running(sound_server, runtime) as it:
        it.client.request(Start())
        assert "enhancer_mic" in sources(sound_server)
        it.reaches(EngineState.SLEEPING, 6.0)
        assert not sound_server.pactl("list", "short", "source-outputs").count("enhancer-input")
        recording = sound_server.record("enhancer_mic")
        it.reaches(EngineState.RUNNING, 2.0)
        player = sound_server.play("room", hiss(8.0))
        wait_until(lambda: it.meters.read().input_rms_dbfs > -40.0, 5.0, "the microphone is heard")
        wait_until(lambda: it.meters.read().gain_reduction_db > 10.0, 5.0, "the noise goes")
        assert it.meters.read().readers == 1
        player.kill()
        recording.stop()
        it.reaches(EngineState.SLEEPING, 6.0)
    assert sound_server.modules() == before
    assert "enhancer_mic" not in sources(sound_server)


def test_a_server_that_is_killed_and_started_again_gets_its_microphone_back(mortal_server, runtime):
    with Running(mortal_server, runtime, replace(OPTIONS, keep_open=True)) as it:
        it.client.request(Start())
        it.reaches(EngineState.RUNNING, 3.0)
        mortal_server.kill()
        it.reaches(EngineState.RECONNECTING, 2.5)
        mortal_server.start()
        it.reaches(EngineState.RUNNING, 6.0)
        assert "enhancer_mic" in sources(mortal_server)


def test_a_server_that_freezes_while_it_sleeps_is_noticed_and_its_microphone_kept(mortal_server, runtime, impatient):
    with Running(mortal_server, runtime) as it:
        it.client.request(Start())
        it.reaches(EngineState.SLEEPING, 6.0)
        modules = mortal_server.modules()
        mortal_server.freeze()
        it.reaches(EngineState.RECONNECTING, 4.0)
        for process in mortal_server._processes:
            process.send_signal(signal.SIGCONT)
        it.reaches(EngineState.SLEEPING, 6.0)
        assert mortal_server.modules() == modules
        recording = mortal_server.record("enhancer_mic")
        it.reaches(EngineState.RUNNING, 2.0)
        recording.stop()


def test_it_never_listens_to_itself_though_its_user_makes_it_the_default(mortal_server, runtime, monkeypatch):
    monkeypatch.setattr(virtual_device, "SETTLE_S", 0.5)
    with Running(mortal_server, runtime, replace(OPTIONS, input=None, keep_open=True)) as it:
        it.client.request(Start())
        time.sleep(0.8)  # until then, defaults that move to us are the server's doing, and put right
        mortal_server.pactl("set-default-source", "enhancer_mic")
        said = "the default microphone is our own"
        wait_until(lambda: said in it.status().events[-1].text, 3.0, "it is said")
        heard = mortal_server.pactl("list", "source-outputs")
        assert it.status().microphone == "microphone" and heard.count('media.name = "input"') == 1
        it.client.request(Stop())
        mortal_server.pactl("set-default-source", "room.monitor")
        it.client.request(Start())
        assert it.status().microphone == "microphone", "nor to what is played"


def test_it_goes_over_to_the_new_default_microphone(sound_server, runtime):
    number = sound_server.pactl("load-module", "module-remap-source", "source_name=headset", "master=room.monitor")
    with Running(sound_server, runtime, replace(OPTIONS, input=None, keep_open=True)) as it:
        it.client.request(Start())
        assert it.status().microphone == "microphone"
        sound_server.pactl("set-default-source", "headset")
        wait_until(lambda: it.status().microphone == "headset", 3.0, "the headset is used")
        sound_server.pactl("set-default-source", "microphone")
        wait_until(lambda: it.status().microphone == "microphone", 3.0, "the other one is used again")
        assert (it.status().state, it.status().input) == (EngineState.RUNNING, None)
    sound_server.pactl("unload-module", number.strip())


def test_a_bug_in_the_worker_ends_the_engine_so_that_another_is_started(pulse_server, runtime, monkeypatch):
    with Running(pulse_server, runtime, replace(OPTIONS, keep_open=True)) as it:
        it.client.request(Start())
        monkeypatch.setattr(it.engine._gauges, "hear", lambda heard, passed: 1 / 0)
        wait_until(lambda: not it.thread.is_alive(), 5.0, "the engine ends")
        assert isinstance(it.bug, ZeroDivisionError)
    assert "enhancer_mic" not in sources(pulse_server)


def test_requests_take_effect_and_senseless_ones_are_refused(pulse_server, runtime):
    with Running(pulse_server, runtime, replace(OPTIONS, keep_open=True)) as it:
        it.client.request(Start())
        it.client.request(SetLimit(6.0))
        it.client.request(Bypass(True))
        it.client.request(Monitor(True))
        assert (it.status().limit_db, it.status().bypass, it.status().monitor) == (6.0, True, True)
        with pytest.raises(RequestRefused, match="nowhere"):
            it.client.request(SetDevices(input="nowhere"))
        assert it.status().input == "microphone"
        it.client.request(SetDevices(input="room.monitor"))
        assert it.status().input == "room.monitor"
        it.client.request(Monitor(False))
        it.client.request(Stop())
        assert it.status().state is EngineState.STOPPED
        assert "enhancer_mic" not in sources(pulse_server)


def test_an_unplugged_microphone_is_replaced_by_the_default_one_and_taken_again_when_it_is_back(
    sound_server, runtime, impatient
):
    def plug() -> str:
        return sound_server.pactl(
            "load-module", "module-remap-source", "source_name=headset", "master=room.monitor", "channels=1",
            "master_channel_map=front-left", "channel_map=mono", "remix=no",
        ).strip()  # fmt: skip

    number = plug()
    with Running(sound_server, runtime, replace(OPTIONS, input="headset", keep_open=True)) as it:
        it.client.request(Start())
        recording = sound_server.record("enhancer_mic")
        sound_server.pactl("unload-module", number)
        wait_until(lambda: "default microphone" in it.status().message, 4.0, "the default microphone is used")
        assert it.status().state is EngineState.RUNNING
        number = plug()
        wait_until(lambda: "default" not in it.status().message, 6.0, "the headset is used again")
        assert [event.text for event in it.status().events].count("the microphone headset is back") == 1
        assert recording.process.poll() is None, "who records from the virtual microphone goes on"
        recording.stop()
    sound_server.pactl("unload-module", number)


def test_a_missing_microphone_is_said_and_nothing_is_left_behind(pulse_server, runtime):
    before = pulse_server.modules()
    with Running(pulse_server, runtime, replace(OPTIONS, input="nowhere")) as it:
        with pytest.raises(RequestRefused, match="nowhere"):
            it.client.request(Start())
        assert it.status().state is EngineState.FAILED
    assert pulse_server.modules() == before


def test_an_engine_that_is_no_service_ends_when_its_last_client_is_gone(pulse_server, runtime, impatient):
    with Running(pulse_server, runtime) as it:
        it.client.request(Start())
        it.client.close()
        wait_until(lambda: not it.thread.is_alive(), 4.0, "the engine ends")
    assert "enhancer_mic" not in sources(pulse_server)


def test_a_patient_start_waits_for_the_sound_server(mortal_server, runtime):
    with Running(mortal_server, runtime, replace(OPTIONS, keep_open=True)) as it:
        mortal_server.kill()
        with pytest.raises(RequestRefused, match="sound server"):
            it.client.request(Start())
        it.client.request(Start(patient=True))
        assert it.status().state is EngineState.RECONNECTING
        mortal_server.start()
        it.reaches(EngineState.RUNNING, 6.0)
        assert "enhancer_mic" in sources(mortal_server)
