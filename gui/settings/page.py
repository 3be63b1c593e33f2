"""The Settings page: cards of rows, no OK button. Shows what its model says and tells it what was touched."""

from __future__ import annotations

import sys

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QGuiApplication, QKeySequence, QShowEvent
from PyQt6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QKeySequenceEdit,
    QLineEdit,
    QPushButton,
    QSystemTrayIcon,
    QVBoxLayout,
    QWidget,
)

from gui.home import short_path
from gui.hotkey import COMMAND, can_be_global
from gui.i18n import LANGUAGE_NAMES, _
from gui.live.model import PRESETS_DB
from gui.settings.model import OWN_FILE, SettingsModel, profile_label
from gui.settings.rows import ElidedLabel, Picker, Row, add_rows, control_width
from gui.widgets import Banner, Card, SegmentedControl, Switch

WIDEST = 60  # of the column, in widths of the letter M: longer lines are hard to read


class SettingsPage(QWidget):
    """Needs nobody to call it."""

    def __init__(self, model: SettingsModel) -> None:
        super().__init__()
        self._model = model
        self.banner = Banner()
        cards = (self._profile_card(), self._engine_card(), self._window_card(), self._system_card(), self._help_card())
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        column.addWidget(self.banner)
        for card in cards:
            column.addWidget(card)
        column.addStretch(1)
        middle = QWidget()
        middle.setLayout(column)
        middle.setMaximumWidth(WIDEST * self.fontMetrics().horizontalAdvance("M"))
        row = QHBoxLayout(self)
        row.setContentsMargins(24, 16, 24, 24)
        row.addStretch(1)
        row.addWidget(middle, 1000)
        row.addStretch(1)
        model.changed.connect(self._refresh)
        model.said.connect(self.banner.show_error)
        model.live.said.connect(self.banner.show_message)
        self._show()

    def showEvent(self, event: QShowEvent | None) -> None:
        """As things are now."""
        self._show()

    def minimumSizeHint(self) -> QSize:
        """Of any height: the layout's own least height is that of the narrowest page, where lines wrap the most."""
        return QSize(super().minimumSizeHint().width(), 0)

    def title(self) -> str:
        """For the navigation."""
        return _("Settings")

    # --- cards --------------------------------------------------------------------------------------------------

    def _profile_card(self) -> Card:
        model, live = self._model, self._model.live
        card = Card(_("Profile"), _("Microphone, speaker and strength under one name. The tray switches between them."))
        self.profile = Picker(_("Profile"), model.choose_profile)
        add = QPushButton(_("Add"))
        add.setAccessibleDescription(_("A new profile, at first like the current one"))
        add.clicked.connect(self._add_profile)
        self.remove = QPushButton(_("Remove"))
        self.remove.clicked.connect(model.remove_profile)
        self.name = QLineEdit()
        self.name.setMaxLength(40)
        self.name.setFixedWidth(control_width(self))
        self.name.editingFinished.connect(self._rename)
        self.input = Picker(_("Microphone"), lambda name: live.choose("input", name))
        self.output = Picker(_("Speaker"), lambda name: live.choose("output", name))
        self.virtual_mic = Switch(_("Virtual microphone"))
        self.virtual_mic.clicked.connect(live.set_virtual_mic)
        presets = zip(PRESETS_DB, (_("Gentle"), _("Normal"), _("Strong"), _("Full")), strict=True)
        self.strength = SegmentedControl(list(presets), _("Strength"))
        self.strength.chosen.connect(live.set_limit)
        modes = [("low", _("Low")), ("normal", _("Normal")), ("safe", _("Safe"))]
        self.latency = SegmentedControl(modes, _("Latency"))
        self.latency.chosen.connect(model.set_latency)
        self._input_row = Row(_("Microphone"), "", self.input)
        self._strength_row = Row(_("Strength"), "", self.strength)
        add_rows(
            card,
            [
                Row(_("Current profile"), "", self.profile, add, self.remove),
                Row(_("Name"), "", self.name),
                self._input_row,
                Row(
                    _("Virtual microphone"),
                    _("Call programs find it among their microphones. When off, you hear the sound yourself."),
                    self.virtual_mic,
                ),
                Row(_("Speaker"), _("Where you hear yourself and recordings."), self.output),
                self._strength_row,
                Row(_("Latency"), _("Low is quickest. Choose Safe if the sound crackles."), self.latency),
            ],
        )
        return card

    def _engine_card(self) -> Card:
        model = self._model
        card = Card(_("Sound"))
        self.network = Picker(_("Model"), self._choose_model)
        self.keep_open = Switch(_("Keep the microphone open"))
        self.keep_open.clicked.connect(model.set_keep_open)
        self._folder = ElidedLabel()
        choose = QPushButton(_("Choose…"))
        choose.setAccessibleDescription(_("Another folder for recordings"))
        choose.clicked.connect(self._choose_folder)
        opens = QPushButton(_("Open"))
        opens.setAccessibleDescription(_("Shows the folder of recordings"))
        opens.clicked.connect(model.open_recording_folder)
        self._model_row = Row(_("Model"), "", self.network)
        recordings = Row(_("Recordings"), "", choose, opens)
        recordings.words.addWidget(self._folder)
        add_rows(
            card,
            [
                self._model_row,
                Row(
                    _("Keep the microphone open"),
                    _("Even while no program listens: it starts at once, but its light stays on."),
                    self.keep_open,
                ),
                recordings,
            ],
        )
        return card

    def _window_card(self) -> Card:
        model = self._model
        card = Card(_("Window"))
        self.language = Picker(_("Language"), model.set_language)
        themes = [("system", _("As the system")), ("light", _("Light")), ("dark", _("Dark"))]
        self.theme = SegmentedControl(themes, _("Appearance"))
        self.theme.chosen.connect(model.set_theme)
        add_rows(card, [Row(_("Language"), "", self.language), Row(_("Appearance"), "", self.theme)])
        return card

    def _system_card(self) -> Card:
        model = self._model
        card = Card(_("System"))
        self.at_login = Switch(_("Start with the system"))
        self.at_login.clicked.connect(model.set_starts_with_system)
        self.minimised = Switch(_("Start in the tray"))
        self.minimised.clicked.connect(model.set_start_minimised)
        self.hotkey = QKeySequenceEdit()
        self.hotkey.setMaximumSequenceLength(1)
        self.hotkey.setClearButtonEnabled(True)
        self.hotkey.setAccessibleName(_("Hot-key for bypass"))
        self.hotkey.setFixedWidth(control_width(self))
        self._hotkey_line = self.hotkey.findChild(QLineEdit)
        self.hotkey.keySequenceChanged.connect(self._set_hotkey)
        self._hotkey_row = Row(_("Hot-key for bypass"), "", self.hotkey)
        tray = QSystemTrayIcon.isSystemTrayAvailable()
        rows: list[QWidget] = [
            Row(_("Start with the system"), _("Noise suppression is on as soon as you log in."), self.at_login),
            Row(
                _("Start in the tray"),
                _("At login, without opening the window.") if tray else _("This desktop shows no tray icons."),
                self.minimised,
            ),
            self._hotkey_row,
        ]
        if sys.platform == "linux" and not can_be_global():
            copy = QPushButton(_("Copy the command"))
            copy.clicked.connect(self._copy_command)
            rows.append(
                Row(
                    _("In every program"),
                    _(
                        "Only the desktop itself gives out hot-keys here. Add one in its settings that runs: {command}"
                    ).format(command=COMMAND),
                    copy,
                )
            )
        self.in_menu = QPushButton()
        self.in_menu.clicked.connect(lambda: model.set_in_menu(not model.in_menu))
        self._menu_row = Row(_("Applications menu"), "", self.in_menu)
        if sys.platform == "linux":
            rows.append(self._menu_row)
        add_rows(card, rows)
        return card

    def _help_card(self) -> Card:
        card = Card(_("Help"))
        setup = QPushButton(_("Set up again"))
        setup.clicked.connect(self._model.setup_wanted)
        add_rows(card, [Row(_("Set-up guide"), _("Three steps and a check of this computer’s sound."), setup)])
        return card

    # --- what was touched ---------------------------------------------------------------------------------------

    def _add_profile(self) -> None:
        self._model.add_profile()
        self.name.setFocus(Qt.FocusReason.OtherFocusReason)
        self.name.selectAll()

    def _rename(self) -> None:
        if self.name.isModified():
            self.name.setModified(False)
            self._model.rename_profile(self.name.text())

    def _choose_model(self, model: str) -> None:
        if model == OWN_FILE:
            self._show()  # until one is chosen
            model, _kind = QFileDialog.getOpenFileName(self, _("Choose a model"), "", _("Models (*.onnx)"))
        if model:
            self._model.choose_model(model)

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, _("Choose a folder for recordings"), str(self._model.preferences.recordings)
        )
        if folder:
            self._model.set_recording_folder(folder)

    def _set_hotkey(self, sequence: QKeySequence) -> None:
        self._model.set_hotkey(sequence.toString(QKeySequence.SequenceFormat.PortableText))

    def _copy_command(self) -> None:
        clipboard = QGuiApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(COMMAND)
        self.banner.show_message(_("Copied: {command}").format(command=COMMAND), "good")

    def _refresh(self) -> None:
        if self.isVisible():
            self._show()

    # --- what is shown ------------------------------------------------------------------------------------------

    def _show(self) -> None:
        model, live = self._model, self._model.live
        preferences, profile = model.preferences, model.profile
        self.profile.show_choices(model.profiles(), profile.name)
        self.remove.setEnabled(model.can_remove_profile)
        if not self.name.isModified():
            self.name.setText(profile_label(profile.name))
        for kind, picker in (("input", self.input), ("output", self.output)):
            choices = [(choice.name, choice.words) for choice in live.choices(kind)]  # type: ignore[arg-type]
            picker.show_choices(choices, live.chosen(kind))  # type: ignore[arg-type]
        self._input_row.set_hint(model.bluetooth_hint)
        self.virtual_mic.setChecked(live.virtual_mic)
        self.strength.set_value(live.limit_db)
        self._strength_row.set_hint(model.strength_words)
        self.latency.set_value(profile.latency)
        self.network.show_choices(model.models(), model.model)
        self.network.setEnabled(not model.checking_model)
        self._model_row.set_hint(_("Checking the model…") if model.checking_model else model.model_words)
        self.keep_open.setChecked(preferences.keep_open)
        self._folder.show_text(short_path(preferences.recordings))
        languages = [("system", _("As the system")), *LANGUAGE_NAMES.items()]
        self.language.show_choices(languages, preferences.language)
        self.theme.set_value(preferences.theme)
        self.at_login.setChecked(model.starts_with_system)
        self.minimised.setChecked(preferences.start_minimised)
        self.minimised.setEnabled(model.starts_with_system and QSystemTrayIcon.isSystemTrayAvailable())
        sequence = QKeySequence(preferences.hotkey)
        if sequence != self.hotkey.keySequence():
            self.hotkey.setKeySequence(sequence)
        if self._hotkey_line is not None:
            self._hotkey_line.setPlaceholderText(_("Press keys"))
        self._hotkey_row.set_hint(model.hotkey_words)
        self.in_menu.setText(_("Remove") if model.in_menu else _("Add"))
        self._menu_row.set_hint(
            _("Enhancer is in the applications menu.") if model.in_menu else _("Find Enhancer among your programs.")
        )
