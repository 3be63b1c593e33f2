"""A helper in a process of its own that takes and gives lines of JSON: the window never waits for it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QCoreApplication, QObject, QProcess, pyqtSignal

import enhancer

END_MS = 5_000  # for a child to tidy up once its input has ended


class Child(QObject):
    """`python -m MODULE`, started with the first `send` or `start`; its input ends with `close` or with our process.

    said(dict): a line. died(str): it has ended without being told to, and how.
    """

    said = pyqtSignal(dict)
    died = pyqtSignal(str)

    def __init__(self, module: str, *arguments: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._command = ["-m", module, *arguments]
        self._process: QProcess | None = None
        self._retired = False
        app = QCoreApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self.close)

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        """0 while it does not run."""
        return self._process.processId() if self._process is not None else 0

    def start(self) -> None:
        """Starts it if it does not run."""
        if self._process is not None:
            return
        process = QProcess(self)
        process.setWorkingDirectory(str(Path(enhancer.__file__).parents[1]))  # where it finds these packages
        process.setProcessChannelMode(QProcess.ProcessChannelMode.ForwardedErrorChannel)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._failed)
        self._process = process
        process.start(sys.executable, self._command)

    def send(self, **message: Any) -> None:
        """A line to it, which it may also find when it has come up."""
        self.start()
        assert self._process is not None
        self._process.write(json.dumps(message).encode() + b"\n")

    def retire(self) -> None:
        """Ends its input and returns at once; this object deletes itself with the process."""
        if self._process is None:
            self.deleteLater()
        else:
            self._retired = True
            self._process.closeWriteChannel()

    def close(self) -> None:
        """Ends its input and waits until it has tidied up."""
        process, self._process = self._process, None
        if process is None:
            return
        process.closeWriteChannel()
        if not process.waitForFinished(END_MS):
            process.kill()
            process.waitForFinished(END_MS)

    def _read(self) -> None:
        while self._process is not None and self._process.canReadLine():
            self.said.emit(json.loads(self._process.readLine().data()))

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart and self._process is not None:
            self._end(self._process.errorString())

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        if self._process is not None:
            self._read()
            self._end(f"exit code {code}" if status == QProcess.ExitStatus.NormalExit else f"signal {code}")

    def _end(self, how: str) -> None:
        self._process = None
        if self._retired:
            self.deleteLater()
        else:
            self.died.emit(how)
