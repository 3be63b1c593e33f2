"""The differentiable PESQ and ESTOI say what the packages say of real speech in noise, and know no rate."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from enhancer.evaluation.metrics import estoi, pesq_wb
from enhancer.spectral import GRID_16K, GRID_48K
from training.intelligibility import Intelligibility
from training.perceptual import PerceptualDistance
from training.torch_spectral import SpectralTransform

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def degraded() -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs (degraded, clean) of two voices: white noise, noise of falling spectrum, a dull copy, a copy with holes."""
    rng, pairs = np.random.default_rng(3), []
    for name in ("female", "male"):
        clean, _ = soundfile.read(DATA / f"speech_16k_{name}.flac", dtype="float32", frames=64000)
        white = rng.standard_normal(len(clean)).astype(np.float32)
        rumble = np.convolve(white, 0.95 ** np.arange(100), "same")
        for noise in (white, rumble):
            for snr_db in (0, 7, 14, 21):
                gain = np.sqrt(np.mean(clean**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
                pairs.append((clean + np.float32(gain) * noise.astype(np.float32), clean))
        pairs.append((np.convolve(clean, np.ones(6) / 6, "same").astype(np.float32), clean))
        holes = np.repeat(rng.random(1 + len(clean) // 160) > 0.25, 160)[: len(clean)]
        pairs.append((clean * holes, clean))
    return pairs


def spectra(x: np.ndarray, grid=GRID_16K) -> torch.Tensor:
    return SpectralTransform(grid).analysis(torch.from_numpy(x[None, : len(x) // grid.hop * grid.hop]))


def test_the_perceptual_distance_is_that_of_pesq(degraded):
    distance = PerceptualDistance(16_000)
    raw = [4.5 - float(distance(torch.from_numpy(y)[None], torch.from_numpy(x)[None])) for y, x in degraded]
    mapped = [0.999 + 4.0 / (1.0 + np.exp(-1.3669 * score + 3.8224)) for score in raw]  # P.862.2, eq. 1
    judged = [pesq_wb(y, x, 16_000) for y, x in degraded]
    assert np.corrcoef(mapped, judged)[0, 1] > 0.97
    assert np.abs(np.subtract(mapped, judged)).mean() < 0.25


def test_the_intelligibility_follows_estoi(degraded):
    understood = Intelligibility()
    ours = [float(understood(spectra(y), spectra(x))) for y, x in degraded]
    judged = [estoi(y, x, 16_000) for y, x in degraded]
    assert np.corrcoef(ours, judged)[0, 1] > 0.95


def test_a_perfect_copy_is_at_no_distance_and_wholly_understood(degraded):
    clean = degraded[0][1]
    x = torch.from_numpy(clean)[None]
    assert float(PerceptualDistance(16_000)(x, x)) == pytest.approx(0.0, abs=1e-4)
    assert float(Intelligibility()(spectra(clean), spectra(clean))) == pytest.approx(1.0, abs=1e-3)


def test_level_is_forgiven(degraded):
    noisy, clean = (torch.from_numpy(x)[None] for x in degraded[2])
    distance = PerceptualDistance(16_000)
    assert float(distance(0.1 * noisy, clean)) == pytest.approx(float(distance(noisy, clean)), abs=1e-3)


def test_the_same_sound_at_48_khz_is_judged_alike(degraded):
    import soxr

    noisy, clean = degraded[2]
    fine = [soxr.resample(x, 16_000, 48_000).astype(np.float32) for x in (noisy, clean)]
    coarse = float(PerceptualDistance(16_000)(*(torch.from_numpy(x)[None] for x in (noisy, clean))))
    assert float(PerceptualDistance(48_000)(*(torch.from_numpy(x)[None] for x in fine))) == pytest.approx(
        coarse, abs=0.05
    )
    understood = [
        float(Intelligibility()(spectra(a, g), spectra(b, g)))
        for a, b, g in ((noisy, clean, GRID_16K), (*fine, GRID_48K))
    ]
    assert understood[0] == pytest.approx(understood[1], abs=0.02)


def test_gradients_are_finite_and_lead_towards_the_reference(degraded):
    noisy, clean = (torch.from_numpy(x)[None, :32000] for x in degraded[1])
    silence = torch.zeros_like(noisy)
    for start in (noisy, silence):
        x = start.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(PerceptualDistance(16_000)(x, clean).sum(), x)
        assert torch.isfinite(gradient).all()
    noisier = noisy.clone().requires_grad_()
    distance = PerceptualDistance(16_000)
    before = distance(noisier, clean)
    (gradient,) = torch.autograd.grad(before.sum(), noisier)
    after = distance(noisy - 1e-3 * noisy.norm() * gradient / gradient.norm(), clean)
    assert float(after) < float(before.detach())
