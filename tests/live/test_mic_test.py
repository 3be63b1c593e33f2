"""`enhancer mic-test`: what it records, plays and says of it is right, on real servers."""

import json
import os
import signal
import threading
import time

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from enhancer.cli.app import app
from enhancer.engine import Enhancer
from enhancer.live import mic_test, places, settings
from enhancer.live.backends import default_backend
from enhancer.live.errors import DeviceError
from tests.live.sound_servers import in_time

RATE = 48_000


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """Settings of this test alone."""
    folder = tmp_path_factory.mktemp("h")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder


@pytest.fixture
def server(sound_server, monkeypatch):
    """Each shared server as this process's own."""
    monkeypatch.setenv("PULSE_SERVER", sound_server.address)
    return sound_server


def run(*arguments: str):
    return CliRunner().invoke(app, ["mic-test", *arguments], catch_exceptions=False)


def noise(seconds: float, level: float, seed: int = 1) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def place_of(part: np.ndarray, whole: np.ndarray) -> tuple[int, float]:
    """Where `part` [n] lies in `whole` [m], and how well the two correlate there (1: the same)."""
    size = 1 << (len(whole) + len(part)).bit_length()
    products = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)[: len(whole)]
    start = int(products.argmax())
    found = whole[start : start + len(part)]
    return start, float(found @ part[: len(found)] / (np.linalg.norm(found) * np.linalg.norm(part)))


def test_it_records_denoises_judges_and_saves(server, tmp_path, speech_like):
    voice = np.zeros(6 * RATE, np.float32)
    voice[: 5 * RATE] = 0.5 * speech_like(RATE, 5.0)

    def attempt() -> None:
        player = server.play("room", voice + noise(6.0, 0.01), latency_ms=100)
        result = run("--seconds", "1.5", "--json", "--save", str(tmp_path / "takes"))
        player.kill()
        player.wait()
        assert result.exit_code == 0, result.stderr
        report = json.loads(result.stdout)
        assert (report["input"], report["seconds"], report["sample_rate"]) == ("microphone", 1.5, RATE)
        noisy, clean = (soundfile.read(path, dtype="float32")[0] for path in report["files"])
        assert len(noisy) == len(clean) == 1.5 * RATE
        assert place_of(noisy[RATE // 2 : RATE], voice + noise(6.0, 0.01))[1] > 0.9
        assert report["after"]["noise_dbfs"] < report["before"]["noise_dbfs"] - 6
        assert "recording 1.5 s from" in result.stderr
        assert "1 s: " in result.stderr

    in_time(attempt)


def test_both_recordings_are_played(server):
    hiss = noise(0.4, 0.1)

    def attempt() -> None:
        recording = server.record("loudspeaker.monitor", latency_ms=100)
        backend = default_backend()
        mic_test.play(backend, "loudspeaker", hiss, RATE)
        mic_test.play(backend, None, hiss, RATE)
        heard = recording.stop()
        first, likeness = place_of(hiss, heard[: len(heard) // 2])
        assert likeness > 0.9
        rest = heard[first + len(hiss) :]
        assert place_of(hiss, rest)[1] > 0.9

    in_time(attempt)


def test_a_silent_microphone_is_told_in_a_table_for_people(server, build_model):
    result = run("--seconds", "1", "--no-play", "--model", str(build_model("pass")))
    assert result.exit_code == 0
    rows = {line[:15].strip(): line.split()[-3:] for line in result.stdout.splitlines() if "dB" in line}
    assert rows["noise floor"] == ["silence", "silence", "dBFS"]
    assert rows["signal to noise"] == ["unknown", "unknown", "dB"]
    assert "muted" in result.stdout


def test_the_remembered_microphone_is_taken_and_one_that_is_gone_is_said(pulse_server, build_model, monkeypatch):
    monkeypatch.setenv("PULSE_SERVER", pulse_server.address)
    arguments = ("--seconds", "1", "--json", "--model", str(build_model("pass")))
    places.config_file().parent.mkdir()
    settings.save(settings.Settings(input=settings.RememberedDevice("room.monitor", "Room")), places.config_file())
    assert json.loads(run(*arguments).stdout)["input"] == "room.monitor"
    settings.save(settings.Settings(input=settings.RememberedDevice("usb-yeti", "Yeti")), places.config_file())
    result = run(*arguments)
    assert json.loads(result.stdout)["input"] == "microphone"
    assert "note: the microphone Yeti is not there" in result.stderr


def test_an_unknown_microphone_is_an_error_that_lists_what_there_is(pulse_server, monkeypatch):
    monkeypatch.setenv("PULSE_SERVER", pulse_server.address)
    result = run("--input", "nowhere")
    assert result.exit_code == 2
    assert 'no input device "nowhere"' in result.stderr
    assert "there are: " in result.stderr


def test_a_server_that_goes_away_ends_the_recording_with_a_reason(mortal_server, monkeypatch):
    monkeypatch.setenv("PULSE_SERVER", mortal_server.address)
    begun = threading.Event()
    threading.Thread(target=lambda: (begun.wait(10), mortal_server.kill())).start()
    with pytest.raises(DeviceError, match="went away"):
        mic_test.record(default_backend(), "microphone", 20.0, lambda done_s, newest: begun.set())


def test_levels_and_ratio_are_those_of_the_mixture(speech_like):
    voice = np.concatenate([speech_like(RATE, 2.0, seed=3), np.zeros(RATE, np.float32)])
    active = 20 * np.log10(np.sqrt(np.mean(voice[: 2 * RATE] ** 2)))
    hiss = noise(3.0, 10 ** ((active - 15) / 20))
    test = mic_test.judge(voice + hiss, Enhancer(RATE))
    assert test.before.noise_dbfs == pytest.approx(active - 15, abs=1.0)
    assert test.before.snr_db == pytest.approx(15, abs=4.0)  # speech frames alone are louder than speech with its gaps
    assert test.after.snr_db > test.before.snr_db + 10
    assert test.clean.shape == test.noisy.shape


def test_before_and_after_are_aligned(pass_model, speech_like):
    sound = speech_like(44_100, 1.0)
    test = mic_test.judge(sound, Enhancer(44_100, model=pass_model))
    assert np.abs(test.clean - test.noisy)[4410:-4410].max() < 1e-3


@pytest.mark.parametrize(
    ("sound", "said"),
    [
        (np.zeros(RATE, np.float32), "muted"),
        (np.sign(noise(1.0, 1.0)), "overdriven"),
        (noise(1.0, 0.01), "hardly any speech"),
    ],
)
def test_advice_names_what_is_wrong(sound, said):
    assert said in mic_test.advice(mic_test.judge(sound, Enhancer(RATE)))


def test_faint_speech_is_advised_and_good_speech_is_not(speech_like):
    voice = speech_like(RATE, 2.0, seed=3)
    assert mic_test.advice(mic_test.judge(voice, Enhancer(RATE))) == ""
    assert "faint" in mic_test.advice(mic_test.judge(0.02 * voice, Enhancer(RATE)))


def test_ctrl_c_while_recording_ends_at_once(pulse_server, monkeypatch):
    monkeypatch.setenv("PULSE_SERVER", pulse_server.address)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    began = time.monotonic()
    assert run("--seconds", "30", "--no-play").exit_code == 130
    assert time.monotonic() - began < 10
