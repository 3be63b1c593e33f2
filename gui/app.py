"""`enhancer gui`: the application, put together from its parts and taken apart again."""

from __future__ import annotations

from functools import partial

from PyQt6.QtWidgets import QApplication, QSystemTrayIcon

from enhancer.live import places
from gui import i18n, preferences
from gui.desktop_entry import APP_ID
from gui.engine_link import EngineLink
from gui.live.model import LiveModel
from gui.live.page import LivePage
from gui.main_window import MainWindow, PageSpec
from gui.power import Power
from gui.preferences import Preferences, PreferencesStore
from gui.qt_start import Signals, start_qt
from gui.settings.model import SettingsModel
from gui.settings.page import SettingsPage
from gui.single_instance import SingleInstance
from gui.sound_devices import SoundDevices
from gui.theme import icon, theme


def run(*, page: str = "", minimised: bool = False, at_login: bool = False) -> int:
    """Until the user quits. page: the one to open; at_login: minimised if the preferences say so.

    Returns the exit code: 0, or 130 if a signal ended it. Raises UserError where there can be no window. Where one is
    open already, it comes to the front.
    """
    instance = SingleInstance(places.runtime_dir())
    if not instance.claim():
        instance.call(page)
        return 0
    try:
        app = start_qt("enhancer")
        app.setApplicationDisplayName("Enhancer")
        app.setDesktopFileName(APP_ID)
        app.setQuitOnLastWindowClosed(False)
        remembered, note = preferences.load()
        monitor = Monitor(app, PreferencesStore(remembered), EngineLink(), SoundDevices())
        signals = Signals(monitor.quit)
        instance.called.connect(monitor.window.present)
        instance.listen()
        monitor.open(page, hidden=minimised or (at_login and remembered.start_minimised))
        if note:
            monitor.live.said.emit("warn", note, "")
        app.exec()
        monitor.close()
        signals.close()
        return 130 if signals.received else 0
    finally:
        instance.close()


class Monitor:
    """All parts of a running window: engine, models, pages, tray."""

    def __init__(self, app: QApplication, store: PreferencesStore, link: EngineLink, devices: SoundDevices) -> None:
        self._app, self.link, self.devices = app, link, devices
        self._shown = store.value
        i18n.set_language(store.value.language)
        theme().choose(store.value.theme)
        theme().apply(app)
        self.power = Power(link, store, devices)
        self.live = LiveModel(link, store, devices, self.power)
        settings = SettingsModel(self.live, store, devices, self.power)
        pages = [
            PageSpec("live", "live", partial(LivePage, self.live)),
            PageSpec("settings", "settings", partial(SettingsPage, settings)),
        ]
        self.window = MainWindow(pages, link, store, self._stays)
        self.window.setWindowIcon(icon("logo", theme().tokens.accent, 64))
        self.window.quit_wanted.connect(self.quit)
        store.changed.connect(self._follow)

    def open(self, page: str, *, hidden: bool) -> None:
        """Shows the window, or hides it in the tray."""
        self.devices.start()
        if page:
            self.window.show_page(page)
        if not hidden:
            self.window.present()
        elif not QSystemTrayIcon.isSystemTrayAvailable():
            self.window.showMinimized()

    def quit(self) -> None:
        """Ends the event loop."""
        self.window.remember()
        self.window.hide()
        self._app.quit()

    def close(self) -> None:
        """Gives everything back; an engine of our own ends."""
        self.devices.close()
        self.link.close()

    def _stays(self) -> bool:
        return self.power.on and QSystemTrayIcon.isSystemTrayAvailable()

    def _follow(self, now: Preferences) -> None:
        before, self._shown = self._shown, now
        theme().choose(now.theme)
        if now.language != before.language:
            i18n.set_language(now.language)
            self.window.rebuild()
