"""Mixtures: what is asked for is what is made, from one seed, and never from another split."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from enhancer.errors import ConfigError, InputError
from training.data.levels import active_level_db
from training.data.mixing import MixConfig, Mixer

WEIGHTS = {"rumble": 1.0, "hiss": 1.0, "synthetic_noise": 1.0, "synthetic_babble": 1.0, "synthetic_clicks": 1.0,
           "synthetic_hum": 1.0, "synthetic_fan": 1.0}  # fmt: skip
CONFIG = MixConfig(categories=WEIGHTS)
PLAIN = replace(CONFIG, reverberant=0.0, gain_steps=0.0, clipped=0.0, quantised=0.0, noise_only=0.0, clean_only=0.0)


def test_the_same_seed_gives_the_same_batches_and_another_does_not(small_pools):
    one, two, other = (Mixer(CONFIG, small_pools, "train", seed) for seed in (1, 1, 2))
    for rate in (16000, 48000, 16000):
        a, b, c = (mixer.batch(3, 1.0, rate) for mixer in (one, two, other))
        assert np.array_equal(a.noisy, b.noisy) and np.array_equal(a.clean, b.clean) and a.info == b.info
        assert not np.array_equal(a.noisy, c.noisy)


def test_a_restored_state_goes_on_exactly_there(small_pools):
    mixer = Mixer(CONFIG, small_pools, "train", 1)
    mixer.batch(5, 1.0, 16000)
    state = json.loads(json.dumps(mixer.state))
    expected = mixer.batch(4, 1.0, 16000)
    resumed = Mixer(CONFIG, small_pools, "train", 99)
    resumed.state = state
    assert np.array_equal(resumed.batch(4, 1.0, 16000).noisy, expected.noisy)


def test_every_mixture_can_be_made_again_from_its_seed(small_pools):
    mixer = Mixer(CONFIG, small_pools, "train", 5)
    batch = mixer.batch(2, 1.0, 48000)
    again = mixer.mixture(batch.info[1]["seed"], 1.0, 48000)
    assert np.array_equal(again.noisy, batch.noisy[1]) and again.info == batch.info[1]


@pytest.mark.parametrize("rate", [16000, 48000])
def test_shapes_types_and_range(small_pools, rate):
    batch = Mixer(CONFIG, small_pools, "train", 1).batch(20, 1.0, rate)
    for x in (batch.noisy, batch.clean):
        assert x.shape == (20, rate) and x.dtype == np.float32
        assert np.isfinite(x).all() and np.abs(x).max() <= 1.0
    json.dumps(batch.info)


@pytest.mark.parametrize("rate", [16000, 48000])
def test_snr_and_level_are_true(small_pools, rate):
    batch = Mixer(PLAIN, small_pools, "train", 3).batch(30, 2.0, rate)
    for noisy, clean, info in zip(batch.noisy, batch.clean, batch.info, strict=True):
        snr_db = active_level_db(clean, rate) - active_level_db(noisy - clean, rate)
        assert snr_db == pytest.approx(info["snr_db"], abs=0.1)
        assert active_level_db(clean, rate) == pytest.approx(info["level_db"] + info["limited_db"], abs=0.1)


def test_shares_hold(small_pools):
    config = replace(CONFIG, noise_only=0.2, clean_only=0.2, second_speaker=0.3)
    batch = Mixer(config, small_pools, "train", 3).batch(250, 0.25, 16000)
    for kind, share in (("noise", 0.2), ("clean", 0.2), ("mixture", 0.6)):
        assert np.mean([i["kind"] == kind for i in batch.info]) == pytest.approx(share, abs=0.08)
    speech = [i for i in batch.info if i["kind"] != "noise"]
    assert np.mean(["second_speaker" in i for i in speech]) == pytest.approx(0.3, abs=0.08)
    assert np.mean([i["reverberant"] for i in speech]) == pytest.approx(CONFIG.reverberant, abs=0.08)
    assert np.mean([i["sex"] == "f?" for i in speech]) == pytest.approx(0.5, abs=0.1)


def test_noise_only_has_a_silent_target_and_clean_only_none_of_it(small_pools):
    silent = Mixer(replace(CONFIG, noise_only=1.0), small_pools, "train", 3).batch(4, 1.0, 16000)
    assert not silent.clean.any() and (np.abs(silent.noisy).max(axis=1) > 0).all()
    clean = Mixer(replace(PLAIN, clean_only=1.0), small_pools, "train", 3).batch(4, 1.0, 16000)
    assert np.array_equal(clean.noisy, clean.clean) and all(i["snr_db"] is None for i in clean.info)


def test_second_speaker_is_target_unless_only_the_louder_is(small_pools):
    both = Mixer(replace(PLAIN, second_speaker=1.0, clean_only=1.0), small_pools, "train", 3).batch(6, 1.0, 16000)
    assert np.array_equal(both.noisy, both.clean)
    config = replace(PLAIN, second_speaker=1.0, clean_only=1.0, louder_only=True)
    louder = Mixer(config, small_pools, "train", 3).batch(6, 1.0, 16000)
    assert all(i["second_speaker"] != i["speaker"] for i in louder.info)
    assert not np.array_equal(louder.noisy, louder.clean)


@pytest.mark.parametrize("rate", [16000, 48000])
def test_coding_changes_the_noisy_side_and_no_other_draw(small_pools, rate):
    plain = Mixer(CONFIG, small_pools, "train", 3).batch(4, 0.5, rate)
    none = Mixer(replace(CONFIG, coded=0.0), small_pools, "train", 3).batch(4, 0.5, rate)
    assert np.array_equal(plain.noisy, none.noisy)
    config = replace(CONFIG, band_limited=0.0, clean_only=1.0, coded=1.0)
    coded = Mixer(config, small_pools, "train", 3).batch(4, 0.5, rate)
    for noisy, clean, info in zip(coded.noisy, coded.clean, coded.info, strict=True):
        assert "coded" in info["effects"] and info["bandwidth_hz"] <= 20000
        assert not np.array_equal(noisy, clean) and np.dot(noisy, clean) > 0.5 * np.dot(clean, clean)


@pytest.mark.parametrize("rate", [16000, 48000])
def test_a_telephone_limits_both_sides_and_is_drawn_only_if_wanted(small_pools, rate):
    plain = Mixer(CONFIG, small_pools, "train", 3).batch(4, 0.5, rate)
    none = Mixer(replace(CONFIG, telephone=0.0), small_pools, "train", 3).batch(4, 0.5, rate)
    assert np.array_equal(plain.noisy, none.noisy)
    batch = Mixer(replace(CONFIG, telephone=1.0), small_pools, "train", 3).batch(8, 0.5, rate)
    assert {info["telephone"] for info in batch.info} == {"mu-law", "analogue"}
    assert all(info["bandwidth_hz"] <= 3400 for info in batch.info)
    spectra = np.abs(np.fft.rfft(batch.clean)) ** 2
    above = np.fft.rfftfreq(batch.clean.shape[-1], 1 / rate) > 6000
    assert spectra[:, above].sum() < 1e-3 * spectra.sum()


def test_validation_and_test_material_never_trains(small_pools):
    for split in ("train", "val", "test"):
        batch = Mixer(CONFIG, small_pools, split, 3).batch(50, 0.5, 16000)
        drawn = {c for i in batch.info for c in i.get("clips", ())}
        drawn |= {c for i in batch.info for n in i.get("noise", []) for c in n["clips"]}
        assert drawn and all(path.split("/")[1].startswith(split) for path in drawn)
        assert all(i["second_speaker"].startswith(split) for i in batch.info if "second_speaker" in i)


def test_excluded_speakers_and_noises_are_never_drawn(small_pools):
    config = replace(CONFIG, excluded=("train-0", "noise/train_rumble*"))
    batch = Mixer(config, small_pools, "train", 3).batch(60, 0.5, 16000)
    assert "train-0" not in {i["speaker"] for i in batch.info}
    assert "rumble" not in {n["category"] for i in batch.info for n in i.get("noise", [])}


def test_wrong_values_are_refused(small_pools):
    with pytest.raises(ConfigError, match="clipped"):
        MixConfig(clipped=1.5)
    with pytest.raises(ConfigError, match="snr_db"):
        MixConfig(snr_db=(20, -5))
    with pytest.raises(InputError, match="thunder"):
        Mixer(MixConfig(categories={"thunder": 1.0}), small_pools, "train", 1)
