"""The page's own controls: the big switch, a picker of devices, the strength, figures that explain themselves."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QEvent, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen, QWheelEvent
from PyQt6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolButton,
    QToolTip,
    QWidget,
)

from gui.i18n import _
from gui.live.model import MOST_DB, Choice
from gui.live.wording import Tone
from gui.theme import shows_focus, theme
from gui.theme.icons import paint


class PowerButton(QAbstractButton):
    """Round and large: filled while it is on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tone: Tone = "off"
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(_("Noise removal"))
        theme().changed.connect(self.update)

    def show_tone(self, tone: Tone) -> None:
        """How the engine is, in colour; the words are beside it."""
        if tone != self._tone:
            self._tone = tone
            self.update()

    def sizeHint(self) -> QSize:
        """A comfortable target."""
        return QSize(66, 66)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """A disc with the power symbol; a ring when it has the keyboard."""
        colours = theme().tokens
        fills = {
            "on": colours.accent,
            "starting": colours.accent,
            "asleep": colours.accent,
            "warn": colours.warn,
            "bad": colours.bad,
        }
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        disc = QRectF(self.rect()).adjusted(5, 5, -5, -5)
        fill = QColor(fills.get(self._tone, colours.surface_raised))
        solid = self._tone == "on"
        if not solid and self._tone != "off":
            fill.setAlphaF(0.16)
        painter.setPen(QPen(QColor(fills.get(self._tone, colours.line)), 2))
        painter.setBrush(fill)
        painter.drawEllipse(disc)
        if self.isDown() or self.underMouse():
            shade = QColor(colours.text)
            shade.setAlphaF(0.16 if self.isDown() else 0.07)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(shade)
            painter.drawEllipse(disc)
        if shows_focus(self):
            painter.setPen(QPen(QColor(colours.focus), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(disc.adjusted(-4, -4, 4, 4))
        symbol = colours.on_accent if solid else fills.get(self._tone, colours.text)
        side = 0.46 * disc.width()
        paint(painter, "power", symbol, QRectF(disc.center().x() - side / 2, disc.center().y() - side / 2, side, side))


class DevicePicker(QComboBox):
    """picked(name): the user has chosen another device; None: the default one."""

    picked = pyqtSignal(object)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[list[Choice], str | None] = ([], None)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.activated.connect(lambda index: self.picked.emit(self.itemData(index)))

    def show_choices(self, choices: Sequence[Choice], chosen: str | None) -> None:
        """Another list only where it is another: an open one is not disturbed for nothing."""
        if (list(choices), chosen) == self._shown:
            return
        self._shown = (list(choices), chosen)
        self.clear()
        for choice in choices:
            self.addItem(choice.words, choice.name)
            if not choice.there:
                self.setItemData(self.count() - 1, QColor(theme().tokens.warn), Qt.ItemDataRole.ForegroundRole)
        self.setCurrentIndex(next(i for i, choice in enumerate(choices) if choice.name == chosen))
        self.setToolTip(self.currentText())
        if view := self.view():  # wide enough for the longest name, however narrow the picker
            view.setMinimumWidth(view.sizeHintForColumn(0) + 2 * view.fontMetrics().horizontalAdvance("M"))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """As ever, but a name that is too long ends in an ellipsis."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        style = self.style()
        assert style is not None
        place = QStyle.SubControl.SC_ComboBoxEditField
        room = style.subControlRect(QStyle.ComplexControl.CC_ComboBox, option, place, self).width()
        option.currentText = self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, room)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Scrolls the page: nobody changes microphones by accident."""
        if event is not None:
            event.ignore()


class StrengthSlider(QSlider):
    """0 to 40 dB, and "full" one step further.

    moved(limit): while it is dragged. chosen(limit): it stays there. None is full.
    """

    moved = pyqtSignal(object)
    chosen = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(0, MOST_DB + 1)
        self.setPageStep(6)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(_("Strength in decibels"))
        self.valueChanged.connect(self._tell)
        self.sliderReleased.connect(lambda: self.chosen.emit(self.limit_db))

    @property
    def limit_db(self) -> float | None:
        """As it stands."""
        return None if self.value() > MOST_DB else float(self.value())

    def show_limit(self, limit_db: float | None) -> None:
        """Goes there without a signal; not out of the hand of who drags it."""
        if not self.isSliderDown():
            self.blockSignals(True)
            self.setValue(MOST_DB + 1 if limit_db is None else min(MOST_DB, round(limit_db)))
            self.blockSignals(False)

    def _tell(self) -> None:
        (self.moved if self.isSliderDown() else self.chosen).emit(self.limit_db)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Scrolls the page."""
        if event is not None:
            event.ignore()


class Figure(QToolButton):
    """A figure of the status line. What it is made of shows on hover, on focus and on a click, and is read aloud."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self.setProperty("role", "ghost")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.clicked.connect(self._explain)

    def show_value(self, value: str, parts: str = "") -> None:
        """A text, and more about it."""
        words = f"{self._name}  {value}"
        if words != self.text():
            self.setText(words)
            self.setAccessibleName(f"{self._name}: {value}")
        if parts != self.toolTip():
            self.setToolTip(parts)
            self.setAccessibleDescription(parts)

    def _explain(self) -> None:
        QToolTip.showText(self.mapToGlobal(self.rect().topLeft()), self.toolTip(), self)

    def event(self, event: QEvent | None) -> bool:
        """The keyboard's focus is as good as a mouse that rests."""
        done = super().event(event)
        if event is not None and event.type() == QEvent.Type.FocusIn:
            self._explain()
        return done
