"""One timed system in a process of its own: `python -m benchmarks.speed_worker SYSTEM SECONDS LAUNCHED`, JSON out.

A process each keeps peak memory and start-up apart; the parent sets one thread before numpy or onnxruntime load.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main() -> None:
    system, seconds, launched = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    name, _, rest = system.partition(":")
    if name != "enhancer":
        facts = _peer(name, seconds, launched)
    elif rest.startswith("offline"):
        facts = _offline(int(rest.split("-")[1]), seconds)
    else:
        facts = _streaming(int(rest), seconds, launched)
    facts["peak_memory_mb"] = _peak_memory_mb()
    print(json.dumps(facts))


def _streaming(sample_rate: int, seconds: float, launched: float) -> dict:
    import numpy as np

    import enhancer

    engine = enhancer.Enhancer(sample_rate)
    engine.process(np.zeros(sample_rate // 100, np.float32))
    start_s = time.time() - launched
    return {"start_s": start_s, **_time_frames(engine.process, sample_rate, seconds)}


def _offline(sample_rate: int, seconds: float) -> dict:
    import enhancer

    sound = noisy_sound(sample_rate, seconds)
    enhancer.denoise(sound[: 2 * sample_rate], sample_rate)  # the first call loads the model
    wall, cpu = time.perf_counter(), time.process_time()
    enhancer.denoise(sound, sample_rate)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"real_time_factor": wall / seconds, "cpu_factor": cpu / seconds}


def _peer(name: str, seconds: float, launched: float) -> dict:
    import numpy as np

    from benchmarks.peers import PEERS

    peer = PEERS[name]()
    peer.process(np.zeros(peer.hop, np.float32))
    start_s = time.time() - launched
    return {"title": peer.describe(), "start_s": start_s, **_time_frames(peer.process, peer.sample_rate, seconds)}


def _time_frames(process, sample_rate: int, seconds: float) -> dict:
    """Times every call on 10 ms frames of noisy speech, after one second that warms caches and states."""
    import numpy as np

    hop = sample_rate // 100
    frames = noisy_sound(sample_rate, seconds + 1).reshape(-1, hop)
    for frame in frames[:100]:
        process(frame)
    took = np.empty(len(frames) - 100)
    cpu = time.process_time()
    for i, frame in enumerate(frames[100:]):
        start = time.perf_counter()
        process(frame)
        took[i] = time.perf_counter() - start
    cpu = time.process_time() - cpu
    return {"frame_ms": (took * 1e3).round(5).tolist(), "cpu_factor": cpu / (len(took) * 0.01)}


def noisy_sound(sample_rate: int, seconds: float):
    """Noisy speech from the demo clips, float32 [n], repeated to the length asked for."""
    import numpy as np
    import soxr

    from benchmarks.clips import demo_clips

    parts = [soxr.resample(clip.noisy()[:, 0], clip.sample_rate, sample_rate) for clip in demo_clips()]
    return np.resize(np.concatenate(parts), round(seconds * 100) * (sample_rate // 100)).astype(np.float32)


def _peak_memory_mb() -> float:
    """Of this process alone: ru_maxrss, the portable figure, begins with that of the parent."""
    status = Path("/proc/self/status")
    if status.is_file():
        return int(status.read_text(encoding="ascii").split("VmHWM:")[1].split()[0]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    main()
