"""One pair of files to scores: read, brought to one rate and length, aligned if asked, enhanced if asked, measured."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from enhancer.audio_io import open_audio
from enhancer.errors import InputError
from enhancer.evaluation import words
from enhancer.evaluation.alignment import align, find_delay
from enhancer.evaluation.measures import BY_KEY, STANDARD, Scores, at_rate, score
from enhancer.evaluation.pairs import Pair
from enhancer.evaluation.peers import PEERS, enhance

if TYPE_CHECKING:
    from enhancer.model import Student

# Names of the systems that are no peers: the input as it is, files that were given, and what is made here.
NOISY, ENHANCED, OURS = "noisy", "enhanced", "enhancer"
MAX_DELAY_S = 0.1
# Two files of one recording at different rates are seldom of exactly one length.
_RATE_SLACK_S = 0.001
_WIDE = 16_000


@dataclass(frozen=True)
class Method:
    """What applies to every pair.

    `align` compensates delays up to 100 ms; `measures` are taken, without a clean file those that need none;
    `recogniser` hears the words for the one that counts them. The rest is for our own system.
    """

    align: bool = False
    model: Path | None = None
    attenuation_limit_db: float | None = None
    measures: tuple[str, ...] = STANDARD
    recogniser: str = words.DEFAULT


@dataclass
class Outcome:
    """Scores of one recording under one system; `notes` are lines that the user should read."""

    name: str
    system: str
    seconds: float
    sample_rate: int
    channels: int
    values: dict[str, float]
    reasons: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sound:
    """A whole file: float32 [n, channels]."""

    path: Path
    samples: np.ndarray
    sample_rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate


def read_sound(path: Path) -> Sound:
    """The first sound track of a file. Raises InputError (missing, damaged, no samples, NaN in it)."""
    reader = open_audio(path)
    try:
        blocks = [block.copy() for track, block in reader.blocks() if track == 0]  # readers reuse their buffer
        sample_rate = reader.tracks[0].sample_rate
    finally:
        reader.close()
    if not blocks or not sum(map(len, blocks)):
        raise InputError(f"{path} holds no samples")
    samples = np.concatenate(blocks)
    if not np.isfinite(samples).all():
        raise InputError(f"{path} holds samples that are no finite numbers")
    return Sound(path, samples, sample_rate)


def score_pair(pair: Pair, systems: tuple[str, ...], method: Method) -> list[Outcome]:
    """Scores of a pair under each system.

    Raises InputError for files that cannot be read or do not fit: other lengths (unless aligned) or channels.
    """
    clean = read_sound(pair.clean) if pair.clean else None
    noisy = read_sound(pair.noisy) if pair.noisy and set(systems) - {ENHANCED} else None
    outcomes = []
    for system in systems:
        if system == ENHANCED:
            assert pair.enhanced is not None
            outcomes.append(_measure(pair, system, read_sound(pair.enhanced), clean, method))
            continue
        assert noisy is not None
        if system == NOISY:
            outcomes.append(_measure(pair, system, noisy, clean, method))
            continue
        if system in PEERS and PEERS[system].oracle:
            _refuse_unlike(system, noisy, clean)
        _load(system, method)
        made, cost = _made(system, noisy.samples, clean.samples if clean else None, noisy.sample_rate, method)
        outcome = _measure(pair, system, Sound(noisy.path, made, noisy.sample_rate), clean, method)
        outcome.values["rtf"] = cost / noisy.seconds
        outcomes.append(outcome)
    return outcomes


def _measure(pair: Pair, system: str, sound: Sound, clean: Sound | None, method: Method) -> Outcome:
    notes: list[str] = []
    if clean is None:
        estimate, reference, rate = sound.samples, None, sound.sample_rate
        keys = [key for key in method.measures if not BY_KEY[key].reference]
    else:
        rate, keys = min(sound.sample_rate, clean.sample_rate), list(method.measures)
        estimate, reference, notes = _matched(sound, clean, rate, method)
    scores: Scores = score(estimate, reference, rate, keys, method.recogniser)
    length, channels = estimate.shape
    return Outcome(pair.name, system, length / rate, rate, channels, scores.values, scores.reasons, notes)


def _matched(sound: Sound, clean: Sound, rate: int, method: Method) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Both signals [n, channels] at `rate` and of one length. Raises InputError where they do not fit."""
    notes = []
    channels = sound.samples.shape[1], clean.samples.shape[1]
    if channels[0] != channels[1]:
        raise InputError(f"{sound.path} has {_channels(channels[0])}, {clean.path} has {_channels(channels[1])}")
    if sound.sample_rate != clean.sample_rate:
        notes.append(f"{sound.sample_rate} Hz against {clean.sample_rate} Hz: compared at {rate} Hz")
    estimate = at_rate(sound.samples, sound.sample_rate, rate)
    reference = at_rate(clean.samples, clean.sample_rate, rate)
    differ = abs(len(estimate) - len(reference))
    if differ > (_RATE_SLACK_S * rate if notes else 0) and not method.align:
        raise InputError(
            f"{sound.path} is {sound.seconds:.4f} s long, {clean.path} {clean.seconds:.4f} s",
            "give --align to find the delay (up to 100 ms) and compare what both have",
        )
    if method.align:
        estimate, reference, said = _aligned(estimate, reference, rate)
        notes += said
    length = min(len(estimate), len(reference))
    return estimate[:length], reference[:length], notes


def _aligned(estimate: np.ndarray, reference: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """What both have of one recording, the estimate's delay taken off; notes say what was done."""
    try:
        delay = find_delay(estimate.mean(axis=1), reference.mean(axis=1), round(MAX_DELAY_S * rate))
    except ValueError:  # silence: nothing to find
        delay = 0
    whole = len(reference)
    estimate, reference = estimate[max(delay, 0) :], reference[max(-delay, 0) :]
    length = min(len(estimate), len(reference))
    left_out = (whole - length) / rate
    if left_out > whole / rate / 2:
        raise InputError(f"only {length / rate:.2f} s of {whole / rate:.2f} s are in both files")
    notes = [f"delay of {1000 * delay / rate:.2f} ms taken off"] if delay else []
    if left_out > MAX_DELAY_S:
        notes.append(f"{left_out:.2f} s of the clean file have no counterpart and were not scored")
    return align(estimate, 0, length), reference[:length], notes


def _refuse_unlike(system: str, noisy: Sound, clean: Sound | None) -> None:
    """An oracle takes the clean file sample by sample."""
    if clean is None:
        raise InputError(f"{system} needs the clean file of {noisy.path}", f"leave {system} out of --peers")
    if (noisy.samples.shape, noisy.sample_rate) != (clean.samples.shape, clean.sample_rate):
        raise InputError(
            f"{system} needs {noisy.path} and {clean.path} to be of one rate, length and number of channels",
            f"leave {system} out of --peers",
        )


def _channels(count: int) -> str:
    return "one channel" if count == 1 else f"{count} channels"


@lru_cache(maxsize=1)
def _model(path: Path | None) -> Student:
    from enhancer.model import Student

    return Student(path)


@lru_cache(maxsize=16)
def _load(system: str, method: Method) -> None:
    """Lets a system load what it needs, once a process, so that its cost is that of the sound alone."""
    hiss = np.random.default_rng(0).normal(0, 0.01, (_WIDE, 1)).astype(np.float32)
    _made(system, hiss, hiss, _WIDE, method)


def _made(
    system: str, noisy: np.ndarray, clean: np.ndarray | None, sample_rate: int, method: Method
) -> tuple[np.ndarray, float]:
    """What a system makes of noisy [n, channels], aligned, and the processor seconds it took; oracles see `clean`."""
    if system != OURS:
        return enhance(PEERS[system], noisy, sample_rate, clean if PEERS[system].oracle else None)
    from enhancer.engine import denoise

    model = _model(method.model)
    began = time.process_time()
    out = denoise(noisy, sample_rate, attenuation_limit_db=method.attenuation_limit_db, model=model)
    return out, time.process_time() - began
