"""Where frequencies and levels lie on the page's scales, as shares of their length; and how often it is painted."""

from __future__ import annotations

from enhancer.features import erb_rate
from enhancer.live.metering import LOWEST_HZ
from enhancer.live.session import SAMPLE_RATE

FRAMES_A_SECOND = 30
TEXTS_A_SECOND = 4
QUIETEST_DB = -60.0  # left end of a level's bar; its right end is full scale
LOUD_DB, CLIPPING_DB = -12.0, -3.0  # from here on the bar's colours change
MOST_REMOVED_DB = 40.0
CLIPPED_DBFS = -0.1  # a peak from here on was cut by the converter, or will be by the next program
SPAN_S = 10.0  # of the spectrograms
FREQUENCIES_HZ = (100, 500, 1_000, 2_000, 5_000, 10_000, 20_000)

_LOWEST, _HIGHEST = float(erb_rate(LOWEST_HZ)), float(erb_rate(SAMPLE_RATE / 2))


def level_share(dbfs: float) -> float:
    """0 for -60 dBFS and less, 1 for full scale and more."""
    return min(1.0, max(0.0, 1.0 - dbfs / QUIETEST_DB))


def frequency_share(hertz: float) -> float:
    """0 for the lowest, 1 for the highest frequency of the meters' spectra, whose bands are equal in ERB rate."""
    return (float(erb_rate(hertz)) - _LOWEST) / (_HIGHEST - _LOWEST)


def frequency_words(hertz: int) -> str:
    """100, 500, 1k, 20k."""
    return f"{hertz // 1000}k" if hertz >= 1000 else str(hertz)
