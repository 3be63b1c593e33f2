"""The systems that can be rows of an evaluation: each turns a mixture into an estimate, and says what it depends on.

They are small and pickle; what they load is loaded once a process, and not counted as their cost.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from enhancer.errors import ConfigError, InputError
from enhancer.evaluation.peers import PEERS, Peer
from enhancer.evaluation.peers import enhance as through_peer
from training.data.fixed_sets import Item
from training.teachers import load_teacher
from training.teachers.base import Teacher

if TYPE_CHECKING:
    from enhancer.model import Student
    from training.networks import BandRecurrentNet


class System(Protocol):
    """One row. `label` is its name in tables, unlike any other's."""

    @property
    def label(self) -> str: ...

    def version(self) -> str:
        """What its output depends on. Raises UserError when it cannot run here."""
        ...

    def enhance(self, item: Item) -> tuple[np.ndarray, float]:
        """Its estimate of item.clean, [N], aligned, and the processor seconds it took without loading."""
        ...


@dataclass(frozen=True)
class Noisy:
    """The mixture as it is."""

    label: str = "noisy"

    def version(self) -> str:
        return ""

    def enhance(self, item: Item) -> tuple[np.ndarray, float]:
        return item.noisy, 0.0


@dataclass(frozen=True)
class Exported:
    """A student as it runs for users: an ONNX file through `enhancer.denoise`; the shipped one without a path."""

    label: str
    path: Path | None = None

    def version(self) -> str:
        from training.fingerprint import computation_sha256, signal_path_sha256

        return f"{signal_path_sha256()} {computation_sha256(_student(self.path).info.path)}"

    def enhance(self, item: Item) -> tuple[np.ndarray, float]:
        from enhancer.engine import denoise

        student = _student(self.path)
        began = time.process_time()
        return denoise(item.noisy, item.sample_rate, model=student), time.process_time() - began


@dataclass(frozen=True)
class Network:
    """The averaged weights of a checkpoint through torch: students and teachers of our own, causal or not."""

    label: str
    path: Path

    def version(self) -> str:
        if not self.path.is_file():
            raise InputError(f"no checkpoint at {self.path}", "give a file such as runs/NAME/checkpoint.safetensors")
        _network(self.path)
        return _digest(self.path)

    def enhance(self, item: Item) -> tuple[np.ndarray, float]:
        from training.evaluate import enhance

        network = _network(self.path)
        began = time.process_time()
        return enhance(network, item.noisy, item.sample_rate), time.process_time() - began


@dataclass(frozen=True)
class External:
    """An external teacher, at the level that it is given in training; those of 16 kHz hear 48 kHz items resampled."""

    name: str

    @property
    def label(self) -> str:
        return f"teacher {self.name}"

    def version(self) -> str:
        return _teacher(self.name, 16_000).sha256

    def enhance(self, item: Item) -> tuple[np.ndarray, float]:
        import soxr

        teacher = _teacher(self.name, item.sample_rate)
        began = time.process_time()
        inside = soxr.resample(item.noisy, item.sample_rate, teacher.sample_rate, "HQ")
        out = soxr.resample(teacher.enhance(inside), teacher.sample_rate, item.sample_rate, "HQ")
        spent = time.process_time() - began
        return np.pad(out, (0, max(0, len(item.noisy) - len(out))))[: len(item.noisy)], spent


@dataclass(frozen=True)
class Other:
    """A peer of `enhancer.evaluation.peers`; oracles hear the clean signal too."""

    label: str

    def version(self) -> str:
        return PEERS[self.label].describe()

    def enhance(self, item: Item) -> tuple[np.ndarray, float]:
        _warm(self.label)
        out, spent = through_peer(PEERS[self.label], item.noisy[:, None], item.sample_rate, item.clean[:, None])
        return out[:, 0], spent


def chosen_systems(
    checkpoints: Sequence[Path], models: Sequence[str], teachers: Sequence[str], peers: Sequence[Peer]
) -> list[System]:
    """The rows in the order of the tables: noisy, checkpoints, ONNX models, teachers, peers.

    The model "shipped" is the student that users get; it is also taken when neither checkpoint nor model is named.
    """
    models = models if checkpoints or models else ["shipped"]
    systems: list[System] = [Noisy()]
    taken = {system.label for system in systems} | {peer.name for peer in peers}

    def unlike(label: str, path: Path) -> str:
        label = label if label not in taken else f"{label} ({path})"
        taken.add(label)
        return label

    systems += [Network(unlike(_name_of(path), path), path) for path in dict.fromkeys(checkpoints)]
    for model in dict.fromkeys(models):
        if model == "shipped":
            systems.append(Exported("shipped student"))
        else:
            systems.append(Exported(unlike(Path(model).stem, Path(model)), Path(model)))
    systems += [External(name) for name in dict.fromkeys(teachers)]
    return systems + [Other(peer.name) for peer in peers]


def _name_of(checkpoint: Path) -> str:
    """The run's name for a run's checkpoint, the file's name for any other."""
    run = checkpoint.resolve().parent.name
    return {"checkpoint": run, "best": f"{run} (best)"}.get(checkpoint.stem, checkpoint.stem)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@lru_cache(maxsize=8)
def _student(path: Path | None) -> Student:
    from enhancer.model import Student

    return Student(path)


@lru_cache(maxsize=8)
def _network(path: Path) -> BandRecurrentNet:
    from training.checkpoint import load_checkpoint
    from training.evaluate import averaged_network

    return averaged_network(load_checkpoint(path))


@lru_cache(maxsize=8)
def _teacher(name: str, sample_rate: int) -> Teacher:
    """The teacher for signals of that rate, or for 16 kHz where it knows no other."""
    try:
        return load_teacher(name, sample_rate)
    except ConfigError:
        return load_teacher(name)


@lru_cache(maxsize=32)
def _warm(name: str) -> None:
    """Lets a peer load what it needs."""
    hiss = np.random.default_rng(0).normal(0, 0.01, (16_000, 1)).astype(np.float32)
    through_peer(PEERS[name], hiss, 16_000, hiss)
