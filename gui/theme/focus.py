"""When the ring around the widget with the focus is shown: for who goes by keyboard, not after a click of the mouse."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QApplication, QWidget

_RING = "ring"  # the property that the stylesheet asks for


def follow_focus(app: QApplication) -> None:
    """From now on each widget that gets the focus knows whether it is to show that."""
    app.focusChanged.connect(_mark)


def shows_focus(widget: QWidget) -> bool:
    """For widgets that paint themselves: whether to paint the ring."""
    return widget.hasFocus() and widget.property(_RING) is True


def _mark(before: QWidget | None, now: QWidget | None) -> None:
    if now is None or before is None:  # the window came or went: what was shown stays
        return
    by_keyboard = QGuiApplication.mouseButtons() == Qt.MouseButton.NoButton
    if (now.property(_RING) is True) != by_keyboard:
        now.setProperty(_RING, by_keyboard)
        style = now.style()
        assert style is not None
        style.unpolish(now)
        style.polish(now)
        now.update()
