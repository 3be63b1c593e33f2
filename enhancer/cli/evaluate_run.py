"""What `enhancer evaluate` does once its command line is understood: pair, score what is new, summarise, write."""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Generator
from dataclasses import dataclass, field

from enhancer.bundled import model_path
from enhancer.cli import on_cluster
from enhancer.cli.console import console_for, print_error
from enhancer.cli.evaluate_report import write
from enhancer.cli.evaluate_request import Request, refuse_nonsense
from enhancer.cli.interrupts import Stop, stopping_on_signals
from enhancer.cluster import Cluster
from enhancer.errors import ConfigError, OutputError, UserError
from enhancer.evaluation.facts import Facts, known_facts
from enhancer.evaluation.grouping import Grouping, grouping_of
from enhancer.evaluation.journal import Journal, key_of
from enhancer.evaluation.measures import require_packages
from enhancer.evaluation.pairs import Pair, Pairing, find_pairs
from enhancer.evaluation.peers import ALL, Peer, chosen_peers
from enhancer.evaluation.pool import Failure, run_tasks
from enhancer.evaluation.score_files import content_of, json_text, write_csv, write_json
from enhancer.evaluation.scoring import ENHANCED, NOISY, OURS, Method, Outcome, score_pair
from enhancer.evaluation.summary import compared_system, summarise

_NAMED = 5  # of many files without a partner


@dataclass
class _Work:
    """What there is to do and what has become of it."""

    systems: list[str]
    outcomes: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    waiting: list[tuple[Pair, tuple[str, ...], Method]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    kept: int = 0


def run(request: Request) -> int:
    """Does it and returns the exit code. Raises UserError for wrong use and where nothing can be scored."""
    try:
        return _run(request)
    except UserError as error:
        if request.as_json:
            print(json_text({"error": error.message, "hint": error.hint or None}))
        raise


def _run(request: Request) -> int:
    refuse_nonsense(request)
    cluster = Cluster(request.ray, request.jobs) if request.ray is not None else None
    require_packages(request.measures, request.recogniser)
    model = None if request.model is None else model_path(request.model)
    method = Method(request.align, model, request.attenuation_limit, request.measures, request.recogniser)
    versions = _system_versions(request)
    pairing = find_pairs(request.clean, request.noisy, request.enhanced)
    names = [pair.name for pair in pairing.pairs]
    facts = known_facts(names, request.category, request.facts)
    grouping = grouping_of(names, request.group, facts)
    journal = _journal(request)
    stopped = False
    with contextlib.closing(journal), stopping_on_signals() as stop:
        work = _plan(pairing, versions, method, journal)
        try:
            with contextlib.closing(_scored(work, request, cluster, stop)) as scored:
                for pair, result in scored:
                    stop.check()
                    _take(pair, result, work, {s: key_of(pair, s, method, v) for s, v in versions.items()}, journal)
        except KeyboardInterrupt:
            stopped = True
    return _finish(request, pairing, work, method, facts, grouping, stopped)


def _system_versions(request: Request) -> dict[str, str]:
    """The systems to score, in the order of the table, each with what its output depends on."""
    versions = {NOISY: ""} if request.noisy else {}
    peers = chosen_peers(request.peers) if request.peers is not None else []
    if request.clean is None:
        peers = _without_oracles(peers, request.peers == ALL)
    if request.enhanced:
        versions[ENHANCED] = ""
    else:
        from enhancer.model import Student
        from enhancer.version import __version__

        model = Student(request.model)  # refuses a bad model before anything is scored
        versions[OURS] = f"{__version__} {hashlib.sha256(model.info.path.read_bytes()).hexdigest()}"
    return versions | {peer.name: peer.describe() for peer in peers}


def _without_oracles(peers: list[Peer], drop: bool) -> list[Peer]:
    """Peers that need no clean files. Raises ConfigError for others, unless they may be dropped."""
    oracles = [peer.name for peer in peers if peer.oracle]
    if oracles and not drop:
        raise ConfigError(f"{', '.join(oracles)} needs clean files", "give --clean DIR, or leave it out of --peers")
    return [peer for peer in peers if not peer.oracle]


def _journal(request: Request) -> Journal:
    path = request.csv_path
    if path is None:
        return Journal(None)
    beside = path.with_name(path.name + ".jsonl")
    if path.exists() and not beside.exists():
        raise OutputError(f"{path} exists already and is of no evaluation here", "choose another name, or delete it")
    return Journal(beside)


def _plan(pairing: Pairing, versions: dict[str, str], method: Method, journal: Journal) -> _Work:
    work = _Work(list(versions))
    for pair in pairing.pairs:
        new = []
        for system, version in versions.items():
            known = journal.get(key_of(pair, system, method, version))
            if known is None:
                new.append(system)
            else:
                work.outcomes[pair.name, system] = known
        if new:
            work.waiting.append((pair, tuple(new), method))
    work.kept = len(pairing.pairs) - len(work.waiting)
    return work


def _scored(
    work: _Work, request: Request, cluster: Cluster | None, stop: Stop
) -> Generator[tuple[Pair, list[Outcome] | Failure], None, None]:
    """Scores what is waiting, with a bar on a terminal."""
    words = console_for(sys.stderr)
    shown = words.is_terminal and not request.quiet and len(work.waiting) > 1
    if cluster is None:
        results = run_tasks(score_pair, list(work.waiting), request.jobs or 1)
    else:
        results = on_cluster.run_tasks(cluster, score_pair, list(work.waiting), stop.check)
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(results))
        bar = None
        if shown:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("scoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            bar = stack.enter_context(Progress(*columns, console=words, transient=True))
            task = bar.add_task("", total=len(work.waiting))
        for number, result in results:
            yield work.waiting[number][0], result
            if bar is not None:
                bar.advance(task)


def _take(pair: Pair, result: list[Outcome] | Failure, work: _Work, keys: dict[str, str], journal: Journal) -> None:
    """Files a result: an outcome into the journal at once, a failure under its file's name."""
    if isinstance(result, Failure):
        if result.bug:
            print(result.bug.rstrip(), file=sys.stderr)
        error = (
            result.error if any(str(path) in result.error for path in pair.paths) else f"{pair.name}: {result.error}"
        )
        work.failed.append({"file": pair.name, "error": error, "hint": result.hint})
        return
    for outcome in result:
        work.outcomes[pair.name, outcome.system] = outcome
        journal.add(keys[outcome.system], outcome)


def _finish(
    request: Request,
    pairing: Pairing,
    work: _Work,
    method: Method,
    facts: Facts,
    grouping: Grouping,
    stopped: bool,
) -> int:
    """Writes and shows what there is, names what failed, and returns the exit code."""
    outcomes = [work.outcomes[key] for key in sorted(work.outcomes, key=lambda k: (k[0], work.systems.index(k[1])))]
    summary = summarise(outcomes, work.systems, compared_system(work.systems), grouping)
    content = content_of(summary, outcomes, work.failed)
    content["unmatched"] = [str(path) for path in pairing.unmatched]
    if outcomes:
        if request.csv_path:
            write_csv(request.csv_path, outcomes)
        if request.out:
            write_json(request.out / "scores.json", content)
        if not request.quiet and not request.as_json:
            from enhancer.cli.evaluate_table import show

            show(summary, outcomes, work.kept, sys.stdout)
        if request.report:
            said = write(request, pairing, method, facts, grouping, summary, outcomes, work.failed, stopped)
            if not request.quiet and not request.as_json:
                print(said)
    if request.as_json:
        print(json_text(content))
    _name_failures(pairing, work)
    if stopped:
        print(f"stopped: {len(summary.names)} of {len(pairing.pairs)} files are scored", file=sys.stderr)
        return 130
    if not outcomes:
        return 2
    return 1 if work.failed or pairing.unmatched or pairing.doubled or pairing.unreadable else 0


def _name_failures(pairing: Pairing, work: _Work) -> None:
    hints: dict[str, None] = {}
    for failure in work.failed:
        print_error(failure["error"])
        hints.setdefault(failure["hint"])
    for line in pairing.doubled:
        print_error(f"{line}: neither was scored")
    for line in pairing.unreadable:
        print_error(line)
    if pairing.unmatched:
        named = ", ".join(str(path) for path in pairing.unmatched[:_NAMED])
        more = f" and {len(pairing.unmatched) - _NAMED} more" if len(pairing.unmatched) > _NAMED else ""
        print_error(f"without a partner in every folder: {named}{more}")
    for hint in hints:
        if hint:
            print_error("", hint)
