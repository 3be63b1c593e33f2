"""A clean file is shown in the file manager of the desktop: a real D-Bus session with one, and with none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE_MANAGER = """
from PyQt6.QtCore import QObject, pyqtClassInfo, pyqtSlot
from PyQt6.QtDBus import QDBusConnection, QDBusMessage

@pyqtClassInfo("D-Bus Interface", "org.freedesktop.FileManager1")
class FileManager(QObject):
    @pyqtSlot(QDBusMessage)
    def ShowItems(self, message):
        assert message.signature() == "ass"  # as file managers have it
        print("chosen:", *message.arguments()[0])
        app.quit()

manager, bus = FileManager(), QDBusConnection.sessionBus()
assert bus.registerService("org.freedesktop.FileManager1")
options = QDBusConnection.RegisterOption.ExportAllSlots
assert bus.registerObject("/org/freedesktop/FileManager1", manager, options)
"""
SHOW = """
import sys
from pathlib import Path
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication
from gui.files import reveal

app = QApplication([])
reveal.open_file = lambda path: (print("opened:", path), app.quit())
{manager}
reveal.show_in_folder(Path(sys.argv[1]))
QTimer.singleShot(20_000, app.quit)
app.exec()
"""


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("dbus-run-session"), reason="needs dbus-run-session")
@pytest.mark.parametrize(
    ("manager", "said"), [(FILE_MANAGER, "chosen: file://{folder}/a%20b%23-clean.wav"), ("", "opened: {folder}")]
)
def test_it_is_chosen_there_or_its_folder_is_opened(manager, said, tmp_path):
    run = subprocess.run(
        ["dbus-run-session", "--", sys.executable, "-c", SHOW.format(manager=manager), tmp_path / "a b#-clean.wav"],
        cwd=ROOT, env=os.environ | {"QT_QPA_PLATFORM": "offscreen"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.stdout.strip() == said.format(folder=tmp_path), run.stderr
