"""The queue of files to clean, for a list view; knows no widgets. The work is done in `gui.files.worker` processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from PyQt6.QtCore import QAbstractListModel, QCoreApplication, QModelIndex, QObject, Qt, QTimer, pyqtSignal

from enhancer.cli.plan import Found, find_inputs, plan_found
from enhancer.errors import UserError
from enhancer.media.types import AUDIO_SUFFIXES, VIDEO_SUFFIXES
from enhancer.paths import resolved
from gui.child import Child
from gui.files import wording
from gui.files.row import Action, Row, State
from gui.i18n import _
from gui.playback.model import PlaybackModel
from gui.preferences import PreferencesStore

BYTES_PER_WORKER = 8 << 20  # as in `enhancer denoise`: below that, a process costs more than it brings
MOST_WORKERS = 8
SHOW_MS = 250  # between two looks at the times that are left
SOON_MS = 50
NAMED = 5  # of files that were left out
_SUFFIXES = AUDIO_SUFFIXES | VIDEO_SUFFIXES
_OPEN = (State.WAITING, State.WORKING)


@dataclass(frozen=True)
class _Lookup:
    """What was found of what a user has dropped."""

    found: list[tuple[Found, Path, int]]  # where they lie without links, sizes in bytes
    foreign: list[str]
    copies: list[str]


class FilesModel(QAbstractListModel):
    """Rows of `Row` under Qt.UserRole.

    changed: whether it runs, how many rows are in which state, an option. progressed: how far the run is.
    said(text, kind, hint): a message, as a Banner shows it. finished: the run has ended by itself.
    """

    changed = pyqtSignal()
    progressed = pyqtSignal()
    said = pyqtSignal(str, str, str)
    finished = pyqtSignal()
    _looked_up = pyqtSignal(object)

    def __init__(self, store: PreferencesStore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self.playback = PlaybackModel(self)
        self.listening: Row | None = None
        self.overwrite = False  # not remembered: asked for each time
        self.running = False
        self._rows: list[Row] = []
        self._places: dict[Path, Row] = {}  # by resolved source
        self._numbers = 0
        self._workers: dict[Child, Row | None] = {}
        self._lookups = 0
        self._began_at = 0.0
        self._run: list[Row] = []  # what has been asked for, done or not
        self._run_size = 0
        self._looked_up.connect(self._take)
        self._soon = QTimer(self)  # for many files that end one after the other
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON_MS)
        self._soon.timeout.connect(self.changed)
        self._timer = QTimer(self)
        self._timer.setInterval(SHOW_MS)
        self._timer.timeout.connect(self._tick)
        app = QCoreApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self.close)

    # --- the list ---------------------------------------------------------------------------------------------------

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008  # as Qt has it
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.UserRole:
                return row
            case Qt.ItemDataRole.DisplayRole:
                return row.name
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{row.name}, {row.status}"
            case Qt.ItemDataRole.AccessibleDescriptionRole:
                return row.detail
            case Qt.ItemDataRole.ToolTipRole:
                return f"{row.source}\n{row.detail}"
        return None

    def index_of(self, row: Row) -> QModelIndex:
        """Where a row is."""
        return self.index(self._rows.index(row))

    @property
    def looking(self) -> bool:
        """Whether folders are being searched."""
        return self._lookups > 0

    def count(self, *states: State) -> int:
        """Rows in these states."""
        return sum(1 for row in self._rows if row.state in states)

    # --- options ----------------------------------------------------------------------------------------------------

    @property
    def limit_db(self) -> float | None:
        """No part of the sound is lowered by more; None: no limit."""
        return self._store.value.files_limit_db

    @property
    def folder(self) -> Path | None:
        """Where clean files go; None: beside each file, as NAME-clean.EXT."""
        folder = self._store.value.files_folder
        return Path(folder) if folder else None

    def set_limit(self, db: float | None) -> None:
        """Chooses the limit, for the next time too."""
        self._store.change(files_limit_db=db)
        self.changed.emit()

    def set_folder(self, folder: Path | None) -> None:
        """Chooses the folder, for the next time too."""
        self._store.change(files_folder=str(folder or ""))
        self.changed.emit()

    def set_overwrite(self, on: bool) -> None:
        """Whether clean files that exist are replaced, rather than their sources skipped."""
        self.overwrite = on
        self.changed.emit()

    # --- in and out -------------------------------------------------------------------------------------------------

    def add(self, paths: Sequence[str]) -> None:
        """Files, and folders with all below them; looked up in a thread, since disks are slow."""
        if not paths:
            return
        self._lookups += 1
        arguments = (list(paths), self._output)
        threading.Thread(target=self._look_up, args=arguments, name="files", daemon=True).start()
        self.changed.emit()

    def act(self, row: Row, action: Action) -> None:
        """Does what needs no window; OPEN and SHOW are for the page."""
        match action:
            case Action.LISTEN:
                self.listen(row)
            case Action.RETRY:
                self.retry(row)
            case Action.REMOVE if row.state is State.WORKING:
                self._cancel(row)
            case Action.REMOVE:
                self.remove([row])

    def retry(self, row: Row) -> None:
        """Once more: what can be read of a damaged file, over the clean file that was there, or just so."""
        row.salvage = row.salvage or wording.can_be_salvaged(row.hint)
        row.again = row.again or row.state is State.SKIPPED
        self._reset(row)
        self.start([row])

    def remove(self, rows: Sequence[Row]) -> None:
        """Takes rows off the list; files at work are cancelled and stay."""
        for row in rows:
            if row.state is State.WORKING:
                self._cancel(row)
                continue
            at = self._rows.index(row)
            self.beginRemoveRows(QModelIndex(), at, at)
            del self._rows[at]
            self._places.pop(resolved(row.source), None)
            if row in self._run:
                self._run.remove(row)
                self._run_size -= row.size
            self.endRemoveRows()
            if row is self.listening:
                self.listen(None)
        self.changed.emit()

    def clear_finished(self) -> None:
        """Takes all off the list that is neither waiting nor at work."""
        self.remove([row for row in self._rows if row.state not in _OPEN])

    def listen(self, row: Row | None) -> None:
        """Opens a finished file for comparing; None: closes it."""
        self.listening = row
        if row is None or row.target is None:
            self.playback.unload()
        else:
            self.playback.load(row.source, row.target)
        self.changed.emit()

    def close(self) -> None:
        """Calls everything off and ends all processes; unfinished files are gone then."""
        self.running = False
        self._timer.stop()
        for worker in list(self._workers):
            worker.close()
        self._workers.clear()
        self.playback.close()

    # --- running ----------------------------------------------------------------------------------------------------

    def start(self, rows: Sequence[Row] | None = None) -> None:
        """Cleans these files, else all that wait, and those that are added meanwhile."""
        if not self.running:
            self._run = []
            self._began_at = monotonic()
        waiting = [row for row in rows or self._rows if row.state is State.WAITING]
        if not self._plan(waiting):
            return
        known = set(self._run)
        self._run += [row for row in waiting if row not in known]
        self._run_size = sum(row.size for row in self._run)
        self.running = True
        self._timer.start()
        self._hand_out()
        self.changed.emit()

    def stop(self) -> None:
        """Calls off the files at work; all that is not done waits again."""
        self.running = False
        self._timer.stop()
        for row in [row for row in self._workers.values() if row is not None]:
            self._cancel(row)
        self.changed.emit()

    @property
    def share(self) -> float:
        """How much of this run is done, by the size of its files, 0 to 1."""
        at_work = sum(row.size * (row.share or 0.0) for row in self._workers.values() if row is not None)
        return (sum(row.size for row in self._run if row.state not in _OPEN) + at_work) / max(self._run_size, 1)

    @property
    def left_s(self) -> float | None:
        """Until the run is done; None: unknown."""
        elapsed, share = monotonic() - self._began_at, self.share
        return elapsed * (1.0 - share) / share if share > 0.01 and elapsed > 1.0 else None

    @property
    def progress_words(self) -> str:
        """Of the run: how many files, how much longer."""
        done = sum(1 for row in self._run if row.state not in _OPEN)
        words = _("{done} of {all} files").format(done=done, all=len(self._run))
        return "  ·  ".join(filter(None, (words, wording.time_left(self.left_s))))

    @property
    def summary(self) -> str:
        """What the list holds."""
        counts = (
            (self.count(State.WAITING, State.WORKING), _("{count} to clean")),
            (self.count(State.DONE), _("{count} done")),
            (self.count(State.SKIPPED), _("{count} skipped")),
            (self.count(State.FAILED), _("{count} failed")),
            (self.count(State.CANCELLED), _("{count} cancelled")),
        )
        return "  ·  ".join(words.format(count=count) for count, words in counts if count)

    @property
    def _output(self) -> str | None:
        return None if self.folder is None else f"{self.folder}{os.sep}"

    # --- looking up -------------------------------------------------------------------------------------------------

    def _look_up(self, paths: list[str], output: str | None) -> None:
        """In a thread of its own."""
        foreign = [p for p in paths if Path(p).is_file() and Path(p).suffix.lower() not in _SUFFIXES]
        found = find_inputs([path for path in paths if path not in foreign], recursive=True)
        try:
            kept = {job.source for job in plan_found(found, output, overwrite=True, batch=True).jobs}
        except UserError:  # said when it is to be done
            kept = {each.path for each in found}
        kept_found = [(each, resolved(each.path), _size(each.path)) for each in found if each.path in kept]
        copies = [each.path.name for each in found if each.path not in kept]
        self._looked_up.emit(_Lookup(kept_found, [Path(path).name for path in foreign], copies))

    def _take(self, lookup: _Lookup) -> None:
        self._lookups -= 1
        self._say_left_out(lookup)
        new = []
        for found, place, size in lookup.found:
            if place in self._places:
                continue
            if found.error is not None:
                self.said.emit(found.error.message, "warn", wording.advice(found.error.hint))
                continue
            self._numbers += 1
            row = Row(found.path, found.root, size, self._numbers)
            self._places[place] = row
            new.append(row)
        if new:
            self.beginInsertRows(QModelIndex(), len(self._rows), len(self._rows) + len(new) - 1)
            self._rows += new
            self.endInsertRows()
        if self.running:
            self.start()
        self.changed.emit()

    def _say_left_out(self, lookup: _Lookup) -> None:
        if lookup.foreign:
            words = _("Left out, being neither sound nor video: {names}").format(names=_listed(lookup.foreign))
            self.said.emit(words, "warn", "")
        if lookup.copies:
            words = _("Left out, being clean already: {names}").format(names=_listed(lookup.copies))
            self.said.emit(words, "info", "")

    def _plan(self, rows: list[Row]) -> bool:
        """Where each row's clean file goes, and whether it is there already; False: they stand in each other's way."""
        new = [row for row in rows if row.target is None]
        try:
            plan = plan_found([Found(row.source, row.root) for row in new], self._output, overwrite=True, batch=True)
        except UserError as error:
            self.said.emit(error.message, "bad", _("Save them beside each file, or one lot after the other."))
            return False
        jobs = {job.source: job for job in plan.jobs}
        for row in new:
            job = jobs.get(row.source)
            row.target = job.target if job else None
            if job is None:
                self._end(row, State.SKIPPED)
            elif job.error is not None:
                self._fail(row, job.error.message, job.error.hint)
            elif job.target.exists() and not (self.overwrite or row.again):
                self._end(row, State.SKIPPED)
        return True

    # --- workers ----------------------------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        """Gives waiting rows to workers; ends the run when there is nothing left."""
        waiting = [row for row in self._run if row.state is State.WAITING] if self.running else []
        for worker, _row in [(w, r) for w, r in self._workers.items() if r is None]:
            if waiting:
                self._give(worker, waiting.pop(0))
        while waiting and len(self._workers) < self._wanted_workers(waiting):
            self._give(self._new_worker(), waiting.pop(0))
        if not any(self._workers.values()):
            self._end_run()

    def _wanted_workers(self, waiting: list[Row]) -> int:
        """One core stays free for the window and for live sound."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        size = sum(row.size for row in (*waiting, *filter(None, self._workers.values())))
        return max(1, min(cores - 1, MOST_WORKERS, size // BYTES_PER_WORKER))

    def _new_worker(self) -> Child:
        model = self._store.value.model
        worker = Child("gui.files.worker", *([model] if model else []), parent=self)
        worker.said.connect(lambda said: self._hear(worker, said))
        worker.died.connect(lambda how: self._mourn(worker, how))
        return worker

    def _give(self, worker: Child, row: Row) -> None:
        self._workers[worker] = row
        row.state, row.began_at, row.done_s, row.total_s = State.WORKING, monotonic(), 0.0, None
        job = {
            "number": row.number, "source": str(row.source), "target": str(row.target), "limit_db": self.limit_db,
            "overwrite": self.overwrite or row.again, "salvage": row.salvage,
        }  # fmt: skip
        worker.send(clean=job)
        self._show(row)

    def _hear(self, worker: Child, said: dict[str, Any]) -> None:
        row = self._workers.get(worker)
        match said:
            case {"error": message, "hint": hint}:  # no model: no other worker would have one
                self.said.emit(message, "bad", hint)
                self._let_go(worker)
                if row is not None:
                    self._reset(row)
                self.stop()
            case {"number": number} if row is None or row.number != number:
                return
            case {"done_s": done_s, "total_s": total_s} if row is not None:
                row.done_s, row.total_s = done_s, total_s and max(total_s, done_s)
                self._show(row)
            case {"result": result} if row is not None:
                self._workers[worker] = None
                self._note(row, result)
                self._hand_out()
            case {"cancelled": _} if row is not None:
                self._workers[worker] = None
                if self.running:
                    self._end(row, State.CANCELLED)
                else:
                    self._reset(row)
                self._hand_out()

    def _mourn(self, worker: Child, how: str) -> None:
        row = self._workers.pop(worker, None)
        worker.deleteLater()
        if row is not None:
            self._fail(row, _("The process at work on it ended ({how})").format(how=how), "")
        if self.running:
            self._hand_out()

    def _note(self, row: Row, result: dict[str, Any]) -> None:
        row.notes, row.seconds = result["notes"], result["seconds"]
        if result["status"] == "failed":
            self._fail(row, result["error"], result["hint"] or "")
        else:
            self._end(row, State.DONE)

    def _fail(self, row: Row, message: str, hint: str) -> None:
        row.message, row.hint = message, hint
        self._end(row, State.FAILED)

    def _end(self, row: Row, state: State) -> None:
        row.state = state
        self._show(row)
        if not self._soon.isActive():
            self._soon.start()

    def _reset(self, row: Row) -> None:
        """It waits as if it had just come."""
        row.state, row.target, row.message, row.hint = State.WAITING, None, "", ""
        if row is self.listening:
            self.listen(None)
        self._show(row)
        self.changed.emit()

    def _cancel(self, row: Row) -> None:
        for worker, at_work in self._workers.items():
            if at_work is row:
                worker.send(cancel=row.number)

    def _end_run(self) -> None:
        for worker in list(self._workers):
            self._let_go(worker)
        was_running, self.running = self.running, False
        self._timer.stop()
        if was_running:
            self.finished.emit()
        self.progressed.emit()
        self.changed.emit()

    def _let_go(self, worker: Child) -> None:
        self._workers.pop(worker, None)
        worker.retire()

    def _show(self, row: Row) -> None:
        if row in self._rows:
            index = self.index_of(row)
            # Qt lays out all rows anew where it is not told that none has another size.
            self.dataChanged.emit(index, index, [Qt.ItemDataRole.UserRole])

    def _tick(self) -> None:
        for row in self._workers.values():
            if row is not None:
                self._show(row)
        self.progressed.emit()


def _listed(names: list[str]) -> str:
    """Some of them, and how many more there are."""
    some = ", ".join(names[:NAMED])
    more = len(names) - NAMED
    return _("{names} and {count} more").format(names=some, count=more) if more > 0 else some


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
