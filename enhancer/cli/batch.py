"""Runs the jobs of a batch, one after the other, in several processes or elsewhere; each fails or succeeds by itself.

Concurrency: each worker process has one file at a time and tells about it through its own pipe; the parent waits on
all pipes, hands out the next file, and counts a worker that dies as that one file's failure. Nothing is shared, so the
samples do not depend on how many workers there are.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import time
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from enhancer.cli.interrupts import Stop, stopping_on_signals
from enhancer.cli.plan import Job
from enhancer.errors import UserError
from enhancer.file_denoiser import Progress, Report, Settings, denoise_file
from enhancer.media.atomic import remove_parts

if TYPE_CHECKING:
    from enhancer.model import Student

# ("started", number, None), ("progress", number, (done_s, total_s or None)) or ("finished", number, Result)
Event = tuple[str, int, Any]

_PROGRESS_EVERY_S = 0.1
_GRACE_S = 5.0  # for workers to delete their unfinished files


@dataclass
class Result:
    """What became of a job: status is "done", "skipped" or "failed"."""

    job: Job
    status: str
    report: Report | None = None
    error: str = ""
    hint: str = ""
    bug: str = ""  # traceback of an error that no user caused


class Listener(Protocol):
    """Is told how a batch goes on; `number` is the job's place in the list."""

    def started(self, number: int, job: Job) -> None: ...

    def progress(self, number: int, done_s: float, total_s: float | None) -> None: ...

    def finished(self, number: int, result: Result) -> None: ...


class Executor(Protocol):
    """Cleans files outside this process: `Processes` on this machine, `on_cluster.Nodes` on a cluster."""

    def run(self, jobs: dict[int, Job], settings: Settings, model: Path, stop: Stop) -> Generator[Event, None, None]:
        """Yields what happens until all jobs (by number) are finished; closed early, it deletes unfinished files."""
        ...


def run_batch(
    jobs: list[Job],
    settings: Settings,
    load_model: Callable[[], Student],
    executor: Executor | None,
    listener: Listener,
    results: list[Result | None],
    stop: Stop,
) -> None:
    """Runs all jobs and fills `results` (one place a job, None until it is finished), also when interrupted.

    Without an executor they run in this process. The model is loaded only when there is something to do.
    KeyboardInterrupt passes through after the unfinished files have been deleted; ModelError and ConfigError, too.
    """
    waiting = []
    for number, job in enumerate(jobs):
        if job.error:
            result = Result(job, "failed", error=job.error.message, hint=job.error.hint)
        elif job.exists:
            result = Result(job, "skipped")
        else:
            waiting.append(number)
            continue
        results[number] = result
        listener.finished(number, result)
    if not waiting:
        return
    model = load_model()
    if executor is not None:
        todo = {number: jobs[number] for number in waiting}
        with contextlib.closing(executor.run(todo, settings, model.info.path, stop)) as events:
            for kind, number, content in events:
                if kind == "started":
                    listener.started(number, jobs[number])
                elif kind == "progress":
                    listener.progress(number, *content)
                else:
                    results[number] = content
                    listener.finished(number, content)
        return
    for number in waiting:
        listener.started(number, jobs[number])
        result = run_job(jobs[number], settings, model, throttled(listener.progress, number, stop))
        results[number] = result
        listener.finished(number, result)


def run_job(job: Job, settings: Settings, model: Student, progress: Progress) -> Result:
    """One file; errors become a failed Result."""
    try:
        return Result(job, "done", report=denoise_file(job.source, job.target, settings, model, progress))
    except UserError as error:
        return Result(job, "failed", error=error.message, hint=error.hint)
    except MemoryError:
        return Result(job, "failed", error=f"not enough memory for {job.source}", hint="give --jobs 1")
    except Exception as error:  # a bug in one file must not cost the others their turn
        said = " ".join(str(error).split())
        return Result(
            job, "failed", error=f"{job.source}: internal error: {type(error).__name__}: {said}",
            hint="please report this with the traceback above", bug=traceback.format_exc(),
        )  # fmt: skip


def throttled(progress: Callable[[int, float, float | None], None], number: int, stop: Stop) -> Progress:
    """A file's progress, ten times a second at most; also where a signal to stop is noticed."""
    last = 0.0

    def tell(done_s: float, total_s: float | None) -> None:
        nonlocal last
        stop.check()
        now = time.perf_counter()
        if now - last >= _PROGRESS_EVERY_S:
            last = now
            progress(number, done_s, total_s)

    return tell


def _work(connection: Connection, settings: Settings, model_path: Path) -> None:
    """A worker process: takes (number, job) until None comes, sends what happens."""
    from enhancer.model import Student

    try:
        with stopping_on_signals() as stop:
            model = Student(model_path)
            while (task := connection.recv()) is not None:
                number, job = task

                def tell(number: int, done_s: float, total_s: float | None) -> None:
                    connection.send(("progress", number, (done_s, total_s)))

                stop.check()
                result = run_job(job, settings, model, throttled(tell, number, stop))
                connection.send(("finished", number, result))
    except (KeyboardInterrupt, EOFError, BrokenPipeError):
        return  # the parent is stopping, or gone


class Processes:
    """The executor of a batch whose files are cleaned in so many worker processes."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def run(self, jobs: dict[int, Job], settings: Settings, model: Path, stop: Stop) -> Generator[Event, None, None]:
        """As `Executor.run`."""
        pool = _Pool(jobs, settings, model)
        try:
            yield from pool.run(min(self._workers, len(jobs)), stop)
        finally:
            pool.stop()


class _Pool:
    """Worker processes and which job each of them has."""

    def __init__(self, jobs: dict[int, Job], settings: Settings, model: Path) -> None:
        self._jobs, self._waiting = jobs, list(jobs)
        self._arguments = (settings, model)
        # Not fork: the progress display has a thread, and onnxruntime keeps its own.
        self._context: Any = multiprocessing.get_context("spawn")
        self._workers: dict[Connection, Any] = {}
        self._busy: dict[Connection, int] = {}

    def run(self, workers: int, stop: Stop) -> Generator[Event, None, None]:
        """Works through all jobs with so many processes."""
        for _ in range(workers):
            yield from self._add_worker()
        while self._busy:
            stop.check()
            for connection in wait(list(self._busy)):
                yield from self._hear(connection)

    def _add_worker(self) -> Generator[Event, None, None]:
        ours, theirs = self._context.Pipe()
        worker = self._context.Process(target=_work, args=(theirs, *self._arguments), daemon=True)
        worker.start()
        theirs.close()
        self._workers[ours] = worker
        yield from self._hand_out(ours)

    def _hand_out(self, connection: Connection) -> Generator[Event, None, None]:
        self._busy.pop(connection, None)
        task = None
        if self._waiting:
            number = self._waiting.pop(0)
            self._busy[connection] = number
            yield "started", number, None
            task = (number, self._jobs[number])
        with contextlib.suppress(BrokenPipeError):  # it died: `wait` will tell
            connection.send(task)

    def _hear(self, connection: Any) -> Generator[Event, None, None]:
        try:
            event = connection.recv()
        except (EOFError, ConnectionResetError):
            yield from self._worker_died(connection)
            return
        yield event
        if event[0] == "finished":
            yield from self._hand_out(connection)

    def _worker_died(self, connection: Connection) -> Generator[Event, None, None]:
        worker = self._workers.pop(connection)
        worker.join(_GRACE_S)
        number = self._busy.pop(connection)
        job = self._jobs[number]
        remove_parts(job.target)
        message = f"{job.source}: the process at work on it ended (exit code {worker.exitcode})"
        yield "finished", number, Result(job, "failed", error=message, hint="try it again with --jobs 1")
        if self._waiting:
            yield from self._add_worker()

    def stop(self) -> None:
        """Ends idle workers at once; busy ones get SIGTERM and time to delete their unfinished files."""
        for connection, worker in self._workers.items():
            if connection in self._busy and worker.is_alive():
                worker.terminate()
        deadline = time.perf_counter() + _GRACE_S
        for connection, worker in self._workers.items():
            worker.join(max(deadline - time.perf_counter(), 0.1))
            if worker.is_alive():
                worker.kill()
            connection.close()
