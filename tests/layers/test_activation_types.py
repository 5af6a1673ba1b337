"""Activations of lists, integers and other floats: the types of Keras."""

import numpy as np
import pytest

from kerasnp import KerasTensor, activations, ops, regularizers

NAMES = """celu elu exponential gelu glu hard_shrink hard_sigmoid hard_sigmoid_keras2 hard_silu leaky_relu log_sigmoid
log_softmax mish relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax
squareplus tanh tanh_shrink""".split()


@pytest.mark.parametrize("name", NAMES)
def test_of_lists_integers_and_floats(name):
    f = activations.get(name)
    expected = np.asarray(f(np.float64([[1, 2, -1, 0]])))
    assert expected.dtype == np.float64
    for x, dtype in (
        ([[1, 2, -1, 0]], "float32"),
        ([[1.0, 2.0, -1.0, 0.0]], "float32"),
        (np.int32([[1, 2, -1, 0]]), "float32"),
        (np.float16([[1, 2, -1, 0]]), "float16"),
    ):
        y = f(x)
        assert y.dtype == dtype
        np.testing.assert_allclose(y, expected, rtol=3e-3 if dtype == "float16" else 1e-6, atol=1e-6)
    for dtype in ("float32", "int32"):
        y = f(KerasTensor((None, 4), dtype))
        assert (y.shape, y.dtype) == ((None, expected.shape[1]), "float32")


def test_integers_stay_integers_where_nothing_makes_floats_of_them():
    for f in (activations.relu, activations.hard_tanh, activations.linear):
        assert f(np.int32([3, -2])).dtype == np.int32


def test_orthogonal_penalty_of_a_list():
    penalty = regularizers.OrthogonalRegularizer()
    for rows in ([[1.0, 2.0], [3.0, 4.0]], [[1, 2], [3, 4]]):
        assert abs(float(penalty(rows)) - 0.009838698) < 1e-7 and penalty(rows).dtype == "float32"
    with pytest.raises(ValueError, match="must be a matrix"):
        penalty([1.0, 2.0])


def test_the_slope_of_celu_at_zero():
    from kerasnp import Tape, Variable

    x = Variable([0.0])
    with Tape() as tape:
        y = ops.celu(x)
    assert tape.gradient(y, x).tolist() == [1.0]
