"""`enhancer gui`: the application, put together from its parts and taken apart again."""

from __future__ import annotations

import sys
import traceback
from functools import partial
from types import TracebackType

from PyQt6.QtWidgets import QApplication, QSystemTrayIcon

from enhancer.live import places
from gui import i18n, preferences
from gui.desktop_entry import APP_ID
from gui.engine_link import EngineLink
from gui.files.model import FilesModel
from gui.files.page import FilesPage
from gui.first_run.guide import FirstRunGuide
from gui.first_run.model import FirstRunModel
from gui.hotkey import GlobalHotkey
from gui.i18n import _
from gui.i18n.qt_words import translate_qt
from gui.live.model import LiveModel
from gui.live.page import LivePage
from gui.main_window import MainWindow, PageSpec
from gui.mic_test.model import MicTestModel
from gui.mic_test.page import MicTestPage
from gui.power import Power
from gui.preferences import Preferences, PreferencesStore
from gui.qt_start import Signals, start_qt
from gui.settings.model import SettingsModel
from gui.settings.page import SettingsPage
from gui.single_instance import SingleInstance
from gui.sound_devices import SoundDevices
from gui.theme import theme
from gui.tray import Tray, app_icon


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
        sys.excepthook = _show_bug
        remembered, note = preferences.load()
        monitor = Monitor(app, PreferencesStore(remembered), EngineLink(), SoundDevices())
        signals = Signals(monitor.quit)
        instance.called.connect(monitor.window.present)
        instance.listen()
        if at_login:
            monitor.turn_on_at_login()
        monitor.open(page, hidden=minimised or (at_login and remembered.start_minimised))
        if note:
            monitor.live.said.emit(note, "warn", "")
        app.exec()
        monitor.close()
        signals.close()
        return 130 if signals.received else 0
    finally:
        instance.close()


def _show_bug(kind: type[BaseException], bug: BaseException, trace: TracebackType | None) -> None:
    """In the terminal, as ever; but PyQt would also end the program, and with it the user's microphone."""
    traceback.print_exception(kind, bug, trace)


class Monitor:
    """All parts of a running window: engine, models, pages, tray."""

    def __init__(self, app: QApplication, store: PreferencesStore, link: EngineLink, devices: SoundDevices) -> None:
        self._app, self.link, self.store, self.devices = app, link, store, devices
        self._shown = store.value
        i18n.set_language(store.value.language)
        translate_qt()
        theme().choose(store.value.theme)
        theme().apply(app)
        self.power = Power(link, store, devices)
        self.live = LiveModel(link, store, devices, self.power)
        self.settings = settings = SettingsModel(self.live, store, devices, self.power)
        self.mic_test, self.files = MicTestModel(self.live, store), FilesModel(store)
        pages = [
            PageSpec("live", "live", partial(LivePage, self.live)),
            PageSpec("mic-test", "mic-test", partial(MicTestPage, self.mic_test)),
            PageSpec("files", "files", partial(FilesPage, self.files)),
            PageSpec("settings", "settings", partial(SettingsPage, settings)),
        ]
        self.window = MainWindow(pages, link, store, self._stays)
        self.window.setWindowIcon(app_icon())
        self.window.quit_wanted.connect(self.quit)
        self.window.hidden.connect(self._say_where)
        self.first_run = FirstRunModel(self.live, store, devices, self.power)
        self.guide = FirstRunGuide(self.first_run, self.window)
        settings.setup_wanted.connect(lambda: self.guide.begin())
        self.tray = Tray(self.live, settings)
        self.tray.opened.connect(self.window.present)
        self.tray.quit.connect(self.quit)
        self.hotkey = GlobalHotkey(self.window, store.value.hotkey)
        self.hotkey.pressed.connect(self._bypass)
        settings.set_hotkey_where(self.hotkey.where)
        store.changed.connect(self._follow)

    def open(self, page: str, *, hidden: bool) -> None:
        """Shows the window, or hides it in the tray."""
        self.devices.start()
        if page:
            self.window.show_page(page)
        if not hidden:
            self.window.present()
            if not self.store.value.first_run_done:
                self.guide.begin()
        elif not QSystemTrayIcon.isSystemTrayAvailable():
            self.window.showMinimized()

    def turn_on_at_login(self) -> None:
        """As soon as there is a sound server; with a virtual microphone only, else the user would suddenly hear it."""

        def begin() -> None:
            if self.devices.all:
                self.devices.changed.disconnect(begin)
                self.power.turn_on()

        if self.store.profile.virtual_mic:
            self.devices.changed.connect(begin)

    def quit(self) -> None:
        """Ends the event loop."""
        self.window.remember()
        self.window.hide()
        self._app.quit()

    def close(self) -> None:
        """Gives everything back; an engine of our own ends."""
        self.first_run.close()
        self.hotkey.close()
        self.tray.close()
        self.devices.close()
        self.link.close()

    def _say_where(self) -> None:
        """Where the window went, the first time."""
        self.window.hidden.disconnect(self._say_where)
        self.tray.icon.showMessage(
            _("Enhancer is still on"), _("Your microphone stays clean. The icon opens the window again, or quits.")
        )

    def _stays(self) -> bool:
        return self.power.on and QSystemTrayIcon.isSystemTrayAvailable()

    def _follow(self, now: Preferences) -> None:
        before, self._shown = self._shown, now
        theme().choose(now.theme)
        if now.language != before.language:
            i18n.set_language(now.language)
            translate_qt()
            self.window.rebuild()
            self.guide.deleteLater()
            self.guide = FirstRunGuide(self.first_run, self.window)
            self.tray.refresh()
        if now.hotkey != before.hotkey:
            self.hotkey.set_keys(now.hotkey)
            self.settings.set_hotkey_where(self.hotkey.where)

    def _bypass(self) -> None:
        if self.live.flowing or self.live.bypassed:
            self.live.set_bypass(not self.live.bypassed)
