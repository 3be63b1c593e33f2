"""One loop through a sound server: noise to a null sink and back from its monitor; what came back, and how late.

`python -m benchmarks.live_loopback BACKEND ASKED_MS SECONDS SINK` runs one and prints it as JSON; the server is that
of the environment. A process of its own: PortAudio lists devices once, and the CPU time is the loop's alone.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from enhancer.live.backend import Backend, StreamSpec
from enhancer.live.portaudio import PortAudioBackend
from enhancer.live.pulse_streams import PulseBackend

BACKENDS: dict[str, Callable[[], Backend]] = {"PortAudio": PortAudioBackend, "libpulse": PulseBackend}
RATE = 48_000
HOP = 480
SETTLE_S = 2.0  # not judged: servers shrink their buffers over the first second
SEARCH = RATE // 2  # how far, in samples, a gap may have displaced what follows
TOLERANCE = 0.05  # of the noise's root mean square: 16 bits and a turned-down sink round by 0.01


@dataclass(frozen=True)
class Loopback:
    """latency: from handing a sample over to getting it back. reported: the streams' own latencies together.

    gaps: places where what came back does not go on as what was played. xruns: what the streams counted meanwhile.
    """

    latency_p50_ms: float
    latency_max_ms: float
    reported_ms: float
    gaps: int
    xruns: int
    cpu_percent: float


class _Player:
    def __init__(self, noise: np.ndarray) -> None:
        self.noise = noise
        self.position = 0
        self.blocks: list[tuple[float, int]] = []  # (time, first sample)

    def __call__(self, block: np.ndarray) -> None:
        self.blocks.append((time.perf_counter(), self.position))
        part = self.noise[self.position : self.position + len(block)]
        block[: len(part), 0] = part
        block[len(part) :] = 0.0
        self.position += len(block)


class _Recorder:
    def __init__(self, capacity: int) -> None:
        self.sound = np.zeros(capacity, np.float32)
        self.position = 0
        self.blocks: list[tuple[float, int]] = []

    def __call__(self, block: np.ndarray) -> None:
        self.blocks.append((time.perf_counter(), self.position))
        part = self.sound[self.position : self.position + len(block)]
        part[:] = block[: len(part), 0]
        self.position += len(block)


def run(backend: Backend, asked_s: float, seconds: float, sink: str, settle_s: float = SETTLE_S) -> Loopback:
    """Plays to `sink` and records its monitor, with `asked_s` asked of either, for so many seconds after settling."""
    total = round((seconds + settle_s + 1.0) * RATE)
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, total).astype(np.float32)
    player, recorder = _Player(noise), _Recorder(2 * total)
    spec = {"sample_rate": RATE, "channels": 1, "hop": HOP, "latency_s": asked_s}
    output = backend.open_output(StreamSpec(device=sink, **spec), player)
    input_ = backend.open_input(StreamSpec(device=f"{sink}.monitor", **spec), recorder)
    reported: list[float] = []
    output.start()
    input_.start()
    time.sleep(settle_s)
    xruns, cpu, began, first = output.xruns + input_.xruns, time.process_time(), time.perf_counter(), recorder.position
    while time.perf_counter() - began < seconds:
        time.sleep(0.1)
        reported.append(output.latency_s + input_.latency_s)
    cpu_percent = 100.0 * (time.process_time() - cpu) / seconds
    xruns = output.xruns + input_.xruns - xruns
    last = recorder.position
    output.close()
    input_.close()
    latencies, gaps = _compare(player, recorder, first, last)
    if not len(latencies):
        raise RuntimeError(f"nothing of what was played into {sink} came back")
    return Loopback(
        latency_p50_ms=1e3 * float(np.median(latencies)),
        latency_max_ms=1e3 * float(np.max(latencies)),
        reported_ms=1e3 * float(np.median(reported)),
        gaps=gaps,
        xruns=xruns,
        cpu_percent=cpu_percent,
    )


def _compare(player: _Player, recorder: _Recorder, first: int, last: int) -> tuple[np.ndarray, int]:
    """(latency in seconds of every 10 ms that came back whole, number of gaps)."""
    played_at, played_from = (np.array(column) for column in zip(*player.blocks, strict=True))
    taken_at, taken_from = (np.array(column) for column in zip(*recorder.blocks, strict=True))
    latencies: list[float] = []
    gaps, whole = 0, True
    lag: int | None = None  # a sample's place in the recording less its place in the noise
    for start in range(first, last - HOP, HOP):
        block = recorder.sound[start : start + HOP]
        if lag is None or not _same(block, player.noise, start - lag):
            gaps += whole and lag is not None  # one that spans blocks counts once
            place = _find(block, player.noise, None if lag is None else start - lag)
            whole = place is not None
            if place is None:
                continue
            lag = start - place
        whole = True
        middle = start + HOP // 2
        arrived = taken_at[np.searchsorted(taken_from, middle, side="right") - 1]
        handed = played_at[np.searchsorted(played_from, middle - lag, side="right") - 1]
        latencies.append(arrived - handed)
    return np.array(latencies), gaps


def _same(block: np.ndarray, noise: np.ndarray, place: int) -> bool:
    """Whether the block is the noise from there, at whatever volume the server plays it."""
    part = noise[place : place + len(block)] if place >= 0 else noise[:0]
    if len(part) < len(block):
        return False
    volume = float(part @ block) / float(part @ part)
    return volume > 0.0 and bool(np.abs(block / volume - part).max() < TOLERANCE * np.sqrt(np.mean(part**2)))


def _find(block: np.ndarray, noise: np.ndarray, near: int | None) -> int | None:
    """Where in the noise the block is from, or None."""
    low = 0 if near is None else max(0, near - SEARCH)
    part = noise[low:] if near is None else noise[low : near + SEARCH]
    if len(part) < len(block):
        return None
    size = 1 << (len(part) + len(block)).bit_length()
    match = np.fft.irfft(np.fft.rfft(part, size) * np.conj(np.fft.rfft(block, size)), size)[: len(part)]
    place = low + int(np.argmax(match))
    return place if _same(block, noise, place) else None


if __name__ == "__main__":
    name, asked_ms, seconds, sink = sys.argv[1:]
    print(json.dumps(asdict(run(BACKENDS[name](), float(asked_ms) / 1e3, float(seconds), sink))))
