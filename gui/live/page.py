"""The Live page: controls at the left, what there is to see at the right; one above the other in a narrow window."""

from __future__ import annotations

from time import monotonic

from PyQt6.QtCore import QEvent, QObject, QSize, Qt, QTimer
from PyQt6.QtGui import QHideEvent, QKeyEvent, QResizeEvent, QShowEvent
from PyQt6.QtWidgets import (
    QApplication,
    QBoxLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from enhancer.live.meters import Meters
from gui.i18n import _
from gui.live.controls import DevicePicker, Figure, PowerButton, StrengthSlider
from gui.live.levels import LevelsCard
from gui.live.model import PRESETS_DB, LiveModel
from gui.live.scales import FRAMES_A_SECOND, TEXTS_A_SECOND
from gui.live.spectrogram_view import SpectrogramView
from gui.live.wording import Tone
from gui.theme import pixmap, set_icon, theme
from gui.widgets import Banner, Card, SegmentedControl, Switch, label, wrapped
from gui.widgets.labels import set_role

NARROW = 60  # widths of a capital M: below this, one column
GAP_COLUMNS = 8  # of a spectrogram; after a longer pause nothing is known of what was in it
_ICONS: dict[Tone, str] = {"on": "good", "starting": "retry", "asleep": "sleep", "warn": "warn", "bad": "bad"}


class LivePage(QWidget):
    """What its model says, thirty times a second the meters, four times the texts; nothing while nobody can see it."""

    def __init__(self, model: LiveModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._said = ""  # in the banner, and no trouble
        self._narrow, self._room_for_two = False, 0  # px
        self._columns_shown, self._shown_since = 0, monotonic()
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._frames, self._texts = QTimer(self), QTimer(self)
        self._frames.setInterval(1000 // FRAMES_A_SECOND)
        self._frames.setTimerType(Qt.TimerType.PreciseTimer)
        self._frames.timeout.connect(self._show_frame)
        self._texts.setInterval(1000 // TEXTS_A_SECOND)
        self._texts.timeout.connect(self._show_texts)
        self._make()
        model.changed.connect(self._show)
        model.said.connect(self._say)
        theme().changed.connect(self._draw_icons)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._let_go)
        self._show()

    def title(self) -> str:
        """In the navigation."""
        return _("Live")

    # --- how it is made -----------------------------------------------------------------------------------------

    def _make(self) -> None:
        # In the order in which the Tab key goes through them.
        rows = QVBoxLayout(self)
        rows.setContentsMargins(24, 16, 24, 8)
        rows.setSpacing(12)
        self.banner = Banner()
        rows.addWidget(self.banner)
        rows.addWidget(self._head())
        self._columns = QHBoxLayout()
        self._columns.setSpacing(12)
        rows.addLayout(self._columns, 1)
        left, right = QVBoxLayout(), QVBoxLayout()
        for column, share in ((left, 2), (right, 3)):
            column.setSpacing(12)
            self._columns.addLayout(column, share)
        for make in (self._sound, self._strength, self._extras):
            left.addWidget(make())
        left.addStretch(1)
        self.levels = LevelsCard()
        right.addWidget(self.levels)
        self.spectrograms = SpectrogramView()
        card = Card()
        card.body.addWidget(self.spectrograms, 1)
        right.addWidget(card, 1)
        rows.addLayout(self._status_line())

    def _head(self) -> Card:
        self.power = PowerButton()
        self.power.clicked.connect(self._model.turn)
        self._symbol = QLabel()
        self._symbol.setContentsMargins(0, 6, 0, 0)  # beside the title's first line
        self.state = wrapped("", "title")
        self.detail = wrapped("", "subtitle")
        self.compare = QPushButton(_("Hold to compare"))
        self.compare.setToolTip(_("While you hold it, or the space bar, others hear the sound as it comes in."))
        self.compare.pressed.connect(lambda: self._model.hold(True))
        self.compare.released.connect(lambda: self._model.hold(False))
        self.bypass = Switch(_("Pass the sound through as it is"))
        self.bypass.clicked.connect(self._model.set_bypass)
        title = QHBoxLayout()
        title.setSpacing(8)
        title.addWidget(self._symbol, 0, Qt.AlignmentFlag.AlignTop)
        title.addWidget(self.state, 1)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addStretch(1)
        words.addLayout(title)
        words.addWidget(self.detail)
        words.addStretch(1)
        what, how = QHBoxLayout(), QHBoxLayout()
        what.setSpacing(16)
        what.addWidget(self.power)
        what.addLayout(words, 1)
        how.setSpacing(12)
        how.addWidget(self.compare)
        how.addStretch(1)
        how.addWidget(label(_("Bypass")))
        how.addWidget(self.bypass)
        self._head_row = QHBoxLayout()
        self._head_row.setSpacing(16)
        self._head_row.addLayout(what, 1)
        self._head_row.addLayout(how)
        card = Card()
        card.body.addLayout(self._head_row)
        return card

    def _sound(self) -> Card:
        self.input = DevicePicker(_("Microphone"))
        self.input.picked.connect(lambda name: self._model.choose("input", name))
        self.output = DevicePicker(_("Speaker"))
        self.output.picked.connect(lambda name: self._model.choose("output", name))
        self.virtual_mic = Switch(_("Virtual microphone"))
        self.virtual_mic.clicked.connect(self._model.set_virtual_mic)
        self.virtual_words = wrapped("", "muted")
        card = Card()
        card.body.setSpacing(10)
        for name, picker in ((_("Microphone"), self.input), (_("Speaker"), self.output)):
            column = QVBoxLayout()
            column.setSpacing(4)
            heading = label(name, "heading")
            heading.setBuddy(picker)
            column.addWidget(heading)
            column.addWidget(picker)
            card.body.addLayout(column)
        card.body.addLayout(_switch_row(_("Virtual microphone"), self.virtual_words, self.virtual_mic))
        return card

    def _strength(self) -> Card:
        words = (_("Gentle"), _("Normal"), _("Strong"), _("Full"))
        self.presets = SegmentedControl(list(zip(PRESETS_DB, words, strict=True)), _("Strength"))
        self.presets.chosen.connect(self._model.set_limit)
        self.strength = StrengthSlider()
        self.strength.chosen.connect(self._model.set_limit)
        self.strength.moved.connect(lambda limit: self._model.set_limit(limit, remember=False))
        self.strength_words = label("", "muted")
        card = Card(_("Strength"))
        card.head.addWidget(self.strength_words)
        card.body.addWidget(self.presets)
        card.body.addWidget(self.strength)
        return card

    def _extras(self) -> Card:
        self.monitor = Switch(_("Listen to yourself"))
        self.monitor.clicked.connect(self._model.set_monitor)
        self.monitor_words = wrapped("", "muted")
        self.record = Switch(_("Record"))
        self.record.clicked.connect(self._model.set_recording)
        self.record_words = wrapped("", "muted")
        card = Card()
        card.body.addLayout(_switch_row(_("Listen to yourself"), self.monitor_words, self.monitor))
        card.body.addLayout(_switch_row(_("Record"), self.record_words, self.record))
        return card

    def _status_line(self) -> QBoxLayout:
        self.latency = Figure(_("Latency"))
        self.frame_time = Figure(_("CPU per frame p50 / p99"))
        self.dropouts = Figure(_("Dropouts"))
        self.drift = Figure(_("Clock drift"))
        self._figures = QHBoxLayout()
        self._figures.setSpacing(4)
        for figure in (self.latency, self.frame_time, self.dropouts, self.drift):
            self._figures.addWidget(figure)
        self._figures.addStretch(1)
        return self._figures

    # --- what it shows ------------------------------------------------------------------------------------------

    def _show(self) -> None:
        model = self._model
        self.input.show_choices(model.choices("input"), model.chosen("input"))
        self.output.show_choices(model.choices("output"), model.chosen("output"))
        self.power.setChecked(model.on)
        self.virtual_mic.setChecked(model.virtual_mic)
        self.presets.set_value(model.limit_db)
        self.strength.show_limit(model.limit_db)
        self.strength.setAccessibleDescription(model.limit_words)
        self.strength_words.setText(model.limit_words)
        self.bypass.setChecked(model.latched)
        self.monitor.setChecked(model.monitor)
        self.monitor_words.setText(model.monitor_words)
        self.record.setChecked(model.recording)
        self.record_words.setText(model.recording_words)
        self.compare.setEnabled(model.flowing)
        self.bypass.setEnabled(model.flowing)
        self.monitor.setEnabled(model.can_monitor)
        self.record.setEnabled(model.can_record)
        self._show_texts()
        self._run()

    def _say(self, text: str, kind: str, hint: str) -> None:
        """In the banner; of what is no trouble, only the newest."""
        if kind in ("info", "good"):
            if self._said:
                self.banner.clear(self._said)
            self._said = text
        self.banner.show_message(text, kind, hint)

    def _show_texts(self) -> None:
        meters = self._model.meters()
        words, readings = self._model.state(meters), self._model.readings(meters)
        self.state.setText(words.title)
        self.detail.setText(words.detail)
        set_role(self.detail, words.tone if words.tone in ("warn", "bad") else "subtitle")
        self.power.show_tone(words.tone)
        self.power.setAccessibleDescription(f"{words.title}. {words.detail}")
        if self._symbol.property("tone") != words.tone:
            self._symbol.setProperty("tone", words.tone)
            self._draw_icons()
        self.virtual_words.setText(self._model.virtual_mic_words(meters))
        self.levels.show_readings(readings)
        self.latency.show_value(readings.latency, readings.latency_parts)
        self.frame_time.show_value(readings.frame, readings.frame_parts)
        self.dropouts.show_value(readings.dropouts, readings.dropouts_parts)
        self.drift.show_value(readings.drift, readings.drift_parts)

    def _show_frame(self) -> None:
        meters = self._model.meters(spectra=True)
        self.levels.show_meters(meters)
        due = int((monotonic() - self._shown_since) * FRAMES_A_SECOND) - self._columns_shown
        self._columns_shown += due
        if due > GAP_COLUMNS:
            self.spectrograms.pause(due - 1)
            due = 1
        self.spectrograms.append(meters, due)

    def _draw_icons(self) -> None:
        colours, tone = theme().tokens, self._symbol.property("tone")
        tints = {
            "on": colours.good,
            "starting": colours.accent,
            "asleep": colours.accent,
            "warn": colours.warn,
            "bad": colours.bad,
        }
        self._symbol.setVisible(tone in _ICONS)
        if tone in _ICONS:
            self._symbol.setPixmap(pixmap(_ICONS[tone], tints[tone], 22))
        set_icon(self.compare, "compare", colours.text)

    # --- when it is seen ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        """Paints while there is something to see and somebody who can."""
        window = self.window()
        seen = self.isVisible() and window is not None and not window.isMinimized()
        flowing = self._model.flowing
        if seen and flowing and not self._frames.isActive():
            self._frames.start()
        elif not (seen and flowing) and self._frames.isActive():
            self._frames.stop()
        if not flowing:
            self.levels.show_meters(Meters())
        self.spectrograms.show_note("" if flowing else _("No sound at the moment"))
        if seen:
            self._texts.start()
        else:
            self._texts.stop()
            self._model.hold(False)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Goes on."""
        if window := self.window():
            window.installEventFilter(self)
        self._show()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Pauses."""
        self._run()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """The window may have been minimised."""
        if event is not None and event.type() == QEvent.Type.WindowStateChange:
            self._run()
        return super().eventFilter(watched, event)

    # --- in windows of any size ---------------------------------------------------------------------------------

    def minimumSizeHint(self) -> QSize:
        """As narrow as one column; how high, the layout says for the width that there is."""
        return QSize(super().minimumSizeHint().width() if self._narrow else 0, 0)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """One column where two have no room."""
        layout = self.layout()
        if layout is not None and not self._narrow:
            self._room_for_two = max(layout.minimumSize().width(), NARROW * self.fontMetrics().horizontalAdvance("M"))
        narrow = self.width() < self._room_for_two
        if narrow != self._narrow:
            self._narrow = narrow
            direction = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
            for row in (self._columns, self._figures, self._head_row):
                row.setDirection(direction)
            self.updateGeometry()

    # --- the space bar ------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Where no control of its own takes the space bar, it is the button to hold."""
        if event is not None and event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat() and self.compare.isEnabled():
                self.compare.setDown(True)
                self._model.hold(True)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent | None) -> None:
        """The other one again."""
        if event is not None and event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._let_go()
        else:
            super().keyReleaseEvent(event)

    def _let_go(self) -> None:
        """Also when the focus moves: the key's release goes elsewhere then."""
        self.compare.setDown(False)
        self._model.hold(False)


def _switch_row(name: str, words: QLabel, switch: Switch) -> QHBoxLayout:
    """A heading with a line below it, and a switch at the right."""
    column = QVBoxLayout()
    column.setSpacing(2)
    column.addWidget(label(name, "heading"))
    column.addWidget(words)
    row = QHBoxLayout()
    row.setSpacing(12)
    row.addLayout(column, 1)
    row.addWidget(switch, 0, Qt.AlignmentFlag.AlignTop)
    return row
