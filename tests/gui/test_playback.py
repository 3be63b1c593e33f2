"""A/B playback as it is heard on a real sound server, and the player's window as it is used."""

import threading
import time

import numpy as np
import pytest
import soundfile
from PyQt6 import sip
from PyQt6.QtCore import QPoint, Qt

from enhancer.live.ring import Ring
from gui.playback.ab_player import AbPlayer
from gui.playback.mixer import Mixer
from gui.playback.model import PlaybackModel
from gui.playback.overview import FLOOR_DB, read_overview
from gui.playback.pair import Pair
from gui.playback.sound_file import open_sound
from tests.live.sound_servers import in_time

RATE = 48_000


def tone(hertz: float, seconds: float, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.fixture
def pair_of_files(tmp_path):
    """A file of a low tone before and of a high one after, two seconds of each."""
    for name, hertz in (("before.wav", 440), ("after.wav", 2000)):
        soundfile.write(tmp_path / name, tone(hertz, 2.0), RATE)
    return tmp_path / "before.wav", tmp_path / "after.wav"


@pytest.fixture
def player(qapp, qtbot):
    """The player, shown, with nothing in it."""
    made = AbPlayer(PlaybackModel(qapp))
    made.show()
    qtbot.waitExposed(made)
    yield made
    sip.delete(made)  # here: a collector of garbage that runs in another thread must not
    made.model.close()


# ---- samples --------------------------------------------------------------------------------------------------------


def mix(before: np.ndarray, after: np.ndarray, at: dict, sizes) -> np.ndarray:
    """What a mixer of two mono sounds gives in blocks of these sizes; at[frame] is called before that block."""
    ring = Ring(len(before), 2)
    ring.write(np.column_stack([before, after]))
    mixer = Mixer(ring, RATE, 1)
    mixer.play(True)
    out, place = [], 0
    for size in sizes:
        at.get(place, lambda mixer: None)(mixer)
        block = np.ones((size, 1), np.float32)
        mixer.give(block)
        out.append(block[:, 0])
        place += size
    return np.concatenate(out)


def test_switching_is_sample_synchronous_and_takes_ten_milliseconds():
    before, after = np.random.default_rng(1).standard_normal((2, 9600)).astype(np.float32)
    out = mix(before, after, {4800: lambda mixer: mixer.choose(True)}, [480] * 20)
    assert np.array_equal(out[480:4800], before[480:4800])
    assert np.array_equal(out[5280:], after[5280:])
    share = (np.arange(480) + 1) / 480
    assert np.allclose(out[4800:5280], before[4800:5280] * (1 - share) + after[4800:5280] * share, atol=1e-5)


def test_any_block_size_gives_the_same_samples():
    before, after = tone(440, 0.2), tone(2000, 0.2)
    switch = {960: lambda mixer: mixer.choose(True)}
    first = mix(before, after, switch, [960, 8640])
    assert np.allclose(first, mix(before, after, switch, [960] + [64] * 135), atol=1e-6)


def test_a_pause_falls_to_silence_and_goes_on_where_it_was():
    ramp = np.linspace(0.5, 0.9, 9600, dtype=np.float32)
    out = mix(ramp, ramp, {2400: lambda m: m.play(False), 4800: lambda m: m.play(True)}, [600] * 16)
    assert np.abs(np.diff(out)).max() < 0.005  # no click
    assert not out[2880:4800].any()
    assert out[5280] == pytest.approx(ramp[2880 + 480], abs=1e-6)


# ---- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.opus", "a.mp3", "a.m4a"])
def test_a_file_of_any_kind_is_read_from_any_place_on(tmp_path, name, speech_like):
    path, sound = tmp_path / name, speech_like(RATE, 3.0)
    if name.endswith("m4a"):
        av = pytest.importorskip("av")
        with av.open(str(path), "w") as file:
            stream = file.add_stream("aac", rate=RATE, layout="mono")
            frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            frame.sample_rate = RATE
            file.mux([*stream.encode(frame), *stream.encode(None)])
    else:
        soundfile.write(path, sound, RATE, **({"format": "OGG", "subtype": "OPUS"} if name == "a.opus" else {}))
    file = open_sound(path)
    whole = np.concatenate([file.read(RATE), file.read(4 * RATE)])
    assert abs(len(whole) - len(sound)) < 3000
    for place in (RATE // 2, 2 * RATE, 10):
        file.seek(place)
        part = file.read(RATE // 4)
        assert np.corrcoef(part[:, 0], whole[place : place + len(part), 0])[0, 1] > 0.999
    file.close()


def test_files_of_other_rates_and_channels_run_side_by_side(tmp_path):
    soundfile.write(tmp_path / "before.wav", np.column_stack([tone(500, 1.0), tone(700, 1.0)]), RATE)
    soundfile.write(tmp_path / "after.wav", tone(500, 0.5)[::3], RATE // 3)
    pair = Pair(tmp_path / "before.wav", tmp_path / "after.wav")
    assert (pair.sample_rate, pair.channels, pair.seconds) == (RATE, 2, 1.0)
    pair.seek(0.25)
    block = pair.read(RATE // 8)
    pair.close()
    assert np.allclose(block[:, 0], block[:, 2], atol=0.01)  # the resampler's edges
    assert np.array_equal(block[:, 2], block[:, 3])


def test_a_picture_of_a_long_file_shows_what_is_where(tmp_path):
    sound = np.concatenate([np.zeros(5 * RATE, np.float32), tone(1000, 5.0)])
    soundfile.write(tmp_path / "a.flac", np.tile(sound, 6), RATE)
    seen = []
    read_overview(tmp_path / "a.flac", 60.0, 20_000.0, threading.Event(), seen.append, columns=120)
    last = seen[-1]
    assert last.done == 120
    assert not last.high[:9].any() and last.high[11:19] == pytest.approx(0.3, abs=0.01)
    assert not last.levels[:, 2:9].any()
    band = last.levels[:, 15].argmax()
    assert band == 44  # of 128 in ERB rate up to 20 kHz: 1 kHz
    assert last.levels[band, 15] / 2 + FLOOR_DB == pytest.approx(20 * np.log10(0.3), abs=3)


# ---- heard ----------------------------------------------------------------------------------------------------------


def test_it_is_heard_switched_sought_and_ends(own_pulse, player, pair_of_files, qtbot):
    """On a real server: the low tone, then the high one, and the window hears where it is."""
    model = player.model

    def attempt():
        model.choose(False)
        recording = own_pulse.record("loudspeaker.monitor", RATE, latency_ms=100)
        model.load(*pair_of_files)
        qtbot.mouseClick(player.play_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: model.position > 0.4, timeout=20_000)
        assert player.play_button.accessibleName() == "Pause"
        qtbot.keyClick(player.view, Qt.Key.Key_B)
        assert player.side.value is True
        qtbot.waitUntil(lambda: model.position > 0.8, timeout=20_000)
        place = player.view._places()[0]
        at = QPoint(place.x() + 3 * place.width() // 4, place.center().y())
        qtbot.mouseClick(player.view, Qt.MouseButton.LeftButton, pos=at)
        assert model.position == pytest.approx(1.5, abs=0.05)
        qtbot.waitUntil(lambda: not model.playing and model.position == 0.0, timeout=20_000)
        heard = recording.stop()
        frames = heard[: len(heard) // 4800 * 4800].reshape(-1, 4800)
        loud = frames[frames.std(axis=1) > 0.15]
        pitches = [10 * int(np.abs(np.fft.rfft(frame)).argmax()) for frame in loud]
        assert sorted(set(pitches)) == [440, 2000]
        assert pitches == sorted(pitches)
        assert 0.3 <= pitches.count(440) / 10 < 1.2
        assert np.abs(heard).max() == pytest.approx(0.3, rel=0.1)  # as loud as the file

    in_time(attempt)


def test_a_frozen_window_does_not_stop_the_sound(own_pulse, player, pair_of_files, qtbot):
    player.model.load(*pair_of_files)
    qtbot.mouseClick(player.play_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: player.model.position > 0.1, timeout=20_000)
    recording = own_pulse.record("loudspeaker.monitor", RATE, latency_ms=100)
    time.sleep(0.5)  # nothing is painted, no event is looked at
    heard = recording.stop()
    assert (heard[: len(heard) // 4800 * 4800].reshape(-1, 4800).std(axis=1) > 0.15).mean() > 0.7
