"""Checkpoints: in pieces or whole, of this config or another, on a disk that is full."""

import os

import pytest
import torch

from enhancer.errors import UserError
from training.checkpoint import (
    CHECKPOINT,
    Checkpoint,
    check_same_config,
    exists,
    load_checkpoint,
    save_checkpoint,
    save_in_pieces,
)
from training.config import TrainingConfig, from_dict


def made(seed: int, count: int = 5000) -> Checkpoint:
    generator = torch.Generator().manual_seed(seed)
    tensors = {"ema.a": torch.randn(count, generator=generator), "optimiser.step": torch.tensor(float(seed))}
    return Checkpoint(tensors, {"seed": seed})


def test_pieces_are_small_and_join_to_the_whole(tmp_path):
    pieces = save_in_pieces(tmp_path / CHECKPOINT, made(1), piece_bytes=6000)
    assert [p.name for p in pieces] == [f"{CHECKPOINT}.{n:03d}" for n in range(4)]
    assert all(p.stat().st_size <= 6000 for p in pieces)
    assert sorted(tmp_path.iterdir()) == pieces
    for place in (tmp_path, tmp_path / CHECKPOINT):  # the folder of a run will do
        again = load_checkpoint(place)
        assert again.facts == {"seed": 1}
        assert all(torch.equal(again.tensors[name], value) for name, value in made(1).tensors.items())


def test_a_missing_piece_and_pieces_of_two_checkpoints_are_refused(tmp_path):
    for seed in (1, 2):
        save_in_pieces(tmp_path / str(seed) / CHECKPOINT, made(seed), piece_bytes=6000)
    for number in ("001", "003"):
        piece = tmp_path / "1" / f"{CHECKPOINT}.{number}"
        content = piece.read_bytes()
        piece.unlink()
        with pytest.raises(UserError, match="no whole checkpoint in 3 pieces"):
            load_checkpoint(tmp_path / "1")
        piece.write_bytes(content)
    os.replace(tmp_path / "2" / f"{CHECKPOINT}.002", tmp_path / "1" / f"{CHECKPOINT}.002")
    with pytest.raises(UserError, match="not of one checkpoint"):
        load_checkpoint(tmp_path / "1")


def test_a_whole_checkpoint_takes_the_place_of_pieces_and_fewer_pieces_of_more(tmp_path):
    path = tmp_path / CHECKPOINT
    save_in_pieces(path, made(1), piece_bytes=3000)
    save_in_pieces(path, made(2), piece_bytes=9000)
    assert load_checkpoint(path).facts == {"seed": 2}
    save_checkpoint(path, made(3))
    assert [p.name for p in tmp_path.iterdir()] == [CHECKPOINT]
    assert exists(path) and load_checkpoint(path).facts == {"seed": 3}


def test_another_config_is_refused_by_its_keys_but_time_place_and_device_may_change():
    there = TrainingConfig().as_dict()
    here = from_dict(
        TrainingConfig, {"name": "other", "run": {"minutes": 5, "device": "cpu", "processes": 1}}
    ).as_dict()
    check_same_config(there, here)
    other = from_dict(
        TrainingConfig, {"network": {"trunk": 16}, "run": {"seed": 9}, "distillation": {"caches": ["somewhere"]}}
    ).as_dict()
    with pytest.raises(UserError) as raised:
        check_same_config(there, other)
    trunk = TrainingConfig().network.trunk
    for told in (
        f"network.trunk is {trunk} there, 16 here",
        "run.seed is 1 there, 9 here",
        "[distillation] is here only",
    ):
        assert told in raised.value.message
    assert "--init" in raised.value.hint


@pytest.mark.parametrize("save", [save_checkpoint, save_in_pieces])
def test_a_full_disk_is_one_clear_line_and_keeps_the_checkpoint_before(small_disk, save):
    path = small_disk / CHECKPOINT
    save(path, made(1, 50_000))
    before = sorted(p.name for p in small_disk.iterdir())
    with pytest.raises(UserError, match="cannot write the checkpoint") as raised:
        save(path, made(2, 230_000))
    assert "space" in raised.value.hint and "\n" not in raised.value.message
    assert load_checkpoint(path).facts == {"seed": 1}
    assert sorted(p.name for p in small_disk.iterdir()) == before
