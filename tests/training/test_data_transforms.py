"""Each transform and each synthetic noise does what its docstring says."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.conftest import voice_like
from training.data import augment, synthetic
from training.data.levels import active_level_db, limit_peak
from training.data.noises import Babble
from training.data.rooms import Reverb, Rooms
from training.data.voices import Voices


def spectrum_db(x: np.ndarray) -> np.ndarray:
    """Power in dB per rfft bin of x [N]."""
    return 10 * np.log10(np.abs(np.fft.rfft(x)) ** 2 + 1e-12)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.fixture
def white(rng) -> np.ndarray:
    return 0.1 * rng.standard_normal((2, 16000)).astype(np.float32)


@pytest.mark.parametrize(
    "transform",
    [augment.RandomEqualiser(16000), augment.BandLimit(16000), augment.GainSteps(16000), augment.Clipping(),
     augment.CoarseQuantisation(), augment.OpusCoding(16000)],
)  # fmt: skip
def test_every_transform_keeps_shape_type_and_input_and_repeats_with_its_seed(transform, white):
    before = white.copy()
    y = transform(white, np.random.default_rng(1))
    assert y.shape == white.shape and y.dtype == np.float32 and np.isfinite(y).all()
    assert np.array_equal(white, before)
    assert np.array_equal(y, transform(white, np.random.default_rng(1)))
    assert not np.array_equal(y, white)


@pytest.mark.parametrize("rate", [16000, 48000])
@pytest.mark.parametrize("kind", ["low", "high", "peak"])
def test_shelves_and_peaks_have_their_gain_where_they_should(rate, kind):
    section = augment.shelf_or_peak(kind, 1000, 6.0, 0.7, rate)
    hz = np.array([20.0, 1000.0, 0.47 * rate])
    z = np.exp(-2j * np.pi * hz / rate)
    gain = (section[0] + section[1] * z + section[2] * z**2) / (section[3] + section[4] * z + section[5] * z**2)
    expected = {"low": (6, 3, 0), "high": (0, 3, 6), "peak": (0, 6, 0)}[kind]
    assert 20 * np.log10(np.abs(gain)) == pytest.approx(expected, abs=0.3)


def test_the_equaliser_stays_within_its_range(white, rng):
    for _ in range(10):
        y = augment.RandomEqualiser(16000, max_db=6)(white, rng)
        change = (spectrum_db(y[0]) - spectrum_db(white[0]))[:8000].reshape(16, 500).mean(axis=1)
        assert np.abs(change).max() < 13  # two shelves or a shelf and the peak can add up


@pytest.mark.parametrize("rate", [16000, 48000])
def test_a_band_limit_removes_what_is_above_and_nothing_well_below(rate, rng):
    limit = augment.BandLimit(rate)
    assert limit.cutoffs_hz == ([4000, 7000] if rate == 16000 else [4000, 7000, 8000, 12000])
    x = rng.standard_normal(rate).astype(np.float32)
    for cutoff in (4000, 0.4 * rate):
        change = spectrum_db(limit.at(x[None], cutoff)[0]) - spectrum_db(x)  # bins are 1 Hz apart
        assert np.median(change[int(1.15 * cutoff) :]) < -30
        assert abs(np.median(change[: int(0.8 * cutoff)])) < 0.5


def test_gain_steps_are_the_same_for_both_rows_and_of_3_to_20_db(rng):
    x = np.ones((2, 32000), np.float32)
    for _ in range(20):
        y = augment.GainSteps(16000)(x, rng)
        assert np.array_equal(y[0], y[1]) and y[0, 0] == 1
        assert np.abs(20 * np.log10(y)).max() <= 20.01
        assert np.abs(np.diff(y[0])).max() < 0.05  # ramps, no clicks


def test_clipping_lowers_the_peak_by_1_to_12_db(white, rng):
    for _ in range(20):
        y = augment.Clipping()(white, rng)
        assert 0.99 < 20 * np.log10(np.abs(white).max() / np.abs(y).max()) < 16  # soft clipping stays below its limit


def test_quantisation_is_audible_but_far_below_the_signal(rng):
    x = 0.3 * np.sin(np.arange(16000, dtype=np.float32) * 0.1)[None]
    for _ in range(20):
        error = augment.CoarseQuantisation()(x, rng) - x
        assert -75 < 20 * np.log10(error.std() / x.std()) < -28


@pytest.mark.parametrize("rate", [16000, 48000])
def test_opus_degrades_but_does_not_delay_and_keeps_its_band(rate, rng):
    voice = voice_like(1.0, 150, rate, rng)
    x = (voice + 0.02 * rng.standard_normal(len(voice))).astype(np.float32)[None]
    code = augment.OpusCoding(rate)
    for kbps in augment.OPUS_KBPS[rate]:
        y = code.at(x, kbps)
        assert y.shape == x.shape
        spectra = np.fft.rfft(y[0], 2 * len(x[0])) * np.conj(np.fft.rfft(x[0], 2 * len(x[0])))
        assert np.fft.irfft(spectra).argmax() == 0
        assert 1 < 10 * np.log10(np.square(x).sum() / np.square(y - x).sum()) < 30
        hz = np.fft.rfftfreq(x.shape[1], 1 / rate)
        top = (hz > 0.85 * code.band_hz) & (hz < 0.95 * code.band_hz)
        kept = [np.square(np.abs(np.fft.rfft(z[0])[top])).sum() for z in (y, x)]
        assert kept[0] > 0.1 * kept[1]


def test_limiting_keeps_the_ratio_of_both_sides(white):
    noisy, clean = white[0] * 20, white[1] * 20
    ratio = noisy[100] / clean[100]
    gain = limit_peak(noisy, clean)
    assert gain < 1 and max(np.abs(noisy).max(), np.abs(clean).max()) <= 1
    assert noisy[100] / clean[100] == pytest.approx(ratio, rel=1e-5)
    assert limit_peak(noisy, clean) == 1


def test_active_level_ignores_pauses():
    word = 0.1 * np.sin(np.arange(16000) * 0.3)
    assert active_level_db(word, 16000) == pytest.approx(-23, abs=0.1)
    assert active_level_db(np.concatenate([word, np.zeros(48000)]), 16000) == pytest.approx(-23, abs=0.2)
    assert active_level_db(np.zeros(1000), 16000) == -120


SOURCES = [synthetic.ColouredNoise, synthetic.Hum, synthetic.Fan, synthetic.Clicks, synthetic.Tones, synthetic.Thumps]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("rate", [16000, 48000])
def test_synthetic_noise_is_finite_of_its_length_and_repeats_with_its_seed(source, rate):
    for length in (rate // 10, 2 * rate + 1):
        x = source(rate)(length, np.random.default_rng(3))
        assert x.shape == (length,) and x.dtype == np.float32 and np.isfinite(x).all()
        assert np.array_equal(x, source(rate)(length, np.random.default_rng(3)))
    assert np.abs(x).max() > 0


def test_hum_has_its_power_at_harmonics_of_the_mains(rng):
    power = np.abs(np.fft.rfft(synthetic.Hum(16000)(64000, rng) * np.hanning(64000))) ** 2  # bins of 0.25 Hz
    peak_hz = power.argmax() / 4
    assert min(peak_hz / mains % 1 for mains in (50, 60)) < 0.01 or min(-peak_hz / m % 1 for m in (50, 60)) < 0.01


def test_clicks_are_short_and_leave_gaps(rng):
    x = synthetic.Clicks(16000)(64000, rng)
    powers = np.square(x.reshape(-1, 160)).mean(axis=1)
    assert np.mean(powers < 1e-4 * powers.max()) > 0.3


def test_notes_put_nearly_all_their_power_into_few_frequencies(rng):
    for _ in range(10):
        power = np.square(np.abs(np.fft.rfft(synthetic.Tones(16000)(16000, rng) * np.hanning(16000))))
        assert np.sort(power)[-800:].sum() > 0.95 * power.sum()  # of 8000 bins


def test_thumps_are_low_and_leave_gaps(rng):
    x = np.concatenate([synthetic.Thumps(16000)(64000, rng) for _ in range(5)])
    power = np.square(np.abs(np.fft.rfft(x)))
    assert power[: len(power) // 16].sum() > 0.9 * power.sum()  # up to 500 Hz
    powers = np.square(x.reshape(-1, 160)).mean(axis=1)
    assert np.mean(powers < 1e-4 * powers.max()) > 0.3


def test_babble_is_several_voices(small_pools, rng):
    voices = Voices(small_pools.get("speech", 16000), "train")
    x = Babble(voices)(32000, rng)
    one, _ = voices.draw(32000, rng)
    quiet = [np.quantile(np.square(y.reshape(-1, 320)).mean(axis=1), 0.2) / y.var() for y in (x, one)]
    assert quiet[0] > quiet[1]  # others fill the pauses


@pytest.mark.parametrize("rate", [16000, 48000])
def test_a_room_keeps_the_direct_path_in_place_and_its_target_short(small_pools, rate):
    rooms = Rooms(small_pools.folder, "train", rate)
    impulse = np.zeros(rate, np.float32)
    impulse[1000] = 1
    for room in rooms.rooms:
        wet, early = room.reverb(0)(impulse)
        direct = np.abs(wet).argmax()
        assert abs(direct - 1000) <= 0.004 * rate  # a near reflection may be the stronger one
        assert np.abs(wet[: 1000 - rate // 500]).max() < 1e-3 * np.abs(wet).max()
        end = 1000 + int(0.056 * rate)
        assert np.abs(early[end:]).max() < 1e-4 * np.abs(wet).max()
        keep = slice(1000, 1000 + int(0.049 * rate))
        assert np.abs(early[keep] - wet[keep]).max() < 1e-5
        assert np.square(wet[end:]).sum() > 0
        assert np.allclose(room.reverb(0).wet(impulse), wet, atol=1e-6)


def test_a_perfect_room_changes_nothing(rng):
    response = np.zeros(800, np.float32)
    response[16] = 1  # 1 ms before the direct path
    x = rng.standard_normal(5000).astype(np.float32)
    wet, early = Reverb(response, 16000)(x)
    assert np.allclose(wet, x, atol=1e-5) and np.allclose(early, x, atol=1e-5)


def test_mu_law_has_256_steps_and_keeps_to_them():
    x = np.linspace(-1, 1, 5000).astype(np.float32)
    assert len(np.unique(augment.mu_law(x, np.float32(1)))) <= 256
    assert np.abs(augment.mu_law(x, np.float32(1)) - x).max() < 0.025


def test_a_telephone_lets_speech_through_and_neither_hum_nor_hiss(white):
    powers = spectrum_db(augment.TelephoneBand(16000)(white)[0]) - spectrum_db(white[0])
    hz = np.fft.rfftfreq(16000, 1 / 16000)
    assert np.median(powers[(hz > 500) & (hz < 3000)]) == pytest.approx(0, abs=0.5)
    assert np.median(powers[hz < 100]) < -30 and np.median(powers[hz > 6000]) < -20
