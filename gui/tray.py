"""The tray icon: what the engine does, at a glance, and a menu for what is wanted in the middle of a call.

Its pictures stand on a ground of their own, so that they are seen on light and dark panels alike, and differ by shape
as well as by colour.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from PyQt6.QtCore import QByteArray, QObject, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QAction, QActionGroup, QIcon, QPainter, QPixmap
from PyQt6.QtSvg import QSvgRenderer
from PyQt6.QtWidgets import QMenu, QSystemTrayIcon

from enhancer.live.protocol import EngineState
from gui.i18n import _
from gui.live.model import LiveModel
from gui.live.wording import FLOWING
from gui.settings.model import SettingsModel

_GROUND = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
    '<rect x="1" y="1" width="22" height="22" rx="6" fill="{ground}" stroke="#ffffff" stroke-opacity="0.55"/>'
    '<g fill="none" stroke="{ink}" stroke-width="2.3" stroke-linecap="round" stroke-linejoin="round">{shape}</g></svg>'
)
_STATES = {  # ground, ink, shape
    "on": ("#1a62d6", "#ffffff", "M6 10.4v3.2M10 7v10M14 5.4v13.2M18 9.6v4.8"),
    "ready": ("#1a62d6", "#ffffff", "M6 11.8v.4M10 11v2M14 11v2M18 11.8v.4"),
    "waiting": ("#4b5563", "#ffffff", "M6.5 12h.1M12 12h.1M17.5 12h.1"),
    "off": ("#6b7280", "#ffffff", "M6 10.4v3.2M10 7v10M14 5.4v13.2M18 9.6v4.8M4.6 19.4 19.4 4.6"),
    "bypassed": ("#e69f00", "#1b1200", "M5.4 12h12M13.6 7.8 17.8 12l-4.2 4.2"),
    "trouble": ("#b93c00", "#ffffff", "M12 5.6v7.6M12 17.6v.4"),
}
SIZES = (16, 22, 24, 32, 44, 48, 64, 128)  # logical pixels of the panels that there are, and twice that


class Tray(QObject):
    """opened, quit: the user wants the window, or the end of the program."""

    opened = pyqtSignal()
    quit = pyqtSignal()

    def __init__(self, live: LiveModel, settings: SettingsModel) -> None:
        super().__init__()
        self._live, self._settings = live, settings
        self.icon = QSystemTrayIcon()
        self.menu = QMenu()
        self.profiles = QMenu()
        self.state, self.power, self.bypass, self.open, self.leave = (QAction(self.menu) for _number in range(5))
        self.menu.addActions([self.state, self.power, self.bypass])
        self.menu.addMenu(self.profiles)
        self.menu.addSeparator()
        self.menu.addActions([self.open, self.leave])
        self._group = QActionGroup(self.profiles)
        self.state.setEnabled(False)
        for action in (self.power, self.bypass):
            action.setCheckable(True)
        self.power.triggered.connect(live.turn)
        self.bypass.triggered.connect(live.set_bypass)
        self.open.triggered.connect(self.opened)
        self.leave.triggered.connect(self.quit)
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(self._activate)
        live.changed.connect(self.refresh)
        settings.changed.connect(self.refresh)
        self.refresh()
        self.icon.show()  # where there is no tray, as soon as there is one

    @staticmethod
    def available() -> bool:
        """Whether the desktop shows tray icons."""
        return QSystemTrayIcon.isSystemTrayAvailable()

    def refresh(self) -> None:
        """As things are now, in the language of now."""
        live = self._live
        words = live.state(live.meters())
        self.icon.setIcon(tray_icon(self.picture))
        self.icon.setToolTip(f"Enhancer: {words.title}\n{words.detail}")
        self.state.setText(words.title)
        self.power.setText(_("Noise suppression"))
        self.power.setChecked(live.on)
        self.bypass.setText(_("Bypass"))
        self.bypass.setChecked(live.bypassed)
        self.bypass.setEnabled(live.flowing or live.bypassed)
        self.open.setText(_("Open Enhancer"))
        self.leave.setText(_("Quit"))
        self._list_profiles()

    @property
    def picture(self) -> str:
        """Which of the pictures says what the engine does."""
        state = self._live.status.state
        if state in FLOWING and self._live.bypassed:
            return "bypassed"
        return {
            EngineState.STOPPED: "off",
            EngineState.STARTING: "waiting",
            EngineState.RUNNING: "on",
            EngineState.SLEEPING: "ready",
        }.get(state, "trouble")

    def close(self) -> None:
        """The icon goes."""
        self.icon.hide()

    def _list_profiles(self) -> None:
        self.profiles.setTitle(_("Profile"))
        choices = self._settings.profiles()
        actions = self._group.actions()
        if [(action.data(), action.text()) for action in actions] != choices:
            for action in actions:
                self._group.removeAction(action)
                self.profiles.removeAction(action)
            for name, words in choices:
                action = QAction(words.replace("&", "&&"), self.profiles)
                action.setData(name)
                action.setCheckable(True)
                action.triggered.connect(lambda _on, name=name: self._settings.choose_profile(name))
                self._group.addAction(action)
                self.profiles.addAction(action)
        for action in self._group.actions():
            action.setChecked(action.data() == self._settings.profile.name)

    def _activate(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self.opened.emit()


@cache
def app_icon() -> QIcon:
    """The program's own."""
    return _drawn(files("gui").joinpath("icons/enhancer.svg").read_bytes())


@cache
def tray_icon(name: str) -> QIcon:
    """One of the pictures, drawn for every usual size."""
    ground, ink, path = _STATES[name]
    svg = _GROUND.format(ground=ground, ink=ink, shape=f'<path d="{path}"/>')
    return _drawn(svg.encode())


def _drawn(svg: bytes) -> QIcon:
    renderer = QSvgRenderer(QByteArray(svg))
    icon = QIcon()
    for size in SIZES:
        picture = QPixmap(QSize(size, size))
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        renderer.render(painter)
        painter.end()
        icon.addPixmap(picture)
    return icon
