"""Segments of real recordings in noise: noisy ones that nobody has a clean version of, and recorded pairs.

Drawn by the caller's generator alone: the same generator, the same segments.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from enhancer.errors import InputError
from training.data.levels import SILENCE_DB, active_level_db, db_to_gain, limit_peak
from training.data.mixing import MixConfig
from training.data.pools import RATES, Pool, Pools
from training.data.voices import fade_ends

JOIN_S = 0.008  # fade where a short recording ends and the next one begins


class NoisySegments:
    """Unpaired segments of one split. `rates`: the sample rates at which there are any.

    `level_db`: active level, uniform between these, dB re full scale. Raises InputError if the pools hold none.
    """

    def __init__(self, pools: Pools, split: str, level_db: tuple[float, float] = MixConfig.level_db):
        self._takes = _takes(pools, "noisy", split)
        self.rates, self.level_db = tuple(self._takes), level_db

    def batch(self, rng: np.random.Generator, size: int, seconds: float, sample_rate: int) -> np.ndarray:
        """`size` segments, float32 [size, N] within +-1. Raises InputError at a rate that is not in `rates`."""
        takes, length = _at(self._takes, sample_rate, "noisy"), round(seconds * sample_rate)
        noisy = np.stack([takes.cut(takes.draw(length, rng), length) for _ in range(size)])
        for x in noisy:
            x *= _gain(x, self.level_db, sample_rate, rng)
            limit_peak(x, x[:0])
        return noisy


class PairedSegments:
    """Segments of recorded pairs of one split, both sides with the same gain. `rates`: where there are any.

    `level_db`: active level of the clean side, uniform between these. Raises InputError if the pools hold none.
    """

    def __init__(self, pools: Pools, split: str, level_db: tuple[float, float] = MixConfig.level_db):
        self._takes = _takes(pools, "paired", split)
        self._clean = {rate: pools.get("paired_clean", rate) for rate in self._takes}
        self.rates, self.level_db = tuple(self._takes), level_db

    def batch(
        self, rng: np.random.Generator, size: int, seconds: float, sample_rate: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """(noisy, clean), float32 [size, N] within +-1, sample by sample the same moments.

        Raises InputError at a rate that is not in `rates`.
        """
        takes, length = _at(self._takes, sample_rate, "paired"), round(seconds * sample_rate)
        drawn = [takes.draw(length, rng) for _ in range(size)]
        noisy = np.stack([takes.cut(pieces, length) for pieces in drawn])
        clean = np.stack([takes.cut(pieces, length, self._clean[sample_rate]) for pieces in drawn])
        for x, y in zip(noisy, clean, strict=True):
            gain = _gain(y, self.level_db, sample_rate, rng)
            x *= gain
            y *= gain
            limit_peak(x, y)
        return noisy, clean


class _Takes:
    """The recordings of one split of a pool: which part of which comes next."""

    def __init__(self, pool: Pool, split: str):
        self.pool = pool
        groups: dict[str, list[int]] = defaultdict(list)
        for number, clip in enumerate(pool.clips):
            if clip.split == split:
                groups[clip.group].append(number)
        self._groups = [groups[name] for name in sorted(groups)]
        # the more there is of a speaker or place, the more often it is drawn, but not in proportion
        self._cumulative = np.cumsum([np.sqrt(sum(pool.clips[n].length for n in g)) for g in self._groups])

    def __bool__(self) -> bool:
        return bool(self._groups)

    def draw(self, length: int, rng: np.random.Generator) -> list[tuple[int, int, int]]:
        """(clip number, offset, size) of the pieces of one group that fill `length` samples."""
        place = rng.random() * self._cumulative[-1]
        group = self._groups[int(np.searchsorted(self._cumulative, place, side="right"))]
        pieces, left = [], length
        while left > 0:
            number = group[rng.integers(len(group))]
            whole = self.pool.clips[number].length
            size = min(whole, left)
            pieces.append((number, int(rng.integers(whole - size + 1)), size))
            left -= size
        return pieces

    def cut(self, pieces: list[tuple[int, int, int]], length: int, pool: Pool | None = None) -> np.ndarray:
        """These pieces one after the other, float32 [length], from this pool or the one beside it."""
        pool = pool or self.pool
        x, position = np.zeros(length, np.float32), 0
        for number, offset, size in pieces:
            piece = pool.read(pool.clips[number], offset, size)
            if len(pieces) > 1:
                fade_ends(piece, int(JOIN_S * pool.sample_rate))
            x[position : position + size] = piece
            position += size
        return x


def _takes(pools: Pools, kind: str, split: str) -> dict[int, _Takes]:
    """Those rates at which the split has recordings of this kind. Raises InputError if there are none."""
    takes = {rate: _Takes(pools.get(kind, rate), split) for rate in RATES}
    found = {rate: of_rate for rate, of_rate in takes.items() if of_rate}
    if not found:
        raise InputError(f"the {split} split of the pools at {pools.folder} has no {kind} recordings",
                         "see how training prepare splits them: docs/data.md")  # fmt: skip
    return found


def _at(takes: dict[int, _Takes], sample_rate: int, kind: str) -> _Takes:
    if sample_rate not in takes:
        raise InputError(f"there are no {kind} recordings at {sample_rate} Hz", f"only at {', '.join(map(str, takes))}")
    return takes[sample_rate]


def _gain(x: np.ndarray, level_db: tuple[float, float], sample_rate: int, rng: np.random.Generator) -> np.float32:
    """The gain that brings x to a random active level; 1 for silence."""
    wanted, there = rng.uniform(*level_db), active_level_db(x, sample_rate)
    return np.float32(db_to_gain(wanted - there) if there > SILENCE_DB else 1.0)
