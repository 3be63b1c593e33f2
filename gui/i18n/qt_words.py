"""Qt's own words (in file dialogs, in the menus of text fields) in the language of the window."""

from __future__ import annotations

from PyQt6.QtCore import QCoreApplication, QLibraryInfo, QTranslator

from gui import i18n

_translator: list[QTranslator] = []


def translate_qt() -> None:
    """To be called after `i18n.set_language`, and before widgets are made."""
    while _translator:
        QCoreApplication.removeTranslator(_translator.pop())
    translator = QTranslator()
    place = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    if translator.load(f"qtbase_{i18n.language()}", place):
        QCoreApplication.installTranslator(translator)
        _translator.append(translator)
