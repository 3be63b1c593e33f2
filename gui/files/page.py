"""The Files page: a place to drop files on, the queue, and before and after of whichever is done."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QMimeData, QModelIndex, QPoint, QSize, Qt, QTimer
from PyQt6.QtGui import (
    QAction,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QFontMetrics,
    QGuiApplication,
    QKeySequence,
    QResizeEvent,
    QShortcut,
)
from PyQt6.QtWidgets import (
    QApplication,
    QBoxLayout,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QListView,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from enhancer.media.types import AUDIO_SUFFIXES, VIDEO_SUFFIXES
from gui.files.delegate import RowDelegate
from gui.files.drop_zone import DropVeil, DropZone
from gui.files.model import FilesModel
from gui.files.reveal import open_file, show_in_folder
from gui.files.row import Action, Row, State
from gui.i18n import _
from gui.playback.ab_player import AbPlayer
from gui.theme import icon, set_icon, theme
from gui.widgets import Banner, Card, SegmentedControl, Switch, label

PLACE = 180  # logical pixels of a folder's name
MARGINS = 96  # of the page and its card, left and right together
LIMITS_DB = (6.0, 12.0, 24.0, None)


class FilesPage(QWidget):
    """Drag and drop, Ctrl+V or the buttons add; Return compares a finished file, Delete removes or cancels."""

    def __init__(self, model: FilesModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.setAcceptDrops(True)
        self._make()
        self._veil = DropVeil(self)
        for keys, act in (
            (QKeySequence(QKeySequence.StandardKey.Paste), self._paste),
            (QKeySequence(Qt.Key.Key_Delete), self._remove_chosen),
            (QKeySequence(Qt.Key.Key_Return), self._act_on_current),
            (QKeySequence(Qt.Key.Key_Enter), self._act_on_current),
        ):
            within = self if act == self._paste else self.view
            shortcut = QShortcut(keys, within)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(act)
        model.changed.connect(self._show)
        model.progressed.connect(self._show_progress)
        model.said.connect(self.banner.show_message)
        model.playback.refused.connect(self.banner.show_error)
        model.finished.connect(self._tell_end)
        theme().changed.connect(self._draw)
        self._draw()
        self._show()

    def title(self) -> str:
        """In the navigation."""
        return _("Files")

    # --- how it is made ---------------------------------------------------------------------------------------------

    def _make(self) -> None:
        self.banner = Banner()
        self.drop_zone = DropZone()
        self.drop_zone.files_wanted.connect(self._ask_files)
        self.drop_zone.folder_wanted.connect(self._ask_folder)
        self._queue_part = self._queue()
        rows = QVBoxLayout(self)
        rows.setContentsMargins(24, 16, 24, 16)
        rows.setSpacing(12)
        rows.addWidget(self.banner)
        rows.addWidget(self.drop_zone, 1)
        rows.addWidget(self._queue_part, 1)

    def _queue(self) -> QWidget:
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(12)
        self._split.addWidget(self._list())
        self._split.addWidget(self._comparison())
        self._split.setSizes([400, 500])
        whole = QWidget()
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(12)
        self._option_card = self._options()
        rows.addWidget(self._option_card)
        rows.addWidget(self._split, 1)
        rows.addLayout(self._bottom())
        return whole

    def _options(self) -> Card:
        names = (_("Gentle"), _("Normal"), _("Strong"), _("Full"))
        self.strength = SegmentedControl(list(zip(LIMITS_DB, names, strict=True)), _("Strength"))
        self.strength.setToolTip(_("How much of the room goes: by at most 6, 12 or 24 dB, or all of it."))
        self.strength.chosen.connect(self._model.set_limit)
        self.place = QPushButton()
        menu = QMenu(self.place)
        menu.addAction(_("Beside each file, as NAME-clean"), lambda: self._model.set_folder(None))
        menu.addAction(_("In a folder…"), self._ask_place)
        self.place.setMenu(menu)
        self.overwrite = Switch(_("Replace existing files"))
        self.overwrite.clicked.connect(self._model.set_overwrite)
        card = Card()
        self._option_row = QHBoxLayout()
        self._option_row.setSpacing(24)
        for words, control in (
            (_("Strength"), self.strength),
            (_("Save to"), self.place),
            (_("Replace existing files"), self.overwrite),
        ):
            line = QHBoxLayout()
            line.setSpacing(10)
            line.addWidget(label(words, "muted"))
            line.addWidget(control)
            line.addStretch(1)
            self._option_row.addLayout(line)
        card.body.addLayout(self._option_row)
        return card

    def _list(self) -> Card:
        self.summary = label("", "heading")
        self.add_button = QPushButton(_("Add"))
        menu = QMenu(self.add_button)
        menu.addAction(_("Files…"), self._ask_files)
        menu.addAction(_("A folder…"), self._ask_folder)
        menu.addAction(_("Paste"), self._paste)
        self.add_button.setMenu(menu)
        self.clear = QPushButton(_("Clear finished"))
        self.clear.setProperty("role", "ghost")
        self.clear.clicked.connect(self._model.clear_finished)
        self.view = QListView()
        self.view.setModel(self._model)
        self.delegate = RowDelegate(self.view)
        self.delegate.acted.connect(self._act)
        self.view.setItemDelegate(self.delegate)
        self.view.setAccessibleName(_("Files to clean"))
        self.view.setMouseTracking(True)
        self.view.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        self.view.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setUniformItemSizes(True)
        self.view.setResizeMode(QListView.ResizeMode.Adjust)
        self.view.setStyleSheet("QListView, QListView:focus { border: none; }")  # the row in focus shows it
        self.view.setMinimumHeight(6 * QFontMetrics(self.view.font()).height())
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._open_menu)
        self.view.doubleClicked.connect(lambda index: self._act_on(index))
        chosen = self.view.selectionModel()
        assert chosen is not None
        chosen.currentChanged.connect(self._follow_current)
        card = Card()
        card.body.setContentsMargins(12, 12, 12, 8)
        card.body.setSpacing(6)
        head = QHBoxLayout()
        head.setContentsMargins(8, 0, 0, 0)
        head.addWidget(self.summary)
        head.addStretch(1)
        head.addWidget(self.clear)
        head.addWidget(self.add_button)
        card.body.addLayout(head)
        card.body.addWidget(self.view, 1)
        return card

    def _comparison(self) -> Card:
        self.player = AbPlayer(self._model.playback)
        self.player_title = ElidedLabel("heading")
        self.close_player = QToolButton()
        self.close_player.setProperty("role", "icon")
        self.close_player.setAccessibleName(_("Close the comparison"))
        self.close_player.setToolTip(_("Close the comparison"))
        self.close_player.clicked.connect(lambda: self._model.listen(None))
        self._player_card = Card()
        self.player.head.addWidget(self.player_title, 100)
        self.player.head.addWidget(self.close_player)
        self._player_card.body.addWidget(self.player, 1)
        return self._player_card

    def _bottom(self) -> QHBoxLayout:
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(_("Progress of all files"))
        self.progress_words = label("", "muted")
        self.run_button = QPushButton()
        self.run_button.setProperty("role", "primary")
        self.run_button.clicked.connect(lambda: self._model.start())
        self.stop_button = QPushButton(_("Stop"))
        self.stop_button.clicked.connect(self._model.stop)
        row = QHBoxLayout()
        row.setSpacing(16)
        row.addWidget(self.progress, 1)
        row.addWidget(self.progress_words)
        row.addStretch(0)
        row.addWidget(self.stop_button)
        row.addWidget(self.run_button)
        return row

    # --- what it shows ----------------------------------------------------------------------------------------------

    def _show(self) -> None:
        model = self._model
        filled = model.rowCount() > 0 or model.looking
        self.drop_zone.setVisible(not filled)
        self._queue_part.setVisible(filled)
        self.summary.setText(_("Looking through folders…") if model.looking else model.summary)
        self.strength.set_value(model.limit_db)
        self.overwrite.setChecked(model.overwrite)
        for control in (self.strength, self.place, self.overwrite):
            control.setEnabled(not model.running)
        self._show_place()
        waiting = model.count(State.WAITING)
        self.run_button.setText(_("Clean 1 file") if waiting == 1 else _("Clean {count} files").format(count=waiting))
        self.run_button.setVisible(waiting > 0 and not model.running)
        self.stop_button.setVisible(model.running)
        self.progress.setVisible(model.running)
        self.clear.setEnabled(model.rowCount() > model.count(State.WAITING, State.WORKING))
        listening = model.listening
        self._player_card.setVisible(listening is not None)
        self._option_card.setVisible(listening is None)  # to leave room
        if listening is not None:
            self.player_title.show_text(listening.name)
        self._show_progress()

    def _show_place(self) -> None:
        folder = self._model.folder
        words = _("Beside each file") if folder is None else folder.name or str(folder)
        self.place.setText(self.place.fontMetrics().elidedText(words, Qt.TextElideMode.ElideMiddle, PLACE))
        self.place.setToolTip(_("As NAME-clean beside each file") if folder is None else str(folder))
        self.place.setAccessibleName(_("Save to: {place}").format(place=words))

    def _show_progress(self) -> None:
        model = self._model
        self.progress.setValue(round(1000 * model.share))
        self.progress_words.setText(model.progress_words if model.running else "")

    def _tell_end(self) -> None:
        failed, done = self._model.count(State.FAILED), self._model.count(State.DONE)
        if failed:
            words = _("{done} cleaned, {failed} failed: the list says why.").format(done=done, failed=failed)
            self.banner.show_message(words, "warn")
        elif done:
            self.banner.show_message(_("All done. Compare before and after with the button of a file."), "good")
        window = self.window()
        if window is not None and not window.isActiveWindow():
            QApplication.alert(window)

    def _draw(self) -> None:
        colours = theme().tokens
        set_icon(self.add_button, "plus", colours.text, 16)
        set_icon(self.place, "folder", colours.text)
        self.close_player.setIcon(icon("close", colours.text_muted, 16))
        self.close_player.setIconSize(QSize(16, 16))
        self.view.viewport().update()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Options below each other in a narrow window; the veil as large as the page."""
        row = self._option_row
        lines = [row.itemAt(number).minimumSize().width() for number in range(row.count())]
        narrow = self.width() < sum(lines) + row.spacing() * len(lines) + MARGINS
        self._option_row.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)
        self._veil.setGeometry(self.rect())

    # --- rows -------------------------------------------------------------------------------------------------------

    def _act(self, row: Row, action: Action) -> None:
        if action is Action.OPEN and row.target is not None:
            open_file(row.target)
        elif action is Action.SHOW and row.target is not None:
            show_in_folder(row.target)
        else:
            self._model.act(row, action)
        if action is Action.LISTEN:
            self.view.setCurrentIndex(self._model.index_of(row))
            self.player.play_button.setFocus(Qt.FocusReason.OtherFocusReason)
            QTimer.singleShot(0, lambda: self.view.scrollTo(self._model.index_of(row)))  # once there is less room

    def _act_on_current(self) -> None:
        self._act_on(self.view.currentIndex())

    def _act_on(self, index: QModelIndex) -> None:
        """The usual for a row: comparing, trying again."""
        row = index.data(Qt.ItemDataRole.UserRole)
        if row is not None and row.actions[0] is not Action.REMOVE:
            self._act(row, row.actions[0])

    def _chosen(self) -> list[Row]:
        return [index.data(Qt.ItemDataRole.UserRole) for index in self.view.selectedIndexes()]

    def _remove_chosen(self) -> None:
        self._model.remove(self._chosen())

    def _follow_current(self, index: QModelIndex) -> None:
        """While one file is compared, another that is chosen takes its place."""
        row = index.data(Qt.ItemDataRole.UserRole)
        listening = self._model.listening
        if row is not None and listening not in (None, row) and Action.LISTEN in row.actions:
            self._model.listen(row)

    def _open_menu(self, position: QPoint) -> None:
        row = self.view.indexAt(position).data(Qt.ItemDataRole.UserRole)
        if row is None:
            return
        menu = QMenu(self.view)
        for action in row.actions:
            entry = QAction(row.words_of(action), menu)
            entry.triggered.connect(lambda _checked, action=action: self._act(row, action))
            menu.addAction(entry)
        menu.popup(self.view.viewport().mapToGlobal(position))

    # --- adding -----------------------------------------------------------------------------------------------------

    def _ask_files(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in sorted(AUDIO_SUFFIXES | VIDEO_SUFFIXES))
        kinds = _("Sound and video ({patterns})").format(patterns=patterns) + ";;" + _("All files (*)")
        paths, _kind = QFileDialog.getOpenFileNames(self, _("Add files"), "", kinds)
        self._model.add(paths)

    def _ask_folder(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, _("Add a folder")):
            self._model.add([folder])

    def _ask_place(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, _("Save clean files to")):
            self._model.set_folder(Path(folder))

    def _paste(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            self._model.add(_paths(clipboard.mimeData()))

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        if event is not None and _paths(event.mimeData()):
            event.acceptProposedAction()
            self._veil.raise_()
            self._veil.show()

    def dragLeaveEvent(self, event: QDragLeaveEvent | None) -> None:
        self._veil.hide()

    def dropEvent(self, event: QDropEvent | None) -> None:
        self._veil.hide()
        if event is not None:
            event.acceptProposedAction()
            self._model.add(_paths(event.mimeData()))


class ElidedLabel(QLabel):
    """A line at the right that gives way; what is left out of its middle is in the tool tip."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._whole = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def show_text(self, text: str) -> None:
        """All of it where there is room."""
        self._whole = text
        self.setToolTip(text)
        self.setAccessibleName(text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        self._fit()

    def _fit(self) -> None:
        self.setText(self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideMiddle, self.width()))


def _paths(data: QMimeData | None) -> list[str]:
    """The files and folders of a drop or of the clipboard; text counts if its lines are paths that exist."""
    if data is None:
        return []
    if data.hasUrls():
        return [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
    lines = [line.strip() for line in data.text().splitlines() if line.strip()]
    return lines if lines and all(Path(line).exists() for line in lines) else []
