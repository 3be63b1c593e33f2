"""The engine as a process of its own: `python -m enhancer.live.process OPTIONS`.

OPTIONS is a JSON object, or `-` to read it from standard input; its keys are those of `enhancer.live.engine.Options`.
The process serves until SIGTERM, SIGINT or `Shutdown` or, unless it is a service, until nobody is connected any more.
A service starts to enhance by itself, as soon as there are devices. Standard output carries one line, and only when
there can be no engine: a JSON object with `error` and `hint`. Exit codes: 0 ended as asked, 1 a bug (its traceback is
in the log), 2 no engine.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from logging.handlers import RotatingFileHandler
from pathlib import Path
from time import sleep
from types import FrameType
from typing import Any, get_args, get_type_hints

from enhancer.errors import ConfigError, UserError
from enhancer.live import places
from enhancer.live.backends import default_backend
from enhancer.live.clock import MODES
from enhancer.live.engine import Engine, Options
from enhancer.live.errors import DeviceError
from enhancer.live.protocol import Shutdown, Start

LOG_BYTES, LOG_FILES = 1_000_000, 3
PRIORITY = -11  # what desktops give their sound servers
RETRY_S, MAX_RETRY_S = 1.0, 30.0  # of a service whose devices are not there yet
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK") if hasattr(signal, name))
_log = logging.getLogger(__name__)


def encode_options(options: Options) -> str:
    """The argument that stands for these options."""
    return json.dumps(asdict(options))


def decode_options(text: str) -> Options:
    """The options in a JSON object; what it lacks is as `Options` has it. Raises ConfigError."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"the engine's options are no JSON: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError("the engine's options must be a JSON object")
    hints = get_type_hints(Options)
    for name, value in values.items():
        if name not in hints:
            raise ConfigError(f"the engine has no option {name!r}", f"there are: {', '.join(hints)}")
        _check(name, value, get_args(hints[name]) or (hints[name],))
    options = Options(**values)
    if options.latency not in MODES:
        raise ConfigError(f"there is no latency mode {options.latency!r}", f"there are: {', '.join(MODES)}")
    return options


def _check(name: str, value: Any, kinds: tuple[type, ...]) -> None:
    if type(value) not in ((*kinds, int) if float in kinds else kinds):  # exactly: to isinstance, True is a number
        raise ConfigError(f"the engine's option {name} cannot be {value!r}")


def log_file() -> Path:
    """The newest of the engine's log files. Raises ConfigError where there can be none."""
    return places.log_dir() / "live.log"


def main(arguments: Sequence[str]) -> int:
    """Runs an engine; returns the exit code."""
    _keep_log()
    with contextlib.suppress(OSError, AttributeError):  # AttributeError: Windows
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)  # of all threads that are yet to start
    try:
        if len(arguments) != 1:
            raise ConfigError("the engine takes its options as one JSON object", "or - for standard input")
        options = decode_options(sys.stdin.read() if arguments[0] == "-" else arguments[0])
        _run(Engine(default_backend, options, places.runtime_dir()), service=options.service)
        return 0
    except UserError as error:
        _log.error("%s", error.message)
        print(json.dumps({"error": error.message, "hint": error.hint}), flush=True)
        return 2
    except Exception:
        _log.critical("the engine ends on a bug", exc_info=True)
        return 1


def _run(engine: Engine, *, service: bool) -> None:
    def end(number: int, frame: FrameType | None) -> None:
        engine.post(Shutdown())

    def note(bug: threading.ExceptHookArgs) -> None:
        name = bug.thread.name if bug.thread else "?"
        _log.critical(
            "thread %s ended on a bug",
            name,
            exc_info=(bug.exc_type, bug.exc_value or bug.exc_type(), bug.exc_traceback),
        )

    for number in _SIGNALS:
        signal.signal(number, end)
    threading.excepthook = note
    if service:
        threading.Thread(target=_begin, args=(engine,), name="begin", daemon=True).start()
    # What is here now stays. Else each full collection looks at all of it, 5 ms in which no thread goes on.
    gc.collect()
    gc.freeze()
    engine.run()


def _begin(engine: Engine) -> None:
    """At login, devices may come later than we."""
    wait_s = RETRY_S
    while True:
        try:
            engine.post(Start()).result()
            return
        except DeviceError as error:
            _log.info("%s; trying again in %g s", error.message, wait_s)
            sleep(wait_s)
            wait_s = min(2 * wait_s, MAX_RETRY_S)


def _keep_log() -> None:
    logging.raiseExceptions = False  # a full disk is no reason to be silent
    try:
        path = log_file()
        handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
        faulthandler.enable(path.with_name("live-crash.log").open("a"))  # kept open: written by a dying process
    except (ConfigError, OSError):
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
