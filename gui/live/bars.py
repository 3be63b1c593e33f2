"""Horizontal bars that move: levels with their peak, and what was removed. Painted only when a pixel changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PyQt6.QtCore import QEvent, QRect, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPixmap, QResizeEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from gui.live.scales import CLIPPING_DB, LOUD_DB, MOST_REMOVED_DB, QUIETEST_DB, level_share
from gui.theme import theme

if TYPE_CHECKING:
    from gui.theme import Tokens

PEAK_WIDTH = 2  # logical pixels

Zone = tuple[float, str]  # a colour, and the share of the bar's length where it begins


def level_zones(tokens: Tokens) -> Sequence[Zone]:
    """Calm, loud, nearly clipping."""
    return (
        (0.0, tokens.meter_low),
        (level_share(LOUD_DB), tokens.meter_mid),
        (level_share(CLIPPING_DB), tokens.meter_high),
    )


def removed_zones(tokens: Tokens) -> Sequence[Zone]:
    """One colour: much is no worse than little."""
    return ((0.0, tokens.accent),)


class Bar(QWidget):
    """A share of its length is lit; a thin line marks the peak."""

    def __init__(self, zones: Callable[[Tokens], Sequence[Zone]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._zones = zones
        self._lit = self._peak = 0  # device pixels from the left
        self._pictures: tuple[QPixmap, QPixmap] | None = None  # all unlit, all lit
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self._forget)

    def show_shares(self, lit: float, peak: float = 0.0) -> None:
        """0..1 each; a peak of 0 is none."""
        width = self.width() * self.devicePixelRatioF()
        was = self._lit, self._peak
        self._lit, self._peak = round(lit * width), round(peak * width)
        if (self._lit, self._peak) != was:
            self.update()

    def sizeHint(self) -> QSize:
        """As high as small letters."""
        return QSize(160, max(8, round(0.7 * self.fontMetrics().height())))

    def minimumSizeHint(self) -> QSize:
        """Short enough for a narrow window."""
        return QSize(80, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Pictures of the new size."""
        self._forget()

    def event(self, event: QEvent | None) -> bool:
        """Another screen may have other pixels."""
        if event is not None and event.type() == QEvent.Type.DevicePixelRatioChange:
            self._forget()
        return super().event(event)

    def _forget(self) -> None:
        self._pictures = None
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """The lit part of one picture over the other, then the peak."""
        unlit, lit = self._pictures = self._pictures or (self._picture(lit=False), self._picture(lit=True))
        ratio = self.devicePixelRatioF()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, unlit)
        if self._lit:
            part = QRect(0, 0, self._lit, lit.height())
            painter.drawPixmap(QRectF(0.0, 0.0, self._lit / ratio, lit.height() / ratio), lit, QRectF(part))
        if self._peak:
            x = min(self._peak / ratio, self.width() - PEAK_WIDTH)
            share = (self._peak - 1) / (self.width() * ratio)
            colour = [colour for start, colour in self._zones(theme().tokens) if start <= share][-1]
            painter.fillRect(QRectF(x, 0.0, PEAK_WIDTH, self.height()), QColor(colour))

    def _picture(self, *, lit: bool) -> QPixmap:
        tokens, ratio = theme().tokens, self.devicePixelRatioF()
        picture = QPixmap(self.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(QColor(tokens.surface))
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        path = QPainterPath()
        radius = min(4.0, self.height() / 2)
        path.addRoundedRect(QRectF(self.rect()), radius, radius)
        painter.setClipPath(path)
        zones = self._zones(tokens) if lit else ((0.0, tokens.line),)
        for start, colour in zones:
            painter.fillRect(QRectF(start * self.width(), 0.0, self.width(), self.height()), QColor(colour))
        painter.end()
        return picture


class Scale(QWidget):
    """Numbers under a bar: for levels from -60 to 0, for what was removed from 0 to 40 dB."""

    def __init__(self, marks: Sequence[tuple[float, str]], parent: QWidget | None = None) -> None:
        """marks: shares of the length and what stands there."""
        super().__init__(parent)
        self._marks = marks
        font = self.font()
        font.setPointSizeF(0.8 * font.pointSizeF())
        self.setFont(font)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """A line."""
        return QSize(160, self.fontMetrics().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Those at the ends within the bar's length; none that would touch its left neighbour."""
        painter = QPainter(self)
        painter.setPen(QColor(theme().tokens.text_muted))
        end = -1
        for share, words in self._marks:
            width = self.fontMetrics().horizontalAdvance(words)
            left = min(max(0, round(share * self.width()) - width // 2), self.width() - width)
            if left > end:
                painter.drawText(QRect(left, 0, width + 1, self.height()), Qt.AlignmentFlag.AlignLeft, words)
                end = left + width + width // 2


def level_marks() -> list[tuple[float, str]]:
    """-60 to 0 dBFS."""
    return [(level_share(level), f"{level:g}".replace("-", "−")) for level in (QUIETEST_DB, -48, -36, -24, -12, 0)]


def removed_marks() -> list[tuple[float, str]]:
    """0 to 40 dB."""
    return [(level / MOST_REMOVED_DB, str(level)) for level in (0, 10, 20, 30, 40)]
