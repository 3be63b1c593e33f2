"""`training evaluate`: its options; registered on the `training` app by `training.cli`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.run import PoolsOption
from training.places import default_pools

if TYPE_CHECKING:
    from training.evaluation.items import Entry

FIXED_ITEMS = 200


def evaluate(
    checkpoints: Annotated[
        list[Path] | None,
        typer.Argument(metavar="CHECKPOINT", help="Checkpoints written by `train` or `distil`: averaged weights."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="An exported ONNX student, or `shipped`: the one that users get (taken when nothing else of ours is "
            "named).",
        ),
    ] = None,
    teacher: Annotated[list[str] | None, typer.Option(metavar="NAME", help="An external teacher.")] = None,
    peers: Annotated[
        str,
        typer.Option(
            metavar="NAMES|all|none", help="Other systems: `enhancer peers list` names them, or all that are here."
        ),
    ] = "none",
    split: Annotated[str, typer.Option(help="Fixed set: val (for choosing) or test (for published tables).")] = "val",
    pairs: Annotated[
        Path | None,
        typer.Option(help="Score these instead: a folder with clean/ and noisy/, or a table of their paths."),
    ] = None,
    items: Annotated[int | None, typer.Option(min=1, help="The first so many (default: all).")] = None,
    pools: PoolsOption = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for results.csv, results.json, report.md and quality.png; the run resumes there."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Items at the same time.", show_default="all cores")] = (
        os.cpu_count() or 1
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON, not tables.")] = False,
) -> None:
    """Score systems on the same items: PESQ-WB, ESTOI, SI-SDR, speech level, cost; the noisy mixture beside them.

    Differences are to the first row that is not the noisy mixture, with 95 % intervals over speakers and noise
    recordings. Exit code 1 when some items failed.
    """
    from enhancer.evaluation.measures import require_packages
    from enhancer.evaluation.peers import ALL, PEERS, chosen_peers, how_to_get
    from enhancer.evaluation.score_files import json_text
    from training.evaluation import report
    from training.evaluation.results import Results
    from training.evaluation.run import run
    from training.evaluation.systems import chosen_systems

    require_packages()
    systems = chosen_systems(checkpoints or [], model or [], teacher or [], chosen_peers(peers))
    versions = {system.label: system.version() for system in systems}
    if peers == ALL and (missing := [peer for peer in PEERS.values() if not peer.here]):
        names = ", ".join(peer.name for peer in missing)
        print(f"note: left out, because not here: {names} ({how_to_get(missing)})", file=sys.stderr)
    entries, where = _entries(pairs, pools, split, items)

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill ends like Ctrl-C
    scored = run(entries, systems, out / "scored.jsonl" if out else None, jobs, _show_progress)
    results = Results(entries, [system.label for system in systems], scored)
    for line in scored.failed:
        print(f"error: {line}", file=sys.stderr)
    if results.entries:
        title = f"{len(results.entries)} {where}"
        if out:
            report.write(out, results, title, {"versions": versions})
        if as_json:
            print(json_text({"title": title, "versions": versions, **results.summary}))
        else:
            report.show(results, title, sys.stdout)
            if out:
                print(f"\n{out}: results.csv, results.json, report.md, quality.png")
    if scored.stopped:
        again = "the same command goes on" if out else "give --out DIR, and the same command goes on next time"
        print(f"stopped: {len(results.entries)} of {len(entries)} items are scored; {again}", file=sys.stderr)
        raise typer.Exit(130)
    if scored.failed:
        raise typer.Exit(1 if results.entries else 2)


def _entries(pairs: Path | None, pools: Path | None, split: str, items: int | None) -> tuple[list[Entry], str]:
    """What to score, and what it is in words."""
    from training.data.fixed_sets import fixed_hash
    from training.data.pools import Pools
    from training.evaluation.items import fixed_entries, paired_entries

    if pairs is not None:
        return paired_entries(pairs)[:items], f"pairs of {pairs}"
    sets = Pools(pools or default_pools())
    entries = fixed_entries(sets, split, min(items or FIXED_ITEMS, FIXED_ITEMS))
    return entries, f"mixtures of the fixed {split} set {fixed_hash(sets, split)}".rstrip()


def _show_progress(done: int, total: int) -> None:
    """One line that rewrites itself on a terminal, every tenth elsewhere."""
    terminal = sys.stderr.isatty()
    if terminal or done % max(1, total // 10) == 0 or done == total:
        end = "\r" if terminal and done < total else "\n"
        print(f"{done} of {total} items scored", end=end, file=sys.stderr, flush=True)


def register(app: typer.Typer) -> None:
    """Adds this module's commands to the app."""
    app.command()(evaluate)
