"""A person's own recordings (a room's noise, a voice) as pools in memory, so that the usual mixer draws from them.

The last part of each recording is kept from training: it is the split "val" of these pools, what comes before "train".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from enhancer.errors import InputError
from enhancer.evaluation.measures import at_rate
from enhancer.evaluation.scoring import Sound, read_sound
from enhancer.resampling import grid_of
from training.data.decoding import WORST_FLOOR_DB, without_rumble
from training.data.levels import active_frames, active_level_db, db_to_gain, frame_powers
from training.data.pools import KINDS, RATES, Clip, Pool, Pools

SHORTEST_S = 5.0
HELD_OUT = 0.2  # share of each recording that is kept from training ...
HELD_OUT_S = 2.0  # ... and its least length
CATEGORY = "own"
AS_IN_POOLS_DB = -20.0  # active level of clips: the mixer takes what is far below for a pause
SILENT_DB = -90.0
CLIPPED = 0.15  # share of samples at the very peak: Gaussian noise cut at 1.4 of its RMS; a pure tone has 0.06


class MemoryPool(Pool):
    """Clips that one person recorded, as `Pool` holds those of a corpus; `samples` is float32 [total]."""

    def __init__(self, kind: str, sample_rate: int, recordings: Sequence[tuple[str, np.ndarray]]) -> None:
        """`recordings`: name and samples [n] at `sample_rate` of each."""
        self.kind, self.sample_rate = kind, sample_rate
        self.clips: list[Clip] = []
        parts: list[np.ndarray] = []
        for number, (name, samples) in enumerate(recordings):
            held_out = round(max(HELD_OUT * len(samples), HELD_OUT_S * sample_rate))
            for split, part in (("train", samples[:-held_out]), ("val", samples[-held_out:])):
                self.clips.append(self._clip(f"{name} ({number})", split, part, sum(map(len, parts))))
                parts.append(part)
        self.samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _clip(self, name: str, split: str, samples: np.ndarray, start: int) -> Clip:
        return Clip(
            path=name,
            start=start,
            length=len(samples),
            source=CATEGORY,
            group=name,
            split=split,
            sex="",
            language="",
            category=CATEGORY,
            licence="",
            bandwidth_hz=self.sample_rate / 2,
            active_db=active_level_db(samples, self.sample_rate),
            floor_db=0.0,
            attribution="",
        )

    def read(self, clip: Clip, offset: int = 0, length: int | None = None) -> np.ndarray:
        """A copy of a clip's samples, float32, from `offset` (samples); `length` is cut at the clip's end."""
        stop = clip.length if length is None else min(offset + length, clip.length)
        return self.samples[clip.start + offset : clip.start + stop].copy()


class OwnPools(Pools):
    """Pools in which a person's own noise, and voice if there is one, take the place of the corpora's.

    Recordings above 16 kHz serve at 16 and 48 kHz, others at 16 kHz alone. Rooms are those of the corpora.
    """

    def __init__(self, corpora: Pools, rooms: Sequence[Sound], voices: Sequence[Sound] = ()) -> None:
        self.folder, self.facts = corpora.folder, corpora.facts
        own = {"noise": rooms, "speech": voices}
        self._pools = {
            (kind, rate): _memory_pool(kind, rate, own[kind]) if own[kind] else corpora.get(kind, rate)
            for kind in KINDS
            for rate in RATES
        }

    def serves(self, sample_rate: int) -> bool:
        """Whether there is both speech and noise to train on at this rate."""
        return has_training_material(self, sample_rate)


def has_training_material(pools: Pools, sample_rate: int) -> bool:
    """Whether pools hold both speech and noise of the split train at a rate."""
    return all(any(clip.split == "train" for clip in pools.get(kind, sample_rate).clips) for kind in KINDS)


def read_room(path: Path) -> Sound:
    """A recording of a room's noise, mono, any format and rate; samples float32 [n] at an active level of -20 dBFS.

    Raises InputError when it cannot be read, is shorter than 5 s, (almost) silent, constant, or clipped.
    """
    return _read(path, "record half a minute of the room while nobody speaks", lambda x, rate: x)


def read_voice(path: Path) -> Sound:
    """A recording of one clean voice, as `read_room`; without what lies below 70 Hz.

    Raises InputError also when there is noise in it: training would take the noise for speech.
    """
    hint = "record a minute of speech close to the microphone, where it is quiet"
    sound = _read(path, hint, without_rumble)
    _, level = active_frames(sound.samples, sound.sample_rate)
    floor = float(np.quantile(frame_powers(sound.samples, sound.sample_rate), 0.05))
    floor_db = 10.0 * float(np.log10(max(floor, 1e-20) / level))
    if floor_db > WORST_FLOOR_DB:
        raise InputError(
            f"the voice {path} is not clean: what is heard in its pauses lies only {-floor_db:.0f} dB below the"
            f" speech ({-WORST_FLOOR_DB:.0f} dB is needed)",
            hint,
        )
    return sound


def _read(path: Path, hint: str, treat: Callable[[np.ndarray, int], np.ndarray]) -> Sound:
    sound = read_sound(path)
    samples, rate = sound.samples.mean(axis=1), sound.sample_rate
    if sound.seconds < SHORTEST_S:
        raise InputError(f"{path} is {sound.seconds:.1f} s long; at least {SHORTEST_S:g} s are needed", hint)
    samples = samples - samples.mean()
    peak = float(np.abs(samples).max())
    if active_level_db(samples, rate) < SILENT_DB:
        raise InputError(f"{path} is silent", hint)
    clipped = float(np.mean(np.abs(samples) > 0.999 * peak))
    if clipped > CLIPPED:
        raise InputError(
            f"{path} is clipped: {100 * clipped:.0f} % of its samples are at full level", "record it less loud"
        )
    samples = treat(samples, rate)
    gain = db_to_gain(AS_IN_POOLS_DB - active_level_db(samples, rate))
    return Sound(path, (samples * gain).astype(np.float32), rate)


def _memory_pool(kind: str, sample_rate: int, sounds: Sequence[Sound]) -> MemoryPool:
    served = [s for s in sounds if sample_rate <= grid_of(s.sample_rate).sample_rate]
    return MemoryPool(
        kind, sample_rate, [(s.path.name, at_rate(s.samples, s.sample_rate, sample_rate)) for s in served]
    )
