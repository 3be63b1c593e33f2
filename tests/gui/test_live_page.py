"""The Live page, driven like a user drives it: what it asks the engine for, and what it says."""

import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtWidgets import QAbstractButton, QApplication, QComboBox, QWidget

from enhancer.errors import UserError
from enhancer.live.device import Device
from enhancer.live.engine import MUTED, TOO_BUSY
from enhancer.live.protocol import Bypass, EngineState, Monitor, Record, SetDevices, SetLimit
from gui.live import LiveModel, LivePage
from gui.power import Power
from gui.sound_devices import SoundDevices

YETI = Device("1", "yeti", "Blue Yeti", "input", 48_000, 2, default=True)
WEBCAM = Device("2", "webcam", "Webcam", "input", 48_000, 1)
HEADPHONES = Device("3", "headphones", "Headphones", "output", 48_000, 2, default=True)
SPEAKERS = Device("4", "speakers", "Speakers", "output", 48_000, 2)
ALL = (YETI, WEBCAM, HEADPHONES, SPEAKERS)
MIC_NAME = "Enhancer microphone"


@pytest.fixture
def devices(qapp):
    return SoundDevices(ALL)


@pytest.fixture
def page(qtbot, link, store, devices):
    page = LivePage(LiveModel(link, store, devices, Power(link, store, devices)))
    qtbot.addWidget(page)
    page.resize(1000, 800)
    with qtbot.waitExposed(page):
        page.show()
    page.activateWindow()
    return page


@pytest.fixture
def running(page, link):
    link.set_status(state=EngineState.RUNNING, message="running", virtual_mic=MIC_NAME)
    return page


def click(qtbot, widget):
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def plug(devices, *now):
    """These are the machine's devices from now on."""
    devices.all = now
    devices.changed.emit()


def items(picker: QComboBox) -> list[str]:
    return [picker.itemText(index) for index in range(picker.count())]


def test_the_big_switch_starts_and_stops_the_engine(qtbot, page, link):
    assert page.state.text() == "Off"
    click(qtbot, page.power)
    what, options = link.requests.pop()
    assert (what, options.virtual_mic, options.input) == ("start", MIC_NAME, None)
    link.set_status(state=EngineState.STARTING)
    assert page.state.text() == "Starting"
    link.set_status(state=EngineState.RUNNING, message="running")
    assert page.power.isChecked()
    qtbot.keyClick(page.power, Qt.Key.Key_Space)
    assert link.requests == ["stop"]


def test_a_start_that_cannot_be_is_said_with_what_would_help(qtbot, page, devices, link):
    plug(devices)
    click(qtbot, page.power)
    assert link.requests == []
    assert not page.power.isChecked()
    assert page.banner.texts == ["there is no input device"]


@pytest.mark.parametrize(
    ("status", "readers", "title", "detail"),
    [
        ({"state": EngineState.STOPPED}, 0, "Off", "Turn it on to take the noise out of your microphone."),
        ({"state": EngineState.RUNNING, "message": "running"}, 2, "On", "2 programs hear you without the noise."),
        ({"state": EngineState.RUNNING, "message": "running"}, 0, "On", "No program listens at the moment."),
        ({"state": EngineState.RUNNING, "message": MUTED}, 1, "On", "The microphone gives silence: is it muted?"),
        (
            {"state": EngineState.RUNNING, "message": "running", "virtual_mic": None},
            0,
            "On",
            "You hear your microphone without the noise.",
        ),
        (
            {"state": EngineState.RUNNING, "message": "running", "bypass": True},
            1,
            "Passing sound through",
            "Others hear your microphone as it is.",
        ),
        ({"state": EngineState.DEGRADED, "message": TOO_BUSY}, 1, "Passing sound through", "The machine is too busy"),
        (
            {"state": EngineState.SLEEPING, "message": "nobody listens: the microphone is closed"},
            0,
            "Asleep until a program listens",
            "Your microphone is closed and opens by itself.",
        ),
        ({"state": EngineState.RECONNECTING, "message": "yeti is gone"}, 0, "Looking for your microphone", "Yeti is"),
        (
            {"state": EngineState.FAILED, "message": "there is no input device"},
            0,
            "Failed",
            "There is no input device.",
        ),
    ],
)
def test_every_state_is_told_in_plain_words(page, link, status, readers, title, detail):
    link.set_meters(readers=readers)
    link.set_status(**{"virtual_mic": MIC_NAME, **status})
    assert page.state.text() == title
    assert page.detail.text().startswith(detail)
    assert title in page.power.accessibleDescription()


def test_another_microphone_is_used_at_once_and_next_time(qtbot, running, link, store):
    assert items(running.input) == ["Default (Blue Yeti)", "Blue Yeti", "Webcam"]
    qtbot.keyClick(running.input, Qt.Key.Key_End)
    assert link.requests == [SetDevices(input="webcam", output=None)]
    assert store.profile.input.name == "webcam"
    link.set_status(input="webcam")
    qtbot.keyClick(running.output, Qt.Key.Key_End)
    assert link.requests[-1] == SetDevices(input="webcam", output="speakers")
    qtbot.keyClick(running.input, Qt.Key.Key_Home)
    assert link.requests[-1].input is None
    assert store.profile.input is None


def test_pickers_follow_what_is_plugged_in_and_out(qtbot, running, link, devices):
    qtbot.keyClick(running.input, Qt.Key.Key_End)
    link.set_status(input="webcam")
    plug(devices, HEADPHONES, Device("9", "new", "New headset", "input", 48_000, 1, default=True))
    assert items(running.input) == ["Default (New headset)", "New headset", "Not connected: Webcam"]
    assert running.input.currentText() == "Not connected: Webcam"
    link.set_status(state=EngineState.STOPPED, input=None)
    assert running.input.currentText() == "Not connected: Webcam"  # what was chosen stays chosen
    plug(devices, *ALL)
    assert running.input.currentText() == "Webcam"


def test_the_chosen_microphone_is_used_when_it_is_plugged_in_later(qtbot, page, link, store, devices):
    qtbot.keyClick(page.input, Qt.Key.Key_End)
    plug(devices, YETI, HEADPHONES)
    link.set_status(state=EngineState.RUNNING, message="running", virtual_mic=MIC_NAME)  # with the default one
    assert page.input.currentText() == "Not connected: Webcam"
    plug(devices, *ALL)
    assert link.requests == [SetDevices(input="webcam", output=None)]
    plug(devices, *ALL, Device("9", "new", "New headset", "input", 48_000, 1))
    assert len(link.requests) == 1


def test_devices_of_the_same_name_are_told_apart(page, devices):
    plug(devices, WEBCAM, Device("7", "other", "Webcam", "input", 48_000, 1))
    assert items(page.input)[1:] == ["Webcam (2)", "Webcam (7)"]


def test_the_virtual_microphone_says_what_to_do_with_it(qtbot, running, link, store):
    assert running.virtual_words.text() == "Choose “Enhancer microphone” in your call program."
    link.set_meters(readers=2)
    qtbot.waitUntil(lambda: running.virtual_words.text() == "Used by 2 programs.")
    click(qtbot, running.virtual_mic)
    what, options = link.requests.pop()
    assert (what, options.virtual_mic) == ("restart", None)
    assert running.virtual_words.text() == "Off: the sound goes to your speaker."
    assert not store.profile.virtual_mic


def test_strength_by_name_by_keys_and_by_dragging(qtbot, running, link, store):
    for number, limit in enumerate((6.0, 12.0, 24.0, None)):
        link.requests.clear()
        click(qtbot, running.presets.findChildren(QAbstractButton)[number])
        assert link.requests == [SetLimit(limit)]
        link.set_status(limit_db=limit)
        assert running.strength.limit_db == store.profile.limit_db == limit
    assert running.strength_words.text() == "Full"
    qtbot.keyClick(running.strength, Qt.Key.Key_Left)
    assert link.requests[-1] == SetLimit(40.0)
    link.set_status(limit_db=40.0)
    assert running.strength_words.text() == "up to 40 dB"
    middle, end = running.strength.rect().center(), QPoint(running.strength.width() - 9, 13)
    qtbot.mousePress(running.strength, Qt.MouseButton.LeftButton, pos=end - QPoint(4, 0))
    qtbot.mouseMove(running.strength, middle)
    assert 15 < link.requests[-1].db < 25  # heard while it is dragged
    assert store.profile.limit_db == 40.0  # remembered when it is let go
    qtbot.mouseRelease(running.strength, Qt.MouseButton.LeftButton, pos=middle)
    assert store.profile.limit_db == link.requests[-1].db


def test_holding_the_button_compares(qtbot, running, link):
    qtbot.mousePress(running.compare, Qt.MouseButton.LeftButton)
    assert link.requests == [Bypass(True)]
    link.set_status(bypass=True)
    assert running.state.text() == "Passing sound through"
    assert not running.bypass.isChecked()  # it is only held
    qtbot.mouseRelease(running.compare, Qt.MouseButton.LeftButton)
    assert link.requests == [Bypass(True), Bypass(False)]


def test_holding_the_space_bar_compares_and_letting_go_is_never_missed(qtbot, running, link):
    running.setFocus()
    qtbot.keyPress(running, Qt.Key.Key_Space)
    assert link.requests == [Bypass(True)]
    link.set_status(bypass=True)
    qtbot.keyRelease(running, Qt.Key.Key_Space)
    assert link.requests == [Bypass(True), Bypass(False)]
    link.set_status(bypass=False)
    qtbot.keyPress(running, Qt.Key.Key_Space)
    link.set_status(bypass=True)
    running.input.setFocus()  # the release goes elsewhere
    assert link.requests[2:] == [Bypass(True), Bypass(False)]


def test_with_bypass_latched_holding_lets_hear_the_cleaned_sound(qtbot, running, link):
    click(qtbot, running.bypass)
    assert link.requests == [Bypass(True)]
    link.set_status(bypass=True)
    qtbot.mousePress(running.compare, Qt.MouseButton.LeftButton)
    link.set_status(bypass=False)
    assert running.bypass.isChecked()
    qtbot.mouseRelease(running.compare, Qt.MouseButton.LeftButton)
    assert link.requests == [Bypass(True), Bypass(False), Bypass(True)]


def test_listening_to_oneself_and_recording(qtbot, running, link, store, tmp_path):
    store.change(recording_folder=str(tmp_path))
    assert "headphones" in running.monitor_words.text()
    click(qtbot, running.monitor)
    click(qtbot, running.record)
    assert link.requests == [Monitor(True), Record(str(tmp_path))]
    link.set_status(monitor=True, recording=str(tmp_path))
    assert running.record_words.text() == f"Recording into {tmp_path}"
    click(qtbot, running.record)
    assert link.requests[-1] == Record(None)
    assert running.banner.texts == [f"Recorded into {tmp_path}."]


def test_a_switch_that_the_engine_refuses_goes_back_and_the_page_says_why(qtbot, running, link):
    link.answer = UserError("cannot record into /full: no space", "choose another folder")
    click(qtbot, running.record)
    assert not running.record.isChecked()
    assert running.banner.texts == ["cannot record into /full: no space"]


def test_what_has_happened_is_shown_once_and_not_beside_a_state_that_says_it(qtbot, running, link):
    link.happen("running")
    link.happen("yeti is gone", EngineState.RECONNECTING)
    link.happen("the default microphone is used")
    link.set_status(message="the default microphone is used")
    link.happen("the sound is back")
    link.happen("the recording has ended: no space left")
    link.happen("the machine keeps up again")
    shown = ["the machine keeps up again", "the recording has ended: no space left"]  # of good news, the last
    qtbot.waitUntil(lambda: running.banner.texts == shown)


def test_what_needs_sound_waits_for_it(page, link):
    for control in (page.compare, page.bypass, page.monitor, page.record):
        assert not control.isEnabled()
    assert (page.latency.text(), page.levels.values[0].text()) == ("Latency  –", "–")
    link.set_status(state=EngineState.RUNNING, message="running", virtual_mic=MIC_NAME)
    for control in (page.compare, page.bypass, page.monitor, page.record):
        assert control.isEnabled()


def test_figures_are_in_words_and_latency_tells_its_parts_to_mouse_and_keyboard(qtbot, running, link):
    link.set_meters(
        input_rms_dbfs=-23.4, input_peak_dbfs=0.0, output_rms_dbfs=-120.0, gain_reduction_db=13.2, snr_db=-3.2,
        latency_algorithm_ms=20, latency_buffers_ms=25, latency_input_device_ms=9, latency_output_device_ms=11,
        frame_p50_ms=0.31, frame_p99_ms=0.74, input_xruns=1, output_xruns=2, drift_ppm=3.4,
    )  # fmt: skip
    qtbot.waitUntil(lambda: running.latency.text() == "Latency  65 ms")
    assert [value.text() for value in running.levels.values] == ["Too loud", "silent", "13 dB"]
    assert running.levels.snr.text() == "Speech over noise −3 dB (estimate)"
    assert running.frame_time.text().endswith("0.31 / 0.74 ms")
    assert (running.dropouts.text(), running.drift.text()) == ("Dropouts  3", "Clock drift  +3 ppm")
    parts = "20 ms enhancing, 25 ms waiting between the devices, 9 ms microphone, 11 ms output"
    assert parts == running.latency.toolTip() == running.latency.accessibleDescription()


def test_every_control_has_a_name_and_is_reached_by_the_tab_key(running):
    controls = (
        running.power, running.compare, running.bypass, running.input, running.output, running.virtual_mic,
        running.strength, running.monitor, running.record, running.latency, running.frame_time, running.dropouts,
        running.drift,
    )  # fmt: skip
    running.power.setFocus()
    reached: list[QWidget] = [running.power]
    while running.focusNextPrevChild(True) and (now := QApplication.focusWidget()) not in reached:
        reached.append(now)
        assert now.accessibleName() or now.text()
    assert [each for each in reached if each in controls] == list(controls)  # in the order in which they are seen


def test_in_a_narrow_window_there_is_one_column(qtbot, running):
    right = running.levels.x()
    running.resize(420, 800)
    qtbot.waitUntil(lambda: running.levels.x() < right and running.levels.width() < 420)
    running.resize(1000, 800)
    qtbot.waitUntil(lambda: running.levels.x() == right)
