"""How long one call of one frame takes, which operators it takes it for, and whether more frames a call say the same.

Models take turns in one process and on one thread, some hundred calls each, over many rounds: what disturbs the machine
for a while disturbs all of them, and the ratio to the first model within a round is steadier than any time.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from enhancer.engine import Enhancer, denoise
from enhancer.model import Student

Feed = dict[str, np.ndarray]
SETTLING = 20  # calls that bring a model's weights into the cache before it is timed
EVICTING_BYTES = 16 << 20  # read between two calls: several times the second-level cache, as other programs would


@dataclass(frozen=True)
class FrameTime:
    """Microseconds a call. `cold`: after other memory was read, as it is for a stream that waits for its next 10 ms."""

    p50_us: float
    p10_us: float
    ratio: float  # median over rounds of the median to that of the first model
    cold_p50_us: float


@dataclass(frozen=True)
class Operators:
    """What runs: nodes left after the runtime's own fusions, and each operator's share of their time, largest first."""

    nodes: int
    shares: dict[str, float]


def frames_of(feeds: Sequence[Feed]) -> list[Feed]:
    """The frames of recorded calls one by one; inputs alone, because a stream keeps its own state."""
    return [
        {name: np.ascontiguousarray(feed[name][i : i + 1]) for name in ("core", "high")}
        for feed in feeds
        for i in range(len(feed["core"]))
    ]


def frame_times(models: dict[str, Student], frames: Sequence[Feed], rounds: int, calls: int) -> dict[str, FrameTime]:
    """Times of `rounds` times `calls` one-frame calls of each model; the first is the one that ratios refer to."""
    streams = {name: model.stream() for name, model in models.items()}
    evicting = np.zeros(EVICTING_BYTES // 8)
    warm: dict[str, list[np.ndarray]] = defaultdict(list)
    cold: dict[str, list[float]] = defaultdict(list)
    for turn in range(rounds):
        names = list(streams)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            stream = streams[name]
            took = np.empty(SETTLING + calls)
            for call in range(len(took)):
                frame = frames[call % len(frames)]
                began = time.perf_counter()
                stream.step(frame["core"], frame["high"])
                took[call] = time.perf_counter() - began
            warm[name].append(took[SETTLING:])
            for call in range(calls // 10):
                evicting.sum()
                frame = frames[call % len(frames)]
                began = time.perf_counter()
                stream.step(frame["core"], frame["high"])
                cold[name].append(time.perf_counter() - began)
    medians = {name: np.array([np.median(took) for took in turns]) for name, turns in warm.items()}
    first = medians[next(iter(models))]
    return {
        name: FrameTime(
            *(round(1e6 * float(np.percentile(np.concatenate(warm[name]), p)), 1) for p in (50, 10)),
            ratio=round(float(np.median(medians[name] / first)), 3),
            cold_p50_us=round(1e6 * float(np.median(cold[name])), 1),
        )
        for name in models
    }


def operators(model: Student, frames: Sequence[Feed]) -> Operators:
    """ONNX Runtime's own profile of one-frame calls, its shares of the time inside operators."""
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(str(model.info.path), options, providers=["CPUExecutionProvider"])
        state = {tensor.name: np.zeros((1, 1, tensor.width), np.float32) for tensor in model.info.state}
        outputs = [node.name for node in session.get_outputs()]
        for frame in frames:
            said = dict(zip(outputs, session.run(outputs, frame | state), strict=True))
            state = {name: said[f"{name}_out"] for name in state}
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    took: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            took[event["args"]["op_name"], event["name"]].append(event["dur"])
    spent: dict[str, float] = defaultdict(float)
    for (operator, _), durations in took.items():
        # Whole microseconds, and now and then one that another program interrupted.
        spent[operator] += float(np.mean(np.sort(durations)[: max(1, len(durations) * 3 // 4)]))
    whole = sum(spent.values())
    largest = sorted(spent.items(), key=lambda item: -item[1])
    return Operators(len(took), {name: round(share / whole, 3) for name, share in largest})


def block_difference_db(model: Student, sounds: Sequence[tuple[np.ndarray, int]]) -> float:
    """How far a stream of 10 ms blocks is from a file of the same sounds ([T], rate): dB of the difference below sound.

    An operator that scales its inputs anew at every call scales a hundred frames by the loudest of them.
    """
    difference = power = 0.0
    for noisy, sample_rate in sounds:
        whole = denoise(noisy, sample_rate, model=model)
        stream, block = Enhancer(sample_rate, model=model), sample_rate // 100
        parts = [stream.process(noisy[start : start + block]) for start in range(0, len(noisy), block)]
        streamed = np.concatenate([*parts, stream.flush()])[stream.latency_samples :]
        difference += float(np.square(streamed - whole).mean())
        power += float(np.square(whole).mean())
    return round(10.0 * float(np.log10(max(difference, 1e-30) / max(power, 1e-30))), 1)
