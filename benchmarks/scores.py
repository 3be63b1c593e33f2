"""Scores of an enhanced clip against its clean reference, as the demo and the golden set quote them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import numpy as np

from benchmarks.clips import DemoClip


@dataclass(frozen=True)
class Scores:
    """Wide-band PESQ (1..4.64), extended STOI (0..1) and SI-SDR (dB); the mean over channels."""

    pesq_wb: float
    estoi: float
    si_sdr: float

    def rounded(self) -> dict[str, float]:
        """As a dictionary for JSON, with the digits that mean something."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def score(estimate: np.ndarray, clip: DemoClip) -> Scores:
    """Scores of `estimate` [n, channels] at the clip's rate. Raises ValueError if its shape is not the clip's."""
    from enhancer.evaluation import metrics

    clean = clip.clean()
    if estimate.shape != clean.shape:
        raise ValueError(f"{clip.name}: expected samples of shape {clean.shape}, got {estimate.shape}")
    return mean(
        Scores(metrics.pesq_wb(x, s, clip.sample_rate), metrics.estoi(x, s, clip.sample_rate), metrics.si_sdr(x, s))
        for x, s in zip(estimate.T, clean.T, strict=True)
    )


def mean(scores: Iterable[Scores]) -> Scores:
    """The plain mean of each measure."""
    rows = list(scores)
    return Scores(*(float(np.mean([getattr(row, field.name) for row in rows])) for field in fields(Scores)))
