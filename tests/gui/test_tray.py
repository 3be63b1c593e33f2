"""The tray icon: shows what the engine does, and does what its menu says."""

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QPushButton

from enhancer.live.protocol import Bypass, EngineState
from gui.app import Monitor
from gui.live.model import LiveModel
from gui.power import Power
from gui.preferences import PROFILES, PreferencesStore
from gui.settings.model import SettingsModel
from gui.sound_devices import SoundDevices
from gui.tray import Tray, tray_icon
from tests.gui.fake_engine import FakeLink
from tests.gui.test_settings_page import DEVICES


@pytest.fixture
def tray(link, store):
    devices = SoundDevices(DEVICES)
    power = Power(link, store, devices)
    live = LiveModel(link, store, devices, power)
    tray = Tray(live, SettingsModel(live, store, devices, power))
    tray.parts = power, live
    yield tray
    tray.close()


def test_each_state_has_a_picture_of_its_own(tray, link):
    seen = {}
    for state in EngineState:
        link.set_status(state=state)
        seen[state] = tray.picture
        assert tray.icon.toolTip().startswith(f"Enhancer: {tray.state.text()}")
    link.set_status(state=EngineState.RUNNING, bypass=True)
    assert tray.picture == "bypassed"
    assert seen[EngineState.RUNNING] == "on" and seen[EngineState.SLEEPING] == "ready"
    assert seen[EngineState.FAILED] == seen[EngineState.RECONNECTING] == seen[EngineState.DEGRADED] == "trouble"
    pictures = {name: tray_icon(name).pixmap(22).toImage() for name in {*seen.values(), "bypassed"}}
    assert len({bytes(picture.constBits().asarray(picture.sizeInBytes())) for picture in pictures.values()}) == 6


def test_its_menu_switches_on_and_off_and_bypasses(tray, link):
    assert not tray.bypass.isEnabled()
    tray.power.trigger()
    assert link.requests[-1][0] == "start"
    link.set_status(state=EngineState.RUNNING)
    assert tray.power.isChecked()
    tray.bypass.trigger()
    assert link.requests[-1] == Bypass(True)
    tray.power.trigger()
    assert link.requests[-1] == "stop"


def test_its_menu_changes_the_profile(tray, link, store):
    link.set_status(state=EngineState.RUNNING, virtual_mic="Enhancer microphone")
    streaming = tray.profiles.actions()[1]
    streaming.trigger()
    assert store.value.current == "Streaming" and streaming.isChecked()
    assert link.requests[-1][1].latency == "safe"
    store.change_profile(name="R&D")
    assert [action.text() for action in tray.profiles.actions()] == ["Calls", "R&&D"]


def test_it_opens_the_window_and_quits(qtbot, tray):
    with qtbot.waitSignal(tray.opened):
        tray.open.trigger()
    with qtbot.waitSignal(tray.quit):
        tray.leave.trigger()


@pytest.fixture(scope="module")
def whole(qapp, tmp_path_factory):
    """All that `enhancer gui` puts together, with an engine that only remembers what it was asked for."""
    store = PreferencesStore(path=tmp_path_factory.mktemp("config") / "gui.toml")
    monitor = Monitor(qapp, store, FakeLink(), SoundDevices(DEVICES))
    yield monitor
    monitor.close()
    monitor.window.hide()


@pytest.fixture
def monitor(whole):
    """The same, as it is at first."""
    whole.link.requests.clear()
    whole.link.set_status(state=EngineState.STOPPED, bypass=False)
    yield whole
    whole.store.change(language="en", profiles=PROFILES)


def test_at_login_it_is_on_once_there_is_a_sound_server_but_never_into_the_speaker(monitor):
    link, store = monitor.link, monitor.store
    monitor.turn_on_at_login()
    assert link.requests == []
    monitor.devices.changed.emit()
    assert [request[0] for request in link.requests] == ["start"]
    store.change_profile(virtual_mic=False)
    monitor.turn_on_at_login()
    monitor.devices.changed.emit()
    assert len(link.requests) == 1


def test_the_hot_key_bypasses_and_goes_back(monitor, qtbot):
    link, store = monitor.link, monitor.store
    store.change(hotkey="F9")
    with qtbot.waitActive(monitor.window):
        monitor.window.present()
    qtbot.keyClick(monitor.window, Qt.Key.Key_F9)
    assert link.requests == []  # nothing to compare with
    link.set_status(state=EngineState.RUNNING)
    qtbot.keyClick(monitor.window, Qt.Key.Key_F9)
    link.set_status(bypass=True)
    qtbot.keyClick(monitor.window, Qt.Key.Key_F9)
    assert link.requests == [Bypass(True), Bypass(False)]
    store.change(hotkey="")
    qtbot.keyClick(monitor.window, Qt.Key.Key_F9)
    assert len(link.requests) == 2


def test_another_language_shows_at_once_in_window_tray_and_guide(monitor):
    store = monitor.store
    monitor.window.show_page("settings")
    store.change(language="zh_CN")
    assert monitor.window.page_widget("settings").title() == "设置" and monitor.window.page == "settings"
    assert monitor.tray.leave.text() == "退出"
    assert monitor.guide.skip.text() == "跳过"
    store.change(language="en")
    assert monitor.tray.leave.text() == "Quit"


def test_the_guide_is_shown_again_from_the_settings(monitor, qtbot):
    monitor.window.present("settings")
    page = monitor.window.page_widget("settings")
    qtbot.mouseClick(
        next(b for b in page.findChildren(QPushButton) if b.text() == "Set up again"), Qt.MouseButton.LeftButton
    )
    assert monitor.guide.isVisible() and not page.isVisible()
    qtbot.mouseClick(monitor.guide.skip, Qt.MouseButton.LeftButton)
    assert page.isVisible() and not monitor.guide.isVisible()
