"""Products that stay on the calling thread.

NumPy hands large products to BLAS threads (OpenBLAS: above 262,144 multiply-adds for a matrix, 9,216 for a vector,
10,000 samples for an inner product). For the sizes met here that gains nothing on an idle machine and costs ten times
the work on a busy one (measured at 44.1 kHz in blocks of a second: 74 us a frame instead of 5), and the program
promises one thread. So large products are cut into pieces below those bounds.
"""

from __future__ import annotations

import numpy as np

MATRIX_LIMIT, VECTOR_LIMIT, INNER_LIMIT = 250_000, 9_000, 8_192


def product(rows: np.ndarray, matrix: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """rows [n, k] times matrix [k, m], or times a vector [k]; into `out` (C-contiguous) if given."""
    limit = MATRIX_LIMIT if matrix.ndim == 2 else VECTOR_LIMIT
    piece = max(1, limit // matrix.size)
    if rows.shape[0] <= piece:
        return np.dot(rows, matrix, out=out)
    if out is None:
        out = np.empty((rows.shape[0], *matrix.shape[1:]), np.result_type(rows, matrix))
    for start in range(0, rows.shape[0], piece):
        np.dot(rows[start : start + piece], matrix, out=out[start : start + piece])
    return out


def energy(samples: np.ndarray) -> float:
    """Sum of squares of samples [n]. Inf where it overflows, without a warning: np.vdot gives none, np.dot would."""
    if samples.size <= INNER_LIMIT:
        return float(np.vdot(samples, samples))
    pieces = (samples[start : start + INNER_LIMIT] for start in range(0, samples.size, INNER_LIMIT))
    return float(sum(float(np.vdot(piece, piece)) for piece in pieces))
