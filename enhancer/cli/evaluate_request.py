"""The command line of `enhancer evaluate` as an object, and what of it is refused before anything is scored."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path

from enhancer.errors import ConfigError, OutputError
from enhancer.evaluation import words
from enhancer.evaluation.measures import DNSMOS, MEASURES, STANDARD, WORDS
from enhancer.evaluation.report import is_report


@dataclass(frozen=True)
class Request:
    """The command line of `enhancer evaluate`, as Typer read it."""

    clean: Path | None
    noisy: Path | None
    enhanced: Path | None
    peers: str | None
    dnsmos: bool
    words: str | None
    align: bool
    group: str | None
    attenuation_limit: float | None
    model: str | None
    jobs: int | None
    ray: str | None  # an address, "" for the usual one; None for no cluster
    csv: Path | None
    out: Path | None
    report: Path | None
    category: str | None
    facts: Path | None
    as_json: bool
    quiet: bool

    @property
    def csv_path(self) -> Path | None:
        return self.csv or (self.out / "scores.csv" if self.out else None)

    @property
    def measures(self) -> tuple[str, ...]:
        """What is measured, in the order of the table; without clean files what needs none."""
        if self.clean is None:
            return tuple(measure.key for measure in MEASURES if not measure.reference)
        keys = {*STANDARD, *(DNSMOS if self.dnsmos else ()), *(WORDS if self.words is not None else ())}
        return tuple(measure.key for measure in MEASURES if measure.key in keys)

    @property
    def recogniser(self) -> str:
        return self.words or words.DEFAULT


def refuse_nonsense(request: Request) -> None:
    """Raises ConfigError or OutputError for a command line that makes no sense."""
    if request.noisy is None and request.enhanced is None:
        raise ConfigError("there is nothing to score", "give --enhanced DIR, or --noisy DIR to denoise and score")
    if request.clean is None and (request.align or request.words is not None):
        raise ConfigError(f"{'--align' if request.align else '--words'} needs clean files", "give --clean DIR")
    if request.enhanced is not None and (request.model or request.attenuation_limit is not None):
        raise ConfigError(
            "--model and --attenuation-limit are for files that are denoised here", "leave --enhanced out, or them"
        )
    if request.peers is not None and request.noisy is None:
        raise ConfigError("--peers needs noisy files", "give --noisy DIR")
    if request.attenuation_limit is not None and not math.isfinite(request.attenuation_limit):
        raise ConfigError(f"--attenuation-limit {request.attenuation_limit} is not a number of dB")
    if request.out is not None and request.out.exists() and not request.out.is_dir():
        raise OutputError(f"--out {request.out} is a file, not a folder")
    if (path := request.csv_path) is not None and path.is_dir():
        raise OutputError(f"--csv {path} is a folder", "give a file name")
    if request.report is not None:
        _refuse_bad_report(request.report)
    elif request.category is not None:
        raise ConfigError("--category is for a report", "give --report FILE.html, or leave it out")


def _refuse_bad_report(path: Path) -> None:
    if path.is_dir():
        raise OutputError(f"--report {path} is a folder", "give a file name, such as report.html")
    if path.exists() and not is_report(path):
        raise OutputError(f"{path} exists already and is no report of ours", "choose another name, or delete it")
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigError("--report needs matplotlib", "pip install 'enhancer[eval]'")
