"""The theme of this process: light or dark, as the user or the system says, and told to whoever paints."""

from __future__ import annotations

from functools import cache

from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFont, QGuiApplication, QPalette
from PyQt6.QtWidgets import QApplication

from gui.theme.focus import follow_focus
from gui.theme.stylesheet import stylesheet
from gui.theme.tokens import Tokens, tokens

FAMILIES = ("Inter", "Noto Sans", "Noto Sans CJK SC", "Noto Sans SC")  # where the system's own font is none of note
_PLAIN_FONTS = ("Sans Serif", "Sans", "DejaVu Sans", "Helvetica", "")
SMALLEST_PT = 10.0


class Theme(QObject):
    """changed: colours are others now; painted widgets repaint themselves."""

    changed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._choice = "system"
        self._dark = False
        self._app: QApplication | None = None

    @property
    def dark(self) -> bool:
        return self._dark

    @property
    def tokens(self) -> Tokens:
        """The colours of now."""
        return tokens(self._dark)

    def apply(self, app: QApplication) -> None:
        """Dresses the application, and goes on following the system's light or dark."""
        self._app = app
        app.setStyle("Fusion")  # the same on every system, and made for palettes and stylesheets
        app.setFont(_font(app.font()))
        hints = QGuiApplication.styleHints()
        assert hints is not None
        hints.colorSchemeChanged.connect(self._follow)
        follow_focus(app)
        self._dark = self._wanted_dark()
        self._dress()

    def choose(self, choice: str) -> None:
        """`light`, `dark` or `system`."""
        self._choice = choice
        self._follow()

    def _follow(self) -> None:
        dark = self._wanted_dark()
        if dark != self._dark:
            self._dark = dark
            self._dress()
            self.changed.emit()

    def _wanted_dark(self) -> bool:
        if self._choice != "system":
            return self._choice == "dark"
        hints = QGuiApplication.styleHints()
        return hints is not None and hints.colorScheme() == Qt.ColorScheme.Dark

    def _dress(self) -> None:
        if self._app is not None:
            self._app.setPalette(_palette(self.tokens))
            self._app.setStyleSheet(stylesheet(self.tokens))


@cache
def theme() -> Theme:
    """The one theme of this process."""
    return Theme()


def _font(system: QFont) -> QFont:
    """The system's font; a better one where it is but a stand-in. Not smaller than is comfortable."""
    font = QFont(system)
    if system.family() in _PLAIN_FONTS:
        font.setFamilies([*FAMILIES, system.family()])
    font.setPointSizeF(max(SMALLEST_PT, system.pointSizeF()))
    return font


def _palette(colours: Tokens) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for target, colour in (
        (role.Window, colours.window), (role.WindowText, colours.text), (role.Base, colours.surface),
        (role.AlternateBase, colours.surface_raised), (role.Text, colours.text), (role.Button, colours.surface_raised),
        (role.ButtonText, colours.text), (role.ToolTipBase, colours.surface_raised), (role.ToolTipText, colours.text),
        (role.PlaceholderText, colours.text_muted), (role.Highlight, colours.accent),
        (role.HighlightedText, colours.on_accent), (role.Link, colours.accent), (role.Mid, colours.line),
    ):  # fmt: skip
        palette.setColor(target, QColor(colour))
    for target in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, target, QColor(colours.text_muted))
    return palette
