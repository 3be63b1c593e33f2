"""What each system costs on one thread, in the same run: processor seconds a second of sound, systems taking turns."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clips import ROOT
from benchmarks.speed import ONE_THREAD
from enhancer.errors import UserError

OURS = {16_000: "enhancer:16000", 48_000: "enhancer:48000"}


@dataclass(frozen=True)
class Cost:
    """Real-time factors of processor time at the system's own rate, without loading it.

    `streaming` is frame by frame, None where that cannot be done; `files` the cheaper way over a whole file, which for
    many is the same.
    """

    sample_rate: int
    streaming: float | None
    files: float


def measure(
    peers: Sequence[str], model: Path | None, seconds: float, rounds: int, progress: Callable[[str], None]
) -> dict[str, Cost]:
    """Costs by peer, and ours under the names in `OURS`; the median of `rounds`, each over `seconds` of noisy speech.

    Raises UserError when a system fails.
    """
    systems = [*OURS.values(), *peers]
    turns: dict[str, list[Cost]] = {system: [] for system in systems}
    for turn in range(rounds):
        for system in systems:
            progress(f"cost, round {turn + 1} of {rounds}: {system}")
            turns[system].append(_in_a_process_of_its_own(system, model, seconds))
    return {system: _median(costs) for system, costs in turns.items()}


def _median(costs: list[Cost]) -> Cost:
    streamed = [cost.streaming for cost in costs if cost.streaming is not None]
    return Cost(
        costs[0].sample_rate,
        round(statistics.median(streamed), 5) if streamed else None,
        round(statistics.median(cost.files for cost in costs), 5),
    )


def _in_a_process_of_its_own(system: str, model: Path | None, seconds: float) -> Cost:
    """So that one thread is set before any library loads."""
    command = [sys.executable, "-m", "benchmarks.targets.cost_worker", system, str(seconds)]
    command += [str(model.resolve())] if model else []
    done = subprocess.run(command, cwd=ROOT, env=os.environ | ONE_THREAD, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"timing {system} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return Cost(**json.loads(done.stdout.strip().splitlines()[-1]))  # libDF may log before it
