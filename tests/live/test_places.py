"""The engine's folders are the owner's alone, wherever they have to be."""

import os
import stat
import sys
from pathlib import Path

import pytest

from enhancer.errors import ConfigError
from enhancer.live import places

pytestmark = pytest.mark.skipif(os.name != "posix", reason="file modes and owners")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "a" / "enhancer"


def test_the_runtime_folder_lies_in_the_sessions_own_and_is_closed_to_others(tmp_path, monkeypatch):
    if sys.platform == "darwin":
        pytest.skip("has no XDG folders")
    session = tmp_path / "session"
    session.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    assert places.runtime_dir() == session / "enhancer"
    assert mode(session / "enhancer") == 0o700


def test_a_session_without_a_runtime_folder_gets_a_private_one_without_a_warning(monkeypatch, recwarn):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    folder = places.runtime_dir()
    assert mode(folder) == 0o700 and folder.stat().st_uid == os.geteuid()
    assert [warning for warning in recwarn if warning.category is not ResourceWarning] == []  # which others left behind


def test_missing_parents_are_private_too(folder):
    places.private_folder(folder)
    assert mode(folder) == mode(folder.parent) == 0o700


def test_an_own_folder_that_others_may_enter_is_closed(folder):
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    assert mode(places.private_folder(folder)) == 0o700


def test_a_folder_that_somebody_else_has_put_there_is_refused(folder):
    if os.geteuid() == 0:
        folder.mkdir(parents=True)
        os.chown(folder, 12345, 12345)
    else:
        folder = Path("/usr")
    with pytest.raises(ConfigError, match="another user"):
        places.private_folder(folder)


def test_a_link_is_refused(folder, tmp_path):
    folder.parent.mkdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="not a folder"):
        places.private_folder(folder)


def test_a_folder_that_somebody_else_could_exchange_is_refused(folder):
    folder.mkdir(parents=True)
    folder.parent.chmod(0o777)
    with pytest.raises(ConfigError, match="exchange"):
        places.private_folder(folder)


def test_a_file_in_the_way_is_one_clear_line(folder):
    folder.parent.write_text("")
    with pytest.raises(ConfigError, match="cannot use the folder"):
        places.private_folder(folder)


def test_a_path_too_long_for_a_socket_is_one_clear_line():
    with pytest.raises(ConfigError, match="too long"):
        places.control_address(Path("/tmp") / ("x" * 100))


def test_logs_go_to_the_state_folder_and_settings_to_the_config_folder(tmp_path, monkeypatch):
    if sys.platform == "darwin":
        pytest.skip("has no XDG folders")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert places.log_dir() == tmp_path / "state" / "enhancer" / "log" and places.log_dir().is_dir()
    assert places.config_file() == tmp_path / "config" / "enhancer" / "live.toml"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="for logs"):
        places.log_dir()
