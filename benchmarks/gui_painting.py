"""What the window's painting costs: CPU of its process while it shows live sound, the whole Live page and its parts.

On a virtual screen (Xvfb), which has no graphics card: all is painted by the processor, as on the plainest machine. The
levels and spectra are those of a demo clip, published thirty times a second through the same memory-mapped file that an
engine writes; this process plays the engine, so that only the window is measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from itertools import cycle
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.clips import ROOT, demo_clips
from benchmarks.result_files import write_json
from benchmarks.speed import ONE_THREAD, machine
from benchmarks.tables import as_text, replace_block
from benchmarks.virtual_screen import virtual_screen
from enhancer import Enhancer
from enhancer.live.metering import SoundMeter
from enhancer.live.meters import Meters, MeterWriter
from enhancer.live.protocol import EngineState
from enhancer.live.session import SAMPLE_RATE

RESULTS = ROOT / "benchmarks" / "results" / "gui_painting.json"
PAGE = ROOT / "docs" / "gui.md"
FRAMES_A_SECOND = 30
AIM_PERCENT = 15.0  # of a core, for both spectrograms
# What is shown, in which window, how much larger than life.
CASES = (
    ("spectrograms", (1100, 700), 1.0),
    ("levels", (1100, 700), 1.0),
    ("page", (1100, 700), 1.0),
    ("page", (1100, 700), 2.0),
    ("page", (1920, 1080), 1.0),
    ("page, no sound", (1100, 700), 1.0),
    ("page, minimised", (1100, 700), 1.0),
)


def run(seconds: float, *, write: bool) -> None:
    """Prints the table and, with `write`, replaces results/gui_painting.json and the one in docs/gui.md."""
    console = Console(highlight=False)
    before = os.getloadavg()[0]
    rows = []
    with (
        console.status("a clip is measured") as status,
        virtual_screen() as display,
        tempfile.TemporaryDirectory() as folder,
    ):
        meters = _meters()
        for what, size, scale in CASES:
            status.update(f"{what}, {size[0]} x {size[1]}, scale {scale:g}")
            rows.append(_measure(what, size, scale, seconds, meters, display, Path(folder)))
    facts = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "load_before": round(before, 2),
        "seconds": seconds,
        "rows": rows,
    }
    console.print(table(facts))
    console.print(f"aim: both spectrograms under {AIM_PERCENT:g} % of a core", note(facts), sep="\n", soft_wrap=True)
    if write:
        write_json(RESULTS, facts)
        replace_block(PAGE, "gui painting", f"{as_text(table(facts))}\n\n{note(facts)}")
        console.print(f"wrote {RESULTS.relative_to(ROOT)} and {PAGE.relative_to(ROOT)}")


def table(facts: dict) -> Table:
    """A row a case."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    made.add_column("shown")
    for heading in ("window", "scale", "frames/s", "CPU %"):
        made.add_column(heading, justify="right")
    for row in facts["rows"]:
        made.add_row(
            row["shown"],
            "{} x {}".format(*row["window"]),
            f"{row['scale']:g}",
            f"{row['frames_per_s']:.1f}",
            f"{row['cpu_percent']:.1f}",
        )
    return made


def note(facts: dict) -> str:
    """What the figures were measured with."""
    return f"{facts['machine']}; load before: {facts['load_before']}; {facts['date']}"


def _measure(
    what: str, size: tuple[int, int], scale: float, seconds: float, meters: list[Meters], display: str, folder: Path
) -> dict:
    """A window in a process of its own, fed from here."""
    path = folder / "meters"
    command = [sys.executable, "-m", "benchmarks.gui_painting_worker", what, *map(str, size), str(seconds), str(path)]
    environment = os.environ | ONE_THREAD
    environment |= {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "QT_SCALE_FACTOR": f"{scale:g}"}
    with MeterWriter(path) as writer, tempfile.TemporaryFile("w+") as said:
        worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT, text=True)
        started = time.perf_counter()
        for number, values in enumerate(cycle(meters)):
            if worker.poll() is not None:
                break
            writer.publish(values)
            time.sleep(max(0.0, started + number / FRAMES_A_SECOND - time.perf_counter()))
        said.seek(0)
        lines = said.read().strip().splitlines() or ["no message"]
    if worker.returncode:
        raise SystemExit(f"error: the window failed: {lines[-1]}")
    return {"shown": what, "window": size, "scale": scale, **json.loads(lines[-1])}


def _meters() -> list[Meters]:
    """What an engine would show of a demo clip, thirty times a second."""
    clip = next(clip for clip in demo_clips() if clip.sample_rate == SAMPLE_RATE and clip.channels == 1)
    noisy = clip.noisy()
    enhancer = Enhancer(SAMPLE_RATE, block_size=SAMPLE_RATE // 100)
    heard, passed = SoundMeter(SAMPLE_RATE), SoundMeter(SAMPLE_RATE)
    found: list[Meters] = []
    for number, start in enumerate(range(0, len(noisy) - SAMPLE_RATE // 100, SAMPLE_RATE // 100)):
        hop = noisy[start : start + SAMPLE_RATE // 100]
        heard.hear(hop)
        passed.hear(enhancer.process(hop))
        if number * FRAMES_A_SECOND >= 100 * len(found):
            found.append(_snapshot(heard, passed, enhancer))
    return found


def _snapshot(heard: SoundMeter, passed: SoundMeter, enhancer: Enhancer) -> Meters:
    return Meters(
        state=EngineState.RUNNING,
        input_rms_dbfs=heard.rms_dbfs,
        input_peak_dbfs=heard.peak_dbfs,
        output_rms_dbfs=passed.rms_dbfs,
        output_peak_dbfs=passed.peak_dbfs,
        gain_reduction_db=enhancer.stats.gain_reduction_db,
        input_spectrum_db=heard.spectrum_db(),
        output_spectrum_db=passed.spectrum_db(),
        frames=enhancer.stats.frames,
        readers=1,
    )
