"""The virtual microphone: what call programs see, who counts as listening, and that nothing of it is left behind."""

import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from enhancer.errors import ConfigError
from enhancer.live.devices import list_devices
from enhancer.live.errors import DeviceError
from enhancer.live.pulse import connection, virtual_device
from enhancer.live.pulse.virtual_device import Usage
from enhancer.live.virtual_mic import VirtualMic, remove_stale
from enhancer.live.virtual_speaker import VirtualSpeaker
from tests.live.sound_servers import wait_until

BLOCK = 480

OWNER = """
import sys, time
from enhancer.live.pulse import connection, virtual_device
from enhancer.live.virtual_mic import VirtualMic
mic = VirtualMic("Owner's microphone", server=sys.argv[1])
print(mic.source_name, flush=True)
if sys.argv[2] == "stay":
    time.sleep(60)
"""
METER = """
import sys, pulsectl
pulsectl.Pulse("volume control", server=sys.argv[1]).get_peak_sample("enhancer_mic", 60)
"""


@pytest.fixture
def mic(sound_server):
    with VirtualMic(server=sound_server.address) as mic:
        yield mic


@contextmanager
def owner(server, stay: bool = True):
    """Another process with a virtual microphone: (process, name of its source)."""
    process = server.spawn(
        sys.executable, "-c", OWNER, server.address, "stay" if stay else "leave", stdout=subprocess.PIPE, text=True
    )
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait(5)
        process.stdout.close()


def sources(server) -> dict:
    return {device.name: device for device in list_devices(server.address) if device.kind == "input"}


def share_heard(played: np.ndarray, heard: np.ndarray) -> float:
    """How many of the blocks of 10 ms that were played were heard, bit by bit; a busy machine leaves gaps."""
    where = {value: index for index, value in enumerate(heard.tolist())}
    blocks = played.reshape(-1, BLOCK)
    starts = [where.get(value, 0) for value in blocks[:, 0].tolist()]
    return float(np.mean([np.array_equal(heard[s : s + BLOCK], b) for s, b in zip(starts, blocks, strict=True)]))


def test_it_is_a_microphone_and_not_a_monitor(sound_server, mic):
    device = sources(sound_server)[mic.source_name]
    assert device.description == "Enhancer microphone"
    assert (device.sample_rate, device.channels) == (48_000, 1)
    assert device.ours and device.virtual and not device.monitor
    monitor = sources(sound_server)[f"{mic.sink_name}.monitor"]
    assert monitor.ours and monitor.monitor


def test_what_is_played_into_its_sink_comes_out_of_the_source(sound_server, mic):
    played = np.random.default_rng(0).uniform(-0.5, 0.5, 24_000).astype(np.float32)
    heard = sound_server.play_and_record(mic.sink_name, mic.source_name, played, latency_ms=100)
    assert share_heard(played, heard) > 0.5


def test_the_first_reader_hears_at_once(sound_server, mic):
    time.sleep(0.3)  # long enough for PulseAudio to have worked ahead
    started = time.monotonic()
    sound_server.record(mic.source_name).stop()
    assert time.monotonic() - started < 1.5  # most of it is parec; it was up to two seconds more


def test_readers_are_counted_and_watched(sound_server, mic):
    told: queue.SimpleQueue[Usage] = queue.SimpleQueue()
    mic.watch(told.put)
    first = told.get(timeout=2)
    assert first.users == 0 == mic.users() and first.defaults == ("loudspeaker", "microphone")
    recording = sound_server.record(mic.source_name)
    assert told.get(timeout=1).users == 1 == mic.users()
    recording.stop()
    assert told.get(timeout=1).users == 0 == mic.users()
    sound_server.record("microphone").stop()
    assert mic.users() == 0 and told.empty()


def test_level_meters_are_no_readers(sound_server, mic):
    meter = sound_server.spawn(sys.executable, "-c", METER, sound_server.address)
    try:
        wait_until(lambda: "peak detect" in sound_server.pactl("list", "source-outputs"), 10, "the meter listens")
        assert mic.users() == 0
        recording = sound_server.record(mic.source_name)
        assert mic.users() == 1
        recording.stop()
    finally:
        meter.kill()
        meter.wait(5)


def test_the_users_defaults_stay(sound_server):
    before = sound_server.defaults()
    with VirtualMic(server=sound_server.address):
        assert sound_server.defaults() == before
        time.sleep(0.2)
        assert sound_server.defaults() == before
    assert sound_server.defaults() == before


def test_a_server_that_switches_to_every_new_device_is_put_right(mortal_server):
    """By PulseAudio's switch-on-connect; by both, because our source was the default when another enhancer died."""
    if mortal_server.name == "PulseAudio":
        mortal_server.pactl("load-module", "module-switch-on-connect", "ignore_virtual=no")
    with owner(mortal_server) as (process, name):
        time.sleep(0.5)
        mortal_server.pactl("set-default-source", name)
        process.kill()
    with VirtualMic(server=mortal_server.address) as mic:
        assert mic.source_name == name
        wait_until(lambda: mortal_server.defaults() == ("loudspeaker", "microphone"), 5, "the defaults are put right")
        time.sleep(0.3)
        assert mortal_server.defaults() == ("loudspeaker", "microphone")
    assert mortal_server.defaults() == ("loudspeaker", "microphone")


def test_a_default_that_the_user_moved_to_us_goes_back_when_we_go(sound_server, monkeypatch):
    monkeypatch.setattr(virtual_device, "SETTLE_S", 0.2)  # afterwards it is the user who changes defaults
    with VirtualMic(server=sound_server.address) as mic:
        threads = [thread for thread in threading.enumerate() if thread.name == "keep-defaults"]
        wait_until(lambda: not any(thread.is_alive() for thread in threads), 5, "the defaults are the user's")
        sound_server.pactl("set-default-source", mic.source_name)
        time.sleep(0.2)
        assert sound_server.defaults() == ("loudspeaker", mic.source_name)
    wait_until(lambda: sound_server.defaults() == ("loudspeaker", "microphone"), 1, "the default goes back")


def test_removal_leaves_nothing_of_ours_and_everything_of_others(sound_server):
    foreign = [
        sound_server.pactl("load-module", kind, *arguments).strip()
        for kind, *arguments in (
            ("module-null-sink", "sink_name=enhancer_sink"),
            ("module-remap-source", "source_name=enhancer_mic", "master=enhancer_sink.monitor"),
        )
    ]
    before = sound_server.modules()
    with VirtualMic(server=sound_server.address) as mic:
        assert mic.source_name == "enhancer_mic_2"
        assert len(sound_server.modules()) == len(before) + 2
    assert sound_server.modules() == before
    mic.remove()
    assert remove_stale(sound_server.address) == []
    assert sound_server.modules() == before
    for module in reversed(foreign):
        sound_server.pactl("unload-module", module)


def test_modules_of_a_killed_owner_are_removed_and_those_of_a_living_one_kept(sound_server):
    before = sound_server.modules()
    with owner(sound_server) as (dead, first), owner(sound_server) as (_, second):
        assert (first, second) == ("enhancer_mic", "enhancer_mic_2")
        dead.kill()
        dead.wait(5)
        left = sound_server.modules()
        assert len(left) == len(before) + 4
        with VirtualMic(server=sound_server.address) as mic:
            assert mic.source_name == "enhancer_mic"
            assert sources(sound_server)["enhancer_mic"].description == "Enhancer microphone"
            assert sources(sound_server)["enhancer_mic_2"].description == "Owner’s microphone"
        assert len(sound_server.modules()) == len(before) + 2
    stale = wait_until(lambda: remove_stale(sound_server.address), 2, "the second owner's modules are stale")
    assert len(stale) == 2
    assert sound_server.modules() == before


def test_a_process_that_ends_takes_its_microphone_along(sound_server):
    before = sound_server.modules()
    with owner(sound_server, stay=False) as (process, _):
        assert process.wait(10) == 0
        assert sound_server.modules() == before


def test_a_server_that_dies_is_told_and_removal_is_quiet(mortal_server):
    mic = VirtualMic(server=mortal_server.address)
    mortal_server.kill()
    with pytest.raises(DeviceError):
        mic.users()
    mic.remove()
    with pytest.raises(DeviceError, match="Enhancer microphone is gone"):
        mic.users()
    with pytest.raises(DeviceError, match="no connection to the sound server"):
        VirtualMic(server=mortal_server.address)


def test_a_server_that_freezes_holds_nobody_for_long(mortal_server, monkeypatch):
    monkeypatch.setattr(connection, "ANSWER_S", 0.5)
    monkeypatch.setattr(connection, "CONNECT_S", 0.5)
    mic, other = VirtualMic(server=mortal_server.address), VirtualMic(server=mortal_server.address)
    mortal_server.freeze()
    started = time.monotonic()
    with pytest.raises(DeviceError, match=r"has not answered for 0\.5 s"):
        mic.users()
    with pytest.raises(DeviceError, match="no connection to the sound server"):
        list_devices(mortal_server.address)
    other.remove()
    mic.remove()
    assert time.monotonic() - started < 5


def test_who_watches_is_told_that_the_server_froze_goes_on_or_is_another_one(mortal_server):
    told: queue.SimpleQueue[Usage] = queue.SimpleQueue()
    with VirtualMic(server=mortal_server.address) as mic:
        mic.watch(told.put)
        assert told.get(timeout=2).fault == ""
        mortal_server.freeze()
        assert "has not answered" in told.get(timeout=4).fault
        for process in mortal_server._processes:
            process.send_signal(signal.SIGCONT)
        back = told.get(timeout=6)
        assert (back.fault, back.gone) == ("", False)
        mortal_server.kill()
        assert told.get(timeout=4).fault
        mortal_server.start()
        assert told.get(timeout=6).gone


def test_any_name_that_people_give_is_shown(sound_server):
    name = 'Zoë\'s "best" mic #1 {a} = [b], 100 % ; \\ & |'
    with VirtualMic(name, server=sound_server.address) as mic:
        shown = sources(sound_server)[mic.source_name].description
    assert shown == "Zoë’s ”best” mic #1 {a} = [b], 100 % ; / & |" == mic.name
    for bad in ("", "  ", "a\nb", 61 * "m"):
        with pytest.raises(ConfigError, match="a device cannot be called"):
            VirtualMic(bad, server=sound_server.address)


def test_a_virtual_loudspeaker_is_an_output_whose_players_are_counted(sound_server):
    before = sound_server.defaults(), sound_server.modules()
    played = np.random.default_rng(0).uniform(-0.5, 0.5, 24_000).astype(np.float32)
    told: queue.SimpleQueue[Usage] = queue.SimpleQueue()
    with VirtualSpeaker(channels=1, server=sound_server.address) as speaker:
        assert speaker.users() == 0
        speaker.watch(told.put)
        assert told.get(timeout=2).users == 0
        heard = sound_server.play_and_record(speaker.sink_name, speaker.source_name, played, latency_ms=100)
        assert [told.get(timeout=1).users, told.get(timeout=1).users] == [1, 0]
        device = next(d for d in list_devices(sound_server.address) if d.name == speaker.sink_name)
        assert device.description == "Enhancer speaker" and device.ours and device.kind == "output"
        assert sound_server.defaults() == before[0]
    assert share_heard(played, heard) > 0.5
    assert (sound_server.defaults(), sound_server.modules()) == before
