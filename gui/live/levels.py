"""The card of levels: what comes in, what goes out, what was removed between."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QGridLayout, QWidget

from enhancer.live.meters import Meters
from gui.i18n import _
from gui.live.bars import Bar, Scale, level_marks, level_zones, removed_marks, removed_zones
from gui.live.scales import MOST_REMOVED_DB, level_share
from gui.live.wording import NOTHING, Readings
from gui.widgets import Card, label
from gui.widgets.labels import set_role


class LevelsCard(QWidget):
    """`show_meters` thirty times a second, `show_readings` four times."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.input, self.output = Bar(level_zones), Bar(level_zones)
        self.removed = Bar(removed_zones)
        self.values = [label(NOTHING) for _name in range(3)]
        self.snr = label("", "muted")
        names = (_("Microphone"), _("Output"), _("Removed"))
        descriptions = (
            _("Level of what your microphone hears"),
            _("Level of what others hear"),
            _("By how much the sound is quieter for the enhancing"),
        )
        card = Card(_("Levels"))
        card.head.addWidget(self.snr)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        for row, bar in ((0, self.input), (1, self.output), (3, self.removed)):
            number = min(row, 2)
            bar.setAccessibleName(descriptions[number])
            bar.setToolTip(descriptions[number])
            value = self.values[number]
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            value.setMinimumWidth(value.fontMetrics().horizontalAdvance(_("Too loud")))
            grid.addWidget(label(names[number]), row, 0)
            grid.addWidget(bar, row, 1)
            grid.addWidget(value, row, 2)
        grid.addWidget(Scale(level_marks()), 2, 1)
        grid.addWidget(Scale(removed_marks()), 4, 1)
        card.body.addLayout(grid)
        around = QGridLayout(self)
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(card)

    def show_meters(self, meters: Meters) -> None:
        """Bars."""
        self.input.show_shares(level_share(meters.input_rms_dbfs), level_share(meters.input_peak_dbfs))
        self.output.show_shares(level_share(meters.output_rms_dbfs), level_share(meters.output_peak_dbfs))
        self.removed.show_shares(min(1.0, max(0.0, meters.gain_reduction_db / MOST_REMOVED_DB)))

    def show_readings(self, readings: Readings) -> None:
        """Texts."""
        texts = readings.input, readings.output, readings.removed
        bars = self.input, self.output, self.removed
        for value, bar, text in zip(self.values, bars, texts, strict=True):
            value.setText(text)
            bar.setAccessibleDescription(text)
        for value, clipped in zip(self.values, (readings.input_clipped, readings.output_clipped), strict=False):
            set_role(value, "bad" if clipped else "")
        self.snr.setText(_("Speech over noise {value} (estimate)").format(value=readings.snr))
