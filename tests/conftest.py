"""Signals and models that many tests share. Signals come from seeded generators; models are real, small ONNX files."""

import contextlib
import os
import subprocess
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from enhancer.model import Student
from tests import tiny_models

# Begun first, so that no core waits for one at the end; by turns those that wait for sound and those that compute.
LONGEST = (
    "live/test_proof_sound.py",
    "training/test_processes.py",
    "live/test_backends.py",
    "gui/test_end_to_end.py",
    "training/test_loop.py",
    "live/test_engine.py",
    "training/test_adaptation.py",
    "live/test_cli_live.py",
    "training/test_ablation.py",
    "live/test_proof_kills.py",
    "enhancer/test_cli_denoise.py",
    "live/test_virtual_mic.py",
    "enhancer/test_bad_input.py",
    "live/test_mic_test.py",
    "enhancer/test_audio_io.py",
    "live/test_process.py",
    "training/test_shipping.py",
)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers() -> int:
    """One more than cores: tests of live sound, a third of all, wait most of their time."""
    return (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1) + 1


def pytest_configure(config: pytest.Config) -> None:
    """Files are begun in the order of `pytest_collection_modifyitems`; pytest-xdist would sort them by tests."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; what waits for sound servers and windows gets a second and a third try.

    A virtual machine that is not given its processors breaks any limit of time (tests/live/sound_servers.py). What was
    tried again is counted in the summary.
    """
    here = Path(__file__).parent
    place = {here / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))
    for item in items:
        if item.path.parent in (here / "live", here / "gui"):
            item.add_marker(pytest.mark.flaky(reruns=2))


@lru_cache(maxsize=32)
def make_speech_like(sample_rate: int, seconds: float, seed: int = 0, channels: int = 0) -> np.ndarray:
    """Syllables of a gliding harmonic tone and of hiss, with pauses, peaks near -6 dBFS; no energy above 0.45 rate.

    Returns float32 [samples], or [samples, channels] if `channels` is given, each channel another voice; made once
    and not writeable.
    """
    voices = [_voice(sample_rate, seconds, seed + 1000 * number) for number in range(max(channels, 1))]
    signal = np.stack(voices, axis=1) if channels else voices[0]
    signal.flags.writeable = False
    return signal


def _voice(sample_rate: int, seconds: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    length = round(seconds * sample_rate)
    time = np.arange(max(length, sample_rate)) / sample_rate
    pitch = rng.uniform(100, 220) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.5, 2) * time))
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    highest = min(40, int(0.45 * sample_rate / (1.2 * pitch.max())))
    tone = sum(np.sin(k * phase + rng.uniform(0, 6.28)) / k for k in range(1, highest + 1))
    syllables = np.clip(np.sin(2 * np.pi * rng.uniform(2, 4) * time + rng.uniform(0, 1.5)), 0, None)
    hiss = np.convolve(rng.standard_normal(time.size), [0.25, 0.5, 0.25], mode="same")
    voice = tone * syllables + 0.3 * hiss * (syllables[::-1] > 0.8)
    return (0.5 * voice / np.abs(voice).max()).astype(np.float32)[:length]


@pytest.fixture(scope="session")
def speech_like():
    """The generator of speech-like signals: speech_like(sample_rate, seconds, seed=0, channels=0)."""
    return make_speech_like


@pytest.fixture(scope="session")
def build_model(tmp_path_factory):
    """Writes a small model and returns its path: build_model(kind="pass", **what `tiny_models.build` takes)."""
    folder = tmp_path_factory.mktemp("models")

    def build(kind: str = "pass", **options) -> Path:
        return tiny_models.build(folder / f"{kind}_{len(list(folder.iterdir()))}.onnx", kind, **options)

    return build


@pytest.fixture(scope="session")
def pass_model(build_model) -> Student:
    """Changes nothing: what comes out of it is what the signal path itself does."""
    return Student(build_model("pass"))


@pytest.fixture(scope="session")
def removing_model(build_model) -> Student:
    """Takes everything away: only an attenuation limit lets sound through."""
    return Student(build_model("remove"))


@pytest.fixture(scope="session")
def recurrent_model(build_model) -> Student:
    """A network that remembers and whose masks vary: what holds for it holds for any model of the format."""
    return Student(build_model("recurrent"))


@pytest.fixture(scope="session")
def counting_model(build_model) -> Student:
    """Passes sound; its presence is the number of frames it has seen, in ten-thousandths."""
    return Student(build_model("counting"))


@pytest.fixture(scope="session")
def shipped_model() -> Student:
    """The student in assets/."""
    return Student()


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place], capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    with contextlib.suppress(subprocess.CalledProcessError):
        subprocess.run(["umount", "--lazy", place], check=True)
