"""`python -m benchmarks robustness`: measures, prints, and writes benchmarks/results/robustness.json and the docs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.clips import ROOT
from benchmarks.result_files import write_json
from benchmarks.robustness import conditions, groups, material, report, residue, speech, worst
from benchmarks.robustness.draws import SPLIT, Studio
from benchmarks.tables import replace_block
from enhancer.errors import InputError
from enhancer.evaluation.summary import without_nan
from enhancer.model import Student
from training.data.fixed_sets import Item, fixed_hash, fixed_set
from training.data.pools import Pools
from training.evaluation.items import Entry
from training.evaluation.results import Results
from training.evaluation.run import run as score_all
from training.evaluation.systems import Exported, Noisy
from training.places import default_runs

RESULTS = ROOT / "benchmarks" / "results" / "robustness.json"
PAGE = ROOT / "docs" / "robustness.md"
# Enough for intervals that say something, few enough for six minutes on one thread; PESQ takes most of them.
FIXED, GENTLE, STEADY, CONDITION, LANGUAGE, WORST = 200, 30, 12, 30, 12, 20


def run(model: Path | None, pools: Path, items: int | None, *, write: bool) -> None:
    """Everything, on the first `items` of each set or all; `write` replaces the JSON and the tables of the docs."""
    began, student, sets = _Progress(), Student(model), Pools(pools)
    counts = [count if items is None else min(count, items) for count in (FIXED, GENTLE, STEADY, CONDITION, LANGUAGE)]
    fixed_count, gentle_count, steady_count, condition_count, language_count = counts
    fixed = list(fixed_set(sets, SPLIT, fixed_count))
    studios = {16_000: Studio(sets, 16_000)}
    if sets.get("speech", 48_000).hours(SPLIT):
        studios[48_000] = Studio(sets, 48_000)

    facts: dict = {"model": _describe(student), "fixed_set": fixed_hash(sets, SPLIT)}
    began("speech and noise apart")
    facts["speech_kept"], facts["residue"] = _apart(student, studios, fixed, gentle_count, steady_count)
    facts["conditions"] = {}
    for condition in conditions.ALL:
        studio = studios.get(48_000 if condition.full_band else 16_000)
        if studio:
            began(condition.name)
            facts["conditions"][condition.name] = conditions.scored(condition, studio, condition_count, student).row()
    began("languages")
    entries = list(material.languages(studios[16_000], language_count))
    spoken = _scored(entries, model, began)
    by_language, by_family = groups.languages_of(spoken, {e.name: e.load().language for e in entries})
    facts["languages"], facts["families"] = groups.rows(spoken, by_language), groups.rows(spoken, by_family)
    began("the fixed set")
    results = _fixed_results(fixed, model, began)
    facts["sexes"] = groups.rows(results, groups.sexes_of(results, sets))
    facts["categories"] = groups.rows(results, results.categories())
    facts["snr_db"] = groups.rows(results, results.bands())
    cases = worst.worst(results, _languages(fixed), min(WORST, len(fixed)))
    facts["worst"] = [case.facts for case in cases]
    # What is not defined is null, and four digits are enough; the tables are made of what the file holds.
    facts = json.loads(json.dumps(without_nan(facts)), parse_float=lambda number: round(float(number), 4))
    tables = report.tables(facts)
    _print(tables)
    if write:
        write_json(RESULTS, facts)
        for name, parts in tables.items():
            replace_block(PAGE, name, report.as_page_text(parts))
        print(f"wrote {RESULTS.name} and the tables of docs/{PAGE.name}")


def run_worst(model: Path | None, pools: Path, items: int | None, count: int, pictures: Path | None) -> None:
    """The `count` worst of the fixed set by each measure; with `pictures` a PNG of each in that folder."""
    student, sets, began = Student(model), Pools(pools), _Progress()
    fixed = list(fixed_set(sets, SPLIT, FIXED if items is None else items))
    if not fixed:
        raise InputError("the fixed set is empty")
    results = _fixed_results(fixed, model, began)
    cases = worst.worst(results, _languages(fixed), count)
    _print({"worst": report.worst_tables([case.facts for case in cases], count)})
    if pictures is not None:
        by_name = {_name(number): item for number, item in enumerate(fixed)}
        for case in cases:
            worst.draw(case, by_name[case.name], student, pictures / f"{case.name}.png")
        print(f"{pictures}: {len(cases)} pictures")


def _apart(
    student: Student, studios: dict[int, Studio], fixed: list[Item], gentle: int, steady: int
) -> tuple[dict, dict]:
    """Speech kept and noise left, by set."""
    easy = [item for item in fixed if item.snr_db >= 5]
    hard = [item for item in fixed if item.snr_db < 5]
    dry = [item for item in fixed if not item.reverberant]  # in a room, pauses hold what speech leaves behind

    def drawn(make: Callable, count: int, **options: bool) -> list[Item]:
        return [item for studio in studios.values() for item in make(studio, count, **options)]

    kept = {
        "clean": drawn(material.gentle, gentle, clean=True),
        "SNR 15 to 25 dB": drawn(material.gentle, gentle, clean=False),
        "fixed set, 5 to 15 dB": easy,
        "fixed set, -5 to 5 dB": hard,
    }
    left = {"steady noise, long pauses": drawn(material.steady, steady), "fixed set, dry": dry}
    return (
        {name: speech.summary(speech.heard(student, items)) for name, items in kept.items() if items},
        {name: residue.summary(speech.heard(student, items)) for name, items in left.items() if items},
    )


def _fixed_results(fixed: list[Item], model: Path | None, began: _Progress) -> Results:
    return _scored([material.entry_of(item, _name(number)) for number, item in enumerate(fixed)], model, began)


def _scored(entries: list[Entry], model: Path | None, began: _Progress) -> Results:
    """Scores before and after; what was scored with this very model once is remembered in runs/robustness."""
    systems = [Noisy(), Exported(groups.STUDENT, model)]
    scored = score_all(entries, systems, default_runs() / "robustness" / "scored.jsonl", 1, began.items)
    for line in scored.failed:
        print(f"error: {line}", file=sys.stderr)
    if scored.stopped:
        raise KeyboardInterrupt
    return Results(entries, [system.label for system in systems], scored)


def _languages(fixed: list[Item]) -> dict[str, str]:
    return {_name(number): item.language for number, item in enumerate(fixed)}


def _name(number: int) -> str:
    return f"{SPLIT}_{number:03d}"


def _describe(student: Student) -> dict:
    return {"name": student.info.name, "weights_sha256": student.info.details.get("weights_sha256", "unknown")}


def _print(tables: dict[str, list[Table | str]]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160
    for parts in tables.values():
        for part in parts:
            console.print(part)
            console.print()


class _Progress:
    """Says on stderr what is being measured: a line a part."""

    def __call__(self, what: str) -> None:
        print(what, file=sys.stderr, flush=True)

    def items(self, done: int, total: int) -> None:
        if done % max(1, total // 4) == 0:
            print(f"  {done} of {total}", file=sys.stderr, flush=True)
