"""Inputs unlike the usual ones: quiet, clipped, of a telephone, at other rates, in a room, clean, two voices, a child.

Wherever it can be, a condition is the "usual" mixture of the same number with one thing changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.robustness.draws import GOLDEN, LEVEL_DB, Draw, Studio, at_level
from benchmarks.robustness.material import CONDITIONS, SECONDS, USUAL_DB
from enhancer.engine import denoise
from enhancer.evaluation.measures import at_rate, score
from enhancer.evaluation.statistics import two_way_interval
from enhancer.model import Student
from training.data.augment import TELEPHONE_HZ, mu_law
from training.data.fixed_sets import Item
from training.data.levels import db_to_gain
from training.data.rooms import Room

QUIET_DB, FAR_DB = -50.0, -40.0
CLIPPED_DB = -10.0  # where an overloaded input is cut, re the mixture's peak
SECOND_DB = -5.0  # the second voice re the first
RAISED = 1.3  # pitch and formants of a woman's voice, to stand in for a child of some eight years
FAR_M, LIVELY_S = 2.0, 0.3
PHONE_RATE = 8_000


@dataclass(frozen=True)
class Condition:
    """A row: its name, whether its mixtures are made from full-band recordings, and mixture `number` of it."""

    name: str
    full_band: bool
    make: Callable[[Studio, int], Item]


@dataclass(frozen=True)
class Scored:
    """Scores of a condition before and after, {measure: [items]}, and what the items share."""

    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]
    speakers: list[str]
    noises: list[str]

    def row(self) -> dict:
        """Means before and after, the mean gain and its 95 % interval, for JSON."""
        found: dict = {"items": len(self.speakers)}
        for key in self.before:
            gain = self.after[key] - self.before[key]
            low, high = two_way_interval(gain, self.speakers, self.noises)
            found[key] = {
                "before": float(np.nanmean(self.before[key])), "after": float(np.nanmean(self.after[key])),
                "gain": float(np.nanmean(gain)), "low": low, "high": high,
            }  # fmt: skip
        return found


def usual(studio: Studio, number: int) -> Item:
    """The speech at -26 dBFS, dry, in noise at -5 to 15 dB."""
    return _usual(studio, number).item


def quiet(studio: Studio, number: int) -> Item:
    """The same at -50 dBFS, in 16 bits."""
    item = usual(studio, number)
    gain = np.float32(db_to_gain(QUIET_DB - LEVEL_DB))
    return replace(item, noisy=np.round(item.noisy * gain * 32768) / np.float32(32768), clean=item.clean * gain)


def clipped(studio: Studio, number: int) -> Item:
    """The same, cut hard 10 dB below its peak; what was cut off is asked back."""
    item = usual(studio, number)
    limit = np.abs(item.noisy).max() * np.float32(db_to_gain(CLIPPED_DB))
    return replace(item, noisy=np.clip(item.noisy, -limit, limit))


def at_8_khz(studio: Studio, number: int) -> Item:
    """The same, recorded at 8 kHz."""
    return _resampled(usual(studio, number), PHONE_RATE)


def telephone(studio: Studio, number: int) -> Item:
    """The same through a telephone: 300-3400 Hz at 8 kHz, 8 bits of mu-law on the noisy side."""
    from scipy.signal import butter, sosfiltfilt

    item = at_8_khz(studio, number)
    band = butter(4, TELEPHONE_HZ, "band", fs=PHONE_RATE, output="sos")
    noisy, clean = (sosfiltfilt(band, x).astype(np.float32) for x in (item.noisy, item.clean))
    return replace(item, noisy=mu_law(noisy, np.float32(1)), clean=clean)


def at_44_khz(studio: Studio, number: int) -> Item:
    """The full-band one, recorded at 44.1 kHz."""
    return _resampled(usual(studio, number), 44_100)


def clean(studio: Studio, number: int) -> Item:
    """The speech without noise."""
    item = usual(studio, number)
    return replace(item, noisy=item.clean, noise_recording="")


def reverberant(studio: Studio, number: int) -> Item:
    """The speech in a room (reverberation time 0.3 s or more) without noise; its first 50 ms are the target."""
    room = _room(studio, number, lambda room: room.rt60_s >= LIVELY_S)
    draw = _usual(studio, number)
    wet, early = room.reverb(int(np.argmax(room.distances_m)))(draw.speech)
    return replace(draw, speech=wet, target=early, noise=np.zeros_like(wet), noise_recording="").item


def far(studio: Studio, number: int) -> Item:
    """The speech from 2 m or more away in a room, at -40 dBFS, and the noise as far below as usual."""
    room = _room(studio, number, lambda room: max(room.distances_m) >= FAR_M)
    draw = _usual(studio, number)
    wet, early = room.reverb(int(np.argmax(room.distances_m)))(draw.speech)
    level = at_level(wet, studio.rate, FAR_DB)
    gain = np.float32(np.sqrt(np.sum(level**2) / np.sum(wet**2)))
    noise = draw.noise * np.float32(db_to_gain(FAR_DB - LEVEL_DB))
    return replace(draw, speech=level, target=early * gain, noise=noise).item


def two_voices(studio: Studio, number: int) -> Item:
    """The usual mixture and a second voice 5 dB below the first; both are to be kept."""
    draw = _usual(studio, number)
    second, _ = studio.voice(CONDITIONS, number + 1000, SECONDS, "", avoid=draw.voice.speaker)
    both = draw.speech + second * np.float32(db_to_gain(SECOND_DB))
    return replace(draw, speech=both, target=both).item


def raised(studio: Studio, number: int) -> Item:
    """A woman's voice played 1.3 times as fast, pitch and formants with it, in the usual noise."""
    import soxr

    draw = _usual(studio, number)
    women = [name for name in studio.speakers if studio.voices.names[name] == "f"]
    voice, facts = studio.voice(CONDITIONS, number, SECONDS * RAISED, women[number % len(women)])
    speech = soxr.resample(voice, studio.rate * RAISED, studio.rate, "HQ")[: len(draw.noise)]
    speech = at_level(np.pad(speech, (0, len(draw.noise) - len(speech))), studio.rate, LEVEL_DB)
    return replace(draw, speech=speech, target=speech, voice=facts).item


ALL: Sequence[Condition] = (
    Condition("usual: -26 dBFS, dry, 16 kHz", False, usual),
    Condition("quiet: -50 dBFS, 16 bits", False, quiet),
    Condition("clipped 10 dB below the peak", False, clipped),
    Condition("8 kHz *", False, at_8_khz),
    Condition("telephone: 300-3400 Hz, mu-law *", False, telephone),
    Condition("far: 2 m or more, -40 dBFS", False, far),
    Condition("two voices, 5 dB apart", False, two_voices),
    Condition("raised voice (child stand-in)", False, raised),
    Condition("48 kHz", True, usual),
    Condition("44.1 kHz, same mixtures", True, at_44_khz),
    Condition("room alone, no noise", False, reverberant),
    Condition("clean, no noise", False, clean),
)


def scored(condition: Condition, studio: Studio, count: int, student: Student) -> Scored:
    """PESQ (narrow-band at 8 kHz, else wide-band), ESTOI, SI-SDR and speech level of `count` mixtures, both sides."""
    before: list[dict] = []
    after: list[dict] = []
    items = [condition.make(studio, number) for number in range(count)]
    for item in items:
        keys = ("pesq_nb" if item.sample_rate < 16_000 else "pesq_wb", "estoi", "si_sdr", "level_db")
        enhanced = denoise(item.noisy, item.sample_rate, model=student)
        for side, estimate in ((before, item.noisy), (after, enhanced)):
            side.append(score(estimate[:, None], item.clean[:, None], item.sample_rate, keys).values)
    columns = [{key: np.array([row[key] for row in side]) for key in side[0]} for side in (before, after)]
    return Scored(*columns, [item.speaker for item in items], [item.noise_recording for item in items])


def _usual(studio: Studio, number: int) -> Draw:
    return studio.mixture(CONDITIONS, number, SECONDS, USUAL_DB, studio.speaker(number))


def _resampled(item: Item, sample_rate: int) -> Item:
    noisy, target = (at_rate(x, item.sample_rate, sample_rate) for x in (item.noisy, item.clean))
    return replace(item, noisy=np.clip(noisy, -1, 1), clean=target, sample_rate=sample_rate)


def _room(studio: Studio, number: int, fits: Callable[[Room], bool]) -> Room:
    """Room `number` of those that fit, or of all where none does."""
    rooms = [room for room in studio.rooms if fits(room)] or studio.rooms
    return rooms[int(number * GOLDEN % 1.0 * len(rooms))]
