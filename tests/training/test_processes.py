"""The processes of a run: torchrun or our own, batches drawn by others, disks that fill up, parts of a run."""

import dataclasses
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from time import sleep

import pytest
import torch
import torch.distributed as dist

from enhancer.errors import UserError
from training.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from training.config import TrainingConfig, load_config
from training.distillation.terms import DistillationConfig
from training.run.loop import Run
from training.run.processes import choose_device, train
from training.run.source import BatchSource
from training.run.steward import Steward

TINY = """
[network]
channels = 4
trunk = 8
blocks = 1
[batch]
size = 1
seconds = 0.5
[mix.categories]
rumble = 1.0
hiss = 1.0
[run]
minutes = 0.0
steps = 3
processes = 2
device = "cpu"
validate_items = 0
"""


def with_run(config: TrainingConfig, **changes) -> TrainingConfig:
    return dataclasses.replace(config, run=dataclasses.replace(config.run, **changes))


@pytest.mark.slow
def test_torchrun_and_our_own_processes_train_the_same_weights(small_pools, tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    train(load_config(tmp_path / "tiny.toml"), small_pools.folder, tmp_path / "own")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    command += ["-m", "training", "train", "--config", tmp_path / "tiny.toml", "--pools", small_pools.folder]
    done = subprocess.run([*command, "--out", tmp_path / "torchrun"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    own, theirs = load_checkpoint(tmp_path / "own"), load_checkpoint(tmp_path / "torchrun")
    assert own.facts["progress"]["step"] == 3
    assert own.facts["progress"]["audio_hours"] == theirs.facts["progress"]["audio_hours"]
    assert own.tensors.keys() == theirs.tensors.keys()
    assert all(torch.equal(own.tensors[name], theirs.tensors[name]) for name in own.tensors)


def test_what_no_batch_of_any_process_asks_for_does_not_move(config, small_pools, tmp_path, monkeypatch):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'meeting'}", rank=0, world_size=1)
    try:
        run = Run(config, small_pools, world=2)
        for _ in range(3):  # until there is momentum
            run.step()
        mask, trunk = (weight.detach().clone() for weight in (run.network.to_mask.weight, run.network.to_trunk.weight))
        monkeypatch.setattr(run, "loss", lambda batch: (run.network.to_trunk.weight.square().sum(), {}))
        run.step()
    finally:
        dist.destroy_process_group()
    assert torch.equal(run.network.to_mask.weight, mask)
    assert not torch.equal(run.network.to_trunk.weight, trunk)


def test_a_run_told_to_end_while_its_processes_start_ends_without_a_word(small_pools, tmp_path, capfd):
    def end_when_they_start() -> None:
        while len(multiprocessing.active_children()) < 2:
            sleep(0.01)
        sleep(0.1)  # until the signal is waited for; a process takes seconds to import torch
        os.kill(os.getpid(), signal.SIGTERM)

    (tmp_path / "tiny.toml").write_text(TINY)
    ender = threading.Thread(target=end_when_they_start)
    ender.start()
    train(load_config(tmp_path / "tiny.toml"), small_pools.folder, tmp_path / "run")
    ender.join()
    assert not (tmp_path / "run" / CHECKPOINT).exists() and "Error" not in capfd.readouterr().err


@pytest.mark.slow
def test_a_mistake_that_a_process_of_ours_meets_is_said_once(config, small_pools, tmp_path, capfd):
    taught = dataclasses.replace(config, distillation=DistillationConfig(caches=("nowhere",)))
    with pytest.raises(UserError, match="no teacher cache at nowhere"):
        train(with_run(taught, processes=2), small_pools.folder, tmp_path / "run")
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_one_line_and_auto_does_without(config, small_pools, tmp_path):
    assert choose_device("auto") == choose_device("cpu") == "cpu"
    with pytest.raises(UserError, match="sees no GPU") as raised:
        train(with_run(config, device="cuda"), small_pools.folder, tmp_path / "run")
    assert "device" in raised.value.hint
    assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match=r"run\.device is 'tpu'"):
        choose_device("tpu")


@pytest.mark.slow
def test_processes_that_draw_give_the_batches_of_the_thread_in_order(config, small_pools):
    alone = BatchSource(config, small_pools, rank=1)
    helped = BatchSource(with_run(config, workers=2), small_pools, rank=1)
    for step in (4, 5, 6, 7, 8):  # a resumed run does not begin with the first
        ours, theirs = alone.batch(step), helped.batch(step)
        assert ours.sample_rate == theirs.sample_rate
        assert torch.equal(ours.noisy, theirs.noisy)
        assert torch.equal(ours.clean, theirs.clean)
        assert torch.equal(ours.bandwidth_hz, theirs.bandwidth_hz)
    helped.close()
    alone.close()


@pytest.mark.slow
def test_a_run_resumed_with_workers_equals_an_uninterrupted_one_without(config, small_pools, tmp_path):
    train(config, small_pools.folder, tmp_path / "whole")
    first = Run(config, small_pools)
    for _ in range(3):
        first.step()
    save_checkpoint(tmp_path / "parts" / CHECKPOINT, first.checkpoint())
    train(with_run(config, workers=1), small_pools.folder, tmp_path / "parts", resume=True)
    whole, parts = load_checkpoint(tmp_path / "whole"), load_checkpoint(tmp_path / "parts")
    assert all(torch.equal(whole.tensors[name], parts.tensors[name]) for name in whole.tensors)


def test_a_disk_that_is_full_on_the_way_does_not_end_a_run_but_at_the_end_it_is_said(
    config, small_pools, tmp_path, capsys
):
    steward = Steward(Run(with_run(config, checkpoint_minutes=0.0), small_pools), tmp_path)
    steward.step()
    obstacle = tmp_path / "checkpoint.tmp"  # where the next one would be written
    obstacle.mkdir()
    steward.step()
    assert "cannot write the checkpoint" in capsys.readouterr().err
    assert load_checkpoint(tmp_path).facts["progress"]["step"] == 1
    obstacle.rmdir()
    steward.step()
    assert load_checkpoint(tmp_path).facts["progress"]["step"] == 3
    obstacle.mkdir()
    with pytest.raises(UserError, match="cannot write the checkpoint"):
        steward.finish(validate=True)
    assert load_checkpoint(tmp_path).facts["progress"]["step"] == 3


def test_a_part_of_a_run_ends_early_and_leaves_its_schedule_alone(config, small_pools, tmp_path):
    train(with_run(config, steps=100_000), small_pools.folder, tmp_path, part_minutes=0.001)
    facts = load_checkpoint(tmp_path).facts
    assert 1 <= facts["progress"]["step"] < 1000
    assert facts["config"]["run"]["steps"] == 100_000
    with pytest.raises(UserError, match="already holds a run"):
        train(config, small_pools.folder, tmp_path)
