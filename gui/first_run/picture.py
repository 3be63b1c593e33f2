"""A picture of a call program's settings: where the virtual microphone is to be chosen."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QSizePolicy, QWidget

from gui.i18n import _
from gui.theme import theme
from gui.theme.icons import paint

LINES = 8.9  # high, in lines of text
WIDTH = 40  # in widths of a middling letter


class PictureOfCallSettings(QWidget):
    """An open list of microphones in a window that looks like no program in particular, ours chosen."""

    def __init__(self, microphone: str) -> None:
        super().__init__()
        self._microphone = microphone
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(
            _("Picture: in the sound settings of a call program, “{name}” is chosen as the microphone.").format(
                name=microphone
            )
        )
        theme().changed.connect(self.update)

    def show_name(self, microphone: str) -> None:
        """What call programs list it as."""
        self._microphone = microphone
        self.update()

    def sizeHint(self) -> QSize:
        """By the font."""
        metrics = self.fontMetrics()
        return QSize(WIDTH * metrics.averageCharWidth(), round(LINES * self._line()))

    def minimumSizeHint(self) -> QSize:
        """Half as wide still shows it."""
        return QSize(self.sizeHint().width() // 2, self.sizeHint().height())

    def _line(self) -> float:
        return 1.75 * self.fontMetrics().height()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """The window, its side, the list, the pointer."""
        colours, line = theme().tokens, self._line()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        window = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.setBrush(QColor(colours.window))
        painter.drawRoundedRect(window, 10, 10)
        self._draw_frame(painter, window, line)
        left = window.left() + 0.26 * window.width()
        area = QRectF(
            left, window.top() + 1.35 * line, window.right() - left - 0.6 * line, window.height() - 1.5 * line
        )
        painter.setPen(QColor(colours.text_muted))
        painter.drawText(
            QRectF(area.left(), area.top(), area.width(), line), Qt.AlignmentFlag.AlignVCenter, _("Microphone")
        )
        field = QRectF(area.left(), area.top() + line, area.width(), 1.15 * line)
        self._draw_field(painter, field, self._microphone)
        self._draw_list(painter, QRectF(field.left(), field.bottom() + 4, field.width(), 3.6 * line))
        painter.end()

    def _draw_frame(self, painter: QPainter, window: QRectF, line: float) -> None:
        """Title bar and a side of greyed-out entries."""
        colours = theme().tokens
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.line))
        radius = 0.16 * line
        for number in range(3):
            centre = QPointF(window.left() + 0.6 * line + number * 0.55 * line, window.top() + 0.6 * line)
            painter.drawEllipse(centre, radius, radius)
        side = window.left() + 0.23 * window.width()
        painter.setBrush(QColor(colours.surface_raised))
        for number, share in enumerate((0.75, 0.55, 0.65, 0.45)):
            top = window.top() + 1.7 * line + number * 1.2 * line
            width = share * (side - window.left() - line)
            painter.drawRoundedRect(QRectF(window.left() + 0.6 * line, top, width, 0.5 * line), 4, 4)
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.drawLine(QPointF(side, window.top() + 1.2 * line), QPointF(side, window.bottom()))
        painter.drawLine(
            QPointF(window.left(), window.top() + 1.2 * line), QPointF(window.right(), window.top() + 1.2 * line)
        )

    def _draw_field(self, painter: QPainter, field: QRectF, words: str) -> None:
        colours = theme().tokens
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.setBrush(QColor(colours.surface))
        painter.drawRoundedRect(field, 6, 6)
        box = field.height() * 0.42
        arrow = QRectF(field.right() - 2 * box, field.center().y() - box / 2, box, box)
        paint(painter, "chevron-down", colours.text_muted, arrow)
        self._draw_words(painter, field.adjusted(12, 0, -3 * box, 0), words, colours.text)

    def _draw_list(self, painter: QPainter, box: QRectF) -> None:
        """Another microphone, ours, a third."""
        colours, line = theme().tokens, self._line()
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.setBrush(QColor(colours.surface))
        painter.drawRoundedRect(box, 6, 6)
        entries = (_("Built-in microphone"), self._microphone, _("Headset"))
        for number, words in enumerate(entries):
            row = QRectF(
                box.left() + 4, box.top() + 4 + number * (box.height() - 8) / 3, box.width() - 8, (box.height() - 8) / 3
            )
            ours = number == 1
            if ours:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(colours.accent_soft))
                painter.drawRoundedRect(row, 5, 5)
                symbol = 0.55 * line
                tick = QRectF(row.left() + 0.3 * line, row.center().y() - symbol / 2, symbol, symbol)
                paint(painter, "check", colours.accent, tick)
            self._draw_words(
                painter, row.adjusted(1.2 * line, 0, -1.6 * line if ours else -8, 0), words,
                colours.text if ours else colours.text_muted, bold=ours,
            )  # fmt: skip
            if ours:
                self._draw_pointer(painter, QPointF(row.right() - 1.1 * line, row.center().y() - 0.1 * line), line)

    def _draw_words(self, painter: QPainter, box: QRectF, words: str, colour: str, *, bold: bool = False) -> None:
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(QColor(colour))
        words = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(box.width()))
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, words)

    def _draw_pointer(self, painter: QPainter, at: QPointF, line: float) -> None:
        colours = theme().tokens
        shape = ((0, 0), (0, 0.95), (0.23, 0.75), (0.38, 1.08), (0.54, 1.01), (0.39, 0.69), (0.69, 0.67))
        painter.setPen(QPen(QColor(colours.surface), 1.5))
        painter.setBrush(QColor(colours.text))
        painter.drawPolygon(QPolygonF([QPointF(at.x() + 0.9 * line * x, at.y() + 0.9 * line * y) for x, y in shape]))
