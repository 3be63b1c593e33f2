"""Noisy recordings and recorded pairs: they stay as recorded, sides together, splits apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from enhancer.errors import InputError
from training.cli import app
from training.data import corpora, pools
from training.data.levels import active_level_db
from training.data.recorded import NoisySegments, PairedSegments


def speech(rate: int, rng: np.random.Generator) -> np.ndarray:
    """Two seconds of syllables and pauses, float32."""
    time = np.arange(2 * rate) / rate
    syllables = np.clip(np.sin(2 * np.pi * 1.3 * time + rng.uniform(0, 6)) * 3, 0, 1)
    return (0.2 * syllables * rng.standard_normal(len(time))).astype(np.float32)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pairs/ (clean and noisy: the clean one halved, with a constant tone) and calls/, splits by folder."""
    folder, rng = tmp_path_factory.mktemp("recorded"), np.random.default_rng(5)
    for split in ("train", "val", "test"):
        for rate in (16000, 48000):
            clean = speech(rate, rng)
            tone = 0.01 * np.sin(2 * np.pi * (500 if split == "train" else 3000) * np.arange(len(clean)) / rate)
            for side, x in (("clean", clean), ("noisy", 0.5 * clean + tone)):
                path = folder / "pairs" / side / split / f"ann-{split}" / f"{rate}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, x, rate, subtype="FLOAT")
            path = folder / "calls" / split / f"{rate}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, 0.5 * clean + tone, rate, subtype="FLOAT")
    clean = folder / "pairs" / "clean" / "train" / "bob"
    clean.mkdir()
    soundfile.write(clean / "alone.wav", speech(16000, rng), 16000)
    (folder / "pairs" / "noisy" / "train" / "bob").mkdir()
    soundfile.write(clean / "short.wav", speech(16000, rng), 16000)
    soundfile.write(folder / "pairs" / "noisy" / "train" / "bob" / "short.wav", speech(16000, rng)[:-9], 16000)
    return folder


@pytest.fixture(scope="module")
def recorded(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> pools.Pools:
    out = tmp_path_factory.mktemp("runs") / "pools"
    found = corpora.read_corpora([f"paired:{folders / 'pairs'}", f"noisy:{folders / 'calls'}"])
    pools.prepare(None, corpora.settle([r for f in found for r in f.recordings]), out, processes=1)
    return pools.Pools(out)


def test_pairs_that_do_not_match_are_skipped_and_listed(recorded):
    reasons = dict(recorded.facts["skipped"])
    assert set(reasons) == {"pairs/noisy/train/bob/alone.wav", "pairs/noisy/train/bob/short.wav"}
    assert "no file" in reasons["pairs/noisy/train/bob/alone.wav"]
    assert "31991 samples" in reasons["pairs/noisy/train/bob/short.wav"]


@pytest.mark.parametrize("rate", [16000, 48000])
def test_sides_of_a_pair_lie_at_the_same_place_with_the_same_gain(recorded, rate):
    noisy, clean = recorded.get("paired", rate), recorded.get("paired_clean", rate)
    assert [(c.path, c.start, c.length) for c in noisy.clips] == [(c.path, c.start, c.length) for c in clean.clips]
    for clip in noisy.clips:
        x, y = noisy.read(clip), clean.read(clip)
        assert np.dot(x, y) / np.dot(y, y) == pytest.approx(0.5, abs=0.01)  # as recorded
        assert np.fft.irfft(np.fft.rfft(x) * np.conj(np.fft.rfft(y))).argmax() == 0


@pytest.mark.parametrize("rate", [16000, 48000])
def test_segments_of_pairs_stay_aligned_at_a_random_level_from_one_generator(recorded, rate):
    segments = PairedSegments(recorded, "train")
    noisy, clean = segments.batch(np.random.default_rng(1), 6, 1.5, rate)
    assert noisy.shape == clean.shape == (6, rate * 3 // 2) and noisy.dtype == clean.dtype == np.float32
    for x, y in zip(noisy, clean, strict=True):
        assert np.dot(x, y) / np.dot(y, y) == pytest.approx(0.5, abs=0.02)
        assert -42 < active_level_db(y, rate) < -9 and max(np.abs(x).max(), np.abs(y).max()) <= 1
    again = segments.batch(np.random.default_rng(1), 6, 1.5, rate)
    assert np.array_equal(again[0], noisy) and np.array_equal(again[1], clean)
    assert not np.array_equal(segments.batch(np.random.default_rng(2), 6, 1.5, rate)[0], noisy)


def test_segments_longer_than_any_recording_are_joined_from_several(recorded):
    noisy, clean = PairedSegments(recorded, "train").batch(np.random.default_rng(1), 2, 7.0, 16000)
    assert noisy.shape == (2, 112000) and (np.abs(noisy[:, -16000:]).max(axis=1) > 0).all()
    assert np.dot(noisy[0], clean[0]) / np.dot(clean[0], clean[0]) == pytest.approx(0.5, abs=0.02)


def test_noisy_segments_have_the_level_that_was_drawn_and_come_from_their_split(recorded):
    for split, tone_hz in (("train", 500), ("test", 3000)):
        segments = NoisySegments(recorded, split, level_db=(-30.0, -30.0))
        batch = segments.batch(np.random.default_rng(3), 5, 1.0, 16000)
        assert batch.shape == (5, 16000) and batch.dtype == np.float32 and segments.rates == (16000, 48000)
        for x in batch:
            assert active_level_db(x, 16000) == pytest.approx(-30, abs=0.1)
            power = np.abs(np.fft.rfft(x * np.hanning(16000))) ** 2
            assert power[tone_hz] > 10 * power[3500 - tone_hz]


def test_pools_without_such_recordings_say_how_to_get_them(small_pools):
    with pytest.raises(InputError, match="no paired recordings") as refused:
        PairedSegments(small_pools, "train")
    assert "--corpus paired:" in refused.value.hint
    with pytest.raises(InputError, match=r"the val split .* has no noisy recordings"):
        NoisySegments(small_pools, "val")


def test_the_command_prepares_corpora_beside_the_data_folder_and_forgets_those_not_named_again(
    data_folder, folders, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("training.data.rooms.prepare", lambda *_, **__: False)
    monkeypatch.setattr("training.data.fixed_sets.prepare", lambda *_, **__: False)
    arguments = ["prepare", "--data", str(data_folder), "--out", str(tmp_path / "pools")]
    calls = ["--corpus", f"noisy:{folders / 'calls'}"]
    for extra, state in ((calls, "made"), (calls, "already there"), ([], "made")):
        app([*arguments, *extra], standalone_mode=False)
        shown = capsys.readouterr().out
        assert f"pools {state}" in shown
        assert "noisy at 16 kHz" in shown
        paths = {clip.path.split("/")[0] for clip in pools.Pools(tmp_path / "pools").get("noisy", 16000).clips}
        assert paths == ({"speech", "calls"} if extra else {"speech"})  # the data folder's own: speech in noise


def test_nothing_to_train_on_is_said_before_anything_is_decoded(folders, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        app(["prepare", "--corpus", f"noisy:{folders / 'calls'}", "--out", str(tmp_path / "pools")])
    lines = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2 and len(lines) == 1 and "no speech to train on" in lines[0]
    assert not (tmp_path / "pools").exists()


def test_listening_draws_as_a_config_says(small_pools, tmp_path, capsys):
    config = tmp_path / "quiet.toml"
    config.write_text("[mix]\nnoise_only = 1.0\n[mix.categories]\nhiss = 1.0\n")
    arguments = ["--pools", str(small_pools.folder), "--out", str(tmp_path / "out"), "--count", "1", "--seconds", "0.5"]
    app(["listen", "--config", str(config), *arguments], standalone_mode=False)
    assert capsys.readouterr().out.count("no speech, hiss") == 1
