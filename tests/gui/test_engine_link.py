"""The engine behind Qt signals: a real engine on a real sound server, and a GUI thread that never waits for it."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from PyQt6.QtCore import QTimer

from enhancer.live import places
from enhancer.live.client import EngineClient
from enhancer.live.engine import Options
from enhancer.live.instance import find_running, process_exists
from enhancer.live.launch import Supervisor
from enhancer.live.meters import SILENCE_DB
from enhancer.live.protocol import Bypass, EngineState, Monitor, Ok, Start
from gui.engine_link import EngineLink

PATIENCE_MS = 20_000  # of a busy machine


@pytest.fixture
def options(build_model):
    return Options(virtual_mic="Enhancer microphone", keep_open=True, model=str(build_model("pass")))


@pytest.fixture
def engine(qapp, own_pulse):
    """A link that has told nothing yet; `heard` is what it has emitted."""
    link = EngineLink()
    link.heard = []
    link.happened.connect(lambda event: link.heard.append(event.text))
    link.refused.connect(lambda error: link.heard.append(error.message))
    yield link
    link.close()


def until(qtbot, what):
    qtbot.waitUntil(lambda: bool(what()), timeout=PATIENCE_MS)


def test_a_real_engine_is_started_asked_killed_and_stopped_while_the_gui_thread_goes_on(
    qtbot, engine, own_pulse, options, monkeypatch
):
    askers, ask = set(), EngineClient.request
    monkeypatch.setattr(
        EngineClient, "request", lambda *a, **k: (askers.add(threading.current_thread()), ask(*a, **k))[1]
    )
    modules = own_pulse.modules()
    assert (engine.status.state, engine.connected) == (EngineState.STOPPED, False)

    states = []
    engine.status_changed.connect(lambda status: states.append(status.state))
    engine.start(options)
    until(qtbot, lambda: engine.status.state is EngineState.RUNNING and engine.connected)
    assert states[0] is EngineState.STARTING
    assert "running" in engine.heard

    noise = 0.1 * np.random.default_rng(1).standard_normal(48_000 * 20).astype(np.float32)
    player = own_pulse.play("room", noise, latency_ms=100)
    until(qtbot, lambda: engine.meters().output_rms_dbfs > -40.0)
    until(qtbot, lambda: engine.meters(spectra=True).input_spectrum_db.max() > SILENCE_DB)

    answers, ticks = [], []
    timer = QTimer(interval=5)
    timer.timeout.connect(lambda: ticks.append(time.monotonic()))
    timer.start()
    os.kill(engine.pid, signal.SIGSTOP)  # it hangs: nobody waits for it but the worker's thread
    engine.request(Bypass(True), answers.append)
    until(qtbot, lambda: len(ticks) > 50)
    assert answers == []
    os.kill(engine.pid, signal.SIGCONT)
    until(qtbot, lambda: answers == [Ok()] and engine.status.bypass)
    timer.stop()

    killed = engine.pid
    os.kill(killed, signal.SIGKILL)
    until(qtbot, lambda: engine.pid not in (killed, 0) and engine.status.state is EngineState.RUNNING)
    assert "the engine ended (signal 9) and was started again" in engine.heard
    assert engine.status.bypass
    until(qtbot, lambda: engine.meters().input_rms_dbfs > -40.0)

    second = engine.pid
    engine.stop()
    until(qtbot, lambda: engine.status.state is EngineState.STOPPED and not engine.connected)
    assert not process_exists(second)
    assert own_pulse.modules() == modules
    assert engine.meters().input_rms_dbfs == SILENCE_DB
    assert {thread.name for thread in askers} == {"engine"}
    player.kill()
    player.wait()


def test_what_is_refused_is_told_with_its_reason_and_the_link_lives_on(qtbot, engine, options):
    answers = []
    engine.request(Bypass(True), answers.append)
    until(qtbot, lambda: answers)
    assert answers[0].message == "noise suppression is off"
    engine.start(Options(virtual_mic="m", model="/nowhere.onnx"))
    until(qtbot, lambda: engine.status.state is EngineState.FAILED)
    assert engine.heard == ["noise suppression is off", engine.status.message]
    assert "/nowhere.onnx" in engine.status.message
    engine.start(Options(input="no such microphone", virtual_mic="m", model=options.model))
    until(qtbot, lambda: engine.status.state is EngineState.FAILED and engine.connected)
    assert "no such microphone" in engine.heard[-1]


def test_an_engine_that_was_started_elsewhere_is_found_controlled_and_left_alive(qtbot, engine, options):
    with Supervisor(options, places.runtime_dir()) as elsewhere:
        elsewhere.request(Start())
        until(qtbot, lambda: engine.status.state is EngineState.RUNNING)
        assert engine.pid == elsewhere.pid
        answers = []
        engine.request(Monitor(True), answers.append)
        until(qtbot, lambda: answers == [Ok()] and engine.status.monitor)
        engine.restart(Options(virtual_mic="another", model=options.model))
        until(qtbot, lambda: any("was started elsewhere" in line for line in engine.heard))
        engine.stop()
        until(qtbot, lambda: engine.status.state is EngineState.STOPPED)
        assert find_running(places.runtime_dir()) == elsewhere.pid
    until(qtbot, lambda: engine.heard[-1] == "the engine is gone" and not engine.connected)


def test_a_restart_changes_what_a_running_engine_cannot_and_closing_ends_it(qtbot, own_pulse, options):
    link = EngineLink()
    link.start(options)
    until(qtbot, lambda: link.status.state is EngineState.RUNNING)
    link.request(Bypass(True))
    before = link.pid
    link.restart(Options(virtual_mic="Another name", keep_open=True, latency="safe", model=options.model))
    until(qtbot, lambda: link.status.virtual_mic == "Another name" and link.status.bypass)
    after = link.pid
    assert after != before and not process_exists(before)
    assert link.status.latency_mode == "safe"
    link.close()
    assert not link.connected and not process_exists(after)
    assert "engine" not in {thread.name for thread in threading.enumerate()}
