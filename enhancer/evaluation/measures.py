"""The table of measures that an evaluation reports, and all of them for one pair of signals.

Each measure has the rate it is defined at; signals of other rates are resampled to it. Where a measure is undefined (no
speech in the reference, too short, too low a rate) it is NaN, with the reason in words.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from enhancer.errors import ConfigError

# Goes into the key of stored scores: a change of any definition makes them be taken again.
VERSION = 1
_BOUNDS_DB = (-60.0, 100.0)
_WIDE_HZ = 16_000
_FROM_PESQ = {"csig", "cbak", "covl"}


@dataclass(frozen=True)
class Measure:
    """One column: its key in files, its name for people, digits that mean something, and which way is better.

    `better` is 1 (more), -1 (less) or 0 (neither: 0 dB of level change is best).
    """

    key: str
    label: str
    digits: int
    better: int
    what: str


MEASURES = (
    Measure("pesq_wb", "PESQ-WB", 2, 1, "wide-band PESQ, ITU-T P.862.2, at 16 kHz, 1..4.64"),
    Measure("pesq_nb", "PESQ-NB", 2, 1, "narrow-band PESQ, ITU-T P.862 mapped by P.862.1, at 8 kHz, 1..4.55"),
    Measure("stoi", "STOI", 3, 1, "short-time objective intelligibility, at 10 kHz, 0..1"),
    Measure("estoi", "ESTOI", 3, 1, "extended STOI, at 10 kHz, 0..1"),
    Measure("si_sdr", "SI-SDR dB", 2, 1, "scale-invariant signal-to-distortion ratio, at the files' own rate"),
    Measure("seg_snr", "segSNR dB", 2, 1, "segmental SNR, -10..35, at 16 kHz"),
    Measure("lsd", "LSD dB", 2, -1, "log-spectral distance, at 16 kHz"),
    Measure("csig", "CSIG", 2, 1, "predicted rating of the speech, from PESQ-WB, at 16 kHz, 1..5"),
    Measure("cbak", "CBAK", 2, 1, "predicted rating of the background, from PESQ-WB, at 16 kHz, 1..5"),
    Measure("covl", "COVL", 2, 1, "predicted overall rating, from PESQ-WB, at 16 kHz, 1..5"),
    Measure("level_db", "level dB", 2, 0, "level of the clean speech inside the signal against the clean file"),
    Measure("rtf", "RTF", 4, -1, "processor seconds per second of sound, one thread; where we denoised"),
)
BY_KEY = {measure.key: measure for measure in MEASURES}


@dataclass
class Scores:
    """Every measure's value (NaN: undefined) and why the undefined ones are."""

    values: dict[str, float]
    reasons: dict[str, str]


def require_packages() -> None:
    """Raises ConfigError, with the command that mends it, where a package of the extra `eval` is missing."""
    missing = [name for name in ("pesq", "pystoi", "scipy") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"evaluation needs {' and '.join(missing)}", "pip install 'enhancer[eval]'")


def score(estimate: np.ndarray, clean: np.ndarray, sample_rate: int, keys: Collection[str] = tuple(BY_KEY)) -> Scores:
    """The measures of `keys` (all of them) but the real-time factor, the mean over channels.

    Shapes: estimate, clean [n, channels], aligned, the same shape and rate; float, full scale 1.
    A measure that is undefined for some channels is the mean of the others, and NaN if there are none.
    Raises ValueError for shapes that differ.
    """
    if estimate.shape != clean.shape:
        raise ValueError(f"expected one shape, got {estimate.shape} and {clean.shape}")
    wanted = {*keys, *(("pesq_wb",) if _FROM_PESQ & set(keys) else ())}
    channels = [_channel(x, s, sample_rate, wanted) for x, s in zip(estimate.T, clean.T, strict=True)]
    values, reasons = {}, {}
    for measure in MEASURES:
        if measure.key not in keys:
            continue
        found = [channel.values.get(measure.key, np.nan) for channel in channels]
        values[measure.key] = _mean(found)
        if np.isnan(values[measure.key]):
            reasons[measure.key] = next((c.reasons[measure.key] for c in channels if measure.key in c.reasons), "")
    return Scores(values, {key: reason for key, reason in reasons.items() if reason})


def _channel(estimate: np.ndarray, clean: np.ndarray, sample_rate: int, wanted: Collection[str]) -> Scores:
    from enhancer.evaluation import metrics, segmental
    from enhancer.evaluation.composite import composite

    scores = Scores({}, {})

    def take(keys: Collection[str], compute: Callable[[], tuple[float, ...]]) -> None:
        if not any(key in wanted for key in keys):
            return
        try:
            scores.values.update(zip(keys, compute(), strict=True))
        except ValueError as error:
            scores.reasons.update(dict.fromkeys(keys, str(error)))

    rate = min(sample_rate, _WIDE_HZ)
    x, s = at_rate(estimate, sample_rate, rate), at_rate(clean, sample_rate, rate)

    def wide(compute: Callable[[], tuple[float, ...]]) -> tuple[float, ...]:
        if sample_rate < _WIDE_HZ:
            raise ValueError(f"wide-band measures need sound of 16 kHz or more, this is {sample_rate} Hz")
        return compute()

    take(["pesq_wb"], lambda: wide(lambda: (metrics.pesq_wb(x, s, rate),)))
    take(["pesq_nb"], lambda: (metrics.pesq_nb(estimate, clean, sample_rate),))
    take(["stoi"], lambda: (metrics.stoi(x, s, rate),))
    take(["estoi"], lambda: (metrics.estoi(x, s, rate),))
    # Bounded, so that one exact copy or one silent output cannot make a mean infinite.
    take(["si_sdr"], lambda: (float(np.clip(metrics.si_sdr(estimate, clean), *_BOUNDS_DB)),))
    take(["level_db"], lambda: (float(np.clip(speech_level_db(estimate, clean), *_BOUNDS_DB)),))
    take(["lsd"], lambda: (segmental.log_spectral_distance(x, s, rate),))
    take(["seg_snr"], lambda: (_segmental_snr(x, s, rate),))
    if "pesq_wb" in scores.values:
        take(["csig", "cbak", "covl"], lambda: composite(x, s, rate, scores.values["pesq_wb"]))
    else:
        reason = scores.reasons.get("pesq_wb", "")
        scores.reasons.update(dict.fromkeys(_FROM_PESQ, reason))
    return scores


def speech_level_db(estimate: np.ndarray, clean: np.ndarray) -> float:
    """By how many dB the clean speech inside `estimate` is louder than in `clean`: 20 log10 of |<x, s>| / <s, s>.

    0 where speech kept its level, whatever noise remains; negative where speech was eaten. -inf for a silent estimate.
    Shapes: [T] both. Raises ValueError for a silent reference.
    """
    energy = float(np.dot(clean, clean))
    if not energy:
        raise ValueError("the speech level needs a reference that is not silent")
    share = abs(float(np.dot(estimate, clean))) / energy
    return float(20 * np.log10(share)) if share else float("-inf")


def at_rate(signal: np.ndarray, sample_rate: int, wanted: int) -> np.ndarray:
    """`signal` [n] or [n, channels] at another rate (soxr HQ)."""
    if sample_rate == wanted:
        return signal
    import soxr

    return soxr.resample(signal, sample_rate, wanted, "HQ")


def _segmental_snr(estimate: np.ndarray, clean: np.ndarray, sample_rate: int) -> float:
    from enhancer.evaluation.segmental import segmental_snr

    if not np.any(clean):
        raise ValueError("the segmental SNR needs a reference that is not silent")
    return segmental_snr(estimate, clean, sample_rate)


def _mean(values: list[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")
