"""Readers of any folder: speech, noise, noisy recordings without a clean reference, and pairs.

Folders named train, val (or dev, valid, validation) and test below the given one say what is what; without them a
hash of the speaker's or file's name does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from enhancer.errors import InputError
from training.data.categories import CATEGORY_WEIGHTS, UNSORTED
from training.data.corpora.files import audio_files, below
from training.data.corpora.recording import Recording
from training.data.corpora.splits import FOLDER_NAMES, by_name


def speech(folder: Path, label: str) -> Iterator[Recording]:
    """Speech: one folder a speaker (whatever lies deeper is theirs); files beside the folders are one speaker's.

    Files right in a folder named after a split are one speaker's of that split: who says what trains and what does not
    is believed.
    """
    found = [(file, *_split_and_rest(below(file, folder))) for file in audio_files(folder)]
    speakers = [rest.split("/")[0] if "/" in rest else "" for _, _, rest in found]
    splits = by_name(set(speakers))
    for (file, given, _), speaker in zip(found, speakers, strict=True):
        yield Recording(
            "speech", f"{label}/{below(file, folder)}", label, _group(label, speaker or given),
            given or splits[speaker], file=file,
        )  # fmt: skip


def noise(folder: Path, label: str) -> Iterator[Recording]:
    """Noise: one recording a file; a folder named as a category (docs/data.md) makes what is in it of that kind."""
    found = [(file, *_split_and_rest(below(file, folder))) for file in audio_files(folder)]
    splits = by_name({rest for _, _, rest in found})
    for file, given, rest in found:
        category = next((part for part in rest.split("/")[:-1] if part in CATEGORY_WEIGHTS), UNSORTED)
        yield Recording(
            "noise", f"{label}/{below(file, folder)}", label, f"{label}-{below(file, folder)}", given or splits[rest],
            category=category, file=file,
        )  # fmt: skip


def noisy(folder: Path, label: str) -> Iterator[Recording]:
    """Real recordings of speech in noise that nobody has a clean version of; one recording a file."""
    found = [(file, *_split_and_rest(below(file, folder))) for file in audio_files(folder)]
    splits = by_name({rest for _, _, rest in found})
    for file, given, rest in found:
        yield Recording(
            "noisy",
            f"{label}/{below(file, folder)}",
            label,
            f"{label}-{below(file, folder)}",
            given or splits[rest],
            file=file,
        )


def paired(folder: Path, label: str) -> Iterator[Recording]:
    """Folders `clean` and `noisy` with the same files in both, below them one folder a speaker or none.

    Clean sides are speech as well.
    """
    clean, noisy_side = folder / "clean", folder / "noisy"
    if not clean.is_dir() or not noisy_side.is_dir():
        raise InputError(f"{folder} does not look like pairs", "expected the folders clean and noisy, same file names")
    yield from pairs(clean, noisy_side, label)


def pairs(clean: Path, noisy_side: Path, label: str) -> Iterator[Recording]:
    """Each noisy file with the clean one of its name, and the clean one again as speech.

    Both folders lie side by side. A file whose partner is missing is named all the same: decoding will list it as
    skipped. Raises InputError if no file has a partner.
    """
    names = {side: {below(file, side) for file in audio_files(side)} for side in (clean, noisy_side)}
    if not names[clean] & names[noisy_side]:
        raise InputError(f"no file of {clean} is in {noisy_side}", "pairs have the same name in both folders")
    found = [(inside, *_split_and_rest(inside)) for inside in sorted(names[clean] | names[noisy_side])]
    speakers = [rest.split("/")[0] if "/" in rest else "" for _, _, rest in found]
    splits = by_name(set(speakers))
    for (inside, given, _), speaker in zip(found, speakers, strict=True):
        group, split = _group(label, speaker or given), given or splits[speaker]
        yield Recording("paired", f"{label}/{noisy_side.name}/{inside}", label, group, split,
                        file=noisy_side / inside, clean=clean / inside)  # fmt: skip
        if inside in names[clean]:
            yield Recording("speech", f"{label}/{clean.name}/{inside}", label, group, split, file=clean / inside)


def _group(label: str, name: str) -> str:
    return f"{label}-{name}" if name else label


def _split_and_rest(inside: str) -> tuple[str, str]:
    """("val", "ann/1.wav") for "dev/ann/1.wav"; the split is empty where no folder's name says it."""
    first, _, rest = inside.partition("/")
    return (FOLDER_NAMES[first.lower()], rest) if rest and first.lower() in FOLDER_NAMES else ("", inside)
