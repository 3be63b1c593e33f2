"""Two devices, two clocks: how late the sound is between them, and what keeps that constant.

A device that says 48 kHz means 47,995 or 48,004. Between a microphone and a loudspeaker that difference gathers, a
millisecond in ten seconds at 100 ppm, until a buffer is empty or full. So the sound is resampled by the difference,
which a slow controller finds from the latency itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

MAX_CORRECTION = 300e-6  # crystals differ by less; as a change of pitch it is a two-hundredth of a semitone
SMOOTHING_S = 1.0  # of the measured latency: callbacks come unevenly
BLOCK_FORGETTING = 0.01  # a callback: the largest block is forgotten in about a second
SETTLING_S = 20.0  # a critically damped loop forgets an error in about three of these


class DeviceClock:
    """Counts the frames that a device has moved, between its callbacks too.

    A callback moves a block at once; the device moves frame by frame. Reckoning with the time since the last callback
    makes the count smooth, so that a slowly slipping phase of two devices' callbacks is no change of latency.
    """

    def __init__(self, sample_rate: int, now: Callable[[], float] = perf_counter) -> None:
        self.sample_rate, self._now = sample_rate, now
        self._last = (0, now())  # frames so far, when; replaced as a whole, so that another thread may read it
        self.block = 0.0  # frames of a callback: the largest of late, since servers cut as they please

    def tick(self, frames: int) -> None:
        """A callback has moved so many frames; to be called by the device's thread."""
        self.block = max(float(frames), self.block + BLOCK_FORGETTING * (frames - self.block))
        self._last = (self._last[0] + frames, self._now())

    def frames_at(self, now: float) -> float:
        """Frames moved until now, those of the next callback reckoned in as time goes."""
        return self._last[0] + self.frames_since(now)

    def frames_since(self, now: float) -> float:
        """Frames of the next callback that have passed by now: at most a block."""
        return min(max(0.0, (now - self._last[1]) * self.sample_rate), self.block)

    def idle_s(self, now: float) -> float:
        """Seconds since the last callback."""
        return now - self._last[1]


class FillController:
    """From the latency between two devices, the correction of the resampling ratio that brings it to its target.

    A proportional-integral loop, critically damped. The integral is the difference of the clocks, once settled.
    """

    def __init__(self, target_s: float) -> None:
        self.target_s = target_s
        self._proportional = 2.0 / SETTLING_S
        self._integral_gain = 1.0 / SETTLING_S**2
        self.drift = 0.0  # by how much the first clock is faster, once settled
        self.latency_s: float | None = None  # smoothed

    def forget_latency(self) -> None:
        """After a gap or a cut the latency is another; the clocks are the same."""
        self.latency_s = None

    def update(self, latency_s: float, elapsed_s: float) -> float:
        """Takes a measurement, `elapsed_s` after the one before; returns the correction, within +-300e-6.

        A positive correction shortens the sound, by that share.
        """
        if self.latency_s is None:
            self.latency_s, elapsed_s = latency_s, 0.0
        self.latency_s += min(1.0, elapsed_s / SMOOTHING_S) * (latency_s - self.latency_s)
        error = self.latency_s - self.target_s
        wanted = self._proportional * error + self.drift
        if abs(wanted) < MAX_CORRECTION:  # beyond the bound the integral would only wind up
            self.drift = _bounded(self.drift + self._integral_gain * error * elapsed_s)
        return _bounded(wanted)


def _bounded(correction: float) -> float:
    return min(MAX_CORRECTION, max(-MAX_CORRECTION, correction))


@dataclass(frozen=True)
class LatencyMode:
    """slack_s: what waits between the devices beyond a block of the microphone; device_s: asked of either device."""

    name: str
    slack_s: float
    device_s: float


MODES = {
    mode.name: mode
    for mode in (
        LatencyMode("low", slack_s=0.005, device_s=0.020),
        LatencyMode("normal", slack_s=0.015, device_s=0.040),
        LatencyMode("safe", slack_s=0.050, device_s=0.080),
    )
}
