"""What `enhancer denoise` does once its command line is understood: a batch of files, or one stream through pipes."""

from __future__ import annotations

import json
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from enhancer.audio_io import open_audio
from enhancer.cli.batch import Executor, Processes, Result, run_batch
from enhancer.cli.console import drop_stdout
from enhancer.cli.display import Display, result_as_json, size_of
from enhancer.cli.interrupts import Stop, stopping_on_signals
from enhancer.cli.plan import STREAM, Job, Plan, make_plan
from enhancer.errors import ConfigError, InputError, OutputError, UserError
from enhancer.file_denoiser import Progress, Report, Settings, check_target, denoise_into, denoise_stream
from enhancer.media.bitrate import parse_bitrate
from enhancer.media.pipes import STDIN, STDOUT, PipeWriter, open_stdin
from enhancer.media.raw import RawFormat, parse_raw_format
from enhancer.media.types import Options, Reader
from enhancer.model import Student

# A worker process starts in about half a second: below so much input per worker it would cost more than it brings.
_BYTES_PER_WORKER = 8 << 20


@dataclass(frozen=True)
class Request:
    """The command line of `enhancer denoise`, as Typer read it."""

    inputs: list[str]
    output: str | None
    recursive: bool
    overwrite: bool
    attenuation_limit: float | None
    bitrate: str | None
    model: str | None
    jobs: int | None
    ray: str | None  # an address, "" for the usual one; None for no cluster
    salvage: bool
    raw_rate: int | None
    raw_channels: int | None
    raw_format: str | None
    as_json: bool
    quiet: bool

    @property
    def streams(self) -> bool:
        """Whether standard input or output carries sound."""
        return STREAM in (*self.inputs, self.output)

    @property
    def sound_on_stdout(self) -> bool:
        """Whether standard output carries sound, so that words must go elsewhere."""
        return self.output == STREAM or (self.output is None and STREAM in self.inputs)


def run(request: Request) -> int:
    """Does it and returns the exit code. Raises UserError for wrong use, before anything has been touched."""
    words = sys.stderr if request.sound_on_stdout or request.as_json else sys.stdout
    data = sys.stderr if request.sound_on_stdout else sys.stdout
    try:
        settings = _settings(request)
        cluster = _cluster(request)
        if request.streams:
            jobs, own_outputs = [_stream_job(request)], 0
        else:
            _refuse_raw(request)
            plan = _plan(request)
            jobs, own_outputs = plan.jobs, plan.own_outputs
        results: list[Result | None] = [None] * len(jobs)
        code = 0
        with stopping_on_signals() as stop:
            try:
                with Display(jobs, words, quiet=request.quiet or (request.as_json and not words.isatty())) as display:
                    if request.streams:
                        results[0] = _run_stream(jobs[0], request, settings, display, stop)
                    else:
                        executor = cluster or _processes(request, jobs)
                        run_batch(jobs, settings, lambda: Student(request.model), executor, display, results, stop)
            except KeyboardInterrupt:
                code = 130
            display.summary(results, own_outputs)
    except UserError as error:
        if request.as_json:
            _print_json({"error": error.message, "hint": error.hint or None, "files": []}, data)
        raise
    code = code or exit_code(results)
    if code == 130:
        print("stopped: unfinished outputs were deleted", file=sys.stderr)
    if request.as_json:
        _print_json(_summary(jobs, results, code), data)
    return code


def exit_code(results: list[Result | None]) -> int:
    """0 when all is done or was there, 1 when some files failed, 2 when nothing could be done."""
    failed = sum(1 for result in results if result and result.status == "failed")
    if not failed:
        return 0
    return 2 if failed == len(results) else 1


def _summary(jobs: list[Job], results: list[Result | None], code: int) -> dict[str, object]:
    entries = [result_as_json(result, job) for result, job in zip(results, jobs, strict=True)]
    counts = {
        status: sum(1 for entry in entries if entry["status"] == status) for status in ("done", "skipped", "failed")
    }
    return {**counts, "exit_code": code, "files": entries}


def _print_json(content: dict[str, object], stream: IO[str]) -> None:
    print(json.dumps(content, indent=2, ensure_ascii=False), file=stream)


def _settings(request: Request) -> Settings:
    limit = request.attenuation_limit
    if limit is not None and not math.isfinite(limit):
        raise ConfigError(f"--attenuation-limit {limit} is not a number of dB", "leave it out for no limit")
    bitrate = parse_bitrate(request.bitrate) if request.bitrate is not None else None
    return Settings(limit, Options(request.salvage, bitrate, request.overwrite))


def _plan(request: Request) -> Plan:
    return make_plan(request.inputs, request.output, recursive=request.recursive, overwrite=request.overwrite)


def _cluster(request: Request) -> Executor | None:
    """What cleans the files elsewhere, if that is wanted. Raises ConfigError where it cannot be."""
    if request.ray is None:
        return None
    if request.streams:
        raise ConfigError("--ray is for files, not for pipes", "leave it out")
    from enhancer.cli.on_cluster import Nodes
    from enhancer.cluster import Cluster

    return Nodes(Cluster(request.ray, request.jobs))


def _processes(request: Request, jobs: list[Job]) -> Executor | None:
    """Processes for so many files at the same time as were asked for, or pay off; None where one would do."""
    waiting = [job for job in jobs if not job.error and not job.exists]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = request.jobs or min(cores, sum(size_of(job) for job in waiting) // _BYTES_PER_WORKER)
    return Processes(workers) if min(workers, len(waiting)) > 1 else None


# ---- pipes ----------------------------------------------------------------------------------------------------------


def _refuse_raw(request: Request) -> None:
    if (request.raw_rate, request.raw_channels, request.raw_format) != (None, None, None):
        raise ConfigError("--raw-... is for standard input and output", "use - as the input or as the output")


def _stream_job(request: Request) -> Job:
    """The one job of a run with a pipe; raises ConfigError where the arguments do not fit one."""
    if len(request.inputs) > 1:
        raise ConfigError("- stands for one stream and cannot be mixed with other inputs", "run them one by one")
    source = STDIN if request.inputs[0] == STREAM else Path(request.inputs[0])
    target = STDOUT if request.sound_on_stdout else Path(str(request.output))
    if source is STDIN and sys.stdin.isatty():
        raise InputError("standard input is a terminal", "pipe sound into it: enhancer denoise - -o clean.wav < in.wav")
    if target is STDOUT and sys.stdout.isatty():
        raise OutputError("standard output is a terminal", "name an output with -o, or pipe it into a player")
    if source is STDIN and target is not STDOUT and ("{" in str(request.output) or str(request.output).endswith("/")):
        raise ConfigError(f"-o {request.output} needs the name of an input", "give the output's whole name")
    raw_in = request.raw_rate is not None
    if raw_in and source is not STDIN:
        raise ConfigError(
            "--raw-rate is for standard input", "use - as the input: enhancer denoise - --raw-rate ... < FILE"
        )
    if request.raw_channels and not raw_in:
        raise ConfigError("--raw-channels needs --raw-rate", "give the rate of the raw samples in Hz")
    if request.raw_format and not raw_in and target is not STDOUT:
        raise ConfigError("--raw-format needs --raw-rate", "give the rate of the raw samples in Hz")
    return Job(source, target)


def _run_stream(job: Job, request: Request, settings: Settings, display: Display, stop: Stop) -> Result:
    def progress(done_s: float, total_s: float | None) -> None:
        stop.check()
        display.progress(0, done_s, total_s)

    display.started(0, job)
    try:
        report = _stream(job, request, settings, progress)
        result = Result(job, "done", report=report)
    except UserError as error:
        result = Result(job, "failed", error=error.message, hint=error.hint)
        _drop_unread_output()
    display.finished(0, result)
    return result


def _stream(job: Job, request: Request, settings: Settings, progress: Progress) -> Report:
    model = Student(request.model)
    raw_name = parse_raw_format(request.raw_format) if request.raw_format else None
    if job.source is STDIN:
        raw = None
        if request.raw_rate is not None:
            raw_name = raw_name or "s16le"
            raw = RawFormat(raw_name, request.raw_rate, request.raw_channels or 1)
        reader = open_stdin(sys.stdin.buffer, raw, settings.options)
    else:
        reader = open_audio(job.source, settings.options)
    try:
        if job.target is STDOUT:
            return _to_stdout(reader, sys.stdout.buffer, raw_name, settings, model, progress)
        check_target(job.source, job.target, settings.options.overwrite)
        return denoise_into(reader, job.target, settings, model, progress)
    finally:
        reader.close()


def _to_stdout(
    reader: Reader, stream: BinaryIO, raw_name: str | None, settings: Settings, model: Student, progress: Progress
) -> Report:
    writer = PipeWriter(stream, reader, raw_name)
    report = denoise_stream(reader, writer, settings, model, progress)
    writer.finish()
    return report


def _drop_unread_output() -> None:
    """Where nobody reads standard output any more, that is no error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        drop_stdout()
