"""The shipped model cleans the demo clips as well as when their golden scores were written, by API and by command."""

import subprocess
import sys
from functools import cache

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from typer.testing import CliRunner

import enhancer
from benchmarks import golden
from benchmarks.__main__ import app
from benchmarks.clips import DEMO, DemoClip, demo_clips, read
from benchmarks.scores import Scores, mean, score
from enhancer.model import Student
from tests.refusals import assert_refused

CLIPS = demo_clips()
NAMES = [clip.name for clip in CLIPS]
KINDS = list({clip.kind: clip for clip in CLIPS}.values())  # one of each rate and number of channels


@cache
def enhanced(clip: DemoClip) -> np.ndarray:
    return enhancer.denoise(clip.noisy(), clip.sample_rate)


def test_golden_scores_are_of_the_shipped_model():
    assert golden.of_shipped_model(), "the model changed: python -m benchmarks golden --write"


@pytest.mark.parametrize("clip", KINDS, ids=[clip.name for clip in KINDS])
def test_bundled_clips_score_as_when_they_were_made(clip):
    assert golden.differences(score(clip.noisy(), clip), golden.load()[clip.name]["noisy"]) == []


@pytest.mark.parametrize("clip", CLIPS, ids=NAMES)
def test_api_reproduces_the_golden_scores(clip):
    assert golden.differences(score(enhanced(clip), clip), golden.load()[clip.name]["enhanced"]) == []


def test_the_command_line_makes_what_the_api_makes(tmp_path):
    command = [sys.executable, "-m", "enhancer.cli", "denoise", str(DEMO / "noisy"), "-o", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    for clip in CLIPS:
        np.testing.assert_allclose(read(tmp_path / f"{clip.name}.flac"), enhanced(clip), atol=2e-4, err_msg=clip.name)


def test_the_model_helps_on_the_demo_clips():
    scores = golden.load().values()
    before = mean(Scores(**row["noisy"]) for row in scores)
    after = mean(Scores(**row["enhanced"]) for row in scores)
    assert after.pesq_wb > before.pesq_wb
    assert after.estoi > before.estoi
    assert after.si_sdr > before.si_sdr


def test_the_gate_passes_the_shipped_model_and_fails_one_whose_mask_is_weaker(tmp_path, capsys):
    """What `make quality` does, on one clip: a tenth less of what the mask takes away, as a careless export might."""
    assert golden.run(clips=CLIPS[:1]) == 0
    weaker = onnx.load(Student().info.path)
    for node in weaker.graph.node:
        node.output[:] = ["whole_mask" if name == "mask" else name for name in node.output]
    weaker.graph.initializer.append(numpy_helper.from_array(np.float32(0.9), "share"))
    weaker.graph.node.append(helper.make_node("Mul", ["whole_mask", "share"], ["mask"]))
    onnx.save(weaker, tmp_path / "weaker.onnx")
    assert golden.run(model=tmp_path / "weaker.onnx", clips=CLIPS[:1]) == 1
    said = capsys.readouterr().out
    assert said.startswith(f"{NAMES[0]}: as golden\nmean: as golden\n{NAMES[0]}: pesq_wb ")
    assert all(f"{measure} " in said for measure in ("pesq_wb", "estoi", "si_sdr"))
    assert said.count("below golden") >= 4


def test_golden_scores_are_written_of_the_shipped_model_alone():
    refused = CliRunner().invoke(app, ["golden", "--model", "mine.onnx", "--write"])
    assert_refused(refused, "--write is for the shipped model")
