"""The list of pages at the left, and under it what the engine does."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from enhancer.live.protocol import EngineState, StatusReply
from gui.i18n import _
from gui.i18n.engine_words import in_words
from gui.theme import pixmap, shows_focus, theme
from gui.theme.icons import paint
from gui.widgets import label
from gui.widgets.labels import set_role

ICON = 20


class Navigation(QWidget):
    """chosen(number): the user wants this page. Up and Down go from page to page; one stop of the Tab key.

    entries: icon and words of each page.
    """

    chosen = pyqtSignal(int)

    def __init__(self, entries: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(_("Pages"))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self._group = QButtonGroup(self)
        self._name = label("Enhancer", "heading")
        self._logo = QLabel()
        head = QHBoxLayout()
        head.setContentsMargins(12, 6, 8, 18)
        head.setSpacing(10)
        head.addWidget(self._logo)
        head.addWidget(self._name, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 16, 12, 16)
        column.setSpacing(4)
        column.addLayout(head)
        for number, (icon, words) in enumerate(entries):
            entry = _Entry(icon, words, f"Ctrl+{number + 1}", self)
            self._group.addButton(entry, number)
            column.addWidget(entry)
        column.addStretch(1)
        self.state = StateLine()
        column.addWidget(self.state)
        self._group.idClicked.connect(self._click)
        self._narrow = False
        theme().changed.connect(self._draw)
        self._draw()

    @property
    def entries(self) -> list[QAbstractButton]:
        """The buttons, from top to bottom."""
        return self._group.buttons()

    def show_chosen(self, number: int) -> None:
        """Marks this page as the one that is open."""
        here = any(button.hasFocus() for button in self.entries)
        for at, button in enumerate(self.entries):
            button.setChecked(at == number)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus if at == number else Qt.FocusPolicy.ClickFocus)
        if here:
            self.entries[number].setFocus()

    def set_narrow(self, narrow: bool) -> None:
        """Icons alone, where there is little room."""
        if narrow != self._narrow:
            self._narrow = narrow
            self._name.setVisible(not narrow)
            self.state.set_narrow(narrow)
            for entry in self._group.buttons():
                entry.set_narrow(narrow)  # type: ignore[attr-defined]

    def step(self, by: int) -> None:
        """To the next page or the one before."""
        to = self._group.checkedId() + by
        button = self._group.button(to)
        if button is not None:
            button.setFocus(Qt.FocusReason.TabFocusReason)
            button.click()

    def _click(self, number: int) -> None:
        self.show_chosen(number)
        self.chosen.emit(number)

    def _draw(self) -> None:
        self._logo.setPixmap(pixmap("logo", theme().tokens.accent, ICON + 4))
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        colours = theme().tokens
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(colours.surface))
        painter.setPen(QColor(colours.line))
        painter.drawLine(self.rect().topRight(), self.rect().bottomRight())
        painter.end()


class _Entry(QAbstractButton):
    def __init__(self, icon: str, words: str, keys: str, navigation: Navigation) -> None:
        super().__init__(navigation)
        self._icon, self._navigation, self._narrow = icon, navigation, False
        self.setText(words)
        self.setCheckable(True)
        self.setAccessibleName(words)
        self.setToolTip(f"{words} ({keys})")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.update)

    def set_narrow(self, narrow: bool) -> None:
        self._narrow = narrow
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        height = max(metrics.height(), ICON) + 18
        if self._narrow:
            return QSize(ICON + 24, height)
        return QSize(max(metrics.horizontalAdvance(self.text()) + ICON + 64, 176), height)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        assert event is not None
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._navigation.step(1 if event.key() == Qt.Key.Key_Down else -1)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        colours = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.isChecked():
            painter.setBrush(QColor(colours.accent_soft))
            painter.drawRoundedRect(box, 8, 8)
        elif self.underMouse():
            painter.setBrush(QColor(colours.surface_raised))
            painter.drawRoundedRect(box, 8, 8)
        if shows_focus(self):
            painter.setPen(QPen(QColor(colours.focus), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, 8, 8)
        colour = colours.text if self.isChecked() else colours.text_muted
        left = (self.width() - ICON) / 2 if self._narrow else 12.0
        symbol = QRectF(left, (self.height() - ICON) / 2, ICON, ICON)
        paint(painter, self._icon, colours.accent if self.isChecked() else colour, symbol)
        if not self._narrow:
            font = self.font()
            font.setWeight(font.Weight.DemiBold if self.isChecked() else font.Weight.Medium)
            painter.setFont(font)
            painter.setPen(QColor(colour))
            words = QRectF(left + ICON + 12, 0, self.width() - left - ICON - 16, self.height())
            painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())
        painter.end()


class StateLine(QWidget):
    """What the engine does, in two words with a symbol; in view on every page."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._symbol = QLabel()
        self._words = label()
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 0)
        row.setSpacing(10)
        row.addWidget(self._symbol)
        row.addWidget(self._words, 1)
        theme().changed.connect(self._draw)
        self.show_status(StatusReply(EngineState.STOPPED))

    def show_status(self, status: StatusReply) -> None:
        """The state, in words."""
        self._icon, self._role, words = _told(status)
        self._words.setText(words)
        self._words.setToolTip(in_words(status.message))
        self._symbol.setToolTip(words)
        self.setAccessibleName(words)
        set_role(self._words, "muted" if self._role == "muted" else "")
        self._draw()

    def set_narrow(self, narrow: bool) -> None:
        """The symbol alone."""
        self._words.setVisible(not narrow)

    def _draw(self) -> None:
        colours = theme().tokens
        colour = {"good": colours.good, "warn": colours.warn, "bad": colours.bad}.get(self._role, colours.text_muted)
        self._symbol.setPixmap(pixmap(self._icon, colour, ICON))


def _told(status: StatusReply) -> tuple[str, str, str]:
    """Icon, role and words."""
    match status.state:
        case EngineState.STARTING:
            return "retry", "muted", _("Starting")
        case EngineState.RUNNING if status.bypass:
            return "compare", "warn", _("Bypassed")
        case EngineState.RUNNING:
            return "good", "good", _("On")
        case EngineState.SLEEPING:
            return "sleep", "good", _("Ready")
        case EngineState.DEGRADED:
            return "warn", "warn", _("Too busy")
        case EngineState.RECONNECTING:
            return "retry", "warn", _("Reconnecting")
        case EngineState.FAILED:
            return "bad", "bad", _("Not working")
        case _:
            return "power", "muted", _("Off")
