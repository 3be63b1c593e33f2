"""One timed system: `python -m benchmarks.targets.cost_worker SYSTEM SECONDS [MODEL]`, JSON of a `Cost` out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.speed_worker import noisy_sound
from enhancer.evaluation.peers import PEERS

ANY_RATE = 48_000  # of peers that take any


def main() -> None:
    system, seconds, model = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
    name, _, rate = system.partition(":")
    ours = name == "enhancer"
    print(json.dumps(_ours(int(rate), seconds, Path(model[0]) if model else None) if ours else _peer(name, seconds)))


def _ours(sample_rate: int, seconds: float, model: Path | None) -> dict:
    from enhancer import Enhancer, denoise
    from enhancer.model import Student

    student = Student(model)
    streaming = _frame_by_frame(Enhancer(sample_rate, model=student).process, sample_rate, sample_rate // 100, seconds)
    files = _at_once(lambda x: denoise(x, sample_rate, model=student), sample_rate, seconds)
    return {"sample_rate": sample_rate, "streaming": streaming, "files": files}


def _peer(name: str, seconds: float) -> dict:
    peer = PEERS[name]
    if peer.stream is not None:
        stream = peer.stream()
        factor = _frame_by_frame(stream.process, stream.sample_rate, stream.hop, seconds)
        return {"sample_rate": stream.sample_rate, "streaming": factor, "files": factor}
    assert peer.whole is not None
    whole, rate = peer.whole, peer.whole_rate or ANY_RATE
    files = _at_once(lambda x: whole(x, rate), rate, seconds)
    return {"sample_rate": rate, "streaming": None, "files": files}


def _frame_by_frame(process: Callable[[np.ndarray], object], sample_rate: int, hop: int, seconds: float) -> float:
    """Processor seconds a second of sound, after one second that warms caches and states."""
    sound = noisy_sound(sample_rate, seconds + 1)
    frames = sound[: len(sound) // hop * hop].reshape(-1, hop)
    warm = sample_rate // hop
    for frame in frames[:warm]:
        process(frame)
    began = time.process_time()
    for frame in frames[warm:]:
        process(frame)
    return (time.process_time() - began) / (len(frames[warm:]) * hop / sample_rate)


def _at_once(process: Callable[[np.ndarray], object], sample_rate: int, seconds: float) -> float:
    """Processor seconds a second of sound over a whole signal; a shorter one before it lets the network load."""
    sound = noisy_sound(sample_rate, seconds)
    process(sound[: 2 * sample_rate])
    began = time.process_time()
    process(sound)
    return (time.process_time() - began) / seconds


if __name__ == "__main__":
    main()
