"""The torch twins used in training equal the numpy signal path that ships."""

import numpy as np
import pytest
import torch

from enhancer.features import Features, MaskApplication
from enhancer.spectral import GRID_16K, GRID_48K, istft, stft
from training.torch_spectral import SpectralTransform


@pytest.fixture(params=[GRID_16K, GRID_48K], ids=["16k", "48k"])
def grid(request):
    return request.param


@pytest.fixture
def speechlike(grid) -> np.ndarray:
    """Two channels of 1.5 s: bursts of noise at very different levels, and digital silence."""
    rng = np.random.default_rng(3)
    samples = rng.standard_normal((2, 150 * grid.hop)).astype(np.float32)
    envelope = np.repeat(10.0 ** (rng.uniform(-70, -10, 15) / 20), 10 * grid.hop)
    envelope[: 20 * grid.hop] = 0.0
    return samples * envelope.astype(np.float32)


def test_spectra_and_resynthesis_agree(grid, speechlike):
    transform = SpectralTransform(grid)
    ours = stft(speechlike, grid)
    theirs = transform.analysis(torch.from_numpy(np.pad(speechlike, ((0, 0), (0, grid.hop)))))
    np.testing.assert_allclose(theirs.numpy(), ours, atol=1e-6)
    length = speechlike.shape[1]
    np.testing.assert_allclose(transform.synthesise(theirs).numpy(), istft(ours, grid, length), atol=1e-6)


def test_network_inputs_agree(grid, speechlike):
    spectra = stft(speechlike, grid)
    core, high = Features(grid, 2, max_frames=spectra.shape[0]).process(spectra)
    torch_core, torch_high = SpectralTransform(grid).inputs(torch.from_numpy(spectra))
    np.testing.assert_allclose(torch_core.numpy(), core, rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(torch_high.numpy(), high, rtol=2e-3, atol=2e-4)


def test_mask_application_agrees(grid, speechlike):
    spectra = stft(speechlike, grid)
    rng = np.random.default_rng(4)
    delta = rng.normal(0, 1, (*spectra.shape[:2], 2, 256)).astype(np.float32)
    delta[::2] = 0.2 * delta[::2] - np.array([1.0, 0.0], np.float32)[:, None]  # every other frame all but removed
    gain = rng.uniform(0, 1, (*spectra.shape[:2], 16)).astype(np.float32)
    ours = MaskApplication(grid)(spectra.copy(), delta, gain)
    theirs = SpectralTransform(grid).apply(*(torch.from_numpy(x) for x in (spectra, delta, gain)))
    np.testing.assert_allclose(theirs.numpy(), ours, rtol=1e-4, atol=1e-6 * np.abs(spectra).max())
