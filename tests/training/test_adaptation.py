"""Adapting a student to a room: better there, no worse elsewhere, or nothing is written."""

import contextlib
import dataclasses
import io
import os
import signal
import sys
import threading

import numpy as np
import onnx
import pytest
import soundfile
import torch
from conftest import voice_like

import enhancer
from enhancer.errors import InputError, UserError
from enhancer.model import Student
from training.adaptation.fine_tuning import AdaptationConfig, RoomBatches, blended
from training.adaptation.own_recordings import OwnPools, read_room, read_voice
from training.adaptation.paired_check import Comparison, held_out_pairs
from training.adaptation.run import Wish, adapt
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.cli import app
from training.config import TrainingConfig, load_config
from training.data.mixing import MixConfig
from training.evaluate import averaged_network
from training.networks import BandRecurrentNet, NetworkConfig
from training.places import shipped_weights

QUICK = AdaptationConfig(steps=40, rate=1e-2, warmup_steps=5, seconds=1.0, guard=0.1, ema=0.9)


def fan(seconds, sample_rate=48_000):
    """Low-passed noise with a hum: a stationary room."""
    rng = np.random.default_rng(3)
    noise = np.convolve(rng.standard_normal(int(seconds * sample_rate)), np.ones(20) / 20, "same")
    return (0.1 * noise + 0.03 * np.sin(2 * np.pi * 120 * np.arange(len(noise)) / sample_rate)).astype(np.float32)


@pytest.fixture
def room(tmp_path):
    path = tmp_path / "my fan.wav"
    soundfile.write(path, fan(8), 48_000)
    return path


@pytest.fixture
def voice(tmp_path):
    path = tmp_path / "me.flac"
    soundfile.write(path, voice_like(8, 130, 16_000, np.random.default_rng(5)), 16_000)
    return path


@pytest.fixture
def wish(room, small_pools, tmp_path):
    """A tiny untrained student, which passes everything through."""
    torch.manual_seed(0)
    config = TrainingConfig(
        network=NetworkConfig(channels=4, trunk=16, blocks=1), mix=MixConfig(categories={"rumble": 1.0, "hiss": 1.0})
    )
    weights = BandRecurrentNet(config.network).state_dict()
    facts = {
        "config": config.as_dict(),
        "progress": {"step": 7, "minutes": 1.0, "audio_hours": 0.1, "skipped": 0},
        "git_revision": "",
        "started_from": None,
    }
    tensors = {f"{part}.{name}": value for part in ("student", "ema") for name, value in weights.items()}
    save_checkpoint(tmp_path / "start.safetensors", Checkpoint(tensors, facts))
    return Wish(
        rooms=[room],
        voices=[],
        init=tmp_path / "start.safetensors",
        out=tmp_path / "out" / "mine.onnx",
        pools=small_pools.folder,
        validation_items=3,
        held_out_pairs=4,
    )


@contextlib.contextmanager
def silently(what):
    yield lambda share: None


def test_the_adapted_student_is_better_in_the_room_and_says_what_it_was_made_for(wish, voice):
    said = []
    adapt(dataclasses.replace(wish, voices=[voice]), QUICK, silently, said.append)
    card = Student(wish.out).info
    held_out = card.details["adapted_to"]["held_out"]
    assert held_out["after"]["si_sdr"] > held_out["before"]["si_sdr"] + 0.5
    assert (card.details["adapted_to"]["rooms"], card.details["adapted_to"]["voices"]) == (["my fan.wav"], ["me.flac"])
    assert str(wish.out.parent) not in onnx.load(wish.out).metadata_props[0].value  # names, never places
    assert [phase["steps"] for phase in card.training["phases"]] == [7, QUICK.steps]
    assert any("my fan.wav" in line for line in said)

    # What was written is what the product runs, and a start to go on from.
    noise = fan(2, 16_000)
    assert np.std(enhancer.denoise(noise, 16_000, model=wish.out)) < 0.9 * np.std(noise)
    again = averaged_network(load_checkpoint(wish.checkpoint))
    assert sum(p.numel() for p in again.parameters()) == card.parameters


def test_a_harmful_run_is_refused_and_leaves_what_was_there(wish):
    wish.out.parent.mkdir()
    wish.out.write_text("the student of last week")
    wish.checkpoint.write_text("and its weights")
    harmful = dataclasses.replace(QUICK, rate=1.0, guard=0.0, steps=4)
    with pytest.raises(UserError, match="nothing was written"):
        adapt(wish, harmful, silently, lambda line: None)
    assert sorted(p.name for p in wish.out.parent.iterdir()) == ["mine.onnx", "mine.safetensors"]
    assert wish.out.read_text() == "the student of last week"
    assert wish.checkpoint.read_text() == "and its weights"


def scores_of(**changes):
    """Scores of eight mixtures, better by these than 1."""
    spread = np.linspace(-1e-4, 1e-4, 8)
    return {metric: 1.0 + changes.get(metric, 0.0) + spread for metric in ("pesq_wb", "estoi", "si_sdr")}


def comparison(**changes):
    """Eight mixtures on which each metric changes by about so much."""
    before = {metric: np.ones(8) for metric in ("pesq_wb", "estoi", "si_sdr")}
    return Comparison(before, before, scores_of(**changes))


@pytest.fixture
def scoring(monkeypatch):
    """Scores come from a list instead of from listening."""

    def replace(*rounds):
        left = list(rounds)
        monkeypatch.setattr("training.adaptation.run.score", lambda networks, *rest: left.pop(0))

    return replace


SAME = {"pesq_wb": np.ones(8), "estoi": np.ones(8), "si_sdr": np.ones(8)}
ONE_STEP = dataclasses.replace(QUICK, steps=1)


def test_a_gain_in_the_room_does_not_pay_for_a_loss_elsewhere(wish, scoring):
    """The room is better, the validation set worse by more than the limit however far it is pulled back: refused."""
    worse = [scores_of(pesq_wb=-0.03, estoi=-0.001)]
    scoring([SAME, SAME, scores_of(pesq_wb=0.2)], [SAME, SAME], worse, worse, worse)
    with pytest.raises(UserError, match=r"worse elsewhere: PESQ-WB -0\.030 .* nothing was written") as raised:
        adapt(wish, ONE_STEP, silently, lambda line: None)
    assert "ESTOI" not in raised.value.message  # a loss within its limit is none
    assert not wish.out.parent.exists()


def test_a_student_that_forgot_too_much_is_pulled_back_half_way_to_the_start(wish, scoring):
    better, worse = [scores_of(pesq_wb=0.1)], [scores_of(pesq_wb=-0.03)]
    scoring([SAME, SAME, *better], [SAME, SAME], worse, [scores_of(pesq_wb=-0.01)], better)
    adapt(wish, ONE_STEP, silently, lambda line: None)
    assert Student(wish.out).info.details["adapted_to"]["strength"] == 0.5


def test_strength_lies_between_the_start_and_what_was_learnt():
    start, learnt = (BandRecurrentNet(NetworkConfig(channels=4, trunk=8, blocks=1)) for _ in range(2))
    half = blended(start, learnt, 0.5).state_dict()
    for name, value in start.state_dict().items():
        torch.testing.assert_close(half[name], (value + learnt.state_dict()[name]) / 2)


@pytest.mark.parametrize(
    ("changes", "gained"),
    [({"pesq_wb": 0.1}, True), ({"pesq_wb": 0.1, "estoi": -0.01}, False), ({}, False), ({"si_sdr": -1.0}, False)],
)
def test_a_gain_is_a_measure_better_beyond_chance_and_none_worse(changes, gained):
    assert comparison(**changes).gained() is gained


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"pesq_wb": -0.019, "estoi": -0.0019}, 0),
        ({"pesq_wb": -0.021}, 1),
        ({"estoi": -0.0021}, 1),
        ({"estoi": np.nan}, 1),
    ],
)
def test_what_counts_as_forgotten(changes, lost):
    assert len(comparison(**changes).forgotten()) == lost


def test_training_never_hears_the_end_of_a_recording_which_is_all_that_the_check_hears(small_pools, tmp_path):
    """A room that hums in its first four fifths and is silent but for a whistle in the last."""
    time = np.arange(10 * 16_000) / 16_000
    hum, whistle = (0.1 * np.sin(2 * np.pi * hz * time) for hz in (300, 3000))
    soundfile.write(tmp_path / "room.wav", np.where(time < 8, hum, whistle), 16_000)
    pool = OwnPools(small_pools, [read_room(tmp_path / "room.wav")]).get("noise", 16_000)
    loudest = {}
    for clip in pool.clips:
        spectrum = np.abs(np.fft.rfft(pool.read(clip)))
        loudest[clip.split] = round(np.argmax(spectrum) / clip.length * 16_000)
    assert loudest == {"train": 300, "val": 3000}


def test_a_narrow_recording_serves_the_wide_grid_only_but_batches_keep_both(small_pools, tmp_path):
    soundfile.write(tmp_path / "phone.wav", fan(6, 8_000), 8_000)
    own = OwnPools(small_pools, [read_room(tmp_path / "phone.wav")])
    assert own.serves(16_000) and not own.serves(48_000)
    assert {pair.sample_rate for pair in held_out_pairs([own], 6, seconds=1.0)} == {16_000}
    config = dataclasses.replace(QUICK, full_band_share=0.5)
    batches = RoomBatches(config, MixConfig(), small_pools, [own])
    drawn = [batches.batch(step) for step in range(8)]
    batches.close()
    assert {(b.sample_rate, b.own) for b in drawn} == {(16_000, config.own_items), (48_000, 0)}
    assert all(len(b.noisy) == config.own_items + config.ordinary_items for b in drawn)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (fan(4.0, 16_000), "4.0 s long; at least 5 s"),
        (np.zeros(96_000), "silent"),
        (np.full(96_000, 1.0), "silent"),  # a constant is no sound either
        (np.sign(fan(6, 16_000)), "clipped"),
    ],
    ids=["short", "silent", "constant", "clipped"],
)
def test_a_recording_that_cannot_serve_is_refused_in_one_line(samples, said, tmp_path):
    soundfile.write(tmp_path / "room.wav", samples, 16_000, subtype="FLOAT")
    with pytest.raises(InputError, match=said) as raised:
        read_room(tmp_path / "room.wav")
    assert "room.wav" in raised.value.message and raised.value.hint


def test_a_noisy_voice_is_refused(tmp_path):
    noisy = voice_like(6, 130, 16_000, np.random.default_rng(5)) + 0.3 * fan(6, 16_000)
    soundfile.write(tmp_path / "me.wav", noisy, 16_000)
    with pytest.raises(InputError, match="not clean"):
        read_voice(tmp_path / "me.wav")


@pytest.mark.parametrize("name", ["mine.wav", "."])
def test_an_output_that_cannot_be_is_refused_before_any_work(wish, tmp_path, name):
    with pytest.raises(UserError):
        adapt(dataclasses.replace(wish, out=tmp_path / name), QUICK, lambda what: 1 / 0, lambda line: None)


def test_without_pools_the_error_says_how_to_make_them(wish, tmp_path):
    with pytest.raises(UserError) as raised:
        adapt(dataclasses.replace(wish, pools=tmp_path / "none"), QUICK, silently, lambda line: None)
    assert "training prepare" in raised.value.hint


def test_ctrl_c_ends_the_command_with_130_and_writes_nothing(wish, monkeypatch):
    class Interrupting(io.StringIO):
        """Standard error; soon after the first line, while the student learns, somebody presses Ctrl-C."""

        def write(self, text: str) -> int:
            if "adapting ..." in text:
                threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            return super().write(text)

    monkeypatch.setattr(sys, "stderr", said := Interrupting())
    command = ["adapt", "--room", str(wish.rooms[0]), "--init", str(wish.init), "--pools", str(wish.pools)]
    with pytest.raises(SystemExit) as ended:
        app([*command, "--out", str(wish.out)])
    assert ended.value.code == 130
    assert said.getvalue() == "adapting ...\nstopped; nothing was written\n"
    assert not wish.out.parent.exists()


def test_the_shipped_student_is_where_the_command_looks_for_it():
    assert averaged_network(load_checkpoint(shipped_weights())).config == load_config("shipped").network
