"""Resampling around the grids: faithful, exactly late, and the same for every block size."""

from fractions import Fraction

import numpy as np
import pytest

from enhancer.resampling import RateAdapter, Resampler, filter_half_width, grid_of

USUAL_RATES = [8_000, 11_025, 12_000, 22_050, 24_000, 32_000, 44_100, 88_200, 96_000, 176_400, 192_000]
ODD_RATES = [11_127, 44_056, 191_999]  # no short ratio to a grid


def tones(sample_rate, seconds, highest, seed=0):
    """A sum of tones up to `highest` Hz, as a function of the (fractional) sample position."""
    rng = np.random.default_rng(seed)
    frequencies, phases = rng.uniform(50, highest, 20), rng.uniform(0, 2 * np.pi, 20)

    def at(position):
        angles = 2 * np.pi * frequencies[:, None] * np.asarray(position) / sample_rate + phases[:, None]
        return np.sin(angles).sum(axis=0) / 20

    return at, at(np.arange(round(seconds * sample_rate))).astype(np.float32)


@pytest.mark.parametrize("sample_rate", USUAL_RATES + ODD_RATES)
def test_output_is_the_input_read_at_the_other_rates_positions(sample_rate):
    grid_rate = grid_of(sample_rate).sample_rate
    for in_rate, out_rate in ((sample_rate, grid_rate), (grid_rate, sample_rate)):
        at, samples = tones(in_rate, 0.05, 0.46 * min(in_rate, out_rate))
        half = filter_half_width(in_rate, out_rate)
        output = Resampler(in_rate, out_rate, 1, Fraction(half), samples.size).push(samples[None])[0]
        position = np.arange(output.size) * in_rate / out_rate - half
        settled = position > half
        error = output[settled] - at(position[settled])
        assert 10 * np.log10(np.mean(error**2) / np.mean(samples**2)) < -80


@pytest.mark.parametrize("sample_rate", [8_000, 22_050, 44_100, 96_000, 44_056])
def test_any_block_size_gives_the_same_samples(sample_rate):
    rng = np.random.default_rng(1)
    samples = rng.standard_normal((2, sample_rate // 10)).astype(np.float32)

    def resampled(lengths):
        resampler = Resampler(sample_rate, grid_of(sample_rate).sample_rate, 2, Fraction(90), samples.shape[1])
        parts, start = [], 0
        for length in lengths:
            parts.append(resampler.push(samples[:, start : start + length]).copy())
            start += length
        assert start >= samples.shape[1]
        return np.concatenate(parts, axis=1)

    whole = resampled([samples.shape[1]])
    usual = [sample_rate // 100] * 11
    for lengths in ([1] * 500 + usual, usual, [0, 7, 500, 1, sample_rate // 24, samples.shape[1]]):
        np.testing.assert_allclose(resampled(lengths), whole, atol=1e-7)


def test_energy_above_the_lower_nyquist_frequency_is_removed():
    time = np.arange(48_000) / 48_000
    alias = np.sin(2 * np.pi * 5_000 * time).astype(np.float32)[None]
    output = Resampler(48_000, 8_000, 1, Fraction(240), 48_000).push(alias)
    assert np.abs(output[0, 200:]).max() < 1e-4


@pytest.mark.parametrize("sample_rate", USUAL_RATES + ODD_RATES)
def test_latency_is_twenty_milliseconds_and_at_most_ten_more(sample_rate):
    latency = RateAdapter(sample_rate, 1, 100).latency / sample_rate
    assert 0.020 < latency <= 0.030
    if sample_rate > 40_000:
        assert latency < 0.022


def test_blocks_of_whole_hops_are_ten_milliseconds_faster():
    for sample_rate in (8_000, 16_000, 44_100, 48_000, 96_000):
        hop = sample_rate // 100
        usual, promised = (RateAdapter(sample_rate, 1, 100, block).latency for block in (None, hop))
        assert usual - promised == pytest.approx(hop, abs=1)


def test_reset_equals_new():
    rng = np.random.default_rng(2)
    samples = rng.standard_normal((1, 4410)).astype(np.float32)
    resampler = Resampler(44_100, 48_000, 1, Fraction(40), 4410)
    first = resampler.push(samples).copy()
    resampler.reset()
    np.testing.assert_array_equal(resampler.push(samples), first)


def test_a_delay_between_the_phases_is_refused():
    with pytest.raises(ValueError, match="phase grid"):
        Resampler(44_100, 48_000, 1, Fraction(1, 3), 100)
