"""Simulated rooms: impulse responses made once (image method), and the two convolutions of a reverberant mixture."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import fft
from scipy.signal import butter, sosfilt

from enhancer.errors import InputError

FORMAT = 1
RATES = (16000, 48000)
LONGEST_S = 0.5
EARLY_S = 0.050  # direct path and early reflections: what the target keeps
EARLY_FADE_S = 0.005
BEFORE_S = 0.001  # kept ahead of the direct path: the rise of its band-limited pulse
COMPLETE_S = 0.080  # of image sources; a tail of noise follows
SOUND_M_S = 343.0
PLACES = 4  # sources in a room: the first nearest to the microphone


@dataclass(frozen=True)
class Room:
    """One simulated room at one rate, with sources at four places (0 = nearest the microphone).

    `rows`: the places' rows in `responses` [all, 0.5 s]; `distances_m`: how far they are from the microphone.
    """

    split: str
    size_m: tuple[float, float, float]
    rt60_s: float
    rows: tuple[int, ...]
    distances_m: tuple[float, ...]
    sample_rate: int
    responses: np.ndarray = field(repr=False, compare=False)

    def reverb(self, place: int) -> Reverb:
        """The transform that puts a dry signal at a place of this room."""
        return Reverb(self.responses[self.rows[place]], self.sample_rate)


class Rooms:
    """The rooms of one split at one rate. Raises InputError if none were made."""

    def __init__(self, folder: Path | str, split: str, sample_rate: int):
        folder = Path(folder)
        facts = _read_facts(folder)
        if facts is None:
            raise InputError(f"no simulated rooms at {folder}", "make them with: training prepare")
        flat = np.memmap(folder / f"rooms_{sample_rate}.f32", np.float32, "r")
        responses = flat.reshape(-1, int(LONGEST_S * sample_rate))
        self.rooms = [
            Room(
                split,
                tuple(r["size_m"]),
                r["rt60_s"],
                tuple(r["rows"]),
                tuple(r["distances_m"]),
                sample_rate,
                responses,
            )
            for r in facts["rooms"]
            if r["split"] == split
        ]
        if not self.rooms:
            raise InputError(f"the {split} split has no rooms at {folder}", "training prepare --again")

    def draw(self, rng: np.random.Generator) -> Room:
        """One room, all equally likely."""
        return self.rooms[rng.integers(len(self.rooms))]


class Reverb:
    """Convolves with an impulse response: `wet, early = reverb(x)`; the direct path comes without delay.

    Shapes: x [N]; wet and early [N] float32. `early` holds the direct path and 50 ms of reflections (5 ms fade).
    """

    def __init__(self, response: np.ndarray, sample_rate: int):
        self.skip = int(BEFORE_S * sample_rate)
        last = np.flatnonzero(np.abs(response) > 1e-4 * np.abs(response).max())[-1] + 1  # -80 dB: inaudible
        self.response = np.array(response[:last])
        keep, fade = int((BEFORE_S + EARLY_S) * sample_rate), int(EARLY_FADE_S * sample_rate)
        self.early = self.response[: keep + fade].copy()
        tail = self.early[keep:]
        tail *= np.linspace(1, 0, len(tail), dtype=np.float32)

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = fft.next_fast_len(len(x) + len(self.response), real=True)
        spectrum = fft.rfft(x, size)
        wet = fft.irfft(spectrum * fft.rfft(self.response, size), size)[self.skip : self.skip + len(x)]
        early = fft.irfft(spectrum * fft.rfft(self.early, size), size)[self.skip : self.skip + len(x)]
        return wet, early

    def wet(self, x: np.ndarray) -> np.ndarray:
        """Only the full response: for noise, which has no target."""
        size = fft.next_fast_len(len(x) + len(self.response), real=True)
        wet = fft.irfft(fft.rfft(x, size) * fft.rfft(self.response, size), size)
        return wet[self.skip : self.skip + len(x)]


def prepare(
    out: Path,
    *,
    count: int = 200,
    seed: int = 1,
    again: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> bool:
    """Simulates `count` rooms with four sources each into `out`; returns False if they are already there.

    80 % train, 10 % val, 10 % test. Offices, living rooms, kitchens and halls: 2.5-10 m x 2-8 m x 2.2-4 m,
    reverberation 0.12-0.9 s, the nearest source at 0.3-1.5 m, the others anywhere.
    """
    facts = _read_facts(out)
    wanted = {"format": FORMAT, "count": count, "seed": seed}
    if not again and facts is not None and all(facts.get(k) == v for k, v in wanted.items()):
        return False
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    rooms: list[dict] = []
    parts = {rate: out / f"rooms_{rate}.f32.part" for rate in RATES}
    files = {rate: path.open("wb") for rate, path in parts.items()}
    for number in range(count):
        split = ("val", "test")[number % 10] if number % 10 < 2 else "train"
        size, rt60, distances, responses = simulate(rng)
        first = number * PLACES
        rooms.append({"split": split, "size_m": size, "rt60_s": rt60, "rows": list(range(first, first + PLACES)),
                      "distances_m": distances})  # fmt: skip
        for rate, file in files.items():
            file.write(np.stack([_cut(r, rate) for r in responses]).tobytes())
        progress(number + 1, count)
    for rate, file in files.items():
        file.close()
        os.replace(parts[rate], out / f"rooms_{rate}.f32")
    part = out / "rooms.json.part"
    part.write_text(json.dumps({**wanted, "rooms": rooms}), encoding="utf-8")
    os.replace(part, out / "rooms.json")
    return True


def simulate(rng: np.random.Generator) -> tuple[list[float], float, list[float], list[np.ndarray]]:
    """One random shoebox room: its size (m), reverberation time (s), distances of four sources (m), their responses.

    The image method of Allen & Berkley (1979) in pyroomacoustics for the first 80 ms, with walls that absorb more at
    high frequencies, then a tail of decaying noise. Shapes: four times float64 [0.5 s at 48 kHz], direct path at 1 ms.
    """
    import pyroomacoustics as pra

    size = [float(rng.uniform(*span)) for span in ((2.5, 10), (2, 8), (2.2, 4))]
    volume, surface = size[0] * size[1] * size[2], 2 * (size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
    # Sabine's shortest time for a fully absorbing room bounds what can be asked for
    rt60 = float(np.exp(rng.uniform(np.log(0.12), np.log(0.9))))
    absorption = min(0.161 * volume / (surface * rt60), 0.85)
    rt60 = 0.161 * volume / (surface * absorption)
    bands = [125, 250, 500, 1000, 2000, 4000, 8000]
    tilt = np.linspace(rng.uniform(0.6, 0.9), rng.uniform(1.05, 1.5), len(bands))
    material = pra.Material(
        {"coeffs": list(np.clip(absorption * tilt, 0.02, 0.95)), "center_freqs": bands, "description": "drawn"}
    )
    order = int(np.ceil(COMPLETE_S * SOUND_M_S / min(size))) + 1
    room = pra.ShoeBox(size, fs=48000, materials=material, max_order=order, air_absorption=True)
    microphone = np.array([rng.uniform(0.4, s - 0.4) for s in size[:2]] + [rng.uniform(0.6, min(1.8, size[2] - 0.3))])
    room.add_microphone(microphone)
    distances = []
    for place in range(PLACES):
        for _ in range(200):
            source = np.array([rng.uniform(0.2, s - 0.2) for s in size])
            if place == 0:
                step = rng.standard_normal(3) * [1, 1, 0.4]
                source = microphone + step / np.linalg.norm(step) * np.exp(rng.uniform(np.log(0.3), np.log(1.5)))
            if all(0.15 < c < s - 0.15 for c, s in zip(source, size, strict=True)):
                break
        else:
            source = np.array(size) / 2
        distances.append(float(np.linalg.norm(source - microphone)))
        room.add_source(source)
    room.compute_rir()
    responses = []
    for distance, response in zip(distances, room.rir[0], strict=True):
        # pyroomacoustics centres its fractional-delay pulses half their length late
        direct = distance / room.c * 48000 + pra.constants.get("frac_delay_length") // 2
        start = max(0, round(direct - BEFORE_S * 48000))
        x = np.zeros(int(LONGEST_S * 48000))
        part = response[start : start + len(x)]
        x[: len(part)] = part
        responses.append(_add_tail(x, rt60, rng))
    return size, rt60, distances, responses


def _add_tail(response: np.ndarray, rt60: float, rng: np.random.Generator) -> np.ndarray:
    """From `COMPLETE_S` on: noise with the room's decay (1.6 times faster above 2 kHz), level with what precedes it.

    Images of all orders up to there are many enough to sound dense, and the rest would cost the most time.
    """
    rate, join, fade = 48000, int(COMPLETE_S * 48000), int(0.01 * 48000)
    time = np.arange(len(response)) / rate
    tail = np.zeros_like(response)
    for kind, speed in (("low", 1.0), ("high", 1.6)):
        band = butter(2, 2000, kind, fs=rate, output="sos")
        noise = sosfilt(band, rng.standard_normal(len(response))) * 10 ** (-3 * time * speed / rt60)
        before = slice(join - 2 * fade, join)
        level = np.sqrt(np.mean(sosfilt(band, response)[before] ** 2) / np.mean(noise[before] ** 2))
        tail += level * noise
    rise = np.clip((np.arange(len(response)) - join + fade) / fade, 0, 1)
    return response * np.sqrt(1 - rise) + tail * np.sqrt(rise)


def _cut(response: np.ndarray, rate: int) -> np.ndarray:
    """A response of 0.5 s at 48 kHz brought to `rate`, its end faded; unit energy in its early part."""
    import soxr

    length = int(LONGEST_S * rate)
    x = response if rate == 48000 else soxr.resample(response, 48000, rate)[:length]
    x = x * np.minimum(1, np.linspace(10, 0, length))
    return (x / np.sqrt(np.sum(x[: int((BEFORE_S + EARLY_S) * rate)] ** 2))).astype(np.float32)


def _read_facts(folder: Path) -> dict | None:
    try:
        facts = json.loads((folder / "rooms.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None
    return facts if facts.get("format") == FORMAT else None
