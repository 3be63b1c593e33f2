"""Run configuration: frozen dataclasses from TOML, checked once; unknown keys are refused."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from enhancer.errors import UserError
from training.data.mixing import MixConfig
from training.distillation.terms import DistillationConfig
from training.losses import LossConfig
from training.networks import NetworkConfig
from training.optimiser import OptimiserConfig

CONFIGS = Path(__file__).parent / "configs"


@dataclass(frozen=True)
class BatchConfig:
    """What one step sees."""

    size: int = 4  # items a process
    seconds: float = 2.0  # length of an item
    long_share: float = 0.0  # of the mixtures' batches, those of half as many items of twice the length
    full_band_share: float = 0.2  # of all batches, those at 48 kHz
    paired_share: float = 0.0  # of all batches, recorded pairs of noisy and clean (VoiceBank+DEMAND and the like)


@dataclass(frozen=True)
class RunConfig:
    """How long, how often, on what. The budget is what ends first of minutes, steps and hours of audio."""

    minutes: float = 90.0  # of training, pauses not counted; 0: no limit
    steps: int = 0  # 0: no limit
    hours: float = 0.0  # of audio; 0: no limit
    seed: int = 1
    device: str = "auto"  # cpu, cuda, or auto: a GPU where there is one
    processes: int = 2  # on a CPU: single-threaded, one a core
    workers: int = 0  # further processes that draw batches for each; 0: a thread of its own does
    checkpoint_minutes: float = 4.0
    validate_minutes: float = 15.0
    validate_items: int = 40  # the first so many of the fixed validation set


@dataclass(frozen=True)
class TrainingConfig:
    """Everything a run is."""

    name: str = "student"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    mix: MixConfig = field(default_factory=MixConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    run: RunConfig = field(default_factory=RunConfig)
    distillation: DistillationConfig | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def from_dict(kind: type, values: dict[str, Any], where: str = "") -> Any:
    """A config dataclass from nested dictionaries. Raises UserError on an unknown key or a value of the wrong type."""
    hints = get_type_hints(kind)
    known = {f.name for f in fields(kind)}
    for key in values:
        if key not in known:
            raise UserError(
                f"unknown key {where}{key}", f"known keys here: {', '.join(sorted(known))}; see training/configs"
            )
    made = {}
    for key, value in values.items():
        target = _dataclass_of(hints[key])
        if target is not None and isinstance(value, dict):
            value = from_dict(target, value, f"{where}{key}.")
        elif isinstance(value, list):
            value = tuple(value)
        elif hints[key] is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        elif hints[key] in (int, float, bool, str) and type(value) is not hints[key]:
            raise UserError(f"{where}{key} must be {hints[key].__name__}, not {value!r}")
        made[key] = value
    return kind(**made)


def _dataclass_of(hint: Any) -> type | None:
    """The dataclass that a field's type is or may be (`X | None`)."""
    options = getattr(hint, "__args__", (hint,)) if not isinstance(hint, type) else (hint,)
    return next((option for option in options if isinstance(option, type) and is_dataclass(option)), None)


def load_config(path_or_name: str | Path) -> TrainingConfig:
    """The config in a TOML file, or one of training/configs by its bare name.

    Raises UserError when there is no such file, it is not TOML, or a key is unknown.
    """
    path = Path(path_or_name)
    if not path.suffix:
        path = CONFIGS / f"{path_or_name}.toml"
    try:
        values = tomllib.loads(path.read_text())
    except FileNotFoundError:
        names = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.toml")))
        raise UserError(f"no config {path_or_name}", f"give a TOML file or one of: {names}") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is not valid TOML: {error}") from None
    values.setdefault("name", path.stem)
    return from_dict(TrainingConfig, values)
