"""What holds for every page of the window, whoever made it."""

from dataclasses import replace

import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtWidgets import QKeySequenceEdit, QWidget

from enhancer.live.protocol import EngineState
from gui.app import Monitor
from gui.preferences import Preferences, PreferencesStore
from gui.sound_devices import SoundDevices
from gui.theme import theme
from tests.gui.fake_engine import FakeLink

PAGES = ("live", "mic-test", "files", "settings")
SMALL = (640, 400)  # logical pixels of a full-HD screen at 250 % and more


@pytest.fixture(scope="module")
def monitor(qapp, tmp_path_factory):
    """The whole window, with an engine that only remembers."""
    preferences = replace(Preferences(), first_run_done=True, language="en", theme="light")
    path = tmp_path_factory.mktemp("preferences") / "gui.toml"
    monitor = Monitor(qapp, PreferencesStore(preferences, path), FakeLink(), SoundDevices())
    monitor.window.resize(1120, 760)
    monitor.window.show()
    yield monitor
    monitor.window.hide()
    monitor.close()
    theme().choose("system")


@pytest.fixture(params=PAGES)
def page(request, monitor, qtbot) -> QWidget:
    monitor.link.set_status(state=EngineState.RUNNING, virtual_mic="Enhancer microphone")
    monitor.window.show_page(request.param)
    assert monitor.window.page == request.param
    qtbot.waitUntil(lambda: monitor.window.page_widget(request.param).isVisible())
    return monitor.window.page_widget(request.param)


def controls(page: QWidget) -> list[QWidget]:
    """What the Tab key should reach."""
    return [
        widget
        for widget in page.findChildren(QWidget)
        if widget.isVisible() and widget.isEnabled() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        if widget.focusProxy() is None and not isinstance(widget.parent(), QKeySequenceEdit)
    ]


def test_every_control_has_a_name_for_screen_readers(page):
    assert controls(page)
    for widget in controls(page):
        assert widget.accessibleName() or widget.text(), widget


def test_the_tab_key_reaches_every_control_and_comes_back(page, monitor, qtbot):
    window, left = monitor.window, set(controls(page))
    with qtbot.waitActive(window):
        window.activateWindow()
    home = window.navigation.entries[[spec.name for spec in window.pages].index(window.page)]
    home.setFocus()
    for _ in range(2 * len(left)):
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
        left.discard(window.focusWidget())
        if window.focusWidget() is home:
            break
    assert (left, window.focusWidget()) == (set(), home)


def test_it_fits_a_small_window_or_a_large_scale_with_nothing_cut_off_at_the_side(page, monitor, qtbot):
    before = monitor.window.size()
    monitor.window.resize(*SMALL)
    room = monitor.window.page_area.viewport()
    edges = [widget for widget in page.findChildren(QWidget) if widget.isVisible() and not widget.findChildren(QWidget)]

    def fits() -> bool:
        return page.width() == room.width() and all(
            0 <= widget.mapTo(page, QPoint()).x() <= page.width() - widget.width() for widget in edges
        )

    qtbot.waitUntil(fits, timeout=5000)
    monitor.window.resize(before)


def test_all_are_made_anew_in_another_language_and_the_old_ones_are_forgotten(monitor, qtbot):
    window, count = monitor.window, {}
    for name in PAGES:
        window.show_page(name)
        count[name] = len(controls(window.page_widget(name)))
    with qtbot.waitSignal(window.page_widget(PAGES[0]).destroyed):
        window.rebuild()
    assert window.page == PAGES[-1]
    monitor.link.set_status(bypass=True)  # whoever still listened for an old page would fail now
    theme().choose("dark")
    monitor.link.set_status(bypass=False)
    theme().choose("light")
    for name in PAGES:
        window.show_page(name)
        assert len(controls(window.page_widget(name))) == count[name]
