"""What a page shows while there is nothing to show: what it is for, and the first step."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from gui.theme import pixmap, theme
from gui.widgets.labels import label, wrapped

ICON = 56
WIDTH = 420


class EmptyState(QWidget):
    """acted: its button was pressed. action: the words on the button; empty: there is none."""

    acted = pyqtSignal()

    def __init__(self, icon: str, title: str, text: str, action: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = icon
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        heading = label(title, "heading")
        heading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words = wrapped(text, "muted")
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words.setMaximumWidth(WIDTH)
        row = QHBoxLayout()  # not an alignment, which would give it the width of its longest word
        row.addStretch(1)
        row.addWidget(words, 100)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(1)
        column.addWidget(self._picture)
        column.addSpacing(8)
        column.addWidget(heading)
        column.addLayout(row)
        if action:
            self.button = QPushButton(action)
            self.button.setProperty("role", "primary")
            self.button.clicked.connect(self.acted)
            column.addSpacing(8)
            column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        theme().changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        self._picture.setPixmap(pixmap(self._icon, theme().tokens.text_muted, ICON))
