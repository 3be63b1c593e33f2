"""Fills a cache: draws mixtures, runs the teacher over them, notes how well it did; and sums a cache up in a table."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.teachers.base import Teacher, TeacherOutput
from training.teachers.cache import CacheWriter, TeacherCache

# (index of the segment) -> noisy, clean [samples] and what is known about the mixture. A pure function of the index:
# that is what makes a resumed cache equal to an uninterrupted one.
Source = Callable[[int], tuple[np.ndarray, np.ndarray, dict[str, Any]]]


def mixture_seed(seed: int, segment: int) -> int:
    """The seed of a segment's mixture, 0..2^62 - 1: unrelated for neighbouring seeds and segments."""
    return int(np.random.SeedSequence([seed, segment]).generate_state(1, np.uint64)[0] >> np.uint64(2))


def mixer_source(mixer: Any, seed: int, seconds: float, sample_rate: int) -> Source:
    """Segments from a `training.data.mixing.Mixer`: each is the mixture of `mixture_seed(seed, segment)`."""

    def draw(segment: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        mixture = mixer.mixture(mixture_seed(seed, segment), seconds, sample_rate)
        info = {key: mixture.info.get(key) for key in ("seed", "kind", "snr_db", "reverberant")}
        info["noise"] = [source["category"] for source in mixture.info.get("noise", [])]
        return mixture.noisy, mixture.clean, info

    return draw


def facts(noisy: np.ndarray, clean: np.ndarray, output: TeacherOutput) -> dict[str, float | None]:
    """What a segment's line says about the teacher: SI-SDR in dB before and after, and its level on the target in dB.

    `level_db` is the projection of the teacher's signal on the clean one: 0 dB keeps the speech's level. Without
    speech the three are None and `left_db` says how much of the noise is left, in dB.
    """
    from enhancer.evaluation.metrics import si_sdr

    left = _power(output.enhanced) / max(_power(noisy), 1e-20)
    row: dict[str, float | None] = {"si_sdr_noisy": None, "si_sdr_teacher": None, "level_db": None}
    if _power(clean) > 1e-12:
        row["si_sdr_noisy"] = _finite(si_sdr(noisy, clean))
        row["si_sdr_teacher"] = _finite(si_sdr(output.enhanced, clean))
        projection = abs(float(output.enhanced @ clean)) / float(clean @ clean)
        row["level_db"] = _finite(20 * np.log10(max(projection, 1e-10)))
    else:
        row["left_db"] = _finite(10 * np.log10(max(left, 1e-20)))
    return row


@dataclass(frozen=True)
class Progress:
    """How far a build is: segments in the cache and wanted, and the teacher's cost so far."""

    done: int
    wanted: int
    real_time_factor: float  # seconds of this process's CPU time a second of audio, mixing included


def build(
    writer: CacheWriter,
    teacher: Teacher,
    source: Source,
    segments: int,
    progress: Callable[[Progress], None] = lambda _: None,
) -> int:
    """Appends segments until the cache holds `segments`; returns how many were added. May be stopped at any moment."""
    added, started = 0, time.process_time()
    while writer.segments < segments:
        noisy, clean, info = source(writer.segments)
        output = teacher.run(noisy)
        writer.append(noisy, clean, output, {**info, **facts(noisy, clean, output)})
        added += 1
        spent = (time.process_time() - started) / (added * writer.header.seconds)
        progress(Progress(writer.segments, segments, spent))
    return added


def lag(teacher: np.ndarray, reference: np.ndarray) -> tuple[int, bool]:
    """Samples by which teacher [N] follows reference [N] (peak of |cross-correlation|); if positive there."""
    size = 2 * len(teacher)
    correlation = np.fft.irfft(np.fft.rfft(teacher, size) * np.conj(np.fft.rfft(reference, size)), size)
    at = int(np.argmax(np.abs(correlation)))
    return (at - size if at > len(teacher) else at), bool(correlation[at] > 0)


def summarise(cache: TeacherCache, edges: Sequence[float] = (-30, -5, 0, 5, 10, 15, 40)) -> list[dict[str, Any]]:
    """Rows by input SI-SDR, with means in dB: SI-SDR before and after the teacher, its level on the target.

    `worse_share` is the share of segments that the teacher made worse. Segments without speech are left out.
    """
    rows = []
    lines = [line for line in cache.facts() if line["si_sdr_noisy"] is not None]
    for low, high in itertools.pairwise(edges):
        inside = [line for line in lines if low <= line["si_sdr_noisy"] < high]
        if inside:
            mean = {k: float(np.mean([x[k] for x in inside])) for k in ("si_sdr_noisy", "si_sdr_teacher", "level_db")}
            worse = float(np.mean([x["si_sdr_teacher"] < x["si_sdr_noisy"] for x in inside]))
            rows.append({"from_db": low, "to_db": high, "segments": len(inside), **mean, "worse_share": worse})
    return rows


def _power(x: np.ndarray) -> float:
    return float(np.mean(np.square(x, dtype=np.float64)))


def _finite(value: float) -> float:
    """JSON has no infinity: a perfect or silent estimate is +-100 dB."""
    return round(float(np.clip(value, -100, 100)), 2)
