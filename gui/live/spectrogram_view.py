"""Both sides of the sound as scrolling spectrograms over one time axis."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QRect, QSize, Qt
from PyQt6.QtGui import QColor, QFont, QPainter, QPaintEvent, QRegion, QResizeEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from enhancer.live.meters import Meters
from gui.i18n import _
from gui.live.colours import spectrogram_colours
from gui.live.scales import FREQUENCIES_HZ, SPAN_S, frequency_share, frequency_words
from gui.live.spectrogram import SILENCE, Spectrogram
from gui.theme import theme

TICK = 4  # logical pixels
TIME_STEP_S = 2


class SpectrogramView(QWidget):
    """`append` what was heard and passed on thirty times a second; only the two images are painted then."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._before, self._after = Spectrogram(), Spectrogram()
        self.note = ""  # words in place of the pictures; see `show_note`
        font = self.font()
        font.setPointSizeF(0.85 * font.pointSizeF())
        self.setFont(font)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # the cards behind need not be painted again
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(_("Spectrograms before and after"))
        self.setAccessibleDescription(_("Pictures of the last ten seconds of sound, by pitch and loudness."))
        theme().changed.connect(self._recolour)
        self._recolour()

    def append(self, meters: Meters, columns: int) -> None:
        """A snapshot that has lasted for so many 30ths of a second."""
        self._before.append(meters.input_spectrum_db, columns)
        self._after.append(meters.output_spectrum_db, columns)
        for place in self.places:
            self.update(place)

    def pause(self, columns: int) -> None:
        """For so many 30ths of a second nobody has looked: they stay empty."""
        for spectrogram in (self._before, self._after):
            spectrogram.append(SILENCE, columns)

    def show_note(self, note: str) -> None:
        """Words in place of pictures; with an empty one, pictures that begin anew."""
        if note != self.note:
            self.note = note
            self._before.clear()
            self._after.clear()
            self.update()

    def sizeHint(self) -> QSize:
        """Wide, and room for all labels of each frequency axis."""
        line = self.fontMetrics().height()
        return QSize(40 * line, 19 * line)

    def minimumSizeHint(self) -> QSize:
        """So that the labels of each frequency axis stand apart."""
        line = self.fontMetrics().height()
        return QSize(16 * line, 13 * line)

    @property
    def places(self) -> tuple[QRect, QRect]:
        """Where the two images are, in logical pixels."""
        metrics = self.fontMetrics()
        line = metrics.height()
        left = max(metrics.horizontalAdvance(frequency_words(each)) for each in FREQUENCIES_HZ) + 2 * TICK
        title = line + TICK
        height = max(1, (self.height() - 2 * title - 2 * TICK - (line + 2 * TICK)) // 2)
        width = max(1, self.width() - left - 1)
        first = QRect(left, title, width, height)
        return first, first.translated(0, height + title + 2 * TICK)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Images of as many device pixels as they are seen on."""
        self._fit()

    def event(self, event: QEvent | None) -> bool:
        """Another screen may have other pixels."""
        if event is not None and event.type() == QEvent.Type.DevicePixelRatioChange:
            self._fit()
        return super().event(event)

    def _fit(self) -> None:
        for spectrogram, place in zip((self._before, self._after), self.places, strict=True):
            pixels = self._pixels(place)
            if spectrogram.size != (pixels.width(), pixels.height()):
                spectrogram.resize(pixels.width(), pixels.height())

    def _pixels(self, place: QRect) -> QRect:
        """The same in device pixels, whole ones also where the scale is 1.5."""
        ratio = self.devicePixelRatioF()
        left, top, right, bottom = (
            round(ratio * edge)
            for edge in (place.x(), place.y(), place.x() + place.width(), place.y() + place.height())
        )
        return QRect(left, top, right - left, bottom - top)

    def _recolour(self) -> None:
        colours = spectrogram_colours(theme().dark)
        self._before.set_colours(colours)
        self._after.set_colours(colours)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """The images, and what surrounds them only where that is asked for."""
        if event is None:
            return
        painter = QPainter(self)
        places = self.places
        inside = QRegion(places[0]).united(QRegion(places[1]))
        if not event.region().subtracted(inside).isEmpty() or self.note:
            self._paint_surroundings(painter, places)
        if self.note:
            painter.setPen(QColor(theme().tokens.text_muted))
            for place in places:
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.note)
            return
        ratio = self.devicePixelRatioF()
        painter.scale(1.0 / ratio, 1.0 / ratio)
        for spectrogram, place in zip((self._before, self._after), places, strict=True):
            spectrogram.paint(painter, self._pixels(place).topLeft())

    def _paint_surroundings(self, painter: QPainter, places: tuple[QRect, QRect]) -> None:
        tokens = theme().tokens
        painter.fillRect(self.rect(), QColor(tokens.surface))
        bold = QFont(self.font())
        bold.setWeight(QFont.Weight.DemiBold)
        titles = (_("Before: what your microphone hears"), _("After: what others hear"))
        for place, title in zip(places, titles, strict=True):
            heading = QRect(place.x(), place.y() - self.fontMetrics().height() - TICK, place.width(), place.y())
            painter.setPen(QColor(tokens.text))
            painter.setFont(bold)
            painter.drawText(heading, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, title)
            painter.setFont(self.font())
            painter.fillRect(place.adjusted(-1, -1, 1, 1), QColor(tokens.line))
            painter.fillRect(place, QColor(tokens.surface))
            self._paint_frequencies(painter, place)
        self._paint_times(painter, places[1])

    def _paint_frequencies(self, painter: QPainter, place: QRect) -> None:
        line = self.fontMetrics().height()
        lowest_label = self.height()  # labels that would touch the one below are left out
        for hertz in FREQUENCIES_HZ:
            y = round(place.bottom() - frequency_share(hertz) * (place.height() - 1))
            painter.setPen(QColor(theme().tokens.line))
            painter.drawLine(place.x() - TICK, y, place.x() - 2, y)
            top = min(max(y - line // 2, place.y() - line // 2), place.bottom() - line // 2)
            if top + line > lowest_label:
                continue
            lowest_label = top
            painter.setPen(QColor(theme().tokens.text_muted))
            label = QRect(0, top, place.x() - TICK - 2, line)
            painter.drawText(label, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, frequency_words(hertz))

    def _paint_times(self, painter: QPainter, place: QRect) -> None:
        line = self.fontMetrics().height()
        free = self.width()  # left of this; labels that would touch a later one are left out
        for seconds in range(0, round(SPAN_S) + 1, TIME_STEP_S):
            x = round(place.right() - seconds / SPAN_S * (place.width() - 1))
            painter.setPen(QColor(theme().tokens.line))
            painter.drawLine(x, place.bottom() + 2, x, place.bottom() + TICK)
            words = _("{seconds} s ago").format(seconds=seconds) if seconds else _("now")
            width = self.fontMetrics().horizontalAdvance(words)
            left = min(max(x - width // 2, place.x()), place.right() - width + 1)
            if left + width > free:
                continue
            free = left - line // 2
            painter.setPen(QColor(theme().tokens.text_muted))
            painter.drawText(QRect(left, place.bottom() + 2 * TICK, width + 1, line), Qt.AlignmentFlag.AlignLeft, words)
