"""The guide of the first start: microphone, voice, call program, and the doctor's checks in plain words."""

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QMainWindow, QPushButton, QRadioButton

from enhancer.live.device import Device
from enhancer.live.engine import MUTED
from enhancer.live.errors import DeviceError
from enhancer.live.protocol import EngineState, SetDevices
from gui.first_run.guide import FirstRunGuide
from gui.first_run.model import LOOKS, FirstRunModel, Step
from gui.live.model import LiveModel
from gui.power import Power
from gui.sound_devices import SoundDevices

DEVICES = [
    Device("2", "alsa_input.pci", "Laptop microphone", "input", 48_000, 2, default=True),
    Device("7", "yeti", "Blue Yeti", "input", 48_000, 2),
]


@pytest.fixture
def window(qtbot, link, store):
    """A window whose guide has begun."""
    devices = SoundDevices(DEVICES)
    power = Power(link, store, devices)
    model = FirstRunModel(LiveModel(link, store, devices, power), store, devices, power)
    window = QMainWindow()
    window.setCentralWidget(QPushButton("below"))
    window.resize(800, 600)
    qtbot.addWidget(window)
    window.guide = FirstRunGuide(model, window)
    window.model, window.devices = model, devices
    with qtbot.waitExposed(window):
        window.show()
    window.guide.begin()
    yield window
    model.close()


def go_on(qtbot, window):
    qtbot.mouseClick(window.guide.forward, Qt.MouseButton.LeftButton)


def words(window):
    return [each.text() for each in window.guide.findChildren(QLabel) if each.isVisible() and each.text()]


def test_from_the_microphone_by_the_voice_to_the_call_program(qtbot, window, link, store):
    assert "Step 1 of 3" in words(window) and not window.centralWidget().isVisible()
    yeti = next(each for each in window.guide.findChildren(QRadioButton) if each.text() == "Blue Yeti")
    qtbot.mouseClick(yeti, Qt.MouseButton.LeftButton, pos=yeti.rect().center() / 4)
    assert store.profile.input.name == "yeti"
    go_on(qtbot, window)
    what, options = link.requests[-1]
    assert (what, options.input, options.keep_open) == ("start", "yeti", True)
    assert options.virtual_mic == "Enhancer microphone"  # never into the speaker: it would hear itself
    link.set_status(state=EngineState.RUNNING, virtual_mic="Enhancer microphone", input="yeti")
    assert any(text.startswith("Say something, such as") for text in words(window))
    link.set_meters(input_rms_dbfs=-25.0, input_peak_dbfs=-14.0, speech_presence=0.9)
    qtbot.waitUntil(lambda: any("Your voice arrives" in text for text in words(window)))
    go_on(qtbot, window)
    assert any("take “Enhancer microphone” as the microphone" in text for text in words(window))
    link.set_meters(readers=1)
    qtbot.waitUntil(lambda: any("A program is using it" in text for text in words(window)))


def test_without_a_microphone_it_says_what_to_do(qtbot, window):
    window.devices._take(())
    assert any(text.startswith("There is no microphone. Plug one in") for text in words(window))
    window.devices._take(DeviceError("no connection to the sound server", "start it: systemctl ..."))
    assert "No connection to the sound server. Start it: systemctl ..." in words(window)
    window.devices._take(tuple(DEVICES))
    buttons = ["Default (Laptop microphone)", "Laptop microphone", "Blue Yeti"]
    qtbot.waitUntil(lambda: [b.text() for b in window.guide.findChildren(QRadioButton) if b.isVisible()] == buttons)


def test_a_voice_is_believed_after_a_moment_only(window, link):
    window.model.forward()
    link.set_status(state=EngineState.RUNNING)
    link.set_meters(input_rms_dbfs=-25.0, speech_presence=0.9)
    for _look in range(LOOKS - 1):
        window.model.meters()
    assert not window.model.heard
    window.model.meters()
    assert window.model.heard


def test_a_muted_microphone_is_told_of_and_another_one_can_be_chosen(qtbot, window, link):
    go_on(qtbot, window)
    link.set_status(state=EngineState.RUNNING, message=MUTED)
    assert any("is it muted" in text for text in words(window))
    qtbot.mouseClick(window.guide.back, Qt.MouseButton.LeftButton)
    window.model.live.choose("input", "yeti")
    assert link.requests[-1] == SetDevices("yeti", None)


def test_skipping_leaves_nothing_on_and_is_remembered(qtbot, window, link, store):
    go_on(qtbot, window)
    link.set_status(state=EngineState.RUNNING)
    qtbot.mouseClick(window.guide.skip, Qt.MouseButton.LeftButton)
    assert "stop" in link.requests and store.value.first_run_done
    assert window.centralWidget().isVisible() and not window.guide.isVisible()


def test_an_engine_that_was_on_before_stays_on_when_the_guide_is_skipped(qtbot, window, link):
    link.set_status(state=EngineState.RUNNING, virtual_mic="Enhancer microphone")
    go_on(qtbot, window)
    assert link.requests[-1][0] == "restart"  # opens the microphone although nobody listens
    qtbot.mouseClick(window.guide.skip, Qt.MouseButton.LeftButton)
    assert "stop" not in link.requests
    assert link.requests[-1][1].keep_open is False


def test_the_check_says_what_is_missing_and_what_to_do(qtbot, window, store, tmp_path, monkeypatch):
    """The real doctor, where there is neither a sound server nor the model."""
    monkeypatch.setenv("PULSE_SERVER", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    store.change(model="/nowhere/student.onnx")
    for _step in Step:
        if window.model.step is not Step.CHECK:
            go_on(qtbot, window)
    assert any("Checking" in text for text in words(window)) and not window.guide.skip.isVisible()
    qtbot.waitUntil(lambda: window.model.checked, timeout=30_000)
    qtbot.waitUntil(lambda: "No connection to the sound server" in words(window))
    said = words(window)
    assert "Something is missing. What to do is said below." in said
    assert any(text.startswith("Start it: ") for text in said)
    assert any(text.startswith("Model not found: /nowhere/student.onnx") for text in said)
    go_on(qtbot, window)
    assert store.value.first_run_done and window.centralWidget().isVisible()


def test_a_slow_computer_is_offered_more_latency(qtbot, window, store):
    window.model.check = lambda: None
    window.model._go(Step.CHECK)
    facts = {"frame_p50_ms": 2.0, "recommended_latency": "safe"}
    window.model._take({"check": "speed", "state": "ok", "text": "", "fix": "", "facts": facts})
    offer = next(each for each in window.guide.findChildren(QPushButton) if each.text() == "Set the latency to Safe")
    qtbot.mouseClick(offer, Qt.MouseButton.LeftButton)
    assert store.profile.latency == "safe" and not offer.isVisible()
