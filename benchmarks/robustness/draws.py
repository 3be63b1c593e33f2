"""Validation voices and noises drawn for one question at a time, where the fixed set mixes all questions.

Draw `number` of a kind depends on the seed, the kind and the number alone, so that any first part of a set is the same
in every run, and two sets of one kind share their noises.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from training.data.fixed_sets import EXTRA_CATEGORIES, Item
from training.data.levels import active_level_db, db_to_gain, limit_peak
from training.data.noises import SYNTHETIC, Noises
from training.data.pools import Pools
from training.data.rooms import Rooms
from training.data.voices import Voice, Voices

SPLIT, SEED = "val", 20_263
LEVEL_DB = -26.0  # of active speech, dBFS: usual for speech material (ITU-T P.56 and P.800 work at this level)
GOLDEN = 0.6180339887498949  # its multiples modulo one fill 0..1 evenly from the first few on


@dataclass(frozen=True)
class Draw:
    """Speech (as heard), its target and noise, float32 [N] each, levels set; noisy = speech + noise."""

    speech: np.ndarray
    target: np.ndarray
    noise: np.ndarray
    sample_rate: int
    snr_db: float
    category: str
    voice: Voice
    noise_recording: str

    @property
    def item(self) -> Item:
        """The mixture as an item of an evaluation, scaled down where it would exceed full scale."""
        noisy, clean = self.speech + self.noise, self.target.copy()
        limit_peak(noisy, clean, 0.99)
        return Item(
            noisy, clean, self.sample_rate, round(self.snr_db, 2), self.category, self.voice.speaker,
            self.voice.language, self.speech is not self.target, self.noise_recording,
        )  # fmt: skip


class Studio:
    """The validation voices, noises and rooms at one rate (16000 or 48000). Raises InputError where one is missing."""

    def __init__(self, pools: Pools, sample_rate: int):
        self.rate = sample_rate
        speech = pools.get("speech", sample_rate)
        self.voices = Voices(speech, SPLIT)
        recorded = {c.category for c in pools.get("noise", sample_rate).clips if c.split == SPLIT}
        self.categories = sorted(recorded | set(EXTRA_CATEGORIES))
        weights = dict.fromkeys([*self.categories, *SYNTHETIC], 1.0)
        self.noises = Noises(pools.get("noise", sample_rate), SPLIT, self.voices, weights)
        self.rooms = Rooms(pools.folder, SPLIT, sample_rate).rooms
        np.random.default_rng([SEED, sample_rate]).shuffle(self.categories)
        self.languages = _speakers_by_language(speech.clips, self.voices.names)
        self.speakers = _sexes_in_turn(self.voices.names)

    def speaker(self, number: int, language: str = "") -> str:
        """Speakers in turn, of one language or all (the sexes then alternate)."""
        names = self.languages[language] if language else self.speakers
        return names[number % len(names)]

    def voice(self, kind: int, number: int, seconds: float, speaker: str, avoid: str = "") -> tuple[np.ndarray, Voice]:
        """Speech of one speaker at LEVEL_DB, float32 [seconds * rate]; of anybody but `avoid` without a name."""
        rng = np.random.default_rng([SEED, kind, number, 1])
        x, voice = self.voices.draw(round(seconds * self.rate), rng, avoid=avoid, name=speaker)
        return at_level(x, self.rate, LEVEL_DB), voice

    def noise(self, kind: int, number: int, length: int, category: str = "") -> tuple[np.ndarray, str, str]:
        """Noise of a category (all take turns without one) at LEVEL_DB [length]; its category and recording."""
        category = category or self.categories[(number + number // len(self.categories)) % len(self.categories)]
        rng = np.random.default_rng([SEED, kind, number, 2])
        x, facts = self.noises.draw(length, rng, category)
        return at_level(x, self.rate, LEVEL_DB), category, facts["clips"][0] if facts["clips"] else ""

    def mixture(
        self, kind: int, number: int, seconds: float, snr_db: tuple[float, float], speaker: str, category: str = ""
    ) -> Draw:
        """A dry voice in noise at an SNR within the range, which the numbers fill evenly."""
        speech, voice = self.voice(kind, number, seconds, speaker)
        noise, category, recording = self.noise(kind, number, len(speech), category)
        snr = spread(number, *snr_db)
        noise *= np.float32(db_to_gain(-snr))
        return Draw(speech, speech, noise, self.rate, snr, category, voice, recording)


def spread(number: int, low: float, high: float) -> float:
    """Value `number` of an even sequence within low..high."""
    return low + (high - low) * ((0.5 + number * GOLDEN) % 1.0)


def at_level(x: np.ndarray, sample_rate: int, level_db: float) -> np.ndarray:
    """x [N] scaled to an active level in dBFS; silence stays silence."""
    now = active_level_db(x, sample_rate)
    return x * np.float32(db_to_gain(level_db - now)) if now > -100 else x


def _speakers_by_language(clips, names: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        if clip.split == SPLIT and clip.group in names:
            found[clip.language].add(clip.group)
    shuffled = np.random.default_rng(SEED)
    return {language: list(shuffled.permutation(sorted(found[language]))) for language in sorted(found)}


def _sexes_in_turn(names: dict[str, str]) -> list[str]:
    """All speakers, f and m in turn while both last (unknown ones count as neither and come last)."""
    rng = np.random.default_rng(SEED)
    groups = [list(rng.permutation([n for n in sorted(names) if names[n] == sex])) for sex in ("f", "m", "")]
    paired = [name for pair in zip(*groups[:2], strict=False) for name in pair]
    return paired + [name for group in groups for name in group if name not in set(paired)]
