"""An on/off switch: a check box that looks like what it does."""

from __future__ import annotations

from PyQt6.QtCore import QEasingCurve, QPointF, QRectF, QSize, Qt, QVariantAnimation
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from gui.theme import shows_focus, theme

WIDTH, HEIGHT, RING = 42, 24, 3
SLIDE_MS = 120


class Switch(QAbstractButton):
    """Space, Return or a click turn it; `toggled(bool)` and `clicked(bool)` as of any check box.

    name: for screen readers, the words beside it.
    """

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._slide = QVariantAnimation(self)
        self._slide.setDuration(SLIDE_MS)
        self._slide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._slide.setStartValue(0.0)
        self._slide.setEndValue(1.0)
        self._slide.valueChanged.connect(self.update)
        self.toggled.connect(self._turn)
        theme().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(WIDTH + 2 * RING, HEIGHT + 2 * RING)

    def hitButton(self, position: object) -> bool:
        return True

    def keyPressEvent(self, event: object) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):  # type: ignore[attr-defined]
            self.click()
        else:
            super().keyPressEvent(event)  # type: ignore[arg-type]

    def _turn(self, on: bool) -> None:
        self._slide.setDirection(QVariantAnimation.Direction.Forward if on else QVariantAnimation.Direction.Backward)
        if self.isVisible():
            self._slide.start()
        else:
            self._slide.setCurrentTime(SLIDE_MS if on else 0)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        colours = theme().tokens
        way = float(self._slide.currentValue() or 0.0)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self.isEnabled():
            painter.setOpacity(0.45)
        track = QRectF(RING, RING, WIDTH, HEIGHT)
        if shows_focus(self):
            painter.setPen(QPen(QColor(colours.focus), 2))
            painter.drawRoundedRect(track.adjusted(-2, -2, 2, 2), HEIGHT / 2 + 2, HEIGHT / 2 + 2)
        on = self.isChecked()
        painter.setPen(QPen(QColor(colours.accent if on else colours.text_muted), 1.5))
        painter.setBrush(QColor(colours.accent if on else colours.surface_raised))
        painter.drawRoundedRect(track.adjusted(1, 1, -1, -1), HEIGHT / 2 - 1, HEIGHT / 2 - 1)
        radius = HEIGHT / 2 - 5
        centre = QPointF(track.left() + HEIGHT / 2 + way * (WIDTH - HEIGHT), track.center().y())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.on_accent if on else colours.text_muted))
        painter.drawEllipse(centre, radius, radius)
        painter.end()
