"""Batches and evaluations on a Ray cluster: what `batch` and `evaluation.pool` do here in processes, done there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhancer.cli.batch import Event, Result, run_job
from enhancer.cli.interrupts import Stop
from enhancer.cli.plan import Job
from enhancer.cluster import Cluster, Lost, Task, Turn
from enhancer.errors import ConfigError
from enhancer.evaluation.pairs import Pair
from enhancer.evaluation.pool import Failure, attempt
from enhancer.file_denoiser import Settings
from enhancer.media.atomic import remove_parts

if TYPE_CHECKING:
    from enhancer.model import Student


class Nodes:
    """The executor of a batch whose files are cleaned on a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def run(self, jobs: dict[int, Job], settings: Settings, model: Path, stop: Stop) -> Generator[Event, None, None]:
        """As `batch.Executor.run`. Raises ConfigError where the cluster cannot be used, or does not share its files."""
        numbers = list(jobs)
        tasks = [Task((job, settings, model), (job.source, model)) for job in jobs.values()]
        unfinished: set[int] = set()
        try:
            with contextlib.closing(self._cluster.run(_clean, tasks, stop.check, progress=True)) as events:
                for kind, place, content in events:
                    number = numbers[place]
                    if kind == "started":
                        unfinished.add(number)
                    elif kind == "finished":
                        content = _result(jobs[number], content)
                        unfinished.discard(number)
                    yield kind, number, content
        finally:
            for number in unfinished:  # their workers have done so, unless they were lost
                remove_parts(jobs[number].target)


def _result(job: Job, content: Result | Lost) -> Result:
    """What became of a file. Raises ConfigError where its output was written to a place that is not seen here."""
    if isinstance(content, Lost):
        remove_parts(job.target)
        known = str(job.source) in content.error
        error = content.error if known else f"{job.source}: {content.error}"
        return Result(job, "failed", error=error, hint=content.hint)
    if content.status == "done" and not _has_arrived(job.target):
        raise ConfigError(
            f"{job.target} was written by a worker, but is not there",
            "every node must reach the same folders under the same paths, through a shared file system",
        )
    return content


def run_tasks(
    cluster: Cluster, function: Callable[..., Any], tasks: list[tuple], check: Callable[[], None]
) -> Generator[tuple[int, Any], None, None]:
    """As `evaluation.pool.run_tasks`, for tasks whose first argument is the pair of files."""
    spread = [Task((function, task), tuple(_pair(task).paths)) for task in tasks]
    for kind, number, result in cluster.run(_attempt, spread, check):
        if kind == "finished":
            yield number, Failure(result.error, result.hint) if isinstance(result, Lost) else result


def _pair(task: tuple) -> Pair:
    return task[0]


def _clean(job: Job, settings: Settings, model: Path, turn: Turn) -> Result:
    """One file, on a worker."""
    if turn.again:
        # A lost worker has left a part of the output, or all of it if it was lost after the last step.
        remove_parts(job.target)
        settings = replace(settings, options=replace(settings.options, overwrite=True))
    return run_job(job, settings, _student(model), lambda done_s, total_s: turn.tell((done_s, total_s)))


@lru_cache(maxsize=1)
def _student(path: Path) -> Student:
    """The model, loaded once in every worker process."""
    from enhancer.model import Student

    return Student(path)


def _attempt(function: Callable[..., Any], task: tuple, turn: Turn) -> Any:
    return attempt(function, task)


def _has_arrived(path: Path) -> bool:
    """Whether a file that another machine has written is seen here."""
    if path.exists():
        return True
    try:
        return path.name in os.listdir(path.parent)  # makes network file systems look again
    except OSError:
        return False
