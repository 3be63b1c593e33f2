"""A small data folder and its pools, made once: two dozen synthetic voices and noises, with known facts."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from training.config import BatchConfig, OptimiserConfig, RunConfig, TrainingConfig
from training.data import corpora, pools, rooms
from training.data.mixing import MixConfig
from training.networks import NetworkConfig

SPEECH = ("path", "seconds", "sample_rate", "bandwidth_hz", "source", "speaker", "sex", "language", "split", "licence",
          "attribution")  # fmt: skip
NOISE = ("path", "seconds", "sample_rate", "bandwidth_hz", "category", "source", "group", "split", "licence",
         "attribution")  # fmt: skip


def voice_like(seconds: float, pitch_hz: float, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Syllables of a harmonic tone with pauses between them: enough like speech for levels and pauses, float32."""
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    tone = sum(np.sin(2 * np.pi * k * pitch_hz * time) / k for k in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * time + rng.uniform(0, 6)) * 3, 0, 1)
    return (0.1 * tone * syllables + 1e-5 * rng.standard_normal(len(time))).astype(np.float32)


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """speech/ and noise/ with indexes; four speakers and two categories a split; three files that cannot be used."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(7)
    speech, noise = [], []
    (folder / "speech").mkdir()
    (folder / "noise").mkdir()
    for split in corpora.SPLITS:
        for number in range(4):
            rate = 48000 if number < 2 else 16000
            for take in range(2):
                name = f"{split}{number}_{take}.wav"
                x = voice_like(1.5 + take, 100 + 40 * number, rate, rng)
                soundfile.write(folder / "speech" / name, x, rate)
                speech.append((name, 1.5 + take, rate, rate // 2, "made", f"{split}-{number}", "fm"[number % 2] + "?",
                               "en", split, "CC0", "synthetic"))  # fmt: skip
        for category in ("rumble", "hiss"):
            for number in range(2):
                name = f"{split}_{category}{number}.wav"
                x = 0.1 * rng.standard_normal(48000 * 2).astype(np.float32)
                if category == "rumble":
                    x = np.cumsum(x)
                    x *= 0.1 / np.abs(x).max()
                soundfile.write(folder / "noise" / name, x, 48000)
                noise.append((name, 2, 48000, 24000, category, "made", f"{split}/{category}{number}", split, "CC0", ""))
    (folder / "speech" / "text.wav").write_text("this is not audio")
    soundfile.write(folder / "speech" / "hissing.wav", 0.1 * rng.standard_normal(16000), 16000)
    soundfile.write(folder / "noise" / "silent.wav", np.zeros(16000), 16000)
    speech.append(("text.wav", 1, 16000, 8000, "made", "nobody", "f", "en", "train", "CC0", ""))
    speech.append(("hissing.wav", 1, 16000, 8000, "made", "nobody", "f", "en", "train", "CC0", ""))
    noise.append(("silent.wav", 1, 16000, 8000, "hiss", "made", "silent", "train", "CC0", ""))
    for kind, columns, rows in (("speech", SPEECH, speech), ("noise", NOISE, noise)):
        with (folder / kind / "INDEX.tsv").open("w", newline="") as file:
            csv.writer(file, delimiter="\t").writerows([columns, *rows])
    return folder


@pytest.fixture(scope="session")
def small_pools(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> pools.Pools:
    """Pools of `data_folder` with three simulated rooms, one a split."""
    out = tmp_path_factory.mktemp("runs") / "pools"
    pools.prepare(data_folder, corpora.read_indexed(data_folder), out, processes=1)
    rooms.prepare(out, count=3)
    return pools.Pools(out)


@pytest.fixture
def config() -> TrainingConfig:
    """A tiny network, six steps, one process, no validation."""
    return TrainingConfig(
        network=NetworkConfig(channels=4, trunk=8, blocks=1),
        mix=MixConfig(categories={"rumble": 1.0, "hiss": 1.0}),
        batch=BatchConfig(size=2, seconds=0.5, full_band_share=0.3),
        optimiser=OptimiserConfig(warmup_steps=2),
        run=RunConfig(minutes=0.0, steps=6, processes=1, device="cpu", validate_items=0),
    )
