"""A group of controls on a surface of its own."""

from __future__ import annotations

from PyQt6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from gui.widgets.labels import label, wrapped


class Card(QFrame):
    """Put contents into `body`, which runs from top to bottom; `head` is the line of the heading, for controls.

    title: what screen readers call the group, too; empty: no heading is shown.
    """

    def __init__(self, title: str = "", subtitle: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.setAccessibleName(title)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(20, 16, 20, 18)
        self.body.setSpacing(12)
        self.head = QHBoxLayout()
        self.head.setSpacing(8)
        if title:
            self.head.addWidget(label(title, "heading"))
            self.head.addStretch(1)
            self.body.addLayout(self.head)
        if subtitle:
            self.body.addWidget(wrapped(subtitle, "muted"))
