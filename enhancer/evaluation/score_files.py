"""Scores on disk: a CSV with one row a file and system, and a JSON with the summary and the same rows."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from enhancer.evaluation.measures import MEASURES
from enhancer.evaluation.scoring import Outcome
from enhancer.evaluation.summary import Summary, as_json, without_nan
from enhancer.media.atomic import replacing, write_error

_ENCODER = json.JSONEncoder(indent=1, ensure_ascii=False)
_FACTS = ("file", "system", "seconds", "sample_rate", "channels")


def row(outcome: Outcome) -> dict[str, object]:
    """One row: facts, every measure that was asked for with more digits than mean anything, what to know."""
    facts = (outcome.name, outcome.system, round(outcome.seconds, 4), outcome.sample_rate, outcome.channels)
    values = {m.key: round(outcome.values[m.key], m.digits + 2) for m in MEASURES if m.key in outcome.values}
    return {**dict(zip(_FACTS, facts, strict=True)), **values, "notes": list(outcome.notes)}


def write_csv(path: Path, outcomes: list[Outcome]) -> None:
    """Writes all rows, `nan` where a measure is undefined. Raises OutputError."""
    with replacing(path, overwrite=True) as temporary:
        try:
            with open(temporary, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
                measured = [m.key for m in MEASURES if any(m.key in outcome.values for outcome in outcomes)]
                table = csv.DictWriter(file, [*_FACTS, *measured, "notes"], restval="nan")
                table.writeheader()
                for outcome in outcomes:
                    table.writerow(row(outcome) | {"notes": "; ".join(outcome.notes)})
        except OSError as error:
            raise write_error(path, error) from error


def write_json(path: Path, content: dict[str, object]) -> None:
    """Writes what `content_of` made. Raises OutputError."""
    with replacing(path, overwrite=True) as temporary:
        try:
            # Piece by piece: the text of many thousand rows is larger than they are.
            with open(temporary, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
                file.writelines(_ENCODER.iterencode(content))
                file.write("\n")
        except OSError as error:
            raise write_error(path, error) from error


def content_of(summary: Summary, outcomes: list[Outcome], failed: list[dict[str, str]]) -> dict[str, object]:
    """The JSON object of an evaluation: summary, rows, failures."""
    return {"summary": as_json(summary), "scores": [without_nan(row(o)) for o in outcomes], "failed": failed}


def json_text(content: dict[str, object]) -> str:
    """JSON as it is printed and written; bytes of file names that are no UTF-8 stand as escapes."""
    return _ENCODER.encode(content).encode("utf-8", "backslashreplace").decode()
