"""What `enhancer live` shows of a running engine: a panel on a terminal, a line a second elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from enhancer.cli.display import clock
from enhancer.live.meters import SILENCE_DB, Meters
from enhancer.live.protocol import EngineState as State
from enhancer.live.protocol import StatusReply

LOWEST_DB = -60.0  # left end of a level's bar; its right end is full scale
LOUD_DB, CLIPPING_DB = -12.0, -3.0  # from here on yellow, and red
MOST_REMOVED_DB = 40.0
BAR = 28  # characters
BUDGET_MS = 10.0  # a frame is so long
_STYLES = {
    State.RUNNING: "bold green",
    State.SLEEPING: "bold cyan",
    State.STARTING: "bold yellow",
    State.DEGRADED: "bold yellow",
    State.RECONNECTING: "bold yellow",
    State.STOPPED: "bold",
    State.FAILED: "bold red",
}
SOUND = (State.RUNNING, State.DEGRADED)  # flows in these


@dataclass(frozen=True)
class View:
    """What there is to see at a moment.

    microphone, target: the devices, in words. notes: what happened of late, the newest last. alive: whether the engine
    answers. keys: whether there are any.
    """

    status: StatusReply
    meters: Meters
    microphone: str
    target: str
    seconds: float = 0.0
    notes: Sequence[str] = field(default_factory=list)
    alive: bool = True
    keys: bool = True


def panel(view: View) -> RenderableType:
    """A dozen lines, for terminals of 60 columns or more."""
    status, meters = view.status, view.meters
    title = Text.assemble(
        ("enhancer live", "bold"), "  ", (_state(view), _STYLES[status.state] if view.alive else "bold red"),
        (f"  {elapsed(view.seconds)}", "dim"),
    )  # fmt: skip
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(style="dim", no_wrap=True, min_width=9)
    rows.add_column(overflow="fold")
    flowing = view.alive and status.state in SOUND
    rows.add_row("from", Text(view.microphone))
    rows.add_row("to", Text(view.target))
    if users := _users(view):
        rows.add_row("used by", Text(users, "bold" if meters.readers else "dim"))
    rows.add_row("", "")
    rows.add_row("in", _level(flowing, meters.input_rms_dbfs, meters.input_peak_dbfs))
    rows.add_row("out", _level(flowing, meters.output_rms_dbfs, meters.output_peak_dbfs))
    rows.add_row("removed", _removed(flowing, meters))
    rows.add_row("speech", _speech(flowing, meters))
    rows.add_row("", "")
    rows.add_row("latency", Text(latency_words(meters) if flowing else "–"))
    rows.add_row("frame", _frame(flowing, meters))
    rows.add_row("faults", _faults(flowing, meters))
    rows.add_row("strength", _switches(status))
    parts: list[RenderableType] = [title, Rule(style="dim"), rows, Rule(style="dim")]
    parts += [Text(note, style="yellow") for note in view.notes]
    noted = any(note.endswith(status.message) for note in view.notes)
    if status.message != str(status.state) and not noted:
        parts.append(Text(status.message, style="red" if status.state is State.FAILED else ""))
    parts.append(_keys() if view.keys else Text("Ctrl-C ends", style="dim"))
    return Group(*parts)


def status_line(view: View) -> str:
    """The same in one plain line."""
    status, meters = view.status, view.meters
    begin = f"{elapsed(view.seconds)}  {_state(view)}"
    if not view.alive or status.state not in SOUND:
        return begin + (f": {status.message}" if status.message and status.message != str(status.state) else "")
    parts = [
        f"in {meters.input_rms_dbfs:.0f} dBFS",
        f"out {meters.output_rms_dbfs:.0f} dBFS",
        f"removed {meters.gain_reduction_db:.0f} dB",
        f"speech {100 * meters.speech_presence:.0f} %",
        f"SNR {meters.snr_db:.0f} dB",
        f"latency {meters.latency_ms:.0f} ms",
        f"frame {meters.frame_p50_ms:.2f}/{meters.frame_p99_ms:.2f} ms",
        f"xruns {meters.input_xruns}+{meters.output_xruns}",
        f"drift {meters.drift_ppm:+.0f} ppm",
    ]
    switches = [word for on, word in ((status.bypass, "bypass"), (status.recording, "recording")) if on]
    return f"{begin}: {', '.join(parts + switches)}"


def latency_words(meters: Meters) -> str:
    """The sum and its parts."""
    parts = (
        (meters.latency_algorithm_ms, "algorithm"),
        (meters.latency_buffers_ms, "buffers"),
        (meters.latency_input_device_ms, "input"),
        (meters.latency_output_device_ms, "output"),
    )
    return f"{meters.latency_ms:.0f} ms = " + " + ".join(f"{value:.0f} {name}" for value, name in parts)


def elapsed(seconds: float) -> str:
    """0:05, 2:03, 1:02:03."""
    return clock(seconds) if seconds >= 60 else f"0:{int(seconds):02d}"


def strength_words(limit_db: float | None) -> str:
    """The attenuation limit as people set it."""
    return "full, no limit" if limit_db is None else f"at most {limit_db:g} dB"


def _state(view: View) -> str:
    return str(view.status.state) if view.alive else "the engine does not answer"


def _users(view: View) -> str:
    """Of a virtual device."""
    count = view.meters.readers
    programs = "nobody at the moment" if not count else "1 program" if count == 1 else f"{count} programs"
    return programs if view.status.virtual_mic or view.status.speaker else ""


def _level(flowing: bool, rms: float, peak: float) -> Text:
    if not flowing:
        return Text("–")
    shares = [min(1.0, max(0.0, 1.0 - level / LOWEST_DB)) for level in (rms, peak)]
    filled, hold = round(shares[0] * BAR), min(BAR - 1, round(shares[1] * BAR))
    bar = Text()
    for place in range(BAR):
        level = LOWEST_DB * (1.0 - (place + 0.5) / BAR)
        colour = "red" if level > CLIPPING_DB else "yellow" if level > LOUD_DB else "green"
        if place == hold and shares[1] > 0:
            bar.append("│", f"bold {colour}")
        elif place < filled:
            bar.append("▇", colour)
        else:
            bar.append("·", "dim")
    return bar.append(f" {_decibels(rms)} dBFS").append(f"  peak {_decibels(peak)}", "dim")


def _removed(flowing: bool, meters: Meters) -> Text:
    if not flowing:
        return Text("–")
    return _bar(meters.gain_reduction_db / MOST_REMOVED_DB, "cyan").append(f" {meters.gain_reduction_db:5.1f} dB")


def _speech(flowing: bool, meters: Meters) -> Text:
    if not flowing:
        return Text("–")
    bar = _bar(meters.speech_presence, "magenta").append(f" {100 * meters.speech_presence:5.0f} %")
    return bar.append(f"     SNR {meters.snr_db:.0f} dB", "dim")


def _bar(share: float, colour: str) -> Text:
    filled = round(min(1.0, max(0.0, share)) * BAR)
    return Text.assemble(("▇" * filled, colour), ("·" * (BAR - filled), "dim"))


def _frame(flowing: bool, meters: Meters) -> Text:
    if not flowing:
        return Text(f"–   CPU {100 * meters.cpu_share:.1f} %")
    slow = meters.frame_p99_ms > BUDGET_MS / 2
    return Text.assemble(
        (
            f"p50 {meters.frame_p50_ms:.2f}  p99 {meters.frame_p99_ms:.2f} of {BUDGET_MS:.0f} ms",
            "yellow" if slow else "",
        ),
        f"   CPU {100 * meters.cpu_share:.1f} %",
    )


def _faults(flowing: bool, meters: Meters) -> Text:
    if not flowing:
        return Text("–")
    xruns = f"xruns {meters.input_xruns} in, {meters.output_xruns} out"
    return Text.assemble(
        (xruns, "yellow" if meters.xruns else ""),
        f"   drift {meters.drift_ppm:+.0f} ppm",
    )


def _switches(status: StatusReply) -> Text:
    words = Text(strength_words(status.limit_db))
    for on, word, colour in (
        (status.bypass, "BYPASS", "bold yellow"),
        (status.monitor, "monitor", "cyan"),
        (status.recording, f"recording into {status.recording}", "bold red"),
    ):
        if on:
            words.append("   ").append(word, colour)
    return words


def _keys() -> Text:
    words = Text()
    for key, word in (("b", "bypass"), ("+/-", "strength"), ("r", "record"), ("m", "monitor"), ("q", "quit")):
        words.append(f" {key} ", "reverse").append(f" {word}  ", "dim")
    return words


def _decibels(level: float) -> str:
    return "   -∞" if level <= SILENCE_DB else f"{level:5.1f}"
