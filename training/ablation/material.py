"""What an ablation was begun with beside its configs: pools, sets, caches and teachers, which must stay the same."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from enhancer.errors import ConfigError, InputError
from enhancer.media.atomic import replacing
from training.ablation.plan import Plan
from training.ablation.scores import judging_set
from training.teachers.cache import TeacherCache


def material(plan: Plan, pools_dir: Path) -> dict[str, str]:
    """Everything that the plan's runs learn from and are judged by, as short fingerprints by what it is.

    Raises InputError when pools, a cache or a teacher's checkpoint are not there.
    """
    found = {"the index of the pools": _sha256(pools_dir / "pools.json")}
    for split in ("val", "test"):
        found[f"the {split} set"] = judging_set(pools_dir, split, 0).digest
    taught = [row.config.distillation for row in plan.rows if row.config.distillation is not None]
    for cache in sorted({path for config in taught for path in config.caches}):
        found[f"the cache {cache}"] = f"{TeacherCache(cache).segments} segments"
    for teacher in sorted({path for config in taught for path in config.teachers}):
        if not Path(teacher).is_file():
            raise InputError(f"there is no teacher at {teacher}", "train it first, or name another in [distillation]")
        found[f"the teacher {teacher}"] = _sha256(Path(teacher))
    return found


def check_material(plan: Plan, pools_dir: Path, out: Path) -> None:
    """Refuses, with ConfigError, to go on in `out` with other material than it was begun with; notes it at first."""
    now, path = material(plan, pools_dir), out / "material.json"
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        for what in before.keys() & now.keys():
            if before[what] != now[what]:
                raise ConfigError(
                    f"{what} has changed since the ablation in {out} was begun ({before[what]} -> {now[what]})",
                    "choose another --out, or put it back",
                )
        now = before | now
    with replacing(path, overwrite=True) as part:
        part.write_text(json.dumps(now, indent=1), encoding="utf-8")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
