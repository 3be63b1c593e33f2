"""The fixed sets: the same for every run, from their own split, fair from the first items on. And `training listen`."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from enhancer.errors import InputError
from training.data import corpora, fixed_sets, listening, pools, rooms
from training.data.levels import active_level_db
from training.data.mixing import MixConfig, Mixer
from training.data.pools import Pools


def test_a_stored_set_is_the_drawn_one_and_is_not_made_twice(small_pools, monkeypatch):
    monkeypatch.setattr(fixed_sets, "COUNT", 12)
    drawn = list(fixed_sets.fixed_set(small_pools, "val", 12))
    assert fixed_sets.prepare(small_pools, "val") and not fixed_sets.prepare(small_pools, "val")
    digest = fixed_sets.fixed_hash(small_pools, "val")
    stored = list(fixed_sets.fixed_set(Pools(small_pools.folder), "val", 12))
    assert len(drawn) == len(stored) == 12 and len(digest) == 12
    for a, b in zip(drawn, stored, strict=True):
        assert (a.sample_rate, a.speaker, a.category, a.snr_db) == (b.sample_rate, b.speaker, b.category, b.snr_db)
        assert np.abs(a.noisy - b.noisy).max() < 1e-4
    assert len(list(fixed_sets.fixed_set(small_pools, "val", 5))) == 5
    assert fixed_sets.prepare(small_pools, "val", again=True) and fixed_sets.fixed_hash(small_pools, "val") == digest


def test_the_recipe_of_the_validation_set_serves_other_material_too(small_pools):
    own = list(fixed_sets.fixed_set(small_pools, "val", 6))
    for a, b in zip(own, fixed_sets.other_material(small_pools, 6, "val", "val"), strict=True):
        assert np.abs(a.noisy - b.noisy).max() < 1e-4 and a.speaker == b.speaker
    others = list(fixed_sets.other_material(small_pools, 6, "train", "val"))
    assert [(i.snr_db, i.category) for i in others] == [(i.snr_db, i.category) for i in own]
    assert all(i.speaker.startswith("train") and "train" not in i.noise_recording for i in others)
    others = list(fixed_sets.other_material(small_pools, 6, "val", "train"))
    assert all(i.speaker.startswith("val") for i in others) and any("train" in i.noise_recording for i in others)


def test_a_prefix_is_a_fair_sample(small_pools):
    items = list(fixed_sets.fixed_set(small_pools, "test", 40))
    assert sum(i.sample_rate == 48000 for i in items) == 13
    assert {i.category for i in items} == {"hiss", "rumble", "synthetic_babble"}
    assert {i.speaker for i in items} == {f"test-{n}" for n in range(4)}
    assert 0.15 < np.mean([i.reverberant for i in items]) < 0.45
    snrs = np.array([i.snr_db for i in items])
    assert snrs.min() < -3 and snrs.max() > 13 and snrs.mean() == pytest.approx(5, abs=1)
    assert abs(np.corrcoef(snrs, [i.reverberant for i in items])[0, 1]) < 0.35


def test_pools_without_full_band_speech_have_sets_at_16_khz(data_folder, tmp_path):
    narrow = [r for r in corpora.read_indexed(data_folder) if r.kind == "noise" or r.bandwidth_hz <= 8000]
    pools.prepare(data_folder, narrow, tmp_path / "pools", processes=1)
    rooms.prepare(tmp_path / "pools", count=3)
    items = list(fixed_sets.fixed_set(Pools(tmp_path / "pools"), "val", 6))
    assert [item.sample_rate for item in items] == [16000] * 6


def test_items_hold_what_they_say(small_pools):
    for item in fixed_sets.fixed_set(small_pools, "test", 20):
        assert 4 <= len(item.noisy) / item.sample_rate <= 6 and item.noisy.shape == item.clean.shape
        assert item.noisy.dtype == item.clean.dtype == np.float32 and np.abs(item.noisy).max() <= 1
        assert item.speaker.startswith("test") and "train" not in item.noise_recording
        if not item.reverberant:
            levels = [active_level_db(x, item.sample_rate) for x in (item.clean, item.noisy - item.clean)]
            assert levels[0] - levels[1] == pytest.approx(item.snr_db, abs=0.1)


def test_there_is_no_fixed_training_set(small_pools):
    with pytest.raises(InputError, match="train"):
        next(fixed_sets.fixed_set(small_pools, "train"))


def test_listening_writes_pairs_facts_and_one_picture(small_pools, tmp_path):
    drawn = listening.write_mixtures(
        Mixer(MixConfig(categories={"hiss": 1.0}), small_pools, "train", 1), tmp_path, count=3, seconds=1.0
    )
    assert json.loads((tmp_path / "mixtures.json").read_text()) == json.loads(json.dumps(drawn))
    for number, info in enumerate(drawn):
        for side in ("noisy", "clean"):
            x, rate = soundfile.read(tmp_path / f"{number:02d}_{side}.wav")
            assert rate == info["sample_rate"] and len(x) == rate
    assert (tmp_path / "contact_sheet.png").read_bytes()[:4] == b"\x89PNG"
