"""Pools: every usable recording once, as it was, with its facts; the rest skipped and listed."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import soundfile
import soxr

from enhancer.errors import InputError, OutputError
from training.cli import app
from training.data import corpora, decoding, pools
from training.data.levels import active_frames, active_level_db


def test_bad_files_are_skipped_and_listed(data_folder, small_pools):
    reasons = dict(small_pools.facts["skipped"])
    assert set(reasons) == {"speech/text.wav", "noise/silent.wav"}
    assert reasons["noise/silent.wav"] == "silent"
    assert small_pools.facts["taken"] == len(corpora.read_indexed(data_folder)) - 2


def test_speech_in_noise_is_no_target_but_heard_without_one(small_pools):
    assert [clip.path for clip in small_pools.get("noisy", 16000).clips] == ["speech/hissing.wav"]
    assert not any(clip.path == "speech/hissing.wav" for clip in small_pools.get("speech", 16000).clips)


def test_a_second_call_changes_nothing_and_a_new_file_is_noticed(data_folder, tmp_path):
    data = shutil.copytree(data_folder, tmp_path / "data")
    assert pools.prepare(data, corpora.read_indexed(data), tmp_path / "pools", processes=1).fresh
    before = {p.name: (p.stat().st_mtime_ns, p.stat().st_size) for p in (tmp_path / "pools").iterdir()}
    report = pools.prepare(data, corpora.read_indexed(data), tmp_path / "pools", processes=1)
    assert not report.fresh and len(report.skipped) == 2
    assert before == {p.name: (p.stat().st_mtime_ns, p.stat().st_size) for p in (tmp_path / "pools").iterdir()}
    soundfile.write(data / "noise" / "silent.wav", 0.1 * np.random.default_rng(0).standard_normal(20000), 16000)
    assert len(pools.prepare(data, corpora.read_indexed(data), tmp_path / "pools", processes=1).skipped) == 1


def test_the_number_of_processes_changes_no_sample(data_folder, tmp_path):
    recordings = [r for r in corpora.read_indexed(data_folder) if r.split == "val"] * 5
    pools.prepare(data_folder, recordings, tmp_path / "two", processes=2)  # enough files for processes to be used
    pools.prepare(data_folder, recordings, tmp_path / "one", processes=1)
    for name in ("speech_16000.pcm", "noise_48000.pcm", "speech_48000.tsv"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_a_clip_holds_the_recording_at_its_pools_rate(data_folder, small_pools):
    pool = small_pools.get("noise", 48000)
    clip = next(c for c in pool.clips if c.path == "noise/val_hiss1.wav")
    original, _ = soundfile.read(data_folder / clip.path, dtype="float32")
    stored = pool.read(clip)
    original = original - original.mean()
    assert len(stored) == len(original)
    assert np.abs(stored - original * (stored.std() / original.std())).max() < 1e-4
    assert clip.active_db == pytest.approx(active_level_db(stored, 48000), abs=0.01)
    assert np.array_equal(pool.read(clip, 100, 50), stored[100:150])


def test_only_full_band_recordings_are_in_the_48_khz_pool(small_pools):
    groups = {c.group for c in small_pools.get("speech", 48000).clips}
    assert groups == {f"{split}-{n}" for split in corpora.SPLITS for n in (0, 1)}
    assert {c.group for c in small_pools.get("speech", 16000).clips} > groups


def test_speech_loses_its_silent_ends_but_not_its_pauses():
    rng = np.random.default_rng(3)
    word = 0.3 * np.sin(2 * np.pi * 300 * np.arange(8000) / 16000)
    silence = 1e-5 * rng.standard_normal(16000)
    x = np.concatenate([silence, word, silence, word, silence]).astype(np.float32)
    active, _ = active_frames(x, 16000)
    trimmed = decoding._trim(x, active, 16000)
    assert len(trimmed) == pytest.approx(32000 + 2 * decoding.TRIM_MARGIN_S * 16000, abs=1000)


def test_the_same_person_does_not_train_and_validate():
    assert all(name.startswith("gcompris-") for name in corpora.LEAKS_INTO_VALIDATION)


@pytest.mark.parametrize("arguments", [["prepare", "--data", "nowhere"], ["listen", "--pools", "nowhere"]])
def test_a_missing_folder_is_one_clear_line_and_exit_code_2(arguments, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        app(arguments)
    assert stopped.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "nowhere" in lines[0]


def test_an_index_without_a_column_or_with_an_unknown_split_is_refused(data_folder, tmp_path):
    data = shutil.copytree(data_folder, tmp_path / "data")
    index = data / "noise" / "INDEX.tsv"
    text = index.read_text()
    index.write_text(text.replace("\ttrain\t", "\tdev\t"))
    with pytest.raises(InputError, match="unknown split 'dev'"):
        corpora.read_indexed(data)
    index.write_text(text.replace("split", "part"))
    with pytest.raises(InputError, match="lacks the column"):
        corpora.read_indexed(data)


def test_long_recordings_become_several_clips_and_their_bad_parts_are_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "LONGEST_S", 2.0)
    x = 0.1 * np.random.default_rng(1).standard_normal(5 * 16000)
    x[2 * 16000 : 4 * 16000] = 0
    soundfile.write(tmp_path / "long.wav", x, 16000)
    clips, reasons = decoding.decode(decoding.Job("noise", tmp_path / "long.wav", None, 0, 0.0))
    assert [len(clip.samples) for clip in clips] == [32000, 16000] and reasons == ["from 2 s: silent"]


@pytest.mark.parametrize("true_hz", [4000, 8000, 20000])
def test_bandwidth_is_measured_where_no_index_says_it(tmp_path, true_hz):
    rng = np.random.default_rng(1)
    x = soxr.resample(0.1 * rng.standard_normal(2 * 2 * true_hz), 2 * true_hz, 48000)
    soundfile.write(tmp_path / "noise.wav", x, 48000)
    clips, _ = decoding.decode(decoding.Job("noise", tmp_path / "noise.wav", None, 0, 0.0))
    assert {clip.sample_rate for clip in clips} == ({16000, 48000} if true_hz > 11000 else {16000})
    assert all(clip.bandwidth_hz == pytest.approx(true_hz, rel=0.07) for clip in clips)


def test_a_full_disk_is_one_clear_line_and_leaves_nothing_half_written(data_folder, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pools._Writer, "add", full)
    with pytest.raises(OutputError, match="No space left on device"):
        pools.prepare(data_folder, corpora.read_indexed(data_folder), tmp_path / "pools", processes=1)
    assert not list(tmp_path.iterdir())
