"""Runs a function over many tasks in several processes; a process that dies costs only the task it had.

Concurrency: each worker has one task at a time and its own pipe; the parent waits on all pipes and hands out the next.
Workers ignore Ctrl-C: the parent stops them, and they hold nothing that needs tidying up.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from enhancer.environment import environment
from enhancer.errors import UserError


@dataclass
class Failure:
    """A task that failed: one line, a hint, and the traceback where no user caused it."""

    error: str
    hint: str = ""
    bug: str = ""


def run_tasks(function: Callable[..., Any], tasks: list[tuple], workers: int) -> Generator[tuple[int, Any], None, None]:
    """Yields (task number, function(*task) or Failure) as they finish; in this process when `workers` is 1.

    `function` and the tasks must pickle. Closing the iterator, or an exception in the loop over it, ends the workers.
    """
    workers = min(workers, len(tasks))
    if workers <= 1:
        for number, task in enumerate(tasks):
            yield number, attempt(function, task)
        return
    pool = _Pool(function, tasks)
    try:
        yield from pool.run(workers)
    finally:
        pool.stop()


def attempt(function: Callable[..., Any], task: tuple) -> Any:
    """function(*task), or a Failure; KeyboardInterrupt passes."""
    try:
        return function(*task)
    except UserError as error:
        return Failure(error.message, error.hint)
    except MemoryError:
        return Failure("not enough memory", "give --jobs 1")
    except Exception as error:  # a bug in one file must not cost the others their turn
        said = " ".join(str(error).split())
        return Failure(
            f"internal error: {type(error).__name__}: {said}", "please report this with the traceback above",
            traceback.format_exc(),
        )  # fmt: skip


def _work(connection: Connection, function: Callable[..., Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        while (task := connection.recv()) is not None:
            connection.send(attempt(function, task))
    except (EOFError, OSError):
        return  # the parent is gone


@contextlib.contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """What is started inside ignores Ctrl-C from its first instruction, not only once Python is up in it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Pool:
    def __init__(self, function: Callable[..., Any], tasks: list[tuple]) -> None:
        self._function, self._tasks = function, tasks
        self._next = 0
        # Not fork: the progress display has a thread, and onnxruntime keeps its own.
        self._context: Any = multiprocessing.get_context("spawn")
        self._busy: dict[Connection, tuple[Any, int]] = {}

    def run(self, workers: int) -> Generator[tuple[int, Any], None, None]:
        # One thread a process: several of them each with all cores would slow one another down.
        with environment({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}):
            for _ in range(workers):
                self._start()
        while self._busy:
            for connection in wait(list(self._busy)):
                yield self._hear(connection)

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        worker = self._context.Process(target=_work, args=(theirs, self._function), daemon=True)
        with _ignoring_interrupts():
            worker.start()
        theirs.close()
        self._hand_out(ours, worker)

    def _hand_out(self, connection: Any, worker: Any) -> None:
        self._busy.pop(connection, None)
        try:
            if self._next == len(self._tasks):
                connection.send(None)
                connection.close()
                return
            self._busy[connection] = worker, self._next
            self._next += 1
            connection.send(self._tasks[self._next - 1])
        except BrokenPipeError:
            pass  # it died: `wait` tells, if it had a task

    def _hear(self, connection: Any) -> tuple[int, Any]:
        worker, number = self._busy[connection]
        try:
            result = connection.recv()
        except (EOFError, ConnectionResetError):
            del self._busy[connection]
            connection.close()
            worker.join()
            if self._next < len(self._tasks):
                self._start()
            return number, Failure(f"the process at work on it ended (exit code {worker.exitcode})", "give --jobs 1")
        self._hand_out(connection, worker)
        return number, result

    def stop(self) -> None:
        """Ends workers that still have a task."""
        for connection, (worker, _) in self._busy.items():
            worker.terminate()
            connection.close()
        self._busy.clear()
