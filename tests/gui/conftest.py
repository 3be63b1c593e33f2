"""What tests of the monitor share. They draw into memory (Qt's `offscreen`), whatever screen there is."""

import os

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"
pytest.importorskip("PyQt6.QtWidgets", reason="PyQt6 (extra gui) is not installed, or lacks libraries of the system")
pytest.importorskip("pytestqt", reason="pytest-qt (extra dev) is not installed")

from gui.theme import theme
from tests.gui.fake_engine import FakeLink


@pytest.fixture(scope="session")
def qapp(qapp):
    """The application of this process, in the theme of the monitor."""
    theme().apply(qapp)
    return qapp


@pytest.fixture
def link(qapp):
    """An engine that only remembers what it was asked for."""
    return FakeLink()


@pytest.fixture(params=["light", "dark"])
def any_theme(request, qapp):
    """Each of the two themes in turn."""
    theme().choose(request.param)
    yield theme()
    theme().choose("system")
