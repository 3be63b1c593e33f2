"""One window a user: who comes second has the first one come to the front, and goes.

A lock in the runtime folder says who is first (the system lets go of it when its holder dies); a socket beside it takes
the calls of those who come later. Neither needs a display.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from time import monotonic, sleep

from PyQt6.QtCore import QCoreApplication, QLockFile, QObject, pyqtSignal
from PyQt6.QtNetwork import QLocalServer, QLocalSocket

from enhancer.errors import UserError

ANSWER_MS = 5_000
_TOKEN = "XDG_ACTIVATION_TOKEN"  # by which Wayland knows that the user has asked for the window


class SingleInstance(QObject):
    """called(page): somebody has started the program again; page: that they want to see, may be empty."""

    called = pyqtSignal(str)

    def __init__(self, folder: Path) -> None:
        """folder: the user's runtime folder, which is the user's alone."""
        super().__init__()
        self._address = _address(folder)
        self._lock = QLockFile(str(folder / "window.lock"))
        self._lock.setStaleLockTime(0)  # however old: only one whose process is gone
        self._server: QLocalServer | None = None

    def claim(self) -> bool:
        """Whether we are the first."""
        return self._lock.tryLock(0)

    def listen(self) -> None:
        """From now on we are told of those who come later. Needs an application."""
        QLocalServer.removeServer(self._address)  # of one that was killed
        self._server = QLocalServer(self)
        self._server.newConnection.connect(self._answer)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.listen(self._address)

    def call(self, page: str) -> None:
        """Has the first one show itself. Raises UserError if it does not answer."""
        application = QCoreApplication.instance() or QCoreApplication([""])
        socket = QLocalSocket()
        deadline = monotonic() + ANSWER_MS / 1000
        while not _connects(socket, self._address) and monotonic() < deadline:
            sleep(0.05)  # it is just starting
        message = json.dumps({"page": page, "token": os.environ.get(_TOKEN, "")}).encode() + b"\n"
        if not (
            socket.state() == QLocalSocket.LocalSocketState.ConnectedState
            and socket.write(message) == len(message)
            and socket.waitForReadyRead(ANSWER_MS)
        ):
            raise UserError("the window that is open does not answer", "end its process and try again")
        del socket, application  # in this order

    def close(self) -> None:
        """Makes room for another first one."""
        if self._server is not None:
            self._server.close()
        self._lock.unlock()

    def _answer(self) -> None:
        assert self._server is not None
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.readyRead.connect(lambda socket=socket: self._read(socket))
            socket.disconnected.connect(socket.deleteLater)
            self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            return
        try:
            wanted = json.loads(socket.readLine(4096))
            page, token = str(wanted["page"]), str(wanted["token"])
        except (ValueError, KeyError, TypeError):  # not one of ours
            socket.abort()
            return
        socket.write(b"ok\n")
        socket.flush()
        socket.disconnectFromServer()
        if token:
            os.environ[_TOKEN] = token  # Qt takes it from there
        self.called.emit(page)


def _connects(socket: QLocalSocket, address: str) -> bool:
    socket.connectToServer(address)
    return socket.waitForConnected(ANSWER_MS)


def _address(folder: Path) -> str:
    if sys.platform == "win32":
        return f"enhancer-window-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
    return str(folder / "window")
