"""Numbers as the report shows them, and axes with round ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from enhancer.evaluation.measures import Measure
from enhancer.evaluation.statistics import Difference, Mean


def shown(value: float, digits: int, sign: bool = False) -> str:
    """1.97, +0.82, −5.0; a dash where there is no value."""
    if not math.isfinite(value):
        return "–"
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    return text.replace("-", "−")


def interval(value: Mean | Difference, measure: Measure, sign: bool = False) -> str:
    """0.78 to 0.86, or nothing where there is none."""
    if not math.isfinite(value.low):
        return ""
    return f"{shown(value.low, measure.digits, sign)} to {shown(value.high, measure.digits, sign)}"


def size(count: int) -> str:
    """Bytes as a person reads them."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


@dataclass(frozen=True)
class Axis:
    """Values low..high on begin..end of a drawing, linear or (both above 0) logarithmic."""

    low: float
    high: float
    begin: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """The place of a value, at the ends for those beyond."""
        low, high, value = (self._scaled(x) for x in (self.low, self.high, value))
        return self.begin + (self.end - self.begin) * min(max((value - low) / (high - low), 0.0), 1.0)

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round values inside, about as many as wanted."""
        if self.logarithmic:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            found = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
            return [tick for tick in found if self.low <= tick <= self.high]
        rough = (self.high - self.low) / wanted
        magnitude = 10.0 ** math.floor(math.log10(rough))
        step = min((m * magnitude for m in (1, 2, 5, 10)), key=lambda s: abs(math.log(s / rough)))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(number * step, 10) for number in range(first, last + 1)]

    def _scaled(self, value: float) -> float:
        return math.log(max(value, 1e-12)) if self.logarithmic else value


def spanned(values: np.ndarray, room: float = 0.06) -> tuple[float, float]:
    """Low and high ends of an axis that shows all values, with some room; NaN are left out."""
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    margin = room * (high - low) or max(abs(high) * 0.05, 0.05)
    return low - margin, high + margin
