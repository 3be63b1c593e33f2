"""The guide of the first start: over the whole window, three steps and a check."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QObject, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent
from PyQt6.QtWidgets import (
    QHBoxLayout,
    QMainWindow,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from gui.first_run.model import FirstRunModel, Step
from gui.first_run.steps import CallStep, CheckStep, MicrophoneStep, SpeakStep
from gui.i18n import _
from gui.theme import theme
from gui.widgets import label

WIDEST = 46  # of the column, in widths of the letter M
HIGHEST = 44  # in lines of text


class FirstRunGuide(QWidget):
    """Covers its window from `begin` until it is finished or skipped."""

    def __init__(self, model: FirstRunModel, window: QMainWindow) -> None:
        super().__init__(window)
        self._model, self._window = model, window
        self.setAutoFillBackground(True)
        self._dots = _Dots()
        self._count = label("", "muted")
        self.skip = QPushButton(_("Skip"))
        self.skip.setProperty("role", "ghost")
        self.skip.clicked.connect(model.skip)
        policy = self.skip.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # nothing moves when it goes
        self.skip.setSizePolicy(policy)
        head = QHBoxLayout()
        head.addWidget(self._dots)
        head.addSpacing(8)
        head.addWidget(self._count)
        head.addStretch(1)
        head.addWidget(self.skip)
        self._steps = QStackedWidget()
        self._pages = (MicrophoneStep(model), SpeakStep(model), CallStep(model), CheckStep(model))
        for page in self._pages:
            self._steps.addWidget(_scrolling(page))
        self.back = QPushButton(_("Back"))
        self.back.clicked.connect(model.back)
        self.forward = QPushButton()
        self.forward.setProperty("role", "primary")
        self.forward.setDefault(True)
        self.forward.clicked.connect(model.forward)
        foot = QHBoxLayout()
        foot.addWidget(self.back)
        foot.addStretch(1)
        foot.addWidget(self.forward)
        column = QVBoxLayout()
        column.setSpacing(16)
        column.addLayout(head)
        column.addWidget(self._steps, 1)
        column.addLayout(foot)
        middle = QWidget()
        middle.setLayout(column)
        middle.setMaximumWidth(WIDEST * self.fontMetrics().horizontalAdvance("M"))
        middle.setMaximumHeight(HIGHEST * self.fontMetrics().height())
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(middle, 1000)
        row.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(32, 24, 32, 24)
        outer.addStretch(1)
        outer.addLayout(row, 1000)
        outer.addStretch(1)
        model.changed.connect(self._show)
        model.finished.connect(self._leave)
        window.installEventFilter(self)
        self.hide()

    def begin(self) -> None:
        """Shows the first step."""
        self._cover(True)
        self._model.begin()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stays as large as the window."""
        if event is not None and event.type() == QEvent.Type.Resize and self.isVisibleTo(self._window):
            self.setGeometry(self._window.rect())
        return False

    def _cover(self, on: bool) -> None:
        """What lies below can be neither seen nor reached by the keyboard."""
        below = self._window.centralWidget()
        if below is not None:
            below.setVisible(not on)
        self.setGeometry(self._window.rect())
        self.setVisible(on)
        self.raise_()

    def _leave(self) -> None:
        self._cover(False)

    def _show(self) -> None:
        step = self._model.step
        changed = self._steps.currentIndex() != step
        self._steps.setCurrentIndex(step)
        last = step is Step.CHECK
        self._dots.show_step(step)
        self._count.setText(
            _("Check") if last else _("Step {number} of {count}").format(number=step + 1, count=Step.CHECK)
        )
        self.back.setVisible(step is not Step.MICROPHONE)
        self.skip.setVisible(not last)
        self.forward.setText(self._model.next_words)
        for page in self._pages:
            page.refresh()
        if changed or (step is Step.MICROPHONE and self.focusWidget() is None):
            self.forward.setFocus(Qt.FocusReason.OtherFocusReason)


class _Dots(QWidget):
    """How far it is: one dash for each step."""

    def __init__(self) -> None:
        super().__init__()
        self._step = 0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.update)

    def show_step(self, step: int) -> None:
        """The steps up to this one are lit."""
        self._step = step
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(Step.CHECK * 30 - 6, 8)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        colours = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for number in range(Step.CHECK):
            painter.setBrush(QColor(colours.accent if number <= self._step else colours.line))
            painter.drawRoundedRect(QRectF(number * 30, 2, 24, 4), 2, 2)
        painter.end()


def _scrolling(page: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(page)
    return area
