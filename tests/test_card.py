"""The card's cost and known failures: figures of the very weights, and what is not measured is not claimed."""

from __future__ import annotations

import json
import shutil

import onnx
import pytest

from benchmarks import card
from enhancer.errors import ConfigError
from enhancer.model import Student
from training.fingerprint import computation_sha256, weights_sha256


def figures(gain: float = 0.1, lost: float = -0.2, left: float = -60.0) -> dict:
    """Of the form that `robustness --write` leaves."""
    kept = {"kept_db": {"3.5-5.3": lost, "all": -0.1}, "onsets_cut": 0.1, "offsets_cut": 0.1}
    row = {"estoi": {"gain": gain, "low": False, "high": gain + 0.01}}
    return {
        "speech_kept": {card.MILD: kept, card.LOUD: kept},
        "residue": {card.PAUSES: {"high_after_db": left - 10, "high_after_90_db": left}},
        "conditions": {"telephone *": row},
        "categories": {},
    }


def test_a_student_that_is_well_has_no_failures():
    assert list(card.failures(figures())) == []


def test_what_is_measured_to_fail_is_said_with_its_figure():
    said = "; ".join(card.failures(figures(gain=-0.04, lost=-0.8, left=-38.0)))
    for part in ("0.8 dB at 3.5-5.3 kHz", "above -38 dB", "makes worse: telephone (ESTOI -0.040)"):
        assert part in said


def test_the_card_takes_facts_and_nothing_else_changes(tmp_path):
    path = tmp_path / "student.onnx"
    shutil.copy(Student().info.path, path)
    weights, computed = weights_sha256(onnx.load(path)), computation_sha256(path)
    card.add_to_card(path, {"known_failures": ["singing"]})
    assert Student(path).info.details["known_failures"] == ["singing"]
    assert (weights_sha256(onnx.load(path)), computation_sha256(path)) == (weights, computed)
    card.add_to_card(path, {"known_failures": None})
    assert "known_failures" not in Student(path).info.details


def test_figures_of_another_student_are_refused(tmp_path, monkeypatch):
    for name in ("speed", "robustness"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"model": {"weights_sha256": "0"}}))
    monkeypatch.setattr(card, "RESULTS", tmp_path)
    with pytest.raises(ConfigError, match="of another student"):
        card.measured()


def test_the_shipped_card_says_what_was_measured_of_its_weights():
    details = Student().info.details
    assert {name: details[name] for name in ("cost", "known_failures")} == card.measured()
    assert Student("light").info.details["known_failures"] == details["known_failures"]
