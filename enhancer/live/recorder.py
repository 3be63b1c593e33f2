"""Records what is heard and what is passed on, side by side, without the worker ever waiting for a disk."""

from __future__ import annotations

import contextlib
import queue
import threading
from pathlib import Path

import numpy as np
import soundfile

from enhancer.errors import OutputError
from enhancer.live.recording_paths import unused_paths

BEHIND_S = 10.0  # a disk that is further behind than this will not catch up


class Recorder:
    """Two FLAC files of 24 bits, TIME-noisy.flac and TIME-clean.flac, sample by sample aligned, from now to `close`.

    FLAC rather than WAV: what was written is readable also when nobody could close the file. A disk that is full or too
    slow ends the recording, with `error`, and nothing else; what was recorded so far stays.
    """

    def __init__(self, folder: Path, sample_rate: int, channels: int, delay: int) -> None:
        """delay: samples by which the enhanced side is later, left out of its beginning.

        Raises OutputError when nothing can be written there.
        """
        self.error = ""
        self._delay = delay
        self._queue: queue.SimpleQueue[tuple[np.ndarray, np.ndarray] | None] = queue.SimpleQueue()
        self._most = round(BEHIND_S * 100)
        self.paths = unused_paths(folder, ".flac")
        self._files: list[soundfile.SoundFile] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path in self.paths:
                self._files.append(
                    soundfile.SoundFile(path, "x", sample_rate, channels, subtype="PCM_24", format="FLAC")
                )
        except (OSError, soundfile.SoundFileError) as error:
            self._close_files()
            raise OutputError(f"cannot record into {folder}: {_reason(error)}", "choose another folder") from error
        self._thread = threading.Thread(target=self._write, name="recorder", daemon=True)
        self._thread.start()

    def hear(self, heard: np.ndarray, passed: np.ndarray) -> None:
        """A hop of both sides [frames, channels]; by the worker."""
        if self.error:
            return
        if self._queue.qsize() > self._most:
            self.error = "the disk is too slow"
            return
        self._queue.put((heard.copy(), passed.copy()))

    def close(self) -> None:
        """Writes what is still waiting."""
        self._queue.put(None)
        self._thread.join(5.0)

    def _write(self) -> None:
        try:
            while (hops := self._queue.get()) is not None:
                heard, passed = hops
                skipped = min(self._delay, len(passed))
                self._delay -= skipped
                self._files[0].write(heard)
                self._files[1].write(passed[skipped:])
        except (OSError, soundfile.SoundFileError, AssertionError) as error:
            self.error = _reason(error)
        self._close_files()

    def _close_files(self) -> None:
        for file in self._files:
            with contextlib.suppress(OSError, soundfile.SoundFileError):
                file.close()


def _reason(error: BaseException) -> str:
    """Why, in a few words: libsndfile's messages name the file again."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).rstrip(".")
    return text.split(": ")[-1] or "the disk is full"
