"""The tray icon: shows what the engine does, and does what its menu says."""

import pytest

from enhancer.live.protocol import Bypass, EngineState
from gui.live.model import LiveModel
from gui.power import Power
from gui.settings.model import SettingsModel
from gui.sound_devices import SoundDevices
from gui.tray import Tray, tray_icon
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
