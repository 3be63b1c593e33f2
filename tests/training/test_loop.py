"""A training run: resumes exactly, survives stops and bad batches, and is taught by a cache."""

import dataclasses
import itertools
import json
import os
import shutil
import signal
import threading

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from enhancer.errors import UserError
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, slim
from training.cli import app
from training.config import OptimiserConfig
from training.data.batch import DrawnBatch
from training.networks import NetworkConfig
from training.run.loop import Progress, Run, learning_rate
from training.run.processes import CHECKPOINT, train


def weights(run: Run) -> torch.Tensor:
    return torch.cat([p.flatten() for p in (*run.network.parameters(), *run.ema.parameters())])


def test_a_resumed_run_equals_an_uninterrupted_one(config, small_pools, tmp_path):
    whole, first = Run(config, small_pools), Run(config, small_pools)
    for _ in range(6):
        whole.step()
    for _ in range(3):
        first.step()
    save_checkpoint(tmp_path / CHECKPOINT, first.checkpoint())
    second = Run(config, small_pools)
    second.restore(load_checkpoint(tmp_path / CHECKPOINT))
    for _ in range(3):
        second.step()
    assert torch.equal(weights(whole), weights(second))
    assert vars(whole.progress) == vars(second.progress)


def test_training_lowers_the_loss_on_what_it_sees(config, small_pools):
    run = Run(dataclasses.replace(config, run=dataclasses.replace(config.run, steps=60)), small_pools)
    noisy = torch.from_numpy(small_noise := np.random.default_rng(0).normal(0, 0.05, (2, 8000)).astype(np.float32))
    clean = torch.from_numpy(0.3 * small_noise)
    batch = DrawnBatch(16_000, noisy, clean)
    before = float(run.loss(batch)[0].detach())
    optimiser = torch.optim.Adam(run.network.parameters(), 3e-3)
    for _ in range(60):
        optimiser.zero_grad()
        loss = run.loss(batch)[0]
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.5 * before


def test_a_batch_without_finite_gradients_is_skipped_and_counted(config, small_pools, monkeypatch):
    run = Run(config, small_pools)
    before = weights(run)
    monkeypatch.setattr(run, "loss", lambda batch: (torch.nan * run.network.embed.weight.sum(), {}))
    run.step()
    assert torch.equal(weights(run), before)
    assert run.progress.skipped == 1


def test_the_rate_warms_up_and_falls_to_its_final_share(config):
    config = dataclasses.replace(
        config, run=dataclasses.replace(config.run, steps=100), optimiser=OptimiserConfig(1e-3, 0.1, warmup_steps=10)
    )
    rates = [learning_rate(config, Progress(step=step)) for step in range(101)]
    assert rates[0] == pytest.approx(1e-4, rel=0.01)
    assert max(rates) == pytest.approx(1e-3, rel=0.05)
    assert rates[-1] == pytest.approx(1e-4, rel=0.01)
    assert all(b <= a for a, b in itertools.pairwise(rates[10:]))


def test_a_run_started_by_command_checkpoints_on_sigterm_and_is_not_begun_anew(small_pools, tmp_path, capfd):
    toml = tmp_path / "tiny.toml"
    toml.write_text(
        "[network]\nchannels = 4\ntrunk = 8\nblocks = 1\n[batch]\nsize = 1\nseconds = 0.5\n"
        "[mix.categories]\nrumble = 1.0\nhiss = 1.0\n"
        "[run]\nminutes = 10.0\nprocesses = 2\nvalidate_items = 0\n"
    )
    out = tmp_path / "run"
    command = ["train", "--config", str(toml), "--out", str(out), "--pools", str(small_pools.folder)]
    ended = threading.Event()

    def stop_when_training() -> None:
        log = out / "log.jsonl"
        while not log.exists() or not log.stat().st_size:  # its first line is that of step 50
            if ended.wait(0.01):
                return
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_when_training, daemon=True).start()
    result = CliRunner().invoke(app, command)
    ended.set()
    assert result.exit_code == 0
    steps = load_checkpoint(out / CHECKPOINT).facts["progress"]["step"]
    assert steps >= 50
    assert json.loads(capfd.readouterr().out.splitlines()[0])["step"] == 50

    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 2
    assert "already holds a run" in refused.stderr
    assert load_checkpoint(out / CHECKPOINT).facts["progress"]["step"] == steps


def test_a_checkpoint_of_another_network_is_refused(config, small_pools, tmp_path):
    save_checkpoint(tmp_path / CHECKPOINT, Run(config, small_pools).checkpoint())
    other = Run(dataclasses.replace(config, network=NetworkConfig(channels=4, trunk=16, blocks=1)), small_pools)
    with pytest.raises(UserError, match="trunk is 8 there, 16 here"):
        other.restore(load_checkpoint(tmp_path / CHECKPOINT))


def test_a_slim_checkpoint_is_a_quarter_of_the_size_and_starts_a_run(config, small_pools, tmp_path):
    run = Run(config, small_pools)
    run.step()
    save_checkpoint(tmp_path / "whole.safetensors", run.checkpoint())
    save_checkpoint(tmp_path / "slim.safetensors", slim(load_checkpoint(tmp_path / "whole.safetensors")))
    tensors = [sum(v.nbytes for v in load_checkpoint(tmp_path / f"{n}.safetensors").tensors.values())
               for n in ("slim", "whole")]  # fmt: skip
    assert tensors[0] < tensors[1] / 3.9
    other = Run(config, small_pools)
    other.start_from(load_checkpoint(tmp_path / "slim.safetensors"))
    for ours, theirs in zip(run.ema.parameters(), other.network.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
    assert all(p.dtype == torch.float32 for p in other.network.parameters())


def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(tmp_path):
    (tmp_path / "odd.safetensors").write_bytes(b"not tensors at all")
    with pytest.raises(UserError, match="is not a checkpoint"):
        load_checkpoint(tmp_path / "odd.safetensors")
    with pytest.raises(UserError, match="no checkpoint at"):
        load_checkpoint(tmp_path / "none.safetensors")


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / CHECKPOINT
    save_checkpoint(path, Checkpoint({"a": torch.ones(2)}, {"n": 1}))
    (tmp_path / "checkpoint.tmp").mkdir()  # where the new one would be written
    with pytest.raises(UserError, match="cannot write the checkpoint"):
        save_checkpoint(path, Checkpoint({"a": torch.zeros(2)}, {"n": 2}))
    assert load_checkpoint(path).facts == {"n": 1}


def test_training_without_pools_says_how_to_make_them(config, tmp_path):
    with pytest.raises(UserError) as raised:
        train(config, tmp_path / "nowhere", tmp_path / "run")
    assert "training prepare" in raised.value.hint
    assert not (tmp_path / "run").exists()


def test_a_run_on_pools_without_a_voice_to_validate_on_trains_to_its_end(config, small_pools, tmp_path, capfd):
    validating = dataclasses.replace(config, run=dataclasses.replace(config.run, steps=2, validate_items=4))
    pools_dir = tmp_path / "pools"
    shutil.copytree(small_pools.folder, pools_dir)
    (pools_dir / "fixed_val.npz").unlink(missing_ok=True)
    for index in pools_dir.glob("speech_*.tsv"):
        lines = index.read_text().splitlines(keepends=True)
        index.write_text("".join(line for line in lines if "\tval\t" not in line))
    train(validating, pools_dir, tmp_path / "run")
    assert load_checkpoint(tmp_path / "run" / CHECKPOINT).facts["progress"]["step"] == 2
    assert "no validation: the val split has no speech" in capfd.readouterr().err
