"""Losses and distillation terms do what their names say."""

import pytest
import torch

from enhancer.spectral import GRID_16K, GRID_48K
from training.losses import (
    LossConfig,
    magnitude_error,
    mixture_scale,
    presence_target,
    supervised_loss,
    thresholded_sdr,
)
from training.speech_lost import speech_lost_db
from training.torch_spectral import SpectralTransform


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def loss_of(estimate: torch.Tensor, clean: torch.Tensor, grid=GRID_16K) -> float:
    transform = SpectralTransform(grid)
    spectra = transform.analysis(estimate), transform.analysis(clean)
    logits = torch.zeros(spectra[0].shape[:2])
    noisy = spectra[0]
    return float(supervised_loss(LossConfig(), transform, noisy, *spectra, clean, logits, mixture_scale(clean))[0])


@pytest.mark.parametrize("grid", [GRID_16K, GRID_48K], ids=["16k", "48k"])
def test_the_nearer_the_target_the_smaller_the_loss(grid):
    clean = 0.1 * noise(2, 50 * grid.hop)
    disturbance = 0.1 * noise(2, 50 * grid.hop, seed=1)
    losses = [loss_of(clean + share * disturbance, clean, grid) for share in (0.0, 0.1, 0.3, 1.0)]
    assert losses == sorted(losses)


def test_a_quiet_recording_teaches_as_much_as_a_loud_one():
    clean, disturbance = 0.1 * noise(2, 8000), 0.05 * noise(2, 8000, seed=1)
    loud, quiet = (loss_of(g * (clean + disturbance), g * clean) for g in (1.0, 0.01))
    assert quiet == pytest.approx(loud, rel=0.05)


def test_removing_speech_costs_more_than_leaving_as_much_noise():
    target = torch.full((3, 1, 5), 0.5)
    assert magnitude_error(target - 0.1, target, 1.0).sum() == pytest.approx(
        2 * magnitude_error(target + 0.1, target, 1.0).sum()
    )


def test_speech_removed_where_it_is_the_louder_costs_more_if_so_asked():
    transform, weak, loud = SpectralTransform(GRID_16K), noise(1, 8000), 10 * noise(1, 8000, seed=1)
    costs = {}
    for kept in (0.0, 2.0):
        for name, speech, rest in (("louder", loud, weak), ("fainter", weak, loud)):
            target, noisy = transform.analysis(speech), transform.analysis(speech + rest)
            config = LossConfig(magnitude=1.0, complex=0.0, presence=0.0, sdr=0.0, over_suppression=1.0, kept=kept)
            logits, scale = torch.zeros(target.shape[:2]), mixture_scale(speech)
            loss, _ = supervised_loss(config, transform, noisy, 0.5 * target, target, speech, logits, scale)
            costs[name, kept] = float(loss)
    assert costs["louder", 2.0] == pytest.approx(2 * costs["louder", 0.0], rel=0.1)  # weights 1 + 1 and 1 + 1 + 2
    assert costs["fainter", 2.0] == pytest.approx(costs["fainter", 0.0], rel=0.1)


@pytest.mark.parametrize("grid", [GRID_16K, GRID_48K], ids=["16k", "48k"])
def test_speech_lost_is_counted_in_db_by_band_beyond_the_wiener_masks_where_speech_is_above_the_noise(grid):
    transform = SpectralTransform(grid)
    clean, hiss = (transform.analysis(0.1 * noise(1, 48 * grid.hop, seed=seed)) for seed in (0, 1))
    hertz = torch.arange(grid.bins) * grid.sample_rate / grid.n_fft
    noisy = clean + 0.1 * hiss
    assert float(speech_lost_db(noisy, noisy, clean)) == pytest.approx(0.0, abs=1e-3)
    assert float(speech_lost_db(noisy, 0.5 * noisy, clean)) == pytest.approx(6.0, abs=0.25)  # Wiener loses 0.2
    harsh = clean + 0.5 * hiss
    wiener = clean.abs().square() / (clean.abs().square() + (0.5 * hiss).abs().square())
    assert float(speech_lost_db(harsh, wiener * harsh, clean)) == pytest.approx(0.0, abs=1e-3)  # no more is asked
    assert float(speech_lost_db(harsh, 0.5 * wiener * harsh, clean)) == pytest.approx(6.0, abs=0.05)
    assert float(speech_lost_db(noisy, 2.0 * noisy, clean)) == 0.0  # more is for other terms to mind
    upper = 1.0 - 0.5 * (hertz > 5_300)  # two of sixteen bands up to 8 kHz, and five above
    halved = 2 / 16 if grid is GRID_16K else 7 / 21
    assert float(speech_lost_db(noisy, upper * noisy, clean)) == pytest.approx(6.0 * halved, abs=0.15)
    assert float(speech_lost_db(clean + 3 * hiss, 0.5 * (clean + 3 * hiss), clean)) == 0.0  # nothing is above
    silence = torch.zeros_like(clean)
    assert float(speech_lost_db(hiss, hiss, silence)) == 0.0


def test_noise_in_pauses_costs_more_if_so_asked_and_noise_on_speech_as_much_as_before():
    transform, speech, hiss = SpectralTransform(GRID_48K), noise(1, 48_000), 0.1 * noise(1, 48_000, seed=1)
    speech[:, 24_000:] = 0.0
    target = transform.analysis(speech)
    presence, costs = torch.zeros(target.shape[:2]), {}
    for pauses in (0.0, 2.0):
        for name, where in (("speech", slice(0, 23_000)), ("pause", slice(26_000, None))):
            rest = torch.zeros_like(hiss)
            rest[:, where] = hiss[:, where]
            config = LossConfig(magnitude=1.0, complex=0.0, presence=0.0, sdr=0.0, pauses=pauses)
            noisy = transform.analysis(speech + rest)
            _, terms = supervised_loss(config, transform, noisy, noisy, target, speech, presence, mixture_scale(speech))
            for term in ("magnitude", "high_band"):
                costs[term, name, pauses] = terms[term]
    for term in ("magnitude", "high_band"):
        assert costs[term, "pause", 2.0] == pytest.approx(3 * costs[term, "pause", 0.0], rel=1e-3)
        assert costs[term, "speech", 2.0] == pytest.approx(costs[term, "speech", 0.0], rel=0.05)


def test_the_waveform_term_is_in_db_up_to_its_bound_and_sees_the_level():
    clean = noise(1, 16000)
    other = noise(1, 16000, seed=1)
    other *= clean.norm() / other.norm()
    assert float(thresholded_sdr(clean + 10 ** (-10 / 20) * other, clean)) == pytest.approx(10.0, abs=0.05)
    assert float(thresholded_sdr(clean, clean)) == pytest.approx(30.0, abs=0.01)
    assert float(thresholded_sdr(0.75 * clean, clean)) == pytest.approx(12.0, abs=0.1)


def test_silence_above_a_recordings_bandwidth_counts_less():
    transform = SpectralTransform(GRID_48K)
    clean = 0.1 * noise(1, 50 * 480)
    target, scale = transform.analysis(clean), mixture_scale(clean)
    arguments = (LossConfig(), transform, 2 * target, 1.5 * target, target, clean, torch.zeros(50, 1), scale)
    full = supervised_loss(*arguments, torch.tensor([24_000.0]))[1]["high_band"]
    narrow = supervised_loss(*arguments, torch.tensor([8_000.0]))[1]["high_band"]
    assert narrow == pytest.approx(0.25 * full, rel=0.01)


def test_a_silent_target_gives_finite_gradients():
    transform = SpectralTransform(GRID_16K)
    noisy = (0.1 * noise(1, 4000)).requires_grad_()
    clean = torch.zeros(1, 4000)
    spectra = transform.analysis(noisy)
    loss, _ = supervised_loss(
        LossConfig(), transform, spectra, spectra, transform.analysis(clean), clean, torch.zeros(spectra.shape[:2]),
        mixture_scale(noisy.detach()),
    )  # fmt: skip
    loss.backward()
    assert torch.isfinite(noisy.grad).all()


def test_presence_follows_the_speech():
    clean = torch.zeros(1, 100 * 160)
    clean[:, 40 * 160 : 80 * 160] = 0.1 * noise(1, 40 * 160)
    present = presence_target(SpectralTransform(GRID_16K).analysis(clean))[:, 0]
    assert present[45:75].all()
    assert not present[:38].any()
