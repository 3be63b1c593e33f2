"""The sets that are drawn beside the fixed one: gentle noise, steady noise with long pauses, one a language."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from benchmarks.robustness.draws import Draw, Studio, spread
from training.data.fixed_sets import Item
from training.data.levels import db_to_gain
from training.evaluation.items import Entry

GENTLE, STEADY, LANGUAGES, CONDITIONS = 1, 2, 3, 4  # kinds: each has draws of its own
GENTLE_DB, STEADY_DB, USUAL_DB = (15.0, 25.0), (0.0, 15.0), (-5.0, 15.0)  # SNRs; the last those of the fixed set
SECONDS = 5.0
SPOKEN_S, PAUSES_S = 2.0, (1.0, 1.5, 1.0)
STEADY_NOISES = ("synthetic_fan", "fan_machines", "construction_vacuum", "wind_rain_water")
# Families of the languages there are voices of; what no family is known of stands alone.
FAMILIES = {
    "en": "Germanic", "sv": "Germanic", "af": "Germanic", "de": "Germanic", "nl": "Germanic", "da": "Germanic",
    "cs": "Slavic", "sk": "Slavic", "uk": "Slavic", "pl": "Slavic", "ru": "Slavic", "sr": "Slavic", "bg": "Slavic",
    "fr": "Romance", "es": "Romance", "it": "Romance", "pt": "Romance", "ca": "Romance", "ro": "Romance",
    "hi": "Indo-Aryan", "th": "Kra-Dai", "eo": "constructed",
}  # fmt: skip


def gentle(studio: Studio, count: int, *, clean: bool) -> Iterator[Item]:
    """Dry speech in noise 15 to 25 dB below it, or the same speech without noise."""
    for number in range(count):
        item = studio.mixture(GENTLE, number, SECONDS, GENTLE_DB, studio.speaker(number)).item
        yield _without_noise(item) if clean else item


def steady(studio: Studio, count: int) -> Iterator[Item]:
    """Fans, vacuum cleaners, rain: noise, two stretches of speech, and 1 to 1.5 s of pause around them."""
    silences = [np.zeros(round(seconds * studio.rate), np.float32) for seconds in PAUSES_S]
    names = [name for name in STEADY_NOISES if name in studio.noises.categories]
    for number in range(count):
        said = [studio.voice(STEADY, 2 * number + i, SPOKEN_S, studio.speaker(number)) for i in range(2)]
        speech = np.concatenate([silences[0], said[0][0], silences[1], said[1][0], silences[2]])
        noise, category, recording = studio.noise(STEADY, number, len(speech), names[number % len(names)])
        snr = spread(number, *STEADY_DB)
        noise *= np.float32(db_to_gain(-snr))
        yield Draw(speech, speech, noise, studio.rate, snr, category, said[0][1], recording).item


def languages(studio: Studio, count: int) -> Iterator[Entry]:
    """`count` mixtures of each language: the same noises and SNRs for all of them, the speakers of each in turn."""
    for language in studio.languages:
        for number in range(count):
            speaker = studio.speaker(number, language)
            item = studio.mixture(LANGUAGES, number, SECONDS, USUAL_DB, speaker).item
            yield entry_of(item, f"{language}_{number:02d}")


def entry_of(item: Item, name: str) -> Entry:
    """An item as `training.evaluation` scores and remembers it."""
    key = hashlib.sha256(item.noisy.tobytes() + item.clean.tobytes()).hexdigest()[:24]
    return Entry(name, key, lambda: item, item.category, item.speaker, item.noise_recording)


def _without_noise(item: Item) -> Item:
    return Item(item.clean, item.clean, item.sample_rate, np.inf, "", item.speaker, item.language, item.reverberant)
