"""Shipping a student: a worse one never replaces the shipped pair of files; the card has the hash of the weights."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import enhancer
from enhancer.errors import ConfigError, OutputError, UserError
from enhancer.evaluation.measures import Scores
from enhancer.evaluation.metrics import si_sdr
from enhancer.model import Student
from training import shipping
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.cli import app
from training.commands.adapt import shown
from training.evaluate import averaged_network
from training.evaluation import run as run_module
from training.export import build_graph
from training.fingerprint import weights_sha256
from training.networks import BandRecurrentNet
from training.places import shipped_weights
from training.shipping import CREDITS, LIGHT, MODEL, TEACHER, WEIGHTS, Wish, replace_together, ship
from training.verdict import TOLERANCE

ITEMS = 2


def quick(estimate, clean, sample_rate, keys):
    """All measures from SI-SDR, in no time."""
    sdr = si_sdr(estimate[:, 0], clean[:, 0])
    return Scores({"pesq_wb": 2 + sdr / 20, "estoi": 0.5 + sdr / 100, "si_sdr": sdr, "level_db": 0.0}, {})


@pytest.fixture(autouse=True)
def quick_scores(request, monkeypatch):
    """Quick ones, but where a test is marked as needing the true ones."""
    if "true_scores" not in request.fixturenames:
        monkeypatch.setattr(run_module, "score", quick)


@pytest.fixture
def true_scores():
    """For tests that need PESQ and ESTOI themselves."""


@pytest.fixture
def candidate(config, tmp_path):
    """Writes a checkpoint whose network passes sound through, but for a mask of so much chance; returns its path."""

    def write(harm: float, teachers: tuple[str, ...] = ()):
        torch.manual_seed(1)
        network = BandRecurrentNet(config.network)
        torch.nn.init.normal_(network.to_mask.weight, std=max(harm, 1e-9))
        taught = {"distillation": {"teachers": list(teachers), "caches": []}} if teachers else {}
        facts = {
            "config": config.as_dict() | taught,
            "progress": {"step": 7, "minutes": 1.0, "audio_hours": 0.1, "skipped": 0},
            "git_revision": f"harm {harm}",
            "started_from": None,
        }
        weights = {f"{part}.{k}": v for part in ("student", "ema") for k, v in network.state_dict().items()}
        save_checkpoint(tmp_path / f"harm_{harm}.safetensors", Checkpoint(weights, facts))
        return tmp_path / f"harm_{harm}.safetensors"

    return write


@pytest.fixture
def wish(candidate, small_pools, tmp_path):
    """A wish for a candidate: wish(harm, trades=()); the pair is to lie in tmp_path/assets."""

    def make(harm: float, teachers: tuple[str, ...] = (), **options):
        return Wish(candidate(harm, teachers), tmp_path / "assets", small_pools.folder, **{"items": ITEMS} | options)

    return make


@pytest.fixture(scope="module")
def shipped_before() -> dict[str, Path]:
    """What `assets` was copied from when it was made first, by the name of its scores."""
    return {}


@pytest.fixture
def assets(request, wish, tmp_path, shipped_before, tmp_path_factory):
    """The folder with a shipped pair that does some harm."""
    scores = "true" if "true_scores" in request.fixturenames else "quick"
    if scores not in shipped_before:
        ship(wish(0.3), shown, lambda line: None)
        shipped_before[scores] = shutil.copytree(tmp_path / "assets", tmp_path_factory.mktemp(scores) / "assets")
        return tmp_path / "assets"
    return shutil.copytree(shipped_before[scores], tmp_path / "assets")


def contents(folder):
    """Name and bytes of all that is there."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def card_of(folder):
    return Student(folder / MODEL).info.details


def declare_format(path, version):
    """Rewrites the format in a model's card."""
    model = onnx.load(path)
    card = json.loads(model.metadata_props[0].value) | {"format": version}
    helper.set_model_props(model, {"enhancer": json.dumps(card)})
    onnx.save(model, path)


# What is refused


def test_a_worse_candidate_is_refused_with_numbers_and_leaves_both_files(true_scores, assets, wish):
    before, said = contents(assets), []
    with pytest.raises(UserError, match=r"worse: PESQ-WB by \d\.\d+ .* SI-SDR by \d+\.\d+ dB .*nothing was written"):
        ship(wish(1.0), shown, said.append)
    assert contents(assets) == before
    pesq = next(line for line in said[0].splitlines() if line.startswith("PESQ-WB")).split()
    shipped, worse, difference = map(float, pesq[1:4])
    assert difference == pytest.approx(worse - shipped, abs=2e-3)
    assert difference < 0


def test_the_command_ends_with_code_2_and_one_line(assets, wish, capsys):
    worse = wish(1.0)
    with pytest.raises(SystemExit) as ended:
        app(
            [
                "ship",
                str(worse.checkpoint),
                "--out",
                str(assets),
                "--pools",
                str(worse.pools),
                "--items",
                "2",
                "--jobs",
                "1",
            ]
        )
    captured = capsys.readouterr()
    assert ended.value.code == 2
    assert captured.err.splitlines()[-1].startswith("error: the candidate is worse: ")
    assert "--trade pesq_wb" in captured.err
    assert "candidate" in captured.out


def test_a_file_too_large_is_refused_before_it_is_scored(assets, wish, monkeypatch):
    monkeypatch.setattr(shipping, "MOST_BYTES", 10_000)
    monkeypatch.setattr(shipping, "run", None)
    before = contents(assets)
    with pytest.raises(UserError, match="MB more than may ship"):
        ship(wish(0.0), shown, print)
    assert contents(assets) == before


def test_a_trade_of_what_is_no_measure_is_refused(wish):
    with pytest.raises(ConfigError, match="--trade pesq names no measure"):
        ship(wish(0.0, trades=["pesq"]), shown, print)


# What is written


def test_a_better_candidate_replaces_both_files_and_its_card_says_what_it_replaced(assets, candidate, wish):
    old, before = card_of(assets), contents(assets)
    teacher = candidate(0.1)
    ship(wish(0.0, (str(teacher),)), shown, lambda line: None)
    assert sorted(contents(assets)) == [LIGHT, MODEL, WEIGHTS, TEACHER, CREDITS]
    taught_by = averaged_network(load_checkpoint(assets / TEACHER)).state_dict()
    for name, weights in averaged_network(load_checkpoint(teacher)).state_dict().items():
        assert torch.allclose(taught_by[name], weights, rtol=1e-3, atol=1e-6)
    assert all(contents(assets)[name] != before[name] for name in (LIGHT, MODEL, WEIGHTS))
    card = card_of(assets)
    replaced = card["replaces"]
    assert replaced["weights_sha256"] == old["weights_sha256"] != card["weights_sha256"]
    assert replaced["traded"] == []
    gain = card["scores"]["val"]["si_sdr"] - old["scores"]["val"]["si_sdr"]
    assert replaced["minus_it"]["si_sdr"]["mean"] == pytest.approx(gain, abs=1e-3)
    assert load_checkpoint(assets / WEIGHTS).facts["git_revision"] == card["git_revision"] == "harm 0.0"


def test_the_card_has_scores_of_both_sets_with_intervals(assets):
    for part in card_of(assets)["scores"].values():
        assert part["items"] == ITEMS
        for metric in TOLERANCE:
            low, high = part["intervals"][metric]
            assert low <= part[metric] <= high
            assert f"noisy_{metric}" in part


def test_a_loss_that_is_traded_by_name_is_accepted_and_recorded(assets, wish):
    with pytest.raises(UserError, match="worse: SI-SDR by"):
        ship(wish(1.0, trades=["pesq_wb", "estoi"]), shown, lambda line: None)
    ship(wish(1.0, trades=["pesq_wb", "estoi", "si_sdr"]), shown, lambda line: None)
    replaced = card_of(assets)["replaces"]
    assert "si_sdr" in replaced["traded"]
    assert replaced["minus_it"]["si_sdr"]["mean"] < -TOLERANCE["si_sdr"]


def test_the_same_weights_again_are_no_loss(assets, wish):
    ship(wish(0.3), shown, lambda line: None)
    card = card_of(assets)
    assert card["replaces"]["weights_sha256"] == card["weights_sha256"]
    assert {part["mean"] for part in card["replaces"]["minus_it"].values()} == {0.0}


# Interruptions


@pytest.mark.parametrize("interruption", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_the_old_pair(assets, wish, monkeypatch, interruption):
    before, real, moved = contents(assets), shipping.os.replace, []

    def interrupted(source, target):
        if target == assets / WEIGHTS and target not in moved:
            moved.append(target)
            raise interruption
        moved.append(target)
        real(source, target)

    monkeypatch.setattr(shipping.os, "replace", interrupted)
    with pytest.raises((OutputError, KeyboardInterrupt)):
        ship(wish(0.0), shown, lambda line: None)
    assert moved.index(assets / MODEL) < moved.index(assets / WEIGHTS)  # one of the two was new already
    assert contents(assets) == before


def test_an_interrupted_first_pair_leaves_nothing(tmp_path, monkeypatch):
    new = {tmp_path / name: tmp_path / "out" / name for name in (MODEL, WEIGHTS)}
    (tmp_path / "out").mkdir()
    (tmp_path / MODEL).write_text("new")  # its checkpoint is missing
    with pytest.raises(FileNotFoundError):
        replace_together(new)
    assert contents(tmp_path / "out") == {}


def test_ctrl_c_while_scoring_leaves_the_old_pair(assets, wish, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "score_entry", interrupted)
    before = contents(assets)
    with pytest.raises(KeyboardInterrupt):
        ship(wish(0.0), shown, print)
    assert contents(assets) == before


# A shipped file of a format that this program does not run


def test_a_file_that_cannot_run_here_is_compared_by_its_card(assets, wish):
    declare_format(assets / MODEL, 99)
    before, said = contents(assets), []
    with pytest.raises(UserError, match="the candidate is worse"):
        ship(wish(1.0), shown, said.append)
    assert "no interval" in said[0]
    with pytest.raises(UserError, match=r"no scores of these items: 2 of the set .* not 3 of"):
        ship(wish(0.0, items=3), shown, print)
    assert contents(assets) == before
    ship(wish(0.0), shown, print)
    assert card_of(assets)["replaces"]["minus_it"]["pesq_wb"]["low"] is None


def test_a_damaged_shipped_file_is_not_replaced_unseen(assets, wish):
    (assets / MODEL).write_bytes(b"\x08damaged")
    with pytest.raises(UserError, match="nothing can be compared with it"):
        ship(wish(0.0), shown, print)


# The card and the weights


def hash_of_checkpoint(path):
    return weights_sha256(build_graph(averaged_network(load_checkpoint(path))))


def test_the_card_the_model_and_the_checkpoint_have_one_hash(assets):
    assert card_of(assets)["weights_sha256"] == weights_sha256(onnx.load(assets / MODEL))
    assert card_of(assets)["weights_sha256"] == hash_of_checkpoint(assets / WEIGHTS)


def test_a_changed_weight_changes_the_hash(assets):
    model = onnx.load(assets / MODEL)
    before = weights_sha256(model)
    weight = next(w for w in model.graph.initializer if w.name == "to_mask.bias")
    value = numpy_helper.to_array(weight).copy()
    value[1] = np.nextafter(value[1], np.float32(1))
    weight.CopyFrom(numpy_helper.from_array(value, weight.name))
    assert weights_sha256(model) != before


def test_the_checkpoint_in_assets_holds_the_weights_of_the_model_beside_it():
    shipped = onnx.load(shipped_weights().parent / MODEL)
    made = build_graph(averaged_network(load_checkpoint(shipped_weights())))
    ours, theirs = (
        {w.name: numpy_helper.to_array(w) for w in m.graph.initializer if w.data_type != TensorProto.INT64}
        for m in (shipped, made)
    )
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():  # up to the rounding to half precision
        np.testing.assert_allclose(theirs[name], value, rtol=2**-11, atol=2**-25, err_msg=name)


def test_the_card_in_assets_has_the_hash_of_the_weights_in_both_files():
    card = card_of(shipped_weights().parent)
    assert card["weights_sha256"] == weights_sha256(onnx.load(shipped_weights().parent / MODEL))
    assert card["weights_sha256"] == hash_of_checkpoint(shipped_weights())


def test_what_was_shipped_runs_and_says_what_it_is(assets, speech_like):
    sound = speech_like(16_000, 1.0)
    for name in (MODEL, LIGHT):
        assert enhancer.denoise(sound, 16_000, model=assets / name).shape == sound.shape
    light = Student(assets / LIGHT).info.details
    assert light["name"] == "light"
    assert light["narrowed_from"] == card_of(assets)["weights_sha256"]
    assert light["weights_sha256"] == weights_sha256(onnx.load(assets / LIGHT))
