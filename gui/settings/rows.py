"""Lines of a settings card: what it is and why on the left, the control on the right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)

from gui.widgets import Card, label, wrapped

CONTROL_WIDTH = 23  # of a list or a field, in widths of the letter M
GAP = 24
WORDS_WIDTH = 12  # of the words beside it at the least, else the control goes below them


class Row(QWidget):
    """A title, a hint and controls; where there is little room, the controls go below."""

    def __init__(self, title: str, hint: str, *controls: QWidget) -> None:
        super().__init__()
        self._title = heading = label(title)
        heading.setBuddy(controls[0])
        self._controls = controls
        self._hint = wrapped(hint, "muted")
        self.words = QVBoxLayout()
        self.words.setSpacing(2)
        self.words.addWidget(heading)
        self.words.addWidget(self._hint)
        self._side = QHBoxLayout()
        self._side.setSpacing(8)
        for control in controls:
            self._side.addWidget(control)
        self._line = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._line.setContentsMargins(0, 2, 0, 2)
        self._line.addLayout(self.words, 1)
        self._line.addLayout(self._side)
        self._arrange(wide=True)
        self.set_hint(hint)

    def set_hint(self, text: str) -> None:
        """Other words under the title; none: it goes."""
        self._hint.setText(text)
        self._hint.setVisible(bool(text))
        self._controls[0].setAccessibleDescription(text)

    def minimumSizeHint(self) -> QSize:
        """As narrow as the controls are, which then stand below the words."""
        hint = super().minimumSizeHint()
        return QSize(self._side.sizeHint().width(), hint.height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Beside or below."""
        words = max(WORDS_WIDTH * self.fontMetrics().horizontalAdvance("M"), self._title.sizeHint().width())
        self._arrange(wide=self.width() >= self._side.sizeHint().width() + GAP + words)

    def _arrange(self, *, wide: bool) -> None:
        side = Qt.AlignmentFlag.AlignVCenter if wide else Qt.AlignmentFlag.AlignLeft
        self._line.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)
        self._line.setSpacing(GAP if wide else 8)
        self._line.setAlignment(self._side, side)


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
        self.setMinimumContentsLength(6)
        self.setFixedWidth(control_width(self))
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

    def paintEvent(self, event: object) -> None:
        """As any list, but words that are too long end in dots."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        style, control = painter.style(), QStyle.ComplexControl.CC_ComboBox
        assert style is not None
        painter.drawComplexControl(control, option)
        field = style.subControlRect(control, option, QStyle.SubControl.SC_ComboBoxEditField, self)
        room = field.width() - self.fontMetrics().averageCharWidth()
        option.currentText = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideRight, room)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def wheelEvent(self, event: object) -> None:
        """For the page."""
        event.ignore()  # type: ignore[attr-defined]


def control_width(widget: QWidget) -> int:
    """Of a list or a field, in the widget's font."""
    return CONTROL_WIDTH * widget.fontMetrics().horizontalAdvance("M")


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
