"""Products cut into pieces equal the whole ones."""

import numpy as np
import pytest

from enhancer.one_thread import energy, product


@pytest.mark.parametrize("shape", [(1, 512, 16), (100, 512, 16), (301, 226, 160), (3, 700, 700)])
def test_matrix_products_equal_numpys(shape):
    rng = np.random.default_rng(0)
    count, inner, width = shape
    rows, matrix = rng.standard_normal((count, inner)), rng.standard_normal((inner, width))
    np.testing.assert_allclose(product(rows, matrix), rows @ matrix, atol=1e-10)
    np.testing.assert_allclose(product(rows, matrix[:, 0]), rows @ matrix[:, 0], atol=1e-10)
    out = np.empty((count, width))
    assert product(rows, matrix, out=out) is out
    np.testing.assert_allclose(out, rows @ matrix, atol=1e-10)


@pytest.mark.parametrize("size", [0, 1, 8_192, 8_193, 100_000])
def test_energy_is_the_sum_of_squares(size):
    samples = np.random.default_rng(1).standard_normal(size).astype(np.float32)
    assert energy(samples) == pytest.approx(float(np.square(samples, dtype=np.float64).sum()), rel=1e-5)


def test_energy_overflows_to_infinity_quietly():
    with np.errstate(all="raise"):
        assert energy(np.full(10_000, 1e30, np.float32)) == np.inf
        assert np.isnan(energy(np.full(10, np.nan, np.float32)))
