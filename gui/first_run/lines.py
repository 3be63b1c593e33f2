"""Lines with a symbol that says by its shape, too, how things stand."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from gui.first_run.model import Check
from gui.i18n import _
from gui.theme import pixmap, theme
from gui.widgets import label, wrapped
from gui.widgets.labels import set_role


class CheckLine(QWidget):
    """A symbol, what was looked at, what was found, and what mends it."""

    def __init__(self, check: Check) -> None:
        super().__init__()
        says = {"ok": _("fine"), "warn": _("warning"), "fail": _("missing"), "": _("not known yet")}[check.state]
        self.setAccessibleName(f"{check.title}: {says}")
        self._kind = {"ok": "good", "warn": "warn", "fail": "bad", "": ""}[check.state]
        self._symbol = QLabel()
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(label(check.title, "" if check.state else "muted"))
        for text, role in ((check.text, "muted"), (check.fix, "")):
            if text:
                words.addWidget(wrapped(text[:1].upper() + text[1:], role))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self._symbol, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        theme().changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        colours = theme().tokens
        if self._kind:
            self._symbol.setPixmap(pixmap(self._kind, getattr(colours, self._kind), 20))
        else:
            self._symbol.setPixmap(pixmap("retry", colours.text_muted, 20))


class Note(QWidget):
    """A line with a symbol for its kind: info, good, warn or bad."""

    def __init__(self) -> None:
        super().__init__()
        self._kind = ""
        self._symbol = QLabel()
        self._words = wrapped()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self._symbol)
        row.addWidget(self._words, 1)
        theme().changed.connect(self._draw)

    @property
    def text(self) -> str:
        """What it says."""
        return self._words.text()

    def show_words(self, kind: str, text: str) -> None:
        """Other words; nothing is painted where they are the same."""
        if (kind, text) != (self._kind, self._words.text()):
            self._kind = kind
            self._words.setText(text)
            self.setAccessibleName(text)
            set_role(self._words, kind if kind in ("good", "warn", "bad") else "")
            self._draw()

    def _draw(self) -> None:
        colours = theme().tokens
        colour = colours.accent if self._kind == "info" else getattr(colours, self._kind or "accent")
        self._symbol.setPixmap(pixmap(self._kind or "info", colour, 20))
