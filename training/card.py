"""Facts for a model card: what a checkpoint was trained on, by whom it was taught, how it scores."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from training.checkpoint import Checkpoint, load_checkpoint
from training.data.fixed_sets import fixed_hash
from training.data.pools import RATES, Clip, Pools
from training.evaluate import score_network
from training.networks import BandRecurrentNet
from training.teachers.cache import TeacherCache


def describe(checkpoint: Checkpoint, network: BandRecurrentNet, pools: Pools, items: int) -> dict[str, Any]:
    """The parts of a model card that training knows; scores over `items` of the validation and the test set (0: none).

    Raises InputError when pools or a cache that the run used are no longer there.
    """
    facts = checkpoint.facts
    distillation = facts["config"]["distillation"]
    caches = [TeacherCache(Path(folder)) for folder in distillation["caches"]] if distillation else []
    card: dict[str, Any] = {
        "git_revision": facts["git_revision"],
        "training": {
            "phases": _phases(facts),
            "data": _data(pools),
            "teachers": [
                {"name": c.header.teacher, "licence": c.header.teacher_licence, "cached_minutes": round(c.minutes)}
                for c in caches
                if distillation.get("cached_word", True)
            ]
            + [_own_teacher(Path(path)) for path in (distillation.get("teachers", []) if distillation else [])],
            "distillation": distillation,
        },
    }
    if items:
        card["scores"] = {
            split: score_network(network, pools, split, items) | {"items": items, "set": fixed_hash(pools, split)}
            for split in ("val", "test")
        }
    return card


def _own_teacher(path: Path) -> dict[str, Any]:
    """A teacher of our own: what it was and how long it learnt."""
    facts = load_checkpoint(path).facts
    return {"name": facts["config"]["name"], "licence": "Apache-2.0", "phases": _phases(facts)}


def _phases(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs that led here, the first one first; after the last one may be an average with others ("averaged")."""
    progress = facts["progress"]
    phase: dict[str, Any] = {
        "config": facts["config"]["name"],
        "steps": progress["step"],
        "minutes": round(progress["minutes"], 1),
        "audio_hours": round(progress["audio_hours"], 1),
    }
    if "averaged" in facts:
        phase["averaged"] = facts["averaged"]
    before = facts.get("started_from")
    return [*(_phases(before) if before else []), phase]


def attribution(pools: Pools) -> str:
    """Whose recordings trained, as tab-separated text: kind, collection, licence, attribution, and how many."""
    credits = Counter(
        (kind, clip.source, clip.licence.strip(), " ".join(clip.attribution.split()))
        for kind in _heard(pools)
        for clip in _trained_on(pools, kind)
    )
    rows = [("kind", "collection", "licence", "attribution", "recordings")]
    rows += [(*credit, str(count)) for credit, count in sorted(credits.items())]
    return "".join("\t".join(row) + "\n" for row in rows)


def _data(pools: Pools) -> dict[str, Any]:
    """Hours of the training split, by kind and rate; the collections that they are from, and their licences."""
    speech, kinds = _trained_on(pools, "speech"), _heard(pools)
    return {
        "hours": {f"{kind}_{rate}": round(pools.get(kind, rate).hours("train"), 2) for kind in kinds for rate in RATES},
        "speakers": len({clip.group for clip in speech}),
        "languages": len({clip.language for clip in speech}),
        "sources": {kind: _sources(_trained_on(pools, kind)) for kind in kinds},
    }


def _heard(pools: Pools) -> list[str]:
    """Kinds of recordings, the clean sides of pairs left out: their noisy sides have the same credits."""
    return [kind for kind in pools.kinds if kind != "paired_clean"]


def _trained_on(pools: Pools, kind: str) -> list[Clip]:
    return [clip for clip in pools.get(kind, 16_000).clips if clip.split == "train"]


def _sources(clips: list[Clip]) -> list[dict[str, Any]]:
    """Collections, the largest first: hours and licences."""
    hours: Counter[str] = Counter()
    licences: dict[str, set[str]] = {}
    for clip in clips:
        name = clip.source.split("/")[0]
        hours[name] += clip.length / 16_000 / 3600
        licences.setdefault(name, set()).add(clip.licence.strip())
    return [{"name": n, "hours": round(h, 3), "licences": sorted(licences[n])} for n, h in hours.most_common()]
