"""Group normalization, against its definition."""

import numpy as np
import pytest

from kerasnp.backend import norm_groups as fast
from kerasnp.backend import reference


@pytest.mark.parametrize(
    "shape, groups", [((3, 4, 5, 6), 2), ((2, 7, 4), 4), ((3, 6), 3), ((0, 4, 4), 2), ((2, 300, 8), 1)]
)
@pytest.mark.parametrize("affine", [True, False])
def test_forward_and_gradient(shape, groups, affine):
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, *shape))
    gamma, beta = rng.standard_normal((2, shape[-1])) if affine else (None, None)
    ours = fast.group_norm(x, gamma, beta, groups, 1e-3)
    plain = reference.group_norm(x, gamma, beta, groups, 1e-3)
    for a, b in zip(ours, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    ours = fast.group_norm_grad(dy, *ours[1:], gamma, groups)
    plain = reference.group_norm_grad(dy, *plain[1:], gamma, groups)
    for a, b in zip(ours, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_a_large_offset_costs_no_precision():
    x = (1e4 + np.random.default_rng(0).standard_normal((2, 500, 4))).astype("float32")
    y, _, _ = fast.group_norm(x, None, None, 2, 1e-3)
    np.testing.assert_allclose(y.reshape(2, 500, 2, 2).std(axis=(1, 3)), 1, rtol=1e-2)
