"""The pages of the guide: one for each step."""

from __future__ import annotations

from PyQt6.QtCore import QSize, Qt, QTimer
from PyQt6.QtGui import QHideEvent, QShowEvent
from PyQt6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QPushButton, QRadioButton, QVBoxLayout, QWidget

from gui.first_run.lines import CheckLine, Note
from gui.first_run.model import Check, FirstRunModel
from gui.first_run.picture import PictureOfCallSettings
from gui.i18n import _
from gui.live.bars import Bar, Scale, level_marks, level_zones
from gui.live.scales import level_share
from gui.widgets import Card, wrapped

METERS_MS = 33
LOOK_MS = 250  # for programs that use the microphone


class StepPage(QWidget):
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


class MicrophoneStep(StepPage):
    """One button for each microphone."""

    def __init__(self, model: FirstRunModel) -> None:
        super().__init__(
            model, _("Which microphone do you speak into?"), _("Enhancer takes the noise out of what it hears.")
        )
        self._buttons = QButtonGroup(self)
        self._buttons.idClicked.connect(self._choose)
        self._shown: list[tuple[str | None, str]] = []
        self._none = Note()
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


class SpeakStep(StepPage):
    """A level that moves, and whether a voice was heard."""

    def __init__(self, model: FirstRunModel) -> None:
        super().__init__(model, _("Say something"), _("The bar shows how loud you are, before anything is taken away."))
        self.bar = Bar(level_zones)
        self.bar.setAccessibleName(_("Microphone level"))
        self.note = Note()
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


class CallStep(StepPage):
    """Where to choose the virtual microphone, and whether a program has."""

    def __init__(self, model: FirstRunModel) -> None:
        super().__init__(model, _("Choose it in your call program"), "")
        self.picture = PictureOfCallSettings(model.microphone_name)
        self.note = Note()
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


class CheckStep(StepPage):
    """The doctor's findings, as they come."""

    def __init__(self, model: FirstRunModel) -> None:
        super().__init__(model, _("Does it all work?"), _("Your sound system and this computer’s speed are looked at."))
        self.summary = Note()
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
                self._lines.addWidget(CheckLine(check))
