"""Lines of a settings card: what it is and why on the left, the control on the right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from gui.widgets import Card, label, wrapped

CONTROL_WIDTH = 18  # of a list or a field, in widths of the letter M


class Row(QWidget):
    """hint: the label under the title, for words that change."""

    def __init__(self, title: str, hint: str, *controls: QWidget) -> None:
        super().__init__()
        heading = label(title)
        heading.setBuddy(controls[0])
        self.hint = wrapped(hint, "muted")
        self.hint.setVisible(bool(hint))
        controls[0].setAccessibleDescription(hint)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(heading)
        words.addWidget(self.hint)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 2, 0, 2)
        line.setSpacing(24)
        line.addLayout(words, 1)
        side = QHBoxLayout()
        side.setSpacing(8)
        for control in controls:
            side.addWidget(control)
        line.addLayout(side)
        line.setAlignment(side, Qt.AlignmentFlag.AlignVCenter)

    def set_hint(self, text: str) -> None:
        """Other words under the title; none: it goes."""
        self.hint.setText(text)
        self.hint.setVisible(bool(text))


def add_rows(card: Card, rows: Sequence[QWidget]) -> None:
    """Rows with a thin line between each two."""
    for number, row in enumerate(rows):
        if number:
            line = QFrame()
            line.setProperty("role", "line")
            card.body.addWidget(line)
        card.body.addWidget(row)


class Picker(QComboBox):
    """A list of (value, words). It takes no turn of the wheel while a page is scrolled under the pointer."""

    def __init__(self, name: str, choose: Callable[[Any], object]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(CONTROL_WIDTH)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.activated.connect(lambda index: choose(self.itemData(index)))

    def show_choices(self, choices: Sequence[tuple[Any, str]], value: Any) -> None:
        """These from now on, this one chosen; a list that is open and unchanged stays open."""
        if choices != [(self.itemData(i), self.itemText(i)) for i in range(self.count())]:
            self.clear()
            for number, (data, words) in enumerate(choices):
                self.addItem(words, data)
                self.setItemData(number, words, Qt.ItemDataRole.ToolTipRole)  # names of devices are long
        self.setCurrentIndex(self.findData(value))
        self.setToolTip(self.currentText())

    def wheelEvent(self, event: object) -> None:
        """For the page."""
        event.ignore()  # type: ignore[attr-defined]


class ElidedLabel(QLabel):
    """One line, shortened in the middle where it is too long; all of it as a tip."""

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self.setProperty("role", "muted")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_text(self, text: str) -> None:
        """Other words."""
        self._text = text
        self.setToolTip(text)
        self._elide()

    def resizeEvent(self, event: object) -> None:
        """As much as fits now."""
        self._elide()

    def _elide(self) -> None:
        self.setText(self.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideMiddle, self.width()))
