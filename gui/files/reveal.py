"""A file in the system's own programs: opened, or shown in its folder."""

from __future__ import annotations

import sys
from pathlib import Path

from PyQt6.QtCore import QMetaType, QProcess, QUrl
from PyQt6.QtGui import QDesktopServices
from PyQt6.QtWidgets import QApplication

ANSWER_MS = 5000  # a file manager may have to be started first


def open_file(path: Path) -> None:
    """In the program that the user has for such files."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


def show_in_folder(path: Path) -> None:
    """In the file manager; chosen there, where the system has a way to say so."""
    if sys.platform == "win32":
        QProcess.startDetached("explorer", ["/select,", str(path)])
    elif sys.platform == "darwin":
        QProcess.startDetached("open", ["-R", str(path)])
    else:
        _ask_file_manager(path)


def _ask_file_manager(path: Path) -> None:
    """By D-Bus, which those of all desktops answer; opens the folder where none does."""
    from PyQt6.QtDBus import (
        QDBusArgument,
        QDBusConnection,
        QDBusMessage,
        QDBusPendingCallWatcher,
        QDBusPendingReply,
    )

    name = "org.freedesktop.FileManager1"
    request = QDBusMessage.createMethodCall(name, "/org/freedesktop/FileManager1", name, "ShowItems")
    uri = QUrl.fromLocalFile(str(path)).toString(QUrl.ComponentFormattingOption.FullyEncoded)
    uris = QDBusArgument()  # a plain list would be sent as one of variants
    uris.add([uri], QMetaType.Type.QStringList.value)  # type: ignore[arg-type]  # PyQt6-stubs take it for an enum
    request.setArguments([uris, ""])
    answer = QDBusPendingCallWatcher(
        QDBusConnection.sessionBus().asyncCall(request, ANSWER_MS), QApplication.instance()
    )

    def heard(watcher: QDBusPendingCallWatcher) -> None:
        if QDBusPendingReply(watcher).isError():
            open_file(path.parent)
        watcher.deleteLater()

    answer.finished.connect(heard)
