"""What the engine shows while it runs, in a small memory-mapped file: written by one, read by any, without locks.

The file holds two sets of values. The writer fills them by turns and then says which is the newer, so that a whole one
is there at every moment, also when the writer is killed. A reader that was overtaken finds the checksum wrong and looks
again (so it does where processors show writes in another order); one that hangs or dies never holds up the sound.

Readers leave the time of their last look in the file: the writer spares itself what nobody looks at.

Time is that of `time.monotonic`, which all processes of a machine share and which stands still while it is suspended.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import zlib
from dataclasses import dataclass, field, fields
from operator import attrgetter
from pathlib import Path
from time import monotonic
from types import TracebackType

import numpy as np

from enhancer.live.errors import EngineError, NotRunning
from enhancer.live.instance import process_exists
from enhancer.live.protocol import EngineState

VERSION = 2
BANDS = 128
SILENCE_DB = -120.0
DEAD_S = 2.0  # without a heartbeat; the engine publishes at least once a second, asleep as well
WATCHED_S = 1.0  # after its last look, a reader is taken to look no more
FILE_SIZE = 4096  # in every version: a file that shrank under a reader's map would kill the reader

_MAGIC = b"enhancer"
_STATES = tuple(EngineState)
_TRIES = 1000  # of a reader: each fails only if the writer publishes twice within microseconds


def _silent_spectrum() -> np.ndarray:
    return np.full(BANDS, SILENCE_DB, np.float32)


@dataclass(frozen=True, eq=False)
class Meters:
    """A snapshot of a running engine. Levels are dBFS over all channels, -120 at the least.

    gain_reduction_db, snr_db, speech_presence (0..1): as `enhancer.Stats` has them, the SNR as estimated from the mask.
    input_spectrum_db, output_spectrum_db: float32 [128], from low to high; silent until a reader asks for spectra.
    frames: of 10 ms, since the start.
    frame_*_ms: computing time of one, over the last 10 s. input_xruns, output_xruns: since the start. drift_ppm: by how
    much the output's clock is faster than the input's. latency_*_ms: the parts of the way from sound to sound; that of
    buffers is what waits between the two devices. readers: how many record from the virtual microphone. cpu_share: 1 is
    one core.
    """

    state: EngineState = EngineState.STOPPED
    input_rms_dbfs: float = SILENCE_DB
    input_peak_dbfs: float = SILENCE_DB
    output_rms_dbfs: float = SILENCE_DB
    output_peak_dbfs: float = SILENCE_DB
    gain_reduction_db: float = 0.0
    snr_db: float = 0.0
    speech_presence: float = 0.0
    input_spectrum_db: np.ndarray = field(default_factory=_silent_spectrum)
    output_spectrum_db: np.ndarray = field(default_factory=_silent_spectrum)
    frames: int = 0
    frame_p50_ms: float = 0.0
    frame_p99_ms: float = 0.0
    frame_max_ms: float = 0.0
    input_xruns: int = 0
    output_xruns: int = 0
    drift_ppm: float = 0.0
    latency_algorithm_ms: float = 0.0
    latency_buffers_ms: float = 0.0
    latency_input_device_ms: float = 0.0
    latency_output_device_ms: float = 0.0
    readers: int = 0
    cpu_share: float = 0.0

    @property
    def xruns(self) -> int:
        """Blocks lost since the start, on either side."""
        return self.input_xruns + self.output_xruns

    @property
    def latency_ms(self) -> float:
        """From sound to sound."""
        return (
            self.latency_algorithm_ms
            + self.latency_buffers_ms
            + self.latency_input_device_ms
            + self.latency_output_device_ms
        )


_HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),
        ("pid", "<u4"),
        ("heartbeat_s", "<f8"),  # of the last publish; 0 after the writer's end
        ("sequence", "<u8"),  # of publications: set 0 is the newer if even, else set 1
        ("read_s", "<f8"),  # when a reader has looked last; its
        ("spectra_read_s", "<f8"),  # when one has looked at the spectra
    ]
)
_KINDS = {"EngineState": "<u4", "int": "<u8", "float": "<f8", "np.ndarray": ("<f4", (BANDS,))}  # as annotated above
_VALUES = np.dtype([(each.name, _KINDS[str(each.type)]) for each in fields(Meters)])
_NAMES = _VALUES.names or ()
_SET = np.dtype([("values", _VALUES), ("checksum", "<u4")])  # CRC-32
_SETS = tuple(slice(start, start + _SET.itemsize) for start in (1024, 2560))
_values_of = attrgetter(*_NAMES)


class MeterWriter:
    """The engine's side. One writer a file: whoever holds the runtime folder's InstanceLock."""

    def __init__(self, path: Path) -> None:
        """Takes the file over from an engine that was killed, so that whoever watched that one sees this one.

        Raises EngineError if it cannot be written.
        """
        self._path = path
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                if os.fstat(descriptor).st_size < FILE_SIZE:
                    # Written, not only lengthened: on a full disk this fails here, not as a SIGBUS at the first value.
                    file.write(bytes(FILE_SIZE))
                    file.flush()
                self._map = mmap.mmap(descriptor, FILE_SIZE)
        except OSError as error:
            raise EngineError(f"cannot write the meters {path}: {error.strerror}") from error
        self._header = np.frombuffer(self._map, _HEADER, 1)
        self._sequence = int(self._header["sequence"][0])
        self._header["version"] = VERSION
        self._header["pid"] = os.getpid()
        self._set = np.zeros(1, _SET)
        self._bytes = self._set.view(np.uint8).data
        self.publish(Meters())
        self._header["magic"] = _MAGIC

    def publish(self, meters: Meters) -> None:
        """Shows these values, and that the engine lives."""
        state, *others = _values_of(meters)
        self._set["values"][0] = (_STATES.index(state), *others)
        self._set["checksum"] = zlib.crc32(self._bytes[: _VALUES.itemsize])
        self._sequence += 1
        self._map[_SETS[self._sequence % 2]] = self._bytes
        self._header["sequence"] = self._sequence
        self._header["heartbeat_s"] = monotonic()

    @property
    def watched(self) -> bool:
        """Whether anybody has looked within the last second."""
        return 0.0 <= monotonic() - float(self._header["read_s"][0]) < WATCHED_S

    @property
    def spectra_watched(self) -> bool:
        """Whether anybody has looked at the spectra within the last second."""
        return 0.0 <= monotonic() - float(self._header["spectra_read_s"][0]) < WATCHED_S

    def close(self) -> None:
        """Tells the readers that this is the end, and removes the file."""
        self._header["heartbeat_s"] = 0.0
        del self._header  # a map cannot be closed under an array
        self._map.close()
        with contextlib.suppress(OSError):  # gone already; on Windows, a reader still has it open
            self._path.unlink()

    def __enter__(self) -> MeterWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class MeterReader:
    """A watcher's side: any number of them, in any process of the same user."""

    def __init__(self, path: Path) -> None:
        """Raises NotRunning if there is no such file, EngineError if it is another user's or of another version."""
        try:
            with open(path, "r+b") as file:
                self._map = mmap.mmap(file.fileno(), FILE_SIZE)
        except FileNotFoundError as error:
            raise NotRunning from error
        except PermissionError as error:
            raise EngineError(f"{path} belongs to another user", "run as the user who started the engine") from error
        except (ValueError, OSError) as error:  # shorter than it must be
            raise EngineError(f"{path} holds no meters of an engine: {error}") from error
        self._header = np.frombuffer(self._map, _HEADER, 1)
        magic, version = self._header["magic"][0], int(self._header["version"][0])
        if magic != _MAGIC or version != VERSION:
            self.close()
            if magic != _MAGIC:
                raise EngineError(f"{path} holds no meters of an engine")
            raise EngineError(
                f"the engine's meters are of version {version}, this program reads version {VERSION}",
                "end the engine and start it again",
            )

    def read(self, *, spectra: bool = False) -> Meters:
        """What the engine published last; never values of two moments. Raises EngineError if the file is damaged.

        spectra: has the engine go on with them for another second.
        """
        self._header["read_s"] = monotonic()
        if spectra:
            self._header["spectra_read_s"] = monotonic()
        for _ in range(_TRIES):
            sequence = int(self._header["sequence"][0])
            values = _unpack(self._map[_SETS[sequence % 2]])
            if values is not None:
                return values
        raise EngineError("the meters of the engine are damaged", "start it again: enhancer live")

    @property
    def alive(self) -> bool:
        """Whether the writer has published within the last 2 s and its process exists."""
        age = monotonic() - float(self._header["heartbeat_s"][0])
        # A heartbeat ahead of the clock was left by an engine before the machine was started again.
        return -DEAD_S < age < DEAD_S and process_exists(int(self._header["pid"][0]))

    def close(self) -> None:
        """Lets go of the file."""
        del self._header
        self._map.close()

    def __enter__(self) -> MeterReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _unpack(data: bytes) -> Meters | None:
    """The values of a set; None if it was changed in the middle of being copied."""
    (state, *others), checksum = np.frombuffer(data, _SET, 1)[0].item()
    return Meters(_STATES[state], *others) if zlib.crc32(data[: _VALUES.itemsize]) == checksum else None
