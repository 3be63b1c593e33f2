"""Corpora as users have them: every file with its facts, no speaker in two splits, one clear line for what is wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from enhancer.errors import ConfigError, InputError
from training.data import corpora
from training.data.categories import UNSORTED
from training.data.corpora import CORPORA, Recording, read_corpora, settle
from training.data.corpora.splits import by_name

SPEAKERS = [f"p{number}" for number in range(225, 285)]


def touch(folder: Path, *names: str) -> Path:
    """Empty files: readers look at names only."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def read(*specifications: str) -> list[Recording]:
    return settle([r for found in read_corpora(specifications) for r in found.recordings])


def splits_of(recordings: Iterable[Recording]) -> dict[str, set[str]]:
    """{group: its splits}"""
    groups: dict[str, set[str]] = defaultdict(set)
    for r in recordings:
        groups[r.group].add(r.split)
    return groups


def librispeech(folder: Path, *subsets: str, readers: Iterable[int] = range(100, 130)) -> Path:
    for number, subset in enumerate(subsets):
        touch(folder, *(f"{subset}/{r + 1000 * number}/7/{r}-7-0001.flac" for r in readers))
    return folder


def vctk(folder: Path) -> Path:
    for speaker in SPEAKERS:
        place = folder / "wav48_silence_trimmed" / speaker
        touch(place, f"{speaker}_001_mic1.flac", f"{speaker}_001_mic2.flac", f"{speaker}_002_mic1.flac")
    rows = ["ID  AGE  GENDER  ACCENTS", *(f"{s}  23  {'FM'[i % 2]}  English" for i, s in enumerate(SPEAKERS))]
    (folder / "speaker-info.txt").write_text("\n".join(rows))
    return folder


def voicebank(folder: Path) -> Path:
    for side in ("clean", "noisy"):
        touch(folder / f"{side}_trainset_28spk_wav", *(f"{s}_001.wav" for s in SPEAKERS if s not in ("p232", "p257")))
        touch(folder / f"{side}_testset_wav", "p232_001.wav", "p257_001.wav")
    return folder


def test_a_groups_split_is_its_names_whatever_else_there_is():
    few, many = by_name([f"s{n}" for n in range(200)]), by_name([f"s{n}" for n in range(2000)])
    assert all(many[name] == split for name, split in few.items())
    shares = [list(many.values()).count(split) / 2000 for split in corpora.SPLITS]
    assert shares == pytest.approx([0.9, 0.05, 0.05], abs=0.015)
    assert set(by_name([f"s{n}" for n in range(19)]).values()) == {"train"}


def test_librispeech_keeps_its_own_development_and_test_sets(tmp_path):
    folder = librispeech(tmp_path / "LibriSpeech", "train-clean-100", "dev-clean", "test-other")
    (folder / "SPEAKERS.TXT").write_text(";ID |SEX| SUBSET\n100  | F | train-clean-100 | 25 | A\n101 | M | x | 1 | B\n")
    found = read(f"librispeech:{folder}")
    assert len(found) == 90 and {r.kind for r in found} == {"speech"} and {r.licence for r in found} == {"CC-BY-4.0"}
    for r in found:
        subset = r.path.split("/")[1]
        assert r.split == {"train-clean-100": "train", "dev-clean": "val", "test-other": "test"}[subset]
    assert {r.group: r.sex for r in found}["libri-100"] == "f" and {r.group: r.sex for r in found}["libri-101"] == "m"
    assert read(f"librispeech:{tmp_path}") == found  # the folder that it was unpacked into will do


def test_a_development_set_that_is_not_there_is_replaced(tmp_path):
    folder = librispeech(tmp_path, "train-clean-360", "test-clean", readers=range(100, 400))
    trained = [r.split for r in read(f"librispeech:{folder}") if "train-clean" in r.path]
    assert set(trained) == {"train", "val"} and 0.02 < trained.count("val") / 300 < 0.09


def test_libritts_reads_alike(tmp_path):
    touch(tmp_path, "dev-clean/84/121123/84_121123_000007_000001.wav", "train-other-500/20/205/20_205_1.wav")
    (tmp_path / "speakers.tsv").write_text("READER\tGENDER\tSUBSET\tNAME\n84\tF\tdev-clean\tChristie Nowak\n")
    assert [(r.group, r.split, r.sex) for r in read(f"librispeech:{tmp_path}")] == [
        ("libri-84", "val", "f"), ("libri-20", "train", ""),
    ]  # fmt: skip


def test_vctk_gives_one_microphone_and_the_sexes(tmp_path):
    found = read(f"vctk:{vctk(tmp_path)}")
    assert len(found) == 2 * len(SPEAKERS) and all("mic1" in r.path for r in found)
    assert {r.group: r.sex for r in found}["vctk-p226"] == "m"
    assert {r.licence for r in found} == {"CC-BY-4.0"} and {r.split for r in found} == set(corpora.SPLITS)
    old = touch(tmp_path / "old", "wav48/p225/p225_001.wav")
    assert [(r.group, r.licence) for r in read(f"vctk:{old}")] == [("vctk-p225", "ODC-By-1.0")]


def test_voicebank_pairs_both_sides_and_its_test_set_never_trains(tmp_path):
    found = read(f"voicebank:{voicebank(tmp_path)}")
    pairs = [r for r in found if r.kind == "paired"]
    assert len(pairs) == len(SPEAKERS) and len(found) == 2 * len(pairs)
    for r in pairs:
        assert r.clean and r.file and r.clean.name == r.file.name and "noisy" in str(r.file) and "clean" in str(r.clean)
    assert {r.group for r in found if r.split == "test"} == {"vctk-p232", "vctk-p257"}
    assert {r.group for r in found if r.split == "val"} == {"vctk-p226"}  # p287 is not among these speakers
    clean = [r for r in found if r.kind == "speech"]
    assert {r.file for r in clean} == {r.clean for r in pairs}


def test_musan_music_is_noise_and_its_speech_speech(tmp_path):
    for kind, source in (("noise", "free-sound"), ("music", "fma"), ("speech", "librivox")):
        touch(tmp_path / kind / source, *(f"{kind}-{source}-{n:04d}.wav" for n in range(10)))
    touch(tmp_path, "speech/librivox/ANNOTATIONS", "README")
    found = read(f"musan:{tmp_path}")
    kinds = {(r.path.split("/")[1], r.kind, r.category) for r in found}
    assert kinds == {("noise", "noise", UNSORTED), ("music", "noise", "music"), ("speech", "speech", "")}
    assert len(found) == 30 == len(splits_of(found))


def dns(folder: Path) -> Path:
    clean, noise = "datasets_fullband/clean_fullband", "datasets_fullband/noise_fullband"
    readers = [f"book_00000_chp_0009_reader_{n:05d}_0_seg_{segment}.wav" for n in range(40) for segment in (1, 2)]
    return touch(
        folder,
        *(f"{clean}/read_speech/{name}" for name in readers),
        f"{clean}/vctk_wav48_silence_trimmed/p225/p225_001_mic1.wav",
        f"{clean}/emotional_speech/1001_DFA_ANG_XX.wav", f"{clean}/emotional_speech/1001_DFA_HAP_XX.wav",
        f"{clean}/german_speech/M-AILABS/by_book/female/ramona/x/1.wav",
        f"{clean}/VocalSet_48kHz_mono/female1/scales.wav",
        *(f"{noise}/door_Freesound_validated_{n}_{piece}.wav" for n in range(30) for piece in (0, 1)),
        f"{noise}/0BQdzcum73Y.wav",
        "datasets_fullband/dev_testset/noisy_testclips/a.wav", "datasets_fullband/dev_testset/enrol/a.wav",
        "datasets_fullband/test_set/real_recordings/b.wav", "datasets_fullband/test_set/synthetic/clean/c.wav",
    )  # fmt: skip


def test_dns_knows_speakers_and_recordings_by_their_names_and_leaves_out_singing(tmp_path):
    found = read(f"dns:{dns(tmp_path)}")
    groups = splits_of(found)
    assert all(len(splits) == 1 for splits in groups.values())
    assert {"libri-7", "vctk-p225", "crema-d-1001", "dns-Freesound_validated_7", "dns-0BQdzcum73Y"} < set(groups)
    assert not [r for r in found if "VocalSet" in r.path]
    assert next(r for r in found if "female/ramona" in r.path).sex == "f"
    assert {r.licence for r in found if "Freesound" in r.path} == {"CC0-1.0"}
    noisy = {r.path.split("/", 1)[1]: r.split for r in found if r.kind == "noisy"}
    assert noisy == {"dev_testset/noisy_testclips/a.wav": "val", "test_set/real_recordings/b.wav": "test"}


def test_speakers_of_several_corpora_are_in_the_strictest_of_their_splits(tmp_path):
    vctk(tmp_path / "vctk"), voicebank(tmp_path / "vbd"), dns(tmp_path / "dns")
    librispeech(tmp_path / "libri", "dev-clean", readers=[7])
    found = read(*(f"{name}:{tmp_path / at}" for name, at in
                   (("vctk", "vctk"), ("voicebank", "vbd"), ("dns", "dns"), ("librispeech", "libri"))))  # fmt: skip
    groups = splits_of(found)
    assert all(len(splits) == 1 for splits in groups.values())
    assert groups["vctk-p232"] == {"test"} and groups["vctk-p226"] == {"val"} and groups["libri-7"] == {"val"}
    assert {r.path.split("/")[0] for r in found if r.group == "libri-7"} == {"dns", "librispeech"}


def test_any_folder_of_speech_has_one_speaker_a_folder(tmp_path):
    folder = touch(tmp_path / "voices", *(f"s{n}/monday/{take}.wav" for n in range(40) for take in range(3)))
    touch(folder, "s0/notes.txt", ".trash/x.wav", "s0/._1.wav")
    found = read(f"speech:{folder}")
    assert len(found) == 120 and all(len(splits) == 1 for splits in splits_of(found).values())
    assert {r.group for r in found} == {f"voices-s{n}" for n in range(40)}
    flat = touch(tmp_path / "mine", "a.wav", "b.mp3")
    assert {(r.group, r.split) for r in read(f"speech:{flat}")} == {("mine", "train")}


@pytest.mark.parametrize("kind", ["speech", "noise", "noisy"])
def test_folders_named_after_splits_decide(tmp_path, kind):
    folder = touch(
        tmp_path / "own", *(f"{split}/x{split}/{n}.wav" for split in ("train", "dev", "test") for n in range(9))
    )
    for r in read(f"{kind}:{folder}"):
        assert r.split == {"train": "train", "dev": "val", "test": "test"}[r.path.split("/")[1]]
    assert len(splits_of(read(f"{kind}:{folder}"))) == (3 if kind == "speech" else 27)


@pytest.mark.parametrize("kind", ["speech", "paired"])
def test_folders_named_after_splits_decide_without_a_folder_a_speaker_too(tmp_path, kind):
    sides = ("clean/", "noisy/") if kind == "paired" else ("",)
    folder = touch(tmp_path / "own", *(f"{side}{split}/{n}.wav" for side in sides for split in ("train", "test")
                                       for n in range(3)))  # fmt: skip
    found = settle(read(f"{kind}:{folder}"))
    assert {r.split for r in found} == {"train", "test"}
    assert all(f"/{r.split}/" in r.path for r in found)


def test_noise_folders_named_as_categories_sort_it(tmp_path):
    folder = touch(tmp_path / "room", "traffic/1.wav", "hall/2.wav", "test/fan_machines/3.wav", "4.wav")
    found = {r.path: (r.category, r.split) for r in read(f"noise:{folder}")}
    assert found == {
        "room/traffic/1.wav": ("traffic", "train"), "room/hall/2.wav": (UNSORTED, "train"),
        "room/test/fan_machines/3.wav": ("fan_machines", "test"), "room/4.wav": (UNSORTED, "train"),
    }  # fmt: skip


def test_pairs_are_matched_by_name_and_those_without_a_partner_are_still_named(tmp_path):
    touch(tmp_path / "p", "clean/ann/1.wav", "noisy/ann/1.wav", "clean/ann/2.wav", "noisy/bob/3.wav")
    found = [r for r in read(f"paired:{tmp_path / 'p'}") if r.kind == "paired"]
    assert [r.path for r in found] == ["p/noisy/ann/1.wav", "p/noisy/ann/2.wav", "p/noisy/bob/3.wav"]
    assert {r.group for r in found} == {"p-ann", "p-bob"}
    touch(tmp_path / "q", "clean/1.wav", "noisy/2.wav")
    with pytest.raises(InputError, match="no file of"):
        read(f"paired:{tmp_path / 'q'}")


def test_two_folders_of_one_name_are_two_corpora(tmp_path):
    for name in ("a", "b"):
        touch(tmp_path / name / "voices", "x.wav")
    found = read(f"speech:{tmp_path / 'a' / 'voices'}", f"speech:{tmp_path / 'b' / 'voices'}")
    assert [(r.path, r.group) for r in found] == [("voices/x.wav", "voices"), ("voices-2/x.wav", "voices-2")]


@pytest.mark.parametrize("name", ["librispeech", "vctk", "voicebank", "dns", "musan", "paired"])
def test_a_folder_that_is_another_corpus_is_refused_with_what_was_expected(tmp_path, name):
    touch(tmp_path, "stuff/one.wav")
    with pytest.raises(InputError, match="does not look like") as refused:
        read(f"{name}:{tmp_path}")
    assert refused.value.hint.startswith("expected ")


@pytest.mark.parametrize("name", CORPORA)
def test_a_missing_folder_is_named(name):
    with pytest.raises(InputError, match="nowhere"):
        read(f"{name}:nowhere")


def test_an_empty_folder_and_a_wrong_name_are_refused(tmp_path):
    with pytest.raises(InputError, match="no audio files"):
        read(f"speech:{tmp_path}")
    with pytest.raises(InputError, match="no audio files"):
        read(f"vctk:{touch(tmp_path, 'wav48/readme.txt')}")
    with pytest.raises(ConfigError, match="no corpus 'timit'"):
        read(f"timit:{tmp_path}")
    with pytest.raises(ConfigError, match="NAME:FOLDER"):
        read(str(tmp_path))


def test_an_unpaired_trainset_is_refused(tmp_path):
    with pytest.raises(InputError, match="noisy_trainset_28spk_wav"):
        read(f"voicebank:{touch(tmp_path, 'clean_trainset_28spk_wav/p225_001.wav')}")
