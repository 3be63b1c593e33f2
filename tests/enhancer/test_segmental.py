"""The measures by frames and the composite ones give the figures of the reference implementation.

The expected figures were computed by pysepm 0.1 (its tests compare it with the authors' MATLAB code to three digits) on
the very signals made here: LLR as for the composite measures, everything at 16 kHz.
"""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from enhancer.evaluation import metrics, segmental
from enhancer.evaluation.composite import composite

DATA = Path(__file__).parent.parent / "data"
RATE = 16_000
REFERENCE = {
    "white noise, 5 dB": {
        "segSNR": 0.38059849341160634, "LLR": 1.4708918618988511, "WSS": 39.16497048737501, "PESQ": 1.045517086982727,
        "composite": (1.8574143431702919, 1.8835800792510495, 1.4083898283172585),
    },
    "another voice, 10 dB": {
        "segSNR": 13.857865253835438, "LLR": 0.12126113972663344, "WSS": 26.756255328551376,
        "PESQ": 1.3737599849700928, "composite": (3.555793260201298, 2.9764089965074776, 2.450497297061029),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return soundfile.read(DATA / "speech_16k_female.flac")[0]


@pytest.fixture(scope="module")
def disturbed(clean) -> dict[str, np.ndarray]:
    """The signals of REFERENCE."""

    def mixed(noise: np.ndarray, snr_db: float) -> np.ndarray:
        return clean + noise * np.linalg.norm(clean) / np.linalg.norm(noise) * 10 ** (-snr_db / 20)

    other = soundfile.read(DATA / "speech_16k_male.flac")[0][: len(clean)]
    white = np.random.default_rng(12).standard_normal(len(clean))
    return {"white noise, 5 dB": mixed(white, 5), "another voice, 10 dB": mixed(other, 10)}


@pytest.mark.parametrize("case", REFERENCE)
def test_figures_are_those_of_the_reference_implementation(case, disturbed, clean):
    estimate, expected = disturbed[case], REFERENCE[case]
    assert segmental.segmental_snr(estimate, clean, RATE) == pytest.approx(expected["segSNR"], rel=1e-9)
    assert segmental.log_likelihood_ratio(estimate, clean, RATE) == pytest.approx(expected["LLR"], rel=1e-9)
    assert segmental.weighted_spectral_slope(estimate, clean, RATE) == pytest.approx(expected["WSS"], rel=1e-9)
    assert metrics.pesq_wb(estimate, clean, RATE) == pytest.approx(expected["PESQ"], abs=2e-3)
    assert composite(estimate, clean, RATE, expected["PESQ"]) == pytest.approx(expected["composite"], rel=1e-9)


def test_a_copy_is_perfect(clean):
    assert segmental.segmental_snr(clean, clean, RATE) <= 35
    assert segmental.log_likelihood_ratio(clean, clean, RATE) == pytest.approx(0, abs=1e-9)
    assert segmental.weighted_spectral_slope(clean, clean, RATE) == 0
    assert segmental.log_spectral_distance(clean, clean, RATE) == 0
    assert composite(clean, clean, RATE, 4.64) == (5, 5, 5)


@pytest.mark.parametrize("gain_db", [-20, -6, 6])
def test_a_change_of_level_is_that_far_away_in_the_log_spectrum_and_nowhere_in_its_shape(gain_db, clean):
    louder = clean * 10 ** (gain_db / 20)
    # Exact wherever neither spectrum meets the floor.
    loud = clean + 0.05 * np.random.default_rng(3).standard_normal(len(clean))
    distance = segmental.log_spectral_distance(loud * 10 ** (gain_db / 20), loud, RATE)
    assert distance == pytest.approx(abs(gain_db), abs=0.1)
    assert segmental.log_likelihood_ratio(louder, clean, RATE) == pytest.approx(0, abs=1e-6)


def test_the_log_spectral_distance_can_hear_one_band_alone():
    """High-passed noise is far away below its edge and, where both pass, as far as its gain."""
    rng = np.random.default_rng(5)
    loud = rng.standard_normal(2 * RATE)
    spectrum = np.fft.rfft(loud)
    hertz = np.fft.rfftfreq(len(loud), 1 / RATE)
    changed = np.fft.irfft(spectrum * np.where(hertz < 4000, 1.0, 10 ** (-12 / 20)))
    assert segmental.log_spectral_distance(changed, loud, RATE, high_hz=3500) == pytest.approx(0, abs=0.2)
    assert segmental.log_spectral_distance(changed, loud, RATE, 4500, 8000) == pytest.approx(12, abs=0.2)
    whole = segmental.log_spectral_distance(changed, loud, RATE)
    assert whole == segmental.log_spectral_distance(changed, loud, RATE, 0, RATE / 2)
    assert whole == pytest.approx(12 / np.sqrt(2), abs=0.2)  # half of the bins are 12 dB away


def test_a_band_beyond_the_spectrum_is_refused_in_words(clean):
    with pytest.raises(ValueError, match="between 9000 and 12000 Hz"):
        segmental.log_spectral_distance(clean, clean, RATE, 9000, 12000)


def test_an_hour_costs_no_more_memory_a_frame_than_a_minute(monkeypatch, clean, disturbed):
    """Pieces of any size give the same figures."""
    estimate = disturbed["another voice, 10 dB"]
    measures = (
        segmental.segmental_snr, segmental.log_likelihood_ratio, segmental.weighted_spectral_slope,
        segmental.log_spectral_distance,
    )  # fmt: skip
    whole = [measure(estimate, clean, RATE) for measure in measures]
    monkeypatch.setattr(segmental, "_CHUNK", 37)
    assert [measure(estimate, clean, RATE) for measure in measures] == pytest.approx(whole, rel=1e-12)


def test_digital_silence_in_the_reference_neither_breaks_nor_decides(clean, disturbed):
    estimate = disturbed["white noise, 5 dB"]
    pause = np.zeros(RATE)
    with_pause = segmental.log_likelihood_ratio(np.concatenate([estimate, pause]), np.concatenate([clean, pause]), RATE)
    assert with_pause == pytest.approx(segmental.log_likelihood_ratio(estimate, clean, RATE), rel=0.02)
    assert np.isfinite(segmental.weighted_spectral_slope(estimate, np.zeros_like(clean), RATE))


@pytest.mark.parametrize("measure", [segmental.log_likelihood_ratio, segmental.log_spectral_distance])
def test_a_silent_reference_is_refused_in_words(measure, clean):
    with pytest.raises(ValueError, match="silent"):
        measure(clean, np.zeros_like(clean), RATE)


@pytest.mark.parametrize("measure", [segmental.segmental_snr, segmental.log_spectral_distance])
def test_less_than_a_frame_is_refused_in_words(measure, clean):
    with pytest.raises(ValueError, match="at least"):
        measure(clean[:400], clean[:400], RATE)


def test_a_silent_estimate_is_rated_finite_and_low(clean):
    ratings = composite(np.zeros_like(clean), clean, RATE, 1.0)
    assert all(1 <= rating <= 2 for rating in ratings)


def test_pesq_of_a_long_recording_is_the_mean_of_its_pieces(clean, disturbed):
    estimate = disturbed["another voice, 10 dB"]
    times = 8  # 32 s: two pieces, each four times the same 4 s
    long = metrics.pesq_wb(np.tile(estimate, times), np.tile(clean, times), RATE)
    half = metrics.pesq_wb(np.tile(estimate, times // 2), np.tile(clean, times // 2), RATE)
    assert long == pytest.approx(half, abs=1e-9)
