"""What the window remembers: written whole, read with suspicion, in step with `enhancer live`."""

from dataclasses import replace

import pytest

from enhancer.live import settings
from enhancer.live.device import Device
from enhancer.live.settings import RememberedDevice, Settings
from gui.preferences import Preferences, PreferencesStore, Profile, engine_choice, load, save

YETI = RememberedDevice("alsa_input.usb-Blue_Yeti", 'Blue Yeti 🎤 "x"')
DEVICES = [
    Device("1", "alsa_output.pci", "Speakers", "output", 48_000, 2, default=True),
    Device("2", "alsa_input.pci", "Laptop microphone", "input", 48_000, 2, default=True),
    Device("7", YETI.name, YETI.description, "input", 48_000, 2),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "enhancer" / "gui.toml"


def test_what_is_saved_is_loaded(path):
    studio = Profile("Studio \\ 工作室", YETI, None, False, 6.5, "low")
    chosen = Preferences(
        "zh_CN", "dark", True, "Ctrl+Alt+B", "/a \"b\"", "light", True, 12.0, "/b", "01ff", "files", True, studio.name,
        (Profile("Calls"), studio),
    )  # fmt: skip
    save(chosen, path)
    assert load(path) == (chosen, "")


def test_without_a_file_there_are_two_profiles_and_the_first_does_what_enhancer_live_does(path):
    preferences, line = load(path)
    assert [profile.name for profile in preferences.profiles] == ["Calls", "Streaming"] and not line
    options = engine_choice(preferences, DEVICES).options
    assert (options.virtual_mic, options.limit_db, options.latency) == ("Enhancer microphone", None, "normal")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version = ", "damaged"),
        ("", "no version"),
        ("version = 9\nfuture = 1", "newer"),
        ("version = 1\nlanguage = 'tlh'", "language"),
        ("version = 1\nkeep_open = 1", "keep_open"),
        ("version = 1\ncolour = 'red'", "colour"),
        ("version = 1\nprofiles = []", "profiles"),
        ("version = 1\ncurrent = 'Gone'", "Gone"),
        ("version = 1\n[[profiles]]\nname = 'Calls'\nlatency = 'lowest'", "latency"),
        ("version = 1\n[[profiles]]\nname = 'Calls'\ninput = 'Yeti'", "input"),
        ("version = 1\n[[profiles]]\nlatency = 'low'", "name"),
    ],
)
def test_a_file_that_makes_no_sense_is_told_of_and_put_aside(text, said, path):
    path.parent.mkdir()
    path.write_text(text)
    preferences, line = load(path)
    assert preferences == Preferences()
    assert said in line and "\n" not in line
    assert path.with_name("gui.old.toml").read_text() == text


def test_the_current_profile_is_what_enhancer_live_remembers(path):
    save(replace(Preferences(), current="Streaming"), path)
    live_path = path.with_name("live.toml")
    assert settings.load(live_path)[0] == Settings(None, None, 12.0, "safe")
    settings.save(Settings(YETI, None, 6.0, "low"), live_path)  # by `enhancer live --input yeti`
    calls, streaming = load(path)[0].profiles
    assert (streaming.input, streaming.limit_db, streaming.latency) == (YETI, 6.0, "low")
    assert calls == Profile("Calls")


def test_each_change_is_written_at_once_and_told_once(path, qtbot):
    store, heard = PreferencesStore(Preferences(), path), []
    store.changed.connect(heard.append)
    store.change(theme="dark")
    store.change(theme="dark")
    store.change_profile(limit_db=12.0)
    assert [(new.theme, new.profile.limit_db) for new in heard] == [("dark", None), ("dark", 12.0)]
    assert load(path)[0] == store.value


def test_preferences_that_cannot_be_written_hold_all_the_same(tmp_path, qtbot):
    (tmp_path / "file").write_text("")
    store = PreferencesStore(Preferences(), tmp_path / "file" / "gui.toml")
    with qtbot.waitSignal(store.failed):
        store.change(theme="dark")
    assert store.value.theme == "dark"


def test_without_a_virtual_microphone_sound_goes_to_the_output(path):
    preferences = Preferences().with_profile(virtual_mic=False, input=YETI)
    options = engine_choice(preferences, DEVICES).options
    assert (options.virtual_mic, options.input, options.output) == (None, YETI.name, None)
    gone = preferences.with_profile(input=RememberedDevice("gone", "Old headset"))
    choice = engine_choice(gone, DEVICES)
    assert choice.options.input is None
    assert choice.notes == ("the microphone Old headset is not there: using the default one",)
