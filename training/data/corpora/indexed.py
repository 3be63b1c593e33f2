"""The reader of a folder with an index of its own: speech/INDEX.tsv and noise/INDEX.tsv, the split in a column."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from enhancer.errors import InputError
from training.data.corpora.recording import SPLITS, Recording

# The same credited person appears under a validation language: without these 38 s the splits stay apart.
LEAKS_INTO_VALIDATION = frozenset({"gcompris-nl-Susan-Rich", "gcompris-zh-CN-Susan-Rich"})
# Five recordings of training speakers are heard in assets/demo (only these corpora are both many-tongued and free
# enough to republish): the network must not have seen them. benchmarks/make_demo_clips.py mixes them.
HELD_FOR_DEMO = frozenset(
    {
        "speech/gcompris/03153.opus",
        "speech/rhasspy_flemishguy/08180.opus",
        "speech/rhasspy_kathleen/08348.opus",
        "speech/rhasspy_kerstin/08404.opus",
        "speech/rhasspy_kerstin/08422.opus",
    }
)
# Prompts recorded for telephony: sampled at 16 kHz, empty above 7 kHz (the index says 8000).
TRUE_BANDWIDTH_HZ = {"asterisk": 7000.0}


def read_indexed(data: Path) -> list[Recording]:
    """Recordings of a folder with speech/INDEX.tsv and noise/INDEX.tsv (tab separated, the split in a column).

    Raises InputError when the folder or an index is missing, empty or lacks a column.
    """
    if not data.is_dir():
        raise InputError(
            f"no data folder at {data}", "give --data DIR, a folder that holds speech/INDEX.tsv and noise/INDEX.tsv"
        )
    recordings = [*_read_index(data, "speech"), *_read_index(data, "noise")]
    return [
        r
        for r in recordings
        if r.path not in HELD_FOR_DEMO and not (r.split == "train" and r.group in LEAKS_INTO_VALIDATION)
    ]


def _read_index(data: Path, kind: str) -> Iterable[Recording]:
    index = data / kind / "INDEX.tsv"
    if not index.is_file():
        raise InputError(f"{index} is missing", f"one row a {kind} file: path, source, split and more")
    with index.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    group = "speaker" if kind == "speech" else "group"
    if not rows:
        raise InputError(f"{index} lists no files", "one row a file after the heading")
    missing = {"path", "source", "split", group} - rows[0].keys()
    if missing:
        raise InputError(f"{index} lacks the column(s) {', '.join(sorted(missing))}")
    for row in rows:
        if row["split"] not in SPLITS:
            raise InputError(f"{index}: unknown split {row['split']!r} for {row['path']}", "train, val or test")
        corpus = row["source"].split("/")[0]
        yield Recording(
            kind=kind,
            path=f"{kind}/{row['path']}",
            source=row["source"],
            group=row[group],
            split=row["split"],
            sex=row.get("sex", ""),
            language=row.get("language", ""),
            category=row.get("category", ""),
            licence=row.get("licence", ""),
            attribution=row.get("attribution", ""),
            sample_rate=int(row.get("sample_rate") or 0),
            bandwidth_hz=TRUE_BANDWIDTH_HZ.get(corpus, float(row.get("bandwidth_hz") or 0)),
        )
