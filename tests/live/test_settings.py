"""What live sound remembers: written whole, read with suspicion, never an obstacle."""

import contextlib

import pytest

from enhancer.errors import OutputError
from enhancer.live.device import Device
from enhancer.live.settings import RememberedDevice, Settings, load, recall, save

YETI = Device("7", "alsa_input.usb-Blue_Yeti", "Blue Yeti", "input", 48_000, 2)
ODD = RememberedDevice('quote " back \\ tab \t', "Mikrofon Größe 🎤 \x7f\x01")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "enhancer" / "live.toml"


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(RememberedDevice.of(YETI), None, 12.5, "low"),
        Settings(ODD, ODD, 0.0, "safe"),
    ],
)
def test_what_is_saved_is_loaded(settings, path):
    save(settings, path)
    assert load(path) == (settings, "")
    assert [file.name for file in path.parent.iterdir()] == ["live.toml"]


def test_without_a_file_everything_is_as_it_comes(path):
    assert load(path) == (Settings(), "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"version = ", "damaged"),
        (b"\xff\xfe\x00", "damaged"),
        (b"", "no version"),
        (b"version = true", "no version"),
        (b"version = 2\nfuture = 1", "newer"),
        (b"version = 1\nlimitdb = 3", "limitdb"),
        (b"version = 1\nlimit_db = -1", "limit_db"),
        (b"version = 1\nlimit_db = inf", "limit_db"),
        (b"version = 1\nlimit_db = true", "limit_db"),
        (b"version = 1\nlatency = 'lowest'", "latency"),
        (b"version = 1\nlatency = []", "latency"),
        (b"version = 1\ninput = 'Blue Yeti'", "input"),
        (b"version = 1\n[output]\nname = 'a'\ndescription = 3", "output"),
    ],
)
def test_a_file_that_makes_no_sense_is_told_of_and_put_aside(text, said, path):
    path.parent.mkdir()
    path.write_bytes(text)
    settings, line = load(path)
    assert settings == Settings()
    assert said in line and "\n" not in line
    assert path.with_name("live.old.toml").read_bytes() == text
    assert load(path) == (Settings(), "")


def test_a_full_disk_is_one_clear_line_and_the_settings_before_stay(small_disk):
    path = small_disk / "live.toml"
    save(Settings(limit_db=12.0), path)
    with open(small_disk / "rest", "wb", buffering=0) as rest, contextlib.suppress(OSError):
        while rest.write(bytes(4096)):
            pass
    with pytest.raises(OutputError, match="no space left for"):
        save(Settings(limit_db=24.0), path)
    assert load(path)[0].limit_db == 12.0
    assert sorted(place.name for place in small_disk.iterdir()) == ["live.toml", "rest"]


def test_settings_that_are_a_folder_are_no_obstacle(path):
    path.mkdir(parents=True)
    settings, line = load(path)
    assert settings == Settings()
    assert "cannot be read" in line


def test_a_remembered_device_is_found_by_its_name():
    assert recall(RememberedDevice(YETI.name, "renamed since"), "input", [YETI]) == (YETI, "")
    assert recall(None, "input", [YETI]) == (None, "")


def test_a_remembered_device_that_is_gone_becomes_the_default_one_in_plain_words():
    device, line = recall(RememberedDevice.of(YETI), "input", [])
    assert device is None
    assert line == "the microphone Blue Yeti is not there: using the default one"
