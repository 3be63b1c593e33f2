"""Runs a function over many tasks on a Ray cluster; a task whose worker is lost is given out again.

Concurrency: every task is one Ray task on one core. Twice as many as the cluster has cores are given out at a time, so
that nodes which join get work, too. Tasks say how far they are to one small actor, the board, which this process reads
four times a second. Ray chooses the node, so that all of them must reach the same files under the same paths.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import secrets
import signal
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from enhancer.environment import environment
from enhancer.errors import ConfigError
from enhancer.version import __version__

# ("started", number, None), ("progress", number, what the task told) or ("finished", number, its result or Lost)
Event = tuple[str, int, Any]

LOCAL = "local"
ADDRESS = r"(ray://)?(\[[0-9A-Fa-f:]+\]|[\w.-]+):[0-9]{1,5}"
_ATTEMPTS = 3  # a file that kills its worker would otherwise kill one after the other
_POLL_S = 0.25
_TELL_S = 0.25
_COUNT_S = 5.0  # between looks for nodes that have joined
_GRACE_S = 10.0  # for tasks to delete their unfinished files
_REACH_S = 5.0
_JOIN_S = 30.0
_SHARED = "every node must reach the same files under the same paths, through a shared file system"
_OBJECTS = 100 << 20  # results are a few hundred bytes; Ray would reserve a third of the memory


@dataclass(frozen=True)
class Task:
    """The arguments of one call, and the files that it reads."""

    arguments: tuple
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Lost:
    """What came of a task that has no result: one line and a hint."""

    error: str
    hint: str = ""


@dataclass(frozen=True)
class _Unfit:
    """A worker that cannot do the task: why, and which of its files it does not see."""

    error: str
    hint: str
    path: Path | None = None


class Turn:
    """What a function that runs on the cluster knows of its task: whether it has been given out before."""

    def __init__(self, number: int, again: bool, board: Any) -> None:
        self.again = again
        self._number, self._board = number, board
        self._next = 0.0

    def tell(self, content: Any) -> None:
        """Says how far the task is, four times a second at most. Raises KeyboardInterrupt once the run is stopped.

        Ray raises that by itself, too, but an exception that arrives inside a callback from C can get lost.
        """
        import ray

        now = time.perf_counter()
        if now < self._next:
            return
        self._next = now + _TELL_S
        if ray.get_runtime_context().is_canceled():
            raise KeyboardInterrupt
        if self._board is not None:
            self._board.tell.remote(self._number, content)


class Cluster:
    """A Ray cluster to run tasks on.

    `address`: auto, host:port or ray://host:port; "local" is a cluster of this machine's cores, started for the run;
    "" is what RAY_ADDRESS names, else local. `workers`: tasks at the same time, None for as many as there are cores.
    Raises ConfigError where Ray is not installed or that is no address.
    """

    def __init__(self, address: str, workers: int | None = None) -> None:
        self._address = address or os.environ.get("RAY_ADDRESS") or LOCAL
        self._workers = workers
        if importlib.util.find_spec("ray") is None:
            raise ConfigError("--ray needs the package ray", "pip install 'enhancer[cluster]'")
        if self._address not in ("auto", LOCAL) and not re.fullmatch(ADDRESS, self._address):
            raise ConfigError(f"{self._address} is no address of a Ray cluster", "auto, host:port or ray://host:port")

    def run(
        self, function: Callable[..., Any], tasks: Sequence[Task], check: Callable[[], None], *, progress: bool = False
    ) -> Generator[Event, None, None]:
        """Yields what happens; for every task, "finished" with function(*arguments, turn) or Lost comes last.

        `function` is found by its module's name on the workers, and its arguments must pickle; `check` is called now
        and then and may raise. With `progress`, "started" and "progress" are told, too. Closing the generator, or an
        exception, stops the tasks: each gets a KeyboardInterrupt and ten seconds to tidy up.
        Raises ConfigError where there is no cluster, or when a worker lacks a file that is seen here, or the program.
        """
        with self._connection() as ray:
            try:
                yield from _Run(ray, function, tasks, self._workers, progress).events(check)
            except (ray.exceptions.RayError, ConnectionError) as error:
                raise ConfigError(
                    f"the Ray cluster is lost: {_line(error)}", "once it is back, the same command goes on where it was"
                ) from error

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Any]:
        settings = {
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # would upload the working folder
            "RAY_ENABLE_AUTO_CONNECT": "0",  # would start a cluster of its own where the connection is lost
        }
        if self._address == LOCAL:
            # Ray listens on every interface and runs what it is sent: without the token, nobody else's.
            settings |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_worker_niceness": "0"}
        with environment(settings):
            import ray

            # Of a worker's death Ray prints a paragraph on standard output, whatever log_to_driver says.
            ray._private.worker._worker_logs_enabled = False
            try:
                with _muted_stderr(), _own_sigterm():
                    if self._address == LOCAL:
                        _start(ray, self._workers)
                    else:
                        _join(ray, self._address)
                yield ray
            finally:
                ray.shutdown()


class _Run:
    """One run over tasks: which wait, which are given out and how often, and what is known of them."""

    def __init__(
        self, ray: Any, function: Callable[..., Any], tasks: Sequence[Task], workers: int | None, progress: bool
    ) -> None:
        self._ray, self._function, self._tasks, self._workers = ray, function, tasks, workers
        self._waiting = deque(range(len(tasks)))
        self._running: dict[Any, int] = {}
        self._attempts: Counter[int] = Counter()
        self._started: set[int] = set()
        self._remote = ray.remote(num_cpus=1, max_retries=0)(_do)
        self._board = ray.remote(num_cpus=0, max_restarts=-1)(_Board).remote() if progress else None
        self._next_look = self._next_count = 0.0
        self._limit = self._count()

    def _count(self) -> int:
        """How many tasks to give out at a time."""
        self._next_count = time.perf_counter() + _COUNT_S
        return self._workers or 2 * max(1, round(self._ray.cluster_resources().get("CPU", 1)))

    def events(self, check: Callable[[], None]) -> Generator[Event, None, None]:
        """As `Cluster.run`."""
        try:
            while self._waiting or self._running:
                check()
                self._give_out()
                done, _ = self._ray.wait(list(self._running), timeout=_POLL_S)
                yield from self._news()
                for reference in done:
                    yield from self._take(reference)
        finally:
            self._stop()

    def _give_out(self) -> None:
        while self._waiting and len(self._running) < self._limit:
            number = self._waiting.popleft()
            again = self._attempts[number] > 0
            self._attempts[number] += 1
            reference = self._remote.remote(
                self._function, self._tasks[number], number, again, self._board, os.getcwd(), __version__
            )
            self._running[reference] = number

    def _news(self) -> Iterator[Event]:
        """What the board has been told since the last look; nothing where it is lost: only progress is."""
        now = time.perf_counter()
        if self._board is None or now < self._next_look:
            return
        self._next_look = now + _POLL_S
        news: dict[int, Any] = {}
        with contextlib.suppress(self._ray.exceptions.RayError):
            news = self._ray.get(self._board.take.remote(), timeout=1.0)
        running = set(self._running.values())
        for number, content in news.items():
            if number in running:
                yield from self._start(number)
                if content is not None:
                    yield "progress", number, content

    def _start(self, number: int) -> Iterator[Event]:
        if self._board is not None and number not in self._started:
            self._started.add(number)
            yield "started", number, None

    def _take(self, reference: Any) -> Iterator[Event]:
        number = self._running.pop(reference)
        try:
            result = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:  # the function raises nothing: it was not even found there
            said = str(error.cause or error).strip().splitlines()[-1]
            raise ConfigError(
                f"a worker of the cluster cannot run this program: {said}", "install it on every node in one version"
            ) from error
        except self._ray.exceptions.LocalRayletDiedError:  # not the task's fault: the next would end so, too
            raise
        except self._ray.exceptions.RayError as error:
            if self._attempts[number] < _ATTEMPTS:
                self._waiting.appendleft(number)
                return
            result = _lost(error)
        if time.perf_counter() > self._next_count:  # only after a success: asked for a dead cluster's cores, Ray hangs
            self._limit = self._count()
        if isinstance(result, _Unfit):
            if result.path is None or os.path.exists(result.path):
                raise ConfigError(result.error, result.hint)
            result = Lost(f"{result.path} does not exist")
        yield from self._start(number)
        yield "finished", number, result

    def _stop(self) -> None:
        left = list(self._running)
        with contextlib.suppress(Exception):  # the connection is lost: Ray ends what belonged to it
            for reference in left:
                self._ray.cancel(reference)
            if left:
                _, left = self._ray.wait(left, num_returns=len(left), timeout=_GRACE_S)
            for reference in left:
                self._ray.cancel(reference, force=True)


class _Board:
    """The actor that tasks tell how far they are: the newest of each since somebody looked."""

    def __init__(self) -> None:
        self._news: dict[int, Any] = {}

    def tell(self, number: int, content: Any) -> None:
        """Notes where a task is."""
        self._news[number] = content

    def take(self) -> dict[int, Any]:
        """What has been noted since the last time."""
        news, self._news = self._news, {}
        return news


def _do(
    function: Callable[..., Any], task: Task, number: int, again: bool, board: Any, folder: str, version: str
) -> Any:
    """A task on a worker, or why it cannot be done there."""
    node = socket.gethostname()
    if version != __version__:
        return _Unfit(
            f"the worker {node} has enhancer {__version__}, not {version}", "install it on every node in one version"
        )
    with contextlib.suppress(OSError):  # paths are as the user wrote them; absolute ones may do without the folder
        os.chdir(folder)
    for path in task.paths:
        if not os.path.exists(path):
            return _Unfit(f"the worker {node} does not see {path}", _SHARED, path)
    turn = Turn(number, again, board)
    turn.tell(None)
    return function(*task.arguments, turn)


def _lost(error: Exception) -> Lost:
    if type(error).__name__ == "OutOfMemoryError":
        return Lost(f"its node ran out of memory, {_ATTEMPTS} times", "give --jobs N for fewer files at the same time")
    return Lost(f"the process at work on it ended, {_ATTEMPTS} times", "try it without --ray, with --jobs 1")


def _start(ray: Any, workers: int | None) -> None:
    """A cluster of this machine's cores, which ends with this process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        ray.init(
            LOCAL, num_cpus=workers or cores, include_dashboard=False, object_store_memory=_OBJECTS, **_silence(),
            _node_ip_address="127.0.0.1",
        )  # fmt: skip
    except Exception as error:
        raise ConfigError(f"no Ray cluster can be started here: {_line(error)}", "give --jobs N") from error


def _join(ray: Any, address: str) -> None:
    """Connects to a cluster that runs.

    In a thread of its own, which is left behind where nothing answers: Ray would go on for minutes, deaf to Ctrl-C.
    """
    hint = "`ray status` on a node says whether it runs; RAY_AUTH_MODE=token may be needed here, as on its nodes"
    if address != "auto":
        place = urlsplit(address if "://" in address else f"//{address}")
        try:
            socket.create_connection((place.hostname, place.port), timeout=_REACH_S).close()
        except (OSError, ValueError, OverflowError) as error:
            raise ConfigError(f"no Ray cluster at {address}: {_line(error)}", hint) from error
    failures: list[BaseException] = []

    def connect() -> None:
        try:
            ray.init(address, **_silence())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_JOIN_S)
    if thread.is_alive():
        raise ConfigError(f"what answers at {address} is no Ray cluster", hint)
    if failures:
        raise ConfigError(f"no Ray cluster at {address}: {_line(failures[0])}", hint) from failures[0]


def _silence() -> dict[str, Any]:
    return {"log_to_driver": False, "logging_level": "CRITICAL"}


def _line(error: BaseException) -> str:
    lines = (getattr(error, "strerror", None) or str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__


@contextlib.contextmanager
def _muted_stderr() -> Iterator[None]:
    """Inside, nothing is written to standard error: Ray's core logs there past Python, whatever its settings say."""
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


@contextlib.contextmanager
def _own_sigterm() -> Iterator[None]:
    """Afterwards SIGTERM means what it meant before: Ray has it end the process, and print the stack."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)
