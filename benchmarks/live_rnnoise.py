"""The live engine with RNNoise in the place of our network: `python -m benchmarks.live_rnnoise OPTIONS`.

For comparison only. Process, threads, rings, drift control, bypass, meters and limiter are the engine's own; between
them, RNNoise's C library does what analysis, features, network, mask and synthesis do.
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.peers import RNNoise
from enhancer.engine import Enhancer
from enhancer.evaluation.peers import PEERS
from enhancer.live import engine, process
from enhancer.sample_queue import SampleQueue

DELAY = PEERS["rnnoise"].delay


class RNNoiseEnhancer(Enhancer):
    """An `Enhancer` of one channel at 48 kHz whose frames RNNoise enhances; without attenuation limit."""

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self.latency_samples = DELAY
        self._dry = SampleQueue(1, DELAY + 2 * RNNoise.hop, silence=DELAY)

    def reset(self) -> None:
        """Back to a new stream."""
        super().reset()
        self._rnnoise = RNNoise()

    def _enhance(self, samples: np.ndarray) -> np.ndarray:
        """Whole hops [1, frames * 480], as late as RNNoise makes them."""
        hops = samples.reshape(-1, RNNoise.hop)
        return np.concatenate([self._rnnoise.process(hop) for hop in hops])[None]


if __name__ == "__main__":
    engine.Enhancer = RNNoiseEnhancer  # type: ignore[misc]
    sys.exit(process.main(sys.argv[1:]))
