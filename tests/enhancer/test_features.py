"""What the network hears, and what its answer does to the spectrum."""

import numpy as np
import pytest

from enhancer.features import Features, MaskApplication, high_band_weights
from enhancer.spectral import CORE_BINS, GRID_16K, GRID_48K, Grid, stft
from tests.reference_masks import bound_mask, floor_mask, led_gains


@pytest.fixture(params=[GRID_16K, GRID_48K], ids=["16k", "48k"])
def grid(request) -> Grid:
    return request.param


@pytest.fixture
def spectra(grid, speech_like) -> np.ndarray:
    return stft(speech_like(grid.sample_rate, 2.5, channels=2).T, grid)[:250]


def random_answer(frames, channels, scale=1.0):
    rng = np.random.default_rng(5)
    delta = (scale * rng.standard_normal((frames, channels, 2, 256))).astype(np.float32)
    return delta, rng.random((frames, channels, 16)).astype(np.float32)


def test_calls_of_any_length_give_the_same_features(grid, spectra):
    core, high = (array.copy() for array in Features(grid, 2, max_frames=250).process(spectra))
    features, start = Features(grid, 2), 0
    for frames in (1, 1, 98, 1, 100, 49):
        ours = features.process(spectra[start : start + frames])
        np.testing.assert_allclose(ours[0], core[start : start + frames], atol=1e-5)
        np.testing.assert_allclose(ours[1], high[start : start + frames], atol=1e-5)
        start += frames


def test_features_do_not_depend_on_the_level(grid, spectra):
    core, high = (array.copy() for array in Features(grid, 2, 250).process(spectra))
    quiet_core, quiet_high = Features(grid, 2, 250).process(spectra * np.float32(0.05))
    audible = np.abs(spectra[:, :, None, :256]).max(axis=-1, keepdims=True) > 0.1  # far from where quiet stays quiet
    strong = audible & (np.abs(core) > 0.3)
    assert strong.mean() > 0.01
    np.testing.assert_allclose(quiet_core[strong], core[strong], rtol=0.01)
    np.testing.assert_allclose(quiet_high[high > 0.3], high[high > 0.3], rtol=0.01)


def test_features_are_causal(grid, spectra):
    core = Features(grid, 2, 250).process(spectra)[0].copy()
    changed = spectra.copy()
    changed[120:] *= 30.0
    np.testing.assert_array_equal(Features(grid, 2, 250).process(changed)[0][:120], core[:120])


def test_silence_and_the_loudest_sound_give_finite_features(grid):
    for level in (0.0, 1e-20, 1e7):
        core, high = Features(grid, 1).process(np.full((100, 1, grid.bins), level, np.complex64))
        assert np.isfinite(core).all()
        assert np.isfinite(high).all()
    assert not Features(grid, 1).process(np.zeros((5, 1, grid.bins), np.complex64))[0].any()


def test_high_inputs_tell_the_grids_apart():
    spectra = np.ones((3, 1, GRID_48K.bins), np.complex64)
    high = Features(GRID_48K, 1).process(spectra)[1]
    assert (high[..., :16] > 0).all()
    assert (high[..., 16] == 1).all()
    assert not Features(GRID_16K, 1).process(spectra[..., :CORE_BINS])[1].any()


def test_high_band_gains_interpolate_to_every_bin_above_the_core():
    weights = high_band_weights(GRID_48K)
    assert weights.shape == (GRID_48K.bins - CORE_BINS, 16)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-6)
    assert (weights.sum(axis=0) > 0).all()


def test_a_zero_answer_changes_nothing(grid, spectra):
    out = MaskApplication(grid)(spectra, np.zeros((250, 2, 2, 256), np.float32), np.ones((250, 2, 16), np.float32))
    np.testing.assert_allclose(out, spectra, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("scale", [0.3, 3.0, 1e4])
def test_mask_magnitude_stays_below_two_and_small_masks_stay_as_they_are(scale):
    delta = random_answer(50, 1, scale)[0]
    plain = 1.0 + delta[:, :, 0] + 1j * delta[:, :, 1]
    mask = bound_mask(delta)
    assert np.abs(mask).max() <= 2.0 + 1e-6
    small = np.abs(plain) <= 1.0
    np.testing.assert_allclose(mask[small], plain[small], atol=1e-6)
    np.testing.assert_allclose(np.angle(mask * plain.conj()), 0.0, atol=1e-5)


def test_floor_lifts_magnitudes_and_keeps_phases():
    mask = bound_mask(random_answer(50, 1)[0])
    mask[0] = 0.0
    lifted = floor_mask(mask, 0.5)
    assert np.abs(lifted).min() >= 0.5 - 1e-6
    np.testing.assert_allclose(np.angle(lifted[1:] * mask[1:].conj()), 0.0, atol=1e-4)
    np.testing.assert_allclose(lifted[0], 0.5, atol=1e-6)


@pytest.mark.parametrize("floor", [None, 0.25, np.linspace(0, 1, 250, dtype=np.float32).reshape(250, 1, 1)])
def test_masking_in_place_equals_bound_and_floor_written_out(grid, spectra, floor):
    delta, high_gain = random_answer(250, 2)
    delta[:100] = 0.2 * delta[:100] - np.array([1.0, 0.0], np.float32)[:, None]  # pauses: masks near zero
    mask = bound_mask(delta) if floor is None else floor_mask(bound_mask(delta), floor)
    wanted = spectra.copy()
    wanted[..., 1:256] *= mask[..., 1:]
    wanted[..., 0] *= mask[..., 1]
    wanted[..., 256] *= mask[..., 255]
    gains = led_gains(high_gain, delta)
    gains = gains if floor is None else np.maximum(gains, floor)
    if grid is GRID_48K:
        wanted[..., CORE_BINS:] *= gains @ high_band_weights(grid).T
    out = spectra.copy()
    assert MaskApplication(grid)(out, delta, high_gain, floor, out=out) is out
    np.testing.assert_allclose(out, wanted, rtol=1e-5, atol=1e-6)


def test_bands_above_8_khz_are_silent_where_the_band_below_is_and_untouched_where_it_is_kept():
    spectra = np.ones((2, 1, GRID_48K.bins), np.complex64)
    delta = np.zeros((2, 1, 2, 256), np.float32)
    delta[0, :, 0, 64:] = -1.0
    above = MaskApplication(GRID_48K)(spectra, delta, np.ones((2, 1, 16), np.float32))[..., CORE_BINS:]
    np.testing.assert_allclose(np.abs(above[0]), 0.0, atol=1e-6)
    np.testing.assert_allclose(above[1], 1.0, rtol=1e-6)
