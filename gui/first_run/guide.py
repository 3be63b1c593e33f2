"""The guide of the first start: over the whole window, three steps and a check."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QObject, QRectF, QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QColor, QHideEvent, QPainter, QPaintEvent, QShowEvent
from PyQt6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from gui.first_run.model import Check, FirstRunModel, Step
from gui.first_run.picture import PictureOfCallSettings
from gui.i18n import _
from gui.live.bars import Bar, Scale, level_marks, level_zones
from gui.live.scales import level_share
from gui.theme import pixmap, theme
from gui.widgets import Card, label, wrapped
from gui.widgets.labels import set_role

WIDEST = 46  # of the column, in widths of the letter M
HIGHEST = 44  # in lines of text
METERS_MS = 33
LOOK_MS = 250  # for programs that use the microphone


class FirstRunGuide(QWidget):
    """Covers its window from `begin` until it is finished or skipped."""

    closed = pyqtSignal()

    def __init__(self, model: FirstRunModel, window: QMainWindow) -> None:
        super().__init__(window)
        self._model, self._window = model, window
        self.setAutoFillBackground(True)
        self._dots = _Dots()
        self._count = label("", "muted")
        self.skip = QPushButton(_("Skip"))
        self.skip.setProperty("role", "ghost")
        self.skip.clicked.connect(model.skip)
        head = QHBoxLayout()
        head.addWidget(self._dots)
        head.addSpacing(8)
        head.addWidget(self._count)
        head.addStretch(1)
        head.addWidget(self.skip)
        self._steps = QStackedWidget()
        self._pages = (_MicrophoneStep(model), _SpeakStep(model), _CallStep(model), _CheckStep(model))
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
        self.closed.emit()

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


class _Step(QWidget):
    """A heading, a line under it, and a card."""

    def __init__(self, model: FirstRunModel, title: str, text: str) -> None:
        super().__init__()
        self._model = model
        self.setProperty("role", "page")
        self.text = wrapped(text, "subtitle")
        self.card = Card()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 16, 0, 8)
        column.setSpacing(8)
        heading = wrapped(title, "title")
        column.addWidget(heading)
        column.addWidget(self.text)
        column.addSpacing(12)
        column.addWidget(self.card)
        column.addStretch(1)

    def minimumSizeHint(self) -> QSize:
        """Of any height: the layout's own least height is that of the narrowest page, where lines wrap the most."""
        return QSize(super().minimumSizeHint().width(), 0)

    def refresh(self) -> None:
        """Shows what the model says now."""


class _MicrophoneStep(_Step):
    def __init__(self, model: FirstRunModel) -> None:
        super().__init__(
            model, _("Which microphone do you speak into?"), _("Enhancer takes the noise out of what it hears.")
        )
        self._buttons = QButtonGroup(self)
        self._buttons.idClicked.connect(self._choose)
        self._shown: list[tuple[str | None, str]] = []
        self._none = _Note()
        self.card.body.addWidget(self._none)

    def refresh(self) -> None:
        live = self._model.live
        choices = [(choice.name, choice.words) for choice in live.choices("input")]
        if choices != self._shown:
            self._shown = choices
            for button in self._buttons.buttons():
                self._buttons.removeButton(button)
                self.card.body.removeWidget(button)
                button.hide()
                button.deleteLater()
            for number, (_name, words) in enumerate(choices):
                button = QRadioButton(words)
                self._buttons.addButton(button, number)
                self.card.body.addWidget(button)
        chosen = live.chosen("input")
        for number, (name, _words) in enumerate(choices):
            found = self._buttons.button(number)
            if found is not None:
                found.setChecked(name == chosen)
        problem = self._model.no_microphone
        self._none.show_words("warn", problem)
        self._none.setVisible(bool(problem))

    def _choose(self, number: int) -> None:
        self._model.live.choose("input", self._shown[number][0])


class _SpeakStep(_Step):
    def __init__(self, model: FirstRunModel) -> None:
        super().__init__(model, _("Say something"), _("The bar shows how loud you are, before anything is taken away."))
        self.bar = Bar(level_zones)
        self.bar.setAccessibleName(_("Microphone level"))
        self.note = _Note()
        self.card.body.addWidget(self.bar)
        self.card.body.addWidget(Scale(level_marks()))
        self.card.body.addSpacing(4)
        self.card.body.addWidget(self.note)
        self._timer = QTimer(self)
        self._timer.setInterval(METERS_MS)
        self._timer.timeout.connect(self._tick)

    def refresh(self) -> None:
        self.note.show_words(*self._model.speak_words)

    def showEvent(self, event: QShowEvent | None) -> None:
        self._timer.start()

    def hideEvent(self, event: QHideEvent | None) -> None:
        self._timer.stop()

    def _tick(self) -> None:
        meters = self._model.meters()
        self.bar.show_shares(level_share(meters.input_rms_dbfs), level_share(meters.input_peak_dbfs))
        self.refresh()


class _CallStep(_Step):
    def __init__(self, model: FirstRunModel) -> None:
        super().__init__(model, _("Choose it in your call program"), "")
        self.picture = PictureOfCallSettings(model.microphone_name)
        self.note = _Note()
        self.card.body.addWidget(self.picture)
        self.card.body.addWidget(self.note)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.refresh)

    def refresh(self) -> None:
        name = self._model.microphone_name
        self.text.setText(
            _("In its sound settings, take “{name}” as the microphone. Once is enough: it keeps its name.").format(
                name=name
            )
        )
        self.picture.show_name(name)
        self.note.show_words(*self._model.call_words(self._model.meters()))

    def showEvent(self, event: QShowEvent | None) -> None:
        self._timer.start()

    def hideEvent(self, event: QHideEvent | None) -> None:
        self._timer.stop()


class _CheckStep(_Step):
    def __init__(self, model: FirstRunModel) -> None:
        super().__init__(model, _("Does it all work?"), _("Your sound system and this computer’s speed are looked at."))
        self.summary = _Note()
        self.again = QPushButton(_("Check again"))
        self.again.clicked.connect(model.check)
        head = QHBoxLayout()
        head.addWidget(self.summary, 1)
        head.addWidget(self.again)
        self._lines = QVBoxLayout()
        self._lines.setSpacing(12)
        self._shown: list[Check] = []
        self.better = QPushButton()
        self.better.clicked.connect(model.take_better_latency)
        self.card.body.addLayout(head)
        line = QFrame()
        line.setProperty("role", "line")
        self.card.body.addWidget(line)
        self.card.body.addLayout(self._lines)
        self.card.body.addWidget(self.better, 0, Qt.AlignmentFlag.AlignLeft)

    def refresh(self) -> None:
        model = self._model
        self.summary.show_words(*model.summary)
        self.again.setEnabled(model.checked or bool(model.test_error))
        self.better.setVisible(bool(model.better_latency))
        modes = {"normal": _("Set the latency to Normal"), "safe": _("Set the latency to Safe")}
        self.better.setText(modes.get(model.better_latency, ""))
        if model.checks != self._shown:
            self._shown = model.checks
            while (item := self._lines.takeAt(0)) is not None:
                widget = item.widget()
                if widget is not None:
                    widget.hide()
                    widget.deleteLater()
            for check in self._shown:
                self._lines.addWidget(_CheckLine(check))


class _CheckLine(QWidget):
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


class _Note(QWidget):
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
        return QSize(len(Step) * 30 - 6, 8)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        colours = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for number in range(len(Step)):
            painter.setBrush(QColor(colours.accent if number <= self._step else colours.line))
            painter.drawRoundedRect(QRectF(number * 30, 2, 24, 4), 2, 2)
        painter.end()


def _scrolling(page: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(page)
    return area
