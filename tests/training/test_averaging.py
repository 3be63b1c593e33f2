"""Several runs' weights averaged: a checkpoint like any other, whose card says what went in."""

import dataclasses

import pytest
import torch
from typer.testing import CliRunner

from enhancer.errors import ConfigError, UserError
from training.averaging import average
from training.card import describe
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.cli import app
from training.evaluate import averaged_network
from training.networks import NetworkConfig
from training.run.loop import Run


@pytest.fixture
def runs(config, small_pools) -> list[Checkpoint]:
    """Two runs from the same first weights, of different batches."""
    start = Run(config, small_pools).checkpoint()
    ends = []
    for seed in (1, 2):
        run = Run(dataclasses.replace(config, run=dataclasses.replace(config.run, seed=seed)), small_pools)
        run.start_from(start)
        for _ in range(2):
            run.step()
        ends.append(run.checkpoint())
    return ends


def test_each_weight_is_the_mean_by_the_shares(runs):
    for shares, first in (((), 0.5), ((3.0, 1.0), 0.75)):
        mean = average(runs, shares).part("ema")
        one, other = (run.part("ema") for run in runs)
        assert any(not torch.equal(one[name], other[name]) for name in mean)
        for name, value in mean.items():
            torch.testing.assert_close(value, first * one[name] + (1 - first) * other[name])


def test_a_run_averaged_with_itself_stays_what_it_was(runs):
    for name, value in average([runs[0]] * 3).part("ema").items():
        torch.testing.assert_close(value, runs[0].part("ema")[name])


def test_the_command_writes_what_can_be_evaluated_trained_on_and_shipped(runs, config, small_pools, tmp_path):
    paths = [tmp_path / name for name in ("one.safetensors", "two.safetensors")]
    for path, run in zip(paths, runs, strict=True):
        save_checkpoint(path, run)
    out = tmp_path / "mean.safetensors"
    command = ["average", *map(str, paths), "--out", str(out), "--share", "1", "--share", "3"]
    assert CliRunner().invoke(app, command).exit_code == 0
    written = load_checkpoint(out)
    phases = describe(written, averaged_network(written), small_pools, items=0)["training"]["phases"]
    assert [run["share"] for run in phases[-1]["averaged"]] == [0.25, 0.75]
    further = Run(config, small_pools)
    further.start_from(written)
    further.step()
    later = describe(further.checkpoint(), further.ema, small_pools, items=0)["training"]["phases"]
    assert later[:-1] == phases and "averaged" not in later[-1]


@pytest.mark.parametrize(
    ("shares", "complaint"),
    [
        ((1.0,), "2 checkpoints, and the shares 1"),
        ((1.0, 0.0), "the shares 1, 0"),
        ((1.0, float("inf")), "the shares 1, inf"),
    ],
)
def test_shares_that_do_not_fit_are_refused(runs, shares, complaint):
    with pytest.raises(ConfigError, match=complaint):
        average(runs, shares)


def test_one_run_alone_and_networks_that_differ_are_refused(runs, config, small_pools):
    with pytest.raises(ConfigError, match="needs two checkpoints or more"):
        average(runs[:1])
    larger = dataclasses.replace(config, network=NetworkConfig(channels=4, trunk=16, blocks=1))
    with pytest.raises(UserError, match="networks of checkpoints 1 and 3 differ"):
        average([*runs, Run(larger, small_pools).checkpoint()])
