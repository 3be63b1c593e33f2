"""What systems are scored on: the fixed sets, or noisy and clean files of anybody's."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from enhancer.errors import InputError
from enhancer.evaluation.measures import at_rate
from enhancer.evaluation.pairs import Pair, find_pairs
from enhancer.evaluation.scoring import read_sound
from training.data.fixed_sets import Item, fixed_set
from training.data.levels import active_level_db
from training.data.pools import Pools

CORE_RATE, FULL_RATE = 16_000, 48_000
MOST_DB = 60.0  # a pair without noise has no finite SNR
COLUMNS = ("noisy", "clean", "speaker", "noise", "category")


@dataclass(frozen=True)
class Entry:
    """One item before it is read. `key` changes with its samples; unknown facts are empty."""

    name: str
    key: str
    load: Callable[[], Item]
    category: str = ""
    speaker: str = ""
    noise_recording: str = ""


def fixed_entries(pools: Pools, split: str, count: int) -> list[Entry]:
    """The first `count` items of a fixed set, in memory. Raises InputError as `fixed_set` does."""
    entries = []
    for number, item in enumerate(fixed_set(pools, split, count)):
        key = hashlib.sha256(item.noisy.tobytes() + item.clean.tobytes()).hexdigest()[:24]
        name = f"{split}_{number:03d}"
        entries.append(Entry(name, key, partial(_itself, item), item.category, item.speaker, item.noise_recording))
    return entries


def paired_entries(place: Path) -> list[Entry]:
    """Pairs of files, from a folder or a list; they are read when they are scored.

    A folder holds one sub-folder with "noisy" and one with "clean" in its name (as VoiceBank+DEMAND's test set does),
    whose files pair by name. A list is a table with a heading, columns by tab or comma: `noisy` and `clean` (paths,
    relative to the list's folder) and, where known, `speaker`, `noise` (recording) and `category`.
    Raises InputError for a place that is neither, and for rows without files.
    """
    if place.is_dir():
        return list(_of_folder(place))
    if place.is_file():
        return list(_of_list(place))
    raise InputError(f"--pairs {place} does not exist")


def read_pair(noisy: Path, clean: Path, category: str, speaker: str, noise_recording: str) -> Item:
    """A pair as an item at 16 kHz (files of up to 16 kHz) or 48 kHz, its SNR by active levels, at most 60 dB.

    Raises InputError for files that cannot be read, with more than one channel, or of different lengths or rates.
    """
    sounds = [read_sound(path) for path in (noisy, clean)]
    for sound in sounds:
        if sound.samples.shape[1] != 1:
            raise InputError(f"{sound.path} has {sound.samples.shape[1]} channels", "networks are scored on mono files")
    if len({(sound.sample_rate, len(sound.samples)) for sound in sounds}) > 1:
        raise InputError(f"{noisy} and {clean} differ in sample rate or length", "pairs must be aligned to the sample")
    rate = CORE_RATE if sounds[0].sample_rate <= CORE_RATE else FULL_RATE
    mixed, target = (np.ascontiguousarray(at_rate(s.samples[:, 0], s.sample_rate, rate)) for s in sounds)
    snr_db = active_level_db(target, rate) - active_level_db(mixed - target, rate)
    return Item(
        noisy=mixed, clean=target, sample_rate=rate, snr_db=round(float(np.clip(snr_db, -MOST_DB, MOST_DB)), 2),
        category=category, speaker=speaker, language="", reverberant=False, noise_recording=noise_recording,
    )  # fmt: skip


def _itself(item: Item) -> Item:
    return item


def _of_folder(folder: Path) -> Iterator[Entry]:
    sides = []
    for side in ("clean", "noisy"):
        found = sorted(x for x in folder.iterdir() if x.is_dir() and side in x.name.lower())
        if len(found) != 1:
            many = f"{len(found)} folders" if found else "no folder"
            raise InputError(
                f"{folder} holds {many} with {side!r} in the name", "give a folder with clean/ and noisy/, or a list"
            )
        sides.append(found[0])
    for pair in find_pairs(sides[0], sides[1], None).pairs:
        yield _entry(pair)


def _of_list(path: Path) -> Iterator[Entry]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a list of pairs: {error}") from error
    rows = csv.DictReader(lines, delimiter="\t" if lines and "\t" in lines[0] else ",")
    known = rows.fieldnames or []
    if not {"noisy", "clean"} <= set(known):
        raise InputError(f"{path} has no columns noisy and clean", f"its first line names the columns: {COLUMNS}")
    names: dict[str, int] = {}
    for number, row in enumerate(rows, start=2):
        if not row["noisy"] or not row["clean"]:
            raise InputError(f"line {number} of {path} names no noisy or no clean file")
        noisy, clean = path.parent / row["noisy"], path.parent / row["clean"]
        names[noisy.stem] = names.get(noisy.stem, 0) + 1
        name = noisy.stem if names[noisy.stem] == 1 else f"{noisy.stem} ({names[noisy.stem]})"
        facts = {column: row.get(column) or "" for column in ("category", "speaker", "noise")}
        yield _entry(Pair(name, clean, noisy), **facts)


def _entry(pair: Pair, category: str = "", speaker: str = "", noise: str = "") -> Entry:
    assert pair.noisy is not None
    try:
        facts = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in pair.paths]
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}") from error
    key = hashlib.sha256(repr(facts).encode()).hexdigest()[:24]
    load = partial(read_pair, pair.noisy, pair.clean, category, speaker, noise)
    return Entry(pair.name, key, load, category, speaker, noise)
