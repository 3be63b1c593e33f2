"""How late sound comes through a running engine: played to its microphone, found again in its virtual microphone.

What plays and records has buffers of its own. They are the same on one plain null sink, so its loop is measured as well
and taken off; what is left is what the engine adds for a call program.

Threads: the two streams' own, which copy and note the time. Everything else is the caller's.
"""

from __future__ import annotations

import math
import time
from collections import deque
from types import TracebackType

import numpy as np

from enhancer.live.backend import Backend, StreamSpec

RATE = 48_000
ASKED_S = 0.1  # of the probe's own streams: they bear a busy machine
PIECE_S = 2.0  # of what came back, looked for in what was played; with less there may be no speech in it
LONGEST_S = 1.0  # latency that is looked for
ALIKE = 0.3  # correlation of what came back with what was played, at the least, to be the same sound
_BLOCKS = round(2 * (PIECE_S + LONGEST_S) * 400)  # whose times are kept: servers ask for 2.5 ms at the least


class Probe:
    """Plays a sound into a sink over and over, records a source, and knows how late the one comes in the other.

    sound: float32 [samples] at 48 kHz, 4 s or more, nowhere like itself, as speech is. Begins with the constructor,
    ends with the `with`. Raises DeviceError.
    """

    def __init__(self, backend: Backend, sink: str, source: str, sound: np.ndarray) -> None:
        self._sound = sound
        self._player, self._recorder = _Side(), _Side()
        self._memory = np.zeros(round(2 * PIECE_S * RATE), np.float32)
        asked = {"sample_rate": RATE, "channels": 1, "hop": RATE // 100, "latency_s": ASKED_S}
        self._input = backend.open_input(StreamSpec(device=source, **asked), self._record)
        self._output = backend.open_output(StreamSpec(device=sink, **asked), self._play)
        self._input.start()
        self._output.start()

    def __enter__(self) -> Probe:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._output.close()
        self._input.close()

    @property
    def xruns(self) -> int:
        """The probe's own: after one, what it measures is not what it was calibrated for."""
        return self._input.xruns + self._output.xruns

    def latency_s(self) -> float:
        """From handing a sample over to getting it back, over the last 2 s; NaN if the sound is not in there."""
        count, reach = round(PIECE_S * RATE), round(LONGEST_S * RATE)
        first = self._recorder.frames - count
        if first < 0:
            return math.nan
        piece = self._memory.take(np.arange(first, first + count), mode="wrap")
        ahead_s = self._recorder.began_s() - self._player.began_s()
        newest = first + round(ahead_s * RATE)  # what was handed over as the piece began to come
        past = self._sound.take(np.arange(newest - reach, newest + count), mode="wrap")
        place = _place(piece, past)
        return math.nan if place is None else (reach - place) / RATE + ahead_s - round(ahead_s * RATE) / RATE

    def _play(self, block: np.ndarray) -> None:
        first = self._player.moved(len(block))
        block[:, 0] = self._sound.take(np.arange(first, first + len(block)), mode="wrap")

    def _record(self, block: np.ndarray) -> None:
        first = self._recorder.frames
        self._memory.put(np.arange(first, first + len(block)), block[:, 0], mode="wrap")
        self._recorder.moved(len(block))


class _Side:
    """Which frames were moved when."""

    def __init__(self) -> None:
        self.frames = 0
        self._blocks: deque[tuple[int, float]] = deque(maxlen=_BLOCKS)

    def moved(self, frames: int) -> int:
        """A block is moved now; returns its first frame."""
        first = self.frames
        self._blocks.append((first, time.perf_counter()))
        self.frames += frames
        return first

    def began_s(self) -> float:
        """When frame 0 was moved, by the clock of the last 2 s; blocks come at once, sound does not: the median."""
        frames, times = np.array(list(self._blocks.copy())).T
        late = times > times[-1] - PIECE_S
        return float(np.median(times[late] - frames[late] / RATE))


def _place(piece: np.ndarray, sound: np.ndarray) -> int | None:
    """Where in a longer sound the piece is from; None if it is not."""
    size = 1 << len(sound).bit_length()
    match = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(piece, size)), size)
    place = int(np.argmax(match[: len(sound) - len(piece) + 1]))
    norm = np.linalg.norm(piece) * np.linalg.norm(sound[place : place + len(piece)])
    return place if norm and match[place] > ALIKE * norm else None
