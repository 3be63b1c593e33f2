"""When the ring around the widget with the focus is shown: for who goes by keyboard, not after a click of the mouse.

Also where the program itself hands the focus on, such as to the button that takes a pressed one's place.
"""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QApplication, QWidget

_RING = "ring"  # the property that the stylesheet asks for
_KEYS = (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride)


def follow_focus(app: QApplication) -> None:
    """From now on each widget that gets the focus knows whether it is to show that."""
    app.focusChanged.connect(_Follower(app).mark)


def shows_focus(widget: QWidget) -> bool:
    """For widgets that paint themselves: whether to paint the ring."""
    return widget.hasFocus() and widget.property(_RING) is True


class _Follower(QObject):
    """Listens to the widget in focus alone, to which keys go first: an ear for the whole program would cost CPU."""

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._by_keyboard = False

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Notes keys and clicks, and lets all pass."""
        if event is not None and event.type() in _KEYS:
            self._by_keyboard = True
        elif event is not None and event.type() == QEvent.Type.MouseButtonPress:
            self._by_keyboard = False
        return False

    def mark(self, before: QWidget | None, now: QWidget | None) -> None:
        """The focus has moved."""
        if before is not None:
            before.removeEventFilter(self)
        if now is None:
            return
        now.installEventFilter(self)
        if before is None:  # the window came or went: what was shown stays
            return
        if QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._by_keyboard = False
        if (now.property(_RING) is True) != self._by_keyboard:
            now.setProperty(_RING, self._by_keyboard)
            style = now.style()
            assert style is not None
            style.unpolish(now)
            style.polish(now)
            now.update()
