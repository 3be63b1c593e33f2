"""`--report` of `enhancer evaluate`: what the page is told of a run, its systems and versions."""

from __future__ import annotations

import datetime
import platform
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from enhancer.cli.evaluate_request import Request
from enhancer.evaluation.facts import Facts
from enhancer.evaluation.grouping import Grouping
from enhancer.evaluation.pairs import Pairing
from enhancer.evaluation.peers import PEERS
from enhancer.evaluation.report import Material, write_report
from enhancer.evaluation.report.numbers import size
from enhancer.evaluation.scoring import ENHANCED, NOISY, Method, Outcome
from enhancer.evaluation.summary import Summary
from enhancer.version import __version__

# Whose versions change scores, or what was heard.
_PACKAGES = (
    "numpy",
    "scipy",
    "pesq",
    "pystoi",
    "soxr",
    "soundfile",
    "onnxruntime",
    "speechmos",
    "pocketsphinx",
    "jiwer",
)


def write(
    request: Request,
    pairing: Pairing,
    method: Method,
    facts: Facts,
    grouping: Grouping,
    summary: Summary,
    outcomes: list[Outcome],
    failed: list[dict[str, str]],
    stopped: bool,
) -> str:
    """Writes the page and returns a line that says so. Raises OutputError."""
    assert request.report is not None
    left_out = [failure["error"] for failure in failed]
    left_out += [f"{line}: neither was scored" for line in pairing.doubled]
    left_out += pairing.unreadable
    left_out += [f"{file} has no partner in every folder" for file in pairing.unmatched]
    folders = {NOISY: request.noisy, ENHANCED: request.enhanced}
    material = Material(
        summary=summary,
        outcomes=outcomes,
        pairs=pairing.pairs,
        method=method,
        systems={system: _told(system, method, folders) for system in summary.systems},
        software=_software(),
        command=shlex.join(["enhancer", *sys.argv[1:]]),
        made=datetime.datetime.now().strftime("%Y-%m-%d %H:%M"),
        facts=facts,
        grouping=grouping,
        left_out=left_out,
        stopped=stopped,
        full_scores=request.csv_path,
    )
    return f"report: {request.report} ({size(write_report(request.report, material))})"


def _told(system: str, method: Method, folders: Mapping[str, Path | None]) -> str:
    """What a system is, in words."""
    if system in (NOISY, ENHANCED):
        return f"the files of {folders[system]}"
    if system in PEERS:
        return PEERS[system].describe()
    from enhancer.model import Student

    info = Student(method.model).info
    return f"enhancer {__version__} with the model {info.name} ({info.path.name}, made {info.created})"


def _software() -> dict[str, str]:
    found = {"enhancer": __version__, "Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | {"system": f"{platform.system()} {platform.machine()}"}
