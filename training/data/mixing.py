"""Mixtures on the fly: speech, rooms, noise and device effects drawn from one seeded generator.

Every mixture comes from a seed of its own, and the seeds from the mixer's generator: a batch can be made again, resumed
after a stop, or spread over workers, always with the same samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from enhancer.errors import ConfigError
from training.data.augment import (
    TELEPHONE_HZ,
    BandLimit,
    Clipping,
    CoarseQuantisation,
    GainSteps,
    OpusCoding,
    RandomEqualiser,
    TelephoneBand,
    mu_law,
)
from training.data.categories import CATEGORY_WEIGHTS, UNSORTED, UNSORTED_WEIGHT
from training.data.levels import active_level_db, db_to_gain, limit_peak
from training.data.noises import Noises
from training.data.pools import Pools
from training.data.rooms import Room, Rooms
from training.data.voices import Voice, Voices, fade_ends


@dataclass(frozen=True)
class MixConfig:
    """What is drawn and how often; shares are 0..1, levels dB (re full scale) over active frames."""

    snr_db: tuple[float, float] = (-7.0, 20.0)  # uniform; active speech over active noise, before device effects
    level_db: tuple[float, float] = (-40.0, -10.0)  # uniform; of the speech (of the noise where there is no speech)
    quiet_share: float = 0.05  # of mixtures with a level down to quiet_db instead
    quiet_db: float = -60.0
    noise_only: float = 0.05  # share without speech: the target is silence
    clean_only: float = 0.05  # share without noise: learn to do nothing
    second_speaker: float = 0.10  # share with a second voice, 5-20 dB below the first
    louder_only: bool = False  # True: the second voice is noise to be removed; False: it stays in the target
    sources: tuple[float, ...] = (0.50, 0.35, 0.15)  # shares of one, two, three noise sources
    full_length: float = 0.5  # share of noise sources that last the whole segment; others 10-100 % of it
    reverberant: float = 0.40  # share of speech in a simulated room
    reverberant_noise: float = 0.4  # share of noise in that same room, where there is one
    equalised: float = 0.4  # share of speech, and of noise, through a random equaliser
    band_limited: float = 0.10  # share band-limited as a whole (4, 7, 8 or 12 kHz)
    telephone: float = 0.0  # share through a telephone line (300-3400 Hz), half of it with 8 bits of mu-law
    gain_steps: float = 0.08  # share with changes of gain
    clipped: float = 0.05  # share with overload of the noisy side
    quantised: float = 0.04  # share with coarse quantisation of the noisy side
    coded: float = 0.0  # share whose noisy side went through Opus at 10-32 kbit/s; costs 30-50 ms of CPU per 2 s
    categories: Mapping[str, float] = field(default_factory=lambda: dict(CATEGORY_WEIGHTS))
    excluded: tuple[str, ...] = ()  # patterns of paths, speakers or noise groups to leave out

    def __post_init__(self) -> None:
        shares = ("quiet_share", "noise_only", "clean_only", "second_speaker", "full_length", "reverberant",
                  "reverberant_noise", "equalised", "band_limited", "telephone", "gain_steps", "clipped",
                  "quantised", "coded")  # fmt: skip
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} = {getattr(self, name)} is not a share between 0 and 1")
        for name in ("snr_db", "level_db"):
            low, high = getattr(self, name)
            if low > high:
                raise ConfigError(f"{name} = {[low, high]} has its ends exchanged")


@dataclass(frozen=True)
class Mixture:
    """One mixture: noisy [N], clean [N] (the target), float32 within +-1, and what was drawn (JSON-able)."""

    noisy: np.ndarray
    clean: np.ndarray
    info: dict


@dataclass(frozen=True)
class Batch:
    """noisy and clean, float32 [B, N] within +-1; info: one dict a mixture."""

    noisy: np.ndarray
    clean: np.ndarray
    info: list[dict]


class Mixer:
    """Draws batches of one split. `state` is JSON: set it on another mixer of the same config and pools to go on there.

    Raises InputError if the split has no speech or noise, or no rooms were made.
    """

    def __init__(self, config: MixConfig, pools: Pools, split: str, seed: int):
        self.config, self.pools, self.split = config, pools, split
        self._seeds = np.random.default_rng(seed)
        self._benches: dict[int, _Bench] = {}
        self._bench(16000)  # what is missing is said now, not in the middle of a run

    @property
    def state(self) -> dict:
        """Where the draw stands: the state of its generator, made of strings and integers."""
        return dict(self._seeds.bit_generator.state)

    @state.setter
    def state(self, state: dict) -> None:
        self._seeds.bit_generator.state = state

    def batch(self, size: int, seconds: float, sample_rate: int) -> Batch:
        """`size` new mixtures of `seconds` at 16000 Hz or, from full-band recordings, 48000 Hz."""
        seeds = self._seeds.integers(2**62, size=size)
        mixtures = [self.mixture(int(seed), seconds, sample_rate) for seed in seeds]
        return Batch(
            np.stack([m.noisy for m in mixtures]), np.stack([m.clean for m in mixtures]), [m.info for m in mixtures]
        )

    def mixture(self, seed: int, seconds: float, sample_rate: int) -> Mixture:
        """The mixture of this seed (the one in its `info`); does not touch the mixer's state."""
        mixture = self._bench(sample_rate).mix(round(seconds * sample_rate), np.random.default_rng(seed))
        mixture.info["seed"] = seed
        return mixture

    def _bench(self, sample_rate: int) -> _Bench:
        if sample_rate not in self._benches:
            self._benches[sample_rate] = _Bench(self.config, self.pools, self.split, sample_rate)
        return self._benches[sample_rate]


class _Bench:
    """Everything that mixing needs at one sample rate."""

    def __init__(self, config: MixConfig, pools: Pools, split: str, rate: int):
        self.config, self.rate = config, rate
        self.voices = Voices(pools.get("speech", rate), split, config.excluded)
        weights = {UNSORTED: UNSORTED_WEIGHT, **config.categories}
        self.noises = Noises(pools.get("noise", rate), split, self.voices, weights, config.excluded)
        self.rooms = Rooms(pools.folder, split, rate) if config.reverberant > 0 else None
        self.equalise, self.band_limit, self.steps = RandomEqualiser(rate), BandLimit(rate), GainSteps(rate)
        self.telephone = TelephoneBand(rate)
        self.clip, self.quantise, self.code = Clipping(), CoarseQuantisation(), OpusCoding(rate)

    def mix(self, length: int, rng: np.random.Generator) -> Mixture:
        config = self.config
        info: dict = {"sample_rate": self.rate, "seconds": length / self.rate}
        rows = np.zeros((3, length), np.float32)  # speech as heard, its target, noise
        kind = rng.random()
        speech = kind >= config.noise_only
        room = None
        info.update(speaker="", sex="", language="", bandwidth_hz=self.rate / 2)
        if self.rooms and rng.random() < config.reverberant:
            room = self.rooms.draw(rng)
        if speech:
            voice = self._speech(rows, room, rng, info)
            # recordings with gated pauses never pass as "clean": nothing would say where their noise floor went
            noise = kind >= config.noise_only + config.clean_only or voice.gated
        else:
            voice, noise = None, True
        if noise:
            rows[2] += self._noise(length, room, rng, info)
        self._limit_band(rows, voice, rng, info)
        self._set_snr(rows, rng, info)
        info.update(
            kind="mixture" if speech and noise else "clean" if speech else "noise",
            reverberant=room is not None and speech,
            rt60_s=round(room.rt60_s, 3) if room else 0.0,
        )
        return self._device(rows, rng, info)

    def _speech(self, rows: np.ndarray, room: Room | None, rng: np.random.Generator, info: dict) -> Voice:
        """Puts one voice, sometimes a second, into rows 0 (as heard) and 1 (target)."""
        config, length = self.config, rows.shape[1]
        x, voice = self.voices.draw(length, rng)
        if rng.random() < config.equalised:
            x = self.equalise(x, rng)
        rows[:2] = room.reverb(0)(x) if room else x
        info.update(speaker=voice.speaker, sex=voice.sex, language=voice.language, clips=voice.clips)
        info["bandwidth_hz"] = min(voice.bandwidth_hz, self.rate / 2)
        if rng.random() < config.second_speaker:
            second, other = self.voices.draw(length, rng, avoid=voice.speaker)
            level = active_level_db(rows[0], self.rate) - active_level_db(second, self.rate)
            below = rng.uniform(5, 20)
            second *= np.float32(db_to_gain(level - below))
            second = np.roll(second, int(rng.integers(length)))
            pair = room.reverb(1 + int(rng.integers(3)))(second) if room else (second, second)
            rows[2 if config.louder_only else 0] += pair[0]
            if not config.louder_only:
                rows[1] += pair[1]
            info.update(second_speaker=other.speaker, second_below_db=round(float(below), 2))
        return voice

    def _noise(self, length: int, room: Room | None, rng: np.random.Generator, info: dict) -> np.ndarray:
        """The sum of one to three sources, the first the loudest, each through the room and equaliser at times."""
        config, noise = self.config, np.zeros(length, np.float32)
        count = 1 + int(np.searchsorted(np.cumsum(config.sources), rng.random() * sum(config.sources)))
        info["noise"] = []
        for number in range(count):
            whole = rng.random() < config.full_length
            share = 1.0 if whole else float(rng.uniform(0.1, 1))
            size = max(int(share * length), 1)
            start = int(rng.integers(length - size + 1))
            x, facts = self.noises.draw(size, rng)
            if not whole:
                fade_ends(x, int(rng.uniform(0.005, 0.2) * self.rate))
            x *= np.float32(db_to_gain(0 if number == 0 else -rng.uniform(0, 12)))
            noise[start : start + size] += x
            info["noise"].append({**facts, "start": round(start / self.rate, 3), "share": round(share, 3)})
        if room and rng.random() < config.reverberant_noise:
            noise = room.reverb(1 + int(rng.integers(3))).wet(noise)
        if rng.random() < config.equalised:
            noise = self.equalise(noise, rng)
        return noise

    def _limit_band(self, rows: np.ndarray, voice: Voice | None, rng: np.random.Generator, info: dict) -> None:
        """Band limits of the device, on speech, target and noise alike.

        Noise above a narrow recording's own limit would teach that the top band never holds speech: it goes too, always
        for recordings far narrower than the grid (asterisk's 7 kHz), half the time for others.
        """
        config, cutoffs = self.config, self.band_limit.cutoffs_hz
        if config.telephone > 0 and rng.random() < config.telephone:  # drawn only if wanted, as "coded"
            rows[:] = self.telephone(rows)
            info["bandwidth_hz"] = min(info["bandwidth_hz"], TELEPHONE_HZ[1])
            info["telephone"] = "mu-law" if rng.random() < 0.5 else "analogue"
            return
        if rng.random() < config.band_limited:
            cutoff = cutoffs[rng.integers(len(cutoffs))]
        elif voice and voice.bandwidth_hz < 0.9 * self.rate / 2 and (
            voice.bandwidth_hz <= 7000 or rng.random() < 0.5
        ):  # fmt: skip
            cutoff = 500 * round(max(voice.bandwidth_hz, 4000) / 500)  # few different filters: they are cached
        else:
            return
        rows[:] = self.band_limit.at(rows, cutoff)
        info["bandwidth_hz"] = min(info["bandwidth_hz"], float(cutoff))
        info["band_limit_hz"] = float(cutoff)

    def _set_snr(self, rows: np.ndarray, rng: np.random.Generator, info: dict) -> None:
        """Scales speech and target to the drawn level, and noise to the drawn SNR below it (or alone to the level)."""
        config = self.config
        level_db = float(rng.uniform(*config.level_db))
        if rng.random() < config.quiet_share:
            level_db = float(rng.uniform(config.quiet_db, config.level_db[0]))
        snr_db = float(rng.uniform(*config.snr_db))
        speech_db, noise_db = active_level_db(rows[0], self.rate), active_level_db(rows[2], self.rate)
        info["snr_db"] = None
        if speech_db > -100:
            rows[:2] *= np.float32(db_to_gain(level_db - speech_db))
            if noise_db > -100:
                rows[2] *= np.float32(db_to_gain(level_db - snr_db - noise_db))
                info["snr_db"] = round(snr_db, 3)
        elif noise_db > -100:
            rows[2] *= np.float32(db_to_gain(level_db - noise_db))
        info["level_db"] = round(level_db, 3)

    def _device(self, rows: np.ndarray, rng: np.random.Generator, info: dict) -> Mixture:
        """Adds up, steps the gain of both sides, degrades the noisy one, and keeps both within full scale."""
        config = self.config
        pair = np.stack([rows[0] + rows[2], rows[1]])
        effects = [name for name in ("gain_steps", "clipped", "quantised") if rng.random() < getattr(config, name)]
        if config.coded > 0 and rng.random() < config.coded:  # drawn only if wanted: seeds of old runs keep meaning
            effects.append("coded")
        if "gain_steps" in effects:
            pair = self.steps(pair, rng)
        if "coded" in effects and self.code.band_hz < info["bandwidth_hz"]:  # what will not come through is no target
            pair = self.band_limit.at(pair, self.code.band_hz)
            info["bandwidth_hz"] = self.code.band_hz
        limiting = limit_peak(pair[0], pair[1])
        if "clipped" in effects:
            pair[0] = self.clip(pair[0], rng)
        if "quantised" in effects:
            pair[0] = self.quantise(pair[0], rng)
        if info.get("telephone") == "mu-law":
            pair[0] = mu_law(pair[0], np.abs(pair[0]).max(initial=1e-9))
        if "coded" in effects:
            pair[0] = self.code(pair[:1], rng)[0]
        np.clip(pair[0], -1, 1, out=pair[0])
        info.update(effects=effects, limited_db=round(float(20 * np.log10(limiting)), 2))
        return Mixture(np.ascontiguousarray(pair[0]), np.ascontiguousarray(pair[1]), info)
