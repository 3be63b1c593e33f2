"""Noise that the student leaves while nobody speaks: how loud, how steady, how musical."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from benchmarks.robustness.activity import ACTIVE_DB, frames_within, hop_energies, marked, pauses, stretches
from benchmarks.robustness.speech import Heard
from enhancer.spectral import CORE_BINS, Grid, stft

LEAST_FRAMES = 20  # of pause in an item, 0.2 s: less says nothing of a level
LEAST_NOISE_DB = -60.0  # re speech, in these pauses: noise that comes and goes may be elsewhere
WINDOW_FRAMES = 5  # 50 ms: what is heard as loudness that moves
AFTER_HOPS = 20  # 0.2 s after speech: where noise that swells back is heard as breathing
NOTHING = 1e-12  # relative power of what counts as silence: -120 dB


def in_pauses(sound: Heard) -> dict[str, float] | None:
    """Noise before and after in the pauses of one item, or None where it has too few of them, or no noise in them.

    Levels are in dB re the speech while it is active; `spread` is the standard deviation in dB of the level of 50 ms.
    """
    grid = Grid(sound.sample_rate)
    speech, before, after = (
        np.abs(stft(x[None], grid)[:, 0]) ** 2
        for x in (sound.clean, sound.clean + sound.noise, sound.kept + sound.left)
    )
    frames = len(before)
    quiet = frames_within(marked(pauses(sound.levels), frames), frames)
    active = frames_within(sound.levels > ACTIVE_DB, frames)
    if quiet.sum() < LEAST_FRAMES or not active.any():
        return None
    reference = speech[active].sum(axis=1).mean()
    if before[quiet].sum(axis=1).mean() < 10 ** (LEAST_NOISE_DB / 10) * reference:
        return None
    found = {}
    for name, powers in (("before", before), ("after", after)):
        in_quiet = powers[quiet] / reference
        for band, bins in (("low", slice(0, CORE_BINS)), ("high", slice(CORE_BINS, None))):
            if in_quiet[:, bins].shape[1]:
                found[f"{band}_{name}_db"] = _db(in_quiet[:, bins].sum(axis=1).mean())
        found[f"spread_{name}_db"] = _spread_db(in_quiet.sum(axis=1))
    found["log_kurtosis_ratio"] = float(
        np.log(spectral_kurtosis(after[quiet, 1 : CORE_BINS - 1]) / spectral_kurtosis(before[quiet, 1 : CORE_BINS - 1]))
    )
    return found


def spectral_kurtosis(powers: np.ndarray) -> float:
    """Kurtosis mu_4 / mu_2^2 (raw moments) of power spectra [frames, bins] over all frames and bins; 6 for white noise.

    Its ratio after/before processing grows with musical noise: single bins that flash up (Uemura, Takahashi,
    Saruwatari, Shikano & Kondo, 2008). Each bin is first divided by its mean, so that neither the colour of the noise
    nor a constant attenuation counts (the need for which Torcoli, 2019, shows). NaN for silence.
    """
    if not powers.any():
        return float("nan")
    relative = powers / np.maximum(powers.mean(axis=0), np.finfo(float).tiny)
    return float(np.mean(relative**4) / np.mean(relative**2) ** 2)


def attenuation(sound: Heard) -> dict[str, float]:
    """By how many dB the noise itself is lowered while somebody speaks, in the 0.2 s after that, and later in pauses.

    NaN where an item has none of that.
    """
    before, after = (hop_energies(x, sound.sample_rate) for x in (sound.noise, sound.left))
    hops = len(before)
    spoken = sound.levels > ACTIVE_DB
    ends = [stop for _, stop in stretches(sound.levels)]
    silent = marked(pauses(sound.levels), hops)
    just_after = marked([(end, end + AFTER_HOPS) for end in ends], hops)
    places = {"in_speech": spoken, "just_after": silent & just_after, "later": silent & ~just_after}
    return {
        name: _db(before[where].sum() / max(after[where].sum(), NOTHING * before[where].sum()))
        if where.any() and before[where].sum() > 0
        else np.nan
        for name, where in places.items()
    }


def summary(sounds: Iterable[Heard]) -> dict:
    """Means over the items with noise in pauses; 90 % of the residues are below `..._after_90_db`."""
    rows, lowered = [], []
    for sound in sounds:
        row = in_pauses(sound)
        if row is not None:
            rows.append(row)
            lowered.append(attenuation(sound))
    result: dict = {"items": len(rows)}
    for name in dict.fromkeys(key for row in rows for key in row):
        values = [row[name] for row in rows if not np.isnan(row.get(name, np.nan))]
        result[name] = float(np.mean(values)) if values else None
        if name in ("low_after_db", "high_after_db"):
            result[name.replace("_db", "_90_db")] = float(np.percentile(values, 90))
    for name in ("in_speech", "just_after", "later"):
        values = [row[name] for row in lowered if not np.isnan(row[name])]
        result[f"lowered_{name}_db"] = float(np.mean(values)) if values else None
    return result


def _spread_db(powers: np.ndarray) -> float:
    count = len(powers) // WINDOW_FRAMES
    windows = powers[: count * WINDOW_FRAMES].reshape(count, WINDOW_FRAMES).mean(axis=1)
    return float(np.std(10 * np.log10(np.maximum(windows, NOTHING))))


def _db(power: float) -> float:
    return float(10 * np.log10(max(power, NOTHING)))
