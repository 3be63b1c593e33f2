"""External teachers: the adapter, what happens when one is not here, and the cache that a student learns from.

The real teacher is a download; a tiny network of the same interface (encoder, gate, decoder, polarity turned round)
takes its place where only the adapter and the cache are in question.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from enhancer.errors import ConfigError, InputError, ModelError, UserError
from enhancer.evaluation.peers import deepfilternet as peer
from enhancer.evaluation.peers import wheels
from training.data.mixing import MixConfig
from training.teachers import TEACHERS, build, deepfilternet, fetch, graph, load_teacher
from training.teachers.base import TeacherOutput, pool_frames, standardise
from training.teachers.cache import CacheWriter, Header, TeacherCache
from training.teachers.convtasnet import OUTPUT_GAIN, ConvTasNet

SPEECH = Path(__file__).parents[1] / "data" / "speech_16k_female.flac"
DIMS = 6
SECONDS = 0.5


def build_tiny_teacher(path: Path) -> Path:
    """An ONNX of ConvTasNet's interface: splits into two 16-sample-hop filters, gates them, puts them together.

    Its output is the input times 1 / OUTPUT_GAIN (so that the adapter returns the input), its hidden tensor has DIMS
    channels, and it holds a scalar PRelu.
    """
    encoder = np.zeros((32, 1, 32), np.float32)
    decoder = np.zeros((32, 1, 32), np.float32)
    for i in range(32):  # each sample is in two encoder frames: halves add up to the whole
        encoder[i, 0, i], decoder[i, 0, i] = 1, 0.5 / OUTPUT_GAIN
    mixing = np.random.default_rng(3).standard_normal((DIMS, 32, 1)).astype(np.float32)
    weights = {"encoder": encoder, "decoder": decoder, "mixing": mixing, "slope": np.array([[0.25]], np.float32)}
    nodes = [
        helper.make_node("Conv", ["input", "encoder"], ["coded"], strides=[16]),
        helper.make_node("Conv", ["coded", "mixing"], ["mixed"]),
        helper.make_node("PRelu", ["mixed", "slope"], ["hidden"]),
        helper.make_node("ConvTranspose", ["coded", "decoder"], ["output"], strides=[16]),
    ]
    shape = {"input": [1, 1, "samples"], "output": [1, 1, "samples_out"]}
    ends = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in shape.items()}
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    made = helper.make_graph(nodes, "tiny", [ends["input"]], [ends["output"]], tensors)
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    return path


@pytest.fixture(scope="module")
def teacher(tmp_path_factory) -> ConvTasNet:
    return ConvTasNet(build_tiny_teacher(tmp_path_factory.mktemp("teacher") / "tiny.onnx"), "hidden", DIMS)


def header_of(teacher: ConvTasNet, **changes) -> Header:
    facts = Header(teacher.name, teacher.sha256, teacher.licence, 16000, SECONDS, teacher.feature_dims, 7, {"a": [1]})
    return replace(facts, **changes)


def source(segment: int):
    """Mixtures of a decaying tone and noise, of levels from -80 to 0 dBFS; every fourth has no target."""
    rng = np.random.default_rng(build.mixture_seed(7, segment))
    time = np.arange(int(SECONDS * 16000)) / 16000
    clean = np.sin(2 * np.pi * rng.uniform(100, 3000) * time) * np.exp(-3 * time) * (segment % 4 != 3)
    level = 10 ** rng.uniform(-4, -0.5)
    noisy = clean + 0.3 * rng.standard_normal(len(time))
    return (noisy * level).astype(np.float32), (clean * level).astype(np.float32), {"snr_db": 0.0}


def filled(folder: Path, teacher: ConvTasNet, segments: int) -> TeacherCache:
    with CacheWriter(folder, header_of(teacher)) as writer:
        build.build(writer, teacher, source, segments)
    return TeacherCache(folder)


# The adapter


@pytest.mark.parametrize("samples", [160, 1000, 16000, 16007])
def test_a_teacher_returns_a_signal_of_the_same_length_level_and_polarity_without_delay(teacher, samples):
    noisy = 0.1 * np.random.default_rng(1).standard_normal(samples).astype(np.float32)
    enhanced = teacher.enhance(noisy)
    assert enhanced.shape == noisy.shape
    assert enhanced.dtype == np.float32
    np.testing.assert_allclose(enhanced, noisy, atol=1e-5)  # the tiny teacher changes nothing


def test_features_have_one_row_a_student_frame(teacher):
    noisy = 0.1 * np.random.default_rng(1).standard_normal(16079)
    features = teacher.features(noisy)
    assert features.shape == (100, DIMS)
    assert features.dtype == np.float16
    assert np.isfinite(features).all()


def test_features_of_a_frame_come_from_the_20_ms_that_end_with_its_hop(teacher):
    """A click at sample n is seen by the frames t with 160 (t - 1) <= n < 160 (t + 1), and by no other."""
    for n in (1005, 4810, 8155):
        noisy = np.zeros(16000, np.float32)
        noisy[n] = 0.5
        features = teacher.features(noisy).astype(np.float64)
        differs = np.abs(features - np.median(features, axis=0)).max(axis=1) > 1e-3
        assert set(np.flatnonzero(differs)) == {n // 160, n // 160 + 1}


def test_level_changes_nothing_but_the_level(teacher):
    noisy = 0.1 * np.random.default_rng(2).standard_normal(8000)
    loud, quiet = teacher.run(noisy), teacher.run(1e-4 * noisy)
    np.testing.assert_allclose(quiet.enhanced * 1e4, loud.enhanced, atol=1e-5)
    np.testing.assert_allclose(quiet.features.astype(float), loud.features.astype(float), atol=2e-3)


@pytest.mark.parametrize("samples", [0, 100, 1600])
def test_silence_and_shorter_than_a_frame_are_no_error(teacher, samples):
    output = teacher.run(np.zeros(samples, np.float32))
    assert output.enhanced.shape == (samples,)
    assert not output.enhanced.any()
    assert output.features.shape == (samples // 160, DIMS)


def test_a_shared_prelu_slope_becomes_leaky_relu_with_the_same_result(tmp_path):
    path = build_tiny_teacher(tmp_path / "tiny.onnx")
    before, after = (graph.open_graph(path) for _ in range(2))
    assert graph.fuse_scalar_prelu(after) == 1
    for model in (before, after):
        graph.expose(model, "hidden")
    x = np.random.default_rng(4).standard_normal((1, 1, 640)).astype(np.float32)
    for ours, theirs in zip(*(graph.session(model).run(None, {"input": x}) for model in (before, after)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_pooling_averages_exactly_the_frames_it_names():
    activations = np.arange(40, dtype=np.float32)[None]
    pooled = pool_frames(activations, frames=4, step=10, first=0, width=19)
    np.testing.assert_allclose(pooled[:, 0], [9, 19, 29, 34.5])  # the last is cut at the end


def test_standardised_features_have_no_common_part_and_unit_size():
    features = 5 + np.random.default_rng(5).standard_normal((50, 8)) * 20
    done = standardise(features).astype(np.float64)
    np.testing.assert_allclose(done.mean(axis=0), 0, atol=1e-3)
    assert np.sqrt(np.mean(done**2)) == pytest.approx(1, abs=1e-3)
    assert not standardise(np.ones((50, 8))).any()


def test_the_bands_of_deepfilternet_are_its_librarys():
    """The widths that libDF (version 0.5) computes for 48 kHz, 960 points, 32 bands of at least two bins."""
    narrow = [2] * 13 + [5, 5, 7, 7, 8, 10, 12, 13, 15, 18, 20, 24, 28, 31, 37, 42, 50, 56, 67]
    np.testing.assert_array_equal(peer.erb_widths(), narrow)


def test_a_running_mean_stays_at_its_start_and_forgets_it_at_one_percent_a_frame():
    start = np.array([1.0, -3.0])
    np.testing.assert_allclose(peer.running_mean(np.tile(start, (50, 1)), start), np.tile(start, (50, 1)))
    decay = peer.running_mean(np.zeros((100, 2)), start)
    np.testing.assert_allclose(decay, 0.99 ** np.arange(1, 101)[:, None] * start)


@pytest.mark.skipif(not fetch.WHEELS["deepfilternet3-ll"].fetched, reason="the teacher has not been fetched")
def test_deepfilternet_removes_noise_and_keeps_time_level_and_polarity():
    voice, rate = soundfile.read(SPEECH, frames=48000, dtype="float32")
    assert rate == 16000
    noise = np.random.default_rng(8).standard_normal(len(voice)) * np.std(voice) * 10 ** (-5 / 20)
    noisy = (voice + noise).astype(np.float32)
    output = load_teacher("deepfilternet3-ll").run(noisy)
    assert output.enhanced.shape == noisy.shape
    assert output.features.shape == (300, deepfilternet.HIDDEN_DIMS)
    assert build.lag(output.enhanced, voice) == (0, True)
    facts = build.facts(noisy, voice, output)
    assert facts["level_db"] == pytest.approx(0, abs=2)  # it takes a little of the speech
    assert facts["si_sdr_teacher"] > facts["si_sdr_noisy"] + 4


# A teacher that is not here, or is not what it should be


@pytest.mark.parametrize("name", TEACHERS)
def test_a_teacher_that_was_not_fetched_names_the_command_that_fetches_it(monkeypatch, tmp_path, name):
    monkeypatch.setattr(wheels, "wheels_dir", lambda: tmp_path)
    with pytest.raises(ModelError) as caught:
        load_teacher(name)
    assert f"training teachers fetch {name}" in caught.value.hint


def test_a_rate_that_a_teacher_cannot_take_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(fetch, "fetched", lambda name: tmp_path / "never read")
    for name, rate in {"convtasnet": 48000, "deepfilternet3-ll": 44100}.items():
        with pytest.raises(ConfigError, match=str(rate)):
            load_teacher(name, rate)


def test_an_unknown_teacher_is_refused_with_the_known_ones():
    for call in (load_teacher, fetch.fetch):
        with pytest.raises(ConfigError) as caught:
            call("oracle")
        assert "convtasnet" in caught.value.hint


def test_a_graph_without_the_hidden_tensor_or_no_graph_at_all_is_a_users_error(tmp_path):
    with pytest.raises(ModelError, match="no tensor"):
        ConvTasNet(build_tiny_teacher(tmp_path / "tiny.onnx"), "elsewhere", DIMS)
    (tmp_path / "text.onnx").write_text("not a network")
    with pytest.raises(UserError, match=r"text\.onnx"):
        ConvTasNet(tmp_path / "text.onnx")


# The cache


def test_a_resumed_cache_equals_an_uninterrupted_one(tmp_path, teacher):
    whole = filled(tmp_path / "whole", teacher, 7)
    filled(tmp_path / "parts", teacher, 3)
    filled(tmp_path / "parts", teacher, 7)
    names = sorted(p.name for p in whole.folder.iterdir())
    assert names == sorted(p.name for p in (tmp_path / "parts").iterdir())
    for name in names:
        assert (whole.folder / name).read_bytes() == (tmp_path / "parts" / name).read_bytes(), name


def test_a_segment_that_was_half_written_is_cut_off_and_made_again(tmp_path, teacher):
    whole = filled(tmp_path / "whole", teacher, 4)
    broken = filled(tmp_path / "broken", teacher, 3).folder
    for name, junk in {"noisy.i16": 16000, "features.f16": 10, "segments.jsonl": 5}.items():
        with open(broken / name, "ab") as file:
            file.write(b"x" * junk)
    assert TeacherCache(broken).segments == 3
    filled(broken, teacher, 4)
    for path in whole.folder.iterdir():
        assert path.read_bytes() == (broken / path.name).read_bytes(), path.name


def test_a_reader_sees_completed_segments_only_and_new_ones_as_they_come(tmp_path, teacher):
    with pytest.raises(InputError, match="no teacher cache"):
        TeacherCache(tmp_path / "cache")
    with CacheWriter(tmp_path / "cache", header_of(teacher)) as writer:
        with pytest.raises(InputError, match="no segment"):
            TeacherCache(tmp_path / "cache")
        build.build(writer, teacher, source, 2)
        reader, fixed = TeacherCache(tmp_path / "cache"), TeacherCache(tmp_path / "cache", limit=2)
        assert reader.segments == 2
        build.build(writer, teacher, source, 5)
        for cache in (reader, fixed):
            cache.batch(np.random.default_rng(0), 2, SECONDS)
        assert (reader.segments, fixed.segments) == (5, 2)
        np.testing.assert_array_equal(reader.segment(1)["noisy"], fixed.segment(1)["noisy"])


def test_another_teacher_or_mix_does_not_go_into_the_same_cache(tmp_path, teacher):
    filled(tmp_path / "cache", teacher, 1)
    for change in ({"teacher_sha256": "other"}, {"mixer": {"a": [2]}}, {"seconds": 1.0}):
        with pytest.raises(ConfigError, match=next(iter(change))):
            CacheWriter(tmp_path / "cache", header_of(teacher, **change))


def test_a_cache_goes_on_after_the_mixer_has_learnt_something_that_is_off_by_default(tmp_path, teacher):
    mixer = json.loads(json.dumps(asdict(MixConfig())))
    CacheWriter(tmp_path / "cache", header_of(teacher, mixer={k: v for k, v in mixer.items() if k != "coded"}))
    CacheWriter(tmp_path / "cache", header_of(teacher, mixer=mixer))
    with pytest.raises(ConfigError, match="mixer"):
        CacheWriter(tmp_path / "cache", header_of(teacher, mixer=mixer | {"coded": 0.1}))


def test_a_stored_segment_is_the_mixture_at_one_common_gain(tmp_path, teacher):
    cache = filled(tmp_path / "cache", teacher, 4)
    for i, line in enumerate(cache.facts()):
        noisy, clean, _ = source(i)
        gain, stored = 10 ** (line["gain_db"] / 20), cache.segment(i)
        for name, x in {"noisy": noisy, "clean": clean, "teacher": noisy}.items():  # this teacher changes nothing
            np.testing.assert_allclose(stored[name], x * gain, atol=2e-4)
        assert max(np.abs(stored[name]).max() for name in ("noisy", "clean", "teacher")) == pytest.approx(
            0.891, abs=1e-3
        )


def test_a_line_says_how_good_the_teacher_was(tmp_path, teacher):
    lines = filled(tmp_path / "cache", teacher, 4).facts()
    for line in lines[:3]:
        assert line["si_sdr_teacher"] == pytest.approx(line["si_sdr_noisy"], abs=0.05)
        assert line["snr_db"] == 0.0
    assert lines[3]["si_sdr_noisy"] is None  # no target
    assert lines[3]["left_db"] == pytest.approx(0, abs=0.05)


def test_crops_of_signals_and_features_start_with_the_same_frame(tmp_path):
    """Every stored value tells its place, so that a crop tells where it was cut."""
    header = Header("counting", "0" * 64, "none", 16000, SECONDS, 2, 0)
    samples, frames = np.arange(header.samples) / header.samples, np.arange(header.frames)
    with CacheWriter(tmp_path, header) as writer:
        for i in range(3):
            features = np.stack([np.full(header.frames, i), frames], 1).astype(np.float16)
            x = samples * (0.25 + 0.25 * i)
            writer.append(x, x / 2, TeacherOutput(-x, features), {})
    noisy, clean, teacher, features = TeacherCache(tmp_path).batch(np.random.default_rng(0), 64, 0.2)
    assert noisy.shape == clean.shape == teacher.shape == (64, 3200)
    assert features.shape == (64, 20, 2)
    for row in range(64):
        slope = noisy[row, -1] - noisy[row, 0]  # over 3199 samples: gives the gain
        start = noisy[row, 0] / slope * 3199
        assert start == pytest.approx(160 * features[row, 0, 1], abs=4)  # samples; 16 bits
        np.testing.assert_array_equal(features[row, :, 1], features[row, 0, 1] + np.arange(20))
    np.testing.assert_allclose(teacher, -noisy, rtol=1e-6)
    np.testing.assert_allclose(clean, noisy / 2, atol=2e-5)
    starts = features[:, 0, 1]
    assert starts.min() <= 3
    assert starts.max() >= 27  # both ends are reached


def test_gains_are_common_drawn_in_decibels_and_repeat_with_the_seed(tmp_path, teacher):
    cache = filled(tmp_path / "cache", teacher, 3)
    first, again = (cache.batch(np.random.default_rng(1), 16, SECONDS, (-30, -10)) for _ in range(2))
    for x, y in zip(first, again, strict=True):
        np.testing.assert_array_equal(x, y)
    peaks = 20 * np.log10(np.maximum.reduce([np.abs(x).max(axis=1) for x in first[:3]]))
    assert peaks.min() >= -31.1
    assert peaks.max() <= -10.9
    assert np.ptp(peaks) > 5
    with pytest.raises(ValueError, match=r"segments of 0\.5 s"):
        cache.batch(np.random.default_rng(1), 1, 2 * SECONDS)


def test_the_lag_of_a_signal_against_another_is_found_with_its_polarity():
    x = np.random.default_rng(6).standard_normal(4000)
    assert build.lag(x, x) == (0, True)
    assert build.lag(-np.roll(x, 7), x) == (7, False)
    assert build.lag(np.roll(x, -3), x) == (-3, True)


def test_show_sums_a_cache_up_and_says_clearly_when_there_is_none(tmp_path, teacher):
    from training.commands.teachers import app

    filled(tmp_path / "cache", teacher, 4)
    shown = CliRunner().invoke(app, ["show", str(tmp_path / "cache")])
    assert shown.exit_code == 0, shown.output
    assert "4 segments of 0.5 s" in shown.output
    missing = CliRunner().invoke(app, ["show", str(tmp_path / "nothing")])
    assert isinstance(missing.exception, InputError)
    assert "training teachers cache" in missing.exception.hint
