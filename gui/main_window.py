"""The window: pages, the way between them, and what it remembers of itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PyQt6.QtCore import QByteArray, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QMainWindow, QScrollArea, QStackedWidget, QWidget

from gui.engine_link import EngineLink
from gui.navigation import Navigation
from gui.preferences import PreferencesStore

SIZE = QSize(1120, 760)
LEAST = QSize(480, 360)
NARROW = 760  # below this width the navigation is icons alone


@dataclass(frozen=True)
class PageSpec:
    """A page by name (as `--page` takes it), its icon, and what makes it anew: the language may have changed."""

    name: str
    icon: str
    make: Callable[[], QWidget]


class MainWindow(QMainWindow):
    """quit_wanted: the user wants the whole program to end. hidden: the window was closed, and the program goes on.

    stays: whether closing the window only hides it (there is a tray icon that brings it back).
    """

    quit_wanted = pyqtSignal()
    hidden = pyqtSignal()

    def __init__(
        self, pages: Sequence[PageSpec], link: EngineLink, store: PreferencesStore, stays: Callable[[], bool]
    ) -> None:
        super().__init__()
        self.pages, self._link, self._store, self._stays = tuple(pages), link, store, stays
        self.setWindowTitle("Enhancer")
        self.setMinimumSize(LEAST)
        self._restore()
        self._build(self._number(store.value.last_page))
        for number in range(len(pages)):
            keys = QShortcut(QKeySequence(f"Ctrl+{number + 1}"), self)
            keys.activated.connect(lambda number=number: self._show(number))
        QShortcut(QKeySequence("Ctrl+Q"), self).activated.connect(self.quit_wanted)
        QShortcut(QKeySequence("Ctrl+W"), self).activated.connect(self.close)
        link.status_changed.connect(lambda status: self.navigation.state.show_status(status))

    @property
    def page(self) -> str:
        """The name of the page that is open."""
        return self.pages[self._stack.currentIndex()].name

    @property
    def page_area(self) -> QScrollArea:
        """What the open page scrolls in."""
        area = self._stack.currentWidget()
        assert isinstance(area, QScrollArea)
        return area

    def page_widget(self, name: str) -> QWidget:
        """The page of this name."""
        area = self._stack.widget(self._number(name))
        assert isinstance(area, QScrollArea)
        widget = area.widget()
        assert widget is not None
        return widget

    def show_page(self, name: str) -> None:
        """Opens the page of this name; the first one for a name there is none of."""
        self._show(self._number(name))

    def present(self, page: str = "") -> None:
        """Brings the window before the user, from the tray or from behind others. page: opened, if it is named."""
        if page:
            self.show_page(page)
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def rebuild(self) -> None:
        """Makes all pages anew, in the language of now; what they show is in their models."""
        self._build(self._stack.currentIndex())

    def remember(self) -> None:
        """Writes down where the window is and which page is open."""
        geometry = self.saveGeometry().toHex().data().decode()
        self._store.change(geometry=geometry, last_page=self.page)

    # --- what Qt calls ------------------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent | None) -> None:
        assert event is not None
        self.remember()
        if self._stays():
            self.hidden.emit()
        else:
            self.quit_wanted.emit()
        event.accept()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self.navigation.set_narrow(self.width() < NARROW)

    # --- inside -------------------------------------------------------------------------------------------------

    def _number(self, name: str) -> int:
        return next((number for number, spec in enumerate(self.pages) if spec.name == name), 0)

    def _build(self, current: int) -> None:
        self._stack = QStackedWidget()
        pages = [spec.make() for spec in self.pages]
        for page in pages:
            self._stack.addWidget(_scrolling(page))
        titles = [page.title() for page in pages]  # type: ignore[attr-defined]
        self.navigation = Navigation([(spec.icon, title) for spec, title in zip(self.pages, titles, strict=True)])
        self.navigation.chosen.connect(self._stack.setCurrentIndex)
        self.navigation.state.show_status(self._link.status)
        self.navigation.set_narrow(self.width() < NARROW)
        central = QWidget()
        row = QHBoxLayout(central)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.navigation)
        row.addWidget(self._stack, 1)
        self.setCentralWidget(central)
        self._show(current)

    def _show(self, number: int) -> None:
        self._stack.setCurrentIndex(number)
        self.navigation.show_chosen(number)  # where the focus stays if it is there

    def _restore(self) -> None:
        geometry = QByteArray.fromHex(self._store.value.geometry.encode())
        if geometry.isEmpty() or not self.restoreGeometry(geometry):
            screen = self.screen()
            room = screen.availableGeometry().size() if screen else SIZE
            self.resize(SIZE.boundedTo(room * 0.92))


def _scrolling(page: QWidget) -> QScrollArea:
    """A page in a window that may be too small for it."""
    page.setProperty("role", "page")
    page.setMinimumWidth(1)  # as narrow as the window: only so does it learn that it has to arrange itself anew
    area = QScrollArea()
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(page)
    return area
