"""Scores every system on every item: in processes, each result kept at once, so that a run that was stopped goes on."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from enhancer.evaluation.journal import Journal
from enhancer.evaluation.measures import VERSION, score
from enhancer.evaluation.pool import Failure, run_tasks
from enhancer.evaluation.scoring import Outcome
from training.evaluation.items import Entry
from training.evaluation.systems import System

MEASURES = ("pesq_wb", "estoi", "si_sdr", "level_db")
SNR = "snr_db"  # stands among an outcome's values: for files it is known only once they are read


@dataclass
class Scored:
    """What there is after a run: outcomes by (item, system), what failed, in words, and whether it was stopped."""

    outcomes: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    known_before: int = 0
    stopped: bool = False


def score_entry(entry: Entry, systems: Sequence[System]) -> list[Outcome]:
    """Scores of one item under each system. Raises InputError for files that cannot be used."""
    item = entry.load()
    seconds = len(item.clean) / item.sample_rate
    outcomes = []
    for system in systems:
        estimate, spent = system.enhance(item)
        scores = score(estimate[:, None], item.clean[:, None], item.sample_rate, MEASURES)
        values = {**scores.values, SNR: item.snr_db}
        if spent:
            values["rtf"] = spent / seconds
        outcomes.append(Outcome(entry.name, system.label, seconds, item.sample_rate, 1, values, scores.reasons))
    return outcomes


def run(
    entries: Sequence[Entry],
    systems: Sequence[System],
    journal: Path | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Scored:
    """Scores what the journal does not know yet. Ctrl-C ends it with what is scored (`stopped`).

    Raises UserError when a system cannot run here, before anything is scored, or the journal cannot be written.
    """
    versions = {system.label: system.version() for system in systems}
    made = Scored()
    with contextlib.closing(Journal(journal)) as known:
        waiting: list[tuple[Entry, tuple[System, ...]]] = []
        for entry in entries:
            new = []
            for system in systems:
                outcome = known.get(_key(entry, system.label, versions))
                if outcome is None:
                    new.append(system)
                else:
                    made.outcomes[entry.name, system.label] = outcome
            if new:
                waiting.append((entry, tuple(new)))
        made.known_before = len(entries) - len(waiting)
        try:
            with contextlib.closing(run_tasks(score_entry, list(waiting), jobs)) as results:
                for done, (number, result) in enumerate(results, start=1):
                    entry = waiting[number][0]
                    if isinstance(result, Failure):
                        made.failed.append(result.bug + f"{entry.name}: {result.error}")
                    else:
                        for outcome in result:
                            made.outcomes[entry.name, outcome.system] = outcome
                            known.add(_key(entry, outcome.system, versions), outcome)
                    progress(done, len(waiting))
        except KeyboardInterrupt:
            made.stopped = True
    return made


def _key(entry: Entry, label: str, versions: dict[str, str]) -> str:
    facts = [VERSION, MEASURES, entry.name, entry.key, label, versions[label]]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]
