"""The Files page as a user meets it: real files dropped, cleaned by real processes, called off, compared."""

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PyQt6 import sip
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication

from enhancer.file_denoiser import Settings, denoise_file
from gui.files.model import FilesModel
from gui.files.page import FilesPage
from gui.files.row import Action, Row, State
from gui.preferences import Preferences, PreferencesStore, load

DATA = Path(__file__).parents[1] / "data"
RATE = 16_000


@pytest.fixture
def open_page(qapp, qtbot, tmp_path):
    """open_page(**preferences) -> the page, shown; its processes end with the test."""
    pages = []

    def make(**preferences) -> FilesPage:
        model = FilesModel(PreferencesStore(Preferences(**preferences), tmp_path / "gui.toml"), qapp)
        page = FilesPage(model)
        pages.append((page, model))
        page.resize(900, 700)
        page.show()
        qtbot.waitExposed(page)
        return page

    yield make
    for page, model in pages:
        sip.delete(page)  # here: a collector of garbage that runs in another thread must not
        model.close()


@pytest.fixture
def quick_page(open_page, build_model):
    """A page whose model passes the sound as it is."""
    return open_page(model=str(build_model("pass")))


def drop(page: FilesPage, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    where = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    page.dragEnterEvent(QDragEnterEvent(QPoint(50, 50), *where))
    page.dropEvent(QDropEvent(QPointF(50, 50), *where))


def rows(page: FilesPage) -> dict[str, Row]:
    model = page._model
    found = (model.index(at).data(Qt.ItemDataRole.UserRole) for at in range(model.rowCount()))
    return {row.name: row for row in found}


def states(page: FilesPage) -> dict[str, State]:
    return {name: row.state for name, row in rows(page).items()}


def press(qtbot, page: FilesPage, name: str, action: Action) -> None:
    """Clicks one of the buttons of a row."""
    place = page.delegate.action_place(page._model.index_of(rows(page)[name]), action)
    assert not place.isEmpty()
    qtbot.mouseClick(page.view.viewport(), Qt.MouseButton.LeftButton, pos=place.center())


def clean_all(qtbot, page: FilesPage) -> None:
    with qtbot.waitSignal(page._model.finished, timeout=60_000):
        qtbot.mouseClick(page.run_button, Qt.MouseButton.LeftButton)


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def write(path: Path, seconds: float, speech_like) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, speech_like(RATE, seconds), RATE)


def write_long(path: Path) -> None:
    """Enough work to be called off."""
    sound = np.zeros((48_000 * 120, 2), np.int16)
    sound[::1000] = 3000
    soundfile.write(path, sound, 48_000)


def test_a_dropped_folder_is_cleaned_and_each_file_says_what_became_of_it(open_page, qtbot, tmp_path):
    folder = tmp_path / "talks"
    (folder / "old").mkdir(parents=True)
    shutil.copy(DATA / "speech_16k_male.flac", folder / "talk.flac")
    (folder / "old" / "broken.wav").write_bytes(b"RIFF\0\0\0\0WAVEjunk")
    (tmp_path / "notes.txt").write_text("no sound")
    page = open_page()
    assert page.drop_zone.isVisible()
    drop(page, folder, tmp_path / "notes.txt")
    qtbot.waitUntil(lambda: len(rows(page)) == 2)
    assert page.banner.texts == ["Left out, being neither sound nor video: notes.txt"]
    assert page.run_button.text() == "Clean 2 files"
    clean_all(qtbot, page)
    assert states(page) == {"talk.flac": State.DONE, "broken.wav": State.FAILED}
    assert files_in(folder) == ["old/broken.wav", "talk-clean.flac", "talk.flac"]
    assert rows(page)["broken.wav"].detail.startswith("Damaged: ")
    assert "saved as talk-clean.flac" in rows(page)["talk.flac"].detail
    assert page.banner.texts[0] == "1 cleaned, 1 failed: the list says why."
    assert page.summary.text() == "1 done  ·  1 failed"
    # The same samples as from the command line.
    denoise_file(folder / "talk.flac", tmp_path / "same.flac", Settings())
    assert np.array_equal(*(soundfile.read(path)[0] for path in (folder / "talk-clean.flac", tmp_path / "same.flac")))

    press(qtbot, page, "talk.flac", Action.LISTEN)
    assert page.player.isVisible() and page.player_title.toolTip() == "talk.flac"
    playback = page._model.playback
    qtbot.waitUntil(lambda: all(seen is not None and seen.done == 1000 for seen in playback.overviews), timeout=20_000)
    before, after = playback.overviews
    assert np.median(after.levels) < np.median(before.levels)
    qtbot.mouseClick(page.close_player, Qt.MouseButton.LeftButton)
    assert not page.player.isVisible()


def test_strength_folder_and_replacing_are_those_of_the_command_line(
    open_page, build_model, qtbot, tmp_path, speech_like, monkeypatch
):
    page = open_page(model=str(build_model("remove")))
    for name in ("in/a.wav", "in/deep/b.wav"):
        write(tmp_path / name, 0.5, speech_like)
    write(tmp_path / "out/deep/b.wav", 0.1, speech_like)
    monkeypatch.setattr("gui.files.page.QFileDialog.getExistingDirectory", lambda *_: str(tmp_path / "out"))
    drop(page, tmp_path / "in")
    qtbot.waitUntil(lambda: len(rows(page)) == 2)
    page.place.menu().actions()[1].trigger()
    assert page.place.text() == "out"
    qtbot.mouseClick(page.strength.findChildren(type(page.strength.children()[-1]))[0], Qt.MouseButton.LeftButton)
    remembered, _note = load(tmp_path / "gui.toml")
    assert (remembered.files_limit_db, remembered.files_folder) == (6.0, str(tmp_path / "out"))
    clean_all(qtbot, page)
    assert states(page) == {"a.wav": State.DONE, "b.wav": State.SKIPPED}
    assert files_in(tmp_path / "out") == ["a.wav", "deep/b.wav"]
    noisy, clean = (soundfile.read(tmp_path / name)[0] for name in ("in/a.wav", "out/a.wav"))
    assert 20 * np.log10(np.std(noisy) / np.std(clean)) == pytest.approx(6.0, abs=0.5)
    # Skipped it is, until one asks for it.
    with qtbot.waitSignal(page._model.finished, timeout=60_000):
        press(qtbot, page, "b.wav", Action.RETRY)
    assert soundfile.info(tmp_path / "out/deep/b.wav").frames == RATE / 2


def test_a_file_is_cancelled_others_go_on_and_nothing_half_made_stays(quick_page, qtbot, tmp_path, speech_like):
    page = quick_page
    write_long(tmp_path / "long.wav")
    write(tmp_path / "short.wav", 0.5, speech_like)
    drop(page, tmp_path / "long.wav", tmp_path / "short.wav")
    qtbot.waitUntil(lambda: len(rows(page)) == 2)
    qtbot.mouseClick(page.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(rows(page)["long.wav"].share), timeout=30_000)
    assert list(tmp_path.glob(".enhancer-*"))
    with qtbot.waitSignal(page._model.finished, timeout=60_000):
        press(qtbot, page, "long.wav", Action.REMOVE)
    assert states(page) == {"long.wav": State.CANCELLED, "short.wav": State.DONE}
    press(qtbot, page, "long.wav", Action.RETRY)
    qtbot.waitUntil(lambda: bool(rows(page)["long.wav"].share), timeout=30_000)
    qtbot.mouseClick(page.stop_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: states(page)["long.wav"] is State.WAITING, timeout=30_000)
    assert page.run_button.isVisible() and page.run_button.text() == "Clean 1 file"
    qtbot.mouseClick(page.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(rows(page)["long.wav"].share), timeout=30_000)
    page._model.close()  # as when the program ends
    assert [name for name in files_in(tmp_path) if name.endswith("wav")] == ["long.wav", "short-clean.wav", "short.wav"]


def test_what_can_be_read_of_a_damaged_file_is_cleaned_when_asked_for(quick_page, qtbot, tmp_path, speech_like):
    write(tmp_path / "cut.wav", 1.0, speech_like)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "cut.wav").read_bytes()[: RATE + 44])
    drop(quick_page, tmp_path / "cut.wav")
    qtbot.waitUntil(lambda: len(rows(quick_page)) == 1)
    clean_all(qtbot, quick_page)
    row = rows(quick_page)["cut.wav"]
    assert row.detail.startswith("Cut off: 50 % of its sound is there")
    assert "--" not in row.detail and row.words_of(Action.RETRY) == "Clean what can be read"
    quick_page.view.setCurrentIndex(quick_page._model.index_of(row))
    quick_page.view.setFocus()
    with qtbot.waitSignal(quick_page._model.finished, timeout=60_000):
        qtbot.keyClick(quick_page.view, Qt.Key.Key_Return)
    assert row.state is State.DONE
    assert soundfile.info(tmp_path / "cut-clean.wav").frames == RATE / 2


def test_a_process_that_is_killed_costs_one_file(quick_page, qtbot, tmp_path, speech_like):
    write_long(tmp_path / "long.wav")
    write(tmp_path / "short.wav", 0.5, speech_like)
    drop(quick_page, tmp_path / "long.wav", tmp_path / "short.wav")
    qtbot.waitUntil(lambda: len(rows(quick_page)) == 2)
    with qtbot.waitSignal(quick_page._model.finished, timeout=60_000):
        qtbot.mouseClick(quick_page.run_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: bool(rows(quick_page)["long.wav"].share), timeout=30_000)
        worker = next(worker for worker, row in quick_page._model._workers.items() if row.name == "long.wav")
        os.kill(worker.pid, signal.SIGKILL)
    assert states(quick_page) == {"long.wav": State.FAILED, "short.wav": State.DONE}
    assert "signal 9" in rows(quick_page)["long.wav"].detail


def test_without_a_model_the_page_says_so_and_the_files_wait(open_page, qtbot, tmp_path, speech_like):
    (tmp_path / "no.onnx").write_text("no model")
    page = open_page(model=str(tmp_path / "no.onnx"))
    write(tmp_path / "a.wav", 0.2, speech_like)
    drop(page, tmp_path / "a.wav")
    qtbot.waitUntil(lambda: len(rows(page)) == 1)
    qtbot.mouseClick(page.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.banner.texts), timeout=30_000)
    assert "no.onnx" in page.banner.texts[0]
    assert states(page) == {"a.wav": State.WAITING}


def test_paths_are_pasted_and_rows_removed_by_key(quick_page, qtbot, tmp_path, speech_like):
    for name in ("a.wav", "a-clean.wav", "b.wav"):
        write(tmp_path / name, 0.1, speech_like)
    QGuiApplication.clipboard().setText(f"{tmp_path}\n")
    qtbot.keyClick(quick_page, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: list(rows(quick_page)) == ["a.wav", "b.wav"])
    assert quick_page.banner.texts == ["Left out, being clean already: a-clean.wav"]
    quick_page.view.setCurrentIndex(quick_page._model.index(0))
    quick_page.view.setFocus()
    qtbot.keyClick(quick_page.view, Qt.Key.Key_Delete)
    assert list(rows(quick_page)) == ["b.wav"]
    assert quick_page._model.index(0).data(Qt.ItemDataRole.AccessibleTextRole) == "b.wav, Waiting"
