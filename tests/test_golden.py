"""The shipped model cleans the demo clips as well as when their golden scores were written, by API and by command."""

import subprocess
import sys

import pytest

import enhancer
from benchmarks import golden
from benchmarks.clips import DEMO, demo_clips, read
from benchmarks.scores import Scores, mean, score

CLIPS = demo_clips()
NAMES = [clip.name for clip in CLIPS]


def test_golden_scores_are_of_the_shipped_model():
    assert golden.of_shipped_model(), "the model changed: python -m benchmarks golden --write"


@pytest.mark.parametrize("clip", CLIPS, ids=NAMES)
def test_bundled_clips_score_as_when_they_were_made(clip):
    assert golden.differences(score(clip.noisy(), clip), golden.load()[clip.name]["noisy"]) == []


@pytest.mark.parametrize("clip", CLIPS, ids=NAMES)
def test_api_reproduces_the_golden_scores(clip):
    enhanced = enhancer.denoise(clip.noisy(), clip.sample_rate)
    assert golden.differences(score(enhanced, clip), golden.load()[clip.name]["enhanced"]) == []


def test_command_line_reproduces_the_golden_scores(tmp_path):
    command = [sys.executable, "-m", "enhancer.cli", "denoise", str(DEMO / "noisy"), "-o", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    for clip in CLIPS:
        enhanced = read(tmp_path / f"{clip.name}.flac")
        assert golden.differences(score(enhanced, clip), golden.load()[clip.name]["enhanced"]) == [], clip.name


def test_the_model_helps_on_the_demo_clips():
    scores = golden.load().values()
    before = mean(Scores(**row["noisy"]) for row in scores)
    after = mean(Scores(**row["enhanced"]) for row in scores)
    assert after.pesq_wb > before.pesq_wb
    assert after.estoi > before.estoi
    assert after.si_sdr > before.si_sdr
