"""The supervised ("hard") loss: what the student should make of a mixture, against the clean target.

All spectra are divided by the mixture's level first, so that a quiet recording teaches as much as a loud one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from enhancer.spectral import CORE_BINS
from training.intelligibility import Intelligibility
from training.perceptual import PerceptualDistance
from training.speech_lost import speech_lost_db
from training.torch_spectral import SpectralTransform, compress, power

# Speech is present where the target's frame is within this of its loudest frame.
PRESENCE_RANGE_DB = 40.0
# A waveform nearer to its target than this is good enough: beyond it, easy items would dominate a batch.
MAX_SDR_DB = 30.0


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms of `supervised_loss`."""

    magnitude: float = 1.0  # squared error of 0.3-compressed magnitudes
    complex: float = 1.0  # squared error of 0.3-compressed complex spectra
    over_suppression: float = 1.0  # extra weight of magnitude errors where speech was removed rather than noise left
    kept: float = 0.0  # the same once more, but only where speech is louder than the noise: there nothing excuses it
    pauses: float = 0.0  # extra weight of magnitude errors while nobody speaks: noise alone is heard best
    sdr: float = 0.002  # per dB, on waveforms
    perceptual: float = 0.0  # per point of PESQ's raw scale, on waveforms
    intelligibility: float = 0.0  # per unit of ESTOI's scale, on spectra
    speech_lost: float = 0.0  # per dB of speech lost by band where it is above the noise, beyond a Wiener mask's
    presence: float = 0.05  # binary cross-entropy of speech presence
    high_band: float = 0.5  # the same magnitude error above 8 kHz
    beyond_target: float = 0.25  # weight of bins above the target recording's own bandwidth: silence there is no lesson


def mixture_scale(noisy: Tensor) -> Tensor:
    """Factor [1, batch, 1] that brings each mixture [batch, time] to an RMS of 0.05 (-26 dBFS), for spectra."""
    rms = noisy.square().mean(-1).sqrt().clamp_min(1e-5)
    return (0.05 / rms)[None, :, None]


def thresholded_sdr(estimate: Tensor, target: Tensor) -> Tensor:
    """Signal-to-distortion ratio in dB, bounded to at most 30 (Wisdom et al., 2020, eq. 2), [batch, time] -> [batch].

    Not the scale-invariant ratio: with that one a network learnt to turn clean speech down by 2.3 dB, which cost it
    nothing there and next to nothing in the compressed spectra.
    """
    energy = target.square().sum(-1).clamp_min(1e-8)
    error = (estimate - target).square().sum(-1)
    return 10.0 * torch.log10(energy / (error + 10.0 ** (-MAX_SDR_DB / 10.0) * energy))


def presence_target(clean: Tensor) -> Tensor:
    """1 where a frame of the clean spectra [frames, batch, bins] holds speech, else 0: [frames, batch]."""
    level = power(clean)[..., :CORE_BINS].mean(-1)
    threshold = level.amax(0).clamp_min(1e-7) * 10.0 ** (-PRESENCE_RANGE_DB / 10.0)
    return (level > threshold).float()


def magnitude_error(estimate: Tensor, target: Tensor, over_suppression: Tensor | float) -> Tensor:
    """Squared error of compressed magnitudes, weighted 1 + over_suppression where the estimate is the smaller."""
    difference = estimate - target
    return difference.square() * (1.0 + over_suppression * (difference < 0))


def pause_weight(config: LossConfig, presence: Tensor) -> Tensor | float:
    """1 in frames with speech, 1 + `pauses` in the others: presence [frames, batch] in, [frames, batch, 1] out."""
    return 1.0 + config.pauses * (1.0 - presence)[..., None] if config.pauses else 1.0


def over_suppression_weight(config: LossConfig, noisy: Tensor, clean: Tensor) -> Tensor | float:
    """`over_suppression`, and `kept` on top where the target is louder than what is mixed into it.

    Shapes: complex spectra [frames, batch, bins] in, [frames, batch, bins] out; a number if it is the same everywhere.
    """
    if not config.kept:
        return config.over_suppression
    return config.over_suppression + config.kept * (power(clean) > power(noisy - clean))


@cache
def _intelligibility(device: torch.device) -> Intelligibility:
    return Intelligibility().to(device)


@cache
def _perceptual(sample_rate: int, device: torch.device) -> PerceptualDistance:
    return PerceptualDistance(sample_rate).to(device)


def supervised_loss(
    config: LossConfig,
    transform: SpectralTransform,
    noisy: Tensor,
    enhanced: Tensor,
    clean: Tensor,
    clean_samples: Tensor,
    presence_logits: Tensor,
    scale: Tensor,
    bandwidth_hz: Tensor | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """The weighted sum of all terms, and each term's value.

    Shapes: noisy, enhanced, clean complex [frames, batch, bins]; clean_samples [batch, frames * hop]; presence_logits
    [frames, batch]; scale [1, batch, 1] from `mixture_scale`; bandwidth_hz [batch], up to where each target is real,
    of use at 48 kHz only. Items with a silent target count in all but the SDR.
    """
    estimate, target = compress(enhanced, scale), compress(clean, scale)
    core, core_target = estimate.core(), target.core()
    removed = over_suppression_weight(config, noisy, clean)
    core_removed = removed[..., :CORE_BINS] if isinstance(removed, Tensor) else removed
    presence = presence_target(clean)
    heard = pause_weight(config, presence)
    terms = {
        "magnitude": (heard * magnitude_error(core.magnitude, core_target.magnitude, core_removed)).mean(),
        "complex": core.squared_distance(core_target).mean(),
        "presence": torch.nn.functional.binary_cross_entropy_with_logits(presence_logits, presence),
    }
    total = (
        config.magnitude * terms["magnitude"] + config.complex * terms["complex"] + config.presence * terms["presence"]
    )
    if config.speech_lost:
        terms["speech_lost"] = speech_lost_db(noisy, enhanced, clean)
        total = total + config.speech_lost * terms["speech_lost"]
    samples = transform.synthesise(enhanced)
    reference = clean_samples[:, : samples.shape[1]]
    audible = reference.square().mean(-1) > 1e-9
    if audible.any():
        terms["sdr"] = thresholded_sdr(samples[audible], reference[audible]).mean()
        total = total - config.sdr * terms["sdr"]
        if config.perceptual:
            distance = _perceptual(transform.grid.sample_rate, samples.device)
            terms["perceptual"] = distance(samples[audible], reference[audible]).mean()
            total = total + config.perceptual * terms["perceptual"]
        if config.intelligibility:
            understood = _intelligibility(samples.device)(enhanced[:, audible], clean[:, audible]).mean()
            terms["intelligibility"] = understood
            total = total + config.intelligibility * (1.0 - understood)
    if enhanced.shape[-1] > CORE_BINS:
        above = (estimate.magnitude[..., CORE_BINS:], target.magnitude[..., CORE_BINS:])
        high = heard * magnitude_error(*above, removed[..., CORE_BINS:] if isinstance(removed, Tensor) else removed)
        if bandwidth_hz is not None:
            spacing = transform.grid.sample_rate / transform.grid.n_fft
            frequencies = spacing * torch.arange(CORE_BINS, enhanced.shape[-1], device=enhanced.device)
            real = frequencies[None, :] < bandwidth_hz[:, None]
            high = high * torch.where(real, 1.0, config.beyond_target)
        high = high.mean()
        terms["high_band"] = high
        total = total + config.high_band * high
    return total, {name: float(value.detach()) for name, value in terms.items()}
