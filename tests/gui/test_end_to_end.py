"""The whole of it: the window on a screen, the engine, a sound server, a program that records, and files."""

import shutil
import threading
import time

import numpy as np
import pytest
import soundfile

from benchmarks.clips import demo_clips
from benchmarks.gui_window import WindowProcess
from benchmarks.virtual_screen import virtual_screen
from enhancer.live import places
from enhancer.live.meters import MeterReader
from gui.preferences import Preferences, save
from tests.gui import screen
from tests.live.conftest import before_others, started
from tests.live.sound_servers import BUSY_S, Lateness, PulseAudioServer, in_time, wait_until

__all__ = ["before_others"]

RATE = 48_000
PATIENCE_S = 20.0  # of a busy machine
PATIENT_MS = 200  # asked by players and recorders, which shall not be what breaks the sound
FROZEN_S = 5.0
MICROPHONE = "headset"
SPOKEN_DB = -60.0  # less is no speech
NOISIER_DB = 6.0  # at least, with bypass than without


def noisy_speech() -> np.ndarray:
    """Beside a drill, over and over, for a minute."""
    clip = next(clip for clip in demo_clips() if clip.name == "german_drill_48k")
    return np.resize(clip.noisy()[:, 0], 60 * RATE)


@pytest.fixture(scope="module")
def server():
    """With a headset that can be unplugged: it hears what is played into `booth`."""
    server = started(PulseAudioServer)
    server.add_microphone(MICROPHONE, "booth", RATE)
    yield server
    server.close()


@pytest.fixture(scope="module")
def window(server):
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb: run `make test` as root, or see tools/system_packages.sh")
    save(Preferences(language="en", first_run_done=True), server.folder / ".config" / "enhancer" / "gui.toml")
    with virtual_screen() as display, WindowProcess(server, display) as window:
        yield window


@pytest.fixture
def talking(server):
    """Somebody speaks into both microphones."""
    players = [server.play(sink, noisy_speech(), latency_ms=PATIENT_MS) for sink in ("booth", "room")]
    yield
    for player in players:
        player.kill()
        player.wait()


@pytest.fixture
def call(server, window, talking):
    """Switched on with the headset, and a call program records."""
    wait_until(lambda: window.do(screen.choose_microphone, MICROPHONE), PATIENCE_S, "the headset is in the list")
    if not window.do(screen.look).on:
        window.do(screen.press_power)
    wait_until(lambda: "enhancer_mic" in server.pactl("list", "short", "sources"), PATIENCE_S, "a virtual microphone")
    recording = server.record("enhancer_mic", latency_ms=PATIENT_MS)
    until(window, lambda seen: seen.state == "On" and "hears you" in seen.detail, "it is on and heard")
    yield recording
    recording.stop()
    if window.do(screen.look).bypass:
        window.do(screen.press_bypass)


def until(window, holds, what: str) -> screen.Seen:
    """What is on the Live page as soon as this holds of it."""
    seen = []

    def look() -> bool:
        seen.append(window.do(screen.look))
        return holds(seen[-1])

    try:
        wait_until(look, PATIENCE_S, what, every_s=0.05)
    except AssertionError as error:
        raise AssertionError(f"{error}; the window shows {seen[-1]}") from None
    return seen[-1]


def level_shown(text: str) -> float:
    """Of a meter: "−23 dB"."""
    return float(text.removesuffix(" dB").replace("\N{MINUS SIGN}", "-")) if text.endswith(" dB") else -np.inf


def noise_db(sound: np.ndarray) -> float:
    """The level in the pauses: that of the quietest tenth of a second in ten."""
    pieces = sound[: len(sound) // 960 * 960].reshape(-1, 960)
    return float(np.percentile(10 * np.log10(np.mean(pieces**2, axis=1) + 1e-12), 10))


def take(server, seconds: float) -> np.ndarray:
    """What a program hears on the virtual microphone, half a second from now on."""
    recording = server.record("enhancer_mic", latency_ms=PATIENT_MS)
    time.sleep(0.5 + seconds)
    return recording.stop()[RATE // 2 :]


def test_start_moves_the_meters_bypass_lets_the_noise_through_and_stop_ends_it(server, window, call):
    first = until(window, lambda seen: min(map(level_shown, seen.levels)) > SPOKEN_DB, "levels are shown")
    until(
        window,
        lambda seen: all(now != before for now, before in zip(seen.pictures, first.pictures, strict=True)),
        "both bars and the spectrograms move",
    )

    def attempt() -> None:
        levels = []
        for bypass in (False, True):
            if window.do(screen.look).bypass is not bypass:
                window.do(screen.press_bypass)
            words = "Passing sound through" if bypass else "On"
            until(
                window, lambda seen, on=bypass, words=words: (seen.bypass, seen.state) == (on, words), "bypass is shown"
            )
            levels.append(noise_db(take(server, 2.5)))
        assert levels[1] > levels[0] + NOISIER_DB

    in_time(attempt)  # an engine without time lets sound through
    window.do(screen.press_bypass)
    until(window, lambda seen: not seen.bypass and seen.state == "On", "bypass is off")
    window.do(screen.press_power)
    off = until(window, lambda seen: not seen.on and seen.state == "Off", "it is off")
    assert off.levels == ("–", "–")
    wait_until(
        lambda: "enhancer_mic" not in server.pactl("list", "short", "sources"), PATIENCE_S, "no virtual microphone"
    )


def test_a_window_that_hangs_for_five_seconds_costs_no_sound(server, window, call):
    meters = MeterReader(places.meters_path(server.runtime / "enhancer"))

    def attempt() -> None:
        """Blocks that were lost while the machine, too, let threads wait, say nothing of the window."""
        first, heard = meters.read(), call.bytes_so_far
        frozen = threading.Thread(target=window.do, args=(screen.freeze, FROZEN_S))
        frozen.start()
        lost, judged, was_late, before = 0, 0, False, first.xruns
        while frozen.is_alive():
            with Lateness() as machine:
                time.sleep(0.25)
            after, late = meters.read().xruns, machine.worst_s > BUSY_S
            if not late and not was_late:
                lost, judged = lost + after - before, judged + 1
            was_late, before = late, after
        frozen.join()
        assert meters.read().frames - first.frames > 100 * (FROZEN_S - 1), "frames are missing"
        assert (call.bytes_so_far - heard) / 4 / RATE > FROZEN_S - 1, "the call has heard too little"
        assert judged, "the machine has let threads wait all the time"
        assert lost == 0, "the engine lost blocks"

    try:
        in_time(attempt, trials=2)
    finally:
        meters.close()
    until(window, lambda seen: level_shown(seen.levels[0]) > SPOKEN_DB, "the window goes on")


def test_an_unplugged_microphone_is_told_on_the_page_and_used_again_when_it_is_back(server, window, call):
    for line in server.modules():
        if "sink_name=booth" in line:
            server.pactl("unload-module", line.split()[0])
    until(window, lambda seen: "default microphone" in seen.detail, "the page says that another is used")
    assert call.process.poll() is None
    server.add_microphone(MICROPHONE, "booth", RATE)
    back = until(window, lambda seen: seen.state == "On" and "default" not in seen.detail, "it is used again")
    assert any("is back" in text for text in back.banner)
    assert call.process.poll() is None, "who records goes on"


def test_a_dropped_folder_comes_back_without_its_noise(window, tmp_path):
    folder, clips = tmp_path / "talks", demo_clips()[:2]
    folder.mkdir()
    for clip in clips:
        shutil.copy(clip.noisy_path, folder)
    window.do(screen.drop_on_files, folder)
    wait_until(lambda: window.do(screen.clean_button) == "Clean 2 files", PATIENCE_S, "both are in the list")
    window.do(screen.press_clean)
    wait_until(lambda: window.do(screen.files_said)[0] == "2 done", PATIENCE_S, "both are done", every_s=0.05)
    for clip in clips:
        noisy, clean = clip.noisy()[:, 0], soundfile.read(folder / f"{clip.name}-clean.flac")[0]
        assert len(clean) == len(noisy)
        assert noise_db(clean) < noise_db(noisy) - NOISIER_DB
