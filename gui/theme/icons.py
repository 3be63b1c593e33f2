"""The icons, drawn as lines on a grid of 24, in whatever colour is asked for."""

from __future__ import annotations

from functools import cache

from PyQt6.QtCore import QByteArray, QRectF, QSize, Qt
from PyQt6.QtGui import QGuiApplication, QIcon, QPainter, QPixmap
from PyQt6.QtSvg import QSvgRenderer
from PyQt6.QtWidgets import QAbstractButton

ROOM = 4  # logical pixels between an icon and the words beside it, besides the style's own

_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="{colour}" stroke-width="1.8" '
    'stroke-linecap="round" stroke-linejoin="round">'
)
_SHAPES = {
    "live": '<path d="M4 10v4M8 6.5v11M12 3.5v17M16 7.5v9M20 10.5v3"/>',
    "mic": '<rect x="9" y="2.8" width="6" height="11.4" rx="3"/><path d="M5.2 11.2a6.8 6.8 0 0 0 13.6 0M12 18v3.2"/>',
    "mic-test": (
        '<rect x="7.2" y="2.8" width="5.6" height="10.6" rx="2.8"/>'
        '<path d="M3.6 10.6a6.4 6.4 0 0 0 7.6 6.3M10 17v4.2M14.6 18.2l2.4 2.4 4.4-5"/>'
    ),
    "files": (
        '<path d="M13.5 2.8H7.2A2.2 2.2 0 0 0 5 5v14a2.2 2.2 0 0 0 2.2 2.2h9.6A2.2 2.2 0 0 0 19 19V8.3z"/>'
        '<path d="M13.5 2.8v5.5H19M9 13v3.4M12 11.4v6.4M15 13.4v2.6"/>'
    ),
    "video": '<rect x="3" y="6" width="12.6" height="12" rx="2.2"/><path d="m15.6 13.4 5.4 3.2V7.4l-5.4 3.2"/>',
    "settings": (
        '<path d="M4 7h8M18 7h2M4 17h2M12 17h8"/><circle cx="15" cy="7" r="2.6"/><circle cx="9" cy="17" r="2.6"/>'
    ),
    "power": '<path d="M12 3v8.5"/><path d="M6.6 6.4a8 8 0 1 0 10.8 0"/>',
    "speaker": '<path d="M4 9.2v5.6h3.8L13 19V5L7.8 9.2zM16.4 8.8a4.6 4.6 0 0 1 0 6.4M19 6.2a8.2 8.2 0 0 1 0 11.6"/>',
    "headphones": (
        '<path d="M4 15v-2.6a8 8 0 0 1 16 0V15"/><rect x="3.4" y="14" width="4.2" height="6.6" rx="1.6"/>'
        '<rect x="16.4" y="14" width="4.2" height="6.6" rx="1.6"/>'
    ),
    "compare": '<path d="M12 3v18M8.4 6.5H3.6v11h4.8M15.6 6.5h4.8v11h-4.8"/>',
    "record": '<circle cx="12" cy="12" r="8.4"/><circle cx="12" cy="12" r="3.6" fill="{colour}" stroke="none"/>',
    "play": '<path d="M7.4 4.6v14.8L19.2 12z" fill="{colour}"/>',
    "pause": '<path d="M8.2 5v14M15.8 5v14" stroke-width="3"/>',
    "stop": '<rect x="6" y="6" width="12" height="12" rx="2" fill="{colour}"/>',
    "folder": (
        '<path d="M3.4 18V6a1.8 1.8 0 0 1 1.8-1.8h4.2l2.2 2.6h7.2A1.8 1.8 0 0 1 20.6 8.6V18a1.8 1.8 0 0 1-1.8 1.8H5.2'
        'A1.8 1.8 0 0 1 3.4 18z"/>'
    ),
    "open": '<path d="M14 4h6v6M20 4l-8.6 8.6M18 14v4.4a1.6 1.6 0 0 1-1.6 1.6H5.6A1.6 1.6 0 0 1 4 18.4V7.6'
    'A1.6 1.6 0 0 1 5.6 6H10"/>',
    "drop": '<path d="M12 3.4v11M7.6 10.2 12 14.6l4.4-4.4M4 16.4v2.4A1.8 1.8 0 0 0 5.8 20.6h12.4a1.8 1.8 0 0 0 '
    '1.8-1.8v-2.4"/>',
    "close": '<path d="M6 6l12 12M18 6 6 18"/>',
    "check": '<path d="M4.6 12.6 10 18 19.4 7" stroke-width="2.6"/>',
    "chevron-down": '<path d="M5.5 9 12 15.5 18.5 9" stroke-width="2.2"/>',
    "chevron-right": '<path d="M9 5.5 15.5 12 9 18.5" stroke-width="2.2"/>',
    "info": '<circle cx="12" cy="12" r="9"/><path d="M12 11v5.4M12 7.6v.1" stroke-width="2"/>',
    "good": '<circle cx="12" cy="12" r="9"/><path d="M7.8 12.4 11 15.4 16.4 9"/>',
    "warn": '<path d="M12 3.6 22 20.4H2z"/><path d="M12 10v4.6M12 17.4v.1" stroke-width="2"/>',
    "bad": '<path d="M8.2 2.8h7.6l5.4 5.4v7.6l-5.4 5.4H8.2l-5.4-5.4V8.2z"/><path d="M12 7.4v5.4M12 16.3v.1" '
    'stroke-width="2"/>',
    "sleep": '<path d="M20 14.4A8.4 8.4 0 1 1 9.6 4a6.8 6.8 0 0 0 10.4 10.4z"/>',
    "retry": '<path d="M20 5v5h-5M4 19v-5h5"/><path d="M19.4 10A8 8 0 0 0 5.6 7.2M4.6 14a8 8 0 0 0 13.8 2.8"/>',
    "trash": '<path d="M4 6.4h16M9 6.4V4h6v2.4M6.2 6.4 7 20.4h10l.8-14M10 10.4v6M14 10.4v6"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "logo": '<path d="M4 10.4v3.2M8 7v10M12 3.6v16.8" stroke-width="2.6"/><path d="M16 9.4c1.4 0 1.4 5.2 2.8 5.2" '
    'stroke-width="2.6"/>',
}


def svg(name: str, colour: str) -> bytes:
    """The icon as an SVG file. Raises KeyError for a name there is none of."""
    return (_HEAD + _SHAPES[name] + "</svg>").replace("{colour}", colour).encode()


def pixmap(name: str, colour: str, size: int = 20) -> QPixmap:
    """The icon, `size` logical pixels wide, sharp on the sharpest screen of this machine."""
    return _drawn(name, colour, size, _ratio())


def icon(name: str, colour: str, size: int = 20) -> QIcon:
    """The icon for buttons and menus."""
    return QIcon(pixmap(name, colour, size))


def set_icon(button: QAbstractButton, name: str, colour: str, size: int = 18) -> None:
    """On a button with words, apart from them: styles of Qt's have them all but touch."""
    button.setIcon(QIcon(_drawn(name, colour, size, _ratio(), ROOM)))
    button.setIconSize(QSize(size + ROOM, size))


def paint(painter: QPainter, name: str, colour: str, box: QRectF) -> None:
    """Draws the icon into a box of the painter's coordinates."""
    _renderer(name, colour).render(painter, box)


@cache
def _renderer(name: str, colour: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(svg(name, colour)))


def _ratio() -> float:
    application = QGuiApplication.instance()
    assert isinstance(application, QGuiApplication)
    return application.devicePixelRatio()


@cache
def _drawn(name: str, colour: str, size: int, ratio: float, room: int = 0) -> QPixmap:
    """room: logical pixels that stay empty at its right."""
    picture = QPixmap(QSize(round((size + room) * ratio), round(size * ratio)))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _renderer(name, colour).render(painter, QRectF(0, 0, size * ratio, size * ratio))
    painter.end()
    picture.setDevicePixelRatio(ratio)
    return picture
