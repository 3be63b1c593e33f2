"""The scores behave as their definitions say, on signals whose answer is known."""

import numpy as np
import pytest

from enhancer.evaluation import alignment, metrics

RATE = 16000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


def speech_like(rng: np.random.Generator, seconds: float = 3.0, rate: int = RATE) -> np.ndarray:
    """A buzz of changing pitch with syllables and pauses: PESQ and STOI take it for speech."""
    t = np.arange(round(seconds * rate)) / rate
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voiced = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 25))
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * t), 0, None) * (np.sin(2 * np.pi * 0.4 * t) > -0.8)
    return 0.1 * voiced * syllables + 1e-4 * rng.standard_normal(t.size)


def test_si_sdr_of_orthogonal_noise_is_the_energy_ratio(rng):
    reference = rng.standard_normal(4000)
    noise = rng.standard_normal(4000)
    noise -= (noise @ reference) / (reference @ reference) * reference
    noise *= np.sqrt(reference @ reference / (noise @ noise)) * 10 ** (-12.5 / 20)
    assert metrics.si_sdr(reference + noise, reference) == pytest.approx(12.5, abs=1e-9)


def test_si_sdr_ignores_the_scale_of_either_signal(rng):
    reference = rng.standard_normal(4000)
    estimate = reference + 0.3 * rng.standard_normal(4000)
    expected = metrics.si_sdr(estimate, reference)
    assert metrics.si_sdr(-7.3 * estimate, reference) == pytest.approx(expected, abs=1e-9)
    assert metrics.si_sdr(estimate, 1e-3 * reference) == pytest.approx(expected, abs=1e-9)


def test_si_sdr_at_the_ends_of_its_range(rng):
    reference = rng.standard_normal(4000)
    assert metrics.si_sdr(np.zeros(4000), reference) == -np.inf
    assert metrics.si_sdr(0.5 * reference, reference) == np.inf
    with pytest.raises(ValueError, match="silent"):
        metrics.si_sdr(reference, np.zeros(4000))


@pytest.mark.parametrize("score", [metrics.pesq_wb, metrics.pesq_nb, metrics.stoi, metrics.estoi])
def test_identical_signals_score_the_maximum_and_noise_lowers_it_step_by_step(score, rng):
    clean = speech_like(rng)
    noise = rng.standard_normal(clean.size) * np.std(clean)
    scores = [score(clean + gain * noise, clean, RATE) for gain in (0.0, 0.01, 0.05, 0.3)]
    ceiling = {metrics.pesq_wb: 4.644, metrics.pesq_nb: 4.549}.get(score, 1.0)
    assert scores[0] == pytest.approx(ceiling, abs=0.01)
    assert scores == sorted(scores, reverse=True)


def test_pesq_matches_the_scores_of_its_reference_implementation(rng):
    """Regression vector: pesq 0.0.4 (the ITU code) on this seeded signal, so that a change of mode or order shows."""
    clean = speech_like(rng)
    noisy = clean + 0.05 * rng.standard_normal(clean.size)
    import pesq

    assert metrics.pesq_wb(noisy, clean, RATE) == pytest.approx(pesq.pesq(RATE, clean, noisy, "wb"), abs=1e-6)
    assert metrics.pesq_wb(noisy, clean, RATE) != pytest.approx(metrics.pesq_nb(noisy, clean, RATE), abs=0.05)


def test_scores_do_not_see_what_is_above_8_khz(rng):
    import soxr

    clean = soxr.resample(speech_like(rng), RATE, 48000)
    noisy = clean + soxr.resample(0.02 * rng.standard_normal(3 * RATE), RATE, 48000)
    hiss = 0.05 * np.sin(2 * np.pi * 15000 * np.arange(clean.size) / 48000)
    assert metrics.pesq_wb(noisy + hiss, clean, 48000) == pytest.approx(metrics.pesq_wb(noisy, clean, 48000), abs=0.02)
    assert metrics.estoi(noisy + hiss, clean, 48000) == pytest.approx(metrics.estoi(noisy, clean, 48000), abs=0.005)


@pytest.mark.parametrize("score", [metrics.pesq_wb, metrics.stoi, metrics.estoi])
def test_signals_that_cannot_be_scored_are_refused_in_words(score, rng):
    clean = speech_like(rng)
    with pytest.raises(ValueError, match="one length"):
        score(clean[:-1], clean, RATE)
    with pytest.raises(ValueError, match="silent"):
        score(clean, np.zeros_like(clean), RATE)
    with pytest.raises(ValueError, match="NaN"):
        score(np.where(clean > 0.1, np.nan, clean), clean, RATE)
    with pytest.raises(ValueError, match="needs"):
        score(clean[:2000], clean[:2000], RATE)


@pytest.mark.parametrize("score", [metrics.pesq_wb, metrics.estoi])
def test_a_silent_estimate_gets_a_low_finite_score(score, rng):
    clean = speech_like(rng)
    value = score(np.zeros_like(clean), clean, RATE)
    assert np.isfinite(value)
    assert value < 0.5 * score(clean, clean, RATE)


@pytest.mark.parametrize("delay", [-700, -1, 0, 1, 480, 1999])
@pytest.mark.parametrize("polarity", [1, -1])
def test_a_known_delay_is_found_and_removed(delay, polarity, rng):
    reference = rng.standard_normal(8000)
    late = alignment.align(polarity * reference, -delay, 8000) + 0.1 * rng.standard_normal(8000)
    assert alignment.find_delay(late, reference, 2000) == delay
    back = alignment.align(late, delay, 8000)
    kept = slice(max(0, -delay), 8000 - max(0, delay))
    assert back.shape == (8000,)
    assert metrics.si_sdr(back[kept], reference[kept]) > 15


def test_alignment_keeps_channels_and_pads_with_silence():
    stereo = np.arange(20.0).reshape(10, 2)
    assert np.array_equal(alignment.align(stereo, 8, 4), [[16, 17], [18, 19], [0, 0], [0, 0]])
    assert np.array_equal(alignment.align(stereo, 50, 3), np.zeros((3, 2)))
    assert np.array_equal(alignment.align(stereo, -5, 3), np.zeros((3, 2)))
