"""The Mic test page: a button, a count-down, and then what you sound like."""

from __future__ import annotations

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen, QResizeEvent
from PyQt6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from gui.i18n import _
from gui.live.bars import Bar, Scale, level_marks, level_zones
from gui.live.controls import DevicePicker
from gui.live.scales import level_share
from gui.mic_test.model import SECONDS, MicTestModel, Step
from gui.mic_test.wording import Figure
from gui.playback.ab_player import AbPlayer
from gui.theme import pixmap, set_icon, theme
from gui.theme.icons import paint as paint_icon
from gui.widgets import Banner, Card, label, wrapped

NARROW = 46  # widths of a capital M: below this, figures stand below each other
RING = 6  # logical pixels


class MicTestPage(QWidget):
    """What its model says, and its one button at a time."""

    def __init__(self, model: MicTestModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._shown: Step | None = None
        self.banner = Banner()
        self._taking, self._done = self._take(), self._result()
        rows = QVBoxLayout(self)
        rows.setContentsMargins(24, 16, 24, 16)
        rows.setSpacing(12)
        rows.addWidget(self.banner)
        rows.addWidget(self._taking, 1)
        rows.addWidget(self._done, 1)
        model.changed.connect(self._show)
        model.heard.connect(self._show_sound)
        model.refused.connect(self.banner.show_error)
        model.playback.refused.connect(self.banner.show_error)
        theme().changed.connect(self._draw)
        self._draw()
        self._show()

    def title(self) -> str:
        """In the navigation."""
        return _("Mic test")

    # --- how it is made ---------------------------------------------------------------------------------------------

    def _take(self) -> Card:
        self.dial = CountDown()
        self.heading = label("", "title")
        self.heading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words = wrapped("", "subtitle")
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picker = DevicePicker(_("Microphone"))
        self.picker.picked.connect(self._model.choose)
        self.level = Bar(level_zones)
        self.level.setAccessibleName(_("Level"))
        self._scale = Scale(level_marks())
        self.record = QPushButton(_("Record 5 seconds"))
        self.record.setProperty("role", "primary")
        self.record.clicked.connect(self._record)
        self.cancel = QPushButton(_("Cancel"))
        self.cancel.clicked.connect(self._model.cancel)
        middle = QVBoxLayout()
        middle.setSpacing(8)
        middle.addStretch(2)
        middle.addWidget(self.dial, 0, Qt.AlignmentFlag.AlignHCenter)
        middle.addSpacing(8)
        middle.addWidget(self.heading)
        middle.addWidget(self.words)
        middle.addSpacing(16)
        self._levels = QWidget()
        levels = QVBoxLayout(self._levels)
        levels.setContentsMargins(0, 0, 0, 0)
        levels.setSpacing(4)
        levels.addWidget(self.level)
        levels.addWidget(self._scale)
        for widget in (self.picker, self._levels):
            middle.addWidget(widget)
        middle.addSpacing(8)
        for button in (self.record, self.cancel):
            middle.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        middle.addStretch(3)
        card = Card()
        row = QHBoxLayout()
        row.addStretch(1)
        row.addLayout(middle, 4)
        row.addStretch(1)
        card.body.addLayout(row)
        return card

    def _result(self) -> QWidget:
        self._symbol = QLabel()
        self.verdict = label("", "title")
        self.advice = wrapped("", "subtitle")
        self.again = QPushButton(_("Record again"))
        self.again.setProperty("role", "primary")
        self.again.clicked.connect(self._record)
        self.other = DevicePicker(_("Microphone"))
        self.other.picked.connect(self._model.choose)
        self.figures = [FigureCard() for _number in range(3)]
        self.player = AbPlayer(self._model.playback)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.verdict)
        words.addWidget(self.advice)
        head = QHBoxLayout()
        head.setSpacing(16)
        head.addWidget(self._symbol, 0, Qt.AlignmentFlag.AlignVCenter)
        head.addLayout(words, 1)
        side = QVBoxLayout()
        side.setSpacing(8)
        side.addWidget(self.other)
        side.addWidget(self.again)
        head.addLayout(side)
        verdict_card = Card()
        verdict_card.body.addLayout(head)
        self._figure_row = QHBoxLayout()
        self._figure_row.setSpacing(12)
        for figure in self.figures:
            self._figure_row.addWidget(figure, 1)
        player_card = Card()
        player_card.body.addWidget(self.player, 1)
        page = QWidget()
        rows = QVBoxLayout(page)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(12)
        rows.addWidget(verdict_card)
        rows.addLayout(self._figure_row)
        rows.addWidget(player_card, 1)
        return page

    # --- what it shows ----------------------------------------------------------------------------------------------

    def _record(self) -> None:
        self.banner.clear()
        self._model.record()

    def _show(self) -> None:
        model, step = self._model, self._model.step
        for picker in (self.picker, self.other):
            picker.show_choices(model.choices, model.chosen)
        if step is self._shown:
            return
        before, self._shown = self._shown, step
        self.heading.setText(
            {
                Step.READY: _("How do you sound?"),
                Step.STARTING: _("Opening the microphone…"),
                Step.RECORDING: _("Speak now"),
                Step.JUDGING: _("Cleaning…"),
            }.get(step, "")
        )
        self.words.setText(self._words())
        self.picker.setVisible(step is Step.READY)
        self._levels.setVisible(step in (Step.STARTING, Step.RECORDING, Step.JUDGING))
        self.record.setVisible(step is Step.READY)
        self.cancel.setVisible(step in (Step.STARTING, Step.RECORDING, Step.JUDGING))
        if step is Step.DONE:
            self._show_result()
        self._taking.setVisible(step is not Step.DONE)
        self._done.setVisible(step is Step.DONE)
        self._show_sound()
        self._hand_focus_on(before)

    def _words(self) -> str:
        match self._model.step:
            case Step.READY:
                return _("Record five seconds, then hear and see what Enhancer makes of them.")
            case Step.RECORDING:
                return _("From {name}. Pause now and then: the pauses tell how loud the noise is.").format(
                    name=self._model.microphone
                )
            case Step.JUDGING:
                return _("One moment.")
        return ""

    def _show_sound(self) -> None:
        model = self._model
        self.dial.show_step(model.step, model.done_s / SECONDS, model.count_down)
        self.level.show_shares(level_share(model.rms_dbfs), level_share(model.peak_dbfs))

    def _show_result(self) -> None:
        verdict = self._model.verdict
        self.verdict.setText(verdict.title)
        self.advice.setText(verdict.text)
        for card, figure in zip(self.figures, self._model.figures, strict=True):
            card.show_figure(figure)
        self._draw()

    def _hand_focus_on(self, before: Step | None) -> None:
        """To the button that takes the place of the one that is gone."""
        if before is None or not self.isVisible():
            return
        target = {Step.READY: self.record, Step.DONE: self.player.play_button}.get(self._model.step, self.cancel)
        target.setFocus(Qt.FocusReason.OtherFocusReason)

    def _draw(self) -> None:
        colours = theme().tokens
        set_icon(self.record, "record", colours.on_accent)
        set_icon(self.again, "retry", colours.on_accent)
        if self._model.step is Step.DONE:
            tone = self._model.verdict.tone
            tint = {"good": colours.good, "info": colours.accent, "warn": colours.warn, "bad": colours.bad}[tone]
            self._symbol.setPixmap(pixmap(tone, tint, 36))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Figures below each other in a narrow window."""
        narrow = self.width() < NARROW * self.fontMetrics().horizontalAdvance("M")
        self._figure_row.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)


class CountDown(QWidget):
    """A microphone; while it records, the seconds that are left in a ring that fills."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._step, self._share, self._left = Step.READY, 0.0, 0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.update)

    def show_step(self, step: Step, share: float, left: int) -> None:
        """share: of the recording that is done; left: in seconds."""
        self._step, self._share, self._left = step, share, left
        words = _("{seconds} seconds left").format(seconds=left) if step is Step.RECORDING else ""
        if words != self.accessibleName():
            self.setAccessibleName(words)
        self.update()

    def sizeHint(self) -> QSize:
        side = 7 * self.fontMetrics().height()
        return QSize(side, side)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        colours = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(RING, RING, -RING, -RING)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.accent_soft))
        painter.drawEllipse(box)
        if self._step in (Step.RECORDING, Step.JUDGING):
            painter.setBrush(Qt.BrushStyle.NoBrush)
            share = self._share if self._step is Step.RECORDING else 1.0
            pen = QPen(QColor(colours.accent), RING)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawArc(box, 90 * 16, round(-360 * 16 * share))
        if self._step is Step.RECORDING:
            font = QFont(self.font())
            font.setPointSizeF(3.4 * font.pointSizeF())
            font.setWeight(QFont.Weight.DemiBold)
            painter.setFont(font)
            painter.setPen(QColor(colours.text))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(self._left))
        else:
            inner = box.adjusted(*(0.28 * box.width() * sign for sign in (1, 1, -1, -1)))
            paint_icon(painter, "mic", colours.accent, inner)
        painter.end()


class FigureCard(Card):
    """Something measured, before and after, and what it means."""

    def __init__(self) -> None:
        super().__init__()
        self.body.setSpacing(4)
        self.name, self.value, self.meaning = label("", "muted"), label("", "title"), wrapped("", "muted")
        for words in (self.name, self.value, self.meaning):
            self.body.addWidget(words)
        self.body.addStretch(1)

    def show_figure(self, figure: Figure) -> None:
        """In words for screen readers, too, who do not read arrows."""
        self.name.setText(figure.name)
        self.value.setText(figure.change)
        self.meaning.setText(figure.meaning[:1].upper() + figure.meaning[1:])
        spoken = (
            _("{name}: {before} before, {after} after").format(
                name=figure.name, before=figure.before, after=figure.after
            )
            if figure.after
            else ""
        )
        self.setAccessibleName(spoken or f"{figure.name}: {figure.before}")
