"""What the Settings page shows and does, without a widget: each change is written and holds at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QObject, QUrl, pyqtSignal
from PyQt6.QtGui import QDesktopServices

from enhancer.bundled import STANDARD, bundled_models
from enhancer.errors import UserError
from gui import autostart, desktop_entry
from gui.hotkey import Where
from gui.i18n import _
from gui.live.model import LiveModel
from gui.power import Power
from gui.preferences import PROFILES, Preferences, PreferencesStore, Profile
from gui.sound_devices import SoundDevices

Choice = tuple[str, str]  # a value, and what the user reads
OWN_FILE = "\0"  # a model: one of the user's


class SettingsModel(QObject):
    """changed: something that is shown is different. said(UserError): what was not possible.

    hotkey_where: told by whoever holds the hot-key (`set_hotkey_where`). setup_wanted: the guide is to be shown again.
    """

    changed = pyqtSignal()
    said = pyqtSignal(object)
    setup_wanted = pyqtSignal()
    _checked = pyqtSignal(str, object)

    def __init__(self, live: LiveModel, store: PreferencesStore, devices: SoundDevices, power: Power) -> None:
        """live: knows the devices, the virtual microphone and the strength of the current profile."""
        super().__init__()
        self.live, self._store, self._devices, self._power = live, store, devices, power
        self.hotkey_where = Where.WINDOW
        self.checking_model = False
        store.changed.connect(lambda _preferences: self.changed.emit())
        store.failed.connect(self.said)
        live.changed.connect(self.changed)
        self._checked.connect(self._take_model)

    @property
    def preferences(self) -> Preferences:
        """What holds now."""
        return self._store.value

    @property
    def profile(self) -> Profile:
        """The one that is shown: the current one."""
        return self._store.profile

    # --- profiles -----------------------------------------------------------------------------------------------

    def profiles(self) -> list[Choice]:
        """All, by name."""
        return [(profile.name, profile_label(profile.name)) for profile in self.preferences.profiles]

    def choose_profile(self, name: str) -> None:
        """Another profile; a running engine goes over to it."""
        if name != self.preferences.current:
            self._store.change(current=name)
            self._power.apply()

    def add_profile(self) -> None:
        """A copy of the current profile under a new name."""
        taken = {profile.name for profile in self.preferences.profiles}
        number = 1
        while (name := _("Profile {number}").format(number=number)) in taken:
            number += 1
        before = self.preferences
        profile = Profile(**{**vars(before.profile), "name": name})
        self._store.change(profiles=(*before.profiles, profile), current=name)

    def rename_profile(self, name: str) -> None:
        """Another name for the current profile."""
        name = name.strip()
        others = {label for value, label in self.profiles() if value != self.profile.name}
        if not name or name == profile_label(self.profile.name):
            self.changed.emit()  # an emptied field shows the name again
        elif name in others:
            self.said.emit(UserError(_("There is a profile “{name}” already.").format(name=name)))
            self.changed.emit()
        else:
            self._store.change_profile(name=name)

    @property
    def can_remove_profile(self) -> bool:
        """The last one stays."""
        return len(self.preferences.profiles) > 1

    def remove_profile(self) -> None:
        """The current profile goes; the first that is left is the current one."""
        left = tuple(profile for profile in self.preferences.profiles if profile.name != self.profile.name)
        self._store.change(profiles=left, current=left[0].name)
        self._power.apply()

    # --- of the current profile ---------------------------------------------------------------------------------

    @property
    def bluetooth_hint(self) -> str:
        """Why a Bluetooth headset's microphone is a poor choice, where it is the choice."""
        name = self.live.chosen("input")
        used = (device for device in self._devices.inputs if (device.name == name if name else device.default))
        if any(device.bluetooth_headset for device in used):
            return _("A Bluetooth headset falls back to telephone quality while its microphone is in use.")
        return ""

    @property
    def strength_words(self) -> str:
        """What the strength means."""
        limit_db = self.live.limit_db
        if limit_db is None:
            return _("Takes away all the noise it can.")
        return _("Lowers no sound by more than {value} dB.").format(value=f"{limit_db:g}")

    def set_latency(self, mode: str) -> None:
        """How much waits in buffers; a running engine is started anew."""
        if mode != self.profile.latency:
            self._store.change_profile(latency=mode)
            self._power.apply()

    # --- of the engine ------------------------------------------------------------------------------------------

    def set_keep_open(self, on: bool) -> None:
        """Whether the microphone stays open while nobody listens."""
        if on != self.preferences.keep_open:
            self._store.change(keep_open=on)
            self._power.apply()

    def models(self) -> list[Choice]:
        """The bundled ones, the user's own file if there is one, and the way to choose one."""
        labels = {STANDARD: _("Standard"), "light": _("Light (less work for the processor)")}
        bundled = [(name, labels.get(name, name)) for name in bundled_models()]
        own = self.model
        if own not in dict(bundled):
            bundled.append((own, Path(own).name))
        return [*bundled, (OWN_FILE, _("Own file…"))]

    @property
    def model(self) -> str:
        """The chosen one, a value of `models`."""
        return self.preferences.model or STANDARD

    @property
    def model_words(self) -> str:
        """Where one's own is."""
        return self.model if self.model not in bundled_models() else _("The network that tells voice from noise.")

    def choose_model(self, model: str) -> None:
        """A bundled model's name or a file; one that cannot be used is refused in the engine's own words."""
        if model == self.model or self.checking_model:
            return
        self.checking_model = True
        self.changed.emit()
        threading.Thread(target=self._check_model, args=(model,), name="model-check", daemon=True).start()

    def _check_model(self, model: str) -> None:
        """In a thread: reading a network takes half a second."""
        from enhancer.model import Student

        problem: UserError | None = None
        try:
            Student(model)
        except UserError as error:
            problem = error
        self._checked.emit(model, problem)

    def _take_model(self, model: str, problem: UserError | None) -> None:
        self.checking_model = False
        if problem is not None:
            self.said.emit(problem)
            self.changed.emit()
            return
        self._store.change(model="" if model == STANDARD else model)
        self.changed.emit()
        self._power.apply()

    def set_recording_folder(self, folder: str) -> None:
        """Where recordings begin from now on."""
        self._store.change(recording_folder=folder)

    def open_recording_folder(self) -> None:
        """In the desktop's file manager."""
        folder = self.preferences.recordings
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            text = _("The folder {folder} cannot be made: {reason}").format(folder=folder, reason=error.strerror)
            self.said.emit(UserError(text, _("Choose another one.")))
            return
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    # --- of the window ------------------------------------------------------------------------------------------

    def set_language(self, language: str) -> None:
        """system, en or zh_CN."""
        self._store.change(language=language)

    def set_theme(self, theme: str) -> None:
        """system, light or dark."""
        self._store.change(theme=theme)

    @property
    def starts_with_system(self) -> bool:
        """As the system's own entry says."""
        return autostart.enabled()

    def set_starts_with_system(self, on: bool) -> None:
        """Writes or removes the system's entry."""
        self._try(autostart.enable if on else autostart.disable)

    def set_start_minimised(self, on: bool) -> None:
        """Whether the window that starts with the system stays in the tray."""
        self._store.change(start_minimised=on)

    def set_hotkey(self, keys: str) -> None:
        """For bypass, as QKeySequence writes it; empty: none. A key that is typed with is refused."""
        if keys and "+" not in keys.replace("Shift+", "") and not keys.removeprefix("Shift+")[1:].isdigit():
            hint = _("Hold Ctrl, Alt or the Windows key with it, or take a function key such as F9.")
            self.said.emit(UserError(_("{keys} is needed for typing.").format(keys=keys), hint))
            self.changed.emit()
        else:
            self._store.change(hotkey=keys)

    def set_hotkey_where(self, where: Where) -> None:
        """Told by whoever holds the keys."""
        self.hotkey_where = where
        self.changed.emit()

    @property
    def hotkey_words(self) -> str:
        """Where the hot-key is heard."""
        if not self.preferences.hotkey:
            return _("These keys pass the sound through as it is, and once more enhance it.")
        return {
            Where.EVERYWHERE: _("Works in every program."),
            Where.WINDOW: _("Works while this window is in front."),
            Where.TAKEN: _("Another program has these keys: they work only while this window is in front."),
        }[self.hotkey_where]

    @property
    def in_menu(self) -> bool:
        """Whether the applications menu lists the program."""
        return desktop_entry.installed()

    def set_in_menu(self, on: bool) -> None:
        """Adds it to the applications menu, or takes it away."""
        self._try(desktop_entry.install if on else desktop_entry.remove)

    # --- inside -------------------------------------------------------------------------------------------------

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except UserError as error:
            self.said.emit(error)
        except OSError as error:
            self.said.emit(UserError(error.strerror or str(error)))
        self.changed.emit()


def profile_label(name: str) -> str:
    """A profile's name; those that come with the program in the user's language."""
    return {PROFILES[0].name: _("Calls"), PROFILES[1].name: _("Streaming")}.get(name, name)
