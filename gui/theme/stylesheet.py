"""The stylesheet of all ordinary widgets. Its pixels are logical ones, which Qt scales with the screen.

Roles are set by `widget.setProperty("role", ...)`: labels are title, subtitle, heading, muted, good, warn, bad; buttons
are primary, danger, ghost; frames are card. What has the focus shows it by a ring of the colour `focus`: fields
for text always, all else for who goes by keyboard (`gui.theme.focus`).
"""

from __future__ import annotations

import re
import tempfile
from functools import cache
from pathlib import Path

from gui.theme.icons import svg
from gui.theme.tokens import Tokens

_SHEET = """
QWidget { color: $text; selection-background-color: $accent; selection-color: $on_accent; }
QMainWindow, QDialog, QScrollArea, QScrollArea > QWidget > QWidget[role="page"] { background: $window; }
QScrollArea { border: none; }
QLabel { background: transparent; }
QLabel[role="title"] { font-size: 20pt; font-weight: 600; }
QLabel[role="subtitle"] { font-size: 11pt; color: $text_muted; }
QLabel[role="heading"] { font-size: 11pt; font-weight: 600; }
QLabel[role="muted"] { color: $text_muted; }
QLabel[role="good"] { color: $good; }
QLabel[role="warn"] { color: $warn; }
QLabel[role="bad"] { color: $bad; }
QLabel:disabled { color: $text_muted; }

QFrame[role="card"] { background: $surface; border: 1px solid $line; border-radius: 12px; }
QFrame[role="line"] { background: $line; border: none; max-height: 1px; min-height: 1px; }

QPushButton, QToolButton {
    background: $surface_raised; border: 1px solid $line; border-radius: 8px; padding: 7px 15px; min-height: 18px;
}
QPushButton:hover, QToolButton:hover { border-color: $text_muted; }
QPushButton:pressed, QToolButton:pressed, QPushButton:checked { background: $accent_soft; border-color: $accent; }
QPushButton[ring="true"]:focus, QToolButton[ring="true"]:focus { border: 2px solid $focus; padding: 6px 14px; }
QPushButton:disabled, QToolButton:disabled { color: $text_muted; background: $surface; border-color: $line; }
QPushButton[role="primary"] { background: $accent; color: $on_accent; border-color: $accent; font-weight: 600; }
QPushButton[role="primary"]:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton[role="primary"]:pressed { background: $accent_pressed; }
QPushButton[role="primary"][ring="true"]:focus { border: 2px solid $text; }
QPushButton[role="primary"]:disabled { background: $surface_raised; color: $text_muted; border-color: $line; }
QPushButton[role="danger"] { color: $bad; border-color: $bad; background: transparent; }
QPushButton[role="danger"][ring="true"]:focus { border: 2px solid $focus; }
QPushButton[role="ghost"], QToolButton[role="ghost"] { background: transparent; border-color: transparent; }
QPushButton[role="ghost"]:hover, QToolButton[role="ghost"]:hover { background: $surface_raised; }
QPushButton[role="ghost"][ring="true"]:focus, QToolButton[role="ghost"][ring="true"]:focus { border: 2px solid $focus; }
QToolButton[role="icon"] {
    background: transparent; border: 2px solid transparent; border-radius: 8px; padding: 4px; min-height: 0;
}
QToolButton[role="icon"]:hover { background: $surface_raised; }
QToolButton[role="icon"][ring="true"]:focus { border-color: $focus; padding: 4px; }

QComboBox, QLineEdit, QSpinBox, QDoubleSpinBox, QKeySequenceEdit QLineEdit {
    background: $surface; border: 1px solid $line; border-radius: 8px; padding: 6px 11px; min-height: 20px;
}
QComboBox:hover, QLineEdit:hover, QSpinBox:hover { border-color: $text_muted; }
QComboBox[ring="true"]:focus, QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus {
    border: 2px solid $focus; padding: 5px 10px;
}
QComboBox:disabled, QLineEdit:disabled, QSpinBox:disabled { color: $text_muted; background: $window; }
QComboBox::drop-down { border: none; width: 30px; }
QComboBox::down-arrow { image: url($chevron); width: 14px; height: 14px; }
QComboBox QAbstractItemView {
    background: $surface; border: 1px solid $line; border-radius: 8px; padding: 4px; outline: none;
}
QComboBox QAbstractItemView::item { min-height: 28px; padding: 2px 8px; border-radius: 6px; }
QComboBox QAbstractItemView::item:selected, QComboBox QAbstractItemView::item:hover {
    background: $accent_soft; color: $text;
}

QCheckBox, QRadioButton { spacing: 8px; padding: 3px; border: 2px solid transparent; border-radius: 6px; }
QCheckBox[ring="true"]:focus, QRadioButton[ring="true"]:focus { border-color: $focus; }
QCheckBox::indicator { width: 16px; height: 16px; border: 1px solid $text_muted; border-radius: 4px;
    background: $surface; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent; image: url($check); }
QRadioButton::indicator { width: 16px; height: 16px; border: 1px solid $text_muted; border-radius: 8px;
    background: $surface; }
QRadioButton::indicator:checked { border: 5px solid $accent; width: 8px; height: 8px; border-radius: 9px; }

QSlider { min-height: 26px; border: 2px solid transparent; border-radius: 8px; }
QSlider[ring="true"]:focus { border-color: $focus; }
QSlider::groove:horizontal { height: 6px; background: $surface_raised; border: 1px solid $line; border-radius: 3px; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 3px; }
QSlider::sub-page:horizontal:disabled { background: $text_muted; }
QSlider::handle:horizontal {
    width: 16px; height: 16px; margin: -6px 0; border-radius: 9px; background: $surface; border: 2px solid $accent;
}
QSlider::handle:horizontal:hover { background: $accent_soft; }
QSlider::handle:horizontal:disabled { border-color: $text_muted; }

QProgressBar { background: $surface_raised; border: none; border-radius: 4px; max-height: 8px; min-height: 8px;
    text-align: center; color: transparent; }
QProgressBar::chunk { background: $accent; border-radius: 4px; }

QScrollBar:vertical { background: transparent; width: 12px; margin: 2px; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 2px; }
QScrollBar::handle { background: $line; border-radius: 4px; min-height: 32px; min-width: 32px; }
QScrollBar::handle:hover { background: $text_muted; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page { background: none; border: none;
    width: 0; height: 0; }

QListView, QTreeView, QTableView { background: $surface; border: 1px solid $line; border-radius: 8px; outline: none; }
QListView[ring="true"]:focus, QTreeView[ring="true"]:focus, QTableView[ring="true"]:focus { border: 2px solid $focus; }
QHeaderView::section { background: $surface; color: $text_muted; border: none; border-bottom: 1px solid $line;
    padding: 6px; }
QMenu { background: $surface; border: 1px solid $line; border-radius: 8px; padding: 6px; }
QMenu::item { padding: 7px 22px; border-radius: 6px; }
QMenu::item:selected { background: $accent_soft; }
QMenu::item:disabled { color: $text_muted; }
QMenu::separator { height: 1px; background: $line; margin: 5px 8px; }
QToolTip { background: $surface_raised; color: $text; border: 1px solid $line; padding: 6px 8px; }
"""


def stylesheet(colours: Tokens) -> str:
    """The sheet in these colours."""
    values = vars(colours) | {
        "accent_hover": _mixed(colours.accent, colours.text, 0.12),
        "accent_pressed": _mixed(colours.accent, colours.text, 0.24),
        "chevron": _image("chevron-down", colours.text_muted),
        "check": _image("check", colours.on_accent),
    }
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], _SHEET)


def _mixed(first: str, second: str, share: float) -> str:
    """A colour on the way from the first to the second."""
    pairs = [(int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """For as long as the process lives."""
    return tempfile.TemporaryDirectory(prefix="enhancer-gui-")


@cache
def _image(name: str, colour: str) -> str:
    """A file with an icon in this colour: stylesheets take pictures from nowhere else."""
    path = Path(_folder().name) / f"{name}-{colour[1:]}.svg"
    path.write_bytes(svg(name, colour))
    return path.as_posix()
