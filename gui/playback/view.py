"""Both sides of a whole file over one time axis: waveforms, spectrograms, and where it plays."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
from PyQt6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt
from PyQt6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from PyQt6.QtWidgets import QSizePolicy, QWidget

from enhancer.features import erb_rate
from enhancer.live.metering import LOWEST_HZ
from gui.i18n import _
from gui.live.colours import spectrogram_colours
from gui.live.scales import FREQUENCIES_HZ, frequency_words
from gui.playback.clock import clock, tick_step
from gui.playback.model import STEP_S, STRIDE_S, PlaybackModel
from gui.playback.overview import Overview
from gui.theme import shows_focus, theme

GAP = 4  # logical pixels
RADIUS = 6
RANGE = 140  # half dBs from a silent to a loud colour
LOUD = 99.5  # per cent of the levels before are below the loudest colour
QUIETEST = 1e-3  # a peak below that does not fill the waveform's height


class ComparisonView(QWidget):
    """Pictures of the model's files. Clicks, drags and the arrow keys go to a place."""

    def __init__(self, model: PlaybackModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._pictures: list[QPixmap | None] = [None, None, None]  # waveform, before, after
        self._pointed: int | None = None  # where the mouse is
        self._head = 0
        font = self.font()
        font.setPointSizeF(0.85 * font.pointSizeF())
        self.setFont(font)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(_("Waveforms and spectrograms, before and after"))
        self.setAccessibleDescription(_("The arrow keys go on and back by a second, with Shift by ten."))
        model.pictured.connect(self._redraw)
        model.changed.connect(self.update)
        model.moved.connect(self._follow)
        theme().changed.connect(self._redraw)

    # --- places ---------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        line = self.fontMetrics().height()
        return QSize(40 * line, 24 * line)

    def minimumSizeHint(self) -> QSize:
        line = self.fontMetrics().height()
        return QSize(18 * line, 17 * line)

    def _places(self) -> tuple[QRect, QRect, QRect]:
        """Of the waveform and the two spectrograms, in logical pixels."""
        metrics = self.fontMetrics()
        line = metrics.height()
        left = max(metrics.horizontalAdvance(frequency_words(each)) for each in FREQUENCIES_HZ) + 3 * GAP
        title = line + GAP
        free = self.height() - 3 * title - 4 * GAP - (line + 2 * GAP)
        wave = max(1, round(0.26 * free))
        picture = max(1, (free - wave) // 2)
        width = max(1, self.width() - left - GAP)
        waveform = QRect(left, title, width, wave)
        before = QRect(left, waveform.bottom() + 1 + 2 * GAP + title, width, picture)
        return waveform, before, before.translated(0, picture + 2 * GAP + title)

    def _x_of(self, seconds: float) -> int:
        place = self._places()[0]
        share = seconds / self._model.seconds if self._model.seconds else 0.0
        return place.x() + round(share * (place.width() - 1))

    def _seconds_at(self, x: float) -> float:
        place = self._places()[0]
        return min(max((x - place.x()) / max(place.width() - 1, 1), 0.0), 1.0) * self._model.seconds

    # --- what moves -----------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        x = self._x_of(self._model.position)
        if x != self._head:
            self._update_around(self._head)
            self._head = x
            self._update_around(x)

    def _update_around(self, x: int | None) -> None:
        if x is not None:
            half = self.fontMetrics().horizontalAdvance("0:00:00.0")
            self.update(x - half, 0, 2 * half, self.height())

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._model.seek(self._seconds_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if event is None:
            return
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._model.seek(self._seconds_at(event.position().x()))
        self._point(round(event.position().x()))

    def leaveEvent(self, event: QEvent | None) -> None:
        self._point(None)

    def _point(self, x: int | None) -> None:
        place = self._places()[0]
        self._update_around(self._pointed)
        self._pointed = x if x is not None and place.left() <= x <= place.right() else None
        self._update_around(self._pointed)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        assert event is not None
        step = STRIDE_S if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else STEP_S
        match event.key():
            case Qt.Key.Key_Right:
                self._model.step(step)
            case Qt.Key.Key_Left:
                self._model.step(-step)
            case Qt.Key.Key_Home:
                self._model.seek(0.0)
            case Qt.Key.Key_End:
                self._model.seek(self._model.seconds)
            case _:
                super().keyPressEvent(event)

    # --- pictures -------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        self._redraw()

    def event(self, event: QEvent | None) -> bool:
        """Another screen may have other pixels."""
        if event is not None and event.type() == QEvent.Type.DevicePixelRatioChange:
            self._redraw()
        return super().event(event)

    def _redraw(self) -> None:
        """Pictures of as many device pixels as they are seen on."""
        before, after = self._model.overviews
        ratio = self.devicePixelRatioF()
        sizes = [(ceil(place.width() * ratio), ceil(place.height() * ratio)) for place in self._places()]
        pictures: list[QPixmap | None] = [None, None, None]
        if before is not None:
            pictures[0] = self._draw_waveforms(*sizes[0], before, after)
            drawn = before.levels[:, : before.done]
            loudest = float(np.percentile(drawn, LOUD)) if drawn.size else 0.0
            for number, overview in ((1, before), (2, after)):
                if overview is not None:
                    pictures[number] = _spectrogram(*sizes[number], overview, loudest)
        for picture in pictures:
            if picture is not None:
                picture.setDevicePixelRatio(ratio)
        self._pictures = pictures
        self._head = self._x_of(self._model.position)
        self.update()

    def _draw_waveforms(self, width: int, height: int, before: Overview, after: Overview | None) -> QPixmap:
        picture = QPixmap(width, height)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        top = max(float(np.abs(before.low).max()), float(before.high.max()), QUIETEST)
        for overview, colour in ((before, self._before_colour()), (after, QColor(theme().tokens.accent))):
            if overview is not None and overview.done > 1:
                painter.setBrush(colour)
                painter.drawPolygon(_outline(overview, width, height, top))
        painter.end()
        return picture

    def _before_colour(self) -> QColor:
        colour = QColor(theme().tokens.text_muted)
        colour.setAlphaF(0.55)
        return colour

    # --- painting -------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        places = self._places()
        self._paint_titles(painter, places)
        for place, picture in zip(places, self._pictures, strict=True):
            self._paint_picture(painter, place, picture)
        for place in places[1:]:
            self._paint_frequencies(painter, place)
        self._paint_times(painter, places[2])
        if self._model.loaded:
            self._paint_pointer(painter, places)
            self._paint_head(painter, places)
        if shows_focus(self):
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(theme().tokens.focus), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS, RADIUS)

    def _paint_titles(self, painter: QPainter, places: tuple[QRect, QRect, QRect]) -> None:
        colours, line = theme().tokens, self.fontMetrics().height()
        waveform, before, after = places
        x = waveform.x()
        for words, colour in ((_("Before"), self._before_colour()), (_("After"), QColor(colours.accent))):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            side = 0.6 * line
            painter.drawRoundedRect(QRectF(x, (line - side) / 2, side, side), 2, 2)
            x += round(side) + GAP
            painter.setPen(QColor(colours.text_muted))
            painter.drawText(x, self.fontMetrics().ascent(), words)
            x += self.fontMetrics().horizontalAdvance(words) + 4 * GAP
        for place, words, heard in (
            (before, _("Before"), not self._model.hears_after),
            (after, _("After"), self._model.hears_after),
        ):
            font = self.font()
            font.setBold(heard)
            painter.setFont(font)
            painter.setPen(QColor(colours.text if heard else colours.text_muted))
            if heard:
                words = _("{side}: you hear this").format(side=words)
            painter.drawText(QPointF(place.x(), place.y() - GAP - self.fontMetrics().descent()), words)
        painter.setFont(self.font())

    def _paint_picture(self, painter: QPainter, place: QRect, picture: QPixmap | None) -> None:
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(place), RADIUS, RADIUS)
        painter.fillPath(outline, QColor(theme().tokens.surface_raised))
        if picture is not None:
            painter.save()
            painter.setClipPath(outline)
            painter.drawPixmap(place.topLeft(), picture)
            painter.restore()

    def _paint_frequencies(self, painter: QPainter, place: QRect) -> None:
        overview = self._model.overviews[0]
        if overview is None:
            return
        line, lowest_label = self.fontMetrics().height(), self.height()
        low, high = float(erb_rate(LOWEST_HZ)), float(erb_rate(overview.top_hz))
        for hertz in FREQUENCIES_HZ:
            share = (float(erb_rate(hertz)) - low) / (high - low)
            if share > 1.0:
                break
            y = round(place.bottom() - share * (place.height() - 1))
            top = min(max(y - line // 2, place.y() - line // 2), place.bottom() - line // 2)
            if top + line > lowest_label:  # it would touch the one below
                continue
            lowest_label = top
            painter.setPen(QColor(theme().tokens.text_muted))
            label = QRect(0, top, place.x() - 2 * GAP, line)
            painter.drawText(label, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, frequency_words(hertz))

    def _paint_times(self, painter: QPainter, place: QRect) -> None:
        seconds = self._model.seconds
        if not seconds:
            return
        widest = self.fontMetrics().horizontalAdvance(clock(seconds, tenths=True)) + 12 * GAP
        step = tick_step(seconds, max(2, place.width() // widest))
        for number in range(floor(seconds / step) + 1):
            x = self._x_of(number * step)
            words = clock(number * step, tenths=step < 1)
            width = self.fontMetrics().horizontalAdvance(words)
            left = min(max(x - width // 2, place.x()), place.right() - width + 1)
            painter.setPen(QColor(theme().tokens.line))
            painter.drawLine(x, place.bottom() + 1, x, place.bottom() + GAP)
            painter.setPen(QColor(theme().tokens.text_muted))
            painter.drawText(left, place.bottom() + 2 * GAP + self.fontMetrics().ascent(), words)

    def _paint_head(self, painter: QPainter, places: tuple[QRect, QRect, QRect]) -> None:
        """A line through all three, dark and light beside each other, so that it shows on any colour."""
        colours = theme().tokens
        for colour, width in ((QColor(colours.surface), 4.0), (QColor(colours.text), 2.0)):
            painter.setPen(QPen(colour, width))
            for place in places:
                painter.drawLine(QPointF(self._head, place.top()), QPointF(self._head, place.bottom() + 1))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.text))
        painter.drawEllipse(QPointF(self._head, places[0].top()), 4.5, 4.5)

    def _paint_pointer(self, painter: QPainter, places: tuple[QRect, QRect, QRect]) -> None:
        if self._pointed is None:
            return
        colours, metrics = theme().tokens, self.fontMetrics()
        painter.setPen(QPen(QColor(colours.text_muted), 1, Qt.PenStyle.DashLine))
        for place in places:
            painter.drawLine(self._pointed, place.top(), self._pointed, place.bottom())
        words = clock(self._seconds_at(self._pointed), tenths=True)
        width = metrics.horizontalAdvance(words) + 4 * GAP
        left = min(max(self._pointed - width // 2, places[0].left()), places[0].right() - width)
        box = QRectF(left, places[0].top() + GAP, width, metrics.height() + GAP)
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.setBrush(QColor(colours.surface))
        painter.drawRoundedRect(box, RADIUS, RADIUS)
        painter.setPen(QColor(colours.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)


def _outline(overview: Overview, width: int, height: int, top: float) -> QPolygonF:
    """The envelope, at least a pixel high; full scale is `top`."""
    x = (np.arange(overview.done) + 0.5) * width / len(overview.low)
    middle, scale = height / 2, (height / 2 - 1) / top
    upper = middle - np.maximum(overview.high[: overview.done] * scale, 0.5)
    lower = middle - np.minimum(overview.low[: overview.done] * scale, -0.5)
    points = np.concatenate([np.column_stack([x, upper]), np.column_stack([x, lower])[::-1]])
    return QPolygonF([QPointF(*point) for point in points.tolist()])


def _spectrogram(width: int, height: int, overview: Overview, loudest: float) -> QPixmap:
    """Levels as colours; what is not read yet is left clear."""
    steps = np.clip((np.arange(256) - (loudest - RANGE)) * (255.0 / RANGE), 0, 255).astype(np.uint8)
    pixels = spectrogram_colours(theme().dark)[steps][overview.levels[::-1]]
    pixels[:, overview.done :] = 0
    bands, columns = pixels.shape
    image = QImage(pixels.tobytes(), columns, bands, 4 * columns, QImage.Format.Format_ARGB32)
    smooth = Qt.TransformationMode.SmoothTransformation
    return QPixmap.fromImage(image.scaled(width, height, Qt.AspectRatioMode.IgnoreAspectRatio, smooth))
