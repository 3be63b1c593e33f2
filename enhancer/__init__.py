"""Speech enhancement: the whole public API on one screen.

    import enhancer

    clean = enhancer.denoise(noisy, sample_rate)            # a whole signal: aligned, same length
    stream = enhancer.Enhancer(48_000, channels=2)          # any block size, late by stream.latency_samples
    block_out = stream.process(block_in)
    rest = stream.flush()

Everything a user can mend is raised as `enhancer.UserError` (or a child of it). Names are looked up when first used, so
that `import enhancer` loads neither numpy nor onnxruntime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from enhancer.errors import InputError, ModelError, OutputError, UserError
from enhancer.version import __version__

if TYPE_CHECKING:
    from enhancer.engine import Enhancer, Stats, denoise
    from enhancer.model import Student

__all__ = [
    "Enhancer",
    "InputError",
    "ModelError",
    "OutputError",
    "Stats",
    "Student",
    "UserError",
    "__version__",
    "denoise",
]

_HOMES = {"Enhancer": "engine", "Stats": "engine", "denoise": "engine", "Student": "model"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'enhancer' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"enhancer.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
