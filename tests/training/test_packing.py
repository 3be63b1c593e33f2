"""Data in shards: small, fair, lossless; a run that goes on elsewhere and comes back in pieces."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import soundfile
import torch

from enhancer.errors import InputError, UserError
from training.checkpoint import CHECKPOINT, Checkpoint, load_checkpoint, save_checkpoint
from training.config import TrainingConfig
from training.data import corpora, decoding, fixed_sets
from training.data.pools import KINDS, RATES, Pools, prepare
from training.data.rooms import Rooms
from training.distillation.terms import DistillationConfig
from training.packing import cargo, lossless, shards
from training.packing.cargo import Piece, Staging
from training.packing.pack import START, Wish, pack
from training.packing.travel import Journey, travel
from training.packing.unpack import unpack
from training.run.loop import Run
from training.run.processes import train
from training.teachers.base import TeacherOutput
from training.teachers.cache import CacheWriter, Header, TeacherCache

MAX_MIB = 1.0


@pytest.fixture
def config(config, cache) -> TrainingConfig:
    """A run without end that a teacher's cache takes part in."""
    run = dataclasses.replace(config.run, steps=10_000)
    distillation = DistillationConfig(caches=(str(cache),), share=0.5)
    return dataclasses.replace(config, run=run, distillation=distillation)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Six segments of one second with features of six dimensions, very different in size."""
    folder, rng = tmp_path_factory.mktemp("teachers") / "cache", np.random.default_rng(1)
    with CacheWriter(folder, Header("tested", "0" * 64, "none", 16_000, 1.0, 6, 1)) as writer:
        for number in range(6):
            clean, noise = rng.normal(0, 0.05, (2, 16_000)).astype(np.float32)
            features = (rng.normal(0, 1, (100, 6)) * 10.0 ** np.arange(-2, 4)).astype(np.float16)
            writer.append(clean + noise, clean, TeacherOutput(clean, features), {"kind": f"mixture {number}"})
    return folder


@pytest.fixture(scope="module")
def home(small_pools, tmp_path_factory) -> Pools:
    """The small pools with the first six mixtures of a fixed validation set."""
    folder = tmp_path_factory.mktemp("home") / "pools"
    shutil.copytree(small_pools.folder, folder)
    pools = Pools(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixed_sets, "COUNT", 6)
        fixed_sets.prepare(pools, "val")
    return pools


@pytest.fixture(scope="module")
def packed(data_folder, home, cache, tmp_path_factory):
    """All of it in shards."""
    out = tmp_path_factory.mktemp("packed")
    wish = Wish(MAX_MIB, (cache,), validation_items=4)
    pack(data_folder, corpora.read_indexed(data_folder), home, out, wish)
    return out


def test_shards_are_small_and_each_holds_a_fair_part(packed):
    found = shards.find(packed)
    assert len(found) >= 2
    assert all(shard.path.stat().st_size <= MAX_MIB * 2**20 for shard in found)
    assert sorted(path.name for path in packed.iterdir()) == [shard.path.name for shard in found]
    recordings = [shard.pieces("recordings") for shard in found]
    assert all({r["split"] for r in own} == {"train"} for own in recordings)
    for kind in KINDS:
        assert all(any(r["kind"] == kind for r in own) for own in recordings)


def test_dealing_spreads_every_stratum_and_fills_shards_alike(tmp_path):
    rng = np.random.default_rng(3)
    pieces = []
    for number in range(400):
        path = tmp_path / str(number)
        path.write_bytes(bytes(int(rng.integers(100, 2000))))
        facts = {"number": number, "group": f"speaker {rng.integers(40)}"}
        pieces.append(Piece("recordings", f"category {rng.choice(4, p=[0.7, 0.2, 0.06, 0.04])}", facts, {"x": path}))
    dealt = shards.deal(pieces, 5)
    assert sorted(p.facts["number"] for own in dealt for p in own) == list(range(400))
    sizes = [sum(p.size for p in own) for own in dealt]
    assert max(sizes) - min(sizes) <= 2300  # a piece and its entry
    for stratum in {p.stratum for p in pieces}:
        bytes_of = [sum(p.size for p in own if p.stratum == stratum) for own in dealt]
        assert max(bytes_of) - min(bytes_of) <= 2 * 2300  # two pieces


def test_everything_arrives_as_it_was(packed, home, cache, tmp_path):
    here = unpack(shards.find(packed), tmp_path, processes=1)
    assert here.whole and here.validation_items == 4
    pools = Pools(here.pools)
    for kind in KINDS:
        for rate in RATES:  # these were WAV: they travelled as FLAC
            theirs, ours = home.get(kind, rate), pools.get(kind, rate)
            clips = [clip for clip in theirs.clips if clip.split == "train"]
            facts = [dataclasses.replace(clip, start=0) for clip in clips]
            assert [dataclasses.replace(clip, start=0) for clip in ours.clips] == facts
            assert all(np.array_equal(theirs.read(a), ours.read(b)) for a, b in zip(clips, ours.clips, strict=True))
    there, here_items = list(fixed_sets.fixed_set(home, "val", 4)), list(fixed_sets.fixed_set(pools, "val", 4))
    for a, b in zip(there, here_items, strict=True):
        assert np.array_equal(a.noisy, b.noisy) and np.array_equal(a.clean, b.clean)
        assert (a.sample_rate, a.snr_db, a.category) == (b.sample_rate, b.snr_db, b.category)
    assert fixed_sets.fixed_hash(pools, "val") == fixed_sets.fixed_hash(home, "val")
    for rate in RATES:
        for a, b in zip(Rooms(home.folder, "train", rate).rooms, Rooms(pools.folder, "train", rate).rooms, strict=True):
            assert (a.size_m, a.rt60_s, a.distances_m) == (b.size_m, b.rt60_s, b.distances_m)
            error = a.responses[list(a.rows)] - b.responses[list(b.rows)]
            assert np.abs(error).max() < 2e-5 * np.abs(a.responses).max()
    theirs, ours = TeacherCache(cache), TeacherCache(here.caches["cache0"])
    assert ours.segments == theirs.segments
    for number in range(theirs.segments):
        a, b = theirs.segment(number), ours.segment(number)
        assert all(np.array_equal(a[name], b[name]) for name in ("noisy", "clean", "teacher"))
        error = np.square(a["features"] - b["features"]).mean(0) / np.square(a["features"]).mean(0)
        assert 10 * np.log10(error.max()) < -35  # in every dimension, the small ones too
    assert theirs.facts() == ours.facts()


def test_unpacking_again_does_nothing_until_more_shards_come(packed, tmp_path):
    found = shards.find(packed)
    decoded: list[int] = []
    count = lambda done, total: decoded.append(total)  # noqa: E731
    part = unpack(found[:1], tmp_path, 1, count)
    first = decoded[-1]
    assert not part.whole
    hours = Pools(part.pools).get("speech", 16_000).hours()
    decoded.clear()
    unpack(found[:1], tmp_path, 1, count)
    assert not decoded
    whole = unpack(found, tmp_path, 1, count)
    assert whole.whole and decoded[-1] > first
    assert Pools(whole.pools).get("speech", 16_000).hours() > hours


def test_a_long_recording_travels_if_only_a_part_of_it_cannot_be_used(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "LONGEST_S", 1.0)
    sound = 0.1 * np.random.default_rng(1).standard_normal(3 * 16_000)
    sound[16_000 : 2 * 16_000] = 0
    (tmp_path / "machines").mkdir()
    soundfile.write(tmp_path / "machines" / "long.wav", sound, 16_000)
    [found] = [corpus.recordings for corpus in corpora.read_corpora([f"noise:{tmp_path / 'machines'}"])]
    here = tmp_path / "pools"
    assert prepare(None, found, here, processes=1).skipped
    (tmp_path / "staged").mkdir()
    pieces = list(cargo.recordings(None, found, Pools(here), Staging(tmp_path / "staged")))
    assert [piece.facts["path"] for piece in pieces] == ["machines/long.wav"]


def test_a_cache_can_be_cut_and_left_without_features(data_folder, home, cache, tmp_path):
    wish = Wish(MAX_MIB, (cache,), cache_minutes=3 / 60, features=False, validation_items=0)
    pack(data_folder, corpora.read_indexed(data_folder), home, tmp_path / "packed", wish)
    here = unpack(shards.find(tmp_path / "packed"), tmp_path / "work", 1)
    cut = TeacherCache(here.caches["cache0"])
    assert (cut.segments, cut.feature_width, here.validation_items) == (3, 0, 0)


def test_what_does_not_fit_or_arrive_is_one_line(packed, data_folder, home, tmp_path):
    recordings = corpora.read_indexed(data_folder)
    with pytest.raises(UserError, match="already holds shards"):
        pack(data_folder, recordings, home, packed, Wish())
    with pytest.raises(UserError, match="alone takes") as raised:
        pack(data_folder, recordings, home, tmp_path / "small", Wish(max_mib=0.01))
    assert "--max-mib" in raised.value.hint
    assert not list((tmp_path / "small").iterdir())
    with pytest.raises(InputError, match="no shards in"):
        shards.find(tmp_path / "nowhere")
    shutil.copytree(packed, tmp_path / "damaged")
    whole = (tmp_path / "damaged" / "shard-00.zip").read_bytes()
    (tmp_path / "damaged" / "shard-00.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"shard-00.zip is not a whole shard"):
        shards.find(tmp_path / "damaged")
    (tmp_path / "damaged" / "shard-00.zip").write_bytes(whole[:5000] + bytes(9) + whole[5009:])
    with pytest.raises(InputError, match="damaged"):
        unpack(shards.find(tmp_path / "damaged"), tmp_path / "work", 1)
    pack(data_folder, recordings, home, tmp_path / "other", Wish(max_mib=2, validation_items=0))
    shutil.copy(packed / "shard-01.zip", tmp_path / "other" / "shard-09.zip")
    with pytest.raises(InputError, match="different packs"):
        shards.find(tmp_path / "other")


def test_a_run_goes_on_elsewhere_and_comes_home_in_pieces(config, data_folder, home, tmp_path, monkeypatch):
    """There from packed weights with one shard missing, there again from the pieces, home again from theirs."""
    start = Run(config, home)
    save_checkpoint(tmp_path / "start.safetensors", start.checkpoint())
    caches = tuple(map(type(tmp_path), config.distillation.caches))
    wish = Wish(MAX_MIB, caches, validation_items=2, config=config, start=tmp_path / "start.safetensors")
    files = pack(data_folder, corpora.read_indexed(data_folder), home, tmp_path / "there", wish)
    assert files[-1].name == START
    files[0].unlink()  # did not come
    journey = Journey(tmp_path / "there", tmp_path / "work", tmp_path / "first", minutes=0.002)
    said: list[str] = []
    brought = travel(journey, said.append)
    assert "the others did not come" in said[0]
    names = {path.name for path in brought}
    assert {f"{CHECKPOINT}.000", "log.jsonl", "config.json"} <= names and len(names) <= 8
    first = load_checkpoint(tmp_path / "first")
    assert first.facts["started_from"]["config"]["network"]["trunk"] == 8
    with pytest.raises(UserError, match="already holds a run"):
        travel(journey, said.append)
    shutil.rmtree(tmp_path / "work")  # the next machine is bare
    again = dataclasses.replace(journey, out=tmp_path / "second", resume=tmp_path / "first")
    travel(again, said.append)
    second = load_checkpoint(tmp_path / "second")
    assert second.facts["progress"]["step"] > first.facts["progress"]["step"]
    # At home with the caches that lie here, in the folder that came back.
    done = dataclasses.replace(config, run=dataclasses.replace(config.run, steps=second.facts["progress"]["step"] + 2))
    train(done, home.folder, tmp_path / "second", resume=True)
    third = load_checkpoint(tmp_path / "second")
    assert third.facts["progress"]["step"] == second.facts["progress"]["step"] + 2
    assert not list((tmp_path / "second").glob(f"{CHECKPOINT}.0*"))
    assert all(torch.isfinite(value).all() for value in third.tensors.values())


def test_a_config_whose_caches_did_not_travel_is_refused(config, packed, tmp_path):
    two = dataclasses.replace(config.distillation, caches=("a", "b"))
    journey = Journey(packed, tmp_path / "work", tmp_path / "out", 1.0, dataclasses.replace(config, distillation=two))
    with pytest.raises(InputError, match="names 2 teacher caches, the shards hold 1"):
        travel(journey, lambda line: None)
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="name no config"):
        travel(dataclasses.replace(journey, config=None), lambda line: None)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 300.0])
def test_eight_bits_keep_features_to_a_percent_of_their_peak(scale):
    features = (np.random.default_rng(2).normal(0, scale, (400, 16))).astype(np.float16)
    kept = lossless.from_eight_bits(lossless.eight_bits(features), 16)
    assert kept.shape == features.shape
    assert np.abs(kept.astype(np.float32) - features).max() < 0.01 * np.abs(features).max()


def test_own_teachers_travel_without_what_only_training_them_needs(config, data_folder, home, tmp_path):
    teacher = tmp_path / "teacher.safetensors"
    save_checkpoint(teacher, Run(dataclasses.replace(config, distillation=None), home).checkpoint())
    taught = dataclasses.replace(config, distillation=DistillationConfig(teachers=(str(teacher),), similarity=0.0))
    files = pack(data_folder, corpora.read_indexed(data_folder), home, tmp_path / "p", Wish(2.0, config=taught))
    carried: Checkpoint = load_checkpoint(files[-1])
    assert files[-1].name == "teacher-0.safetensors"
    assert all(name.startswith("ema.") for name in carried.tensors)
    travel(Journey(tmp_path / "p", tmp_path / "work", tmp_path / "out", minutes=0.001))
    config_there = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config_there["distillation"]["teachers"] == [str(tmp_path / "p" / "teacher-0.safetensors")]
