"""The last safeguard: enhanced sound never leaves full scale.

A memoryless soft clipper, on purpose: a limiter that looks ahead would add latency, one that releases slowly would
change the level of what follows. Below -1 dBFS it is the identity, so that it only ever touches what would clip.
"""

from __future__ import annotations

import numpy as np

THRESHOLD = 10.0 ** (-1.0 / 20.0)  # -1 dBFS
_KNEE = 1.0 - THRESHOLD


def limit(samples: np.ndarray) -> None:
    """Bends samples beyond -1 dBFS towards full scale, in place: none ends beyond +-1; all others stay as they are.

    Shapes: samples float32, any. Above the threshold t the magnitude r becomes t + (1 - t) tanh((r - t) / (1 - t)):
    continuous with its slope.
    """
    magnitude = np.abs(samples)
    loud = magnitude > THRESHOLD
    if loud.any():
        over = np.tanh((magnitude[loud] - THRESHOLD) / _KNEE)
        bent = np.minimum(THRESHOLD + _KNEE * over, 1.0)
        samples[loud] = np.copysign(bent, samples[loud])
