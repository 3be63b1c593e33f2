"""Times as a player shows them."""

from __future__ import annotations

_STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


def clock(seconds: float, tenths: bool = False) -> str:
    """0:03, 12:34, 1:02:03; with tenths 0:03.4."""
    whole = int(seconds * 10 + 1e-6) if tenths else round(seconds) * 10
    minutes, rest = divmod(whole, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02d}" if hours else str(minutes)
    return f"{text}:{rest // 10:02d}" + (f".{rest % 10}" if tenths else "")


def tick_step(seconds: float, most: int) -> float:
    """The distance of ticks on a scale of so many seconds: a round one, so that there are not more than `most`."""
    return next((step for step in _STEPS_S if seconds / step <= most), _STEPS_S[-1])
