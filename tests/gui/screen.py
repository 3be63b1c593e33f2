"""What a person does and sees at a window that runs in a process of its own: for `benchmarks.gui_window`'s `do`."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from pathlib import Path

from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QDragEnterEvent, QDropEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QWidget

from benchmarks.gui_window import page_of
from gui.app import Monitor
from gui.files.page import FilesPage
from gui.live.page import LivePage


@dataclass(frozen=True)
class Seen:
    """What the Live page says. levels: of input and output; pictures: of their bars, and of both spectrograms."""

    state: str
    detail: str
    banner: tuple[str, ...]
    microphone: str
    levels: tuple[str, str]
    pictures: tuple[int, ...]
    on: bool
    bypass: bool


def live_page(monitor: Monitor) -> LivePage:
    """In front from now on."""
    QTest.keyClick(monitor.window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    return page_of(monitor, "live", LivePage)


def look(monitor: Monitor) -> Seen:
    """At the Live page."""
    page = live_page(monitor)
    levels = page.levels
    return Seen(
        page.state.text(),
        page.detail.text(),
        tuple(page.banner.texts),
        page.input.currentText(),
        (levels.values[0].text(), levels.values[1].text()),
        tuple(_picture(each) for each in (levels.input, levels.output, page.spectrograms)),
        page.power.isChecked(),
        page.bypass.isChecked(),
    )


def press_power(monitor: Monitor) -> None:
    """With the mouse."""
    _click(live_page(monitor).power)


def press_bypass(monitor: Monitor) -> None:
    """With the keyboard."""
    QTest.keyClick(live_page(monitor).bypass, Qt.Key.Key_Space)


def choose_microphone(monitor: Monitor, name: str) -> bool:
    """Down through the list until it is the one; whether it was there."""
    picker = live_page(monitor).input
    place = picker.findData(name)
    if place < 0:
        return False
    QTest.keyClick(picker, Qt.Key.Key_Home)
    for _ in range(place):
        QTest.keyClick(picker, Qt.Key.Key_Down)
    return True


def freeze(monitor: Monitor, seconds: float) -> None:
    """The window's thread does nothing at all."""
    time.sleep(seconds)


def drop_on_files(monitor: Monitor, folder: Path) -> None:
    """From a file manager onto the Files page."""
    page = _files_page(monitor)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(folder))])
    what = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(page, QDragEnterEvent(QPoint(50, 50), *what))
    QApplication.sendEvent(page, QDropEvent(QPointF(50, 50), *what))


def clean_button(monitor: Monitor) -> str:
    """What it says; empty while it is not there."""
    button = _files_page(monitor).run_button
    return button.text() if button.isVisible() else ""


def press_clean(monitor: Monitor) -> None:
    """With the mouse."""
    _click(_files_page(monitor).run_button)


def files_said(monitor: Monitor) -> tuple[str, tuple[str, ...]]:
    """The Files page's line above its list, and its messages."""
    page = _files_page(monitor)
    return page.summary.text(), tuple(page.banner.texts)


def _files_page(monitor: Monitor) -> FilesPage:
    QTest.keyClick(monitor.window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    return page_of(monitor, "files", FilesPage)


def _picture(widget: QWidget) -> int:
    """Another number for other pixels."""
    image = widget.grab().toImage()
    return zlib.crc32(image.constBits().asarray(image.sizeInBytes()))


def _click(widget: QWidget) -> None:
    assert widget.isVisible() and widget.isEnabled()
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)
