"""The fixed validation and test sets: the same 200 mixtures each for every run, stored beside the pools.

Choices are made on `val`; published tables come from `test`. Neither speakers, noise recordings nor rooms of the
two are ever in training. Everything is drawn from one seed and spread evenly, so that any first part of a set is a fair
sample: noise categories take turns, a third is at 48 kHz, SNRs and levels follow a low-discrepancy sequence.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from enhancer.errors import InputError
from training.data.levels import active_level_db, db_to_gain, limit_peak
from training.data.noises import SYNTHETIC, Noises
from training.data.pools import KINDS, RATES, Pools
from training.data.rooms import Rooms
from training.data.voices import Voices

FORMAT = 1
SEED = 20_260
COUNT = 200
SNR_DB = (-5.0, 15.0)
LEVEL_DB = (-32.0, -16.0)
SECONDS = (4.0, 6.0)
REVERBERANT = 0.3
EXTRA_CATEGORIES = ("synthetic_babble",)  # the recorded crowds are few, and voices are the hardest noise
# Roberts' R4 sequence: multiples of the inverse powers of the root of x^5 = x + 1 fill four dimensions evenly.
STEPS = 1.1673039782614187 ** -np.arange(1.0, 5.0)


@dataclass(frozen=True)
class Item:
    """One mixture: noisy and clean float32 [N] within +-1, and its facts.

    If `reverberant`, `clean` holds the direct path and 50 ms of reflections.
    """

    noisy: np.ndarray
    clean: np.ndarray
    sample_rate: int
    snr_db: float  # active speech over active noise
    category: str
    speaker: str
    language: str
    reverberant: bool
    noise_recording: str = ""  # path of the (first) recording; empty for synthetic noise


def fixed_set(pools: Pools, split: str, count: int = COUNT) -> Iterator[Item]:
    """The first `count` (up to 200) items of the fixed set of "val" or "test", read from disk where `prepare` put it.

    Raises InputError for another split, or one without speech, noise or rooms.
    """
    if split not in ("val", "test"):
        raise InputError(f"there is no fixed set of the split {split!r}", "val or test")
    stored = _load(pools.folder / f"fixed_{split}.npz")
    if stored is None:
        yield from _draw(pools, split, min(count, COUNT))
        return
    facts, noisy, clean = stored
    for row in facts["items"][:count]:
        start, stop = row.pop("start"), row.pop("stop")
        scale = np.float32(1 / 32768)
        yield Item(noisy=noisy[start:stop] * scale, clean=clean[start:stop] * scale, **row)


def other_material(pools: Pools, count: int, speech: str, noise: str) -> Iterator[Item]:
    """Mixtures made as the validation set is, with its rooms, but of the speech and the noise of these splits.

    With "train" for either they tell how much of a network's quality is memory (`python -m benchmarks heard-before`).
    """
    yield from _draw(pools, "val", count, speech, noise)


def fixed_hash(pools: Pools, split: str) -> str:
    """The first 12 digits of the SHA-256 of a stored set's samples: equal hash, equal set. Empty if none is stored."""
    stored = _load(pools.folder / f"fixed_{split}.npz")
    return stored[0]["sha256"][:12] if stored else ""


def prepare(pools: Pools, split: str, *, again: bool = False) -> bool:
    """Stores the fixed set of a split beside the pools; returns False if it is there and its material is the same.

    The material is the split's own: changes of the training data never change a fixed set.
    """
    path, material = pools.folder / f"fixed_{split}.npz", _material(pools, split)
    stored = _load(path)
    if not again and stored is not None and stored[0]["material"] == material:
        return False
    items: list[dict] = []
    sides: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    position = 0
    for item in _draw(pools, split, COUNT):
        facts = asdict(item)
        for side, name in zip(sides, ("noisy", "clean"), strict=True):
            side.append(np.round(facts.pop(name) * 32767).astype(np.int16))
        items.append({**facts, "start": position, "stop": position + len(item.noisy)})
        position += len(item.noisy)
    noisy, clean = (np.concatenate(side) for side in sides)
    digest = hashlib.sha256(noisy.tobytes() + clean.tobytes()).hexdigest()
    facts = {"format": FORMAT, "seed": SEED, "material": material, "sha256": digest, "items": items}
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.savez(file, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8), noisy=noisy, clean=clean)
    os.replace(part, path)
    return True


def _draw(pools: Pools, split: str, count: int, speech: str = "", noise: str = "") -> Iterator[Item]:
    """The set itself. Item i depends on the seed, i and the split's material alone (or that of these splits)."""
    # Pools without full-band speech have sets at 16 kHz alone.
    rates = [rate for rate in RATES if rate == 16000 or pools.get("speech", rate).hours(speech or split)]
    benches = {rate: _Bench(pools, split, rate, speech or split, noise or split) for rate in rates}
    phase = np.random.default_rng(SEED).random(4)  # the two sets differ by their material
    for number in range(count):
        full_band = number % 3 == 2 and 48000 in benches
        before = number // 3 if 48000 in benches else 0  # items at 48 kHz
        turn = (phase + number * STEPS) % 1
        yield benches[48000 if full_band else 16000].item(number, before if full_band else number - before, turn)


class _Bench:
    """The voices, noises and rooms of one rate, each of a split, in the order in which they take turns."""

    def __init__(self, pools: Pools, split: str, rate: int, speech: str, noise: str):
        self.rate = rate
        self.voices = Voices(pools.get("speech", rate), speech)
        recorded = {c.category for c in pools.get("noise", rate).clips if c.split == noise}
        self.categories = sorted(recorded | set(EXTRA_CATEGORIES))
        self.noises = Noises(pools.get("noise", rate), noise, self.voices, dict.fromkeys(self.categories, 1.0))
        self.rooms = Rooms(pools.folder, split, rate)
        rng = np.random.default_rng([SEED, rate])
        rng.shuffle(self.categories)
        self.speakers = _alternate(self.voices.names, rng)

    def item(self, number: int, rank: int, turn: np.ndarray) -> Item:
        """Item `number`, the `rank`-th of its rate; `turn` [4] in 0..1 places its SNR, room, length and level."""
        rng = np.random.default_rng([SEED, number])
        length = int(round(SECONDS[0] + (SECONDS[1] - SECONDS[0]) * turn[2], 1) * self.rate)
        speaker = self.speakers[rank % len(self.speakers)]
        x, voice = self.voices.draw(length, rng, name=speaker)
        room = self.rooms.draw(rng) if turn[1] < REVERBERANT else None
        wet, clean = room.reverb(0)(x) if room else (x, x.copy())
        # each round through the categories starts one further on, so that they meet other speakers
        category = self.categories[(rank + rank // len(self.categories)) % len(self.categories)]
        noise, facts = self.noises.draw(length, rng, category)
        if room:
            noise = room.reverb(1 + int(rng.integers(3))).wet(noise)
        snr_db = SNR_DB[0] + (SNR_DB[1] - SNR_DB[0]) * float(turn[0])
        level_db = LEVEL_DB[0] + (LEVEL_DB[1] - LEVEL_DB[0]) * float(turn[3])
        gain = np.float32(db_to_gain(level_db - active_level_db(wet, self.rate)))
        noise = noise * np.float32(db_to_gain(level_db - snr_db - active_level_db(noise, self.rate)))
        noisy, clean = wet * gain + noise, clean * gain
        limit_peak(noisy, clean, 0.99)
        return Item(
            noisy.astype(np.float32), clean.astype(np.float32), self.rate, round(snr_db, 2), category,
            voice.speaker, voice.language, room is not None, facts["clips"][0] if facts["clips"] else "",
        )  # fmt: skip


def _alternate(sexes: dict[str, str], rng: np.random.Generator) -> list[str]:
    """Speakers in an order in which the sexes alternate, each at random; the fewer start again until all had a turn."""
    groups = [[name for name in sorted(sexes) if sexes[name] == sex] for sex in sorted(set(sexes.values()) - {""})]
    groups = groups or [[]]
    groups[0] += [name for name in sorted(sexes) if not sexes[name]]
    for group in groups:
        rng.shuffle(group)
    longest = max(len(group) for group in groups)
    return [group[i % len(group)] for i in range(longest) for group in groups]


def _material(pools: Pools, split: str) -> str:
    """Fingerprint of what a split's set is drawn from."""
    digest = hashlib.sha256(repr((FORMAT, SEED, COUNT, SYNTHETIC)).encode())
    for kind in KINDS:
        for rate in RATES:
            for c in pools.get(kind, rate).clips:
                if c.split == split:
                    digest.update(repr((c.path, c.length, c.active_db, c.group, c.category, c.sex)).encode())
    digest.update((pools.folder / "rooms.json").read_bytes())
    return digest.hexdigest()


def _load(path: Path) -> tuple[dict, np.ndarray, np.ndarray] | None:
    try:
        with np.load(path) as stored:
            facts = json.loads(stored["facts"].tobytes())
            if facts["format"] != FORMAT or facts["seed"] != SEED:
                return None
            return facts, stored["noisy"], stored["clean"]
    except FileNotFoundError:
        return None
