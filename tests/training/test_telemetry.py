"""The log of a run: JSON lines and TensorBoard say the same; neither ends a run."""

import io
import json
import sys
import time

import numpy as np
import soundfile
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.run.telemetry import RunLog


def curves(folder) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return accumulator


def test_lines_and_curves_hold_the_same_numbers(tmp_path, capsys):
    log = RunLog(tmp_path)
    log.write(50, {"minutes": 1.5, "rate": 1e-3}, train={"loss": 0.25, "magnitude": 0.125})
    log.write(50, {"minutes": 1.5, "rate": 1e-3}, validation={"pesq_wb": 1.5})
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[0] == {"step": 50, "minutes": 1.5, "rate": 1e-3, "train": {"loss": 0.25, "magnitude": 0.125}}
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == lines
    drawn = curves(tmp_path)
    names = {"run/minutes": 1.5, "train/loss": 0.25, "train/magnitude": 0.125, "validation/pesq_wb": 1.5}
    for name, value in names.items():
        assert [(event.step, event.value) for event in drawn.Scalars(name)][-1] == (50, value)


def test_a_resumed_run_takes_back_curves_beyond_its_checkpoint_and_knows_earlier_lines(tmp_path):
    for step, at in ((0, (10, 20, 30)), (20, (30, 40))):
        log = RunLog(tmp_path, step)
        for number in at:
            log.write(number, {}, train={"loss": float(step)})
        log.close()
        time.sleep(1.0)  # files of curves are read in the order of their names, which tell the second
    assert [(e.step, e.value) for e in curves(tmp_path).Scalars("train/loss")] == [(10, 0), (30, 20), (40, 20)]
    log = RunLog(tmp_path, 40)
    assert [entry["step"] for entry in log.entries()] == [10, 20, 30, 30, 40]
    log.close()


def test_sounds_of_any_rate_are_heard_at_16_khz(tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000).astype(np.float32)
    log = RunLog(tmp_path)
    log.sound("0_traffic/noisy", tone, 48_000, 5)
    log.close()
    (sound,) = curves(tmp_path).Audio("0_traffic/noisy")
    heard, rate = soundfile.read(io.BytesIO(sound.encoded_audio_string))
    assert (rate, len(heard)) == (16_000, 16_000)
    assert abs(np.abs(heard).max() - 0.5) < 0.01


def test_without_tensorboard_the_lines_are_written_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    log = RunLog(tmp_path)
    log.write(1, {"minutes": 0.1}, train={"loss": 1.0})
    log.sound("x", np.zeros(100, np.float32), 16_000, 1)
    log.close()
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]
    assert capsys.readouterr().err.count("TensorBoard") == 1


def test_a_full_disk_is_said_once_and_the_run_goes_on(tmp_path, capsys):
    (tmp_path / "log.jsonl").symlink_to("/dev/full")
    log = RunLog(tmp_path)
    for step in range(3):
        log.write(step, {}, train={"loss": 1.0})
    log.close()
    said = capsys.readouterr()
    assert said.err.count("cannot write") == 1
    assert len(said.out.splitlines()) == 3
