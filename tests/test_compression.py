"""Compressed students: what each way of making one keeps, what it saves, and how the comparison is printed."""

import json

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="torch (extra train) is not installed")

from onnx import numpy_helper  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from benchmarks.__main__ import app  # noqa: E402
from benchmarks.compression import report, variants  # noqa: E402
from benchmarks.compression.calibration import heard  # noqa: E402
from benchmarks.compression.timing import (  # noqa: E402
    FrameTime,
    Operators,
    block_difference_db,
    frame_times,
    frames_of,
    operators,
)
from enhancer.engine import denoise  # noqa: E402
from enhancer.evaluation.scoring import Outcome  # noqa: E402
from enhancer.model import Student  # noqa: E402
from training.checkpoint import Checkpoint, save_checkpoint  # noqa: E402
from training.evaluation.items import Entry  # noqa: E402
from training.evaluation.results import Results  # noqa: E402
from training.evaluation.run import Scored  # noqa: E402
from training.networks import BandRecurrentNet, NetworkConfig  # noqa: E402

# Just large enough that its matrices count as big.
CONFIG = NetworkConfig(channels=4, trunk=64, blocks=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("compressed")


@pytest.fixture(scope="module")
def checkpoint(folder):
    """Of an untrained student whose mask depends on what it hears."""
    torch.manual_seed(0)
    network = BandRecurrentNet(CONFIG)
    torch.nn.init.normal_(network.to_mask.weight, std=0.3)
    tensors = {f"ema.{name}": value for name, value in network.state_dict().items()}
    path = folder / "run" / "checkpoint.safetensors"
    save_checkpoint(path, Checkpoint(tensors, {"config": {"network": vars(CONFIG)}}))
    return path


@pytest.fixture(scope="module")
def full(checkpoint, folder):
    return variants.exported(checkpoint, "fp32", folder).path


@pytest.fixture(scope="module")
def sounds(speech_like):
    return [(speech_like(16_000, 0.8), 16_000), (speech_like(48_000, 0.5, 1), 48_000)]


@pytest.fixture(scope="module")
def feeds(full, sounds):
    return heard(Student(full), sounds)


@pytest.fixture(scope="module")
def narrowed(full, feeds, folder):
    return {variant.name: variant.path for variant in variants.in_other_precisions(full, feeds, folder)}


NAMES = {
    # name: (most of the file's size that is left, dB that the output may differ by)
    "fp16 weights": (0.55, -50),
    "int8 LSTM, dynamic": (0.85, -25),
    "int8 products, dynamic": (0.65, -25),
    "int8 LSTM + products, dynamic": (0.45, -25),
    "int8 LSTM + products, dynamic, 7-bit weights": (0.45, -20),
    "int8 products, static": (0.65, -20),
    "int8 products + convolutions, static": (0.65, -15),
    "int8 LSTM dynamic, products static": (0.45, -20),
    "int8 products, weights only": (0.65, -25),
}


def test_every_precision_is_tested(narrowed):
    assert set(narrowed) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_narrower_student_is_smaller_says_almost_the_same_and_tells_what_it_is(name, narrowed, full, sounds):
    most, difference_db = NAMES[name]
    assert narrowed[name].stat().st_size < most * full.stat().st_size
    student = Student(narrowed[name])
    assert student.info.name == f"fp32, {name}"
    for noisy, sample_rate in sounds:
        wanted, got = (denoise(noisy, sample_rate, model=model) for model in (full, student))
        assert 10 * np.log10(np.square(got - wanted).mean() / np.square(wanted).mean()) < difference_db


def test_seven_bits_keep_products_from_saturating(narrowed):
    def largest(name):
        weights = (numpy_helper.to_array(w) for w in onnx.load(narrowed[name]).graph.initializer)
        return max(np.abs(w.astype(int)).max() for w in weights if w.dtype == np.int8 and w.size > 1000)

    assert largest("int8 LSTM + products, dynamic") == 127
    assert largest("int8 LSTM + products, dynamic, 7-bit weights") <= 64


@pytest.mark.parametrize(
    ("name", "depends"),
    [("int8 products, weights only", False), ("int8 products, static", False), ("int8 LSTM + products, dynamic", True)],
)
def test_only_dynamic_scales_make_a_stream_differ_from_a_file(name, depends, narrowed, sounds):
    assert (block_difference_db(Student(narrowed[name]), sounds[:1]) > -100) == depends


def test_cutting_down_keeps_the_interface_and_gives_narrower_trunks(checkpoint, folder, sounds, monkeypatch):
    monkeypatch.setattr(variants, "TRUNKS", (128, 32, 16))
    made = variants.cut_down(checkpoint, folder)
    assert [variant.name for variant in made] == ["trunk 32, not retrained", "trunk 16, not retrained"]
    for variant, width in zip(made, (32, 16), strict=True):
        student = Student(variant.path)
        assert {state.width for state in student.info.state} == {width}
        assert np.isfinite(denoise(*sounds[0], model=student)).all()


def test_calibration_hears_what_the_product_feeds_the_network(full, feeds, sounds):
    student = Student(full)
    assert set(feeds[0]) == {node.name for node in student.session.get_inputs()}
    assert sum(len(feed["core"]) for feed in feeds) >= sum(100 * len(x) // rate for x, rate in sounds)
    assert any(feed["state_0"].any() for feed in feeds)
    assert max(feed["high"].max() for feed in feeds) > 0  # the 48 kHz sound


def test_models_take_turns_and_are_compared_with_the_first(full, narrowed, feeds):
    models = {"full": Student(full), "narrow": Student(narrowed["int8 products, static"])}
    times = frame_times(models, frames_of(feeds), rounds=2, calls=20)
    assert list(times) == ["full", "narrow"]
    assert times["full"].ratio == 1.0
    for time in times.values():
        assert 0 < time.p10_us <= time.p50_us


def test_the_profile_names_operators_by_their_share(full, feeds):
    profile = operators(Student(full), frames_of(feeds)[:20])
    assert {"LSTM", "ConvTranspose"} <= set(profile.shares)
    assert sum(profile.shares.values()) == pytest.approx(1, abs=0.01)
    assert list(profile.shares.values()) == sorted(profile.shares.values(), reverse=True)
    assert 20 < profile.nodes < 60


@pytest.fixture
def comparison():
    """Two files on three items: the narrow one loses 0.1 PESQ, more or less."""
    entries = [Entry(f"item {i}", "", lambda: None, speaker=f"s{i}", noise_recording=f"n{i}") for i in range(3)]
    scores = {"noisy": (1.0, 1.1, 1.2), "fp32": (2.0, 2.1, 2.2), "narrow": (1.9, 2.01, 2.09)}
    outcomes = {
        (entry.name, system): Outcome(
            entry.name, system, 1.0, 16_000, 1, {"pesq_wb": value, "estoi": 0.7, "si_sdr": 9.0, "snr_db": 3.0}
        )
        for system, values in scores.items()
        for entry, value in zip(entries, values, strict=True)
    }
    profile = Operators(34, {"LSTM": 0.6, "Gemm": 0.4})
    measured = [
        report.Measured("fp32", 2930, FrameTime(200.4, 150.0, 1.0, 280.0), profile, -130.0),
        report.Measured("narrow", 800, FrameTime(100.2, 60.0, 0.5, 210.0), profile, -50.0),
    ]
    return measured, Results(entries, list(scores), Scored(outcomes))


def test_the_comparison_goes_into_the_docs_and_into_json(comparison, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results" / "compression.json")
    monkeypatch.setattr(report, "PAGE", tmp_path / "page.md")
    report.PAGE.write_text("before\n<!-- compression tables -->\nstale\n<!-- /compression tables -->\nafter\n")
    content = report.facts(*comparison, {"student": "shipped"})
    report.write(content, report.tables(*comparison), "a note")
    page = report.PAGE.read_text()
    assert page.startswith("before\n") and page.endswith("after\n") and "stale" not in page
    (row,) = [line.split() for line in page.splitlines() if line.startswith("narrow") and "800" in line]
    assert row == ["narrow", "2.00", "0.700", "9.00", "800", "34", "100", "0.50", "60", "210", "-50"]
    assert "-0.100 [" in page and "LSTM 60 %" in page and "a note" in page
    narrow = json.loads(report.RESULTS.read_text())["variants"]["narrow"]
    assert narrow["minus fp32"]["pesq_wb"]["mean"] == pytest.approx(-0.1)
    assert narrow["time"]["ratio"] == 0.5


def test_what_cannot_be_compressed_is_refused_in_one_line(tmp_path):
    result = CliRunner().invoke(app, ["compression", "--pools", str(tmp_path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ") and len(result.stderr.splitlines()) == 1
