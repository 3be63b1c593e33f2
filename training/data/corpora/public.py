"""Readers of public corpora as they are unpacked: LibriSpeech and LibriTTS, VCTK, VoiceBank+DEMAND, DNS, MUSAN.

Speakers that several corpora share bear one name, so that they never train here and judge there: the readers of
LibriVox (LibriSpeech, LibriTTS, DNS-Challenge) as `libri-ID`, the speakers of VCTK (also in VoiceBank+DEMAND and
DNS-Challenge) as `vctk-pNNN`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from enhancer.errors import InputError
from training.data.categories import UNSORTED
from training.data.corpora.files import audio_files, below, root_of
from training.data.corpora.folders import pairs
from training.data.corpora.recording import Recording
from training.data.corpora.splits import by_name

LIBRI_SPLITS = {"train": "train", "dev": "val", "test": "test"}
VOICEBANK_VALIDATION = frozenset({"p226", "p287"})  # the two that published work chooses on
# No speech: singing is music, and music is noise here.
DNS_SINGING = "VocalSet"
DNS_SPEAKERS = (
    (re.compile(r"reader_0*(\d+)"), "libri-{}"),  # LibriVox's number of the reader
    (re.compile(r"(?:^|/)(p\d{3})[_/]"), "vctk-{}"),
    (re.compile(r"(?:^|/)(\d{4})_[A-Z]{3}_[A-Z]{3}_"), "crema-d-{}"),
)
DNS_PIECE = re.compile(r"(Freesound_validated_\d+)_\d+$")


def librispeech(folder: Path, label: str) -> Iterator[Recording]:
    """LibriSpeech or LibriTTS: train-*, dev-*, test-* / READER / CHAPTER / files. Sexes from SPEAKERS.TXT."""
    root = root_of(
        folder, "LibriSpeech or LibriTTS", lambda p: bool(_libri_subsets(p)),
        "train-*, dev-* or test-* with READER/CHAPTER/*.flac (or .wav)",
    )  # fmt: skip
    subsets = _libri_subsets(root)
    official = {LIBRI_SPLITS[p.name.split("-")[0]] for p in subsets}
    sexes = _sexes(root, ("SPEAKERS.TXT", "SPEAKERS.txt", "speakers.tsv"), re.compile(r"\s*(\d+)\s*[|\t]\s*([MF])\b"))
    found = [(p, file, below(file, p).split("/")[0]) for p in subsets for file in audio_files(p)]
    trained = {f"libri-{reader}" for p, _, reader in found if p.name.startswith("train")}
    held_out = by_name(trained, {"val", "test"} - official)  # a set that was not downloaded is replaced
    for subset, file, reader in found:
        split, group = LIBRI_SPLITS[subset.name.split("-")[0]], f"libri-{reader}"
        yield Recording(
            "speech", f"{label}/{below(file, root)}", f"{label}/{subset.name}", group,
            held_out[group] if split == "train" else split, sexes.get(reader, ""), "en", licence="CC-BY-4.0", file=file,
        )  # fmt: skip


def _libri_subsets(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.glob("*-*")) if p.is_dir() and p.name.split("-")[0] in LIBRI_SPLITS]


def vctk(folder: Path, label: str) -> Iterator[Recording]:
    """VCTK 0.92 (wav48_silence_trimmed, the first microphone) or 0.80 (wav48). Sexes from speaker-info.txt."""
    layouts = {
        "wav48_silence_trimmed": ("*_mic1.flac", "CC-BY-4.0"),
        "wav48": ("*.wav", "ODC-By-1.0"),
    }
    root = root_of(
        folder, "VCTK", lambda p: any((p / name).is_dir() for name in layouts),
        "wav48_silence_trimmed/pNNN/*_mic1.flac or wav48/pNNN/*.wav",
    )  # fmt: skip
    name = next(name for name in layouts if (root / name).is_dir())
    pattern, licence = layouts[name]
    sexes = _sexes(root, ("speaker-info.txt",), re.compile(r"p?(\w+)\s+\d+\s+([FM])\b"))
    files = sorted((root / name).glob(f"*/{pattern}"))
    splits = by_name({f"vctk-{file.parent.name}" for file in files})
    for file in files:
        speaker = file.parent.name
        yield Recording(
            "speech", f"{label}/{below(file, root)}", label, f"vctk-{speaker}", splits[f"vctk-{speaker}"],
            sexes.get(speaker.removeprefix("p"), ""), "en", licence=licence, file=file,
        )  # fmt: skip


def voicebank(folder: Path, label: str) -> Iterator[Recording]:
    """VoiceBank+DEMAND: clean_trainset_* beside noisy_trainset_*, and the test set. Clean sides are speech as well."""
    root = root_of(
        folder, "VoiceBank+DEMAND", lambda p: bool(list(p.glob("clean_t*set*"))),
        "clean_trainset_28spk_wav, noisy_trainset_28spk_wav, clean_testset_wav, noisy_testset_wav",
    )  # fmt: skip
    for clean in sorted(p for p in root.glob("clean_t*set*") if p.is_dir()):
        noisy = root / clean.name.replace("clean_", "noisy_", 1)
        if not noisy.is_dir():
            raise InputError(f"{clean} has no {noisy.name} beside it", "unpack the noisy set into the same folder")
        found = list(pairs(clean, noisy, label))
        speakers = {r.path: r.path.rsplit("/", 1)[1].split("_")[0] for r in found}
        if VOICEBANK_VALIDATION.isdisjoint(speakers.values()):
            splits = by_name({f"vctk-{speaker}" for speaker in speakers.values()}, {"val"})
        else:
            splits = {f"vctk-{speaker}": "val" for speaker in VOICEBANK_VALIDATION}
        for r in found:
            group = f"vctk-{speakers[r.path]}"
            split = "test" if "test" in clean.name else splits.get(group, "train")
            yield replace(r, group=group, split=split, language="en", licence="CC-BY-4.0")


def dns(folder: Path, label: str) -> Iterator[Recording]:
    """DNS-Challenge: clean_fullband and noise_fullband (clean and noise of the wide-band sets), noisy recordings.

    Singing (VocalSet) is left out. Noisy recordings of dev_testset* are val, those of test_set* are test.
    """
    root = root_of(
        folder, "DNS-Challenge", _is_dns, "datasets_fullband with clean_fullband and noise_fullband (or one of them)"
    )
    yield from _dns_clean([root / "clean_fullband", root / "clean"], root, label)
    noise = [file for name in ("noise_fullband", "noise") for file in audio_files(root / name)]
    splits = by_name({_dns_noise_group(file) for file in noise})
    for file in noise:
        group = _dns_noise_group(file)
        yield Recording(
            "noise", f"{label}/{below(file, root)}", f"{label}/noise", f"{label}-{group}", splits[group],
            category=UNSORTED, file=file, licence="CC0-1.0" if "Freesound" in group else "",
        )  # fmt: skip
    for pattern, split in (("dev_testset*", "val"), ("test_set*", "test")):
        for place in sorted(root.glob(pattern)):
            for file in audio_files(place):
                inside = below(file, root)
                if not re.search(r"/(clean|synthetic|enrol|adaptation)", inside):
                    yield Recording("noisy", f"{label}/{inside}", f"{label}/{place.name}", f"{label}-{file.stem}",
                                    split, file=file)  # fmt: skip


def _is_dns(folder: Path) -> bool:
    full_band = any((folder / name).is_dir() for name in ("clean_fullband", "noise_fullband"))
    return full_band or all((folder / name).is_dir() for name in ("clean", "noise"))


def _dns_clean(places: list[Path], root: Path, label: str) -> Iterator[Recording]:
    files = [file for place in places for file in audio_files(place) if DNS_SINGING not in below(file, root)]
    speakers = {file: _dns_speaker(below(file, root), label) for file in files}
    splits = by_name(set(speakers.values()))
    for file in files:
        inside, speaker = below(file, root), speakers[file]
        part = inside.split("/")[1] if inside.count("/") > 1 else "clean"
        sex = "fm"["/male/" in inside] if "/male/" in inside or "/female/" in inside else ""
        yield Recording("speech", f"{label}/{inside}", f"{label}/{part}", speaker, splits[speaker], sex, file=file)


def _dns_speaker(inside: str, label: str) -> str:
    """Who speaks, from the file's name; where the name does not say, everything in one folder is one speaker."""
    for pattern, name in DNS_SPEAKERS:
        if match := pattern.search(inside):
            return name.format(match[1])
    return f"{label}-{inside.rsplit('/', 1)[0]}"


def _dns_noise_group(file: Path) -> str:
    """The recording that a file was cut from."""
    match = DNS_PIECE.search(file.stem)
    return match[1] if match else file.stem


def musan(folder: Path, label: str) -> Iterator[Recording]:
    """MUSAN: noise, music (noise here) and speech, each file a group of its own."""
    kinds = {"noise": ("noise", UNSORTED), "music": ("noise", "music"), "speech": ("speech", "")}
    root = root_of(
        folder, "MUSAN", lambda p: all((p / name).is_dir() for name in kinds), "the folders noise, music and speech"
    )
    files = [file for name in kinds for file in audio_files(root / name)]
    splits = by_name({file.stem for file in files})
    for file in files:
        inside = below(file, root)
        kind, category = kinds[inside.split("/")[0]]
        yield Recording(
            kind, f"{label}/{inside}", f"{label}/{'/'.join(inside.split('/')[:-1])}", f"{label}-{file.stem}",
            splits[file.stem], category=category, licence="CC-BY-4.0", file=file,
        )  # fmt: skip


def _sexes(root: Path, names: tuple[str, ...], row: re.Pattern[str]) -> dict[str, str]:
    """{speaker: f or m} from the first of these tables that is there; empty without one."""
    for path in (root / name for name in names):
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            return {match[1]: match[2].lower() for line in lines if (match := row.match(line))}
    return {}
