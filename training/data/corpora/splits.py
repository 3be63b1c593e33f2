"""Which recordings train, which choose (val) and which judge (test): by name, so that it never changes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace

from training.data.corpora.recording import SPLITS, Recording

HELD_OUT = 0.05  # of a corpus's groups, in val; as many in test
FEWEST_GROUPS = 20  # 5 % of fewer is none: all of them train
FOLDER_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val", "test": "test"}


def by_name(groups: Collection[str], held_out: Collection[str] = ("val", "test")) -> dict[str, str]:
    """The split of each group, from a hash of its name: 5 % in val, 5 % in test, if `held_out` names them.

    A name has the same split in every corpus and on every machine, whatever is added later. With fewer than 20
    groups all of them train.
    """
    if len(set(groups)) < FEWEST_GROUPS:
        return dict.fromkeys(groups, "train")
    return {group: _hashed(group, held_out) for group in groups}


def _hashed(name: str, held_out: Collection[str]) -> str:
    place = int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:4], "big") / 2**32
    split = "val" if place < HELD_OUT else "test" if place < 2 * HELD_OUT else "train"
    return split if split in held_out else "train"


def settle(recordings: Sequence[Recording]) -> list[Recording]:
    """The same recordings, each group in one split: in test if any corpus has it there, or else in val if any has.

    Corpora share speakers: LibriSpeech, LibriTTS and DNS-Challenge (LibriVox's readers), VCTK and VoiceBank+DEMAND.
    """
    strictest: dict[str, str] = {}
    for r in recordings:
        strictest[r.group] = max(r.split, strictest.get(r.group, r.split), key=SPLITS.index)
    return [r if r.split == strictest[r.group] else replace(r, split=strictest[r.group]) for r in recordings]
