"""The last ten seconds of spectra as an image of device pixels, kept as a ring so that scrolling moves nothing.

Scaling an image for each frame costs a raster painter some milliseconds a megapixel. So a spectrum is turned into
pixels once, when it comes, and a frame copies the ring to the screen in two pieces: older and newer.
"""

from __future__ import annotations

import numpy as np
from PyQt6 import sip
from PyQt6.QtCore import QPoint, QRect
from PyQt6.QtGui import QImage, QPainter

from enhancer.live.meters import BANDS, SILENCE_DB
from gui.live.scales import FRAMES_A_SECOND, SPAN_S

COLUMNS = round(SPAN_S * FRAMES_A_SECOND)
# What speech and noise span in bands of one ERB: the noise of a quiet room is just visible, a loud vowel just full.
FAINTEST_DB, STRONGEST_DB = -90.0, -15.0
SILENCE = np.full(BANDS, SILENCE_DB, np.float32)


class Spectrogram:
    """Spectra of 128 bands, the newest at the right, in any colours at any size."""

    def __init__(self) -> None:
        self._levels = np.zeros((COLUMNS, BANDS), np.float32)  # 0..255; a ring, the newest before `_head`
        self._head = 0
        self._colours = np.zeros(256, np.uint32)
        self._pixels = np.zeros((0, 0), np.uint32)  # [height, width], the same ring as columns of pixels
        self._image = QImage()
        self._band, self._share = np.zeros(0, np.intp), np.zeros(0, np.float32)  # of a row: it and the next, mixed

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image in device pixels."""
        height, width = self._pixels.shape
        return width, height

    def set_colours(self, colours: np.ndarray) -> None:
        """uint32 [256], 0xffRRGGBB, for the faintest to the strongest level."""
        self._colours = colours
        self._redraw()

    def resize(self, width: int, height: int) -> None:
        """In device pixels; what has been seen stays."""
        self._pixels = np.zeros((height, width), np.uint32)
        # The image looks at the array's memory, which must therefore live as long: both are replaced here together.
        memory = sip.voidptr(self._pixels.ctypes.data)
        self._image = QImage(memory, width, height, 4 * width, QImage.Format.Format_RGB32)  # type: ignore[call-overload]
        row = np.clip(BANDS * (1.0 - (np.arange(height) + 0.5) / height) - 0.5, 0.0, BANDS - 1.001)
        self._band, self._share = row.astype(np.intp), (row % 1.0).astype(np.float32)
        self._redraw()

    def clear(self) -> None:
        """Forgets what was seen."""
        self._levels[:] = 0.0
        self._redraw()

    def append(self, spectrum_db: np.ndarray, columns: int = 1) -> None:
        """A spectrum [128] in dB that lasted for so many 30ths of a second; after a pause, silence for that time."""
        scale = 255.0 / (STRONGEST_DB - FAINTEST_DB)
        level = np.clip((spectrum_db - FAINTEST_DB) * scale, 0.0, 255.0)
        for _ in range(min(columns, COLUMNS)):
            self._levels[self._head] = level
            self._draw_column(self._head)
            self._head = (self._head + 1) % COLUMNS

    def paint(self, painter: QPainter, corner: QPoint) -> None:
        """With the painter in device pixels: the oldest column at the left."""
        width, height = self.size
        split = self._edge(self._head)
        painter.drawImage(corner, self._image, QRect(split, 0, width - split, height))
        painter.drawImage(corner + QPoint(width - split, 0), self._image, QRect(0, 0, split, height))

    def _edge(self, column: int) -> int:
        """The first pixel of a column of the ring."""
        return column * self._pixels.shape[1] // COLUMNS

    def _draw_column(self, column: int) -> None:
        left, right = self._edge(column), self._edge(column + 1)
        if left < right:
            self._pixels[:, left:right] = self._coloured(self._levels[column])[:, None]

    def _redraw(self) -> None:
        widths = np.diff([self._edge(column) for column in range(COLUMNS + 1)])
        self._pixels[:] = np.repeat(self._coloured(self._levels), widths, axis=0).T

    def _coloured(self, levels: np.ndarray) -> np.ndarray:
        """Levels of bands [..., 128] as pixels [..., height], the highest band first."""
        lower, upper = levels[..., self._band], levels[..., self._band + 1]
        return self._colours[(lower + self._share * (upper - lower)).astype(np.uint8)]
