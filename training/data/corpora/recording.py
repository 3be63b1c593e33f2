"""What is known about one audio file of a corpus."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Recording:
    """One audio file and its facts; `path` names it in the pools' index, `file` says where it lies.

    What is shown by `repr` decides whether pools are made again (beside the files' sizes and dates): a corpus that
    moves to another folder as it is costs nothing.
    """

    kind: str  # "speech", "noise", "noisy" (no clean reference) or "paired" (noisy, with `clean` beside it)
    path: str
    source: str
    group: str  # the speaker; of noise: the original recording that several files were cut from
    split: str
    sex: str = ""  # f, m, with "?" for guesses; mixed; empty = unknown
    language: str = ""
    category: str = ""  # of noise
    licence: str = ""
    attribution: str = ""
    sample_rate: int = 0  # of the original; 0 = that of the file
    bandwidth_hz: float = 0.0  # true bandwidth; 0 = to be measured
    file: Path | None = field(default=None, repr=False)  # None: `path` under the data folder
    clean: Path | None = field(default=None, repr=False)  # of a pair: the other side
