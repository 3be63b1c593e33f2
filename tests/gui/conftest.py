"""What tests of the window share. They draw into memory (Qt's `offscreen`), whatever screen there is."""

import os

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"
try:
    import PyQt6.QtWidgets  # noqa: F401
    import pytestqt  # noqa: F401
except ImportError as error:  # `make test` says which packages of the system are missing
    collect_ignore_glob = ["*"]
    print(f"tests of the window are left out: {error}")
else:
    from gui.preferences import PreferencesStore
    from gui.theme import theme
    from tests.gui.fake_engine import FakeLink
    from tests.live.conftest import cleared_for_another_try, home, own_pulse, pulse_server

    __all__ = ["cleared_for_another_try", "home", "own_pulse", "pulse_server"]

    @pytest.fixture(scope="session")
    def qapp(qapp):
        """The application of this process, in our theme."""
        theme().apply(qapp)
        return qapp

    @pytest.fixture
    def link(qapp):
        """An engine that only remembers what it was asked for."""
        return FakeLink()

    @pytest.fixture
    def store(qapp, tmp_path):
        """Preferences as they come, written into a folder of this test's."""
        return PreferencesStore(path=tmp_path / "gui.toml")

    @pytest.fixture(params=["light", "dark"])
    def any_theme(request, qapp):
        """Each of the two themes in turn."""
        theme().choose(request.param)
        yield theme()
        theme().choose("system")
