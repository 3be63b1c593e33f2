"""The live engine for minutes on end: does it keep its memory, its latency, and every block?

`enhancer live` runs on a private PulseAudio server, in processes of its own. Noisy speech is played to its microphone
over and over, a program records its virtual microphone, and once a second somebody looks. Latency is measured from the
sound: by how much later than a plain null sink gives it back the program hears it. A process that only sleeps on each
core says how long the machine itself lets threads wait: no sound is whole on a virtual machine that is not given its
processors.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.clips import ROOT, demo_clips
from benchmarks.live_latency import RATE, Probe
from benchmarks.live_process import LiveProcess
from benchmarks.live_servers import PulseAudioServer, be_urgent
from benchmarks.picture import ACCENT, BACKGROUND, FAINT, TEXT, save
from benchmarks.tables import as_text, replace_block
from enhancer.live.pulse_streams import PulseBackend

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

    from matplotlib.figure import Figure

DOC = ROOT / "docs" / "live.md"
PICTURE = ROOT / "docs" / "images" / "live_soak.png"
SETTLE_S = 5.0  # streams open, the probe hears itself
WARM_UP_S = 60.0  # not judged: caches fill, the clocks' difference is found; a quarter of the time, if that is less
GROWTH_MB = 1.0  # of memory, from the first third to the last, that is no growth
FLAT_MS = 5.0  # between the least and the greatest latency, each over SMOOTH_S
SMOOTH_S = 10
LATE_MS = 10.0  # for which no thread has to wait on a machine that has time for sound
NAP_S = 0.004
GRID, BLUE, GREY = "#2a2e38", "#8fb4d9", "#6d7482"
# Panels of the picture: title, the least that its axis spans, and its lines.
PANELS = (
    ("memory, MB", 10.0, (("memory_mb", "", ACCENT),)),
    (
        "latency, ms", 40.0,
        (
            ("measured_ms", "measured", ACCENT), ("told_ms", "told", GREY),
            ("waiting_ms", "waiting between the devices", BLUE),
        ),
    ),
    ("xruns so far", 4.0, (("xruns", "", ACCENT),)),
    ("the machine lets threads wait, ms", 10.0, (("machine_ms", "", BLUE),)),
    ("CPU, % of a core", 10.0, (("cpu_percent", "", ACCENT),)),
)  # fmt: skip
HEIGHTS = (1.0, 1.8, 0.8, 0.8, 1.0)


@dataclass(frozen=True)
class Sample:
    """One look. measured_ms: of the last 2 s, NaN without speech in them. xruns: since the first look, both sides.

    machine_ms: by how much a sleeping thread was woken too late since the look before, at worst, on any core.
    """

    at_s: float
    memory_mb: float
    measured_ms: float
    told_ms: float
    waiting_ms: float
    drift_ppm: float
    cpu_percent: float
    xruns: int
    machine_ms: float


class Machine:
    """A process a core that does nothing but sleep, as urgent as its parent; in a `with`."""

    def __enter__(self) -> Machine:
        spawn = multiprocessing.get_context("spawn")
        self._worst_s = [spawn.Value("d", 0.0) for _ in os.sched_getaffinity(0)]
        self._watchers = [
            spawn.Process(target=_nap, args=(core, worst), daemon=True)
            for core, worst in zip(sorted(os.sched_getaffinity(0)), self._worst_s, strict=True)
        ]
        for watcher in self._watchers:
            watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        for watcher in self._watchers:
            watcher.kill()

    def late_ms(self) -> float:
        """The longest wait on any core since this was asked before."""
        worst = 0.0
        for value in self._worst_s:
            with value.get_lock():
                worst, value.value = max(worst, value.value), 0.0
        return 1e3 * worst


def _nap(core: int, worst_s: Synchronized[float]) -> None:
    os.sched_setaffinity(0, {core})
    while True:
        began = time.monotonic()
        time.sleep(NAP_S)
        late_s = time.monotonic() - began - NAP_S
        with worst_s.get_lock():
            worst_s.value = max(worst_s.value, late_s)


def run(minutes: float, *, write: bool = False) -> int:
    """Prints figures and a verdict; with `write` also into docs/live.md, with a picture.

    Returns the exit code: 0, 1 where something is not flat, 130 when it was interrupted.
    """
    console = Console(highlight=False)
    before = os.getloadavg()[0]
    samples: list[Sample] = []
    interrupted = False
    try:
        _look_on(minutes, samples, console)
    except KeyboardInterrupt:
        interrupted, write = True, False
        if len(samples) < 2:
            return 130
    title = f"{samples[-1].at_s / 60:.1f} minutes on PulseAudio; {os.cpu_count()} cores, load {before:.1f} before"
    table, faults = _table(samples), faults_of(samples)
    verdict = "failed: " + "; ".join(faults) if faults else "passed: memory and latency are flat"
    for part in (title, table, _xruns(samples), verdict):
        console.print(part, soft_wrap=True)
    if write:
        save(_figure(samples, title), PICTURE)
        replace_block(DOC, "live-soak", "\n".join((title, as_text(table), _xruns(samples), verdict)))
    return 130 if interrupted else int(bool(faults))


def _look_on(minutes: float, samples: list[Sample], console: Console) -> None:
    """Adds a sample a second, for so many minutes."""
    be_urgent()  # what plays and records must not be late itself
    sound = np.concatenate([clip.noisy()[:, 0] for clip in demo_clips() if clip.sample_rate == RATE])
    with closing(PulseAudioServer()) as server, console.status("the sound server starts") as status:
        server.start()
        backend = PulseBackend(server.address)
        with Probe(backend, "loudspeaker", "loudspeaker.monitor", sound) as plain:
            time.sleep(SETTLE_S)
            plain_ms = 1e3 * plain.latency_s()
        with (
            LiveProcess(server, "--virtual-mic", "--input", "microphone") as live,
            Probe(backend, "room", "enhancer_mic", sound) as probe,
            Machine() as machine,
        ):
            time.sleep(SETTLE_S)
            machine.late_ms()  # its start does not count
            began, before = time.monotonic(), live.xruns
            while (at_s := time.monotonic() - began) < 60 * minutes:
                meters = live.meters
                sample = Sample(
                    at_s,
                    _memory_mb(live.client.pid),
                    1e3 * probe.latency_s() - plain_ms,
                    meters.latency_ms,
                    meters.latency_buffers_ms,
                    meters.drift_ppm,
                    100 * meters.cpu_share,
                    live.xruns - before,
                    machine.late_ms(),
                )
                samples.append(sample)
                status.update(
                    f"{at_s / 60:.1f} of {minutes:g} minutes: {sample.memory_mb:.1f} MB, "
                    f"{sample.measured_ms:.0f} ms late, {sample.xruns} xruns"
                )
                time.sleep(max(0.0, began + len(samples) - time.monotonic()))


def _memory_mb(pid: int) -> float:
    """What a process has in memory (resident set size)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


# --- judging --------------------------------------------------------------------------------------------------------


def _warm(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Those that are judged."""
    warm_up_s = min(WARM_UP_S, samples[-1].at_s / 4)
    return [sample for sample in samples if sample.at_s >= warm_up_s]


def _calm(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Those before which the machine has let no thread wait for long, for SMOOTH_S."""
    late_at = np.array([sample.at_s for sample in samples if sample.machine_ms > LATE_MS])
    return [s for s in samples if not np.any((late_at <= s.at_s) & (late_at > s.at_s - SMOOTH_S))]


def _values(samples: Sequence[Sample], name: str) -> np.ndarray:
    return np.array([getattr(sample, name) for sample in samples], float)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Medians over SMOOTH_S: one speech pause or busy moment is no change of latency."""
    windows = np.lib.stride_tricks.sliding_window_view(values, min(SMOOTH_S, len(values)))
    return np.nanmedian(windows[~np.isnan(windows).all(axis=1)], axis=1)


def _thirds(values: np.ndarray) -> tuple[float, float]:
    """Medians of the first and of the last third."""
    third = max(1, len(values) // 3)
    return float(np.nanmedian(values[:third])), float(np.nanmedian(values[-third:]))


def faults_of(samples: Sequence[Sample]) -> list[str]:
    """What was not flat, each in a few words; the first minute, and what the machine itself held up, aside."""
    warm, faults = _warm(samples), []
    first, last = _thirds(_values(warm, "memory_mb"))
    if last - first > GROWTH_MB:
        faults.append(f"memory grew by {last - first:.1f} MB")
    calm = _calm(warm)
    if not calm:
        return [*faults, "the machine lets threads wait all the time: latency cannot be judged on it"]
    for name, words in (("measured_ms", "the latency"), ("waiting_ms", "what waits between the devices")):
        values = _smooth(_values(calm, name))
        if not len(values):
            faults.append("nothing came through")
        elif (range_ms := float(np.ptp(values))) > FLAT_MS:
            faults.append(f"{words} moved by {range_ms:.1f} ms")
    return faults


def _table(samples: Sequence[Sample]) -> Table:
    warm = _warm(samples)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("")
    for heading in ("first third", "last third", "least", "most"):
        table.add_column(heading, justify="right")
    rows: list[tuple[str, str, str, Callable[[np.ndarray], np.ndarray]]] = [
        ("memory, MB", "memory_mb", ".1f", np.asarray),
        ("latency measured, ms", "measured_ms", ".1f", _smooth),
        ("latency told, ms", "told_ms", ".1f", _smooth),
        ("waiting between the devices, ms", "waiting_ms", ".1f", _smooth),
        ("drift, ppm", "drift_ppm", "+.0f", np.asarray),
        ("CPU, % of a core", "cpu_percent", ".1f", np.asarray),
    ]
    for title, name, form, smooth in rows:
        values = smooth(_values(warm, name))
        if len(values):
            figures = (*_thirds(values), np.nanmin(values), np.nanmax(values))
            table.add_row(title, *(f"{figure:{form}}" for figure in figures))
    return table


def _xruns(samples: Sequence[Sample]) -> str:
    """How many, and how long there were none."""
    changes = [before.at_s for before, after in pairwise(samples) if after.xruns > before.xruns]
    stretches = np.diff([samples[0].at_s, *changes, samples[-1].at_s])
    late = [sample for sample in samples if sample.machine_ms > LATE_MS]
    calm = {sample.at_s for sample in _calm(samples)}
    own = sum(after.xruns - before.xruns for before, after in pairwise(samples) if after.at_s in calm)
    return (
        f"xruns: {samples[-1].xruns}; the longest stretch without one: {stretches.max():.0f} s\n"
        f"the machine let threads wait for more than {LATE_MS:.0f} ms in {len(late)} of {len(samples)} s, "
        f"{max(sample.machine_ms for sample in samples):.0f} ms at worst; "
        f"xruns more than {SMOOTH_S} s after such a moment: {own}"
    )


# --- the picture ----------------------------------------------------------------------------------------------------


def _figure(samples: Sequence[Sample], title: str) -> Figure:
    """Memory, latency, xruns and CPU over time, one above the other, on a dark card as the other pictures."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    minutes = _values(samples, "at_s") / 60
    figure = Figure(figsize=(8.2, 7.0), facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    figure.text(0.02, 0.965, "The live engine over time", color=TEXT, size=13, weight="bold", va="center")
    figure.text(0.02, 0.925, title, color=FAINT, size=8.5, va="center")
    grid = figure.add_gridspec(
        len(PANELS), 1, left=0.085, right=0.975, top=0.865, bottom=0.075, hspace=0.42, height_ratios=HEIGHTS
    )
    for place, (name, least_span, lines) in enumerate(PANELS):
        axes = figure.add_subplot(grid[place], facecolor=BACKGROUND)
        for column, label, colour in lines:
            axes.plot(minutes, _values(samples, column), color=colour, linewidth=1.2, label=label)
        low, high = axes.get_ylim()
        middle, span = 0.5 * (low + high), max(high - low, least_span)
        axes.set_ylim(max(middle - 0.5 * span, 0.0), max(middle - 0.5 * span, 0.0) + span)
        axes.set_xlim(0.0, minutes[-1])
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.set_title(name, loc="left", color=TEXT, size=9, pad=4)
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        axes.tick_params(colors=FAINT, labelsize=8, length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        if len(lines) > 1:
            axes.legend(
                loc="lower right", bbox_to_anchor=(1.005, 0.95), ncols=len(lines), frameon=False, fontsize=8,
                labelcolor=FAINT, handlelength=1.2, columnspacing=1.2,
            )  # fmt: skip
        if place < len(PANELS) - 1:
            axes.tick_params(labelbottom=False)
    axes.set_xlabel("minutes", color=FAINT, size=9)
    return figure
