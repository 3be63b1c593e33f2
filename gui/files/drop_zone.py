"""What the Files page shows while its list is empty, and while something is dragged over it."""

from __future__ import annotations

from PyQt6.QtCore import QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from gui.i18n import _
from gui.theme import pixmap, theme
from gui.widgets import label, wrapped

RADIUS = 14
ICON = 56


class DropZone(QWidget):
    """files_wanted, folder_wanted: a dialog is asked for."""

    files_wanted = pyqtSignal()
    folder_wanted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        heading = label(_("Drop files or folders here"), "title")
        heading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words = wrapped(
            _("Sound and video of any kind, from WAV and MP3 to MP4 and MKV. Of a video, the picture stays as it is."),
            "subtitle",
        )
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words.setMaximumWidth(26 * words.fontMetrics().height())
        self.add_files = QPushButton(_("Add files…"))
        self.add_files.setProperty("role", "primary")
        self.add_files.clicked.connect(self.files_wanted)
        self.add_folder = QPushButton(_("Add a folder…"))
        self.add_folder.clicked.connect(self.folder_wanted)
        row, buttons = QHBoxLayout(), QHBoxLayout()
        buttons.setSpacing(12)
        for line, widgets in ((row, (words,)), (buttons, (self.add_files, self.add_folder))):
            line.addStretch(1)
            for widget in widgets:
                line.addWidget(widget, 100 if widget is words else 0)
            line.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 32, 24, 32)
        column.setSpacing(8)
        column.addStretch(2)
        column.addWidget(self._picture)
        column.addSpacing(8)
        column.addWidget(heading)
        column.addLayout(row)
        column.addSpacing(16)
        column.addLayout(buttons)
        column.addStretch(3)
        theme().changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        self._picture.setPixmap(pixmap("drop", theme().tokens.accent, ICON))
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        colours = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(colours.surface))
        painter.setPen(QPen(QColor(colours.line), 2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(2, 2, -2, -2), RADIUS, RADIUS)
        painter.end()


class DropVeil(QWidget):
    """Lies over the page while something is dragged over it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        colours = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = QColor(colours.accent_soft)
        ground.setAlphaF(0.96)
        painter.setBrush(ground)
        painter.setPen(QPen(QColor(colours.accent), 2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(10, 10, -10, -10), RADIUS, RADIUS)
        font = self.font()
        font.setPointSizeF(1.6 * font.pointSizeF())
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(QColor(colours.text))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, _("Drop to add"))
        painter.end()
