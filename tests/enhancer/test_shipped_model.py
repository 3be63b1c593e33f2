"""The shipped student does no harm to clean speech, keeps its upper octave, and removes noise."""

import numpy as np
import pytest

from benchmarks.clips import demo_clips
from enhancer import Enhancer, denoise
from enhancer.evaluation.metrics import pesq_wb, si_sdr

CLIPS = demo_clips()
FULL_BAND = [clip for clip in CLIPS if clip.sample_rate == 48_000]


def mono(signal):
    return signal if signal.ndim == 1 else signal[:, 0]


def active_level_db(signal, sample_rate):
    """Mean power of the 50 ms pieces within 25 dB of the loudest, in dB: the level of the speech, not of its pauses."""
    pieces = signal[: len(signal) // (sample_rate // 20) * (sample_rate // 20)].reshape(-1, sample_rate // 20)
    power = np.mean(np.square(pieces, dtype=np.float64), axis=1)
    return 10 * np.log10(power[power > power.max() * 10**-2.5].mean())


def band_energy_db(signal, sample_rate, low, high):
    power = np.abs(np.fft.rfft(signal * np.hanning(len(signal)))) ** 2
    frequencies = np.fft.rfftfreq(len(signal), 1 / sample_rate)
    return 10 * np.log10(power[(frequencies >= low) & (frequencies < high)].sum())


@pytest.fixture(scope="module", params=CLIPS, ids=[clip.name for clip in CLIPS])
def clean_pair(request, shipped_model):
    """(clean, enhanced clean, sample_rate) of one bundled clip, its first channel."""
    clip = request.param
    clean = np.ascontiguousarray(mono(clip.clean()))
    return clean, denoise(clean, clip.sample_rate, model=shipped_model), clip.sample_rate


def test_clean_speech_keeps_its_level(clean_pair):
    clean, enhanced, sample_rate = clean_pair
    assert abs(active_level_db(enhanced, sample_rate) - active_level_db(clean, sample_rate)) < 0.5


def test_clean_speech_stays_clean_speech(clean_pair):
    clean, enhanced, sample_rate = clean_pair
    assert pesq_wb(enhanced, clean, sample_rate) > 3.8


@pytest.mark.parametrize("clip", FULL_BAND, ids=[clip.name for clip in FULL_BAND])
def test_full_band_speech_keeps_its_energy_from_8_to_16_khz(clip, shipped_model):
    clean = np.ascontiguousarray(mono(clip.clean()))
    enhanced = denoise(clean, 48_000, model=shipped_model)
    kept = band_energy_db(enhanced, 48_000, 8_000, 16_000) - band_energy_db(clean, 48_000, 8_000, 16_000)
    assert abs(kept) < 2.0


def test_noisy_speech_comes_nearer_to_the_clean_one(shipped_model):
    gains = []
    for clip in CLIPS:
        clean, noisy = mono(clip.clean()), mono(clip.noisy())
        enhanced = denoise(np.ascontiguousarray(noisy), clip.sample_rate, model=shipped_model)
        gains.append(si_sdr(enhanced, clean) - si_sdr(noisy, clean))
    assert np.mean(gains) > 3.0
    assert min(gains) > 0.0


@pytest.mark.parametrize("sample_rate", [16_000, 48_000])
def test_streaming_equals_offline_with_the_shipped_model(shipped_model, speech_like, sample_rate):
    signal = speech_like(sample_rate, 2.0)
    stream, hop = Enhancer(sample_rate, model=shipped_model), sample_rate // 100
    parts = [stream.process(signal[start : start + hop]) for start in range(0, len(signal), hop)]
    streamed = np.concatenate([*parts, stream.flush()])[stream.latency_samples :]
    offline = denoise(signal, sample_rate, model=shipped_model)
    np.testing.assert_allclose(streamed, offline, atol=1e-5 * np.abs(offline).max())


def test_silence_after_speech_leaves_no_denormals_in_the_shipped_model(shipped_model, speech_like):
    stream = Enhancer(16_000, model=shipped_model)
    stream.process(speech_like(16_000, 1.0))
    for _ in range(500):
        stream.process(np.zeros(160, np.float32))
    for state in stream._network.state:
        assert not ((state != 0) & (np.abs(state) < np.finfo(np.float32).smallest_normal)).any()


def test_the_shipped_model_says_where_it_comes_from(shipped_model):
    info = shipped_model.info
    assert info.licence == "Apache-2.0"
    assert info.git_revision != "not stated"
    assert info.parameters > 10_000
    assert info.training
