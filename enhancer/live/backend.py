"""The interface between sound streams and the pipeline: what a backend must offer.

A stream calls its sink or source from a thread of the backend. Whoever implements those two only copies between
preallocated arrays there: they never block, allocate much, log or raise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class InputSink(Protocol):
    """The pipeline's side of a microphone."""

    def __call__(self, block: np.ndarray) -> None:
        """Takes what was recorded: float32 [frames, channels], any number of frames, valid during the call only."""


class OutputSource(Protocol):
    """The pipeline's side of a loudspeaker."""

    def __call__(self, block: np.ndarray) -> None:
        """Fills float32 [frames, channels], all of it, any number of frames; what is not known yet is zero."""


@dataclass(frozen=True)
class StreamSpec:
    """What is asked for.

    device: the sound server's name of a source or sink, elsewhere than on Linux PortAudio's name of a device; None is
    the system's default, and the system may then move the stream along when the default changes.
    hop: the frames that are wished for at a time; latency_s: device and server together, asked for, not promised.
    """

    device: str | None
    sample_rate: int
    channels: int
    hop: int
    latency_s: float


class Stream(Protocol):
    """An open device: stopped at first, started and stopped any number of times, closed once.

    Nothing but `start` raises once it is open: a device or a server that goes away makes `alive` False and `error` say
    why in one line. After `stop` has returned the sink or source is not called again until `start`.
    """

    def start(self) -> None:
        """Begins to call the sink or source. Raises DeviceError when the stream is dead."""

    def stop(self) -> None:
        """Stops within a second, also when the server is gone; what waits in the device's buffer is thrown away."""

    def close(self) -> None:
        """Gives the device back within a second, also when the server is gone; further calls do nothing."""

    @property
    def sample_rate(self) -> int:
        """What was opened, Hz: PortAudio may give another rate than was asked for."""

    @property
    def latency_s(self) -> float:
        """From the microphone to the sink, or from the source to the loudspeaker, as reported now; what was asked for
        until sound flows. That of a monitor may be negative: it has the sound before its output plays it."""

    @property
    def xruns(self) -> int:
        """Underflows or overflows since it was opened."""

    @property
    def alive(self) -> bool:
        """False once it is closed, or when the device or the server is gone."""

    @property
    def error(self) -> str:
        """Why it died, one line; empty while it lives or when it was closed."""


class Backend(Protocol):
    """A way to sound. `open_*` raise DeviceError, naming the device, when it cannot be opened."""

    name: str

    def open_input(self, spec: StreamSpec, sink: InputSink) -> Stream: ...

    def open_output(self, spec: StreamSpec, source: OutputSource) -> Stream: ...
