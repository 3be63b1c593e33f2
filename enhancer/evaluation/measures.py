"""The table of measures that an evaluation reports, and all of them for one pair of signals.

Each measure has the rate it is defined at; signals of other rates are resampled to it. Where a measure is undefined (no
speech in the reference, too short, too low a rate) it is NaN, with the reason in words.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from enhancer.errors import ConfigError
from enhancer.evaluation import words

# Goes into the key of stored scores: a change of any definition makes them be taken again.
VERSION = 1
_BOUNDS_DB = (-60.0, 100.0)
_WIDE_HZ = 16_000
_FROM_PESQ = {"csig", "cbak", "covl"}
# What each optional extra brings, and for what.
_PACKAGES = {"eval": ("pesq", "pystoi", "scipy"), "dnsmos": ("speechmos", "scipy"), "words": ("jiwer", "pocketsphinx")}
_PURPOSES = {"eval": "evaluation", "dnsmos": "DNSMOS", "words": "the word error rate"}


@dataclass(frozen=True)
class Measure:
    """One column: its key in files, its name for people, digits that mean something, and which way is better.

    `better` is 1 (more), -1 (less) or 0 (neither: 0 dB of level change is best). `extra` is the optional extra that it
    needs, `reference` whether it compares with a clean recording.
    """

    key: str
    label: str
    digits: int
    better: int
    what: str
    extra: str = "eval"
    reference: bool = True


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
    Measure("dnsmos_sig", "DNSMOS SIG", 2, 1, "predicted P.835 rating of the speech, at 16 kHz, 1..5", "dnsmos", False),
    Measure("dnsmos_bak", "DNSMOS BAK", 2, 1, "predicted P.835 rating of the background, 1..5", "dnsmos", False),
    Measure("dnsmos_ovrl", "DNSMOS OVRL", 2, 1, "predicted P.835 overall rating, 1..5", "dnsmos", False),
    Measure("dnsmos_p808", "DNSMOS P.808", 2, 1, "predicted P.808 overall rating, 1..5", "dnsmos", False),
    Measure("wer", "WER %", 1, -1, "word error rate against what is heard in the clean file, at 16 kHz", "words"),
    Measure("level_db", "level dB", 2, 0, "level of the clean speech inside the signal against the clean file"),
    Measure("rtf", "RTF", 4, -1, "processor seconds per second of sound, one thread; where we denoised", "", False),
)
BY_KEY = {measure.key: measure for measure in MEASURES}
# The others take seconds a file, and are asked for.
STANDARD = tuple(measure.key for measure in MEASURES if measure.extra in ("", "eval"))
DNSMOS = tuple(measure.key for measure in MEASURES if measure.extra == "dnsmos")
WORDS = ("wer",)


@dataclass
class Scores:
    """Every measure's value (NaN: undefined) and why the undefined ones are."""

    values: dict[str, float]
    reasons: dict[str, str]


def require_packages(keys: Collection[str] = STANDARD, recogniser: str = words.DEFAULT) -> None:
    """Raises ConfigError, with the command that mends it, where a package that these measures need is missing.

    A recogniser that is not the default is looked up, but not made.
    """
    extras = dict.fromkeys(measure.extra for measure in MEASURES if measure.key in keys and measure.extra)
    needed = {extra: [name for name in _PACKAGES[extra] if importlib.util.find_spec(name) is None] for extra in extras}
    if "words" in needed and recogniser != words.DEFAULT:
        words.find(recogniser)
        needed["words"] = [name for name in needed["words"] if name != words.DEFAULT]
    missing = {extra: names for extra, names in needed.items() if names}
    if missing:
        said = "; ".join(f"{_PURPOSES[extra]} needs {' and '.join(names)}" for extra, names in missing.items())
        raise ConfigError(said, f"pip install 'enhancer[{','.join(missing)}]'")


def score(
    estimate: np.ndarray,
    clean: np.ndarray | None,
    sample_rate: int,
    keys: Collection[str] = STANDARD,
    recogniser: str = words.DEFAULT,
) -> Scores:
    """The measures of `keys` but the real-time factor, the mean over channels.

    Shapes: estimate, clean [n, channels], aligned, the same shape and rate; float, full scale 1. `clean` may be missing
    where no measure compares with it. `recogniser` is who hears the words (`words.recogniser`).
    A measure that is undefined for some channels is the mean of the others, and NaN if there are none.
    Raises ValueError for shapes that differ or a clean signal that is needed, and ConfigError or ModelError for what
    is not installed.
    """
    if clean is None and any(BY_KEY[key].reference for key in keys):
        raise ValueError("these measures need a clean signal")
    if clean is not None and estimate.shape != clean.shape:
        raise ValueError(f"expected one shape, got {estimate.shape} and {clean.shape}")
    wanted = {*keys, *(("pesq_wb",) if _FROM_PESQ & set(keys) else ())}
    channels = []
    for number in range(estimate.shape[1]):
        scores = Scores({}, {})
        _rate_alone(scores, estimate[:, number], sample_rate, wanted)
        if clean is not None:
            _compare(scores, estimate[:, number], clean[:, number], sample_rate, wanted, recogniser)
        channels.append(scores)
    values, reasons = {}, {}
    for measure in MEASURES:
        if measure.key not in keys:
            continue
        found = [channel.values.get(measure.key, np.nan) for channel in channels]
        values[measure.key] = _mean(found)
        if np.isnan(values[measure.key]):
            reasons[measure.key] = next((c.reasons[measure.key] for c in channels if measure.key in c.reasons), "")
    return Scores(values, {key: reason for key, reason in reasons.items() if reason})


def _take(
    scores: Scores, wanted: Collection[str], keys: Sequence[str], compute: Callable[[], tuple[float, ...]]
) -> None:
    """Computes what is wanted; a ValueError becomes the reason why it is undefined."""
    if not any(key in wanted for key in keys):
        return
    try:
        scores.values.update(zip(keys, compute(), strict=True))
    except ValueError as error:
        scores.reasons.update(dict.fromkeys(keys, str(error)))


def _rate_alone(scores: Scores, estimate: np.ndarray, sample_rate: int, wanted: Collection[str]) -> None:
    """The measures of one channel that hear nothing else."""
    from enhancer.evaluation.dnsmos import dnsmos

    _take(scores, wanted, DNSMOS, lambda: dnsmos(at_rate(estimate, sample_rate, _WIDE_HZ)))


def _compare(
    scores: Scores, estimate: np.ndarray, clean: np.ndarray, sample_rate: int, wanted: Collection[str], recogniser: str
) -> None:
    """The measures of one channel against the clean one."""
    from enhancer.evaluation import metrics, segmental
    from enhancer.evaluation.composite import composite

    def take(keys: Sequence[str], compute: Callable[[], tuple[float, ...]]) -> None:
        _take(scores, wanted, keys, compute)

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
    take(WORDS, lambda: (_words_lost(estimate, clean, sample_rate, recogniser),))
    if "pesq_wb" in scores.values:
        take(["csig", "cbak", "covl"], lambda: composite(x, s, rate, scores.values["pesq_wb"]))
    else:
        reason = scores.reasons.get("pesq_wb", "")
        scores.reasons.update(dict.fromkeys(_FROM_PESQ, reason))


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


def _words_lost(estimate: np.ndarray, clean: np.ndarray, sample_rate: int, recogniser: str) -> float:
    x, s = (at_rate(signal, sample_rate, words.SAMPLE_RATE) for signal in (estimate, clean))
    return words.word_error_rate(x, s, words.recogniser(recogniser))


def _mean(values: list[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")
