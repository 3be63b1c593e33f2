"""The enhancer as a stream: any block size, rate and width; exactly late; causal; transparent with a passing model."""

from itertools import cycle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enhancer import Enhancer, denoise

REPRODUCIBLE = settings(
    derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8
)


def whole(stream, signal, block=None):
    """The stream's output for the signal in blocks (None: one), with what `flush` adds."""
    block = block or max(len(signal), 1)
    parts = [stream.process(signal[start : start + block]) for start in range(0, len(signal), block)]
    return np.concatenate([*parts, stream.flush()])


def error_db(output, wanted):
    return 10 * np.log10(np.mean((output - wanted) ** 2) / np.mean(wanted**2) + 1e-20)


def below(signal, sample_rate, highest):
    """The signal without what lies above `highest` Hz."""
    spectrum = np.fft.rfft(signal)
    spectrum[np.fft.rfftfreq(len(signal), 1 / sample_rate) > highest] = 0
    return np.fft.irfft(spectrum, len(signal)).astype(np.float32)


@given(
    lengths=st.lists(st.sampled_from([0, 1, 2, 37, 160, 441, 480, 1000, 7001]), min_size=1, max_size=6),
    sample_rate=st.sampled_from([16_000, 48_000, 44_100, 8_000]),
    channels=st.integers(1, 2),
)
@REPRODUCIBLE
def test_any_block_sizes_give_the_same_samples(recurrent_model, speech_like, lengths, sample_rate, channels):
    signal = speech_like(sample_rate, 0.25, channels=channels)
    wanted = whole(Enhancer(sample_rate, channels, model=recurrent_model), signal)
    stream, parts, start = Enhancer(sample_rate, channels, model=recurrent_model), [], 0
    for length in cycle([*lengths, 61]):
        parts.append(stream.process(signal[start : start + length]))
        assert parts[-1].shape == signal[start : start + length].shape
        start += length
        if start >= len(signal):
            break
    output = np.concatenate([*parts, stream.flush()])
    np.testing.assert_allclose(output, wanted, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("sample_rate", [16_000, 22_050])
def test_sample_by_sample_gives_the_same_samples(recurrent_model, speech_like, sample_rate):
    signal = speech_like(sample_rate, 0.05)
    wanted = whole(Enhancer(sample_rate, model=recurrent_model), signal)
    output = whole(Enhancer(sample_rate, model=recurrent_model), signal, block=1)
    np.testing.assert_allclose(output, wanted, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("sample_rate", [16_000, 48_000])
def test_streaming_equals_offline(recurrent_model, speech_like, sample_rate):
    signal = speech_like(sample_rate, 3.0)
    stream = Enhancer(sample_rate, model=recurrent_model)
    streamed = whole(stream, signal, block=sample_rate // 100)[stream.latency_samples :]
    offline = denoise(signal, sample_rate, model=recurrent_model)
    np.testing.assert_allclose(streamed, offline, atol=1e-5 * np.abs(offline).max())


@pytest.mark.parametrize("sample_rate", [16_000, 48_000])
def test_a_passing_model_reconstructs_after_the_latency(pass_model, speech_like, sample_rate):
    signal = speech_like(sample_rate, 3.0)
    stream = Enhancer(sample_rate, model=pass_model)
    output = whole(stream, signal, block=1234)
    assert stream.latency_samples == 0.020 * sample_rate
    assert len(output) == len(signal) + stream.latency_samples
    np.testing.assert_allclose(output[stream.latency_samples :], signal, atol=1e-6)
    np.testing.assert_allclose(output[: stream.latency_samples], 0.0, atol=1e-6)


@pytest.mark.parametrize("sample_rate", [8_000, 11_025, 22_050, 32_000, 44_100, 96_000, 192_000, 44_056])
def test_at_other_rates_a_passing_model_reconstructs_within_60_db(pass_model, speech_like, sample_rate):
    grid_rate = 16_000 if sample_rate <= 16_000 else 48_000
    signal = below(speech_like(sample_rate, 1.0), sample_rate, 0.46 * min(sample_rate, grid_rate))
    stream = Enhancer(sample_rate, model=pass_model)
    output = whole(stream, signal, block=sample_rate // 100)
    assert error_db(output[stream.latency_samples :], signal) < -60


@pytest.mark.parametrize(
    ("sample_rate", "block"), [(16_000, 160), (48_000, 960), (48_000, 240), (44_100, 441), (22_050, 441)]
)
def test_a_promised_block_size_shortens_the_latency_and_nothing_else(recurrent_model, speech_like, sample_rate, block):
    signal = speech_like(sample_rate, 1.0)[: 40 * block]
    usual = Enhancer(sample_rate, model=recurrent_model)
    promised = Enhancer(sample_rate, model=recurrent_model, block_size=block)
    assert promised.latency_samples < usual.latency_samples
    wanted = whole(usual, signal)[usual.latency_samples :]
    for blocks in (1, 3, 40):
        promised.reset()
        output = whole(promised, signal, block * blocks)[promised.latency_samples :]
        assert error_db(output, wanted) < -60
    with pytest.raises(ValueError, match="promised"):
        promised.process(signal[: block - 1])


@pytest.mark.parametrize("sample_rate", [16_000, 44_100])
def test_future_samples_change_nothing_earlier_than_the_latency(recurrent_model, speech_like, sample_rate):
    signal = speech_like(sample_rate, 1.0)
    change = sample_rate // 2 + 3
    other = signal.copy()
    other[change:] = -0.7 * other[change:][::-1]
    aligned = []
    for version in (signal, other):
        stream = Enhancer(sample_rate, model=recurrent_model)
        aligned.append(whole(stream, version)[stream.latency_samples :])
    first = change - stream.latency_samples
    np.testing.assert_array_equal(aligned[0][:first], aligned[1][:first])
    assert np.abs(aligned[0][first:] - aligned[1][first:]).max() > 1e-3


def test_reset_equals_new(recurrent_model, speech_like):
    for sample_rate in (48_000, 44_100):
        signal = speech_like(sample_rate, 0.5)
        stream = Enhancer(sample_rate, model=recurrent_model)
        first = whole(stream, signal)
        stream.reset()
        assert stream.stats == Enhancer(sample_rate, model=recurrent_model).stats
        np.testing.assert_array_equal(whole(stream, signal), first)


@pytest.mark.parametrize("sample_rate", [16_000, 44_100])
def test_channels_are_independent(recurrent_model, speech_like, sample_rate):
    signal = speech_like(sample_rate, 0.3, channels=8)
    together = whole(Enhancer(sample_rate, 8, model=recurrent_model), signal, block=3000)
    for channel in range(8):
        alone = whole(Enhancer(sample_rate, model=recurrent_model), signal[:, channel])
        np.testing.assert_allclose(together[:, channel], alone, atol=1e-5 * np.abs(alone).max())


def test_one_channel_comes_out_shaped_as_it_went_in(pass_model):
    stream = Enhancer(16_000, model=pass_model)
    assert stream.process(np.zeros(7, np.float32)).shape == (7,)
    assert stream.flush().shape == (320,)
    assert stream.process(np.zeros((7, 1), np.float32)).shape == (7, 1)
    assert stream.flush().shape == (320, 1)


def test_blocks_of_minutes_equal_small_ones(pass_model, speech_like):
    signal = np.tile(speech_like(16_000, 1.0), 65)[5:]
    output = whole(Enhancer(16_000, model=pass_model), signal)
    np.testing.assert_allclose(output[320:], signal, atol=1e-6)


def test_the_input_is_left_as_it_was(recurrent_model):
    signal = np.array([[np.nan, 0.5], [2.0, -np.inf]] * 500, np.float32)
    before = signal.copy()
    Enhancer(16_000, 2, model=recurrent_model).process(signal)
    np.testing.assert_array_equal(signal, before)


def test_an_earlier_output_is_not_overwritten_by_later_calls(pass_model, speech_like):
    signal = speech_like(16_000, 0.2)
    stream = Enhancer(16_000, model=pass_model)
    outputs = [stream.process(signal[start : start + 160]) for start in range(0, 3200, 160)]
    np.testing.assert_allclose(np.concatenate(outputs)[320:], signal[:2880], atol=1e-6)
