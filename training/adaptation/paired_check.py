"""A student before and after a change, on the same mixtures: what was gained, what was forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from enhancer.evaluation.metrics import estoi, pesq_wb, si_sdr
from enhancer.evaluation.pool import Failure, run_tasks
from enhancer.evaluation.statistics import Difference, paired_difference
from enhancer.model_card import METRICS
from training.adaptation.own_recordings import CATEGORY, OwnPools
from training.data.fixed_sets import LEVEL_DB, REVERBERANT, SNR_DB
from training.data.mixing import MixConfig, Mixer
from training.evaluate import enhance
from training.networks import BandRecurrentNet

# Paired means over the validation set below which an adapted student counts as worse.
LARGEST_LOSS = {"pesq_wb": 0.02, "estoi": 0.002}
SI_SDR_BOUNDS_DB = (-60.0, 100.0)  # silence and copies must not make a mean infinite


@dataclass(frozen=True)
class Pair:
    """A mixture and its target, float32 [n] each."""

    noisy: np.ndarray
    clean: np.ndarray
    sample_rate: int


Scores = Mapping[str, np.ndarray]  # metric -> [mixtures], NaN where it is not defined (no speech found)


@dataclass(frozen=True)
class Comparison:
    """Scores of the same mixtures as they are, through the student before, and through the student after."""

    noisy: Scores
    before: Scores
    after: Scores

    @property
    def count(self) -> int:
        return len(self.after["si_sdr"])

    def change(self, metric: str) -> Difference:
        """After minus before, mixture by mixture, with the 95 % interval of the mean."""
        return paired_difference(self.after[metric], self.before[metric])

    def gained(self) -> bool:
        """Whether at least one measure is better beyond chance (95 % intervals) and none is worse beyond chance."""
        changes = [self.change(metric) for metric in METRICS]
        return any(c.low > 0 for c in changes) and not any(c.high < 0 for c in changes)

    def forgotten(self) -> list[str]:
        """The measures whose mean fell by more than it may, each with its figures; empty: nothing was forgotten."""
        lost = []
        for metric, limit in LARGEST_LOSS.items():
            (label, digits), change = METRICS[metric], self.change(metric).mean
            if not change >= -limit:  # NaN is no pass
                lost.append(f"{label} {change:+.{digits + 1}f} where at most -{limit:g} is allowed")
        return lost

    def table(self) -> str:
        """One line a measure, for people."""
        lines = [f"{'':10}{'noisy':>8}{'before':>8}{'after':>8}   change (95 % interval)"]
        for metric, (label, digits) in METRICS.items():
            systems = (self.noisy, self.before, self.after)
            values = "".join(f"{np.nanmean(scores[metric]):8.{digits}f}" for scores in systems)
            c, more = self.change(metric), digits + 1
            lines.append(f"{label:10}{values}   {c.mean:+.{more}f} ({c.low:+.{more}f} to {c.high:+.{more}f})")
        return "\n".join(lines)


def means(scores: Scores) -> dict[str, float]:
    """For a model card."""
    return {metric: round(float(np.nanmean(values)), 4) for metric, values in scores.items()}


def held_out_pairs(own: Sequence[OwnPools], count: int, seconds: float = 5.0, seed: int = 20_260) -> list[Pair]:
    """Mixtures of the parts of a person's recordings that training never hears, with speech of the split val.

    `own`: pools to draw from in turn. Every third is at 48 kHz where the recordings allow; SNRs, levels and the share
    in a simulated room as in the fixed sets.
    """
    mix = MixConfig(
        snr_db=SNR_DB,
        level_db=LEVEL_DB,
        quiet_share=0.0,
        noise_only=0.0,
        clean_only=0.0,
        second_speaker=0.0,
        sources=(1.0,),
        full_length=1.0,
        reverberant=REVERBERANT,
        reverberant_noise=0.0,
        equalised=0.0,
        band_limited=0.0,
        gain_steps=0.0,
        clipped=0.0,
        quantised=0.0,
        categories={CATEGORY: 1.0},
    )
    mixers = [(pools, Mixer(mix, pools, "val", seed)) for pools in own]
    pairs = []
    for number in range(count):
        pools, mixer = mixers[number % len(mixers)]
        rate = 48_000 if number % 3 == 2 and pools.serves(48_000) else 16_000
        mixture = mixer.mixture(seed + number, seconds, rate)
        pairs.append(Pair(mixture.noisy, mixture.clean, rate))
    return pairs


def score(
    networks: Sequence[BandRecurrentNet | None],
    pairs: Sequence[Pair],
    workers: int = 1,
    progress: Callable[[float], None] = lambda share: None,
) -> list[Scores]:
    """Scores of each network's output (None: of the mixtures themselves); PESQ and ESTOI in `workers` processes.

    `progress` gets the share that is done.
    """
    tasks = [
        (
            pair.noisy if network is None else enhance(network, pair.noisy, pair.sample_rate),
            pair.clean,
            pair.sample_rate,
        )
        for network in networks
        for pair in pairs
    ]
    found = np.full((len(tasks), len(METRICS)), np.nan)
    for done, (number, scores) in enumerate(run_tasks(_scores, tasks, workers), 1):
        if isinstance(scores, Failure):
            raise RuntimeError(f"scoring failed: {scores.error} {scores.bug}")
        found[number] = scores
        progress(done / len(tasks))
    return [dict(zip(METRICS, rows.T, strict=True)) for rows in found.reshape(len(networks), len(pairs), len(METRICS))]


def _scores(estimate: np.ndarray, clean: np.ndarray, sample_rate: int) -> list[float]:
    """The metrics of `METRICS` in their order."""
    values = []
    for metric in (pesq_wb, estoi):
        try:
            values.append(metric(estimate, clean, sample_rate))
        except ValueError:  # no speech found in the target
            values.append(np.nan)
    return [*values, float(np.clip(si_sdr(estimate, clean), *SI_SDR_BOUNDS_DB))]
