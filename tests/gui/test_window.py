"""The window around the pages: the way between them, what it remembers, how it starts, stays and ends."""

import os
import signal
import subprocess
import sys

import pytest
from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from benchmarks.clips import ROOT
from enhancer.live.protocol import EngineState
from gui.main_window import MainWindow, PageSpec
from gui.single_instance import SingleInstance
from gui.theme import shows_focus
from tests.live.sound_servers import wait_until

PATIENCE_MS = 20_000


class Page(QWidget):
    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words
        column = QVBoxLayout(self)
        self.field = QLineEdit()
        column.addWidget(self.field)

    def title(self) -> str:
        return self.words


@pytest.fixture
def make_window(qtbot, link, store):
    """A window with three pages. stays: whether closing it only hides it."""

    def make(stays: bool = False) -> MainWindow:
        pages = [PageSpec(name, name, lambda name=name: Page(name.title())) for name in ("live", "files", "settings")]
        window = MainWindow(pages, link, store, lambda: stays)
        qtbot.addWidget(window, before_close_func=lambda window: window.hide())
        with qtbot.waitActive(window, timeout=PATIENCE_MS):
            window.present()
        return window

    return make


def entries(window):
    return window.navigation.entries


def test_pages_are_reached_by_mouse_keys_and_shortcuts(qtbot, make_window):
    window = make_window()
    assert window.page == "live"
    qtbot.mouseClick(entries(window)[1], Qt.MouseButton.LeftButton)
    assert window.page == "files"
    qtbot.keyClick(entries(window)[1], Qt.Key.Key_Down)
    assert window.page == "settings"
    assert window.focusWidget() is entries(window)[2]
    qtbot.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.page == "live"
    assert [entry.accessibleName() for entry in entries(window)] == ["Live", "Files", "Settings"]
    assert [entry.isChecked() for entry in entries(window)] == [True, False, False]


def test_the_tab_key_goes_from_the_navigation_into_the_page_and_back(qtbot, make_window):
    window = make_window()
    entries(window)[0].setFocus()
    qtbot.keyClick(entries(window)[0], Qt.Key.Key_Tab)
    assert window.focusWidget() is window.page_widget("live").field
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab, Qt.KeyboardModifier.ShiftModifier)
    assert window.focusWidget() is entries(window)[0]


def test_the_ring_around_the_focus_is_for_who_goes_by_keyboard(qtbot, make_window):
    window = make_window()
    qtbot.mouseClick(entries(window)[1], Qt.MouseButton.LeftButton)
    assert entries(window)[1].hasFocus() and not shows_focus(entries(window)[1])
    field = window.page_widget("files").field
    field.setFocus()  # as when a pressed button makes way for another
    assert not shows_focus(field)
    entries(window)[1].setFocus()
    qtbot.keyClick(entries(window)[1], Qt.Key.Key_Up)
    assert shows_focus(entries(window)[0])


def test_it_comes_back_where_and_as_it_was(make_window, qtbot):
    first = make_window()
    first.resize(700, 600)
    first.show_page("settings")
    first.remember()
    second = make_window()
    assert (second.size(), second.page) == (first.size(), "settings")


def test_a_window_with_little_room_shows_icons_alone_and_names_them(qtbot, make_window):
    window = make_window()
    window.resize(1000, 600)
    wide = window.navigation.sizeHint().width()
    window.resize(500, 400)
    qtbot.waitUntil(lambda: window.navigation.width() < wide / 2, timeout=PATIENCE_MS)
    assert entries(window)[1].toolTip() == "Files (Ctrl+2)"


def test_closing_it_hides_it_while_it_is_to_stay_and_quits_else(qtbot, make_window):
    window = make_window(stays=True)
    asked = []
    window.quit_wanted.connect(lambda: asked.append("quit"))
    window.hidden.connect(lambda: asked.append("hidden"))
    window.close()
    assert not window.isVisible()
    with qtbot.waitActive(window, timeout=PATIENCE_MS):
        window.present("files")
    assert (window.isVisible(), window.page) == (True, "files")
    qtbot.keyClick(window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
    leaving = make_window(stays=False)
    leaving.quit_wanted.connect(lambda: asked.append("quit"))
    leaving.close()
    assert asked == ["hidden", "quit", "quit"]


def test_another_language_makes_the_pages_anew_and_keeps_the_place(make_window):
    window = make_window()
    window.show_page("files")
    before = window.page_widget("files")
    window.rebuild()
    assert window.page == "files"
    assert window.page_widget("files") is not before


@pytest.mark.parametrize(
    ("state", "bypass", "words"),
    [
        (EngineState.STOPPED, False, "Off"),
        (EngineState.STARTING, False, "Starting"),
        (EngineState.RUNNING, False, "On"),
        (EngineState.RUNNING, True, "Bypassed"),
        (EngineState.SLEEPING, False, "Ready"),
        (EngineState.DEGRADED, False, "Too busy"),
        (EngineState.RECONNECTING, False, "Reconnecting"),
        (EngineState.FAILED, False, "Not working"),
    ],
)
def test_every_page_says_in_words_what_the_engine_does(make_window, link, state, bypass, words):
    window = make_window()
    link.set_status(state=state, bypass=bypass)
    assert window.navigation.state.accessibleName() == words


def test_who_comes_second_calls_the_first(qtbot, tmp_path):
    first = SingleInstance(tmp_path)
    assert first.claim()
    code = """
import pathlib, sys
from gui.single_instance import SingleInstance
second = SingleInstance(pathlib.Path(sys.argv[1]))
assert not second.claim()
second.call("files")
"""
    with qtbot.waitSignal(first.called, timeout=PATIENCE_MS) as called:
        second = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
        QTimer.singleShot(300, first.listen)  # it may still be starting
    assert called.args == ["files"]
    assert second.wait(10) == 0
    first.close()
    assert SingleInstance(tmp_path).claim()  # whatever the first one left


# --- the program ------------------------------------------------------------------------------------------------


def gui(*arguments: str, **environment: str | None) -> subprocess.Popen:
    """`enhancer gui` as a process; a variable of None is taken away."""
    variables = {key: value for key, value in {**os.environ, **environment}.items() if value is not None}
    return subprocess.Popen(
        [sys.executable, "-m", "enhancer", "gui", *arguments],
        cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ended(process: subprocess.Popen) -> tuple[int, list[str]]:
    """Its exit code, and what it has said (but for what Qt says of a screen that is none)."""
    told, complained = process.communicate(timeout=30)
    lines = (told + complained).splitlines()
    return process.returncode, [line for line in lines if not line.startswith(("This plugin does not", "qt."))]


def test_the_program_opens_is_called_and_ends_by_a_signal_without_a_trace(home):
    first = gui("--page", "settings")
    socket = home / "RUNTIME_DIR" / "enhancer" / "window"
    wait_until(socket.exists, 30.0, "the window is open")
    second = gui()
    assert ended(second) == (0, [])
    first.send_signal(signal.SIGTERM)
    assert ended(first) == (130, [])
    assert not socket.exists()


@pytest.mark.parametrize(
    ("display", "says"),
    [(None, ""), (":4711", ": could not connect to display :4711")],
)
def test_without_a_display_it_is_one_clear_line(home, display, says):
    failed = gui(QT_QPA_PLATFORM=None, WAYLAND_DISPLAY=None, DISPLAY=display)
    code, (error, hint) = ended(failed)
    assert code == 2
    assert error.startswith(f"error: there is no display for a window{says}")
    assert hint.startswith("hint: ")


def test_without_the_extra_it_says_what_to_install(home):
    code = "import sys; sys.modules['PyQt6'] = None; from enhancer.cli.app import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "gui"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: the window needs PyQt6 and pyqtgraph\nhint: pip install 'enhancer[gui]'\n"
