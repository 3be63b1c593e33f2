"""The Settings page: what is touched holds at once, in the file, in the engine and in the system."""

import subprocess
import sys
from shutil import which

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QAbstractButton, QFileDialog, QPushButton

from benchmarks.clips import ROOT
from enhancer.live import settings
from enhancer.live.device import Device
from enhancer.live.protocol import EngineState, SetDevices, SetLimit
from gui import autostart, desktop_entry
from gui.hotkey import Where
from gui.live.model import LiveModel
from gui.power import Power
from gui.preferences import load
from gui.settings.model import SettingsModel
from gui.settings.page import SettingsPage
from gui.sound_devices import SoundDevices

DEVICES = [
    Device("1", "alsa_output.pci", "Speakers", "output", 48_000, 2, default=True),
    Device("2", "alsa_input.pci", "Laptop microphone", "input", 48_000, 2, default=True),
    Device("7", "yeti", "Blue Yeti", "input", 48_000, 2),
    Device("8", "buds", "Buds", "input", 16_000, 1, bluetooth_headset=True),
]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A user of our own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"XDG_{name}_HOME" if name != "RUNTIME" else "XDG_RUNTIME_DIR", str(tmp_path / name.lower()))
    return tmp_path


@pytest.fixture
def page(qtbot, link, store, folders):
    devices = SoundDevices(DEVICES)
    power = Power(link, store, devices)
    page = SettingsPage(SettingsModel(LiveModel(link, store, devices, power), store, devices, power))
    qtbot.addWidget(page)
    with qtbot.waitExposed(page):
        page.show()
    page.parts = link, store, devices, power  # as long as it lives
    return page


def running(link, **fields):
    link.set_status(state=EngineState.RUNNING, virtual_mic="Enhancer microphone", **fields)


def pick(picker, words):
    picker.setCurrentIndex(picker.findText(words))
    picker.activated.emit(picker.currentIndex())


def button(page, words):
    return next(each for each in page.findChildren(QPushButton) if each.text() == words and each.isVisible())


def segment(control, words):
    return next(each for each in control.findChildren(QAbstractButton) if each.text() == words)


def test_a_profile_is_added_named_changed_switched_and_removed(qtbot, page, link, store):
    running(link)
    qtbot.mouseClick(button(page, "Add"), Qt.MouseButton.LeftButton)
    qtbot.keyClicks(page.name, "Podcast")
    qtbot.keyClick(page.name, Qt.Key.Key_Return)
    pick(page.input, "Blue Yeti")
    qtbot.mouseClick(segment(page.strength, "Gentle"), Qt.MouseButton.LeftButton)
    assert [page.profile.itemText(i) for i in range(3)] == ["Calls", "Streaming", "Podcast"]
    assert link.requests[-2:] == [SetDevices("yeti", None), SetLimit(6.0)]
    pick(page.profile, "Calls")
    what, options = link.requests[-1]
    assert (what, options.input, options.limit_db) == ("start", None, None)
    pick(page.profile, "Podcast")
    link.set_status(input="yeti", limit_db=6.0)  # as it was told
    assert page.input.currentText() == "Blue Yeti" and page.strength.value == 6.0
    qtbot.mouseClick(page.remove, Qt.MouseButton.LeftButton)
    assert page.profile.currentText() == "Calls" and page.profile.count() == 2


def test_two_profiles_cannot_have_one_name(qtbot, page):
    page.name.selectAll()
    qtbot.keyClicks(page.name, "Streaming")
    qtbot.keyClick(page.name, Qt.Key.Key_Return)
    assert page.banner.texts == ["There is a profile “Streaming” already."]
    assert page.name.text() == "Calls"


def test_what_cannot_be_changed_in_a_running_engine_starts_it_anew(qtbot, page, link):
    running(link, monitor=True)
    qtbot.mouseClick(segment(page.latency, "Safe"), Qt.MouseButton.LeftButton)
    assert (link.requests[-1][0], link.requests[-1][1].latency) == ("restart", "safe")
    assert link.requests[-1][1].monitor  # who listens to himself goes on doing so
    link.set_status(latency_mode="safe")
    qtbot.keyClick(page.keep_open, Qt.Key.Key_Space)
    assert (link.requests[-1][0], link.requests[-1][1].keep_open) == ("restart", True)
    link.set_status(state=EngineState.STOPPED)
    asked = len(link.requests)
    qtbot.mouseClick(segment(page.latency, "Low"), Qt.MouseButton.LeftButton)
    assert len(link.requests) == asked


def test_the_next_enhancer_live_goes_on_with_what_was_chosen_here(page, store):
    pick(page.input, "Blue Yeti")
    remembered, _line = settings.load(store._path.with_name("live.toml"))
    assert remembered.input.description == "Blue Yeti"
    assert load(store._path)[0] == store.value


def test_a_bluetooth_microphone_is_advised_against(page):
    pick(page.input, "Buds")
    assert "telephone quality" in page.input.accessibleDescription()


def test_a_model_is_taken_or_refused_in_the_engines_words(qtbot, page, store, folders, monkeypatch):
    pick(page.network, "Light (less work for the processor)")
    qtbot.waitUntil(lambda: store.value.model == "light", timeout=20_000)
    wrong = folders / "voice.onnx"
    wrong.write_bytes(b"RIFF")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(wrong), ""))
    pick(page.network, "Own file…")
    qtbot.waitUntil(lambda: bool(page.banner.texts), timeout=20_000)
    assert page.banner.texts == [f"not an ONNX file: {wrong}"]
    assert page.network.currentText().startswith("Light") and store.value.model == "light"


def test_it_starts_with_the_system_as_long_as_it_is_wanted(qtbot, page, folders):
    qtbot.keyClick(page.at_login, Qt.Key.Key_Space)
    entry = folders / "config" / "autostart" / "enhancer.desktop"
    assert f"Exec={sys.executable} " in entry.read_text().replace('"', "") and "--at-login" in entry.read_text()
    assert autostart.enabled() and page.at_login.isChecked()
    text = entry.read_text()
    entry.write_text(text + "Hidden=true\n")  # in the desktop's own settings
    assert not autostart.enabled()
    entry.write_text(text)
    qtbot.keyClick(page.at_login, Qt.Key.Key_Space)
    assert not entry.exists() and not page.at_login.isChecked()


def test_the_applications_menu_lists_it_as_long_as_it_is_wanted(qtbot, page, folders):
    qtbot.mouseClick(page.in_menu, Qt.MouseButton.LeftButton)
    entry = folders / "data" / "applications" / "enhancer.desktop"
    assert entry.exists() and (folders / "data/icons/hicolor/scalable/apps/enhancer.svg").exists()
    if which("desktop-file-validate"):
        assert subprocess.run(["desktop-file-validate", entry], capture_output=True, text=True).stdout == ""
    assert page.in_menu.text() == "Remove"
    qtbot.mouseClick(page.in_menu, Qt.MouseButton.LeftButton)
    assert not any((folders / "data").rglob("enhancer*"))


def test_odd_paths_survive_in_a_desktop_entry():
    assert desktop_entry.exec_line(['/opt/my "app"/$x`y`\\z 100%/python', "-m"]) == (
        r'"/opt/my \\"app\\"/\\$x\\`y\\`\\\\z 100%%/python" -m'
    )


def test_a_hot_key_is_recorded_and_a_typing_key_refused(qtbot, page, store):
    page._model.set_hotkey_where(Where.EVERYWHERE)
    qtbot.keyClick(page.hotkey, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
    assert store.value.hotkey == "Ctrl+Alt+B"
    assert page.hotkey.accessibleDescription() == "Works in every program."
    page._model.set_hotkey("B")
    assert page.banner.texts == ["B is needed for typing."] and store.value.hotkey == "Ctrl+Alt+B"
    page._model.set_hotkey("F9")
    assert store.value.hotkey == "F9"


def test_where_the_desktop_alone_gives_out_hot_keys_it_says_what_to_bind(qtbot, page):
    qtbot.mouseClick(button(page, "Copy the command"), Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "enhancer ctl bypass"


def test_a_grabbed_hot_key_is_heard_whatever_the_locks_and_only_by_one_program():
    if not which("Xvfb"):
        pytest.skip("needs Xvfb")
    code = """
import time
from PyQt6.QtWidgets import QApplication, QWidget
from Xlib import X, XK
from Xlib.display import Display
from Xlib.ext import xtest
from gui.hotkey import GlobalHotkey

app, keyboard, heard = QApplication([]), Display(), []
window = QWidget()
hotkey, second = GlobalHotkey(window, "Ctrl+Alt+B"), GlobalHotkey(window, "Ctrl+Alt+B")
hotkey.pressed.connect(lambda: heard.append(1))

def press(*names):
    codes = [keyboard.keysym_to_keycode(XK.string_to_keysym(name)) for name in names]
    for kind, order in ((X.KeyPress, codes), (X.KeyRelease, codes[::-1])):
        for code in order:
            xtest.fake_input(keyboard, kind, code)
    keyboard.sync()

def wait(count):
    deadline = time.monotonic() + 20
    while len(heard) < count and time.monotonic() < deadline:
        app.processEvents()

press("Control_L", "Alt_L", "b"); wait(1)
press("Num_Lock"); press("Caps_Lock"); press("Control_L", "Alt_L", "b"); wait(2)
print(hotkey.where.value, second.where.value, len(heard))
"""
    command = ["xvfb-run", "-a", "env", "-u", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM=xcb", sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "everywhere taken 2\n", done.stderr
