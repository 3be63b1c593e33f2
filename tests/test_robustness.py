"""The robustness figures: each measure says what it claims on signals whose answer is known."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.robustness import report, residue, run, speech
from benchmarks.robustness.activity import hop_levels, pauses, stretches
from benchmarks.robustness.draws import spread
from benchmarks.robustness.through_mask import through_mask
from benchmarks.robustness.worst import worst
from enhancer import denoise
from enhancer.evaluation.scoring import Outcome
from training.evaluation.items import Entry
from training.evaluation.results import Results
from training.evaluation.run import Scored

RATE = 16_000


def noise(seconds: float, rms: float, seed: int = 0) -> np.ndarray:
    return (rms * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def words() -> np.ndarray:
    """Silence 1 s, sound 1 s, silence 1 s, sound 0.6 s with a gap of 60 ms in it, silence 0.5 s."""
    x = np.zeros(round(4.1 * RATE), np.float32)
    for start, stop in ((1.0, 2.0), (3.0, 3.3), (3.36, 3.6)):
        x[round(start * RATE) : round(stop * RATE)] = noise(stop - start, 0.1, seed=int(10 * start))
    return x


def apart(clean: np.ndarray, left: np.ndarray, kept: np.ndarray | None = None) -> speech.Heard:
    return speech.Heard(
        clean, noise(len(clean) / RATE, 0.01), clean if kept is None else kept, left, RATE, hop_levels(clean, RATE)
    )


def test_stretches_and_pauses_of_a_signal_are_where_they_were_put():
    levels = hop_levels(words(), RATE)
    assert np.array(stretches(levels)) == pytest.approx(np.array([(100, 200), (300, 360)]), abs=1)
    assert np.array(pauses(levels)) == pytest.approx(np.array([(5, 95), (205, 295), (365, 405)]), abs=2)


def test_silence_has_neither():
    levels = hop_levels(np.zeros(RATE, np.float32), RATE)
    assert stretches(levels) == []
    assert levels.max() == -120


@pytest.mark.parametrize("sample_rate", [16_000, 48_000])
def test_parts_through_the_mask_of_their_sum_add_up_to_what_the_engine_makes_of_it(
    recurrent_model, speech_like, sample_rate
):
    clean = 0.3 * speech_like(sample_rate, 1.3)
    hiss = (0.02 * np.random.default_rng(1).standard_normal(len(clean))).astype(np.float32)
    parts = through_mask(recurrent_model, clean + hiss, np.stack([clean, hiss]), sample_rate)
    enhanced = denoise(clean + hiss, sample_rate, model=recurrent_model)
    assert np.abs(parts.sum(axis=0) - enhanced).max() < 1e-4 * np.abs(enhanced).max()


def test_speech_that_is_all_there_has_lost_nothing_and_a_lowered_band_is_seen_in_its_column():
    clean = words()
    by_band, _ = speech.kept_by_band(apart(clean, 0 * clean))
    assert np.nanmax(np.abs(by_band)) < 1e-6
    spectrum = np.fft.rfft(clean)
    hertz = np.fft.rfftfreq(len(clean), 1 / RATE)
    low, high = speech.BANDS_HZ[4]
    spectrum[(hertz > low - 200) & (hertz < high + 200)] *= 0.5
    kept = np.fft.irfft(spectrum, len(clean)).astype(np.float32)
    by_band, _ = speech.kept_by_band(apart(clean, 0 * clean, kept))
    assert by_band[4] == pytest.approx(-6.0, abs=0.2)
    assert by_band[[0, 1, 2, 6, 7]] == pytest.approx(0, abs=0.3)
    assert np.isnan(by_band[8:10]).all()  # nothing above 8 kHz at this rate


def test_the_ideal_mask_loses_what_it_must_to_noise_as_loud_as_the_speech():
    sound = (0.1 * np.random.default_rng(1).standard_normal((2, 4 * RATE))).astype(np.float32)
    sound[:, RATE : 2 * RATE] *= 1e-4  # a pause
    _, ideal = speech.kept_by_band(replace(apart(sound[0], sound[1]), noise=sound[1]))
    # E[(a / (a + b))^2 a] / E[a] for two independent exponential powers of equal mean is 1/2
    assert ideal[:8] == pytest.approx(-3.0, abs=0.3)


def test_a_cut_onset_is_counted_and_the_rest_of_the_word_is_not():
    clean = words()
    kept = clean.copy()
    kept[RATE : round(1.05 * RATE)] *= 0.1
    edges = speech.kept_at_edges(apart(clean, 0 * clean, kept))
    assert edges[0] == pytest.approx([-20, 0, 0], abs=2.5)
    assert edges[1] == pytest.approx([0, 0, 0], abs=1e-6)


def test_noise_lowered_by_10_db_is_10_db_down_in_pauses_and_neither_pumps_nor_sings():
    sound = apart(words(), noise(4.1, 0.01) * np.float32(10**-0.5))
    found = residue.in_pauses(sound)
    assert found["low_before_db"] - found["low_after_db"] == pytest.approx(10, abs=0.1)
    assert found["low_before_db"] == pytest.approx(-20, abs=1.5)
    assert found["spread_after_db"] == pytest.approx(found["spread_before_db"], abs=0.05)
    assert found["log_kurtosis_ratio"] == pytest.approx(0, abs=0.05)
    assert list(residue.attenuation(sound).values()) == pytest.approx([10, 10, 10], abs=0.1)


def test_noise_that_comes_back_in_bursts_has_a_wider_spread():
    gate = np.resize(np.repeat(np.float32([0.3, 0.01]), RATE // 5), round(4.1 * RATE))
    found = residue.in_pauses(apart(words(), noise(4.1, 0.01) * gate))
    assert found["spread_after_db"] > found["spread_before_db"] + 5


def test_pauses_count_only_where_there_is_noise_in_them():
    quiet = apart(words(), 0 * words())
    assert math.isnan(residue.in_pauses(quiet)["log_kurtosis_ratio"])  # all taken out: nothing to be musical
    assert residue.summary([quiet])["low_after_db"] < -100
    without = speech.Heard(words(), 0 * words(), words(), 0 * words(), RATE, hop_levels(words(), RATE))
    assert residue.in_pauses(without) is None


def test_kurtosis_of_noise_is_that_of_an_exponential_distribution_and_grows_with_single_bins_left():
    rng = np.random.default_rng(3)
    powers = rng.exponential(size=(400, 128)) * np.linspace(1, 1000, 128)
    assert residue.spectral_kurtosis(powers) == pytest.approx(6, rel=0.05)  # E x^4 / (E x^2)^2 = 24 / 4
    assert residue.spectral_kurtosis(np.where(rng.random(powers.shape) < 0.05, powers, 1e-3 * powers)) > 60


def test_snrs_fill_their_range_evenly_from_the_first_few_on():
    for count in (5, 12, 30):
        values = np.sort([spread(number, -5, 15) for number in range(count)])
        assert values[0] > -5 and values[-1] < 15
        assert np.diff(values).max() < 3 * 20 / count


def evaluation() -> Results:
    """Three items, the second without a defined PESQ; the noisy scores are all zero."""
    gains = {"a": (0.3, 0.1, 5.0), "b": (math.nan, -0.1, 6.0), "c": (0.1, 0.0, 7.0)}
    outcomes = {}
    for name, gain in gains.items():
        for system, values in (("noisy", (0.0, 0.0, 0.0)), ("student", gain)):
            scores = dict(zip(("pesq_wb", "estoi", "si_sdr", "snr_db"), (*values, 5.0), strict=True))
            outcomes[name, system] = Outcome(name, system, 4.0, RATE, 1, scores, {})
    entries = [Entry(name, name, lambda: None, "rain", "somebody") for name in gains]
    return Results(entries, ["noisy", "student"], Scored(outcomes))


def test_the_worst_are_those_with_the_least_gain_each_once_with_its_ranks():
    cases = worst(evaluation(), {"a": "en", "b": "sv", "c": "th"}, 1)
    assert {case.name: dict(case.ranks) for case in cases} == {
        "c": {"pesq_wb": 1}, "b": {"estoi": 1}, "a": {"si_sdr": 1},
    }  # fmt: skip
    of_all = worst(evaluation(), dict.fromkeys("abc", ""), 3)
    assert {case.name: case.ranks.get("pesq_wb") for case in of_all} == {"c": 1, "a": 2, "b": None}


def test_every_table_has_its_place_on_the_page():
    page = run.PAGE.read_text("utf-8")
    for place in report.PLACES:
        assert f"<!-- {place} -->\n```text\n" in page and f"\n```\n<!-- /{place} -->" in page


@pytest.mark.skipif(not run.RESULTS.exists(), reason="nothing was measured and written yet")
def test_the_page_shows_the_figures_of_the_file():
    facts = json.loads(run.RESULTS.read_text("utf-8"))
    page = run.PAGE.read_text("utf-8")
    for place, parts in report.tables(facts).items():
        assert f"<!-- {place} -->\n```text\n{report.as_page_text(parts)}\n```\n<!-- /{place} -->" in page
