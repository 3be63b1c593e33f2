"""Synthetic noise beside the recordings: coloured noise, mains hum, fans, clicks and keys, notes and rings, thumps.

Every class is a source `x = source(length, rng)` -> float32 [length] with an arbitrary level (mixing sets it). Built
for speed: shaping happens in the frequency domain, periodic sounds come from a table of one period.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from training.data.augment import log_uniform


class ColouredNoise:
    """Noise with a slope of -9..+1 dB an octave, a random curve of +-8 dB, sometimes limited to a band of >= 1 octave.

    Its envelope is flat (half of the cases) or wanders by up to +-12 dB, 0.3 to 6 times a second.
    """

    def __init__(self, sample_rate: int, slope_db: tuple[float, float] = (-9.0, 1.0), steady: float = 0.5):
        self.sample_rate, self.slope_db, self.steady = sample_rate, slope_db, steady

    def __call__(self, length: int, rng: np.random.Generator) -> np.ndarray:
        size = fft.next_fast_len(length, real=True)
        octaves = np.log2(np.maximum(fft.rfftfreq(size, 1 / self.sample_rate), 30) / 30).astype(np.float32)
        knots = np.linspace(0, octaves[-1], 9)
        curve_db = knots * rng.uniform(*self.slope_db) + rng.uniform(-8, 8, 9)
        if rng.random() < 0.3:
            low = rng.uniform(0, octaves[-1] - 1)
            high = rng.uniform(low + 1, octaves[-1])
            curve_db -= 12 * (np.maximum(low - knots, 0) + np.maximum(knots - high, 0))
        gain = np.exp(np.interp(octaves, knots, curve_db).astype(np.float32) * np.float32(np.log(10) / 20))
        spectrum = fft.rfft(rng.standard_normal(size, np.float32))
        spectrum *= gain
        x = fft.irfft(spectrum, size)[:length]
        if rng.random() >= self.steady:
            x *= wandering_gain(length, self.sample_rate, rng)
        return x


def wandering_gain(length: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Random envelope [length]: a new level within +-12 dB, 0.3 to 6 times a second, straight lines (in dB) between."""
    spacing = sample_rate / log_uniform(rng, 0.3, 6)
    count = int(length / spacing) + 3
    levels_db = rng.uniform(-12, 12, count) * rng.uniform(0.3, 1)
    coarse = np.arange(0, length + 160, 160)  # 10 ms or less: finer would cost more and change nothing audible
    gains = 10 ** (np.interp(coarse / spacing + rng.random(), np.arange(count), levels_db) / 20)
    return np.interp(np.arange(length), coarse, gains).astype(np.float32)


def periodic(table: np.ndarray, hz: np.ndarray | float, length: int, sample_rate: int, phase: float) -> np.ndarray:
    """Plays one period (`table`) at a fundamental of `hz`, constant or [length]; returns float32 [length]."""
    cycles = np.cumsum(hz) if np.ndim(hz) else np.arange(length) * hz
    turns = cycles / sample_rate + phase
    return table[((turns % 1.0) * len(table)).astype(np.int32)]


def harmonics(amplitudes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One period (8192 samples) of harmonics 1.. with these amplitudes and random phases."""
    spectrum = np.zeros(4097, np.complex64)
    spectrum[1 : len(amplitudes) + 1] = amplitudes * np.exp(2j * np.pi * rng.random(len(amplitudes)))
    return fft.irfft(spectrum).astype(np.float32) * 8192


class Hum:
    """Mains hum: 50 or 60 Hz (+-0.2 %), 4 to 40 harmonics falling 3-12 dB an octave, and hiss 10-50 dB below."""

    def __init__(self, sample_rate: int):
        self.sample_rate = sample_rate

    def __call__(self, length: int, rng: np.random.Generator) -> np.ndarray:
        hz = rng.choice([50.0, 60.0]) * rng.uniform(0.998, 1.002)
        order = np.arange(1, int(rng.integers(4, 41)) + 1)
        amplitudes = order ** -rng.uniform(0.5, 2.0) * rng.uniform(0.1, 1, len(order))
        if rng.random() < 0.5:
            amplitudes[::2] *= 0.2  # full-wave rectifiers double the frequency
        x = periodic(harmonics(amplitudes, rng), hz, length, self.sample_rate, rng.random())
        hiss = rng.standard_normal(length, np.float32)
        hiss *= np.float32(np.sqrt(np.mean(x**2)) * 10 ** (-rng.uniform(10, 50) / 20))
        return x + hiss


class Fan:
    """A fan or motor: falling broadband noise, blade tones (30-400 Hz, wobbling by up to 2 %), light beating."""

    def __init__(self, sample_rate: int):
        self.sample_rate = sample_rate
        self._rush = ColouredNoise(sample_rate, (-7.0, -2.0), steady=1.0)

    def __call__(self, length: int, rng: np.random.Generator) -> np.ndarray:
        coarse = np.arange(0, length + 160, 160)
        time = coarse / self.sample_rate
        blade_hz = log_uniform(rng, 30, 400)
        wobble = 1 + rng.uniform(0, 0.02) * np.sin(2 * np.pi * (rng.uniform(0.1, 2) * time + rng.random()))
        hz = np.interp(np.arange(length), coarse, blade_hz * wobble)
        order = np.arange(1, int(rng.integers(2, 16)) + 1)
        order = order[order * blade_hz < 0.45 * self.sample_rate]
        tones = harmonics(order ** -rng.uniform(0.3, 1.5) * rng.uniform(0.1, 1, len(order)), rng)
        tone = periodic(tones, hz, length, self.sample_rate, rng.random())
        rush = self._rush(length, rng)
        beat = 1 + rng.uniform(0, 0.4) * np.sin(2 * np.pi * (rng.uniform(0.3, 12) * time + rng.random()))
        rush *= np.interp(np.arange(length), coarse, beat).astype(np.float32)
        tone *= np.float32(np.sqrt(np.mean(rush**2) / np.mean(tone**2)) * 10 ** (rng.uniform(-20, 3) / 20))
        return rush + tone


class Clicks:
    """Keys, mouse buttons and taps: 1-9 strikes a second in bursts; each 5-60 ms of decaying noise and resonances.

    A key sounds twice, when pressed and (weaker, 60-150 ms later) when released. Levels of strikes vary by 12 dB.
    """

    def __init__(self, sample_rate: int):
        self.sample_rate = sample_rate

    def __call__(self, length: int, rng: np.random.Generator) -> np.ndarray:
        rate = self.sample_rate
        x = np.zeros(length + rate // 4, np.float32)
        sounds = [self._strike(rng) for _ in range(int(rng.integers(2, 6)))]
        strikes_a_second, releases = rng.uniform(1, 9), rng.random() < 0.7
        position = rng.uniform(0, 0.5) * rate
        while position < length:
            sound = sounds[rng.integers(len(sounds))]
            gain = np.float32(10 ** (-rng.uniform(0, 12) / 20))
            start = int(position)
            x[start : start + len(sound)] += gain * sound[: len(x) - start]
            if releases:
                again = start + int(rng.uniform(0.06, 0.15) * rate)
                x[again : again + len(sound)] += np.float32(0.3) * gain * sound[: max(0, len(x) - again)]
            pause = 1.0 if rng.random() < 0.08 else 0.0  # between words
            position += (rng.exponential(1 / strikes_a_second) + 0.03 + pause * rng.uniform(0.3, 1.5)) * rate
        return x[:length]

    def _strike(self, rng: np.random.Generator) -> np.ndarray:
        rate = self.sample_rate
        length = int(log_uniform(rng, 0.005, 0.06) * rate)
        time = np.arange(length) / rate
        decay = np.exp(-time * 5 * rate / length)
        noise = np.diff(rng.standard_normal(length + 1)) * rng.uniform(0.2, 1)  # differenced: bright, no thump
        for _ in range(3):
            noise += rng.uniform(0, 1) * np.sin(2 * np.pi * (log_uniform(rng, 150, 6000) * time + rng.random()))
        attack = np.minimum(1, time / 0.0003)
        return (noise * decay * attack).astype(np.float32)


class Tones:
    """Notes, bells and alarms: up to three at a time of 120 to 4000 Hz, each 1 to 8 partials, in a scale or at random.

    Half of the draws ring (struck, then decaying within 0.1 to 2 s, the partials of bells inharmonic); the others sound
    on and off, as beeps and held notes do, some with vibrato.
    """

    def __init__(self, sample_rate: int):
        self.sample_rate = sample_rate

    def __call__(self, length: int, rng: np.random.Generator) -> np.ndarray:
        rate = self.sample_rate
        x = np.zeros(length, np.float32)
        lowest_hz = log_uniform(rng, 120, 2000)
        pitches_hz = lowest_hz * 2 ** (rng.integers(0, 13, int(rng.integers(1, 6))) / 12)  # one of them is an alarm
        partials, bell = int(rng.integers(1, 9)), rng.random() < 0.3
        order = np.arange(1, partials + 1) * (1 + (rng.uniform(0, 0.4, partials) if bell else 0))
        falling = rng.uniform(0.3, 2)
        rings, notes_a_second = rng.random() < 0.5, log_uniform(rng, 0.7, 8)
        for _ in range(int(rng.integers(1, 4))):
            position = rng.uniform(0, 0.7) * rate
            while position < length:
                spacing = rng.uniform(0.7, 1.4) / notes_a_second
                lasts_s = log_uniform(rng, 0.1, 2) if rings else spacing * rng.uniform(0.4, 1)
                size = min(int(lasts_s * rate), length - int(position))
                hz = pitches_hz[rng.integers(len(pitches_hz))]
                heard = order[order * hz < 0.45 * rate]
                note = self._note(size, hz * heard, heard**-falling, rng)
                time = np.arange(size, dtype=np.float32) / rate
                note *= np.minimum(1, time / 0.003)  # no click where it begins
                note *= np.exp(-5 * time / lasts_s) if rings else np.minimum(1, (lasts_s - time) / 0.01)
                x[int(position) : int(position) + size] += np.float32(10 ** (-rng.uniform(0, 10) / 20)) * note
                position += spacing * rate
        return x

    def _note(self, size: int, hz: np.ndarray, amplitudes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        time = np.arange(size, dtype=np.float32) / self.sample_rate
        if rng.random() < 0.3:  # vibrato, as a phase that swings
            time = time + np.float32(0.01 / 5.5 / (2 * np.pi)) * np.sin(2 * np.pi * rng.uniform(4, 7) * time)
        note = np.zeros(size, np.float32)
        for f, a, phase in zip(hz, amplitudes, rng.random(len(hz)), strict=True):
            note += np.float32(a) * np.sin(2 * np.pi * (f * time + phase)).astype(np.float32)
        return note


class Thumps:
    """Knocks on a table or a microphone, steps, doors: 0.3 to 3 a second, each 30-200 ms of decaying sound at 40-400 Hz
    with a click of up to 4 kHz 10 to 40 dB below."""

    def __init__(self, sample_rate: int):
        self.sample_rate = sample_rate

    def __call__(self, length: int, rng: np.random.Generator) -> np.ndarray:
        rate = self.sample_rate
        x = np.zeros(length, np.float32)
        thumps = [self._thump(rng) for _ in range(int(rng.integers(1, 4)))]
        thumps_a_second = log_uniform(rng, 0.3, 3)
        position = rng.uniform(0, 0.8) * min(length, rate)
        while position < length:
            thump = thumps[rng.integers(len(thumps))]
            start = int(position)
            x[start : start + len(thump)] += np.float32(10 ** (-rng.uniform(0, 10) / 20)) * thump[: length - start]
            position += (0.05 + rng.exponential(1 / thumps_a_second)) * rate
        return x

    def _thump(self, rng: np.random.Generator) -> np.ndarray:
        rate = self.sample_rate
        size = int(log_uniform(rng, 0.03, 0.2) * rate)
        time = np.arange(size) / rate
        x = np.zeros(size)
        for _ in range(int(rng.integers(1, 5))):
            decay = np.exp(-time * rng.uniform(4, 9) * rate / size)
            x += rng.uniform(0.2, 1) * decay * np.sin(2 * np.pi * (log_uniform(rng, 40, 400) * time + rng.random()))
        click = np.exp(-time / rng.uniform(0.001, 0.008)) * rng.standard_normal(size)
        click *= np.sin(2 * np.pi * log_uniform(rng, 500, 4000) * time)
        x += click * 10 ** (-rng.uniform(10, 40) / 20)
        return (x * np.minimum(1, time / 0.0005)).astype(np.float32)
