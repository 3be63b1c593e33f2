"""The colours of the monitor, by what they mean. Text on its surface has a contrast of 4.5 or more (WCAG AA).

Blue is the one accent; good, warn and bad are bluish green, amber and vermilion, which people with any of the common
colour-vision deficiencies tell apart (Okabe and Ito), and never stand without words or a shape.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tokens:
    """Colours as `#rrggbb`. surface: of cards; surface_raised: of controls on them; line: between things."""

    window: str
    surface: str
    surface_raised: str
    line: str
    text: str
    text_muted: str
    accent: str
    on_accent: str
    accent_soft: str
    good: str
    warn: str
    bad: str
    meter_low: str
    meter_mid: str
    meter_high: str
    focus: str


_LIGHT = Tokens(
    window="#f3f4f7",
    surface="#ffffff",
    surface_raised="#eef0f4",
    line="#dcdfe6",
    text="#15181e",
    text_muted="#59616e",
    accent="#1a62d6",
    on_accent="#ffffff",
    accent_soft="#e2ecfc",
    good="#00775a",
    warn="#8f5a00",
    bad="#b93c00",
    meter_low="#1a82c4",
    meter_mid="#e0a100",
    meter_high="#d55e00",
    focus="#1a62d6",
)
_DARK = Tokens(
    window="#121417",
    surface="#1b1e23",
    surface_raised="#282c33",
    line="#31363f",
    text="#eceef2",
    text_muted="#a0a7b4",
    accent="#6aa9ff",
    on_accent="#08182e",
    accent_soft="#1d3250",
    good="#3ec59b",
    warn="#f0b340",
    bad="#ff8552",
    meter_low="#4ab0e8",
    meter_mid="#f0b340",
    meter_high="#ff7a3d",
    focus="#8fc0ff",
)


def tokens(dark: bool) -> Tokens:
    """The colours of the dark theme or of the light one."""
    return _DARK if dark else _LIGHT
