"""The window for minutes on end, and turned on and off hundreds of times: does its process keep its memory?

The real window on a virtual screen, with a real engine on a private PulseAudio server. Noisy speech is played to the
microphone over and over; first the Live page shows it for minutes, then its button turns the engine on and off. The
window's process is looked at from outside: resident memory, threads, open files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from rich.console import Console
from rich.table import Table

from benchmarks.clips import demo_clips
from benchmarks.gui_window import WindowProcess, page_of
from benchmarks.live_servers import PulseAudioServer, SoundServer, wait_until
from benchmarks.virtual_screen import virtual_screen
from enhancer.live.protocol import EngineState
from enhancer.live.session import SAMPLE_RATE
from gui import preferences
from gui.app import Monitor
from gui.live.page import LivePage
from gui.preferences import Preferences

PATIENCE_S = 20.0  # of a busy machine, for a start or a stop
EVERY_S = 2.0  # somebody looks
PLAYED_S = 60.0  # by a player, before the next one begins
WARM_UP = 0.25  # of the looks, which are not judged: caches fill
GROWTH_MB = 2.0  # of memory, from the first third to the last, that is no growth


@dataclass(frozen=True)
class Use:
    """What a process has of the system; of memory, what is resident."""

    memory_mb: float
    threads: int
    files: int


def use_of(pid: int) -> Use:
    """At this moment; on Linux."""
    process = Path("/proc") / str(pid)
    pages = int((process / "statm").read_text().split()[1])
    return Use(
        pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        len(os.listdir(process / "task")),
        len(os.listdir(process / "fd")),
    )


def run(minutes: float, cycles: int) -> int:
    """Prints figures and a verdict. Returns the exit code: 0, 1 where something grew, 130 when it was interrupted."""
    console = Console(highlight=False)
    shown: list[Use] = []
    turned: list[Use] = []
    try:
        _look_on(minutes, cycles, shown, turned, console)
    except KeyboardInterrupt:
        return 130
    parts = {f"{minutes:g} minutes of the Live page": shown, f"{cycles} times on and off": turned}
    console.print(_table(parts))
    faults = [f"{what}: {fault}" for what, uses in parts.items() for fault in faults_of(uses)]
    console.print("failed: " + "; ".join(faults) if faults else "passed: nothing grew", soft_wrap=True)
    return int(bool(faults))


def faults_of(uses: Sequence[Use]) -> list[str]:
    """What has grown, each in a few words."""
    first, _middle, last = _thirds(uses)
    faults = []
    if last.memory_mb - first.memory_mb > GROWTH_MB:
        faults.append(f"memory grew by {last.memory_mb - first.memory_mb:.1f} MB")
    for name in ("threads", "files"):
        if (more := getattr(last, name) - getattr(first, name)) > 0:
            faults.append(f"{more} more {name}")
    return faults


def _thirds(uses: Sequence[Use]) -> tuple[Use, Use, Use]:
    """Medians of the first, the middle and the last third, without the warm-up."""
    warm = np.array([astuple(use) for use in uses[int(WARM_UP * len(uses)) :]])
    found = (np.median(part, axis=0) for part in np.array_split(warm, 3))
    first, middle, last = (Use(float(memory), round(threads), round(files)) for memory, threads, files in found)
    return first, middle, last


def _table(parts: dict[str, list[Use]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("the window's process")
    for heading in ("at first", "start", "middle", "end"):
        table.add_column(heading, justify="right")
    words = {"memory_mb": "memory, MB", "threads": "threads", "files": "open files"}
    for what, uses in parts.items():
        table.add_row(f"[bold]{what}[/]")
        looks = (uses[0], *_thirds(uses))
        for field in fields(Use):
            values = [getattr(use, field.name) for use in looks]
            table.add_row(f"  {words[field.name]}", *(f"{v:.1f}" if isinstance(v, float) else str(v) for v in values))
    return table


# --- what is done ---------------------------------------------------------------------------------------------------


def _look_on(minutes: float, cycles: int, shown: list[Use], turned: list[Use], console: Console) -> None:
    """Adds a look every EVERY_S for so many minutes, then one after each of the cycles."""
    with closing(PulseAudioServer()) as server, console.status("the sound server starts") as status:
        server.start()
        wanted = Preferences(language="en", first_run_done=True, keep_open=True)
        preferences.save(wanted, server.folder / ".config" / "enhancer" / "gui.toml")
        with virtual_screen() as display, WindowProcess(server, display) as window, closing(_Talk(server)) as talk:
            pid = window.process.pid
            _turn(window, EngineState.RUNNING)
            began = time.monotonic()
            while (at_s := time.monotonic() - began) < 60 * minutes:
                talk.go_on()
                time.sleep(EVERY_S)
                shown.append(use_of(pid))
                status.update(f"{at_s / 60:.1f} of {minutes:g} minutes: {shown[-1].memory_mb:.1f} MB")
            _turn(window, EngineState.STOPPED)
            for number in range(cycles):
                talk.go_on()
                _turn(window, EngineState.RUNNING)
                _turn(window, EngineState.STOPPED)
                turned.append(use_of(pid))
                status.update(f"{number + 1} of {cycles} times on and off: {turned[-1].memory_mb:.1f} MB")


class _Talk:
    """Noisy speech into the microphone, for as long as somebody says `go_on` once in a while."""

    def __init__(self, server: SoundServer) -> None:
        self._server = server
        sound = np.concatenate([clip.noisy()[:, 0] for clip in demo_clips() if clip.sample_rate == SAMPLE_RATE])
        self._sound = np.resize(sound, round(PLAYED_S * SAMPLE_RATE))
        self._player = server.play("room", self._sound, latency_ms=100)

    def go_on(self) -> None:
        if self._player.poll() is not None:
            self._player = self._server.play("room", self._sound, latency_ms=100)

    def close(self) -> None:
        self._player.kill()
        self._player.wait()


def _turn(window: WindowProcess, wanted: EngineState) -> None:
    """Presses the button and waits for what it is for."""
    window.do(_press)
    wait_until(lambda: window.do(_state) is wanted, PATIENCE_S, f"it is {wanted}", every_s=0.02)


def _press(monitor: Monitor) -> None:
    QTest.mouseClick(page_of(monitor, "live", LivePage).power, Qt.MouseButton.LeftButton)


def _state(monitor: Monitor) -> EngineState:
    return monitor.link.status.state
