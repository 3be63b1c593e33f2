"""What has been scored already, one JSON line each: a run that was stopped goes on where it was.

A line counts for a file only while everything it depends on is the same: sizes and times of the files, the measures'
definitions, the model. Unfinished last lines (a crash, a full disk) are ignored.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import IO

from enhancer.evaluation.measures import STANDARD, VERSION, WORDS
from enhancer.evaluation.pairs import Pair
from enhancer.evaluation.scoring import ENHANCED, NOISY, Method, Outcome
from enhancer.media.atomic import write_error


def key_of(pair: Pair, system: str, method: Method, system_version: str) -> str:
    """What the scores of this pair under this system depend on, as a short hash. Raises OSError for a missing file."""
    estimate = pair.enhanced if system == ENHANCED else pair.noisy
    files = [
        (str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in (pair.clean, estimate) if path
    ]
    facts = [VERSION, pair.name, system, system_version, files, method.align]
    if system not in (NOISY, ENHANCED):
        facts.append(method.attenuation_limit_db)
    if method.measures != STANDARD:
        facts.append([method.measures, method.recogniser if set(WORDS) & set(method.measures) else ""])
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]


class Journal:
    """A file of outcomes by key; without a path it remembers nothing. Close it at the end."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._known: dict[str, Outcome] = {}
        self._file: IO[str] | None = None
        if path is not None and path.exists():
            self._read(path)

    def get(self, key: str) -> Outcome | None:
        """The outcome stored under a key."""
        return self._known.get(key)

    def add(self, key: str, outcome: Outcome) -> None:
        """Stores an outcome at once. Raises OutputError when it cannot be written."""
        self._known[key] = outcome
        if self.path is None:
            return
        try:
            if self._file is None:
                self._file = self._open(self.path)
            self._file.write(json.dumps({"key": key, **asdict(outcome)}, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise write_error(self.path, error) from error

    def close(self) -> None:
        """Frees the file."""
        if self._file is not None:
            self._file.close()

    @staticmethod
    def _open(path: Path) -> IO[str]:
        path.parent.mkdir(parents=True, exist_ok=True)
        torn = False
        if path.exists() and path.stat().st_size:
            with open(path, "rb") as before:
                before.seek(-1, os.SEEK_END)
                torn = before.read() != b"\n"
        file = open(path, "a", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115 kept open for the run
        if torn:
            file.write("\n")
        return file

    def _read(self, path: Path) -> None:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                for line in file:
                    self._remember(line)
        except OSError as error:
            raise write_error(path, error) from error

    def _remember(self, line: str) -> None:
        try:
            facts = json.loads(line)
            key = facts.pop("key")
            # One string for each measure's name, not one a line: of many thousand lines that is half of the memory.
            facts["values"] = {sys.intern(name): value for name, value in facts["values"].items()}
            self._known[key] = Outcome(**facts)
        except (ValueError, TypeError, KeyError, AttributeError):
            return
