"""Whether this machine keeps up: how long a frame takes when one is due every 10 ms, and how late it begins."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter, sleep

import numpy as np

from enhancer.engine import Enhancer
from enhancer.errors import UserError
from enhancer.live.clock import MODES, LatencyMode
from enhancer.live.doctor.finding import Finding, State
from enhancer.live.process import PRIORITY
from enhancer.model import Student

FRAMES = 300
FRAME_S = 0.010
SAMPLE_RATE = 48_000
WARM_UP = 20
NAME = "speed"


@dataclass(frozen=True)
class Timing:
    """Of frames that were due every 10 ms, seconds each. took: computing. ready: from when it was due to its end."""

    took: np.ndarray
    ready: np.ndarray


def check(model: str | None) -> list[Finding]:
    """Two findings: the model, and how fast it is here. Takes three seconds."""
    try:
        student = Student(model)
    except UserError as error:
        return [Finding.failed("model", error)]
    info = student.info
    loaded = Finding("model", State.OK, f"{info.name} ({info.path})", facts={"file": str(info.path), "name": info.name})
    return [loaded, judge(measure(student))]


def measure(student: Student, frames: int = FRAMES) -> Timing:
    """Frames of noise, one due every 10 ms, in a thread of the engine's priority where that is allowed."""
    result: list[Timing] = []
    thread = threading.Thread(target=lambda: result.append(_measure(student, frames)), name="speed")
    thread.start()
    thread.join()
    return result[0]


def _measure(student: Student, frames: int) -> Timing:
    with contextlib.suppress(OSError, AttributeError):  # AttributeError: Windows
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)  # on Linux, this thread's alone
    hop = round(FRAME_S * SAMPLE_RATE)
    noise = np.random.default_rng(0).normal(0.0, 0.03, (frames, hop)).astype(np.float32)
    enhancer = Enhancer(SAMPLE_RATE, block_size=hop, model=student)
    for number in range(WARM_UP):
        enhancer.process(noise[number % frames])
    took, ready = np.zeros(frames), np.zeros(frames)
    due = perf_counter()
    for number, block in enumerate(noise):
        due += FRAME_S
        sleep(max(0.0, due - perf_counter()))
        began = perf_counter()
        enhancer.process(block)
        now = perf_counter()
        took[number], ready[number] = now - began, now - due
        due = max(due, now - FRAME_S)  # what is lost is lost: later frames are not late because of it
    return Timing(took, ready)


def recommended(ready: np.ndarray, modes: Sequence[LatencyMode] = tuple(MODES.values())) -> LatencyMode | None:
    """The first latency mode with room for the slowest frame; None when that would have been too late in all."""
    return next((mode for mode in modes if ready.max() <= mode.slack_s), None)


def judge(timing: Timing) -> Finding:
    """What the times mean for a person."""
    p50, p99 = (float(1e3 * np.percentile(timing.took, share)) for share in (50, 99))
    longest, latest = (float(1e3 * values.max()) for values in (timing.took, timing.ready))
    mode = recommended(timing.ready)
    facts = {
        "frames": len(timing.took),
        "budget_ms": 1e3 * FRAME_S,
        "frame_p50_ms": round(p50, 3),
        "frame_p99_ms": round(p99, 3),
        "frame_max_ms": round(longest, 3),
        "ready_max_ms": round(latest, 3),
        "recommended_latency": (mode or list(MODES.values())[-1]).name,
    }
    text = f"a frame takes {p50:.2f} ms (p99 {p99:.2f}, longest {longest:.2f}) of {1e3 * FRAME_S:.0f} ms"
    if p50 > 1e3 * FRAME_S:
        fix = "this machine is too slow for this model: end other programs, or take a smaller one (--model)"
        return Finding(NAME, State.FAIL, text, fix, facts)
    if mode is None:
        text += f", and one was {latest:.0f} ms late"
        return Finding(NAME, State.WARN, text, "expect dropouts: end other programs, and use --latency safe", facts)
    text += f"; recommended: --latency {mode.name}"
    return Finding(NAME, State.OK, text, "", facts)
