"""Scores of every mixture of a fixed set, kept beside the run that they judge."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from enhancer.media.atomic import replacing
from training.checkpoint import load_checkpoint
from training.data.fixed_sets import fixed_hash, fixed_set
from training.data.pools import Pools
from training.evaluate import averaged_network, enhance
from training.run.processes import CHECKPOINT

MEASURES = ("pesq_wb", "estoi", "si_sdr")


@dataclass(frozen=True)
class ItemScores:
    """One mixture, and what was made of it; NaN where a measure cannot judge (no speech found)."""

    speaker: str
    noise: str  # the recording; empty for noise synthesised for this mixture
    pesq_wb: float
    estoi: float
    si_sdr: float


@dataclass(frozen=True)
class JudgingSet:
    """A fixed set, or the first so many mixtures of it."""

    pools_dir: Path
    split: str  # val or test
    items: int
    digest: str  # of its samples: other samples, other scores


def judging_set(pools_dir: Path, split: str, items: int) -> JudgingSet:
    """The set of a split as it is now."""
    return JudgingSet(pools_dir, split, items, fixed_hash(Pools(pools_dir), split))


def score_run(folder: Path, judges: JudgingSet) -> None:
    """Writes the scores of the averaged weights of the run in `folder` there; to be called in a worker."""
    network = averaged_network(load_checkpoint(folder / CHECKPOINT))
    _score(lambda noisy, rate: enhance(network, noisy, rate), folder, judges)


def score_noisy(folder: Path, judges: JudgingSet) -> None:
    """Writes the scores of the mixtures themselves into `folder`; to be called in a worker."""
    folder.mkdir(parents=True, exist_ok=True)
    _score(lambda noisy, rate: noisy, folder, judges)


def read_scores(folder: Path, judges: JudgingSet) -> list[ItemScores] | None:
    """The scores in `folder`, item by item in the set's order; None if they must be made, or made again.

    They must when the set has changed since, when they are fewer, or when the run was trained on afterwards.
    """
    try:
        stored = json.loads((folder / _name(judges)).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if stored["key"] != _key(folder, judges):
        return None
    return [
        ItemScores(item["speaker"], item["noise"], *(math.nan if item[m] is None else item[m] for m in MEASURES))
        for item in stored["items"]
    ]


def means(scores: list[ItemScores]) -> dict[str, float]:
    """The mean of each measure over the items that it can judge; NaN where there is none."""
    found = {measure: np.array([getattr(item, measure) for item in scores]) for measure in MEASURES}
    return {
        measure: round(float(np.nanmean(values)), 5) if np.isfinite(values).any() else math.nan
        for measure, values in found.items()
    }


def import_measures() -> None:
    """Imports what the measures import where they are used: a process that lives long must not do that late."""
    import pesq
    import pystoi  # noqa: F401

    pesq.cypesq  # noqa: B018


def _score(system: Callable[[np.ndarray, int], np.ndarray], folder: Path, judges: JudgingSet) -> None:
    from enhancer.evaluation.metrics import estoi, pesq_wb, si_sdr

    scores = []
    for item in fixed_set(Pools(judges.pools_dir), judges.split, judges.items):
        made = system(item.noisy, item.sample_rate)
        found = {"si_sdr": si_sdr(made, item.clean)}
        for name, measure in (("pesq_wb", pesq_wb), ("estoi", estoi)):
            try:
                found[name] = measure(made, item.clean, item.sample_rate)
            except ValueError:
                found[name] = math.nan
        finite = {name: round(float(v), 4) if math.isfinite(v) else None for name, v in found.items()}
        scores.append({"speaker": item.speaker, "noise": item.noise_recording, **finite})
    content = {"key": _key(folder, judges), "items": scores}
    with replacing(folder / _name(judges), overwrite=True) as part:
        part.write_text(json.dumps(content), encoding="utf-8")


def _key(folder: Path, judges: JudgingSet) -> dict[str, object]:
    """What scores depend on: the set, how much of it, and the weights."""
    checkpoint = folder / CHECKPOINT
    steps = load_checkpoint(checkpoint).facts["progress"]["step"] if checkpoint.exists() else None
    return {"set": judges.digest, "items": judges.items, "steps": steps}


def _name(judges: JudgingSet) -> str:
    return f"scores-{judges.split}.json"
