"""What the Live page says: the engine's state and figures in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from enhancer.live.engine import MUTED
from enhancer.live.meters import Meters
from enhancer.live.protocol import EngineState as State
from enhancer.live.protocol import StatusReply
from gui.i18n import _, ngettext
from gui.i18n.engine_words import as_sentence
from gui.live.scales import CLIPPED_DBFS

Tone = Literal["off", "starting", "on", "asleep", "warn", "bad"]
MINUS = "\N{MINUS SIGN}"
NOTHING = "–"
SILENT_DBFS = -100.0  # a muted microphone may dither
FLOWING = (State.RUNNING, State.DEGRADED)  # sound is


@dataclass(frozen=True)
class StateWords:
    """title: what it does. detail: a line more. tone: how it looks beside that."""

    title: str
    detail: str
    tone: Tone


@dataclass(frozen=True)
class Readings:
    """Figures as texts; a dash where no sound flows. *_parts: what they are made of, or mean."""

    input: str = NOTHING
    input_clipped: bool = False
    output: str = NOTHING
    output_clipped: bool = False
    removed: str = NOTHING
    snr: str = NOTHING
    latency: str = NOTHING
    latency_parts: str = ""
    frame: str = NOTHING
    frame_parts: str = ""
    dropouts: str = NOTHING
    dropouts_parts: str = ""
    drift: str = NOTHING
    drift_parts: str = ""


def state_words(status: StatusReply, readers: int, *, bypassed: bool) -> StateWords:
    """readers: programs that record from the virtual microphone."""
    message = as_sentence(status.message)
    match status.state:
        case State.STOPPED:
            return StateWords(_("Off"), _("Turn it on to take the noise out of your microphone."), "off")
        case State.STARTING:
            return StateWords(_("Starting"), _("Opening your microphone."), "starting")
        case State.SLEEPING:
            detail = _("Your microphone is closed and opens by itself.")
            return StateWords(_("Asleep until a program listens"), detail, "asleep")
        case State.DEGRADED:
            return StateWords(_("Passing sound through"), message, "warn")
        case State.RECONNECTING:
            return StateWords(_("Looking for your microphone"), message, "warn")
        case State.FAILED:
            return StateWords(_("Failed"), message, "bad")
    if bypassed:
        return StateWords(_("Passing sound through"), _("Others hear your microphone as it is."), "warn")
    if status.message == MUTED or status.message != State.RUNNING:
        return StateWords(_("On"), message, "warn")
    return StateWords(_("On"), _listeners(status, readers), "on")


def _listeners(status: StatusReply, readers: int) -> str:
    if status.speaker:
        return _("What others send is played without its noise.")
    if not status.virtual_mic:
        return _("You hear your microphone without the noise.")
    if not readers:
        return _("No program listens at the moment.")
    words = ngettext(
        "One program hears you without the noise.", "{count} programs hear you without the noise.", readers
    )
    return words.format(count=readers)


def used_by(readers: int) -> str:
    """How many programs record from the virtual microphone."""
    return ngettext("Used by 1 program.", "Used by {count} programs.", readers).format(count=readers)


def readings(meters: Meters, *, flowing: bool) -> Readings:
    """All figures of a moment."""
    if not flowing:
        return Readings()
    return Readings(
        input=_level(meters.input_rms_dbfs, meters.input_peak_dbfs),
        input_clipped=meters.input_peak_dbfs >= CLIPPED_DBFS,
        output=_level(meters.output_rms_dbfs, meters.output_peak_dbfs),
        output_clipped=meters.output_peak_dbfs >= CLIPPED_DBFS,
        removed=_("{value} dB").format(value=f"{meters.gain_reduction_db:.0f}"),
        snr=_("{value} dB").format(value=_signed(meters.snr_db)),
        latency=_("{value} ms").format(value=f"{meters.latency_ms:.0f}"),
        latency_parts=_(
            "{algorithm} ms enhancing, {buffers} ms waiting between the devices, {input} ms microphone, "
            "{output} ms output"
        ).format(
            algorithm=f"{meters.latency_algorithm_ms:.0f}",
            buffers=f"{meters.latency_buffers_ms:.0f}",
            input=f"{meters.latency_input_device_ms:.0f}",
            output=f"{meters.latency_output_device_ms:.0f}",
        ),
        frame=_("{p50} / {p99} ms").format(p50=f"{meters.frame_p50_ms:.2f}", p99=f"{meters.frame_p99_ms:.2f}"),
        frame_parts=_(
            "Computing time for 10 ms of sound: {p50} ms in half of all cases, {p99} ms in 99 of 100. "
            "The engine takes {share} % of a processor core."
        ).format(
            p50=f"{meters.frame_p50_ms:.2f}", p99=f"{meters.frame_p99_ms:.2f}", share=f"{100 * meters.cpu_share:.1f}"
        ),
        dropouts=str(meters.xruns),
        dropouts_parts=_(
            "Blocks lost since the start (xruns): {input} from the microphone, {output} to the output."
        ).format(input=meters.input_xruns, output=meters.output_xruns),
        drift=_("{value} ppm").format(value=_signed(meters.drift_ppm, plus=True)),
        drift_parts=_("By how much the output runs faster than the microphone; it is balanced all the time."),
    )


def limit_words(limit_db: float | None) -> str:
    """The strength as people set it."""
    return _("Full") if limit_db is None else _("up to {value} dB").format(value=f"{limit_db:g}")


def _level(rms_dbfs: float, peak_dbfs: float) -> str:
    """Of peaks only that they are too high: they are held by the engine long enough to be read."""
    if peak_dbfs >= CLIPPED_DBFS:
        return _("Too loud")
    return _("silent") if rms_dbfs <= SILENT_DBFS else _("{value} dB").format(value=_signed(rms_dbfs))


def _signed(value: float, *, plus: bool = False) -> str:
    """With a true minus sign; -0 is 0."""
    whole = round(value)
    return f"{MINUS}{-whole}" if whole < 0 else f"+{whole}" if plus and whole else str(whole)
