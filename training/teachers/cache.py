"""The cache of a teacher's outputs over mixtures: a folder that grows segment by segment and can be read meanwhile.

    cache.json       what the cache was made with: format, rate, segment length, teacher, seed, mixer (written first)
    noisy.i16 clean.i16 teacher.i16    int16 [segments, samples], raw
    features.f16     float16 [segments, frames, dims], raw; absent when the teacher has none
    segments.jsonl   one line a completed segment, written after its samples: what has no line does not exist

Every segment is stored at one gain that brings the largest of its three signals to -1 dBFS, so that 16 bits are enough
for quiet mixtures; `gain_db` in its line is that gain. Readers draw their own level anyway.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from enhancer.errors import ConfigError, InputError
from training.data.mixing import MixConfig
from training.teachers.base import FRAMES_PER_SECOND, TeacherOutput

FORMAT = 1
SIGNALS = ("noisy", "clean", "teacher")
PEAK = 10 ** (-1 / 20)  # -1 dBFS


@dataclass(frozen=True)
class Header:
    """What a cache was made with. Runs with equal headers over equal pools write equal segments."""

    teacher: str
    teacher_sha256: str
    teacher_licence: str
    sample_rate: int
    seconds: float  # of a segment
    dims: int  # of the features; 0: none
    seed: int
    mixer: Mapping[str, Any] = field(default_factory=dict)  # the mixing config, as JSON holds it
    format: int = FORMAT

    @property
    def hop(self) -> int:
        """Samples a frame."""
        return self.sample_rate // FRAMES_PER_SECOND

    @property
    def frames(self) -> int:
        """Frames a segment."""
        return round(self.seconds * FRAMES_PER_SECOND)

    @property
    def samples(self) -> int:
        """Samples a segment: whole frames."""
        return self.frames * self.hop

    @property
    def segment_bytes(self) -> dict[str, int]:
        """Bytes a segment takes in each file of samples."""
        sizes = {f"{name}.i16": 2 * self.samples for name in SIGNALS}
        if self.dims:
            sizes["features.f16"] = 2 * self.frames * self.dims
        return sizes


class CacheWriter:
    """Appends segments to a cache, going on where an earlier run stopped. One writer at a time.

    A half-written segment of a run that was killed is cut off. Raises ConfigError when the folder holds a cache that
    was made with something else.
    """

    def __init__(self, folder: Path, header: Header):
        self.folder, self.header = folder, header
        folder.mkdir(parents=True, exist_ok=True)
        wanted = json.loads(json.dumps(asdict(header)))
        if (folder / "cache.json").exists():
            there = _read_json(folder / "cache.json")
            differing = [key for key in wanted if key != "mixer" and there.get(key) != wanted[key]]
            if _with_defaults(there.get("mixer", {})) != _with_defaults(wanted["mixer"]):
                differing.append("mixer")
            if differing:
                raise ConfigError(
                    f"the cache at {folder} was made with another {', '.join(differing)}", "give another --out"
                )
        else:
            part = folder / "cache.json.part"
            part.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
            os.replace(part, folder / "cache.json")
        self.segments = _completed(folder, header)
        lines = (folder / "segments.jsonl").read_bytes().split(b"\n") if self.segments else []
        kept = b"".join(line + b"\n" for line in lines[: self.segments])
        self._files = {}
        for name, size in (header.segment_bytes | {"segments.jsonl": 0}).items():
            file = open(folder / name, "ab")  # noqa: SIM115 -- open as long as the writer is
            file.truncate(size * self.segments if size else len(kept))
            self._files[name] = file

    def append(self, noisy: np.ndarray, clean: np.ndarray, output: TeacherOutput, facts: Mapping[str, Any]) -> None:
        """Adds one segment; its line carries `facts` too. Shapes: noisy, clean [samples], float."""
        signals = dict(zip(SIGNALS, (noisy, clean, output.enhanced), strict=True))
        peak = max(float(np.abs(x).max()) for x in signals.values())
        gain = PEAK / peak if peak > 0 else 1.0
        for name, x in signals.items():
            if x.shape != (self.header.samples,):
                raise ValueError(f"{name} has shape {x.shape}, segments of this cache ({self.header.samples},)")
            self._files[f"{name}.i16"].write(np.rint(x * (gain * 32767)).astype("<i2").tobytes())
        if self.header.dims:
            if output.features is None or output.features.shape != (self.header.frames, self.header.dims):
                raise ValueError(f"features are not [{self.header.frames}, {self.header.dims}]")
            self._files["features.f16"].write(output.features.astype("<f2").tobytes())
        line = {"segment": self.segments, "gain_db": round(20 * float(np.log10(gain)), 3), **facts}
        for name in self.header.segment_bytes:
            self._files[name].flush()
        self._files["segments.jsonl"].write(json.dumps(line).encode() + b"\n")
        self._files["segments.jsonl"].flush()
        self.segments += 1

    def close(self) -> None:
        """Closes the files; what was appended stays."""
        for file in self._files.values():
            file.close()

    def __enter__(self) -> CacheWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class TeacherCache:
    """Reads a cache, which may still be growing: `batch` draws from the segments that are complete by then.

    `limit` keeps to the first that many segments, for runs that must repeat exactly while the cache grows.
    Raises InputError when there is no cache or no complete segment in it.
    """

    def __init__(self, folder: Path | str, limit: int | None = None):
        self.folder, self._limit = Path(folder), limit
        if not (self.folder / "cache.json").is_file():
            raise InputError(f"there is no teacher cache at {folder}", "make it with: training teachers cache")
        facts = _read_json(self.folder / "cache.json")
        if facts.get("format") != FORMAT:
            raise InputError(f"the teacher cache at {folder} is of another version", "make it anew in another folder")
        self.header = Header(**facts)
        self._index_size = -1
        self._maps: dict[str, np.ndarray] = {}
        self.segments = 0
        self.refresh()
        if not self.segments:
            raise InputError(f"the teacher cache at {folder} holds no segment yet", "wait, or: training teachers cache")

    def refresh(self) -> int:
        """Takes in segments completed since; returns how many there are. Costs one `stat` when there are none."""
        index = self.folder / "segments.jsonl"
        size = index.stat().st_size if index.exists() else 0
        if size == self._index_size or (self._limit is not None and self.segments >= self._limit):
            return self.segments
        self._index_size = size
        count = _completed(self.folder, self.header)
        self.segments = count if self._limit is None else min(count, self._limit)
        if self.segments:
            wave = (self.segments, self.header.samples)
            maps: dict[str, np.ndarray] = {
                name: np.memmap(self.folder / f"{name}.i16", "<i2", "r", shape=wave) for name in SIGNALS
            }
            if self.header.dims:
                shape = (self.segments, self.header.frames, self.header.dims)
                maps["features"] = np.memmap(self.folder / "features.f16", "<f2", "r", shape=shape)
            self._maps = maps
        return self.segments

    @property
    def minutes(self) -> float:
        """Minutes of mixtures in the cache."""
        return self.segments * self.header.seconds / 60

    @property
    def feature_width(self) -> int:
        """Dimensions of the features; 0 when the teacher has none."""
        return self.header.dims

    def facts(self) -> list[dict[str, Any]]:
        """The line of every segment: its gain, SI-SDR before and after the teacher, and so on (see `build.facts`)."""
        with open(self.folder / "segments.jsonl", encoding="utf-8") as lines:
            return [json.loads(line) for line, _ in zip(lines, range(self.segments), strict=False)]

    def segment(self, i: int) -> dict[str, np.ndarray]:
        """Segment i as it is stored: noisy, clean, teacher float32 [samples] in -1..1; features [frames, dims]."""
        signals = {name: self._maps[name][i] * np.float32(1 / 32767) for name in SIGNALS}
        return signals | ({"features": np.array(self._maps["features"][i], np.float32)} if self.header.dims else {})

    def batch(
        self, rng: np.random.Generator, size: int, seconds: float, gain_db: tuple[float, float] = (-40.0, 0.0)
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
        """Random crops: noisy, clean, teacher float32 [size, samples] and features float32 [size, frames, dims].

        A crop starts with a frame, the same one in all four; one gain, uniform in dB over `gain_db` on top of the
        stored level (peak -1 dBFS over the whole segment), is common to the three signals. Features are None when the
        teacher has none. Segments are drawn evenly, with replacement. Raises ValueError when `seconds` is longer
        than a segment.
        """
        self.refresh()
        frames, hop = round(seconds * FRAMES_PER_SECOND), self.header.hop
        if not 0 < frames <= self.header.frames:
            raise ValueError(f"{seconds} s from a cache of segments of {self.header.seconds} s")
        which = rng.integers(self.segments, size=size)
        starts = rng.integers(self.header.frames - frames + 1, size=size)
        gains = (10 ** (rng.uniform(*gain_db, size=size) / 20) / 32767).astype(np.float32)
        signals = [np.empty((size, frames * hop), np.float32) for _ in SIGNALS]
        features = np.empty((size, frames, self.header.dims), np.float32) if self.header.dims else None
        for row, (i, start, gain) in enumerate(zip(which, starts, gains, strict=True)):
            for out, name in zip(signals, SIGNALS, strict=True):
                np.multiply(self._maps[name][i, start * hop : (start + frames) * hop], gain, out=out[row])
            if features is not None:
                features[row] = self._maps["features"][i, start : start + frames]
        noisy, clean, teacher = signals
        return noisy, clean, teacher, features


def _with_defaults(mixer: Mapping[str, Any]) -> dict[str, Any]:
    """A stored mixing config with what the mixer has learnt since, which is off by default: the same mixtures."""
    return json.loads(json.dumps(asdict(MixConfig()))) | dict(mixer)


def _completed(folder: Path, header: Header) -> int:
    """Segments that have a whole line and all their samples."""
    index = folder / "segments.jsonl"
    count = index.read_bytes().count(b"\n") if index.exists() else 0
    for name, size in header.segment_bytes.items():
        path = folder / name
        count = min(count, path.stat().st_size // size if path.exists() else 0)
    return count


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}", "remove that folder and make the cache anew") from error
