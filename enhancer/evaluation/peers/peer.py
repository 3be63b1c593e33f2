"""What every peer is to those who use it: a name, where it comes from, its delay, and one way to run it."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np

from enhancer.evaluation.alignment import align
from enhancer.evaluation.peers.wheels import Wheel


class Stream(Protocol):
    """A streaming peer: frames of `hop` samples at `sample_rate`, float32 with full scale 1."""

    sample_rate: int
    hop: int

    def process(self, frame: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Peer:
    """A system: where it comes from, what its output lags by (samples at its own rate), and how to run it.

    It is in `package`, installed (then `module` finds it) or fetched as a `wheel`, or it needs nothing of the sort.
    One of three runs it: `stream` makes a fresh `Stream`; `whole` takes a whole signal, [n], sample rate -> [n], at
    `whole_rate` if that is given; `oracle` takes the clean signal too: noisy [n], clean [n], sample rate -> [n].
    """

    name: str
    title: str
    licence: str
    package: str = ""
    module: str = ""
    wheel: Wheel | None = None
    delay: int = 0
    stream: Callable[[], Any] | None = None
    whole: Callable[[np.ndarray, int], np.ndarray] | None = None
    whole_rate: int | None = None
    oracle: Callable[[np.ndarray, np.ndarray, int], np.ndarray] | None = None

    @property
    def here(self) -> bool:
        """Whether it can run on this machine now."""
        if self.wheel is not None:
            return self.wheel.fetched
        return not self.module or importlib.util.find_spec(self.module) is not None

    @property
    def command(self) -> str:
        """What brings it here; empty where nothing is needed."""
        if self.wheel is not None:
            return f"enhancer peers fetch {self.name}"
        return "pip install 'enhancer[peers]'" if self.module else ""

    def describe(self) -> str:
        """Title, package and its version."""
        if self.wheel is not None:
            return f"{self.title} of {self.wheel.package} {self.wheel.version}"
        return f"{self.title} of {self.package} {version(self.package)}" if self.module else self.title


def enhance(
    peer: Peer, signal: np.ndarray, sample_rate: int, clean: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """A whole signal through a peer: at its own rate, channel by channel, its delay taken off, brought back.

    Shapes: signal, and clean for an oracle, [n, channels] -> float32 [n, channels], and the processor seconds it took
    without loading the peer. Raises ValueError for an oracle without a clean signal of the same shape.
    """
    if peer.oracle is not None and (clean is None or clean.shape != signal.shape):
        raise ValueError(f"{peer.title} needs the clean signal, of the same length and channels")
    channels, costs = [], 0.0
    for number in range(signal.shape[1]):
        noisy = np.asarray(signal[:, number], np.float32)
        if peer.oracle is not None:
            assert clean is not None
            began = time.process_time()
            out = peer.oracle(noisy, np.asarray(clean[:, number], np.float32), sample_rate)
            cost = time.process_time() - began
        else:
            out, cost = _streamed(peer, noisy, sample_rate) if peer.stream else _at_once(peer, noisy, sample_rate)
        channels.append(align(np.asarray(out, np.float32), 0, len(noisy)))
        costs += cost
    return np.stack(channels, axis=1), costs


def _at_once(peer: Peer, signal: np.ndarray, sample_rate: int) -> tuple[np.ndarray, float]:
    import soxr

    assert peer.whole is not None
    rate = peer.whole_rate or sample_rate
    began = time.process_time()
    out = peer.whole(soxr.resample(signal, sample_rate, rate, "HQ"), rate)
    return soxr.resample(out, rate, sample_rate, "HQ"), time.process_time() - began


def _streamed(peer: Peer, signal: np.ndarray, sample_rate: int) -> tuple[np.ndarray, float]:
    import soxr

    assert peer.stream is not None
    stream: Stream = peer.stream()
    began = time.process_time()
    inside = soxr.resample(signal, sample_rate, stream.sample_rate, "HQ")
    length = -(-(len(inside) + peer.delay) // stream.hop) * stream.hop
    frames = align(inside, 0, length).reshape(-1, stream.hop)
    late = np.concatenate([stream.process(frame) for frame in frames])
    back = soxr.resample(align(late, peer.delay, len(inside)), stream.sample_rate, sample_rate, "HQ")
    return back, time.process_time() - began
