"""Devices are listed, chosen and watched; what comes and goes is told within a second."""

import queue
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from enhancer.live import virtual_cable
from enhancer.live.device import Device, DeviceEvent, find
from enhancer.live.devices import list_devices, watch
from enhancer.live.errors import DeviceError
from enhancer.live.portaudio_devices import convert
from enhancer.live.pulse.listing import differences, is_bluetooth_headset
from tests.live.sound_servers import in_time

MICROPHONE = Device("4", "alsa_input.usb-blue", "Blue Yeti", "input", 48_000, 2, default=True)
WEBCAM = Device("7", "alsa_input.usb-cam", "Webcam", "input", 16_000, 1)
MONITOR = Device("3", "alsa_output.usb-blue.monitor", "Monitor of Blue Yeti", "input", 48_000, 2, monitor=True)
OURS = Device("9", "enhancer_mic", "Enhancer microphone", "input", 48_000, 1, virtual=True, ours=True)
HEADPHONES = Device("4", "alsa_output.usb-blue", "Blue Yeti", "output", 48_000, 2, default=True)
DEVICES = [HEADPHONES, MONITOR, OURS, MICROPHONE, WEBCAM]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("4", MICROPHONE),
        ("alsa_input.usb-cam", WEBCAM),
        ("webcam", WEBCAM),
        ("YETI", MICROPHONE),
        ("yeti", MICROPHONE),
        ("monitor of", MONITOR),
        ("enhancer mic", OURS),
        (None, MICROPHONE),
    ],
)
def test_a_device_is_found_by_id_name_or_part_of_its_description(wanted, found):
    assert find(DEVICES, wanted, "input") == found


def test_an_output_is_not_mistaken_for_an_input():
    assert find(DEVICES, "4", "output") == HEADPHONES
    with pytest.raises(DeviceError, match="there is no output device"):
        find(DEVICES, "webcam", "output")


def test_what_is_not_there_or_not_clear_is_refused_with_what_there_is():
    with pytest.raises(DeviceError) as refusal:
        find(DEVICES, "saxophone", "input")
    assert refusal.value.message == 'there is no input device "saxophone"'
    assert refusal.value.hint == "there are: Blue Yeti (4), Webcam (7)"
    with pytest.raises(DeviceError) as refusal:
        find(DEVICES, "alsa", "input")
    assert refusal.value.message == '"alsa" may be any of these input devices: Blue Yeti (4), Webcam (7)'
    with pytest.raises(DeviceError, match="there is no input device"):
        find([HEADPHONES, MONITOR, OURS], None, "input")


@pytest.mark.parametrize("unusable", [MONITOR, OURS], ids=["monitor", "ours"])
def test_the_default_is_never_one_that_would_hear_ourselves(unusable):
    cable = Device("1", "cable", "Cable", "input", 48_000, 1, virtual=True)
    default = Device(**{**vars(unusable), "default": True})
    assert find([default, cable, WEBCAM], None, "input") == WEBCAM


@pytest.mark.parametrize(
    ("properties", "profiles", "headset"),
    [
        ({"device.api": "bluez5", "device.form_factor": "headset"}, [], True),
        ({"device.api": "bluez5"}, ["a2dp-sink", "headset-head-unit", "off"], True),
        ({"device.api": "bluez", "device.bus": "bluetooth"}, ["a2dp_sink", "handsfree_head_unit"], True),
        ({"device.api": "bluez5", "device.form_factor": "speaker"}, ["a2dp-sink", "off"], False),
        ({"device.api": "alsa", "device.bus": "usb", "device.form_factor": "headset"}, ["output:stereo"], False),
        ({}, [], False),
    ],
)
def test_bluetooth_headsets_are_told_by_their_properties(properties, profiles, headset):
    assert is_bluetooth_headset(properties, profiles) is headset


def test_differences_of_two_lists_are_events():
    faster = Device(**{**vars(WEBCAM), "sample_rate": 48_000, "default": True})
    slower = Device(**{**vars(MICROPHONE), "default": False})
    assert list(differences(DEVICES, [HEADPHONES, slower, faster, OURS])) == [
        DeviceEvent("removed", MONITOR),
        DeviceEvent("changed", faster),
        DeviceEvent("default-changed", faster),
    ]
    assert list(differences([], [MICROPHONE])) == [
        DeviceEvent("added", MICROPHONE),
        DeviceEvent("default-changed", MICROPHONE),
    ]


def portaudio_device(name: str, inputs: int, outputs: int) -> dict:
    return {"name": name, "max_input_channels": inputs, "max_output_channels": outputs, "default_samplerate": 44_100.0}


def test_portaudios_devices_are_listed_once_each():
    devices = [
        portaudio_device("Microphone (High Definition Aud", 2, 0),
        portaudio_device("Microphone (High Definition Audio)", 2, 0),
        portaudio_device("CABLE Input (VB-Audio Virtual Cable)", 0, 2),
        portaudio_device("Headset (WH-1000 Hands-Free AG Audio)", 1, 1),
    ]
    apis = [
        {"name": "MME", "devices": [0], "default_input_device": 0, "default_output_device": -1},
        {"name": "Windows WASAPI", "devices": [1, 2, 3], "default_input_device": 1, "default_output_device": 2},
    ]
    listed = convert(devices, apis)
    assert [(d.id, d.kind, d.default, d.virtual, d.bluetooth_headset) for d in listed] == [
        ("2", "output", True, True, False),
        ("3", "output", False, False, True),
        ("1", "input", True, False, False),
        ("3", "input", False, False, True),
    ]
    assert listed[0].sample_rate == 44_100 and listed[0].channels == 2
    assert convert([], []) == []


@pytest.mark.parametrize(
    ("platform", "name", "program"),
    [("darwin", "BlackHole 2ch", "BlackHole"), ("win32", "CABLE Input (VB-Audio Virtual Cable)", "VB-CABLE")],
)
def test_a_virtual_cable_is_found_or_named(monkeypatch, platform, name, program):
    monkeypatch.setattr(sys, "platform", platform)
    cable = Device("2", name, name, "output", 48_000, 2, virtual=True)
    assert virtual_cable.find_cable([HEADPHONES, cable]) == cable
    with pytest.raises(DeviceError) as refusal:
        virtual_cable.find_cable(DEVICES)
    assert program in refusal.value.hint


def test_without_a_server_listing_fails_in_one_line():
    with pytest.raises(DeviceError) as refusal:
        list_devices("unix:/nonexistent/socket")
    assert refusal.value.message == "no connection to the sound server"
    assert refusal.value.hint


def test_without_the_package_listing_says_how_to_get_it():
    script = """
import sys
sys.modules["pulsectl"] = None
from enhancer.live.devices import list_devices
from enhancer.live.errors import DeviceError
try:
    list_devices()
except DeviceError as error:
    print(error.message, error.hint)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "the package pulsectl is not installed pip install 'enhancer[live]'\n"


def test_devices_of_a_server_are_listed(sound_server):
    devices = {device.name: device for device in list_devices(sound_server.address)}
    loudspeaker, microphone = devices["loudspeaker"], devices["microphone"]
    assert (loudspeaker.kind, loudspeaker.sample_rate, loudspeaker.channels) == ("output", 48_000, 2)
    assert (microphone.kind, microphone.sample_rate, microphone.channels) == ("input", 48_000, 1)
    assert loudspeaker.default and microphone.default and not devices["room"].default
    assert devices["room.monitor"].monitor and not microphone.monitor
    assert microphone.virtual and not microphone.ours and not microphone.bluetooth_headset


@contextmanager
def watched(server):
    """The events of a server, as a function that waits for the next one of a kind (and a device)."""
    events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
    stop = threading.Event()
    thread = watch(events.put, stop, server.address)

    def expect(what: str, name: str | None = None, within_s: float = 1.0) -> DeviceEvent:
        deadline = time.monotonic() + within_s
        while True:
            try:
                event = events.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no event {what} {name} within {within_s} s") from None
            if event.what == what and name in (None, event.device and event.device.name):
                return event

    try:
        yield expect
    finally:
        stop.set()
        thread.join(2.0)
    assert not thread.is_alive()


@contextmanager
def headset(server):
    """A loudspeaker of that name, and its monitor: plugged in, and out again whatever happens between."""
    module = server.pactl("load-module", "module-null-sink", "sink_name=headset", "rate=16000").strip()
    try:
        yield
    finally:
        server.pactl("set-default-sink", "loudspeaker")
        server.pactl("unload-module", module)


def test_what_comes_and_goes_is_told_within_a_second(sound_server):
    def attempt():
        with watched(sound_server) as expect:
            with headset(sound_server):
                assert expect("added", "headset").device.sample_rate == 16_000
                expect("added", "headset.monitor")
                sound_server.pactl("set-default-sink", "headset")
                assert expect("default-changed", "headset").device.default
            expect("removed", "headset")

    in_time(attempt)


def test_a_server_that_is_killed_and_started_again_is_told_within_two_seconds(mortal_server):
    with watched(mortal_server) as expect:
        mortal_server.kill()
        expect("server-gone", within_s=2.0)
        mortal_server.start()
        expect("server-back", within_s=2.0)
        mortal_server.pactl("load-module", "module-null-sink", "sink_name=headset")
        expect("added", "headset")
    mortal_server.kill()
    with watched(mortal_server) as expect:
        expect("server-gone")
