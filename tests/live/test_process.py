"""The engine as a process: found or started, started again when it is killed, ended without a trace."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from enhancer.errors import ConfigError, UserError
from enhancer.live import launch, places
from enhancer.live.engine import Options
from enhancer.live.errors import NotRunning
from enhancer.live.instance import find_running
from enhancer.live.launch import Supervisor
from enhancer.live.process import decode_options, encode_options, log_file
from enhancer.live.protocol import Bypass, EngineState, SetLimit, Shutdown, Start, Stop
from enhancer.live.virtual_mic import remove_stale
from tests.live.sound_servers import wait_until


@pytest.fixture
def options(build_model):
    return Options(
        input="microphone", virtual_mic="Enhancer microphone", keep_open=True, model=str(build_model("pass"))
    )


def sources(server) -> str:
    return server.pactl("list", "short", "sources")


def state_of(supervisor: Supervisor, state: EngineState) -> None:
    wait_until(lambda: supervisor.status().state is state, 5.0, f"the engine is {state}")


def test_options_survive_the_command_line(options):
    assert decode_options(encode_options(options)) == options
    assert decode_options("{}") == Options()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"volume": 3}', '{"input": 3}', '{"keep_open": 1}', '{"limit_db": true}', '{"latency": "none"}']
)
def test_senseless_options_are_refused(text):
    with pytest.raises(ConfigError):
        decode_options(text)


def test_an_engine_that_is_killed_is_started_again_and_goes_on_as_before(own_pulse, options):
    before = own_pulse.modules()
    with Supervisor(options, places.runtime_dir()) as supervisor:
        assert supervisor.own
        supervisor.request(Start())
        supervisor.request(SetLimit(9.0))
        supervisor.request(Bypass(True))
        state_of(supervisor, EngineState.RUNNING)
        os.kill(supervisor.pid, signal.SIGKILL)
        killed = supervisor.pid
        said = wait_until(supervisor.look_after, 2.0, "it is noticed")
        assert "signal 9" in said and "again" in said
        assert supervisor.pid != killed
        status = supervisor.status()
        assert (status.state, status.limit_db, status.bypass) == (EngineState.RUNNING, 9.0, True)
        assert sources(own_pulse).count("enhancer_mic") == 1
    assert own_pulse.modules() == before
    assert find_running(places.runtime_dir()) is None


def test_an_engine_that_dies_each_time_is_given_up(own_pulse, options, monkeypatch):
    monkeypatch.setattr(launch, "RESTARTS", 0)
    with Supervisor(options, places.runtime_dir()) as supervisor:
        os.kill(supervisor.pid, signal.SIGKILL)
        with pytest.raises(UserError, match="signal 9"):
            wait_until(supervisor.look_after, 5.0, "it is noticed")


def test_the_second_finds_the_first_and_leaves_it_running(own_pulse, options):
    runtime = places.runtime_dir()
    with Supervisor(options, runtime) as first:
        first.request(Start())
        with Supervisor(replace(options, input="nowhere"), runtime) as second:
            assert not second.own
            assert second.pid == first.pid
            assert second.status().input == "microphone"
        assert first.alive
        second = Supervisor(options, runtime)
        second.request(Shutdown())
        with pytest.raises(NotRunning, match="ended"):
            wait_until(first.look_after, 5.0, "it is noticed")
        second.close()


def test_a_frozen_engine_is_ended_all_the_same(own_pulse, options, monkeypatch):
    monkeypatch.setattr(launch, "END_S", 0.2)
    before = own_pulse.modules()
    with Supervisor(options, places.runtime_dir()) as supervisor:
        supervisor.request(Start())
        os.kill(supervisor.pid, signal.SIGSTOP)
        wait_until(lambda: not supervisor.alive, 4.0, "it is noticed")
    assert find_running(places.runtime_dir()) is None
    remove_stale()
    assert own_pulse.modules() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_and_take_the_virtual_microphone_along(number, own_pulse, options):
    before = own_pulse.modules()
    with Supervisor(options, places.runtime_dir()) as supervisor:
        supervisor.request(Start())
        assert "enhancer_mic" in sources(own_pulse)
        os.kill(supervisor.pid, number)
        with pytest.raises(NotRunning, match="ended"):
            wait_until(supervisor.look_after, 5.0, "it ends")
        assert own_pulse.modules() == before


def test_its_log_says_what_happened_and_stays_small(own_pulse, options):
    with Supervisor(options, places.runtime_dir()) as supervisor:
        supervisor.request(Start())
    log = log_file().read_text()
    assert "starting -> running" in log and "running -> stopped" in log


def test_what_there_can_be_no_engine_for_is_said(own_pulse, options):
    with pytest.raises(UserError, match=r"missing\.onnx"):
        Supervisor(replace(options, model="/missing.onnx"), places.runtime_dir())


def test_a_service_starts_by_itself_and_needs_no_client(own_pulse, options):
    command = [sys.executable, "-m", "enhancer.live.process", "-"]
    service = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        service.stdin.write(encode_options(replace(options, service=True)).encode())
        service.stdin.close()
        wait_until(lambda: "enhancer_mic" in sources(own_pulse), 10.0, "there is a microphone")
        second = subprocess.run([*command[:-1], encode_options(options)], capture_output=True, text=True, timeout=30)
        assert second.returncode == 2
        assert "running already" in json.loads(second.stdout)["error"]
    finally:
        service.terminate()
        assert service.wait(10) == 0
        service.stdout.close()
    assert "enhancer_mic" not in sources(own_pulse)


def test_each_event_of_an_engine_is_news_once_and_those_before_us_are_none(own_pulse, options):
    def texts(supervisor: Supervisor) -> list[str]:
        supervisor.status()
        return [event.text for event in supervisor.news()]

    with Supervisor(options, places.runtime_dir()) as first:
        first.request(Start())
        assert texts(first)[:2] == ["starting", "running"]
        first.request(Stop())
        assert texts(first)[-1] == "stopped"
        assert texts(first) == []
        with Supervisor(options, places.runtime_dir()) as second:
            assert texts(second) == []
            second.request(Start())
            assert texts(second)[:2] == texts(first)[:2] == ["starting", "running"]
