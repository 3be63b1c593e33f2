"""Mixes the bundled demo clips from public recordings: `python -m benchmarks make-demo-clips --data ../shared/data`.

Noise and the English 16 kHz voices come from the test split. No other test voice may be republished, so the other
languages are recordings of training speakers that are kept out of the training pools
(`training.data.corpora.HELD_FOR_DEMO`). Nothing is random: the same data give the same files.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.clips import DEMO, DemoClip, write_clip_list

FREE_LICENCES = ("cc0", "cc0-1.0", "public domain", "cc-by", "cc-by-4.0", "cc-by 3.0")  # no SA, NC, ND, GPL
SPEECH_LEVEL_DB = -24.0  # of active speech, dB re full scale
PEAK = 0.9
CROSSFADE_S = 0.25


@dataclass(frozen=True)
class Recipe:
    """What one clip is made of; times in seconds."""

    name: str
    title: str
    sample_rate: int
    speech: str
    speech_start: float
    seconds: float
    noises: tuple[tuple[tuple[str, float], ...], ...]  # one tuple of (file, start) a channel, joined by crossfades
    snr_db: float


_VACUUM = (("construction_vacuum/esc50_16k_0975.opus", 0.0), ("construction_vacuum/esc50_16k_1038.opus", 0.0))
_TYPING = (("keyboard_mouse_clicks/esc50_16k_1765.opus", 0.0),) * 2
_RAIN = (("wind_rain_water/esc10_0557.opus", 0.0),) * 2

RECIPES = (
    Recipe(
        name="english_street",
        title="English, street",
        sample_rate=16000,
        speech="librispeech_train_clean_100/06432.opus",
        speech_start=2.4,
        seconds=7.0,
        noises=((("traffic/olpc_berklee_0007.opus", 20.0),),),
        snr_db=10,
    ),
    Recipe(
        name="english_vacuum",
        title="English, vacuum",
        sample_rate=16000,
        speech="librispeech_train_clean_100/06413.opus",
        speech_start=4.0,
        seconds=7.5,
        noises=(_VACUUM,),
        snr_db=12,
    ),
    Recipe(
        name="german_typing",
        title="German, typing",
        sample_rate=16000,
        speech="rhasspy_kerstin/08422.opus",
        speech_start=0.0,
        seconds=6.7,
        noises=(_TYPING,),
        snr_db=8,
    ),
    Recipe(
        name="dutch_crowd",
        title="Dutch, crowd",
        sample_rate=16000,
        speech="rhasspy_flemishguy/08180.opus",
        speech_start=0.0,
        seconds=6.7,
        noises=((("babble_crowd/apps_blanket_0853.opus", 7.0),),),
        snr_db=12,
    ),
    Recipe(
        name="english_rain_48k",
        title="English, rain",
        sample_rate=48000,
        speech="rhasspy_kathleen/08348.opus",
        speech_start=0.0,
        seconds=4.9,
        noises=(_RAIN,),
        snr_db=12,
    ),
    Recipe(
        name="german_drill_48k",
        title="German, drill",
        sample_rate=48000,
        speech="rhasspy_kerstin/08404.opus",
        speech_start=0.0,
        seconds=5.6,
        noises=((("construction_vacuum/olpc_berklee_0897.opus", 2.0),),),
        snr_db=10,
    ),
    Recipe(
        name="gaelic_pump_48k_stereo",
        title="Gaelic, water pump",
        sample_rate=48000,
        speech="gcompris/03153.opus",
        speech_start=0.2,
        seconds=5.0,
        noises=((("fan_machines/olpc_berklee_1181.opus", 4.0),), (("fan_machines/olpc_berklee_1181.opus", 10.0),)),
        snr_db=9,
    ),
)


def make(data: Path) -> list[DemoClip]:
    """Writes every clip, the list and ATTRIBUTION.md under assets/demo; returns the clips.

    Raises SystemExit in one line when a recording's licence does not allow it to be republished.
    """
    indexes = {kind: _read_index(data / kind / "INDEX.tsv") for kind in ("speech", "noise")}
    clips, credits = [], []
    for recipe in RECIPES:
        rows = [indexes["speech"][recipe.speech]]
        rows += [indexes["noise"][path] for path in dict.fromkeys(p for channel in recipe.noises for p, _ in channel)]
        for row in rows:
            if row["licence"].strip(" .").lower() not in FREE_LICENCES:
                raise SystemExit(f"error: {row['path']} may not be republished: {row['licence']}")
        noisy, clean = mix(recipe, data)
        clip = DemoClip(recipe.name, recipe.title, recipe.sample_rate, clean.shape[1], recipe.snr_db)
        for path, samples in ((clip.noisy_path, noisy), (clip.clean_path, clean)):
            _write_flac(path, samples, recipe.sample_rate)
        clips.append(clip)
        credits.append((clip, rows))
    write_clip_list(clips)
    (DEMO / "ATTRIBUTION.md").write_text(_attribution(credits), encoding="utf-8")
    return clips


def mix(recipe: Recipe, data: Path) -> tuple[np.ndarray, np.ndarray]:
    """(noisy, clean) of a recipe, float64 [n, channels]; one noise a channel, a stereo voice right of the middle."""
    from training.data.decoding import without_rumble
    from training.data.levels import active_level_db, db_to_gain

    rate, length = recipe.sample_rate, round(recipe.seconds * recipe.sample_rate)
    # A reference must be clean: rumble in the recording is noise to the network, as it is in training.
    voice = without_rumble(_read(data / "speech" / recipe.speech, rate), rate)
    voice = voice[round(recipe.speech_start * rate) :][:length].astype(np.float64)
    voice = np.pad(voice, (0, length - len(voice))) * _fades(length, rate)
    voice *= db_to_gain(SPEECH_LEVEL_DB - active_level_db(voice, rate))
    # A voice beside the axis of a stereo pair: 3 dB and 0.25 ms between the two microphones.
    images = [voice] if len(recipe.noises) == 1 else [0.71 * np.roll(voice, round(0.25e-3 * rate)), voice]
    clean = np.stack(images, axis=1)
    noise = np.stack([_join(channel, data, rate, length) for channel in recipe.noises], axis=1)
    noise *= db_to_gain(SPEECH_LEVEL_DB - recipe.snr_db) / np.sqrt(np.mean(noise**2))
    noisy = clean + noise
    scale = min(1.0, PEAK / max(np.abs(noisy).max(), np.abs(clean).max()))
    return scale * noisy, scale * clean


def _join(parts: tuple[tuple[str, float], ...], data: Path, rate: int, length: int) -> np.ndarray:
    """The parts one after the other with equal-power crossfades, [length]."""
    fade = round(CROSSFADE_S * rate)
    joined = np.zeros(0)
    for path, start in parts:
        part = _read(data / "noise" / path, rate)[round(start * rate) :]
        if joined.size:
            ramp = np.linspace(0, np.pi / 2, fade)
            part = np.concatenate([joined[-fade:] * np.cos(ramp) + part[:fade] * np.sin(ramp), part[fade:]])
            joined = joined[:-fade]
        joined = np.concatenate([joined, part])
    if len(joined) < length:
        raise SystemExit(f"error: {parts[0][0]} is too short: {len(joined) / rate:.1f} s of {length / rate:.1f} s")
    return joined[:length]


def _fades(length: int, rate: int) -> np.ndarray:
    """10 ms ramps at both ends: a voice cut in the middle does not click. [length]"""
    ramp = np.linspace(0, 1, round(0.01 * rate))
    window = np.ones(length)
    window[: len(ramp)], window[-len(ramp) :] = ramp, ramp[::-1]
    return window


def _read(path: Path, rate: int) -> np.ndarray:
    """A mono recording at `rate`, float64 [n]."""
    import soundfile
    import soxr

    samples, file_rate = soundfile.read(path, dtype="float64")
    return samples if file_rate == rate else soxr.resample(samples, file_rate, rate, "VHQ")


def _write_flac(path: Path, samples: np.ndarray, rate: int) -> None:
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="PCM_16", compression_level=1.0)


def _read_index(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        raise SystemExit(f"error: {path} is missing (give --data DIR, the folder with speech/ and noise/)")
    with path.open(encoding="utf-8", newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file, delimiter="\t")}


def _attribution(credits: list[tuple[DemoClip, list[dict[str, str]]]]) -> str:
    lines = [
        "# Where the demo clips come from",
        "",
        "Each clip is a clean voice with a recorded noise added; both were cut, resampled and scaled by",
        "`python -m benchmarks make-demo-clips`, which also wrote this file. The clips are not in the wheel.",
        "",
        "| clip | part | source | licence |",
        "| --- | --- | --- | --- |",
    ]
    for clip, rows in credits:
        seen = set()
        for part, row in zip(["voice"] + ["noise"] * len(rows), rows, strict=False):
            if row["attribution"] in seen:  # two pieces of one recording
                continue
            seen.add(row["attribution"])
            speaker = f" (speaker {row['speaker']})" if part == "voice" else ""
            lines.append(f"| {clip.name} | {part} | {row['attribution']}{speaker} | {row['licence'].strip(' .')} |")
    lines += [
        "",
        "All noises and the voices of `english_street` and `english_vacuum` are from recordings and speakers that the",
        "network never trained on. The other voices belong to speakers it knows (no test voice in these languages may",
        "be republished); the recordings heard here were kept out of its training.",
    ]
    return "\n".join(lines) + "\n"
