"""What comes in: wrong arguments are said clearly; broken, silent and overloud sound does no harm."""

import subprocess
import sys

import numpy as np
import pytest

import enhancer
from enhancer import Enhancer, UserError, denoise
from enhancer.limiter import THRESHOLD, limit


@pytest.mark.parametrize("rate", [0, 7_999, 192_001, -16_000, 16_000.5, "16000", None, True, float("nan")])
def test_an_impossible_sample_rate_is_refused(pass_model, rate):
    with pytest.raises(UserError, match=r"sample rate must be a whole number from 8000 to 192000 Hz"):
        Enhancer(rate, model=pass_model)


@pytest.mark.parametrize("channels", [0, 9, 1.5, "two"])
def test_an_impossible_number_of_channels_is_refused(pass_model, channels):
    with pytest.raises(UserError, match=r"number of channels .* from 1 to 8"):
        Enhancer(16_000, channels, model=pass_model)


@pytest.mark.parametrize(
    ("channels", "block"),
    [
        (1, np.zeros((5, 2), np.float32)),
        (2, np.zeros(5, np.float32)),
        (2, np.zeros((2, 5), np.float32)),
        (1, np.zeros((5, 1, 1), np.float32)),
        (1, np.float32(0.0)),
        (1, np.zeros(5, np.int16)),
        (1, np.zeros(5, complex)),
        (1, [0.0, 0.1]),
        (1, None),
    ],
)
def test_a_block_of_another_shape_or_type_is_refused_and_changes_nothing(pass_model, channels, block):
    stream = Enhancer(16_000, channels, model=pass_model)
    with pytest.raises(ValueError, match="a block must"):
        stream.process(block)
    assert stream.stats.frames == 0


def test_blocks_of_other_float_types_are_taken(pass_model, speech_like):
    signal = speech_like(16_000, 0.2)
    wanted = Enhancer(16_000, model=pass_model).process(signal)
    for dtype, tolerance in ((np.float64, 1e-7), (np.float16, 1e-3), (">f4", 1e-7)):
        output = Enhancer(16_000, model=pass_model).process(signal.astype(dtype))
        assert output.dtype == np.float32
        np.testing.assert_allclose(output, wanted, atol=tolerance)


def test_strided_blocks_are_taken(pass_model, speech_like):
    both = speech_like(16_000, 0.2, channels=2)
    for view in (both[:, 1], both[::-1, 0]):
        output = Enhancer(16_000, model=pass_model).process(view)
        np.testing.assert_allclose(output[320:], view[:-320], atol=1e-6)


def test_denoise_is_aligned_and_of_the_same_length(pass_model, speech_like):
    for sample_rate in (16_000, 48_000):
        for shape in ({}, {"channels": 2}):
            signal = speech_like(sample_rate, 1.3, **shape)
            np.testing.assert_allclose(denoise(signal, sample_rate, model=pass_model), signal, atol=1e-6)


@pytest.mark.parametrize("length", [0, 1, 2, 159, 320, 321])
def test_denoise_takes_the_shortest_signals(pass_model, length):
    for signal in (np.full(length, 0.1, np.float32), np.full((length, 2), 0.1, np.float32)):
        output = denoise(signal, 44_100, model=pass_model)
        assert output.shape == signal.shape
        assert output.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint8, np.int8])
def test_denoise_takes_integers_of_full_scale(pass_model, speech_like, dtype):
    wanted = speech_like(16_000, 0.3)
    info = np.iinfo(dtype)
    middle = (info.max + info.min + 1) / 2
    integers = np.round(wanted * (info.max - middle) + middle).astype(dtype)
    output = denoise(integers, 16_000, model=pass_model)
    np.testing.assert_allclose(output, wanted, atol=max(1e-6, 2.0 / (info.max - middle)))


@pytest.mark.parametrize("signal", [np.zeros((2, 3, 4)), np.float32(1), np.zeros(5, complex), np.array(["a"])])
def test_denoise_refuses_other_shapes_and_types(pass_model, signal):
    with pytest.raises(ValueError, match="must"):
        denoise(signal, 16_000, model=pass_model)


@pytest.mark.parametrize("sample_rate", [16_000, 44_100])
def test_nan_and_inf_are_silence_and_counted(recurrent_model, speech_like, sample_rate):
    clean = speech_like(sample_rate, 0.5, channels=2).copy()
    broken = clean.copy()
    holes = np.random.default_rng(0).random(clean.shape) < 0.05
    broken[holes] = np.random.default_rng(1).choice([np.nan, np.inf, -np.inf], holes.sum())
    clean[holes] = 0.0
    streams = [Enhancer(sample_rate, 2, model=recurrent_model) for _ in range(2)]
    wanted, output = streams[0].process(clean), streams[1].process(broken)
    np.testing.assert_array_equal(output, wanted)
    assert streams[0].stats.non_finite == 0
    assert streams[1].stats.non_finite == holes.sum()


def test_nothing_but_nan_is_silence(recurrent_model):
    stream = Enhancer(48_000, model=recurrent_model)
    assert not stream.process(np.full(48_000, np.nan, np.float32)).any()
    assert stream.stats.non_finite == 48_000


def test_absurdly_loud_sound_leaves_the_stream_intact(recurrent_model, speech_like):
    stream = Enhancer(16_000, model=recurrent_model)
    for level in (1e4, 1e10, 3e38):
        assert np.abs(stream.process(level * (speech_like(16_000, 0.2) + 0.1))).max() <= 1.0
    assert np.isfinite(stream.process(np.full(100, 1e300))).all()
    stream.process(np.zeros(16_000, np.float32))
    output = stream.process(speech_like(16_000, 2.0))
    assert np.isfinite(output).all()
    assert output.any()


@pytest.mark.parametrize("sample_rate", [16_000, 48_000])
def test_digital_silence_stays_digital_silence(recurrent_model, sample_rate):
    assert not Enhancer(sample_rate, model=recurrent_model).process(np.zeros(sample_rate, np.float32)).any()


@pytest.mark.parametrize("sample_rate", [16_000, 44_100])
def test_silence_after_speech_leaves_no_denormals_behind(recurrent_model, speech_like, sample_rate):
    """Denormal numbers make digital silence a hundred times dearer than speech on many processors."""
    stream = Enhancer(sample_rate, model=recurrent_model)
    stream.process(speech_like(sample_rate, 1.0))
    silence = np.zeros(sample_rate // 100, np.float32)
    for _ in range(300):
        output = stream.process(silence)
    assert not output.any()
    smallest_normal = np.finfo(np.float32).smallest_normal
    for state in (*stream._network.state, stream._analysis._samples, stream._synthesis._tail):
        assert not ((state != 0) & (np.abs(state) < smallest_normal)).any()


def test_sound_too_faint_for_any_converter_counts_as_silence(pass_model):
    stream = Enhancer(16_000, model=pass_model)
    assert not stream.process(np.full(1600, 1e-40, np.float32)).any()


def test_output_never_exceeds_full_scale_and_is_untouched_below_minus_1_dbfs(pass_model, speech_like):
    signal = speech_like(16_000, 1.0)
    quiet = (signal * (0.99 * THRESHOLD / np.abs(signal).max())).astype(np.float32)
    np.testing.assert_allclose(denoise(quiet, 16_000, model=pass_model), quiet, atol=1e-6)
    for gain in (2.0, 4.0, 1000.0):
        loud = denoise(signal * np.float32(gain), 16_000, model=pass_model)
        assert 0.9 < np.abs(loud).max() <= 1.0
        stream = Enhancer(16_000, model=pass_model)
        stream.bypass = True
        assert np.abs(stream.process(signal * np.float32(gain))).max() <= 1.0


def test_limiter_is_monotonic_and_smooth():
    ramp = np.linspace(-3, 3, 60_001).astype(np.float32)
    bent = ramp.copy()
    limit(bent)
    inside = np.abs(ramp) <= THRESHOLD
    np.testing.assert_array_equal(bent[inside], ramp[inside])
    assert (np.diff(bent) >= 0).all()
    assert np.diff(bent).max() <= 1.01e-4
    assert np.abs(bent).max() <= 1.0


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, enhancer; print([m for m in ('numpy', 'onnxruntime', 'soxr') if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_the_public_names_are_all_there():
    for name in enhancer.__all__:
        assert getattr(enhancer, name) is not None
        assert name in dir(enhancer)
    with pytest.raises(AttributeError, match="nothing"):
        _ = enhancer.nothing
