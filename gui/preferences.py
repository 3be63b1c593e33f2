"""What the window remembers from one time to the next: a TOML file, `gui.toml`, beside `live.toml` of `enhancer live`.

A profile is a set-up by name: devices, virtual microphone, strength, latency mode. What `enhancer live` remembers (its
devices, strength and latency mode) *is* the current profile: read from `live.toml` when the window starts and written
there when it changes, so that the terminal, the service and the window go on from one another. All else is in
`gui.toml`. Whether the window starts with the system is in neither: the system's own entry says so (`gui.autostart`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QObject, pyqtSignal

from enhancer import paths, settings_file
from enhancer.errors import ConfigError, OutputError
from enhancer.live import places, settings
from enhancer.live.clock import MODES
from enhancer.live.settings import RememberedDevice
from enhancer.media.atomic import replacing

if TYPE_CHECKING:
    from enhancer.cli.live_choice import Choice
    from enhancer.live.device import Device

VERSION = 1
LANGUAGES = ("system", "en", "zh_CN")
THEMES = ("system", "light", "dark")
_HEAD = "# Written by the window of enhancer; what is left out is as it comes.\n"


@dataclass(frozen=True)
class Profile:
    """A set-up by name. input, output, limit_db: None is the default device, no limit. latency: of `clock.MODES`."""

    name: str
    input: RememberedDevice | None = None
    output: RememberedDevice | None = None
    virtual_mic: bool = True
    limit_db: float | None = None
    latency: str = "normal"


# The first is what `enhancer live` does without options; who streams wants nothing cut away and no dropouts.
PROFILES = (Profile("Calls"), Profile("Streaming", limit_db=12.0, latency="safe"))


@dataclass(frozen=True)
class Preferences:
    """What the user has chosen, and where the window was.

    hotkey: for bypass, as QKeySequence writes it ("Ctrl+Alt+B"); empty: none. recording_folder: empty: the usual one.
    model: a bundled model's name or a file; empty: the standard model. files_*: strength and place of Files; an
    empty folder: beside each file. geometry: QWidget.saveGeometry in hexadecimal.
    """

    language: str = "system"
    theme: str = "system"
    start_minimised: bool = False
    hotkey: str = ""
    recording_folder: str = ""
    model: str = ""
    keep_open: bool = False
    files_limit_db: float | None = None
    files_folder: str = ""
    geometry: str = ""
    last_page: str = ""
    first_run_done: bool = False
    current: str = PROFILES[0].name
    profiles: tuple[Profile, ...] = field(default=PROFILES)

    @property
    def profile(self) -> Profile:
        """The current one."""
        return next(profile for profile in self.profiles if profile.name == self.current)

    @property
    def recordings(self) -> Path:
        """The folder in which recordings begin: the chosen one, or one of ours among the user's music."""
        if self.recording_folder:
            return Path(self.recording_folder).expanduser()
        import platformdirs

        return Path(platformdirs.user_music_dir()) / "Enhancer"

    def with_profile(self, **changes: Any) -> Preferences:
        """These with a changed current profile; its name may change, too."""
        new = replace(self.profile, **changes)
        profiles = tuple(new if profile.name == self.current else profile for profile in self.profiles)
        return replace(self, profiles=profiles, current=new.name)


class PreferencesStore(QObject):
    """The preferences of a running window: one place that all pages read, change and hear from.

    Each change is written at once. `changed` carries the new Preferences; `failed` (an OutputError) says that they
    could not be written: they hold all the same until the window closes.
    """

    changed = pyqtSignal(object)
    failed = pyqtSignal(object)

    def __init__(self, preferences: Preferences | None = None, path: Path | None = None) -> None:
        """preferences: as `load` gave them. path: where to write; None is the user's own file."""
        super().__init__()
        self._value = preferences if preferences is not None else Preferences()
        self._path = path if path is not None else preferences_file()

    @property
    def value(self) -> Preferences:
        """As they are now."""
        return self._value

    @property
    def profile(self) -> Profile:
        """The current profile."""
        return self._value.profile

    def change(self, **changes: Any) -> None:
        """Changes fields of the preferences: `store.change(theme="dark")`."""
        self._replace(replace(self._value, **changes))

    def change_profile(self, **changes: Any) -> None:
        """Changes fields of the current profile: `store.change_profile(limit_db=12.0)`."""
        self._replace(self._value.with_profile(**changes))

    def _replace(self, value: Preferences) -> None:
        if value == self._value:
            return
        self._value = value
        try:
            save(value, self._path)
        except OutputError as error:
            self.failed.emit(error)
        self.changed.emit(value)


def preferences_file() -> Path:
    """The user's own file (neither file nor folder is made here)."""
    return paths.user_config_dir() / "gui.toml"


def load(path: Path | None = None) -> tuple[Preferences, str]:
    """The preferences in this file (None: the user's own), and a line for the user, empty if there is nothing to say.

    No file means the defaults. One that is damaged or of a newer version is renamed to `NAME.old.toml`. The current
    profile follows `live.toml` beside it, if there is one.
    """
    path = path if path is not None else preferences_file()
    preferences, note = settings_file.load(path, _read, Preferences())
    live_path = path.with_name(places.config_file().name)
    if live_path.exists():
        live, live_note = settings.load(live_path)
        note = "; ".join(filter(None, (note, live_note)))
        if not live_note:
            preferences = preferences.with_profile(
                input=live.input, output=live.output, limit_db=live.limit_db, latency=live.latency
            )
    return preferences, note


def save(preferences: Preferences, path: Path | None = None) -> None:
    """Writes the file, whole or not at all, and `live.toml` beside it where that differs. Raises OutputError."""
    path = path if path is not None else preferences_file()
    with replacing(path, overwrite=True) as temporary:
        temporary.write_text(_text(preferences), encoding="utf-8")
    profile, live_path = preferences.profile, path.with_name(places.config_file().name)
    live = settings.Settings(profile.input, profile.output, profile.limit_db, profile.latency)
    if live != settings.load(live_path)[0]:
        settings.save(live, live_path)


def engine_choice(preferences: Preferences, devices: Sequence[Device]) -> Choice:
    """What the engine is started with for the current profile, with lines for the user: a device that is not there.

    Raises DeviceError where there is no microphone at all, ModelError for a model that is not there.
    """
    from enhancer.cli.live_choice import DEFAULT, Request, choose

    profile = preferences.profile
    output, _ = settings.recall(profile.output, "output", devices)
    remembered = settings.Settings(profile.input, profile.output, profile.limit_db, profile.latency)
    request = Request(
        output=None if profile.virtual_mic else output.name if output else DEFAULT,
        model=preferences.model or None,
        keep_open=preferences.keep_open,
    )
    return choose(request, remembered, devices)


def _read(data: bytes) -> Preferences:
    """Raises ConfigError whose message goes on from "the settings FILE ..."."""
    values = settings_file.parse(data, VERSION)
    _check(values, _FIELDS)
    if "profiles" in values:
        values["profiles"] = tuple(_profile(table) for table in values["profiles"])
    preferences = Preferences(**values)
    names = [profile.name for profile in preferences.profiles]
    if len(set(names)) < len(names) or preferences.current not in names:
        raise ConfigError(f"are damaged (there is not one profile {preferences.current!r})")
    return preferences


def _profile(table: Any) -> Profile:
    if not isinstance(table, dict) or "name" not in table:
        raise ConfigError("are damaged (a profile must have a name)")
    _check(table, _PROFILE_FIELDS)
    devices = {kind: RememberedDevice(**table[kind]) for kind in ("input", "output") if kind in table}
    return Profile(**{**table, **devices})


def _is_device(value: Any) -> bool:
    names = {field.name for field in fields(RememberedDevice)}
    return isinstance(value, dict) and value.keys() == names and all(type(text) is str for text in value.values())


def _is_limit(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < math.inf


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: type(value) is kind


_FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "language": LANGUAGES.__contains__,
    "theme": THEMES.__contains__,
    **dict.fromkeys(("start_minimised", "keep_open", "first_run_done"), _is(bool)),
    "files_limit_db": _is_limit,
    **dict.fromkeys(("hotkey", "recording_folder", "model", "files_folder"), _is(str)),
    **dict.fromkeys(("geometry", "last_page", "current"), _is(str)),
    "profiles": lambda value: isinstance(value, list) and len(value) > 0,
}
_PROFILE_FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "name": lambda value: type(value) is str and bool(value.strip()),
    "input": _is_device,
    "output": _is_device,
    "virtual_mic": _is(bool),
    "limit_db": _is_limit,
    "latency": lambda value: type(value) is str and value in MODES,
}


def _check(values: Mapping[str, Any], known: Mapping[str, Callable[[Any], bool]]) -> None:
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"are damaged (there is no setting {name!r})")
        if not known[name](value):
            raise ConfigError(f"are damaged ({name} cannot be {str(value)[:60]!r})")


def _text(preferences: Preferences) -> str:
    lines = [_HEAD, f"version = {VERSION}"]
    values = ((name, getattr(preferences, name)) for name in _FIELDS if name != "profiles")
    lines += [f"{name} = {_toml(value)}" for name, value in values if value is not None]
    for profile in preferences.profiles:
        values = ((name, getattr(profile, name)) for name in _PROFILE_FIELDS)
        lines += ["", "[[profiles]]", *(f"{name} = {_toml(value)}" for name, value in values if value is not None)]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, RememberedDevice):
        return f"{{ name = {_toml(value.name)}, description = {_toml(value.description)} }}"
    if isinstance(value, str):
        return settings_file.quoted(value)
    return json.dumps(value)  # true, false and numbers are the same in JSON
