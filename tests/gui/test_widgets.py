"""The shared widgets: used like a person uses them, seen as a screen reader sees them."""

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QLabel, QToolButton

from enhancer.errors import UserError
from gui.theme import pixmap, theme, tokens
from gui.widgets import Banner, EmptyState, SegmentedControl, Switch


def contrast(first: str, second: str) -> float:
    """WCAG 2's contrast ratio of two colours."""

    def luminance(name: str) -> float:
        parts = [(v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4) for v in QColor(name).getRgbF()[:3]]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_text_is_readable_on_every_surface_of_both_themes(dark):
    colours = tokens(dark)
    for surface in (colours.window, colours.surface, colours.surface_raised, colours.accent_soft):
        for text in (colours.text, colours.text_muted):
            assert contrast(text, surface) >= 4.5
    for words in (colours.accent, colours.good, colours.warn, colours.bad):
        assert contrast(words, colours.surface) >= 4.5
    assert contrast(colours.on_accent, colours.accent) >= 4.5
    for shape in (colours.focus, colours.meter_low, colours.meter_high):
        assert contrast(shape, colours.surface) >= 3.0


def test_a_switch_is_turned_by_mouse_and_keys_and_is_named(qtbot):
    switch = Switch("Virtual microphone")
    qtbot.addWidget(switch)
    switch.show()
    turned = []
    switch.toggled.connect(turned.append)
    qtbot.mouseClick(switch, Qt.MouseButton.LeftButton)
    qtbot.keyClick(switch, Qt.Key.Key_Space)
    qtbot.keyClick(switch, Qt.Key.Key_Return)
    assert turned == [True, False, True]
    assert switch.accessibleName() == "Virtual microphone"
    assert switch.focusPolicy() == Qt.FocusPolicy.StrongFocus


def test_a_segmented_control_is_one_tab_stop_and_the_arrows_choose(qtbot):
    control = SegmentedControl([("soft", "Gentle"), ("mid", "Normal"), ("hard", "Strong")], "Strength")
    qtbot.addWidget(control)
    control.set_value("mid")
    control.show()
    chosen = []
    control.chosen.connect(chosen.append)
    segments = control.segments
    assert [s.focusPolicy() == Qt.FocusPolicy.StrongFocus for s in segments] == [False, True, False]
    QTest.keyClick(segments[1], Qt.Key.Key_Right)
    QTest.keyClick(segments[2], Qt.Key.Key_Right)  # the last
    qtbot.mouseClick(segments[0], Qt.MouseButton.LeftButton)
    assert chosen == ["hard", "soft"]
    assert control.value == "soft"
    control.set_value("mid")  # by the program: nobody has chosen
    assert (control.value, chosen) == ("mid", ["hard", "soft"])


def test_messages_stack_the_newest_first_and_each_only_once(qtbot):
    banner = Banner()
    qtbot.addWidget(banner)
    assert banner.isHidden()
    for text in ("one", "two", "three", "one", "four"):
        banner.show_message(text, "warn")
    assert banner.texts == ["four", "one", "three"]
    banner.clear("one")
    assert banner.texts == ["four", "three"]
    banner.clear()
    assert banner.isHidden()


def test_an_error_shows_its_hint_until_it_is_dismissed_by_key_or_mouse(qtbot):
    banner = Banner()
    qtbot.addWidget(banner)
    banner.show()
    banner.show_error(UserError("the microphone is unplugged", "plug it in again"))
    shown = [label.text() for label in banner.findChildren(QLabel) if label.text()]
    assert shown == ["The microphone is unplugged", "Plug it in again"]
    (cross,) = banner.findChildren(QToolButton)
    assert cross.accessibleName() == "Dismiss"
    qtbot.mouseClick(cross, Qt.MouseButton.LeftButton)
    assert banner.texts == []


def test_good_news_goes_by_itself_and_errors_stay(qtbot, monkeypatch):
    monkeypatch.setattr("gui.widgets.banner.FADE_MS", 20)
    banner = Banner()
    qtbot.addWidget(banner)
    banner.move(600, 600)  # away from the mouse: what it points at is being read, and stays
    banner.show_message("the engine has ended", "bad")
    banner.show_message("the sound is back", "good")
    qtbot.waitUntil(lambda: banner.texts == ["the engine has ended"], timeout=5000)


def test_an_empty_page_says_what_to_do_and_does_it(qtbot):
    empty = EmptyState("files", "Nothing here yet", "Drop recordings here.", "Choose files")
    qtbot.addWidget(empty)
    with qtbot.waitSignal(empty.acted):
        qtbot.mouseClick(empty.button, Qt.MouseButton.LeftButton)


def test_painted_widgets_follow_the_theme_at_once(qtbot, qapp):
    theme().choose("light")
    switch = Switch("x")
    qtbot.addWidget(switch)
    switch.setChecked(True)
    switch.resize(switch.sizeHint())
    light = switch.grab().toImage()
    theme().choose("dark")
    assert switch.grab().toImage() != light
    assert qapp.palette().window().color().name() == tokens(True).window
    theme().choose("system")


def test_icons_take_the_colour_that_is_asked_for(qapp):
    image = pixmap("stop", "#ff0000", 24).toImage()
    assert image.pixelColor(image.width() // 2, image.height() // 2).name() == "#ff0000"
