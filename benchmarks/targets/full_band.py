"""What the mixtures at 48 kHz alone can tell: how the band above 8 kHz fares, in speech and in its pauses."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from enhancer.evaluation.journal import Journal
from enhancer.evaluation.scoring import Outcome
from enhancer.evaluation.segmental import log_spectral_distance
from training.data.fixed_sets import Item
from training.data.levels import active_level_db
from training.evaluation.items import Entry
from training.evaluation.systems import System

VERSION = 1  # goes into the key of stored values: a change of a definition makes them be taken again
FULL_RATE = 48_000
BAND_HZ = (8_000.0, 16_000.0)
EDGE_HZ = 8_000.0
FRAME_S = 0.02
PAUSE_DB = -40.0  # a frame of the clean recording this far under its active level, and its neighbours, are a pause
LEAST_PAUSES = 10  # frames; fewer say nothing
# With speech at 65 dB SPL, the threshold of hearing between 8 and 12.5 kHz (12 to 14 dB SPL, ISO 226:2003) lies some
# 50 dB under it; above, hearing is duller.
AUDIBLE_DB = -50.0
FLOOR_DB = -100.0  # digital silence
LSD, LEFT, LEVEL = "lsd_8_16_khz", "pause_left_db", "pause_level_db"


@dataclass(frozen=True)
class Pauses:
    """The band above 8 kHz where the voice pauses, dB: against the noisy mixture, and against active speech.

    NaN without enough pauses; `left_db` also where the mixture itself is inaudible there.
    """

    left_db: float
    level_db: float


def pauses(estimate: np.ndarray, item: Item) -> Pauses:
    """What an estimate of item.clean, [N], leaves above 8 kHz where the clean recording pauses."""
    rate = item.sample_rate
    level = active_level_db(item.clean, rate)
    quiet = _to_db(_frame_powers(item.clean, rate, 0.0)) - level < PAUSE_DB
    quiet[1:-1] &= quiet[:-2] & quiet[2:]  # the borders sound of the word
    if np.count_nonzero(quiet) < LEAST_PAUSES:
        return Pauses(np.nan, np.nan)
    noisy_db, left_db = (
        float(_to_db(np.mean(_frame_powers(x, rate, EDGE_HZ)[quiet]))) - level for x in (item.noisy, estimate)
    )
    return Pauses(left_db - noisy_db if noisy_db > AUDIBLE_DB else np.nan, left_db)


def measure(
    entries: Sequence[Entry],
    systems: Sequence[System],
    journal: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[tuple[str, str], dict[str, float]]:
    """By (item, system): the log-spectral distance from 8 to 16 kHz, and `pauses`, of the items at 48 kHz.

    What the journal knows is not made again. Raises UserError when a system cannot run here.
    """
    versions = {system.label: system.version() for system in systems}
    full = [(entry, item) for entry in entries if (item := entry.load()).sample_rate == FULL_RATE]
    values = {}
    with contextlib.closing(Journal(journal)) as known:
        for done, (entry, item) in enumerate(full, start=1):
            for system in systems:
                key = _key(entry, system.label, versions[system.label])
                outcome = known.get(key)
                if outcome is None:
                    outcome = _outcome(entry, item, system)
                    known.add(key, outcome)
                values[entry.name, system.label] = outcome.values
            progress(done, len(full))
    return values


def _outcome(entry: Entry, item: Item, system: System) -> Outcome:
    estimate, _ = system.enhance(item)
    heard = pauses(estimate, item)
    values = {
        LSD: log_spectral_distance(estimate, item.clean, item.sample_rate, *BAND_HZ),
        LEFT: heard.left_db,
        LEVEL: heard.level_db,
    }
    return Outcome(entry.name, system.label, len(item.clean) / item.sample_rate, item.sample_rate, 1, values)


def _key(entry: Entry, label: str, version: str) -> str:
    return hashlib.sha256(json.dumps([VERSION, entry.name, entry.key, label, version]).encode()).hexdigest()[:24]


def _frame_powers(x: np.ndarray, sample_rate: int, above_hz: float) -> np.ndarray:
    """Mean square of Hann-windowed frames of 20 ms, half overlapping, above a frequency. x [N]; returns [frames]."""
    size = round(FRAME_S * sample_rate)
    window = np.hanning(size + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(x, np.float64), size)[:: size // 2]
    spectra = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    chosen = np.fft.rfftfreq(size, 1 / sample_rate) >= above_hz
    return 2 * spectra[:, chosen].sum(axis=1) / (size * np.sum(window**2))


def _to_db(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))
