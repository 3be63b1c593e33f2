"""A test of the microphone, step by step; knows no widgets. It is done by `gui.mic_test.process`."""

from __future__ import annotations

import json
import tempfile
from enum import Enum, auto
from math import ceil
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QCoreApplication, QObject, pyqtSignal

from enhancer.errors import UserError
from enhancer.live import places
from gui.child import Child
from gui.i18n import _
from gui.live.model import Choice, LiveModel
from gui.mic_test import wording
from gui.playback.model import PlaybackModel
from gui.preferences import PreferencesStore

SECONDS = 5.0


class Step(Enum):
    """Of a test."""

    READY = auto()
    STARTING = auto()
    RECORDING = auto()
    JUDGING = auto()
    DONE = auto()


class MicTestModel(QObject):
    """changed: the step, or the devices. heard: how far the recording is, and its level. refused(UserError): it failed.

    Microphone and strength are those of the Live page.
    """

    changed = pyqtSignal()
    heard = pyqtSignal()
    refused = pyqtSignal(object)

    def __init__(self, live: LiveModel, store: PreferencesStore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._live, self._store = live, store
        self.playback = PlaybackModel(self)
        self.step = Step.READY
        self.microphone = ""  # as people know the one that is recorded
        self.done_s = 0.0
        self.rms_dbfs = self.peak_dbfs = -120.0
        self._report: dict[str, Any] = {}
        self._problem: str | None = None
        self._child: Child | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        live.changed.connect(self.changed)
        app = QCoreApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self.close)

    # --- what is shown ----------------------------------------------------------------------------------------------

    @property
    def choices(self) -> list[Choice]:
        """The microphones."""
        return self._live.choices("input")

    @property
    def chosen(self) -> str | None:
        """The microphone's name; None: the default one."""
        return self._live.chosen("input")

    def choose(self, name: str | None) -> None:
        """Another one, for the Live page, too."""
        self._live.choose("input", name)

    @property
    def count_down(self) -> int:
        """Whole seconds that are left to speak."""
        return max(1, ceil(SECONDS - self.done_s - 1e-6))

    @property
    def verdict(self) -> wording.Verdict:
        """Of a test that is done."""
        return wording.verdict(self._report, self._problem)

    @property
    def figures(self) -> list[wording.Figure]:
        """Of a test that is done."""
        return wording.figures(self._report)

    # --- what is done -----------------------------------------------------------------------------------------------

    def record(self) -> None:
        """Begins a test; the last recording is forgotten."""
        self._forget()
        self._folder = tempfile.TemporaryDirectory(prefix="mic-test-", dir=places.runtime_dir())
        options = {
            "input": self.chosen, "seconds": SECONDS, "limit_db": self._live.limit_db,
            "model": self._store.value.model or None, "folder": self._folder.name,
        }  # fmt: skip
        child = self._child = Child("gui.mic_test.process", json.dumps(options), parent=self)
        child.said.connect(self._hear)
        child.died.connect(self._mourn)
        child.start()
        self._go(Step.STARTING)

    def cancel(self) -> None:
        """Calls the test off."""
        self._forget()
        self._go(Step.READY)

    def close(self) -> None:
        """Ends all processes and removes the recording."""
        if self._child is not None:
            self._child.close()
            self._child = None
        self._forget()
        self.playback.close()

    def _forget(self) -> None:
        """The microphone is closed, the recording removed."""
        self._let_go()
        self.playback.unload()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
        self.done_s, self.rms_dbfs, self.peak_dbfs = 0.0, -120.0, -120.0

    def _let_go(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.said.disconnect(self._hear)
            child.died.disconnect(self._mourn)
            child.retire()

    def _hear(self, said: dict[str, Any]) -> None:
        match said:
            case {"recording": str(microphone)}:
                self.microphone = microphone
                self._go(Step.RECORDING)
            case {"done_s": done_s, "rms_dbfs": rms_dbfs, "peak_dbfs": peak_dbfs}:
                self.done_s, self.rms_dbfs, self.peak_dbfs = done_s, rms_dbfs, peak_dbfs
                self.heard.emit()
            case {"judging": _}:
                self.rms_dbfs = self.peak_dbfs = -120.0
                self._go(Step.JUDGING)
            case {"report": report, "problem": problem}:
                self._report, self._problem = report, problem
                self._let_go()
                self.playback.load(*map(Path, report["files"]))
                self._go(Step.DONE)
            case {"error": message, "hint": hint}:
                self._fail(UserError(message, hint))

    def _mourn(self, how: str) -> None:
        self._child = None
        self._fail(UserError(_("The test has ended by itself ({how}).").format(how=how)))

    def _fail(self, error: UserError) -> None:
        self._forget()
        self._go(Step.READY)
        self.refused.emit(error)

    def _go(self, step: Step) -> None:
        self.step = step
        self.changed.emit()
