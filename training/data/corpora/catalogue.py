"""The corpora that `training prepare --corpus NAME:FOLDER` knows, and reading several of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from enhancer.errors import ConfigError, InputError
from training.data.corpora import folders, public
from training.data.corpora.recording import SPLITS, Recording


@dataclass(frozen=True)
class Corpus:
    """One kind of corpus; the texts are what `--list-corpora` prints."""

    read: Callable[[Path, str], Iterable[Recording]]  # (folder, label) -> recordings; the label begins their paths
    holds: str
    layout: str
    splits: str
    licence: str = ""


BY_HASH = "5 % of the speakers in val, 5 % in test"
FILES_BY_HASH = "5 % of the files in val, 5 % in test"
CORPORA = {
    "librispeech": Corpus(
        public.librispeech, "speech (LibriSpeech or LibriTTS)", "train-*/ dev-*/ test-*/ with READER/CHAPTER/*.flac",
        "dev-* is val, test-* is test; without them 5 % each", "CC-BY-4.0",
    ),
    "vctk": Corpus(
        public.vctk, "speech", "wav48_silence_trimmed/pNNN/*_mic1.flac, or wav48/pNNN/*.wav", BY_HASH,
        "CC-BY-4.0 (wav48: ODC-By-1.0)",
    ),
    "voicebank": Corpus(
        public.voicebank, "pairs, their clean sides also speech (VoiceBank+DEMAND)",
        "clean_trainset_*_wav/ noisy_trainset_*_wav/ clean_testset_wav/ noisy_testset_wav/",
        "the test set is test; p226 and p287 are val (without them 5 %)", "CC-BY-4.0",
    ),
    "dns": Corpus(
        public.dns, "speech, noise, noisy (DNS-Challenge)", "datasets_fullband/ with clean_fullband/ noise_fullband/",
        BY_HASH + "; dev_testset* is val, test_set* is test", "several, see its README",
    ),
    "musan": Corpus(
        public.musan, "noise, music (noise here), speech", "noise/ music/ speech/", FILES_BY_HASH, "CC-BY-4.0"
    ),
    "speech": Corpus(folders.speech, "speech", "any folder, one folder a speaker in it", BY_HASH),
    "noise": Corpus(folders.noise, "noise", "any folder; folders named as categories sort it", FILES_BY_HASH),
    "noisy": Corpus(folders.noisy, "noisy recordings without a clean version", "any folder", FILES_BY_HASH),
    "paired": Corpus(
        folders.paired, "pairs, their clean sides also speech", "noisy/ and clean/, same file names", BY_HASH
    ),
}  # fmt: skip
FOLDERS = frozenset({"speech", "noise", "noisy", "paired"})  # named after their folder rather than their kind


@dataclass(frozen=True)
class Found:
    """What was found of one corpus."""

    name: str
    folder: Path
    recordings: list[Recording]

    def summary(self) -> str:
        """For people: how many recordings of what, and how many groups (speakers, recordings) in each split."""
        kinds = Counter(r.kind for r in self.recordings)
        groups = Counter(split for _, split in {(r.group, r.split) for r in self.recordings})
        counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        return f"{counted}; groups: " + ", ".join(f"{split} {groups[split]}" for split in SPLITS)


def read_corpora(specifications: Sequence[str]) -> list[Found]:
    """The corpora of specifications NAME:FOLDER, in their order.

    Raises ConfigError for one that is not of that form or of an unknown name, InputError for a folder that is
    missing, holds no audio, or does not look like that corpus.
    """
    found: list[Found] = []
    labels: Counter[str] = Counter()
    for name, folder in map(_parsed, specifications):
        label = (folder.resolve().name or name) if name in FOLDERS else name
        labels[label] += 1
        recordings = list(CORPORA[name].read(folder, label if labels[label] == 1 else f"{label}-{labels[label]}"))
        if not recordings:
            raise InputError(f"no audio files in {folder}", f"{name}: {CORPORA[name].layout}")
        found.append(Found(name, folder, recordings))
    return found


def _parsed(specification: str) -> tuple[str, Path]:
    name, colon, place = specification.partition(":")
    if not colon or not place:
        raise ConfigError(f"--corpus {specification} is not NAME:FOLDER", "for example librispeech:/data/LibriSpeech")
    if name not in CORPORA:
        raise ConfigError(
            f"there is no corpus {name!r}", f"known: {', '.join(CORPORA)}; training prepare --list-corpora"
        )
    folder = Path(place).expanduser()
    if not folder.is_dir():
        raise InputError(f"--corpus {specification}: there is no folder {folder}", f"{name}: {CORPORA[name].layout}")
    return name, folder
