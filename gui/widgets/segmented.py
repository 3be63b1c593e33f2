"""One choice out of a few, all in view."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QSizePolicy, QWidget

from gui.theme import shows_focus, theme


class SegmentedControl(QWidget):
    """chosen(key): the user has chosen another. One stop of the Tab key; the arrow keys choose.

    options: keys with the words to show. name: for screen readers.
    """

    chosen = pyqtSignal(object)

    def __init__(self, options: Sequence[tuple[Hashable, str]], name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._group = QButtonGroup(self)
        self._keys = [key for key, _ in options]
        row = QHBoxLayout(self)
        row.setContentsMargins(3, 3, 3, 3)
        row.setSpacing(2)
        for number, (_, words) in enumerate(options):
            segment = _Segment(words, self)
            segment.setAccessibleName(f"{name}: {words}")
            self._group.addButton(segment, number)
            row.addWidget(segment)
        self._group.idClicked.connect(lambda number: self.chosen.emit(self._keys[number]))
        theme().changed.connect(self.update)
        self._one_tab_stop()

    @property
    def segments(self) -> list[QAbstractButton]:
        """The buttons, from left to right."""
        return self._group.buttons()

    @property
    def value(self) -> Hashable | None:
        """The chosen key; None if there is none."""
        number = self._group.checkedId()
        return self._keys[number] if number >= 0 else None

    def set_value(self, key: Hashable | None) -> None:
        """Shows this key as chosen, without `chosen`; none for a key that is no option."""
        self._group.setExclusive(False)
        for number, button in enumerate(self._group.buttons()):
            button.setChecked(key == self._keys[number])
        self._group.setExclusive(True)
        self._one_tab_stop()

    def _one_tab_stop(self) -> None:
        at = max(self._group.checkedId(), 0)
        for number, button in enumerate(self._group.buttons()):
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus if number == at else Qt.FocusPolicy.ClickFocus)

    def step(self, by: int) -> None:
        """Chooses the next segment, or the one before."""
        at = max(self._group.checkedId(), 0)
        to = min(max(at + by, 0), len(self._keys) - 1)
        button = self._group.button(to)
        if to != at and button is not None:
            button.setFocus(Qt.FocusReason.TabFocusReason)
            button.click()
            self._one_tab_stop()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        colours = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.setBrush(QColor(colours.surface_raised))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 9, 9)
        painter.end()


class _Segment(QAbstractButton):
    def __init__(self, words: str, control: SegmentedControl) -> None:
        super().__init__(control)
        self._control = control
        self.setText(words)
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        theme().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self.text()) + 28, metrics.height() + 14)

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 12, self.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        assert event is not None
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}
        if event.key() in steps:
            self._control.step(steps[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        colours = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self.isEnabled():
            painter.setOpacity(0.5)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        if self.isChecked():
            painter.setPen(QPen(QColor(colours.line), 1))
            painter.setBrush(QColor(colours.surface if not theme().dark else colours.accent_soft))
            painter.drawRoundedRect(box, 7, 7)
        elif self.underMouse() and self.isEnabled():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.line))
            painter.drawRoundedRect(box, 7, 7)
        if shows_focus(self):
            painter.setPen(QPen(QColor(colours.focus), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, 7, 7)
        font = self.font()
        font.setWeight(font.Weight.DemiBold if self.isChecked() else font.Weight.Normal)
        painter.setFont(font)
        painter.setPen(QColor(colours.text if self.isChecked() else colours.text_muted))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
        painter.end()
