"""What is known of the files beside their scores: category, SNR, speaker, noise; from their names or a table."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from enhancer.errors import InputError
from enhancer.evaluation.name_patterns import told_by
from enhancer.media.types import MEDIA_SUFFIXES

COLUMNS = ("category", "snr", "speaker", "noise")
FOLDER = "the first sub-folder"
_MOST_FOLDERS = 24  # sub-folders beyond these are recordings or speakers rather than categories
_MOST_BANDS = 8
# snr15, snr_-5, SNR=0; or 5dB and -5dB after a separator that is no minus. `babble-5dB` could mean either: not taken.
_SNR = re.compile(r"snr[_= ]?(-?\d+(?:\.\d+)?)|(?:^|[_/ ])(-?\d+(?:\.\d+)?) ?db(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Facts:
    """Categories and SNRs (dB) by file name, and in words where each is from; empty where nothing is known.

    Speakers and noise recordings are known from a table alone, called `table`.
    """

    categories: Mapping[str, str] = field(default_factory=dict)
    category_source: str = ""
    snrs_db: Mapping[str, float] = field(default_factory=dict)
    snr_source: str = ""
    speakers: Mapping[str, str] = field(default_factory=dict)
    noises: Mapping[str, str] = field(default_factory=dict)
    table: str = ""


@dataclass(frozen=True)
class Group:
    """Files that belong together."""

    label: str
    names: list[str]


def known_facts(names: Sequence[str], category_pattern: str | None, table: Path | None) -> Facts:
    """What a table, else the files' names tell. A pattern's first bracket, or all that it matches, is the category.

    Without a pattern the first sub-folder is the category, if every file has one; an SNR is taken from names where all
    of them state it. Raises ConfigError for a pattern that is none or does not match, InputError for a bad table.
    """
    told = _of_table(table, names) if table else Facts()
    categories, category_source = told.categories, told.category_source
    if category_pattern is not None:
        category_of = told_by("--category", category_pattern)
        categories = {name: category_of(name) for name in names}
        category_source = f"the file's name, {category_pattern}"
    elif not categories:
        categories, category_source = _by_folder(names), FOLDER
    snrs, snr_source = told.snrs_db, told.snr_source
    if not snrs:
        snrs, snr_source = _snrs_of_names(names), "the file's name"
    return replace(
        told,
        categories=categories, category_source=category_source if categories else "",
        snrs_db=snrs, snr_source=snr_source if snrs else "",
    )  # fmt: skip


def category_groups(facts: Facts, names: Sequence[str]) -> list[Group]:
    """The files of each category, by its name."""
    groups: dict[str, list[str]] = {}
    for name in names:
        if name in facts.categories:
            groups.setdefault(facts.categories[name], []).append(name)
    return [Group(label, groups[label]) for label in sorted(groups)]


def bands(values: Mapping[str, float], names: Sequence[str]) -> list[Group]:
    """Files by a value in dB, the lowest first: a group a value where there are few round ones, else bands."""
    known = {name: values[name] for name in names if name in values and math.isfinite(values[name])}
    distinct = sorted(set(known.values()))
    if len(distinct) <= _MOST_BANDS and all(value == round(value, 1) for value in distinct):
        return [Group(f"{value:g} dB".replace("-", "−"), [n for n in known if known[n] == value]) for value in distinct]
    width = 5
    while distinct[-1] // width - distinct[0] // width >= _MOST_BANDS:
        width *= 2
    groups: dict[int, list[str]] = {}
    for name, value in known.items():
        groups.setdefault(math.floor(value / width), []).append(name)
    return [Group(f"{b * width} to {(b + 1) * width} dB".replace("-", "−"), groups[b]) for b in sorted(groups)]


def _by_folder(names: Sequence[str]) -> dict[str, str]:
    folders = {name: PurePosixPath(name).parts[0] for name in names if "/" in name}
    return folders if len(folders) == len(names) and 2 <= len(set(folders.values())) <= _MOST_FOLDERS else {}


def _snrs_of_names(names: Sequence[str]) -> dict[str, float]:
    found = {name: match for name in names if (match := _SNR.search(name))}
    if len(found) < len(names):
        return {}
    snrs = {name: float(match[1] or match[2]) for name, match in found.items()}
    return snrs if len(set(snrs.values())) > 1 else {}


def _of_table(path: Path, names: Sequence[str]) -> Facts:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--facts {path} cannot be read as a table: {error}") from error
    rows = csv.DictReader(lines, delimiter="\t" if lines and "\t" in lines[0] else ",")
    columns = rows.fieldnames or []
    if "file" not in columns or not set(COLUMNS) & set(columns):
        raise InputError(
            f"--facts {path} has no column file, or none of {', '.join(COLUMNS)}",
            "the first line names the columns, by comma or tab",
        )
    wanted = set(names)
    told: dict[str, dict[str, str]] = {column: {} for column in COLUMNS}
    snrs = {}
    for number, row in enumerate(rows, start=2):
        name = _plain_name(row["file"] or "", wanted)
        if name not in wanted:
            continue
        for column, known in told.items():
            if row.get(column):
                known[name] = row[column]
        if row.get("snr"):
            try:
                snrs[name] = float(row["snr"])
            except ValueError as error:
                raise InputError(f"line {number} of {path}: {row['snr']} is no SNR in dB") from error
    if not any(told.values()):
        raise InputError(
            f"--facts {path} tells of none of the files", f"they are called {names[0]}, ... in the column file"
        )
    source = f"the table {path.name}"
    return Facts(told["category"], source, snrs, source, told["speaker"], told["noise"], source)


def _plain_name(text: str, names: set[str]) -> str:
    """A file's name as pairs have it: without its extension."""
    path = PurePosixPath(text.replace("\\", "/"))
    if text in names or path.suffix.lower() not in MEDIA_SUFFIXES:
        return text
    return path.with_suffix("").as_posix()
