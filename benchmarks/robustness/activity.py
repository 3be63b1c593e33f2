"""Where there is speech in a clean signal, hop by hop: its active frames, its stretches between pauses, its pauses.

All work on hop levels: the level of the 20 ms around each 10 ms hop, in dB relative to the active level of the signal.
"""

from __future__ import annotations

import numpy as np

from enhancer.spectral import HOP_S
from training.data.levels import active_level_db, frame_powers

ACTIVE_DB = -15.9  # the margin of ITU-T P.56
AUDIBLE_DB = -25.0  # weak consonants at the edges of words, pre-emphasised, are less far down
OVER_FLOOR_DB = 10.0  # ... but in a recording with a noise floor of its own only what stands out of it is speech
SILENT_DB = -40.0
SHORTEST_S, BRIDGED_S = 0.20, 0.10  # of a stretch; of a gap within one, such as the closure of a stop
PAUSE_S, MARGIN_S = 0.20, 0.05  # of a pause; kept off its ends, where frames would still hear speech

Span = tuple[int, int]  # first hop, and the one after the last


def hop_energies(x: np.ndarray, sample_rate: int) -> np.ndarray:
    """Sum of squares in each 10 ms of x [N]; float64 [hops]."""
    hop = round(HOP_S * sample_rate)
    return frame_powers(np.asarray(x, np.float64), sample_rate, 1000 * HOP_S) * hop


def pre_emphasised(x: np.ndarray, sample_rate: int) -> np.ndarray:
    """x [N] through a first difference above 130 Hz (0.95 at 16 kHz): consonants weigh as vowels do, hum no more."""
    y = np.array(x, np.float64)
    y[1:] -= np.exp(-2 * np.pi * 130.0 / sample_rate) * y[:-1].copy()
    return y


def hop_levels(clean: np.ndarray, sample_rate: int) -> np.ndarray:
    """Level around each hop in dB re the active level, [hops]; -120 at the lowest, and for a silent signal."""
    hop = round(HOP_S * sample_rate)
    powers = np.convolve(hop_energies(clean, sample_rate), [0.25, 0.5, 0.25], mode="same") / hop
    active_db = active_level_db(clean, sample_rate)
    if active_db <= -100:
        return np.full(len(powers), -120.0)
    return np.maximum(10 * np.log10(np.maximum(powers, 1e-20)) - active_db, -120.0)


def stretches(levels: np.ndarray) -> list[Span]:
    """Words or phrases between pauses: hops of audible speech, short gaps bridged, short blips left out.

    A recording whose own noise is nearly as loud as weak consonants has a threshold above that noise.
    """
    sounding = levels[levels > -100]
    if not len(sounding):
        return []
    threshold = float(np.clip(np.percentile(sounding, 5) + OVER_FLOOR_DB, AUDIBLE_DB, ACTIVE_DB))
    spans: list[Span] = []
    for start, stop in _runs(levels > threshold):
        if spans and start - spans[-1][1] <= round(BRIDGED_S / HOP_S):
            spans[-1] = spans[-1][0], stop
        else:
            spans.append((start, stop))
    return [span for span in spans if span[1] - span[0] >= round(SHORTEST_S / HOP_S)]


def pauses(levels: np.ndarray) -> list[Span]:
    """Where nothing is said for at least 0.2 s, without 50 ms at either end."""
    margin = round(MARGIN_S / HOP_S)
    inner = [(start + margin, stop - margin) for start, stop in _runs(levels < SILENT_DB)]
    return [span for span in inner if span[1] - span[0] >= round(PAUSE_S / HOP_S) - 2 * margin]


def marked(spans: list[Span], hops: int) -> np.ndarray:
    """The spans as bool [hops]."""
    mask = np.zeros(hops, bool)
    for start, stop in spans:
        mask[max(start, 0) : max(stop, 0)] = True
    return mask


def frames_within(hops: np.ndarray, frames: int) -> np.ndarray:
    """The spectral frames whose whole 32 ms lie in marked hops: bool [frames]. Frame t ends with hop t."""
    padded = np.zeros(frames + 3, bool)
    padded[3 : 3 + min(len(hops), frames)] = hops[:frames]
    return padded[3:] & padded[2:-1] & padded[1:-2] & padded[:-3]


def _runs(mask: np.ndarray) -> list[Span]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
