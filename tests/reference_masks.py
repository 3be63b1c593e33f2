"""The mask formulas of `enhancer.features.MaskApplication` written out, as what it is held against."""

import numpy as np

from enhancer.features import TINY


def bound_mask(delta: np.ndarray) -> np.ndarray:
    """The complex mask m = 1 + delta, its magnitude kept up to 1 and bent to stay below 2 above.

    Shapes: delta float32 [..., 2, bins], real and imaginary; returns complex64 [..., bins]. Above one the magnitude r
    becomes 1 + tanh(r - 1), continuous with its slope, so that an untrained network (delta = 0) passes speech exactly.
    """
    mask = np.empty(delta.shape[:-2] + delta.shape[-1:], np.complex64)
    np.add(delta[..., 0, :], 1.0, out=mask.real)
    mask.imag = delta[..., 1, :]
    magnitude = np.abs(mask)
    if magnitude.max(initial=0.0) > 1.0:
        over = np.maximum(magnitude, 1.0)
        mask *= np.where(magnitude > 1.0, (1.0 + np.tanh(over - 1.0)) / over, np.float32(1.0))
    return mask


def floor_mask(mask: np.ndarray, floor: np.ndarray | float) -> np.ndarray:
    """`mask` with its magnitude lifted to at least `floor` (0..1), its phase kept; where it is zero, phase zero.

    Limits the attenuation without adding the noisy spectrum back, which would cancel where phases oppose.
    Shapes: mask complex64 [..., bins]; floor broadcasts against it.
    """
    magnitude = np.abs(mask)
    lifted = mask * (np.maximum(magnitude, floor) / np.maximum(magnitude, np.float32(TINY)))
    return np.where(magnitude > TINY, lifted, np.asarray(floor, np.complex64)).astype(np.complex64)


def led_gains(high_gain: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """The gains above 8 kHz, times four times the mask's mean power over the bins 64..255 (2 to 8 kHz), at most by one.

    Shapes: high_gain float32 [..., 16]; delta as in `bound_mask`; magnitudes above one count as one.
    """
    magnitude = np.minimum(np.hypot(1.0 + delta[..., 0, 64:], delta[..., 1, 64:]), 1.0)
    return high_gain * np.minimum(4.0 * np.mean(magnitude**2, axis=-1, keepdims=True), 1.0)
