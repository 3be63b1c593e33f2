"""What an ablation runs: rows of differently taught, otherwise equal students, read from one TOML file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from enhancer.errors import ConfigError, UserError
from training.checkpoint import load_checkpoint
from training.config import CONFIGS, TrainingConfig, from_dict
from training.run.processes import CHECKPOINT

# What decides which mixtures a run sees, beside the seed: the same in every row.
_BATCH_KEYS = ("caches", "share", "unpaired")


@dataclass(frozen=True)
class AblationConfig:
    """The [ablation] part: how often rows run, and on how much they are judged."""

    control: str = "none"  # the row that the others are compared with
    seeds: tuple[int, ...] = (1, 2, 3)  # of data and first weights; every row runs with the first
    repeated: int = 2  # rows that run with all seeds beside the control: the best of the validation set
    items: int = 200  # mixtures of the test set, on which rows are compared
    chosen_on: int = 80  # mixtures of the validation set, on which the best rows are chosen


@dataclass(frozen=True)
class Row:
    """One way of teaching."""

    name: str
    title: str  # in the table
    config: TrainingConfig


@dataclass(frozen=True)
class PlannedRun:
    """A row with one seed. Rows with equal seeds start from the same weights and see the same batches."""

    row: str
    seed: int
    config: TrainingConfig

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.row}-seed{self.seed}"


@dataclass(frozen=True)
class Plan:
    """All rows and how often they run."""

    settings: AblationConfig
    rows: tuple[Row, ...]

    def run(self, row: str, seed: int) -> PlannedRun:
        """A row's run with a seed."""
        config = next(r.config for r in self.rows if r.name == row)
        named = replace(config, name=f"{row}-seed{seed}", run=replace(config.run, seed=seed))
        return PlannedRun(row, seed, named)

    def first_runs(self) -> list[PlannedRun]:
        """What is run before anything is chosen: every row with the first seed, the control with all of them."""
        first, *others = self.settings.seeds
        return [self.run(row.name, first) for row in self.rows] + [self.run(self.settings.control, s) for s in others]

    def repeats(self, rows: Iterable[str]) -> list[PlannedRun]:
        """The other seeds of the chosen rows."""
        return [self.run(row, seed) for seed in self.settings.seeds[1:] for row in rows]

    @property
    def run_count(self) -> int:
        """How many runs there will be."""
        return len(self.rows) + (len(self.settings.seeds) - 1) * (1 + self.settings.repeated)


def load_plan(path_or_name: str | Path) -> Plan:
    """The ablation in a TOML file, or one of training/configs by its bare name.

    The file is a training config with an [ablation] part and [[row]] tables: `name`, `title` and the keys of
    [distillation] in which the row differs. Raises UserError when it cannot be meant, or when two rows would see
    other batches or have other budgets.
    """
    path = Path(path_or_name)
    if not path.suffix:
        path = CONFIGS / f"{path_or_name}.toml"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"no ablation config {path_or_name}", "see training/configs/ablation.toml") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is not valid TOML: {error}") from None
    return plan_of(values, path.name)


def plan_of(values: dict[str, Any], source: str) -> Plan:
    """The plan in a parsed TOML file; `source` names it in errors. Raises UserError as `load_plan` does."""
    base = {key: value for key, value in values.items() if key not in ("ablation", "row")}
    settings = from_dict(AblationConfig, values.get("ablation", {}), "ablation.")
    rows = tuple(_row(base, dict(entry), number) for number, entry in enumerate(values.get("row", [])))
    _check(settings, rows, source)
    return Plan(settings, rows)


def _row(base: dict[str, Any], overrides: dict[str, Any], number: int) -> Row:
    name = overrides.pop("name", "")
    title = overrides.pop("title", name)
    if not name or not str(name).replace("-", "").isalnum():
        raise ConfigError(f"[[row]] number {number + 1} has no name of letters, digits and hyphens")
    where = f"row.{name}."
    taught = base.get("distillation", {}) | overrides
    config = from_dict(TrainingConfig, {key: value for key, value in base.items() if key != "distillation"})
    kind = from_dict(TrainingConfig, {"distillation": taught}, where)
    return Row(name, title, replace(config, distillation=kind.distillation))


def _check(settings: AblationConfig, rows: tuple[Row, ...], source: str) -> None:
    names = [row.name for row in rows]
    if len(set(names)) < len(names):
        raise ConfigError(f"two rows of {source} have the same name")
    if settings.control not in names:
        raise ConfigError(f"{source} has no [[row]] named {settings.control!r}, the control", "see [ablation] control")
    if not settings.seeds or len(set(settings.seeds)) < len(settings.seeds):
        raise ConfigError("ablation.seeds must be different numbers, at least one")
    if not 0 <= settings.repeated < len(rows):
        raise ConfigError(f"ablation.repeated must be 0 to {len(rows) - 1}, the rows beside the control")
    control = next(row.config for row in rows if row.name == settings.control)
    if control.run.processes != 1:
        raise ConfigError("an ablation trains each row in one process", "set processes = 1 in [run]; rows run in pairs")
    if not control.run.steps or control.run.minutes or control.run.hours:
        raise ConfigError("rows are equal in steps alone", "set steps, minutes = 0.0 and hours = 0.0 in [run]")
    for row in rows:
        for key in _BATCH_KEYS:
            if getattr(row.config.distillation, key, None) != getattr(control.distillation, key, None):
                raise ConfigError(f"row {row.name!r} would see other mixtures than the control: {key} differs",
                                  "set it in [distillation], for all rows")  # fmt: skip


def ranked(validation: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Names by their means on the validation set, the best first: by PESQ-WB, and ESTOI decides between equals."""
    return sorted(validation, key=lambda name: (validation[name]["pesq_wb"], validation[name]["estoi"]), reverse=True)


def steps_done(run: PlannedRun, folder: Path) -> int:
    """How many steps a run's checkpoint has; 0 without one.

    Raises UserError when the checkpoint was made with another config.
    """
    if not (folder / CHECKPOINT).exists():
        return 0
    facts = load_checkpoint(folder / CHECKPOINT).facts
    wanted, made = _flat(json.loads(json.dumps(run.config.as_dict()))), _flat(_with_defaults(facts["config"]))
    changed = sorted(key for key in wanted.keys() | made.keys() if wanted.get(key) != made.get(key))
    if changed:
        shown = ", ".join(f"{key} {made.get(key)!r} -> {wanted.get(key)!r}" for key in changed[:3])
        raise ConfigError(
            f"{folder} was trained with another config: {shown}" + (" and more" if len(changed) > 3 else ""),
            "choose another --out, or delete that folder to train the row again",
        )
    return facts["progress"]["step"]


def _with_defaults(config: dict[str, Any]) -> dict[str, Any]:
    """A stored config with the defaults of keys that did not exist when it was stored."""
    try:
        return json.loads(json.dumps(from_dict(TrainingConfig, config).as_dict()))
    except UserError:  # a key that exists no more: it will be named as changed
        return config


def _flat(values: dict[str, Any], where: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{where}{key}.") if isinstance(value, dict) else {f"{where}{key}": value}
    return flat
