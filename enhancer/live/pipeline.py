"""From the microphone's callback through the `Enhancer` to the devices' callbacks, by one worker.

    callback --> ring --> worker: Enhancer --> branch: resampler, ring --> callback

Callbacks only copy. The worker takes hops of 10 ms as they fill. When it cannot keep up, it passes the sound on as it
is, as late as ever, and tries again after a while: late sound would pile up instead.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from enhancer.engine import Enhancer
from enhancer.live.clock import DeviceClock
from enhancer.live.output import OutputBranch
from enhancer.live.ring import Ring
from enhancer.live.splice import Gap
from enhancer.live.wake import Wake

ROOM_S = 1.0
OVERLOAD_S = 0.2  # of sound whose processing took longer than it lasts
RETRY_S = 5.0  # of relief after an overload
SILENT_S = 2.0  # of exact zeros: a muted microphone, or one that is no longer there
TIMES = 1000  # frames that the times of a frame are kept of: 10 s
Listener = Callable[[np.ndarray, np.ndarray], None]


@dataclass(frozen=True)
class FrameTimes:
    """Milliseconds of computing per 10 ms of sound, over the last 10 s."""

    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0


class Pipeline:
    """Sound from one microphone (`receive`) to branches, enhanced on the way.

    enhancer: at the microphone's rate, its block size promised as a hop. listeners: called by the worker with each hop
    as heard and as passed on, [frames, channels], to be copied within the call (recorder, spectra).
    """

    def __init__(
        self,
        enhancer: Enhancer,
        branches: Callable[[DeviceClock], Sequence[OutputBranch]],
        listeners: Sequence[Listener] = (),
        now: Callable[[], float] = perf_counter,
    ) -> None:
        rate, channels = enhancer.sample_rate, enhancer.channels
        self.enhancer = enhancer
        self.clock = DeviceClock(rate, now)
        self.branches = branches(self.clock)
        self.overruns = 0
        self.overloads = 0
        self._listeners, self._now = listeners, now
        self._hop = np.empty((rate // 100, channels), np.float32)
        self._ring = Ring(round(ROOM_S * rate), channels)
        self.bug: Exception | None = None  # that ended the worker
        self._gap = Gap(rate, channels)  # between two microphones
        self._wake = Wake()
        self._thread: threading.Thread | None = None
        self._bypass = False
        self._times = np.zeros(TIMES, np.float32)
        self._hops = 0
        self._busy: deque[float] = deque(maxlen=round(OVERLOAD_S * 100))
        self._retry_at: float | None = None
        self._zeros = 0

    # --- the microphone's side ----------------------------------------------------------------------------------

    def receive(self, block: np.ndarray) -> None:
        """A block [frames, channels] from the microphone; called by its thread."""
        if self._gap.open:
            block = block.copy()  # it is the microphone's
        self._gap.sound(block)
        self._take(block)

    def change_microphone(self) -> None:
        """After the last block of one and before the first of another: 10 ms in which the old one's sound falls."""
        fall = np.empty_like(self._hop)
        self._gap.fill(fall)
        self._take(fall)

    def _take(self, block: np.ndarray) -> None:
        if self._ring.write(block) < len(block):
            self.overruns += 1
        self.clock.tick(len(block))
        if self._ring.fill >= len(self._hop):  # servers may give sound a few milliseconds at a time
            self._wake.up()

    # --- the owner's side ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to work."""
        self._running = True
        self._thread = threading.Thread(target=self._run, name="enhancer-worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the worker; the rings keep what they hold."""
        self._running = False
        self._wake.up()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def bypass(self) -> bool:
        """True: sound passes as it is, equally late."""
        return self._bypass

    @bypass.setter
    def bypass(self, value: bool) -> None:
        self._bypass = value
        self.enhancer.bypass = value or self.overloaded

    @property
    def overloaded(self) -> bool:
        """The machine is too slow at the moment: sound passes as it is until the next trial."""
        return self._retry_at is not None

    @property
    def muted(self) -> bool:
        """The microphone has given nothing but exact zeros for 2 s."""
        return self._zeros >= round(SILENT_S * 100)

    @property
    def frame_times(self) -> FrameTimes:
        """How long a frame takes."""
        times = self._times[: min(self._hops, TIMES)]
        if not len(times):
            return FrameTimes()
        p50, p99 = np.percentile(times, (50, 99))
        return FrameTimes(float(p50), float(p99), float(times.max()))

    # --- the worker ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._running:
                self.work()
                self._wake.wait()
        except Exception as bug:
            self.bug = bug

    def work(self) -> int:
        """Passes on all hops that are complete; returns their number."""
        done = 0
        while self._ring.fill >= len(self._hop):
            self._pass_on()
            done += 1
        return done

    def _pass_on(self) -> None:
        hop = self._hop
        self._ring.read(hop)
        began = self._now()
        self._zeros = 0 if hop.any() else self._zeros + 1
        sound = self.enhancer.process(hop)
        for branch in self.branches:
            branch.feed(sound, self._ring.taken)
        for listener in self._listeners:
            listener(hop, sound)
        took = self._now() - began
        self._times[self._hops % TIMES] = 1e3 * took
        self._hops += 1
        self._watch_load(took)

    def _watch_load(self, took: float) -> None:
        """Falls back to passing sound on when 200 ms of it took longer than that; tries again after 5 s."""
        if self._retry_at is not None:
            if self._now() >= self._retry_at:
                self._retry_at = None
                self.enhancer.bypass = self._bypass
            return
        self._busy.append(took)
        if len(self._busy) == self._busy.maxlen and sum(self._busy) > OVERLOAD_S:
            self._busy.clear()
            self._retry_at = self._now() + RETRY_S
            self.overloads += 1
            self.enhancer.rest()
