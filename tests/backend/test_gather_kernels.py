"""Sums into rows, against their definition."""

import numpy as np
import pytest

from kerasnp.backend import gather, reference


@pytest.fixture(params=["by counting where small", "row by row where not crowded", "always row by row"])
def way(request, monkeypatch):
    """Every way to compute, however small the arrays of a test."""
    if request.param != "by counting where small":
        monkeypatch.setattr(gather, "SMALL", 0)
    if request.param == "always row by row":
        monkeypatch.setattr(gather, "CROWDED", 1 << 30)
        monkeypatch.setattr(gather, "FEW", 2)


@pytest.mark.parametrize(
    "rows, columns, n", [(7, 3, 40), (1000, 5, 20), (3, 1, 0), (1, 4, 9), (50, 2, 1), (300, 2, 900), (3, 2, 400)]
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_add_rows(way, rows, columns, n, dtype):
    rng = np.random.default_rng(0)
    indices = rng.integers(0, rows, n)
    values = rng.integers(-5, 5, (n, columns)).astype(dtype)
    y = gather.add_rows(indices, values, rows)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, reference.add_rows(indices, values, rows))
    out = np.full((rows, columns), 9, dtype)
    assert gather.add_rows(indices, values, rows, out) is out
    np.testing.assert_array_equal(out, y)


def test_a_few_crowded_rows_among_many(way):
    rng = np.random.default_rng(0)
    indices = np.where(rng.random(2000) < 0.3, rng.integers(0, 3, 2000), rng.integers(0, 900, 2000))
    values = rng.integers(-50, 50, (2000, 3)).astype("float32")
    np.testing.assert_array_equal(gather.add_rows(indices, values, 900), reference.add_rows(indices, values, 900))


def test_crowded_rows_are_summed_in_double_precision():
    values = np.full((100_000, 1), 0.1, "float32")
    assert gather.add_rows(np.zeros(100_000, int), values, 1)[0, 0] == np.float32(100_000 * float(np.float32(0.1)))
