"""The player: before and after of a file by one key, and the pictures of both."""

from __future__ import annotations

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QKeySequence, QShortcut
from PyQt6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from gui.i18n import _
from gui.playback.clock import clock
from gui.playback.model import PlaybackModel
from gui.playback.view import ComparisonView
from gui.theme import icon, theme
from gui.widgets import SegmentedControl, label


class AbPlayer(QWidget):
    """Shows and commands a PlaybackModel. Space plays, A and B choose a side, the arrow keys seek in the pictures.

    head: the line of the controls, at whose end there is room for more.
    """

    def __init__(self, model: PlaybackModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = model
        self.play_button = QPushButton()
        self.play_button.setProperty("role", "primary")
        self.play_button.setIconSize(QSize(20, 20))
        self.play_button.clicked.connect(model.toggle)
        self.time = label("", "muted")
        self.side = SegmentedControl(((False, _("Before")), (True, _("After"))), _("What you hear"))
        self.side.setToolTip(_("A: before, B: after"))
        self.side.chosen.connect(model.choose)
        self.view = ComparisonView(model)

        self.head = controls = QHBoxLayout()
        controls.setSpacing(12)
        controls.addWidget(self.play_button)
        controls.addWidget(self.side)
        controls.addSpacing(4)
        controls.addWidget(self.time)
        controls.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(controls)
        column.addWidget(self.view, 1)

        for key, action in (
            (Qt.Key.Key_Space, model.toggle),
            (Qt.Key.Key_A, lambda: model.choose(False)),
            (Qt.Key.Key_B, lambda: model.choose(True)),
        ):
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(action)
        model.changed.connect(self._show)
        model.moved.connect(self._show_time)
        theme().changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        model = self.model
        words = _("Pause") if model.playing else _("Play")
        self.play_button.setIcon(icon("pause" if model.playing else "play", theme().tokens.on_accent, 20))
        self.play_button.setAccessibleName(words)
        self.play_button.setToolTip(_("{action} (Space)").format(action=words))
        for control in (self.play_button, self.side, self.view):
            control.setEnabled(model.files is not None)
        if self.side.value != model.hears_after:
            self.side.set_value(model.hears_after)
        self._show_time()

    def _show_time(self) -> None:
        model = self.model
        text = f"{clock(model.position, tenths=True)} / {clock(model.seconds, tenths=True)}" if model.loaded else ""
        if text != self.time.text():
            self.time.setText(text)
