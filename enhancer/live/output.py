"""The way from the worker to one device: as fast as that device's clock, as late as it was asked to be.

A virtual microphone and the loudspeaker of a person who listens to themselves are two devices with a clock each: each
has a branch of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import ceil
from time import perf_counter

import numpy as np

from enhancer.live.clock import DeviceClock, FillController, LatencyMode
from enhancer.live.drift import DriftResampler
from enhancer.live.ring import Ring
from enhancer.live.splice import Cutter, Gap

ROOM_S = 1.0  # of the ring: a stall as long loses nothing
SURPLUS_S = 0.005  # more than this over the target, and for this long, is cut away rather than smoothed out
SURPLUS_FOR_S = 0.3
MAX_BLOCK_S = 0.1  # of enhanced sound at once


class OutputBranch:
    """Takes enhanced sound from the worker (`feed`), gives it to a device (`pull`).

    in_rate: of the enhanced sound, whose frames were counted by `source`, the microphone's clock. The latency that is
    held is from the microphone's frame to the device's: a block of the microphone, and the mode's slack.
    """

    def __init__(
        self,
        source: DeviceClock,
        sample_rate: int,
        channels: int,
        mode: LatencyMode,
        now: Callable[[], float] = perf_counter,
    ) -> None:
        self.clock = DeviceClock(sample_rate, now)
        self.underruns = 0
        self.cuts = 0  # times that a surplus was cut away
        self._source, self._mode, self._now = source, mode, now
        self._ring = Ring(round(ROOM_S * sample_rate), channels)
        self._resampler = DriftResampler(
            source.sample_rate, sample_rate, channels, round(MAX_BLOCK_S * source.sample_rate)
        )
        self._cutter = Cutter(sample_rate, channels)
        self._gap = Gap(sample_rate, channels)
        self._controller = FillController(mode.slack_s)
        self._starved = True  # waits until there is enough to go on with
        self._interrupted = False
        self._correction = 0.0
        self._taken = 0
        self._measured_at = now()
        self._recent: deque[tuple[float, float]] = deque()  # when, latency: over the last SURPLUS_FOR_S

    @property
    def target_s(self) -> float:
        """Latency that is held, in seconds: what cannot be avoided, and the mode's slack."""
        return self._source.block / self._source.sample_rate + self._mode.slack_s

    @property
    def latency_s(self) -> float:
        """Latency that was measured last, smoothed; the target before there is a measurement."""
        measured = self._controller.latency_s
        return self.target_s if measured is None else measured

    @property
    def drift_ppm(self) -> float:
        """By how much the microphone's clock runs faster than the device's, as far as it is known."""
        return 1e6 * self._controller.drift

    # --- the worker's side --------------------------------------------------------------------------------------

    def feed(self, sound: np.ndarray, taken: int) -> None:
        """Enhanced sound [frames, channels], made from the microphone's frames up to number `taken`."""
        resampled = self._resampler.push(sound, self._correction)
        self._ring.write(self._cutter.process(resampled))
        self._taken = taken
        if self._starved or self._cutter.busy:  # the latency is about to be another
            self._controller.forget_latency()
            self._recent.clear()
        else:
            self._control()

    def _control(self) -> None:
        now = self._now()
        waiting = self._ring.fill - self.clock.frames_since(now)
        latency = self._unheard_s(now) + waiting / self.clock.sample_rate
        elapsed, self._measured_at = now - self._measured_at, now
        self._controller.target_s = self.target_s
        self._correction = self._controller.update(latency, elapsed)
        self._recent.append((now, latency))
        if now - self._recent[0][0] < SURPLUS_FOR_S:
            return
        surplus = min(late for _, late in self._recent) - self.target_s
        self._recent.popleft()
        if surplus > SURPLUS_S and not self._cutter.busy:
            self._cutter.cut(round(surplus * self.clock.sample_rate))
            self.cuts += 1

    def _unheard_s(self, now: float) -> float:
        """Seconds of the microphone's sound that have not come here yet."""
        return (self._source.frames_at(now) - self._taken) / self._source.sample_rate

    def interrupt(self) -> None:
        """Falls silent in the device's next block; sound comes again when as much waits as shall wait.

        For a change of the microphone, or before the device is closed.
        """
        self._interrupted = True

    # --- the device's side --------------------------------------------------------------------------------------

    def pull(self, block: np.ndarray) -> None:
        """Fills `block` [frames, channels] for the device; called by its thread.

        What there is not is silence, without a click on either side; after that, sound comes again when as much waits
        as shall wait.
        """
        if self._interrupted:
            self._fall_silent(block)
        else:
            self._go_on(block)
        self.clock.tick(len(block))

    def _fall_silent(self, block: np.ndarray) -> None:
        self._interrupted = False
        count = 0 if self._starved else self._ring.read(block)
        self._gap.last_sound(block[:count])
        self._gap.fill(block[count:])
        self._ring.skip(self._ring.fill)
        self._starved = True

    def _go_on(self, block: np.ndarray) -> None:
        silent = self._silence_first(len(block)) if self._starved else 0
        self._gap.fill(block[:silent])
        self._starved = silent == len(block)
        if not self._starved:
            sound = block[silent:]
            count = self._ring.read(sound)
            self._gap.sound(sound[:count])
            if count < len(sound):
                self._gap.fill(sound[count:])
                self._starved = True
                self.underruns += 1

    def _silence_first(self, frames: int) -> int:
        """Of a block of so many frames, those to leave silent so that the latency is right when the sound returns."""
        fill = self._ring.fill
        missing = (self.target_s - self._unheard_s(self._now())) * self.clock.sample_rate - (fill - frames)
        silent = max(0, ceil(missing))
        return silent if frames - silent <= fill and silent < frames else frames
