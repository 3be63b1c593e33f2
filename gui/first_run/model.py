"""What the guide of the first start shows and does, without a widget."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal

from enhancer.live.clock import MODES
from enhancer.live.doctor.finding import State
from enhancer.live.engine import MUTED
from enhancer.live.meters import Meters
from gui.child import Child
from gui.i18n import _
from gui.i18n.engine_words import as_sentence, in_words
from gui.live.model import LiveModel
from gui.power import Power
from gui.preferences import PreferencesStore
from gui.sound_devices import SoundDevices

AUDIBLE_DB = -50.0  # RMS: a quiet voice at an arm's length
SPEECH = 0.6  # probability
LOOKS = 8  # at the meters with speech in them, until it is believed; some 30 a second
PATIENCE_S = 6.0


class Step(IntEnum):
    """In their order."""

    MICROPHONE = 0
    SPEAK = 1
    CALL = 2
    CHECK = 3


@dataclass(frozen=True)
class Check:
    """A line of the check. state: ok, warn, fail; empty: not known yet. text, fix: what was found, what mends it."""

    title: str
    state: str = ""
    text: str = ""
    fix: str = ""


class FirstRunModel(QObject):
    """changed: something that is shown is different. finished: the guide has been gone through or skipped."""

    changed = pyqtSignal()
    finished = pyqtSignal()

    def __init__(self, live: LiveModel, store: PreferencesStore, devices: SoundDevices, power: Power) -> None:
        super().__init__()
        self.live, self._store, self._devices, self._power = live, store, devices, power
        self.step = Step.MICROPHONE
        self._turned_on = False  # by the guide
        self._speech = 0
        self._quiet_since: float | None = None
        self._findings: list[dict[str, Any]] = []
        self._test: Child | None = None
        self.checked = False
        self.test_error = ""
        live.changed.connect(self.changed)

    # --- the way through ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """From the first step."""
        self._speech, self._findings, self.checked, self.test_error = 0, [], False, ""
        self._turned_on = False
        self._go(Step.MICROPHONE)

    def forward(self) -> None:
        """The next step; after the last one the guide is done."""
        if self.step is Step.CHECK:
            self._end()
        else:
            self._go(Step(self.step + 1))

    def back(self) -> None:
        """The step before."""
        self._go(Step(max(self.step - 1, 0)))

    def skip(self) -> None:
        """Ends the guide; what it has switched on is off again."""
        if self._turned_on:
            self._power.turn_off()
        self._end()

    def close(self) -> None:
        """Ends a check that is running."""
        self._close_test()

    @property
    def next_words(self) -> str:
        """On the button that leads on."""
        return {Step.CALL: _("Check everything"), Step.CHECK: _("Done")}.get(self.step, _("Continue"))

    def _go(self, step: Step) -> None:
        self._close_test()
        self.step = step
        if step is Step.SPEAK:
            self._listen()
        if step is Step.CHECK:
            self._power.apply()  # the microphone closes again when nobody listens
            self.check()
        self.changed.emit()

    def _end(self) -> None:
        self._close_test()
        self._power.apply()
        self._store.change(first_run_done=True)
        self.finished.emit()

    # --- the microphone -----------------------------------------------------------------------------------------

    @property
    def no_microphone(self) -> str:
        """Why there is none to choose, and what to do; empty where there is one, or nobody knows yet."""
        if self._devices.error is not None:
            return " ".join(as_sentence(line) for line in (self._devices.error.message, self._devices.error.hint))
        if self._devices.known and not self._devices.inputs:
            return _("There is no microphone. Plug one in: it appears here by itself.")
        return ""

    def _listen(self) -> None:
        """Opens the microphone. Into the virtual one: through the speaker, it would hear itself."""
        self._speech, self._quiet_since = 0, None
        self._store.change_profile(virtual_mic=True)
        if self._power.on:
            self._power.apply(keep_open=True)
        else:
            self._turned_on = True
            self._power.turn_on(keep_open=True)

    def meters(self) -> Meters:
        """To be called some 30 times a second while the step is shown: also notices speech."""
        meters = self.live.meters()
        if self.step is Step.SPEAK and self.live.flowing and not self.heard:
            now = time.monotonic()
            self._quiet_since = self._quiet_since or now
            speaks = meters.speech_presence > SPEECH and meters.input_rms_dbfs > AUDIBLE_DB
            self._speech += speaks
            if self.heard:
                self.changed.emit()
        return meters

    @property
    def heard(self) -> bool:
        """Whether somebody has spoken into the microphone."""
        return self._speech >= LOOKS

    @property
    def speak_words(self) -> tuple[str, str]:
        """Kind (info, good, warn) and words of the second step."""
        if self.heard:
            return "good", _("Your voice arrives. Everything is right with this microphone.")
        if not self.live.flowing:
            return "info", _("Opening the microphone…")
        if self.live.status.message == MUTED:
            return "warn", _("The microphone gives no sound at all: is it muted, or switched off at the headset?")
        if self._quiet_since is not None and time.monotonic() - self._quiet_since > PATIENCE_S:
            return "warn", _("No voice yet. Go nearer, or go back and choose another microphone.")
        return "info", _("Say something, such as what you had for breakfast.")

    # --- the call program ---------------------------------------------------------------------------------------

    @property
    def microphone_name(self) -> str:
        """As call programs list it."""
        return self.live.virtual_name

    def call_words(self, meters: Meters) -> tuple[str, str]:
        """Kind and words of the third step."""
        if meters.readers:
            return "good", _("A program is using it. You are all set.")
        return "info", _("You can do this now or in your next call; this page notices it.")

    # --- the check ----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Runs the doctor's checks, about five seconds."""
        self._close_test()
        self._findings, self.checked, self.test_error = [], False, ""
        model = self._store.value.model
        self._test = Child("gui.first_run.self_test", *([model] if model else []))
        self._test.said.connect(self._take)
        self._test.died.connect(self._fail)
        self._test.start()
        self.changed.emit()

    @property
    def checks(self) -> list[Check]:
        """What matters to everybody, known or not yet; then what is not well of the rest."""
        found = {finding["check"]: finding for finding in self._findings}
        names = _names()
        first = [_line(names[name], found.get(name)) for name in ("sound server", "microphone", "virtual microphone")]
        speed = _line(names["speed"], found.get("speed"))
        if speed.state == State.WARN:
            fix = _("Close other programs during calls, and set the latency to Safe.")
            speed = replace(speed, text=_("Too slow now and then: there may be dropouts."), fix=fix)
        elif self.better_latency:
            speed = replace(speed, text=_("Fast enough, but late now and then: more latency leaves room for that."))
        first.append(speed)
        shown = ("sound server", "microphone", "virtual microphone", "speed")
        rest = [f for name, f in found.items() if name not in shown and f["state"] != State.OK]
        return [*first, *(_line(names.get(finding["check"], finding["check"]), finding) for finding in rest)]

    @property
    def summary(self) -> tuple[str, str]:
        """Kind (info, good, warn, bad) and words over all checks."""
        states = {finding["state"] for finding in self._findings}
        if self.test_error:
            return "bad", self.test_error
        if not self.checked:
            return "info", _("Checking, a few seconds…")
        if State.FAIL in states:
            return "bad", _("Something is missing. What to do is said below.")
        if State.WARN in states:
            return "warn", _("It works. There is something to improve.")
        return "good", _("Everything is ready.")

    @property
    def better_latency(self) -> str:
        """The latency mode that suits this computer, where another one is set; else empty."""
        facts: dict[str, Any] = next((f["facts"] for f in self._findings if f["check"] == "speed"), {})
        mode = facts.get("recommended_latency", "")
        order = list(MODES)
        return mode if mode in order and order.index(mode) > order.index(self._store.profile.latency) else ""

    def take_better_latency(self) -> None:
        """Sets it."""
        self._store.change_profile(latency=self.better_latency)
        self._power.apply()
        self.changed.emit()

    def _take(self, line: dict[str, Any]) -> None:
        if "done" in line:
            self.checked = True
            self._close_test()
        else:
            self._findings.append(line)
        self.changed.emit()

    def _fail(self, reason: str) -> None:
        self._test = None
        self.test_error = _("The check has ended too early ({reason}).").format(reason=reason)
        self.changed.emit()

    def _close_test(self) -> None:
        test, self._test = self._test, None
        if test is not None:
            test.close()


def _names() -> dict[str, str]:
    """The doctor's checks as people call them."""
    return {
        "program": _("Program"),
        "sound server": _("Sound system"),
        "sound library": _("Sound library"),
        "microphone": _("Microphone"),
        "left-overs": _("Left over from a crash"),
        "virtual microphone": _("Virtual microphone"),
        "folders": _("Folders"),
        "priority": _("Priority"),
        "settings": _("Settings"),
        "engine": _("Engine"),
        "model": _("Model"),
        "speed": _("Speed of this computer"),
    }


def _line(title: str, finding: dict[str, Any] | None) -> Check:
    if finding is None:
        return Check(title)
    facts = finding["facts"]
    if finding["state"] == State.OK:
        text = {
            "virtual microphone": _("Call programs can be given one."),
            "speed": _("Fast enough: {taken} ms of the 10 ms that each piece of sound may take.").format(
                taken=f"{facts.get('frame_p50_ms', 0.0):.1f}"
            ),
        }.get(finding["check"], finding["text"])
    else:
        text = in_words(finding["text"])
    return Check(title, finding["state"], text, in_words(finding["fix"]))
