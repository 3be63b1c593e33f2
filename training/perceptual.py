"""How far a signal is from its reference to the ear: the disturbances of PESQ (ITU-T P.862, P.862.2), differentiable.

Bark spectra of 32 ms Hann frames are brought to loudness (Zwicker), after the recommendation's three forgivenesses:
of the level of the whole, of a slow colouring of each band, and of changes of the level from frame to frame. What
differs then is the disturbance; what was added counts up to twelve times what is missing. Left out: time alignment (an
enhanced signal is aligned), and bad intervals. Tables and constants are those of the recommendation's reference code;
the idea of training on them is that of Martin-Donas et al., "A deep learning loss function based on the perceptual
evaluation of the speech quality" (2018). It forgives what a listener of a call would not, speech that comes and goes
with the noise: it wants terms beside it that do not (docs/training.md).
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.signal import freqz
from torch import Tensor, nn

from training.torch_spectral import power

# 49 bands: FFT bins of 31.25 Hz each holds, centre and width in Bark, correction of the power density, threshold.
BINS = (
    1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 3, 4, 5, 4, 5, 6, 6, 7,
    8, 9, 9, 12, 12, 15, 16, 18, 21, 25, 20,
)  # fmt: skip
CENTRES_BARK = (
    0.078672, 0.316341, 0.636559, 0.961246, 1.29045, 1.624217, 1.962597, 2.305636, 2.653383, 3.005889, 3.363201,
    3.725371, 4.092449, 4.464486, 4.841533, 5.223642, 5.610866, 6.003256, 6.400869, 6.803755, 7.211971, 7.625571,
    8.044611, 8.469146, 8.899232, 9.334927, 9.776288, 10.223374, 10.676242, 11.134952, 11.599563, 12.070135,
    12.546731, 13.029408, 13.518232, 14.013264, 14.514566, 15.022202, 15.536238, 16.056736, 16.583761, 17.117382,
    17.657663, 18.204674, 18.758478, 19.319147, 19.886751, 20.461355, 21.043034,
)  # fmt: skip
WIDTHS_BARK = (
    0.157344, 0.317994, 0.322441, 0.326934, 0.331474, 0.336061, 0.340697, 0.345381, 0.350114, 0.354897, 0.359729,
    0.364611, 0.369544, 0.374529, 0.379565, 0.384653, 0.389794, 0.394989, 0.400236, 0.405538, 0.410894, 0.416306,
    0.421773, 0.427297, 0.432877, 0.438514, 0.444209, 0.449962, 0.455774, 0.461645, 0.467577, 0.473569, 0.479621,
    0.485736, 0.491912, 0.498151, 0.504454, 0.510819, 0.51725, 0.523745, 0.530308, 0.536934, 0.543629, 0.55039,
    0.55722, 0.564119, 0.571085, 0.578125, 0.585232,
)  # fmt: skip
DENSITY_CORRECTIONS = (
    100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 50.0, 100.0, 100.0, 100.0, 100.0, 100.0, 53.047077,
    110.000046, 117.991989, 65.0, 68.760147, 70.0, 71.428818, 75.000038, 76.843384, 80.968781, 88.646126, 63.864388,
    68.15535, 72.547775, 75.584831, 58.379192, 80.950836, 64.135651, 54.384785, 73.821884, 64.437073, 59.176456,
    65.521278, 61.399822, 58.144047, 57.004543, 64.126297, 54.311001, 61.114979, 55.077751, 56.849335, 55.628868,
    53.137054, 54.985844, 79.546974,
)  # fmt: skip
THRESHOLDS = (
    51286152.0, 2454709.5, 70794.59375, 4897.788574, 1174.897705, 389.045166, 104.71286, 45.70882, 17.782795,
    9.772372, 4.897789, 3.090296, 1.905461, 1.258925, 0.977237, 0.724436, 0.562341, 0.457088, 0.389045, 0.331131,
    0.295121, 0.269153, 0.25704, 0.251189, 0.251189, 0.251189, 0.251189, 0.263027, 0.288403, 0.30903, 0.338844,
    0.371535, 0.398107, 0.436516, 0.467735, 0.489779, 0.501187, 0.501187, 0.512861, 0.524807, 0.524807, 0.524807,
    0.512861, 0.47863, 0.42658, 0.371535, 0.363078, 0.416869, 0.537032,
)  # fmt: skip
POWER_SCALE, LOUDNESS_SCALE, ZWICKER_POWER = 6.910853e-6, 1.866055e-1, 0.23
SPEECH_LEVEL = 1e7  # power to which the band of 325 to 3250 Hz is brought
HIGH_PASS = ((2.740826, -5.4816519, 2.740826), (1.0, -1.9444777, 0.94597794))  # of the wide-band mode, at 16 kHz
SYMMETRIC, ASYMMETRIC = 0.1, 0.0309  # of P.862's regression: a raw score is 4.5 minus these times the disturbances
SUM_FRAMES = 20  # frames of a syllable, summed by the sixth power; they overlap by half


class PerceptualDistance(nn.Module):
    """Points of the raw PESQ scale, 0 for equal signals to about 5, that separate signals from their references."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.length = 512 * sample_rate // 16000  # 32 ms: the bins are the same ones at 16 and at 48 kHz
        self.register_buffer("window", torch.hann_window(self.length) * (512 / self.length), False)
        bands = np.repeat(np.arange(len(BINS)), BINS)
        to_bands = np.zeros((257, len(BINS)), np.float32)
        used = np.arange(len(bands))
        to_bands[used, bands] = np.array(DENSITY_CORRECTIONS)[bands] * POWER_SCALE
        frequencies = np.arange(257) * 31.25
        to_bands *= np.abs(freqz(*HIGH_PASS, worN=frequencies, fs=16000)[1][:, None]) ** 2
        to_bands[0] = 0.0
        levels = ((frequencies >= 325) & (frequencies <= 3250)).astype(np.float32)
        exponent = np.clip(6.0 / (np.array(CENTRES_BARK) + 2.0), 1.0, 2.0) ** 0.15 * ZWICKER_POWER
        for name, values in (("to_bands", to_bands), ("speech_bins", levels), ("exponent", exponent),
                             ("threshold", THRESHOLDS), ("width", WIDTHS_BARK)):  # fmt: skip
            self.register_buffer(name, torch.tensor(np.asarray(values), dtype=torch.float32), False)

    def forward(self, signal: Tensor, reference: Tensor) -> Tensor:
        """signal, reference [batch, time], the reference not silent -> distances [batch]."""
        heard, wanted = self._bands(signal), self._bands(reference)
        silent = self._audible(wanted, 100.0) < 1e7
        wanted = wanted * ((self._mean(heard, silent) + 1e3) / (self._mean(wanted, silent) + 1e3)).clamp(0.01, 100.0)
        gain = (self._audible(wanted) + 5e3) / (self._audible(heard) + 5e3)
        gain = torch.cat([gain[:, :1], 0.8 * gain[:, 1:] + 0.2 * gain[:, :-1]], dim=1).clamp(3e-4, 5.0)
        heard = heard * gain[..., None]
        loud, loud_wanted = self._loudness(heard), self._loudness(wanted)
        difference = loud - loud_wanted
        masked = 0.25 * torch.minimum(loud, loud_wanted)
        disturbance = (difference.abs() - masked).clamp_min(0.0)
        added = ((heard + 50.0) / (wanted + 50.0)).pow(1.2)
        added = torch.where(added < 3.0, 0.0, added.clamp_max(12.0))
        weight = ((self._audible(wanted) + 1e5) / 1e7).pow(0.04)
        width = self.width[1:]
        total = width.sum()
        symmetric = (disturbance[..., 1:] * width).square().sum(-1).add(1e-12).sqrt() * total.sqrt()
        asymmetric = (disturbance * added)[..., 1:] @ width
        return SYMMETRIC * _over_time(symmetric / weight) + ASYMMETRIC * _over_time(asymmetric / weight)

    def _bands(self, x: Tensor) -> Tensor:
        """Bark spectra [batch, frames, 49] of signals brought to one level."""
        frames = x.unfold(-1, self.length, self.length // 2) * self.window
        spectra = torch.fft.rfft(frames)[..., :257]
        powers = power(spectra)
        # Parseval: mean square of the samples, from the Hann frames, whose mean square is 3/8.
        level = (powers @ self.speech_bins).mean(-1) * (2.0 / (512 * 512 * 0.375))
        return (powers @ self.to_bands) * (SPEECH_LEVEL / (level + 1e-9))[:, None, None]

    def _audible(self, bands: Tensor, factor: float = 1.0) -> Tensor:
        """Power of a frame in the bands above `factor` times the threshold of hearing: [batch, frames]."""
        return torch.where(bands > factor * self.threshold, bands, 0.0)[..., 1:].sum(-1)

    def _mean(self, bands: Tensor, silent: Tensor) -> Tensor:
        """Mean power of each band over the frames with speech: [batch, 1, 49]."""
        kept = (bands > 100.0 * self.threshold) & ~silent[..., None]
        return torch.where(kept, bands, 0.0).mean(1, keepdim=True)

    def _loudness(self, bands: Tensor) -> Tensor:
        loudness = (2.0 * self.threshold).pow(self.exponent) * (
            (0.5 + 0.5 * bands / self.threshold).pow(self.exponent) - 1.0
        )
        return torch.where(bands > self.threshold, loudness, 0.0) * LOUDNESS_SCALE


def _over_time(disturbance: Tensor) -> Tensor:
    """Of frames [batch, frames], one number [batch]: sixth-power means over syllables, their root mean square."""
    syllables = disturbance.clamp(1e-6, 45.0).unfold(-1, SUM_FRAMES, SUM_FRAMES // 2)
    return syllables.pow(6).mean(-1).pow(1 / 6).square().mean(-1).sqrt()
