"""Speed and memory on one thread, ours beside DeepFilterNet3 and RNNoise in the same run.

Systems take turns over several rounds, so that a machine that is busy for a while is busy for all of them. "RTF" is
what a user waits per second of sound, "RTF CPU" what the thread itself worked: they differ on a busy machine.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.clips import ROOT
from benchmarks.result_files import write_json
from benchmarks.tables import as_text, replace_block

RESULTS = ROOT / "benchmarks" / "results" / "speed.json"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
STREAMING = ("enhancer:16000", "enhancer:48000", "deepfilternet3", "rnnoise")
OFFLINE = ("enhancer:offline-16000", "enhancer:offline-48000")
TITLES = {
    "enhancer:16000": "enhancer, 16 kHz",
    "enhancer:48000": "enhancer, 48 kHz",
    "deepfilternet3": "DeepFilterNet3, 48 kHz",
    "rnnoise": "RNNoise, 48 kHz",
}
# What the design asks for, printed beside what was measured.
AIMS = {
    "streaming 16 kHz, real-time factor": 0.030,
    "streaming 48 kHz, real-time factor": 0.040,
    "offline 16 kHz, real-time factor": 0.010,
    "offline 48 kHz, real-time factor": 0.010,
    "import enhancer, s": 0.2,
    "enhancer --help, s": 0.4,
    "enhancer denoise of 60 s at 16 kHz, s": 3.0,
    "enhancer denoise of 60 s at 48 kHz, s": 3.0,
}


def run(seconds: float, rounds: int, *, write: bool) -> None:
    """Measures everything, prints two tables and, with `write`, replaces results/speed.json."""
    console = Console(highlight=False)
    measured: dict[str, list[dict]] = {system: [] for system in (*STREAMING, *OFFLINE)}
    with console.status("timing, one system at a time") as status:
        for turn in range(rounds):
            for system in measured:
                status.update(f"round {turn + 1} of {rounds}: {system}")
                measured[system].append(_worker(system, seconds))
        status.update("commands")
        commands = _commands()
    streaming = {system: _pooled(measured[system]) for system in STREAMING}
    facts = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "load_before": round(os.getloadavg()[0], 2),
        "seconds_per_round": seconds,
        "rounds": rounds,
        "streaming": streaming,
        "figures": {
            "streaming 16 kHz, real-time factor": streaming["enhancer:16000"]["real_time_factor"],
            "streaming 48 kHz, real-time factor": streaming["enhancer:48000"]["real_time_factor"],
            "offline 16 kHz, real-time factor": _median(measured["enhancer:offline-16000"], "real_time_factor"),
            "offline 48 kHz, real-time factor": _median(measured["enhancer:offline-48000"], "real_time_factor"),
            **commands,
        },
        "model": model_facts(),
    }
    tables = _streaming_table(streaming), _figures_table(facts["figures"])
    console.print(*tables, sep="\n")
    note = _note(facts)
    console.print(note, soft_wrap=True)
    if write:
        write_json(RESULTS, facts)
        replace_block(ROOT / "README.md", "speed table", as_text(tables[0]))
        replace_block(ROOT / "docs" / "benchmarks.md", "speed tables", f"{as_text(*tables)}\n{note}")
        console.print(f"wrote {RESULTS.relative_to(ROOT)}, the README's table and docs/benchmarks.md")


def _note(facts: dict) -> str:
    """What the figures were measured with, under the tables."""
    peers = "; ".join(row["title"] for row in facts["streaming"].values() if row["title"])
    model = facts["model"]
    return (
        f"\nmodel: {model['nodes']} ONNX nodes, {model['kilobytes']} kB; {peers}\n"
        f"{facts['machine']}; load before: {facts['load_before']}; {facts['date']}"
    )


def _worker(system: str, seconds: float) -> dict:
    command = [sys.executable, "-m", "benchmarks.speed_worker", system, str(seconds), str(time.time())]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | ONE_THREAD, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SystemExit(f"error: {system} failed: {last}")
    # libDF may log to stdout; the JSON is the last line.
    return json.loads(done.stdout.strip().splitlines()[-1])


def _pooled(turns: list[dict]) -> dict:
    """One row of the table: frame times of all rounds together, medians of the rest."""
    frame_ms = np.concatenate([turn["frame_ms"] for turn in turns])
    return {
        "title": turns[0].get("title"),
        "p50_ms": round(float(np.percentile(frame_ms, 50)), 4),
        "p99_ms": round(float(np.percentile(frame_ms, 99)), 4),
        "real_time_factor": round(float(frame_ms.mean()) / 10, 4),
        "cpu_factor": round(_median(turns, "cpu_factor"), 4),
        "start_s": round(_median(turns, "start_s"), 3),
        "peak_memory_mb": round(_median(turns, "peak_memory_mb"), 1),
    }


def _median(turns: list[dict], key: str) -> float:
    return round(statistics.median(turn[key] for turn in turns), 5)


def _commands() -> dict[str, float]:
    """Seconds of the commands a person waits for; the median of five (files: three)."""
    import soundfile

    from benchmarks.speed_worker import noisy_sound

    script = str(Path(sys.executable).with_name("enhancer"))
    bare = _seconds([sys.executable, "-c", "pass"], 5)
    figures = {
        "import enhancer, s": round(_seconds([sys.executable, "-c", "import enhancer"], 5) - bare, 3),
        "enhancer --help, s": round(_seconds([script, "--help"], 5), 3),
    }
    with tempfile.TemporaryDirectory() as folder:
        for rate in (16000, 48000):
            source = Path(folder) / f"{rate}.wav"
            soundfile.write(source, noisy_sound(rate, 60), rate)
            command = [script, "denoise", str(source), "-o", str(Path(folder) / f"{rate}.out.wav"), "--overwrite"]
            figures[f"enhancer denoise of 60 s at {rate // 1000} kHz, s"] = round(_seconds(command, 3), 2)
    return figures


def _seconds(command: list[str], times: int) -> float:
    took = []
    for _ in range(times + 1):
        start = time.perf_counter()
        subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, check=True)
        took.append(time.perf_counter() - start)
    return statistics.median(took[1:])  # the first fills the page cache


def model_facts() -> dict:
    import onnx

    from enhancer.model import Student

    info = Student().info
    return {
        "nodes": len(onnx.load(info.path).graph.node),
        "kilobytes": round(info.path.stat().st_size / 1000),
        "weights_sha256": info.details["weights_sha256"],
    }


def machine() -> str:
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        models = [line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        name = models[0].split(":", 1)[1].strip() if models else name
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _streaming_table(rows: dict[str, dict]) -> Table:
    table = _table("Streaming, 10 ms a call", "", "p50 ms", "p99 ms", "RTF", "RTF CPU", "vs ours", "start s", "MB")
    ours = rows["enhancer:48000"]["cpu_factor"]
    for system, row in rows.items():
        table.add_row(
            TITLES[system],
            f"{row['p50_ms']:.3f}",
            f"{row['p99_ms']:.3f}",
            f"{row['real_time_factor']:.4f}",
            f"{row['cpu_factor']:.4f}",
            f"{row['cpu_factor'] / ours:.1f} x",
            f"{row['start_s']:.2f}",
            f"{row['peak_memory_mb']:.0f}",
        )
    return table


def _figures_table(figures: dict[str, float]) -> Table:
    table = _table("\nAgainst the aims", "", "measured", "aim")
    for name, value in figures.items():
        aim = AIMS[name]
        table.add_row(name, f"{value:.3f}", f"{aim:.3f}", style="" if value <= aim else "yellow")
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    return table
