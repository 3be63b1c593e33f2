"""Pools: every recording decoded once into int16 memory maps with an index, so that mixing only slices arrays.

A pool folder holds `speech_16000.pcm`, `speech_48000.pcm`, `noise_16000.pcm`, `noise_48000.pcm` (raw int16, clips one
after the other), a `.tsv` index beside each, `pools.json` (what they were made from) and `skipped.tsv`. Where such
recordings were given, also `noisy_*` (without a clean version), and `paired_*` with `paired_clean_*`: the same clips in
the same order, sample by sample. The 48 kHz pools hold the full-band recordings only (48 kHz and more than 11 kHz of
true bandwidth).
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, fields
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from enhancer.errors import InputError, OutputError
from training.data.corpora import Recording
from training.data.decoding import DECODING, POOLS_OF, RATES, Decoded, Job, decode

FORMAT = 1
KINDS = ("speech", "noise")  # what mixtures are made of: always there


@dataclass(frozen=True)
class Clip:
    """One row of a pool's index: samples `start : start + length` of the pool and what is known about them."""

    path: str
    start: int
    length: int
    source: str
    group: str
    split: str
    sex: str
    language: str
    category: str
    licence: str
    bandwidth_hz: float
    active_db: float  # level over active frames as stored, dB re full scale
    floor_db: float  # quietest 5 % of the frames relative to the active level, dB (-60 in a studio, -25 is noisy)
    attribution: str


class Pool:
    """One memory-mapped pool: `pool.clips` is the index, `pool.samples` the int16 map [total]."""

    def __init__(self, folder: Path, kind: str, sample_rate: int):
        self.kind, self.sample_rate = kind, sample_rate
        self.clips = _read_clips(folder / f"{kind}_{sample_rate}.tsv")
        path = folder / f"{kind}_{sample_rate}.pcm"
        # an empty file cannot be mapped
        self.samples = np.memmap(path, np.int16, "r") if path.stat().st_size else np.zeros(0, np.int16)

    def read(self, clip: Clip, offset: int = 0, length: int | None = None) -> np.ndarray:
        """Float32 samples of a clip in -1..1, from `offset` (samples); `length` is cut at the clip's end."""
        stop = clip.length if length is None else min(offset + length, clip.length)
        return self.samples[clip.start + offset : clip.start + stop] * np.float32(1 / 32768)

    def hours(self, split: str | None = None) -> float:
        """Hours of audio in the pool, or in one split of it."""
        return sum(c.length for c in self.clips if split in (None, c.split)) / self.sample_rate / 3600


class Pools:
    """All pools of a folder made by `prepare`: `pools.get("speech", 16000)`. Raises InputError when there are none."""

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        facts = _read_facts(self.folder)
        if facts is None:
            raise InputError(f"no data pools at {self.folder}", "make them with: training prepare")
        if facts["format"] != FORMAT:
            raise InputError(f"the data pools at {self.folder} are of another version", "training prepare --again")
        self.facts = facts
        self._pools = {(k, r): Pool(self.folder, k, r) for k in facts.get("kinds", KINDS) for r in RATES}

    @property
    def kinds(self) -> tuple[str, ...]:
        """What there is: "speech" and "noise", and, where given, "noisy", or "paired" and "paired_clean"."""
        return tuple(dict.fromkeys(kind for kind, _ in self._pools))

    def get(self, kind: str, sample_rate: int) -> Pool:
        """The pool of a kind at 16000 or 48000 Hz: "speech" or "noise", and, where given, "noisy" or "paired".

        The clean sides of pairs are the pool "paired_clean". Raises InputError for a kind that these pools do not hold.
        """
        if kind not in self.kinds:
            wanted = kind.removesuffix("_clean")
            raise InputError(f"the data pools at {self.folder} hold no {wanted} recordings",
                             f"training prepare --corpus {wanted}:FOLDER, beside the other corpora")  # fmt: skip
        return self._pools[kind, sample_rate]


@dataclass(frozen=True)
class Report:
    """What `prepare` did: whether it had to, the number of recordings taken, and (path, reason) of those skipped."""

    fresh: bool
    taken: int
    skipped: list[tuple[str, str]]


def prepare(
    data: Path | None,
    recordings: Sequence[Recording],
    out: Path,
    *,
    processes: int = 2,
    again: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Decodes `recordings` into pools at `out`; does nothing if they are already there.

    Those that do not say where they lie are under `data`. Files that cannot be read, are silent or shorter than 0.1 s,
    speech with noise in it, and pairs that are not of one length, are skipped and listed. Order and content depend only
    on the list, not on the number of processes. Pools appear whole or not at all: raises OutputError when they cannot
    be written, InputError when no recording can be read.
    """
    fingerprint = _fingerprint(data, recordings)
    facts = _read_facts(out)
    if not again and facts is not None and facts["fingerprint"] == fingerprint and facts["format"] == FORMAT:
        return Report(False, facts["taken"], [tuple(pair) for pair in facts["skipped"]])
    given = {r.kind for r in recordings} | {"noisy"}  # where speech that is too noisy for a target goes as well
    kinds = tuple(dict.fromkeys([*KINDS, *(kind for name in POOLS_OF if name in given for kind in POOLS_OF[name])]))
    part = out.with_name(out.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        taken, skipped = _write(data, recordings, part, kinds, processes, progress)
        if not taken:
            shutil.rmtree(part)
            raise InputError(f"none of the {len(recordings)} recordings can be read", ": ".join(skipped[0]))
        if not (part / f"noisy_{RATES[0]}.pcm").stat().st_size:
            for path in part.glob("noisy_[0-9]*.*"):
                path.unlink()
            kinds = tuple(kind for kind in kinds if kind != "noisy")
        lines = ["path\treason", *("\t".join(pair) for pair in skipped)]
        (part / "skipped.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")
        facts = {"format": FORMAT, "fingerprint": fingerprint, "kinds": kinds, "taken": taken, "skipped": skipped}
        (part / "pools.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        _move_in(part, out)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise OutputError(f"cannot write pools to {out}: {error.strerror or error}") from None
    return Report(True, taken, skipped)


def _write(
    data: Path | None,
    recordings: Sequence[Recording],
    folder: Path,
    kinds: Sequence[str],
    processes: int,
    progress: Callable[[int, int], None],
) -> tuple[int, list[tuple[str, str]]]:
    """Fills the pools of these kinds; returns how many recordings they hold and (path, reason) of what was skipped."""
    taken, skipped = 0, []
    with ExitStack() as open_pools:
        writers = {(k, rate): open_pools.enter_context(_Writer(folder, k, rate)) for k in kinds for rate in RATES}
        for done, (recording, (clips, reasons)) in enumerate(_decode_all(data, recordings, processes), 1):
            for clip in clips:
                writers[clip.kind, clip.sample_rate].add(recording, clip)
            taken += bool(clips)
            skipped += [(recording.path, reason) for reason in reasons]
            progress(done, len(recordings))
    return taken, skipped


def _move_in(part: Path, out: Path) -> None:
    """Puts the files of `part` into `out`, the facts last: without them there are no pools. Other files there stay."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "pools.json").unlink(missing_ok=True)
    for kind in {kind for kinds in POOLS_OF.values() for kind in kinds} - set(KINDS):
        for path in out.glob(f"{kind}_[0-9]*.*"):  # of corpora that are not given any more
            path.unlink()
    for path in sorted(part.iterdir(), key=lambda p: p.name == "pools.json"):
        os.replace(path, out / path.name)
    part.rmdir()


def _read_facts(folder: Path) -> dict | None:
    try:
        return json.loads((folder / "pools.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None


def _fingerprint(data: Path | None, recordings: Sequence[Recording]) -> str:
    """Changes when a recording, its facts, or the file's size or date changes."""
    digest = hashlib.sha256(repr(DECODING).encode())
    for recording in recordings:
        digest.update(repr((recording, _stamp(_place(data, recording)))).encode())
        if recording.clean is not None:
            digest.update(repr(_stamp(recording.clean)).encode())
    return digest.hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    """A file's size and date; zeros if it cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_size, int(status.st_mtime))


def _place(data: Path | None, recording: Recording) -> Path:
    return recording.file or (data or Path()) / recording.path


def _decode_all(
    data: Path | None, recordings: Sequence[Recording], processes: int
) -> Iterator[tuple[Recording, tuple[list[Decoded], list[str]]]]:
    """Each recording with its clips and the reasons why something of it cannot be used, in their order."""
    jobs = [Job(r.kind, _place(data, r), r.clean, r.sample_rate, r.bandwidth_hz) for r in recordings]
    if processes <= 1 or len(jobs) < 50:  # a few files are done before a process has started
        yield from zip(recordings, map(decode, jobs), strict=True)
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        ahead: deque[Future] = deque()  # bounded: what waits to be written is in memory
        waiting = iter(jobs)
        for recording in recordings:
            for job in islice(waiting, 8 * processes - len(ahead)):
                ahead.append(pool.submit(decode, job))
            yield recording, ahead.popleft().result()


class _Writer:
    """Appends clips to one pool and its index; a context that closes both."""

    def __init__(self, folder: Path, kind: str, rate: int):
        self.rate, self.start = rate, 0
        self.pcm = (folder / f"{kind}_{rate}.pcm").open("wb")
        index = folder / f"{kind}_{rate}.tsv"
        self.index = index.open("w", encoding="utf-8", errors="surrogateescape", newline="")
        self.rows = csv.writer(self.index, delimiter="\t", lineterminator="\n")
        self.rows.writerow([f.name for f in fields(Clip)])

    def add(self, r: Recording, decoded: Decoded) -> None:
        self.pcm.write(decoded.samples.tobytes())
        bandwidth = min(decoded.bandwidth_hz, self.rate / 2)
        clip = Clip(r.path, self.start, len(decoded.samples), r.source, r.group, r.split, r.sex, r.language, r.category,
                    r.licence, bandwidth, round(decoded.active_db, 2), round(decoded.floor_db, 2),
                    r.attribution)  # fmt: skip
        self.rows.writerow([getattr(clip, f.name) for f in fields(Clip)])
        self.start += len(decoded.samples)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.pcm.close()
        self.index.close()


def _read_clips(path: Path) -> list[Clip]:
    casts = {f.name: {"int": int, "float": float}.get(str(f.type), str) for f in fields(Clip)}
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return [Clip(**{k: casts[k](v) for k, v in row.items()}) for row in csv.DictReader(file, delimiter="\t")]
