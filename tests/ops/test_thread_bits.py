"""The bits of bare calls, outside of any layer, are the same with any number of threads.

Which shapes OpenBLAS would cut, and whether a cut changes bits, differs from processor to processor: hence many of them, some
at the edges of its blocks. Each function below reaches a product of matrices, a product with a vector, or LAPACK.
"""

import numpy as np
import pytest

import kerasnp
from kerasnp import ops
from kerasnp import backend as K
from kerasnp.backend import threads

SHAPES = [(40, 130, 50), (127, 33, 127), (129, 100, 67), (257, 16, 257), (65, 257, 65), (200, 31, 333), (3, 700, 900)]


def normal(*shape, dtype="float32"):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


def square(n):
    return normal(n, n) + n**0.5 * np.eye(n, dtype="float32")


def positive(n):
    a = normal(n, n)
    return a + a.T + 4 * n**0.5 * np.eye(n, dtype="float32")


PRODUCTS = {
    "matmul": lambda m, k, n: ops.matmul(normal(m, k), normal(k, n)),
    "matmul_transposed": lambda m, k, n: ops.matmul(normal(k, m).T, normal(n, k).T),
    "matmul_batch": lambda m, k, n: ops.matmul(normal(2, m, k), normal(2, k, n)),
    "matmul_float64": lambda m, k, n: ops.matmul(normal(m, k, dtype="float64"), normal(k, n, dtype="float64")),
    "gram": lambda m, k, n: ops.matmul(normal(m, k), normal(m, k).T),
    "vector": lambda m, k, n: ops.matmul(normal(m * k), normal(m * k, 7)),
    "row_sums": lambda m, k, n: K.sum_rows(normal(m * k, n)),
    "dense": lambda m, k, n: ops.dense(normal(m, k), normal(k, n), normal(n)),
    "dot": lambda m, k, n: ops.dot(normal(m, k), normal(k, n)),
    "inner": lambda m, k, n: ops.inner(normal(m, k), normal(n, k)),
    "tensordot": lambda m, k, n: ops.tensordot(normal(m, k), normal(k, n), 1),
    "tensordot_axes": lambda m, k, n: ops.tensordot(normal(m, 2, k), normal(k, 2, n), ([1, 2], [1, 0])),
    "einsum": lambda m, k, n: ops.einsum("ab,bc->ac", normal(m, k), normal(k, n)),
    "einsum_batch": lambda m, k, n: ops.einsum("abc,cd->abd", normal(2, m, k), normal(k, n)),
    "einsum_three": lambda m, k, n: ops.einsum("ab,bc,cd->ad", normal(m, k), normal(k, n), normal(n, 9)),
    "attention": lambda m, k, n: ops.dot_product_attention(*3 * [normal(1, m, 2, 1 + k % 97)]),
    "lstm": lambda m, k, n: kerasnp.layers.LSTM(1 + n % 150)(normal(m, 2, k)),
    "conv": lambda m, k, n: ops.conv(normal(1, m, 1 + k % 49), normal(3, 1 + k % 49, n)),
    "group_norm": lambda m, k, n: kerasnp.layers.GroupNormalization(1)(normal(m, n, k)),
    "cdist": lambda m, k, n: ops.cdist(normal(m, k), normal(n, k)),
    "orthogonal": lambda m, k, n: kerasnp.initializers.Orthogonal(seed=1)((m, n)),
    "muon": lambda m, k, n: kerasnp.optimizers.Muon().orthogonal(normal(m, k)),
}
FACTORS = {
    "inv": lambda n: ops.inv(square(n)),
    "det": lambda n: ops.det(square(n) / n),
    "slogdet": lambda n: ops.slogdet(square(n)),
    "solve": lambda n: ops.solve(square(n), normal(n, n)),
    "cholesky": lambda n: ops.cholesky(positive(n)),
    "qr": lambda n: ops.qr(normal(n, n)),
    "eigh": lambda n: ops.eigh(positive(n)),
    "svd": lambda n: ops.svd(normal(n, n)),
    "lstsq": lambda n: ops.lstsq(normal(2 * n, n), normal(2 * n)),
    "spectral_norm": lambda n: ops.norm(normal(n, n), ord=2),
}


def bits(function, *args):
    found, before = [], threads.get_num_threads()
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            kerasnp.utils.set_random_seed(0)
            found.append([np.asarray(y).tobytes() for y in kerasnp.tree.flatten(function(*args))])
    finally:
        threads.set_num_threads(before)
    return found


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("function", PRODUCTS.values(), ids=PRODUCTS)
def test_products(function, shape):
    one, two, three = bits(function, *shape)
    assert one == two == three


@pytest.mark.parametrize("n", [65, 130, 257])
@pytest.mark.parametrize("function", FACTORS.values(), ids=FACTORS)
def test_factorizations(function, n):
    one, two, three = bits(function, n)
    assert one == two == three
