"""A key that works while another program has the keyboard.

On X11 it is grabbed from the X server (python-xlib), which sends us this one key and no other. Wayland and the other
systems let no program do that without asking; there the key works while the window is in front, and
`GlobalHotkey.where` says so. On Wayland the desktop's own keyboard settings can run `enhancer ctl bypass`.
"""

from __future__ import annotations

import os
from enum import Enum
from typing import Any

from PyQt6.QtCore import QObject, QSocketNotifier, Qt, pyqtSignal
from PyQt6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PyQt6.QtWidgets import QWidget

COMMAND = "enhancer ctl bypass"  # what a desktop's own hot-key is to run


class Where(Enum):
    """Where a hot-key is heard. TAKEN: another program has it, so in our window only."""

    EVERYWHERE = "everywhere"
    WINDOW = "window"
    TAKEN = "taken"


class GlobalHotkey(QObject):
    """`pressed` is emitted when the keys are pressed; `where` says in which programs that is heard."""

    pressed = pyqtSignal()

    def __init__(self, window: QWidget, text: str = "") -> None:
        """window: where the keys are heard in any case. text: as QKeySequence writes it; empty: none."""
        super().__init__(window)
        self._shortcut = QShortcut(window)
        self._shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)
        self._shortcut.setAutoRepeat(False)
        self._shortcut.activated.connect(self.pressed)
        self._grab: _Grab | None = None
        self.where = Where.WINDOW
        self.set_keys(text)

    def set_keys(self, text: str) -> None:
        """Other keys from now on; empty: none."""
        self.close()
        sequence = QKeySequence(text)
        self.where = Where.WINDOW
        if not sequence.isEmpty() and can_be_global():
            self._grab = _Grab(sequence, self.pressed.emit)
            self.where = Where.EVERYWHERE if self._grab.ours else Where.TAKEN
        # A grabbed key reaches our own window through the grab alone.
        self._shortcut.setKey(QKeySequence() if self.where is Where.EVERYWHERE else sequence)

    def close(self) -> None:
        """Gives the keys back."""
        if self._grab is not None:
            self._grab.close()
            self._grab = None


def can_be_global() -> bool:
    """Whether this session lets a program have a key everywhere; an X server within Wayland hears its own windows."""
    return QGuiApplication.platformName() == "xcb" and not os.environ.get("WAYLAND_DISPLAY")


class _Grab:
    """Keys of the X server that are ours until `close`."""

    def __init__(self, sequence: QKeySequence, pressed: Any) -> None:
        from Xlib import X, error
        from Xlib.display import Display

        self._pressed, self._X = pressed, X
        self._released_at = -1  # the X server's time
        self._notifier: QSocketNotifier | None = None
        self.ours = False
        try:
            self._display = Display()  # a connection of its own: Qt never sees its events
        except (error.DisplayError, OSError):  # a server that Qt may use and we may not
            return
        self._root = self._display.screen().root
        keycode, modifiers = _x_key(self._display, sequence)
        refused = error.CatchError(error.BadAccess)
        if keycode:
            for locks in _locks(self._display):
                self._root.grab_key(
                    keycode, modifiers | locks, False, X.GrabModeAsync, X.GrabModeAsync, onerror=refused
                )
        self._display.sync()
        self.ours = bool(keycode) and refused.get_error() is None
        if self.ours:
            self._notifier = QSocketNotifier(self._display.fileno(), QSocketNotifier.Type.Read)
            self._notifier.activated.connect(self._read)
            self._read()
        else:
            self._display.close()

    def close(self) -> None:
        if self._notifier is not None:
            self._notifier.setEnabled(False)
            self._notifier = None
            self._display.close()  # its grabs go with it

    def _read(self) -> None:
        from Xlib.error import ConnectionClosedError

        try:
            while self._display.pending_events():
                event = self._display.next_event()
                if event.type == self._X.KeyRelease:
                    self._released_at = event.time
                elif event.type == self._X.KeyPress and event.time != self._released_at:  # else held down: a repetition
                    self._pressed()
        except ConnectionClosedError:
            self.close()


def _x_key(display: Any, sequence: QKeySequence) -> tuple[int, int]:
    """The X server's keycode (0: the keyboard has no such key) and modifiers."""
    from Xlib import XK, X

    combination = sequence[0]
    key, wanted = combination.key(), combination.keyboardModifiers()
    masks = {
        Qt.KeyboardModifier.ControlModifier: X.ControlMask,
        Qt.KeyboardModifier.AltModifier: X.Mod1Mask,
        Qt.KeyboardModifier.ShiftModifier: X.ShiftMask,
        Qt.KeyboardModifier.MetaModifier: X.Mod4Mask,
    }
    name = _X_NAMES.get(key) or QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)
    symbol = XK.string_to_keysym(name) or XK.string_to_keysym(name.lower())
    if not symbol and len(name) == 1:
        symbol = ord(name)  # the keysyms of Latin-1 are its characters
    return display.keysym_to_keycode(symbol), sum(mask for modifier, mask in masks.items() if modifier in wanted)


# Where X calls a key otherwise than Qt.
_X_NAMES = {
    Qt.Key.Key_Space: "space", Qt.Key.Key_PageUp: "Prior", Qt.Key.Key_PageDown: "Next", Qt.Key.Key_Insert: "Insert",
    Qt.Key.Key_Delete: "Delete", Qt.Key.Key_Escape: "Escape", Qt.Key.Key_Enter: "KP_Enter", Qt.Key.Key_Return: "Return",
    Qt.Key.Key_Print: "Print", Qt.Key.Key_ScrollLock: "Scroll_Lock",
}  # fmt: skip


def _locks(display: Any) -> list[int]:
    """Every combination of Caps Lock and Num Lock: X grabs exact modifiers only, and nobody means the locks."""
    from Xlib import XK, X

    code = display.keysym_to_keycode(XK.string_to_keysym("Num_Lock"))
    mapping = display.get_modifier_mapping()
    num_lock = next((1 << index for index, codes in enumerate(mapping) if code and code in codes), 0)
    return sorted({0, X.LockMask, num_lock, X.LockMask | num_lock})
