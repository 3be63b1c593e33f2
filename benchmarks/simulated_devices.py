"""Two devices with clocks of their own, in simulated time: hours of live sound in minutes, stalls on demand."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from enhancer.live.output import OutputBranch
from enhancer.live.pipeline import Pipeline

WORK_S = 0.001  # from the microphone's callback to the end of the worker's pass


class SimulatedTime:
    """What `perf_counter` is to a real run."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Device:
    """A device whose clock is off by `ppm`, with blocks of `block` frames whose callbacks come up to `jitter_s` late.

    stalls: (from, to) in seconds, in which no callback comes; what it missed comes at once behind a stall if `backlog`,
    or is lost.
    """

    sample_rate: int
    block: int
    ppm: float = 0.0
    jitter_s: float = 0.0
    stalls: tuple[tuple[float, float], ...] = ()
    backlog: bool = False

    def callbacks(self, rng: np.random.Generator) -> Iterator[float]:
        """Times of its callbacks."""
        period = self.block / (self.sample_rate * (1.0 + 1e-6 * self.ppm))
        number, last = 0, 0.0
        while True:
            number += 1
            due = number * period
            for begin, end in self.stalls:
                if begin <= due < end:
                    due = end if self.backlog else -1.0
            if due < 0:
                continue
            last = max(last, due + self.jitter_s * rng.random())
            yield last


def simulate(
    time: SimulatedTime,
    pipeline: Pipeline,
    branch: OutputBranch,
    microphone: Device,
    loudspeaker: Device,
    seconds: float,
    sound: Callable[[int, int], np.ndarray],
    heard: Callable[[float, np.ndarray], None],
) -> None:
    """Runs a pipeline with one branch between two devices.

    sound(start, count) is what the microphone hears, [count, channels]; heard(time, block) is told what is played.
    """
    rng = np.random.default_rng(1)
    captures, plays = microphone.callbacks(rng), loudspeaker.callbacks(rng)
    events = [(next(captures), 0), (next(plays), 1)]
    heapq.heapify(events)
    captured, out = 0, np.empty((loudspeaker.block, 1), np.float32)
    while events[0][0] < seconds:
        time.now, kind = events[0]
        if kind == 0:
            pipeline.receive(sound(captured, microphone.block))
            captured += microphone.block
            heapq.heapreplace(events, (next(captures), 0))
            heapq.heappush(events, (time.now + WORK_S, 2))
        elif kind == 1:
            branch.pull(out)
            heard(time.now, out)
            heapq.heapreplace(events, (next(plays), 1))
        else:
            heapq.heappop(events)
            pipeline.work()
