"""What the test says of a microphone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from enhancer.live.mic_test import SNR_MOST_DB, Problem
from gui.i18n import _

Tone = Literal["good", "info", "warn", "bad"]
SILENCE_DBFS = -110.0  # and less: digital silence
QUIET_DBFS, NOISY_DBFS = -60.0, -45.0  # of noise between words
CLEAR_DB, COVERED_DB = 30.0, 15.0  # of a voice above the noise
LOUD_DBFS = -3.0  # of a peak
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Verdict:
    """title: how it is. text: what to do, or what Enhancer does. tone: how it looks beside that."""

    title: str
    text: str
    tone: Tone


@dataclass(frozen=True)
class Figure:
    """Something measured. before, after: with their unit, after empty where there is nothing to compare."""

    name: str
    before: str
    after: str
    meaning: str

    @property
    def change(self) -> str:
        """From before to after, the unit once."""
        if not self.after:
            return self.before
        number, _space, unit = self.before.rpartition(" ")
        before = number if number and self.after.endswith(f" {unit}") else self.before
        return f"{before} → {self.after}"


def verdict(report: dict[str, Any], problem: str | None) -> Verdict:
    """In a line or two."""
    match problem and Problem(problem):
        case Problem.MUTED:
            text = _("The microphone gives exact silence: it is muted, or a switch on it is off.")
            return Verdict(_("Nothing was heard"), text, "bad")
        case Problem.OVERDRIVEN:
            text = _("The sound is cut off at its peaks. Lower the microphone’s volume in the sound settings, or go "
                     "further away.")  # fmt: skip
            return Verdict(_("Too loud"), text, "warn")
        case Problem.NO_SPEECH:
            text = _("Speak while it records, or choose another microphone.")
            return Verdict(_("Hardly any speech was heard"), text, "warn")
        case Problem.FAINT:
            text = _("Raise the microphone’s volume in the sound settings, or go nearer.")
            return Verdict(_("Your voice is faint"), text, "warn")
    ratio = report["before"]["snr_db"]
    if ratio is not None and ratio < COVERED_DB:
        text = _("The noise is well heard beside your voice. Enhancer lowers it; nearer to the microphone, or with a "
                 "headset, you would sound better still.")  # fmt: skip
        return Verdict(_("A noisy place"), text, "info")
    if ratio is not None and ratio < CLEAR_DB:
        return Verdict(_("Your microphone is fine"), _("There is some noise, which Enhancer takes away."), "good")
    return Verdict(_("Your microphone is fine"), _("You are well heard, with hardly any noise."), "good")


def figures(report: dict[str, Any]) -> list[Figure]:
    """The voice, the noise, the one above the other."""
    before, after = report["before"], report["after"]
    spoke = before["snr_db"] is not None
    lowered = before["noise_dbfs"] - after["noise_dbfs"]
    return [
        Figure(
            _("Your voice") if spoke else _("Sound"),
            _level(before["level_dbfs"]), "",
            _loudness(before["level_dbfs"], before["peak_dbfs"]) if spoke else _("no speech in it"),
        ),
        Figure(
            _("Noise between words"), _level(before["noise_dbfs"]), _level(after["noise_dbfs"]),
            _noise(before["noise_dbfs"], lowered),
        ),
        Figure(
            _("Voice above noise"), _ratio(before["snr_db"]), _ratio(after["snr_db"]) if spoke else "",
            _clearness(before["snr_db"], after["snr_db"]),
        ),
    ]  # fmt: skip


def _level(dbfs: float) -> str:
    return _("silence") if dbfs <= SILENCE_DBFS else _("{level} dB").format(level=f"{dbfs:.0f}".replace("-", MINUS))


def _ratio(db: float | None) -> str:
    if db is None:
        return _("unknown")
    if db >= SNR_MOST_DB:
        return _("over {level} dB").format(level=f"{SNR_MOST_DB:.0f}")
    return _("{level} dB").format(level=f"{db:.0f}".replace("-", MINUS))


def _loudness(level_dbfs: float, peak_dbfs: float) -> str:
    if peak_dbfs > LOUD_DBFS:
        return _("loud, close to the limit")
    return _("faint") if level_dbfs < -45.0 else _("a good level")


def _noise(noise_dbfs: float, lowered_db: float) -> str:
    words = _("quiet") if noise_dbfs < QUIET_DBFS else _("noticeable") if noise_dbfs < NOISY_DBFS else _("loud")
    if noise_dbfs <= SILENCE_DBFS or lowered_db < 1.0:
        return words
    return _("{words}; Enhancer lowers it by {level} dB").format(words=words, level=f"{lowered_db:.0f}")


def _clearness(before_db: float | None, after_db: float | None) -> str:
    if before_db is None or after_db is None:
        return _("no speech was heard")
    before, after = (
        _("clear") if ratio_db >= CLEAR_DB else _("good") if ratio_db >= COVERED_DB else _("poor")
        for ratio_db in (before_db, after_db)
    )
    return before if before == after else _("{before}; {after} with Enhancer").format(before=before, after=after)
