"""Two devices with clocks of their own, in simulated time: hours of live sound in minutes, stalls on demand."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from enhancer.live.output import OutputBranch
from enhancer.live.pipeline import Pipeline

WORK_S = 0.001  # from the microphone's callback to the end of the worker's pass
CAPTURE, PLAY, WORK = range(3)  # what happens


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

    def callbacks(self, kind: int, rng: np.random.Generator) -> Iterator[tuple[float, int, int]]:
        """Its callbacks: when, `kind`, and the first frame; frames are counted from 0, lost ones too."""
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
            yield last, kind, (number - 1) * self.block


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

    sound(start, count) is what the microphone hears, [count, channels]; of a stall that loses sound it is not asked.
    heard(time, block) is told what is played.
    """
    rng = np.random.default_rng(1)
    captures, plays = microphone.callbacks(CAPTURE, rng), loudspeaker.callbacks(PLAY, rng)
    events = [next(captures), next(plays)]
    heapq.heapify(events)
    out = np.empty((loudspeaker.block, pipeline.enhancer.channels), np.float32)
    while events[0][0] < seconds:
        time.now, kind, first = events[0]
        if kind == CAPTURE:
            pipeline.receive(sound(first, microphone.block))
            heapq.heapreplace(events, next(captures))
            heapq.heappush(events, (time.now + WORK_S, WORK, 0))
        elif kind == PLAY:
            branch.pull(out)
            heard(time.now, out)
            heapq.heapreplace(events, next(plays))
        else:
            heapq.heappop(events)
            pipeline.work()
