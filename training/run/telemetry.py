"""What a run says of itself: JSON lines, and TensorBoard's event files where that package is installed.

`log.jsonl` is the record (commands read it again); the event files hold the same numbers as curves, and sounds.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

LOG = "log.jsonl"
SOUND_RATE = 16_000  # of what TensorBoard plays


class RunLog:
    """The log of one run, in its folder; goes on with what is there.

    A disk that is full, or TensorBoard missing, is said once on stderr and never ends a run.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        """`step`: where the run stands; curves of an earlier part that went beyond it are taken back."""
        self.path = folder / LOG
        self._file = self.path.open("a", buffering=1, encoding="utf-8")
        self._curves = _event_files(folder, step)
        self._warned: set[str] = set()

    def write(self, step: int, facts: Mapping[str, Any], **groups: Mapping[str, float]) -> None:
        """One line: the step, plain facts of the run, and groups of numbers ("train", "validation") with their own.

        It is printed too. In TensorBoard a number of a group is the curve "group/name", a fact "run/name".
        """
        line = json.dumps({"step": step, **facts, **groups})
        try:
            self._file.write(line + "\n")
        except OSError as error:
            self.warn(f"cannot write {self.path}: {error}")
        print(line, flush=True)
        curves = {f"run/{name}": value for name, value in facts.items() if isinstance(value, (int, float))}
        for group, numbers in groups.items():
            curves |= {f"{group}/{name}": value for name, value in numbers.items()}
        self._draw(lambda writer: [writer.add_scalar(name, value, step) for name, value in curves.items()])

    def sound(self, name: str, samples: np.ndarray, sample_rate: int, step: int) -> None:
        """Sound [T] in -1..1 to listen to in TensorBoard, at 16 kHz."""
        if self._curves is None:
            return
        if sample_rate != SOUND_RATE:
            import soxr

            samples = soxr.resample(samples, sample_rate, SOUND_RATE)
        samples = np.clip(samples, -1.0, 1.0)[None]
        self._draw(lambda writer: writer.add_audio(name, samples, step, SOUND_RATE))

    @property
    def plays_sounds(self) -> bool:
        """Whether there is TensorBoard to hear them with."""
        return self._curves is not None

    def entries(self) -> list[dict[str, Any]]:
        """All whole lines so far, those of earlier parts of the run too."""
        entries = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                entries.append(json.loads(line))
            except json.JSONDecodeError:  # the disk was full, or the process killed
                continue
        return entries

    def warn(self, message: str) -> None:
        """Says something on stderr, the same thing once."""
        if message not in self._warned:
            self._warned.add(message)
            print(f"warning: {message}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Closes the files."""
        with contextlib.suppress(OSError):  # said when it was written
            self._file.close()
        self._draw(lambda writer: writer.close())

    def _draw(self, what: Any) -> None:
        if self._curves is None:
            return
        try:
            what(self._curves)
        except OSError as error:  # its own thread writes: what went wrong there is raised at the next call
            self._curves = None
            self.warn(f"no more curves for TensorBoard: {error}")


def _event_files(folder: Path, step: int) -> SummaryWriter | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        print("no TensorBoard here (pip install tensorboard): log.jsonl alone", file=sys.stderr, flush=True)
        return None
    return SummaryWriter(folder, purge_step=step or None)
