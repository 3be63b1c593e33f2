"""Pools: every recording decoded once into int16 memory maps with an index, so that mixing only slices arrays.

A pool folder holds `speech_16000.pcm`, `speech_48000.pcm`, `noise_16000.pcm`, `noise_48000.pcm` (raw int16, clips one
after the other), a `.tsv` index beside each, `pools.json` (what they were made from) and `skipped.tsv`.
The 48 kHz pools hold the full-band recordings only (48 kHz and more than 11 kHz of true bandwidth).
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from enhancer.errors import InputError
from training.data.corpora import Recording
from training.data.levels import SILENCE_DB, active_frames, frame_powers

FORMAT = 1
RATES = (16000, 48000)
KINDS = ("speech", "noise")
FULL_BAND_HZ = 11000.0  # a 48 kHz recording with less than this is an upsampled narrow one
PEAK = 0.9  # clips are stored at this peak: mixing draws its own levels, and quiet recordings keep 16 bits
SHORTEST_S = 0.1
TRIM_MARGIN_S = 0.15  # silence kept at the ends of a speech clip
# Rumble below every voice, common in volunteers' recordings, is no target. Measured over the train split: with it 22 %
# of the speech has a floor above -25 dB, without it 1 %, and that is left out.
RUMBLE_HZ = 70.0
WORST_FLOOR_DB = -25.0
DECODING = ("high-pass", RUMBLE_HZ, TRIM_MARGIN_S, WORST_FLOOR_DB, PEAK)  # what the fingerprint must notice


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
        self._pools = {(k, r): Pool(self.folder, k, r) for k in KINDS for r in RATES}

    def get(self, kind: str, sample_rate: int) -> Pool:
        """The pool of a kind ("speech" or "noise") at 16000 or 48000 Hz."""
        return self._pools[kind, sample_rate]


@dataclass(frozen=True)
class Report:
    """What `prepare` did: whether it had to, the number of recordings taken, and (path, reason) of those skipped."""

    fresh: bool
    taken: int
    skipped: list[tuple[str, str]]


def prepare(
    data: Path,
    recordings: Sequence[Recording],
    out: Path,
    *,
    processes: int = 2,
    again: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Decodes `recordings` (paths relative to `data`) into pools at `out`; does nothing if they are already there.

    Files that cannot be read, are silent or shorter than 0.1 s, and speech with noise in it, are skipped and listed.
    Order and content depend only on the list, not on the number of processes. Pools appear whole or not at all.
    """
    fingerprint = _fingerprint(data, recordings)
    facts = _read_facts(out)
    if not again and facts is not None and facts["fingerprint"] == fingerprint and facts["format"] == FORMAT:
        return Report(False, facts["taken"], [tuple(pair) for pair in facts["skipped"]])
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    writers = {(kind, rate): _Writer(part, kind, rate) for kind in KINDS for rate in RATES}
    skipped: list[tuple[str, str]] = []
    for done, (recording, result) in enumerate(_decode_all(data, recordings, processes), 1):
        if isinstance(result, str):
            skipped.append((recording.path, result))
        else:
            for rate, decoded in result.items():
                writers[recording.kind, rate].add(recording, *decoded)
        progress(done, len(recordings))
    for writer in writers.values():
        writer.close()
    taken = len(recordings) - len(skipped)
    if not taken:
        shutil.rmtree(part)
        raise InputError(f"none of the {len(recordings)} recordings under {data} can be read", skipped[0][1])
    lines = ["path\treason", *("\t".join(pair) for pair in skipped)]
    (part / "skipped.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    facts = {"format": FORMAT, "fingerprint": fingerprint, "taken": taken, "skipped": skipped}
    (part / "pools.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    _move_in(part, out)
    return Report(True, taken, skipped)


def _move_in(part: Path, out: Path) -> None:
    """Puts the files of `part` into `out`, the facts last: without them there are no pools. Other files there stay."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "pools.json").unlink(missing_ok=True)
    for path in sorted(part.iterdir(), key=lambda p: p.name == "pools.json"):
        os.replace(path, out / path.name)
    part.rmdir()


def _read_facts(folder: Path) -> dict | None:
    try:
        return json.loads((folder / "pools.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None


def _fingerprint(data: Path, recordings: Sequence[Recording]) -> str:
    """Changes when a recording, its facts, or the file's size or date changes."""
    digest = hashlib.sha256(repr(DECODING).encode())
    for recording in recordings:
        try:
            status = (data / recording.path).stat()
            stamp = (status.st_size, int(status.st_mtime))
        except OSError:
            stamp = (0, 0)
        digest.update(repr((recording, stamp)).encode())
    return digest.hexdigest()


def _decode_all(data: Path, recordings: Sequence[Recording], processes: int) -> Iterator[tuple[Recording, dict | str]]:
    jobs = [(str(data / r.path), r.kind, r.sample_rate, r.bandwidth_hz) for r in recordings]
    if processes <= 1 or len(jobs) < 50:  # a few files are done before a process has started
        yield from zip(recordings, map(_decode, jobs), strict=True)
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        yield from zip(recordings, pool.map(_decode, jobs, chunksize=16), strict=True)


def _decode(job: tuple[str, str, int, float]) -> dict[int, tuple[np.ndarray, float, float]] | str:
    """{rate: (int16 samples, active_db, floor_db)} of one file, or the reason why it cannot be used."""
    import soundfile
    import soxr

    path, kind, original_rate, bandwidth_hz = job
    try:
        samples, file_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        return str(error).splitlines()[0]
    x = samples.mean(axis=1)
    if not np.isfinite(x).all():
        return "has samples that are not finite"
    if len(x) < SHORTEST_S * file_rate:
        return f"shorter than {SHORTEST_S} s"
    x -= x.mean()
    if kind == "speech":
        x = without_rumble(x, file_rate)
    active, power = active_frames(x, file_rate)
    if power < 1e-9:
        return "silent"
    if kind == "speech":
        x = _trim(x, active, file_rate)
    full_band = (original_rate or file_rate) >= 44100 and file_rate >= 44100
    full_band = full_band and (bandwidth_hz or file_rate / 2) > FULL_BAND_HZ
    result = {}
    for rate in (16000, 48000) if full_band else (16000,):
        y = x if rate == file_rate else soxr.resample(x, file_rate, rate)
        y = y * np.float32(PEAK / max(float(np.abs(y).max()), 1e-9))
        result[rate] = (np.round(y * 32768).astype(np.int16), *_levels(y, rate))
    if kind == "speech" and result[16000][2] > WORST_FLOOR_DB:
        return f"noisy speech: its floor is only {-result[16000][2]:.0f} dB below it"
    return result


def without_rumble(x: np.ndarray, sample_rate: int) -> np.ndarray:
    """Speech [n] through a high-pass at 70 Hz (Butterworth, order 4), below every voice; float32 [n]."""
    from scipy.signal import butter, sosfilt

    return sosfilt(butter(4, RUMBLE_HZ, "high", fs=sample_rate, output="sos"), x).astype(np.float32)


def _trim(x: np.ndarray, active: np.ndarray, sample_rate: int) -> np.ndarray:
    """Without the silence at both ends but for a margin: short prompts must not become mostly pauses."""
    where = np.flatnonzero(active)
    frame, margin = int(sample_rate * 0.02), int(TRIM_MARGIN_S * sample_rate)
    return x[max(0, where[0] * frame - margin) : (where[-1] + 1) * frame + margin]


def _levels(x: np.ndarray, sample_rate: int) -> tuple[float, float]:
    _, level = active_frames(x, sample_rate)
    floor = float(np.quantile(frame_powers(x, sample_rate), 0.05))
    if level <= 0:
        return SILENCE_DB, 0.0
    return 10 * float(np.log10(level)), max(10 * float(np.log10(max(floor, 1e-20) / level)), SILENCE_DB)


class _Writer:
    """Appends clips to one pool and its index."""

    def __init__(self, folder: Path, kind: str, rate: int):
        self.rate, self.start = rate, 0
        self.pcm = (folder / f"{kind}_{rate}.pcm").open("wb")
        self.index = (folder / f"{kind}_{rate}.tsv").open("w", encoding="utf-8", newline="")
        self.rows = csv.writer(self.index, delimiter="\t", lineterminator="\n")
        self.rows.writerow([f.name for f in fields(Clip)])

    def add(self, r: Recording, samples: np.ndarray, active_db: float, floor_db: float) -> None:
        self.pcm.write(samples.tobytes())
        bandwidth = min(r.bandwidth_hz or self.rate / 2, self.rate / 2)
        clip = Clip(r.path, self.start, len(samples), r.source, r.group, r.split, r.sex, r.language, r.category,
                    r.licence, bandwidth, round(active_db, 2), round(floor_db, 2), r.attribution)  # fmt: skip
        self.rows.writerow([getattr(clip, f.name) for f in fields(Clip)])
        self.start += len(samples)

    def close(self) -> None:
        self.pcm.close()
        self.index.close()


def _read_clips(path: Path) -> list[Clip]:
    casts = {f.name: {"int": int, "float": float}.get(str(f.type), str) for f in fields(Clip)}
    with path.open(encoding="utf-8", newline="") as file:
        return [Clip(**{k: casts[k](v) for k, v in row.items()}) for row in csv.DictReader(file, delimiter="\t")]
