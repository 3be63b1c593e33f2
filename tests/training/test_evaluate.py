"""`training evaluate`: what a user gets, from the fixed sets and from pairs of files, and when it is stopped."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from enhancer.errors import InputError, UserError
from enhancer.evaluation.peers import PEERS
from training.checkpoint import Checkpoint, save_checkpoint
from training.cli import app
from training.evaluation import run as run_module
from training.evaluation.items import fixed_entries, paired_entries
from training.evaluation.results import Results
from training.evaluation.run import run
from training.evaluation.systems import Noisy, Other, chosen_systems
from training.networks import BandRecurrentNet, NetworkConfig

SPEECH = Path(__file__).parents[1] / "data" / "speech_16k_female.flac"
ITEMS = 2


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> list[Path]:
    """Two untrained runs, one causal and one bidirectional: both pass sound through."""
    folder, paths = tmp_path_factory.mktemp("runs"), []
    for name, bidirectional in (("causal", False), ("both-ways", True)):
        config = NetworkConfig(channels=4, trunk=8, blocks=1, bidirectional=bidirectional)
        network = BandRecurrentNet(config)
        paths.append(folder / name / "checkpoint.safetensors")
        paths[-1].parent.mkdir()
        weights = {f"ema.{key}": value for key, value in network.state_dict().items()}
        save_checkpoint(paths[-1], Checkpoint(weights, {"config": {"network": asdict(config)}}))
    return paths


@pytest.fixture(scope="module")
def evaluate(small_pools):
    """The command on the small pools, in this process."""

    def call(*arguments, code: int = 0):
        given = [*arguments, "--pools", small_pools.folder, "--jobs", 1]
        result = CliRunner().invoke(app, ["evaluate", *map(str, given)])
        assert result.exit_code == code, result.output
        return result

    return call


@pytest.fixture(scope="module")
def rows(checkpoints, build_model) -> list[str]:
    """Two checkpoints, a model that removes everything, the oracle: what the command is given."""
    return [*map(str, checkpoints), "--model", str(build_model("remove")), "--peers", "irm"]


@pytest.fixture(scope="module")
def written(evaluate, rows, tmp_path_factory) -> Path:
    """The folder that an evaluation of `rows` writes."""
    out = tmp_path_factory.mktemp("evaluated") / "out"
    evaluate(*rows, "--items", ITEMS, "--out", out)
    return out


@pytest.fixture
def pairs(tmp_path) -> Path:
    """Three pairs as VoiceBank+DEMAND has them, at three rates, at SNRs of 0, 10 and 20 dB."""
    folder, rng = tmp_path / "pairs", np.random.default_rng(0)
    clean, _ = soundfile.read(SPEECH, frames=24_000)
    for side in ("clean_testset_wav", "noisy_testset_wav"):
        (folder / side).mkdir(parents=True)
    for number, rate in enumerate((16_000, 16_000, 48_000)):
        hiss = rng.standard_normal(len(clean))
        noisy = clean + hiss * np.std(clean) * 10 ** (-number / 2)
        soundfile.write(folder / "clean_testset_wav" / f"p{number}.wav", clean, rate)
        soundfile.write(folder / "noisy_testset_wav" / f"p{number}.wav", noisy, rate, subtype="FLOAT")
    return folder


# What the command says


def test_a_checkpoint_alone_gives_a_small_table_with_the_noisy_mixture_beside_it(evaluate, checkpoints):
    result = evaluate(checkpoints[0], "--items", ITEMS)
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0][:2] == [str(ITEMS), "mixtures"]
    assert [line[0] for line in lines[2:4]] == ["noisy", "causal"]
    assert lines[2][1:4] == lines[3][1:4]  # an untrained network passes the mixture through


def test_causal_and_bidirectional_checkpoints_models_and_peers_stand_side_by_side(written, rows):
    told = json.loads((written / "results.json").read_text())
    model = Path(rows[3]).stem
    assert list(told["systems"]) == ["noisy", "causal", "both-ways", model, "irm"]
    assert told["reference"] == "causal"
    means = {system: values["si_sdr"]["mean"] for system, values in told["systems"].items()}
    assert means["irm"] > means["noisy"] + 3
    assert means["both-ways"] == pytest.approx(means["noisy"], abs=0.01)
    assert means[model] == -60  # silence
    difference = told["minus_reference"]["irm"]["si_sdr"]
    assert difference["mean"] == pytest.approx(means["irm"] - means["causal"])
    assert difference["low"] <= difference["mean"] <= difference["high"]


def test_the_shipped_student_is_scored_when_nothing_of_ours_is_named():
    labels = [system.label for system in chosen_systems([], [], [], [PEERS["irm"]])]
    assert labels == ["noisy", "shipped student", "irm"]


def test_files_of_one_name_keep_rows_of_their_own(tmp_path):
    runs = [Path("a/x/checkpoint.safetensors"), Path("b/x/checkpoint.safetensors"), Path("a/x/best.safetensors")]
    labels = [system.label for system in chosen_systems(runs, [], [], [])]
    assert labels == ["noisy", "x", "x (b/x/checkpoint.safetensors)", "x (best)"]


def test_what_cannot_run_here_is_said_before_anything_is_scored(small_pools, tmp_path):
    for arguments, said in (
        ([tmp_path / "none.safetensors"], "no checkpoint at"),
        (["--model", tmp_path / "none.onnx"], "none.onnx"),
        (["--peers", "whisper"], "no peer called whisper"),
        (["--teacher", "oracle"], "no teacher called"),
        (["--pairs", tmp_path / "nowhere"], "does not exist"),
        (["--split", "train", "--pools", small_pools.folder], "no fixed set"),
        (["--pools", tmp_path / "nowhere"], "no data pools at"),
    ):
        result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
        assert isinstance(result.exception, UserError) or result.exit_code == 2
        assert said in str(result.exception) or said in result.stderr


# What is written


def test_the_folder_holds_rows_summary_report_and_picture(written):
    table = list(csv.DictReader((written / "results.csv").open()))
    assert len(table) == ITEMS * 5
    told = json.loads((written / "results.json").read_text())
    of_irm = [float(row["pesq_wb"]) for row in table if row["system"] == "irm"]
    assert told["systems"]["irm"]["pesq_wb"]["mean"] == pytest.approx(np.mean(of_irm), abs=1e-3)
    assert sum(told["by_snr_db"]["items"].values()) == sum(told["by_category"]["items"].values()) == ITEMS
    report = (written / "report.md").read_text()
    for heading in ("Means", "Minus causal", "By SNR, dB: PESQ-WB", "By noise category: ESTOI", "Systems"):
        assert f"## {heading}\n" in report
    assert (written / "quality.png").read_bytes()[1:4] == b"PNG"


def test_a_second_run_scores_only_what_is_new(evaluate, rows, written, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(written, out)
    first = (out / "scored.jsonl").read_text().splitlines()
    told = json.loads(evaluate(*rows, "--items", ITEMS + 1, "--out", out, "--json").stdout)
    second = (out / "scored.jsonl").read_text().splitlines()
    assert told["items"] == ITEMS + 1
    assert second[: len(first)] == first
    assert {json.loads(line)["name"] for line in second[len(first) :]} == {f"val_{ITEMS:03d}"}


def test_a_run_that_is_stopped_keeps_what_it_has_and_goes_on(small_pools, tmp_path, monkeypatch):
    entries, systems = fixed_entries(small_pools, "val", ITEMS), [Noisy(), Other("irm")]
    real, calls = run_module.score_entry, []

    def interrupted(entry, rows):
        calls.append(entry.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(entry, rows)

    monkeypatch.setattr(run_module, "score_entry", interrupted)
    journal = tmp_path / "scored.jsonl"
    stopped = run(entries, systems, journal)
    assert stopped.stopped
    assert len(Results(entries, ["noisy", "irm"], stopped).entries) == 1
    resumed = run(entries, systems, journal)
    assert (resumed.stopped, resumed.known_before) == (False, 1)
    assert calls == [entries[0].name, entries[1].name, *(entry.name for entry in entries[1:])]
    assert list(resumed.outcomes) == [(entry.name, system.label) for entry in entries for system in systems]


# Pairs of files


def test_a_folder_with_a_clean_and_a_noisy_side_is_scored(evaluate, pairs):
    told = json.loads(evaluate("--pairs", pairs, "--peers", "irm", "--model", "shipped", "--json").stdout)
    assert told["items"] == 3
    assert told["by_snr_db"]["items"] == {"0 to 5": 1, "10 to 15": 1, "15 and above": 1}
    assert told["by_category"]["items"] == {}


def test_a_list_names_speakers_and_noises(pairs):
    (pairs / "list.tsv").write_text(
        "noisy\tclean\tspeaker\tcategory\n"
        + "".join(f"noisy_testset_wav/p{i}.wav\tclean_testset_wav/p{i}.wav\tann\thiss\n" for i in range(3))
    )
    entries = paired_entries(pairs / "list.tsv")
    assert [(e.name, e.speaker, e.category, e.noise_recording) for e in entries] == [
        (f"p{i}", "ann", "hiss", "") for i in range(3)
    ]
    item = entries[2].load()
    assert (item.sample_rate, item.snr_db) == (48_000, pytest.approx(20, abs=3))


def test_bad_pairs_are_named_and_cost_no_others(evaluate, pairs):
    soundfile.write(pairs / "noisy_testset_wav" / "p1.wav", np.zeros(100), 16_000)
    result = evaluate("--pairs", pairs, "--peers", "irm", code=1)
    assert "p1" in result.stderr and "differ in sample rate or length" in result.stderr
    assert result.stdout.startswith("2 pairs")


def test_places_that_hold_no_pairs_are_refused(tmp_path, pairs):
    (tmp_path / "list.csv").write_text("left,right\na,b\n")
    (tmp_path / "missing.csv").write_text("noisy,clean\na.wav,b.wav\n")
    for place, said in ((tmp_path, "no folder with 'clean'"), (tmp_path / "list.csv", "no columns noisy and clean"),
                        (tmp_path / "missing.csv", "cannot be read")):  # fmt: skip
        with pytest.raises(InputError, match=said):
            paired_entries(place)
