"""Draws noise by category: recordings from a pool, and the synthetic kinds, babble among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch

import numpy as np

from enhancer.errors import InputError
from training.data import synthetic
from training.data.categories import CATEGORY_WEIGHTS, UNSORTED
from training.data.levels import active_level_db, db_to_gain
from training.data.pools import Clip, Pool
from training.data.voices import Voices, fade_ends

# Sounds that come and go: several of them, with gaps, instead of one that is looped.
EVENTS = frozenset(
    {"alarms_phones", "animals_children", "doors_steps_paper", "human_nonspeech", "keyboard_mouse_clicks",
     "kitchen_household", "other"}
)  # fmt: skip
SYNTHETIC = ("synthetic_noise", "synthetic_hum", "synthetic_fan", "synthetic_clicks", "synthetic_babble")
ON_REQUEST = ("synthetic_tones", "synthetic_thumps")  # where a config names them: the fixed sets stay as they are
QUIETEST_DB = -50.0  # a stretch of a recording quieter than this (stored at a peak of -1 dB) is a pause, not noise


class Babble:
    """3 to 8 other speakers at once, levels within 10 dB, from the speech of the same split."""

    def __init__(self, voices: Voices):
        self.voices = voices

    def __call__(self, length: int, rng: np.random.Generator) -> np.ndarray:
        x = np.zeros(length, np.float32)
        for _ in range(int(rng.integers(3, 9))):
            voice, _ = self.voices.draw(length, rng)
            x += np.float32(db_to_gain(-rng.uniform(0, 10))) * np.roll(voice, int(rng.integers(length)))
        return x


class Noises:
    """Noise of one split: `weights` maps a category of recordings or a synthetic kind to how often it is drawn.

    Categories without recordings at this rate are left out; names that neither the pool nor the default weights know
    raise InputError, as does an empty rest.
    """

    def __init__(
        self, pool: Pool, split: str, voices: Voices, weights: Mapping[str, float], excluded: Sequence[str] = ()
    ):
        self.pool, rate = pool, pool.sample_rate
        groups: dict[str, dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
        for clip in pool.clips:
            dropped = any(fnmatch(clip.path, pattern) or fnmatch(clip.group, pattern) for pattern in excluded)
            if clip.split == split and not dropped:
                groups[clip.category][clip.group].append(clip)
        here = {c.category for c in pool.clips}
        unknown = set(weights) - here - {*SYNTHETIC, *ON_REQUEST} - set(CATEGORY_WEIGHTS) - {UNSORTED}
        if unknown and pool.clips:
            known = ", ".join(sorted(here | {*SYNTHETIC, *ON_REQUEST}))
            raise InputError(f"unknown noise categories: {', '.join(sorted(unknown))}", f"known: {known}")
        self._recorded = {category: list(found.values()) for category, found in sorted(groups.items())}
        # A group is one original recording: the longer it is, the more it has to say, but not in proportion.
        self._groups = {
            category: np.cumsum(np.sqrt([sum(c.length for c in g) for g in found]))
            for category, found in self._recorded.items()
        }
        self._sources: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
            "synthetic_noise": synthetic.ColouredNoise(rate),
            "synthetic_hum": synthetic.Hum(rate),
            "synthetic_fan": synthetic.Fan(rate),
            "synthetic_clicks": synthetic.Clicks(rate),
            "synthetic_babble": Babble(voices),
            "synthetic_tones": synthetic.Tones(rate),
            "synthetic_thumps": synthetic.Thumps(rate),
        }
        self.categories = [n for n, w in weights.items() if w > 0 and (n in self._recorded or n in self._sources)]
        if not self.categories:
            raise InputError(f"the {split} split has no noise at {rate} Hz", "look at training prepare")
        self._cumulative = np.cumsum([weights[name] for name in self.categories])

    def draw(self, length: int, rng: np.random.Generator, category: str = "") -> tuple[np.ndarray, dict]:
        """`length` samples (float32, active level -20 dBFS) of one category (drawn if not given), and what it is."""
        if not category:
            where = np.searchsorted(self._cumulative, rng.random() * self._cumulative[-1], side="right")
            category = self.categories[int(where)]
        clips: list[str] = []
        if category in self._sources:
            x = self._sources[category](length, rng)
        else:
            x = self._recording(category, length, rng, clips)
        level_db = active_level_db(x, self.pool.sample_rate)
        if level_db > -100:
            x *= np.float32(db_to_gain(-20 - level_db))
        return x, {"category": category, "clips": clips}

    def _pick(self, category: str, rng: np.random.Generator) -> Clip:
        cumulative = self._groups[category]
        group = self._recorded[category][int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))]
        return group[rng.integers(len(group))]

    def _recording(self, category: str, length: int, rng: np.random.Generator, used: list[str]) -> np.ndarray:
        """Pieces of one recording, or of several of its category, until `length` is full."""
        rate, x = self.pool.sample_rate, np.zeros(length, np.float32)
        clip, position = self._pick(category, rng), 0
        fade = int(0.03 * rate)
        while position < length:
            size = min(clip.length, length - position + fade)
            piece = self.pool.read(clip, int(rng.integers(clip.length - size + 1)), size)
            if active_level_db(piece, rate) < QUIETEST_DB:  # fell into a pause of a long recording
                piece = self.pool.read(clip, 0, size)
            fade_ends(piece, fade)
            end = min(length, position + len(piece))
            x[position:end] += piece[: end - position]
            used.append(clip.path)
            if category in EVENTS:
                position = end + int(rng.exponential(0.4) * rate)
                if rng.random() < 0.5:
                    clip = self._pick(category, rng)
            else:
                position += max(len(piece) - fade, fade)  # the fades of neighbours overlap
        return x
