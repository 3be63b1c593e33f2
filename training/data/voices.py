"""Draws speech from a pool: segments of one speaker joined with pauses, sexes and speakers in balance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

import numpy as np

from enhancer.errors import InputError
from training.data.levels import db_to_gain
from training.data.pools import Clip, Pool

SEX_SHARES = {"f": 0.42, "m": 0.42, "": 0.16}  # "" holds the voices of unknown or mixed sex
MOSTLY = 0.5  # where more than this part of the speech is of unknown sex, it is drawn as often as there is of it
LONGEST_COUNTED_S = 600.0
GATED_SOURCES = ("picovoice",)  # pauses were cut to silence: no noise floor is to be learnt from them
MOST_CLIPS = 10  # in one stretch: single words make up for their length by number


@dataclass(frozen=True)
class Voice:
    """What was drawn: who speaks, how, and up to which frequency."""

    speaker: str
    sex: str
    language: str
    source: str
    bandwidth_hz: float
    gated: bool
    clips: tuple[str, ...]


@dataclass(frozen=True)
class _Speaker:
    name: str
    clips: tuple[Clip, ...]
    weight: float


class Voices:
    """The speakers of one split of a speech pool.

    A sex is drawn first (f and m equally often), then a speaker with a weight that grows as the square root of the time
    there is of them: neither 250 readers with 12 s each nor a few with an hour drown the rest. `excluded`: patterns of
    paths or speakers to leave out. Raises InputError if the split holds no speech.
    """

    def __init__(self, pool: Pool, split: str, excluded: Sequence[str] = ()):
        self.pool, self.sample_rate = pool, pool.sample_rate
        by_sex: dict[str, dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
        for clip in pool.clips:
            dropped = any(fnmatch(clip.path, pattern) or fnmatch(clip.group, pattern) for pattern in excluded)
            if clip.split == split and not dropped:
                sex = clip.sex.rstrip("?")
                by_sex[sex if sex in "fm" else ""][clip.group].append(clip)
        if not by_sex:
            raise InputError(f"the {split} split has no speech at {pool.sample_rate} Hz", "look at training prepare")
        self._sexes = sorted(by_sex)
        self._speakers = {s: [self._speaker(n, c) for n, c in sorted(by_sex[s].items())] for s in self._sexes}
        shares = self._sex_shares()
        self._shares = np.cumsum(shares / shares.sum())
        self._cumulative = {
            s: np.cumsum([v.weight for v in group]) / sum(v.weight for v in group)
            for s, group in self._speakers.items()
        }
        self._named = {v.name: v for group in self._speakers.values() for v in group}

    def _speaker(self, name: str, clips: list[Clip]) -> _Speaker:
        seconds = sum(c.length for c in clips) / self.sample_rate
        return _Speaker(name, tuple(clips), float(np.sqrt(min(seconds, LONGEST_COUNTED_S))))

    def _sex_shares(self) -> np.ndarray:
        """How often each of the sexes is drawn, not normalised."""
        shares = np.array([SEX_SHARES[s] for s in self._sexes])
        weights = np.array([sum(v.weight for v in self._speakers[s]) for s in self._sexes])
        known = np.array([s != "" for s in self._sexes])
        unknown = weights[~known].sum() / weights.sum()
        if known.any() and unknown > MOSTLY:
            shares[~known] = shares[known].sum() * unknown / (1 - unknown)
        return shares

    @property
    def names(self) -> dict[str, str]:
        """All speakers that can be drawn, and their sex (f, m, or empty)."""
        return {v.name: sex for sex, group in self._speakers.items() for v in group}

    def draw(self, length: int, rng: np.random.Generator, avoid: str = "", name: str = "") -> tuple[np.ndarray, Voice]:
        """`length` samples (float32, active level about -20 dBFS) of one speaker, and who it is.

        One to three segments with pauses of 0.1-0.7 s, more if they are single words; half of the draws begin with a
        pause. `avoid`: a speaker not to draw (kept to if there is another one of that sex); `name`: the one to draw.
        """
        speaker = self._named[name] if name else self._pick(rng)
        for _ in range(4):
            if speaker.name != avoid:
                break
            speaker = self._pick(rng)
        rate = self.sample_rate
        x = np.zeros(length, np.float32)
        position = int(rng.uniform(0, min(0.8 * rate, length / 4))) if rng.random() < 0.5 else 0
        filled = length * rng.uniform(0.7, 1.0)
        segments = int(rng.integers(1, 4))
        used: list[Clip] = []
        while position < filled and len(used) < MOST_CLIPS:
            clip = speaker.clips[rng.integers(len(speaker.clips))]
            longest = min(clip.length, length - position, max(int(rate * 1.0), length // segments))
            offset = int(rng.integers(clip.length - longest + 1))
            piece = self.pool.read(clip, offset, longest)
            piece *= np.float32(db_to_gain(-20 - clip.active_db + rng.uniform(-2, 2)))
            fade_ends(piece, int(0.008 * rate))
            x[position : position + longest] = piece
            used.append(clip)
            position += longest + int(rng.uniform(0.1, 0.7) * rate)
        first = used[0]
        return x, Voice(
            speaker.name, first.sex, first.language, first.source, min(c.bandwidth_hz for c in used),
            first.source.startswith(GATED_SOURCES), tuple(c.path for c in used),
        )  # fmt: skip

    def _pick(self, rng: np.random.Generator) -> _Speaker:
        sex = self._sexes[int(np.searchsorted(self._shares, rng.random()))]
        return self._speakers[sex][int(np.searchsorted(self._cumulative[sex], rng.random()))]


def fade_ends(x: np.ndarray, length: int) -> None:
    """Linear fades over `length` samples (at most half of x [N]) at both ends, in place."""
    length = min(length, len(x) // 2)
    if length > 0:
        ramp = np.arange(length, dtype=np.float32) / np.float32(length)
        x[:length] *= ramp
        x[-length:] *= ramp[::-1]
