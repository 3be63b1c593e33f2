"""Speech that the student loses: energy by band while somebody speaks, and at the edges of words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.robustness.activity import ACTIVE_DB, hop_energies, hop_levels, pre_emphasised, stretches
from benchmarks.robustness.through_mask import through_mask
from enhancer.features import erb_spaced
from enhancer.model import Student
from enhancer.spectral import Grid, stft
from training.data.fixed_sets import Item

# Eight bands of equal width on the ERB-rate scale, as hearing has them, and two above what telephones know.
CORE_EDGES_HZ = erb_spaced(100.0, 8000.0, 9)
BANDS_HZ = [*pairwise(CORE_EDGES_HZ), (8_000.0, 16_000.0), (16_000.0, 24_000.0)]
BAND_NAMES = [f"{low / 1000:.2g}-{high / 1000:.2g}" for low, high in BANDS_HZ]  # kHz
# A band is speech where it stands out of the recording's own pauses, and can be heard: with a voice at 65 dB SPL, 50 dB
# under it is the threshold of hearing from 8 to 12.5 kHz (ISO 226:2003); above, hearing is duller (ISO 389-7).
OVER_PAUSES_DB, LEAST_DB = 10.0, -50.0
EDGE_HOPS = 5  # 50 ms: a stop's burst, or the start of a fricative
CUT_DB = -6.0


@dataclass(frozen=True)
class Heard:
    """A mixture taken apart, float32 [N] each: clean + noise went in, kept + left came out. `levels`: see activity."""

    clean: np.ndarray
    noise: np.ndarray
    kept: np.ndarray
    left: np.ndarray
    sample_rate: int
    levels: np.ndarray


def heard(student: Student, items: Iterable[Item]) -> Iterator[Heard]:
    """Each item through the student, speech and noise apart. Rates: 16000 and 48000 Hz."""
    for item in items:
        noise = item.noisy - item.clean
        kept, left = through_mask(student, item.noisy, np.stack([item.clean, noise]), item.sample_rate)
        levels = hop_levels(item.clean, item.sample_rate)
        yield Heard(item.clean, noise, kept, left, item.sample_rate, levels)


def kept_by_band(sound: Heard) -> tuple[np.ndarray, np.ndarray]:
    """Change of speech energy over active frames in dB by band, [bands + 1] each, the last over all; negative: lost.

    First what was kept, then what the ideal Wiener mask would keep, which knows speech and noise apart and makes the
    squared error least. NaN where a band holds no speech of this recording.
    """
    grid = Grid(sound.sample_rate)
    before, noise, after = (np.abs(stft(x[None], grid)[:, 0]) ** 2 for x in (sound.clean, sound.noise, sound.kept))
    wiener = before * (before / np.maximum(before + noise, 1e-12)) ** 2
    # A frame of 32 ms is centred one hop before the one that it ends with.
    centred = np.concatenate([[-120.0], sound.levels, [-120.0, -120.0]])[: len(before)]
    active, pause = centred > ACTIVE_DB, (centred < ACTIVE_DB) & (centred > -100)
    hertz = np.arange(grid.bins) * grid.sample_rate / grid.n_fft
    everything = before[active].sum()
    changes = []
    for low, high in [*BANDS_HZ, (BANDS_HZ[0][0], BANDS_HZ[-1][1])]:
        bins = (hertz >= low) & (hertz < high) & (low < sound.sample_rate / 2)
        energy = before[active][:, bins].sum()
        floor = np.percentile(before[pause][:, bins].sum(axis=1), 10) * active.sum() if pause.any() else 0.0
        is_speech = energy > 10 ** (LEAST_DB / 10) * everything and energy > 10 ** (OVER_PAUSES_DB / 10) * floor
        changes.append(
            [10 * np.log10(x[active][:, bins].sum() / energy) if is_speech else np.nan for x in (after, wiener)]
        )
    kept, ideal = np.array(changes).T
    return kept, ideal


def kept_at_edges(sound: Heard) -> np.ndarray:
    """Change of energy in dB over the first 50 ms, the middle and the last 50 ms of each stretch: [stretches, 3].

    All of it pre-emphasised: what there is of hum in the pauses of a recording is no onset.
    """
    clean, kept = (pre_emphasised(x, sound.sample_rate) for x in (sound.clean, sound.kept))
    before, after = (hop_energies(x, sound.sample_rate) for x in (clean, kept))
    rows = []
    for start, stop in stretches(hop_levels(clean, sound.sample_rate)):
        cuts = [start, start + EDGE_HOPS, stop - EDGE_HOPS, stop]
        parts = [(before[a:b].sum(), after[a:b].sum()) for a, b in pairwise(cuts)]
        rows.append([10 * np.log10(max(y, 1e-9 * x) / x) for x, y in parts])
    return np.array(rows).reshape(-1, 3)


def _means(rows: np.ndarray) -> list[float | None]:
    """Means of [recordings, bands] over the recordings that have speech in a band."""
    found = (column[~np.isnan(column)] for column in rows.T)
    return [float(column.mean()) if column.size else None for column in found]


def summary(sounds: Iterable[Heard]) -> dict:
    """Means over recordings (bands) and over stretches (edges), as in the tables."""
    bands, edges = [], []  # bands: [recordings][kept, by the Wiener mask][bands + 1]
    for sound in sounds:
        bands.append(kept_by_band(sound))
        edges.append(kept_at_edges(sound))
    at_edges = np.concatenate(edges)
    kept, ideal = (_means(rows) for rows in np.array(bands).swapaxes(0, 1))
    onset, middle, offset = at_edges.mean(axis=0).tolist()
    return {
        "items": len(bands),
        "kept_db": dict(zip([*BAND_NAMES, "all"], kept, strict=True)),
        "wiener_kept_db": dict(zip([*BAND_NAMES, "all"], ideal, strict=True)),
        "stretches": len(at_edges),
        "onset_db": onset,
        "middle_db": middle,
        "offset_db": offset,
        "onsets_cut": float(np.mean(at_edges[:, 0] < CUT_DB)),
        "offsets_cut": float(np.mean(at_edges[:, 2] < CUT_DB)),
    }
