"""What a person turns while sound runs: bypass, attenuation limit; and what the meters say."""

import numpy as np
import pytest

from enhancer import Enhancer, UserError


def noise(sample_rate, seconds, level=0.1, seed=0):
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(round(seconds * sample_rate))).astype(np.float32)


def rms(signal):
    return float(np.sqrt(np.mean(np.square(signal, dtype=np.float64))))


@pytest.mark.parametrize("sample_rate", [16_000, 48_000, 44_100])
@pytest.mark.parametrize("limit_db", [0.0, 6.0, 20.0])
def test_attenuation_limit_is_true_in_db_on_stationary_noise(removing_model, sample_rate, limit_db):
    signal = noise(sample_rate, 1.5)
    stream = Enhancer(sample_rate, model=removing_model, attenuation_limit_db=limit_db)
    output = stream.process(signal)[sample_rate // 2 :]
    assert 20 * np.log10(rms(signal) / rms(output)) == pytest.approx(limit_db, abs=0.3)


def test_without_a_limit_everything_may_go(removing_model):
    assert not Enhancer(16_000, model=removing_model).process(noise(16_000, 0.5)).any()


def test_attenuation_limit_moves_within_40_ms_and_without_a_jump(removing_model):
    signal = (0.3 * np.sin(2 * np.pi * 300 * np.arange(16_000) / 16_000)).astype(np.float32)
    stream = Enhancer(16_000, model=removing_model, attenuation_limit_db=40.0)
    before = stream.process(signal[:8000])
    stream.attenuation_limit_db = 6.0
    after = stream.process(signal[8000:])
    joined = np.concatenate([before[4000:], after])
    steepest = 0.3 * 2 * np.pi * 300 / 16_000
    assert np.abs(np.diff(joined)).max() < 1.1 * steepest
    assert rms(after[:160]) < 0.02
    assert rms(after[800:]) == pytest.approx(0.3 / np.sqrt(2) / 2, rel=0.02)
    assert stream.attenuation_limit_db == 6.0


@pytest.mark.parametrize("value", [-1, float("nan"), "much", -float("inf")])
def test_an_impossible_attenuation_limit_is_refused_and_the_old_one_stays(pass_model, value):
    stream = Enhancer(16_000, model=pass_model, attenuation_limit_db=12)
    with pytest.raises(UserError, match="attenuation limit"):
        stream.attenuation_limit_db = value
    assert stream.attenuation_limit_db == 12
    with pytest.raises(UserError, match="attenuation limit"):
        Enhancer(16_000, model=pass_model, attenuation_limit_db=value)


@pytest.mark.parametrize("sample_rate", [16_000, 48_000])
def test_switching_bypass_is_inaudible_with_a_passing_model(pass_model, speech_like, sample_rate):
    signal = speech_like(sample_rate, 2.0)
    stream, parts = Enhancer(sample_rate, model=pass_model), []
    for number, start in enumerate(range(0, len(signal), 777)):
        stream.bypass = number % 5 in (1, 2, 4)
        parts.append(stream.process(signal[start : start + 777]))
    output = np.concatenate(parts)
    late = stream.latency_samples
    np.testing.assert_allclose(output[late:], signal[:-late], atol=1e-6)


@pytest.mark.parametrize("sample_rate", [16_000, 44_100])
def test_bypass_gives_the_input_back_bit_by_bit(removing_model, sample_rate):
    signal = noise(sample_rate, 0.5)
    stream = Enhancer(sample_rate, model=removing_model)
    stream.bypass = True
    stream.process(np.zeros(sample_rate, np.float32))
    output = stream.process(signal)
    late = stream.latency_samples
    np.testing.assert_array_equal(output[late:], signal[:-late])


def test_switching_bypass_fades_over_10_ms(removing_model):
    stream = Enhancer(16_000, model=removing_model)
    steady = np.full(1600, 0.5, np.float32)
    stream.process(steady)
    stream.bypass = True
    into = stream.process(steady)
    np.testing.assert_allclose(into[:160], np.linspace(0.5 / 160, 0.5, 160), atol=1e-6)
    np.testing.assert_array_equal(into[160:], steady[160:])
    stream.bypass = False
    out_of = stream.process(steady)
    np.testing.assert_allclose(out_of[:160], into[:160][::-1] - 0.5 / 160, atol=1e-6)
    assert not out_of[160:].any()


def test_the_network_sleeps_after_ten_seconds_of_bypass(counting_model):
    stream = Enhancer(16_000, model=counting_model)
    second = noise(16_000, 1.0)

    def frames_seen():
        return round(stream.stats.speech_presence * 1e4)

    stream.process(second)
    assert frames_seen() == 100
    stream.bypass = True
    for _ in range(30):
        stream.process(second)
    assert frames_seen() == 100 + 1000
    assert stream.stats.frames == 3100
    stream.bypass = False
    stream.process(second)
    assert frames_seen() == 100 + 1000 + 100


@pytest.mark.parametrize("block", [800, 4801])
def test_back_from_30_s_of_bypass_without_a_burst(recurrent_model, block):
    sample_rate = 16_000
    signal = noise(sample_rate, 32.0, level=0.05)
    reference = Enhancer(sample_rate, model=recurrent_model).process(signal)
    stream, parts = Enhancer(sample_rate, model=recurrent_model), []
    for start in range(0, len(signal), block):
        stream.bypass = sample_rate // 2 <= start < 30.5 * sample_rate
        parts.append(stream.process(signal[start : start + block]))
    output = np.concatenate(parts)
    windows = output[: len(output) // 160 * 160].reshape(-1, 160)
    dry = signal[: len(signal) // 160 * 160].reshape(-1, 160)
    loudest = max(rms(window) for window in (*dry[::10], *reference[: len(dry) * 160].reshape(-1, 160)[::10]))
    assert max(rms(window) for window in windows) < 1.4 * loudest
    # 300 ms of dry sound, a fade of 10 ms, and from then on what never slept would sound like.
    back = -(-int(30.5 * sample_rate) // block) * block
    np.testing.assert_array_equal(output[back : back + 4800], signal[back - 320 : back + 4480])
    settled = back + 4800 + 160
    assert rms(output[settled:] - reference[settled:]) < 0.1 * rms(reference[settled:])


def test_bypass_set_before_the_start_is_dry_from_the_start(removing_model):
    stream = Enhancer(16_000, model=removing_model)
    stream.bypass = True
    stream.reset()
    assert stream.bypass
    signal = noise(16_000, 0.1)
    np.testing.assert_array_equal(stream.process(signal)[320:], signal[:-320])


def test_meters_tell_levels_reduction_and_frames(removing_model):
    stream = Enhancer(16_000, model=removing_model, attenuation_limit_db=20.0)
    quiet = stream.stats
    assert quiet.frames == 0
    assert quiet.input_dbfs == quiet.output_dbfs == -120.0
    assert quiet.real_time_factor == 0.0
    stream.process(noise(16_000, 2.0, level=0.1))
    stats = stream.stats
    assert stats.frames == 200
    assert stats.input_dbfs == pytest.approx(-20.0, abs=1.0)
    assert stats.output_dbfs == pytest.approx(-40.0, abs=1.0)
    assert stats.gain_reduction_db == pytest.approx(20.0, abs=1.0)
    assert stats.speech_presence == 0.5
    assert stats.non_finite == 0
    assert stats.compute_s > 0
    stream.bypass = True
    stream.process(noise(16_000, 1.0))
    assert stream.stats.gain_reduction_db == 0.0


def test_meters_do_not_depend_on_the_block_size(pass_model):
    readings = []
    for block in (100, 16_000):
        stream = Enhancer(16_000, model=pass_model)
        signal = noise(16_000, 1.0)
        for start in range(0, 16_000, block):
            stream.process(signal[start : start + block])
        readings.append(stream.stats)
    assert readings[0].input_dbfs == pytest.approx(readings[1].input_dbfs, abs=0.5)
    assert readings[0].frames == readings[1].frames
