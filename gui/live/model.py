"""What the Live page shows and asks for: all its words and all its requests, without a widget."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QObject, Qt, pyqtSignal

from enhancer.errors import UserError
from enhancer.live.device import Device, Kind, find
from enhancer.live.engine import MUTED
from enhancer.live.errors import DeviceError
from enhancer.live.meters import Meters
from enhancer.live.protocol import (
    Bypass,
    EngineState,
    Event,
    Monitor,
    Record,
    Reply,
    Request,
    SetDevices,
    SetLimit,
    StatusReply,
)
from enhancer.live.settings import RememberedDevice
from gui.home import short_path
from gui.i18n import _
from gui.live.wording import FLOWING, Readings, StateWords, limit_words, readings, state_words, used_by
from gui.preferences import PreferencesStore, Profile

if TYPE_CHECKING:
    from gui.engine_link import EngineLink
    from gui.power import Power
    from gui.sound_devices import SoundDevices

MOST_DB = 40  # of the strength; above is "full"
PRESETS_DB: tuple[float | None, ...] = (6.0, 12.0, 24.0, None)
KINDS: tuple[Kind, ...] = ("input", "output")
OFF = (EngineState.STOPPED, EngineState.FAILED)
_LOST = "the recording has ended"
_TOLD = ("running", "stopped", "the engine ends", MUTED)  # by the state's words


@dataclass(frozen=True)
class Choice:
    """A line of a picker. name: the system's; None: whatever is the default. there: it is plugged in."""

    name: str | None
    words: str
    there: bool = True


class LiveModel(QObject):
    """changed: anything but the meters.

    said(text, kind, hint): a message; kind is info, good, warn or bad, hint may be empty.
    """

    changed = pyqtSignal()
    said = pyqtSignal(str, str, str)

    def __init__(self, link: EngineLink, preferences: PreferencesStore, devices: SoundDevices, power: Power) -> None:
        super().__init__()
        self._link, self._preferences, self._devices, self._power = link, preferences, devices, power
        self._asked: dict[str, Any] = {}  # fields of the engine's status that it has been asked to change
        self._held = False
        self._missing: set[Kind] = set()  # of the remembered devices
        link.status_changed.connect(self._see)
        link.connected_changed.connect(self.changed)
        # An event comes just before the status that may say the same.
        link.happened.connect(self._tell, Qt.ConnectionType.QueuedConnection)  # type: ignore[call-arg]
        link.refused.connect(self._refuse)
        preferences.changed.connect(self.changed)
        devices.changed.connect(self._follow_devices)
        power.failed.connect(self._refuse)
        power.noted.connect(lambda line: self.said.emit(line, "warn", ""))

    # --- on and off ---------------------------------------------------------------------------------------------

    @property
    def status(self) -> StatusReply:
        """The engine's, as it was last told."""
        return self._link.status

    @property
    def on(self) -> bool:
        """Whether it is, or is about to be."""
        return self._power.on

    @property
    def flowing(self) -> bool:
        """Whether there is sound to look at."""
        return self._link.connected and self.status.state in FLOWING

    def turn(self, on: bool) -> None:
        """Starts the engine as the current profile says, or stops it."""
        if on:
            self._power.turn_on()
        else:
            self._power.turn_off()

    def state(self, meters: Meters) -> StateWords:
        """What it does, in words."""
        return state_words(self.status, meters.readers, bypassed=self.bypassed)

    # --- devices ------------------------------------------------------------------------------------------------

    def choices(self, kind: Kind) -> list[Choice]:
        """The default one, those that are there, and the chosen one also when it is not."""
        try:
            default = _("Default ({name})").format(name=find(self._devices.all, None, kind).description)
        except DeviceError:
            default = _("Default")
        proper = self._proper(kind)
        names = Counter(each.description for each in proper)
        lines = [Choice(None, default)]
        for each in proper:
            number = f" ({each.id})" if names[each.description] > 1 else ""
            lines.append(Choice(each.name, each.description + number))
        chosen = self.chosen(kind)
        if chosen is not None and not self._is_there(kind, chosen):
            words = _("Not connected: {name}").format(name=self._description(kind, chosen))
            lines.append(Choice(chosen, words, there=False))
        return lines

    def chosen(self, kind: Kind) -> str | None:
        """The device's name; None: the default one. A chosen one that is gone stays chosen while another serves."""
        remembered = getattr(self._profile, kind)
        wanted = remembered.name if remembered else None
        if kind in self._asked or not self.on:
            return self._asked.get(kind, wanted)
        used = getattr(self.status, kind)
        return wanted if used is None and wanted is not None and not self._is_there(kind, wanted) else used

    def choose(self, kind: Kind, name: str | None) -> None:
        """Another device, from now on and for the next time."""
        device = next((each for each in self._proper(kind) if each.name == name), None)
        if name is None or device is not None:
            self._preferences.change_profile(**{kind: RememberedDevice.of(device) if device else None})
        if self._running:
            used = {each: getattr(self.status, each) for each in ("input", "output")} | {kind: name}
            self._ask(SetDevices(**used), kind, name)

    def _description(self, kind: Kind, name: str) -> str:
        remembered = getattr(self._profile, kind)
        return remembered.description if remembered and remembered.name == name else name

    def _proper(self, kind: Kind) -> list[Device]:
        return self._devices.inputs if kind == "input" else self._devices.outputs

    def _is_there(self, kind: Kind, name: str) -> bool:
        return any(each.name == name for each in self._proper(kind))

    def _follow_devices(self) -> None:
        """A remembered device in whose place the default one serves is taken when it is plugged in."""
        for kind in KINDS:
            remembered = getattr(self._profile, kind)
            if remembered is None or self._is_there(kind, remembered.name):
                if kind in self._missing and remembered and self._running and getattr(self.status, kind) is None:
                    self.choose(kind, remembered.name)
                self._missing.discard(kind)
            else:
                self._missing.add(kind)
        self.changed.emit()

    # --- the virtual microphone ---------------------------------------------------------------------------------

    @property
    def virtual_mic(self) -> bool:
        """Whether programs get a microphone of ours, or the user hears the sound."""
        return self._profile.virtual_mic

    def set_virtual_mic(self, on: bool) -> None:
        """A running engine starts again for it: nobody can be recording from what is not there."""
        self._preferences.change_profile(virtual_mic=on)
        self._power.apply()

    def virtual_mic_words(self, meters: Meters) -> str:
        """What to do with it, or who uses it."""
        status = self.status
        if status.speaker:
            return _("The engine cleans what others send: choose “{name}” as the speaker of your call program.").format(
                name=status.speaker
            )
        if not self.virtual_mic:
            return _("Off: the sound goes to your speaker.")
        if not self.on:
            return _("Your call program will find it among its microphones.")
        if meters.readers:
            return used_by(meters.readers)
        return _("Choose “{name}” in your call program.").format(name=self.virtual_name)

    @property
    def virtual_name(self) -> str:
        """As call programs show it; where there are only virtual cables, that of the cable."""
        cable = next((each for each in self._devices.outputs if each.name == self.status.output), None)
        return self.status.virtual_mic or (cable.description if cable else "Enhancer microphone")

    # --- strength -----------------------------------------------------------------------------------------------

    @property
    def limit_db(self) -> float | None:
        """No part of the sound is lowered by more; None: no limit."""
        return self._asked.get("limit_db", self.status.limit_db if self._running else self._profile.limit_db)

    @property
    def limit_words(self) -> str:
        """The same in words."""
        return limit_words(self.limit_db)

    def set_limit(self, db: float | None, *, remember: bool = True) -> None:
        """At once; `remember` for the next time, too: not at every step of a slider that is being dragged."""
        if remember:
            self._preferences.change_profile(limit_db=db)
        if self._running:
            self._ask(SetLimit(db), "limit_db", db)

    # --- switches -----------------------------------------------------------------------------------------------

    @property
    def bypassed(self) -> bool:
        """Whether the sound passes as it is."""
        return self._asked.get("bypass", self.status.bypass)

    @property
    def latched(self) -> bool:
        """Whether it does so also when nobody holds the button."""
        return self.bypassed != self._held

    def set_bypass(self, on: bool) -> None:
        """For as long as nobody says otherwise."""
        self._held = False
        self._ask(Bypass(on), "bypass", on)

    def hold(self, held: bool) -> None:
        """While held, the other one of cleaned and original is heard."""
        if held != self._held and (self.flowing or not held):
            on = not self.bypassed
            self._held = held
            self._ask(Bypass(on), "bypass", on)

    @property
    def monitor(self) -> bool:
        """Whether the user hears the enhanced microphone beside others."""
        return self._asked.get("monitor", self.status.monitor)

    @property
    def can_monitor(self) -> bool:
        """Without a virtual microphone the sound goes to the speaker anyhow."""
        return self._running and self.status.virtual_mic is not None

    def set_monitor(self, on: bool) -> None:
        """Listen to oneself."""
        self._ask(Monitor(on), "monitor", on)

    @property
    def monitor_words(self) -> str:
        """What it needs."""
        if self.monitor:
            return _("Wear headphones: your microphone must not hear it.")
        return _("As others do. Wear headphones.")

    @property
    def recording(self) -> bool:
        """Whether both sides are being recorded."""
        return bool(self._asked.get("recording", self.status.recording))

    @property
    def can_record(self) -> bool:
        """Only where sound flows; what was begun can always be ended."""
        return self.flowing or self.recording

    def set_recording(self, on: bool) -> None:
        """Into the folder of the preferences; says where, when it ends."""
        folder = str(self._preferences.value.recordings.resolve()) if on else None
        before = self.status.recording
        self._ask(Record(folder), "recording", folder)
        if not on and before:
            self.said.emit(_("Recorded into {folder}.").format(folder=short_path(Path(before))), "good", "")

    @property
    def recording_words(self) -> str:
        """Where it goes."""
        folder = Path(self.status.recording) if self.status.recording else self._preferences.value.recordings
        words = _("Recording into {folder}") if self.recording else _("Into {folder}")
        return words.format(folder=short_path(folder))

    # --- figures ------------------------------------------------------------------------------------------------

    def meters(self, *, spectra: bool = False) -> Meters:
        """The newest."""
        return self._link.meters(spectra=spectra)

    def readings(self, meters: Meters) -> Readings:
        """The newest, as texts."""
        return readings(meters, flowing=self.flowing)

    # --- from the engine ----------------------------------------------------------------------------------------

    @property
    def _profile(self) -> Profile:
        return self._preferences.profile

    @property
    def _running(self) -> bool:
        """Whether an engine is there that works and can be told things."""
        return self._link.connected and self.status.state not in OFF

    def _ask(self, request: Request, field: str, value: Any) -> None:
        """Until the engine's status says it, `value` is shown as if it did."""
        self._asked[field] = value

        def answered(answer: Reply | UserError) -> None:
            if self._asked.get(field) == value:  # else it has been asked for another one since
                self._asked.pop(field, None)
                self.changed.emit()

        self._link.request(request, answered)
        self.changed.emit()

    def _see(self, status: StatusReply) -> None:
        if status.state not in FLOWING:
            self._held = False
        self.changed.emit()

    def _refuse(self, error: UserError) -> None:
        self.said.emit(error.message, "bad", error.hint)
        self.changed.emit()

    def _tell(self, event: Event) -> None:
        """What the state's own words do not say: they tell troubles while these last, and failures come with a hint."""
        told = event.text in (*_TOLD, self.status.message)
        if event.state in (EngineState.RUNNING, EngineState.STOPPED) and not told:
            self.said.emit(event.text, "bad" if event.text.startswith(_LOST) else "info", "")
