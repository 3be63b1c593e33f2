"""Messages where the eye is: in the page, newest first, never in the way."""

from __future__ import annotations

from PyQt6.QtCore import QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QColor, QPainter, QPaintEvent
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from enhancer.errors import UserError
from gui.i18n import _
from gui.i18n.engine_words import in_words
from gui.theme import icon, pixmap, theme
from gui.widgets.labels import wrapped

KINDS = ("info", "good", "warn", "bad")
FADE_MS = 8_000  # of what is no trouble: long enough to be read twice
MOST = 3  # at once; the oldest goes


class Banner(QWidget):
    """A place for messages, invisible while there are none.

    `bad` and `warn` stay until they are dismissed or cleared; `info` and `good` go by themselves after some seconds.
    The same text again replaces the one before instead of piling up.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.hide()

    @property
    def texts(self) -> list[str]:
        """What is shown, the newest first."""
        return [message.text for message in self._messages()]

    def show_message(self, text: str, kind: str = "info", hint: str = "") -> None:
        """kind: info, good, warn or bad. hint: what would help, may be empty."""
        for message in self._messages():
            if message.text == text:
                self._remove(message)
        for message in self._messages()[MOST - 1 :]:
            self._remove(message)
        message = _Message(text, kind, hint, self)
        message.dismissed.connect(lambda: self._remove(message))
        self._column.insertWidget(0, message)
        self.show()

    def show_error(self, error: UserError) -> None:
        """What went wrong and what mends it."""
        self.show_message(error.message, "bad", error.hint)

    def clear(self, text: str | None = None) -> None:
        """Takes the message of this text away; None: all of them."""
        for message in self._messages():
            if text is None or message.text == text:
                self._remove(message)

    def _messages(self) -> list[_Message]:
        widgets = (self._column.itemAt(i).widget() for i in range(self._column.count()))
        return [widget for widget in widgets if isinstance(widget, _Message)]

    def _remove(self, message: _Message) -> None:
        self._column.removeWidget(message)
        message.hide()
        message.deleteLater()
        self.setVisible(self._column.count() > 0)


class _Message(QWidget):
    dismissed = pyqtSignal()

    def __init__(self, text: str, kind: str, hint: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.text, self._kind = text, kind
        says = {"info": _("Note"), "good": _("Done"), "warn": _("Warning"), "bad": _("Error")}[kind]
        self.setAccessibleName(f"{says}: {text}")
        self._symbol = QLabel()
        self._symbol.setAccessibleName(says)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(wrapped(_sentence(text)))
        if hint:
            words.addWidget(wrapped(_sentence(hint), "muted"))
        self._dismiss = QToolButton()
        self._dismiss.setProperty("role", "icon")
        self._dismiss.setAccessibleName(_("Dismiss"))
        self._dismiss.setToolTip(_("Dismiss"))
        self._dismiss.clicked.connect(self.dismissed)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 10, 8, 10)
        row.setSpacing(12)
        row.addWidget(self._symbol, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addLayout(words, 1)
        row.addWidget(self._dismiss, 0, Qt.AlignmentFlag.AlignTop)
        theme().changed.connect(self._draw)
        self._draw()
        if kind in ("info", "good"):
            fade = QTimer(self)
            fade.setInterval(FADE_MS)
            fade.timeout.connect(self._fade)
            fade.start()

    def _fade(self) -> None:
        if not (self.underMouse() or self._dismiss.hasFocus()):  # else it is being read
            self.dismissed.emit()

    def _draw(self) -> None:
        self._symbol.setPixmap(pixmap(self._kind, self._colour(), 20))
        self._dismiss.setIcon(icon("close", theme().tokens.text_muted, 16))
        self._dismiss.setIconSize(QSize(16, 16))
        self.update()

    def _colour(self) -> str:
        colours = theme().tokens
        return {"info": colours.accent, "good": colours.good, "warn": colours.warn, "bad": colours.bad}[self._kind]

    def paintEvent(self, event: QPaintEvent | None) -> None:
        colours, own = theme().tokens, QColor(self._colour())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.surface))
        painter.drawRoundedRect(box, 10, 10)
        own.setAlphaF(0.45)
        painter.setPen(own)
        own.setAlphaF(0.10)
        painter.setBrush(own)
        painter.drawRoundedRect(box, 10, 10)
        painter.end()


def _sentence(text: str) -> str:
    """As the errors and events of the engine are worded, a line without a capital; in the language of now."""
    words = in_words(text)
    return words[:1].upper() + words[1:]
