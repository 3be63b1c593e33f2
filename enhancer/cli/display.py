"""What a person sees of a batch: moving bars with the time left on a terminal, one plain line a file elsewhere."""

from __future__ import annotations

import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from enhancer.cli.console import console_for, print_error

if TYPE_CHECKING:
    from enhancer.cli.batch import Result
    from enhancer.cli.plan import Job
    from enhancer.file_denoiser import Report


def clock(seconds: float) -> str:
    """Seconds as a person reads them: 4.2 s, 2:03, 1:02:03."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def describe(report: Report) -> str:
    """One file's outcome: its length, the time it took, how much quieter it got."""
    text = _pace(report.audio_seconds, report.compute_seconds)
    if report.gain_reduction_db is not None:
        quieter = round(report.gain_reduction_db, 1)
        text += f", {abs(quieter):.1f} dB {'quieter' if quieter >= 0 else 'louder'}"
    return text


def _pace(sound_s: float, took_s: float) -> str:
    times = sound_s / took_s if took_s > 0 else 0.0
    return f"{clock(sound_s)} of sound in {clock(took_s)} ({times:.{0 if times >= 10 else 1}f}x real time)"


class Display:
    """Listens to a batch and shows it on `stream`; a context manager. `quiet` shows nothing but errors at the end."""

    def __init__(self, jobs: list[Job], stream: IO[str], *, quiet: bool) -> None:
        self._jobs, self._stream, self._quiet = jobs, stream, quiet
        self._console = console_for(stream)
        self._live = self._console.is_terminal and not quiet
        self._began = time.perf_counter()
        self._bars: dict[int, Any] = {}
        self._progress: Any = None
        self._total: Any = None
        # How much of the batch each file is: bytes are known before anything is opened.
        self._weights = {number: size_of(job) for number, job in enumerate(jobs) if not job.error and not job.exists}
        self._shares = dict.fromkeys(self._weights, 0.0)

    def __enter__(self) -> Display:
        if self._live:
            self._progress = self._make_progress()
            self._progress.start()
            if len(self._weights) > 1:
                self._total = self._progress.add_task(_files(len(self._weights)), total=1.0, what="")
        return self

    def __exit__(self, *exception: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _make_progress(self) -> Any:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.table import Column

        name = TextColumn(
            "{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")
        )
        return Progress(
            name, BarColumn(bar_width=24), TaskProgressColumn(), TextColumn("{task.fields[what]}", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=False), console=self._console, transient=True,
            expand=True,
        )  # fmt: skip

    def started(self, number: int, job: Job) -> None:
        """A file's turn has come."""
        if self._progress is not None:
            self._bars[number] = self._progress.add_task(job.source.name, total=None, what="")

    def progress(self, number: int, done_s: float, total_s: float | None) -> None:
        """A file has got so far."""
        if number in self._bars:
            # Lengths in some headers are estimates: never beyond the end.
            total = None if total_s is None else max(total_s, done_s)
            self._progress.update(
                self._bars[number], completed=done_s, total=total, what="" if total else clock(done_s)
            )
            self._advance(number, done_s / total if total else 0.0)

    def finished(self, number: int, result: Result) -> None:
        """A file is done, skipped or has failed."""
        if number in self._bars:
            self._progress.remove_task(self._bars.pop(number))
        self._advance(number, 1.0)
        job = result.job
        if result.bug:
            self._line(result.bug.rstrip())
        if result.report is not None:
            self._line(f"{job.source} -> {job.target}", describe(result.report))
            for note in result.report.notes:
                self._line(f"  note: {note}", style="yellow")
        elif result.status == "skipped":
            self._line(f"{job.source}: skipped, {job.target} exists", style="dim")
        elif len(self._jobs) > 1:
            self._line(f"{job.source}: failed", style="red")

    def _advance(self, number: int, share: float) -> None:
        if self._total is None or number not in self._shares:
            return
        self._shares[number] = share
        done = sum(share * self._weights[n] for n, share in self._shares.items())
        self._progress.update(self._total, completed=done / max(sum(self._weights.values()), 1))

    def _line(self, text: str, after: str = "", style: str = "") -> None:
        """A line that stays; `after` goes to a line of its own where both do not fit into the terminal's width."""
        if self._quiet:
            return
        between = "  " if after else ""
        if not self._live:
            print(text + between + after, file=self._stream, flush=True)
            return
        from rich.cells import cell_len
        from rich.text import Text

        if cell_len(text + between + after) > self._console.width:
            between = "\n    "
        self._console.print(Text.assemble((text, style), (between + after, "dim") if after else ""))

    def summary(self, results: list[Result | None], own_outputs: int) -> None:
        """The last lines: how many of what, and every failure with its reason (on standard error)."""
        done = [result for result in results if result and result.status == "done"]
        failed = [result for result in results if result and result.status == "failed"]
        skipped = sum(1 for result in results if result and result.status == "skipped")
        unfinished = sum(1 for result in results if result is None)
        if own_outputs:
            self._line(f"{_files(own_outputs)} left out: outputs of an earlier run", style="dim")
        if len(results) > 1:
            parts = [f"{_files(len(done))} done"]
            parts += [f"{skipped} skipped (output exists; --overwrite does them again)"] if skipped else []
            parts += [f"{len(failed)} failed"] if failed else []
            parts += [f"{unfinished} not done"] if unfinished else []
            took = time.perf_counter() - self._began
            sound = sum(result.report.audio_seconds for result in done if result.report)
            text = ", ".join(parts)
            self._line(text, _pace(sound, took) if done else "")
        hints: dict[str, None] = {}
        for result in failed:
            print_error(result.error)
            hints.setdefault(result.hint)
        for hint in hints:
            if hint:
                print_error("", hint)


def size_of(job: Job) -> int:
    """Bytes of a job's input; 0 where that cannot be told."""
    try:
        return job.source.stat().st_size
    except OSError:  # a pipe, or gone by now
        return 0


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"


def result_as_json(result: Result | None, job: Job) -> dict[str, object]:
    """One file's entry in the object that `--json` prints; levels in dB, times in seconds, null where unknown."""
    report = result.report if result else None
    return {
        "input": str(job.source),
        "output": str(job.target) if job.target != Path() else None,
        "status": result.status if result else "interrupted",
        "error": (result.error or None) if result else None,
        "hint": (result.hint or None) if result else None,
        "seconds": _rounded(report.audio_seconds, 6) if report else None,
        "compute_seconds": _rounded(report.compute_seconds, 4) if report else None,
        "real_time_factor": _rounded(report.real_time_factor, 6) if report else None,
        "sample_rate": report.sample_rate if report else None,
        "channels": report.channels if report else None,
        "input_dbfs": _rounded(report.input_dbfs, 2) if report else None,
        "output_dbfs": _rounded(report.output_dbfs, 2) if report else None,
        "gain_reduction_db": _rounded(report.gain_reduction_db, 2) if report else None,
        "non_finite_samples": report.non_finite if report else None,
        "notes": report.notes if report else [],
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
