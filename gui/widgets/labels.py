"""Text in the roles that the stylesheet knows."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QSizePolicy, QWidget


def label(text: str = "", role: str = "") -> QLabel:
    """One line. role: title, subtitle, heading, muted, good, warn, bad; plain if empty."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)  # what a device calls itself is text, never markup
    if role:
        made.setProperty("role", role)
    return made


def wrapped(text: str = "", role: str = "") -> QLabel:
    """As many lines as the width takes; may be selected and copied with the mouse."""
    made = label(text, role)
    made.setWordWrap(True)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    made.setSizePolicy(policy)
    return made


def set_role(widget: QWidget, role: str) -> None:
    """Changes the role of a widget that is shown already."""
    if widget.property("role") != role:
        widget.setProperty("role", role)
        style = widget.style()
        assert style is not None
        style.unpolish(widget)
        style.polish(widget)
