"""The check of gradients: that it passes right ones, catches wrong ones, and says clearly what it found."""

import numpy as np
import pytest

import kerasnp
from kerasnp import Operator, Variable, gradcheck, ops
from kerasnp.autodiff.gradcheck import GradientError

rng = np.random.default_rng(0)
A, B = rng.standard_normal((3, 4)), rng.standard_normal((4, 2))


class Product(Operator):
    """y = a @ b, its gradient of b off by a factor."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def forward(self, a, b):
        self.save(a, b)
        return a @ b

    def backward(self, dy):
        a, b = self.saved
        return dy @ b.T, self.factor * (a.T @ dy)


def test_right_gradients_pass():
    assert set(gradcheck(lambda a, b: Product()(a, b), A, B)) == {"input 0", "input 1"}
    assert set(gradcheck(ops.matmul, A, B, names=["a", "b"])) == {"a", "b"}
    assert gradcheck(Product(), A, B)


def test_a_thousandth_fails_and_names_the_input():
    with pytest.raises(GradientError, match=r"relative error above 1e-05\): weights by 0.001") as caught:
        gradcheck(lambda a, b: Product(1.001)(a, b), A, B, names=["x", "weights"])
    assert caught.value.errors["weights"] == pytest.approx(1e-3, rel=0.1)
    assert caught.value.errors["x"] < 1e-6


@pytest.mark.parametrize("wrong", [None, 0.0, np.nan, -1.0])
def test_missing_zero_and_nan_gradients_fail(wrong):
    class Bad(Operator):
        def forward(self, x):
            return x * x

        def backward(self, dy):
            return None if wrong is None else dy * wrong

    with pytest.raises(GradientError):
        gradcheck(lambda x: Bad()(x), A)


def test_several_outputs():
    errors = gradcheck(lambda a: (ops.exp(a), [1, 2], ops.sum(a), ops.argmax(a)), A)
    assert list(errors) == ["input 0"]

    class Halves(Operator):
        def forward(self, x):
            return x * 2, x * 3

        def backward(self, dy, dz):
            return 2 * dy + 3.01 * dz

    with pytest.raises(GradientError):
        gradcheck(lambda x: Halves()(x), A)


def test_integers_pass_through_and_weights_are_restored():
    weight = Variable(B, dtype="float64", trainable=False)
    errors = gradcheck(lambda a, i, w: ops.matmul(ops.take(a, i, axis=0), w), A, np.array([0, 2, 2]), weight)
    assert list(errors) == ["input 0", "input 2"]
    np.testing.assert_array_equal(weight.value, B)


def test_weights_are_restored_after_an_error():
    weight = Variable(B, dtype="float64")
    calls = []

    def fn(w):
        calls.append(1)
        if len(calls) > 2:
            raise ArithmeticError
        return ops.exp(w)

    with pytest.raises(ArithmeticError):
        gradcheck(fn, weight)
    np.testing.assert_array_equal(weight.value, B)


def test_scalars_empties_and_large_numbers():
    assert gradcheck(ops.square, 3.0)["input 0"] < 1e-5
    assert gradcheck(ops.square, np.zeros((0, 3))) == {"input 0": 0.0}
    assert gradcheck(lambda x: ops.sum(ops.square(x)), 1e6 + rng.standard_normal(5))["input 0"] < 1e-5


def test_wrong_use():
    with pytest.raises(ValueError, match="at least one float input. Received: ndarray of int64"):
        gradcheck(ops.exp, np.array([1, 2]))
    with pytest.raises(ValueError, match="one name for each of the 2 inputs"):
        gradcheck(ops.matmul, A, B, names=["a"])
    with pytest.raises(GradientError, match="no output depends on a float input"):
        gradcheck(lambda x: ops.stop_gradient(x) * 2, A)
    noise = np.random.default_rng(1)
    with pytest.raises(ValueError, match="the same each time"):
        gradcheck(lambda x: x * noise.standard_normal(), A)


class Lossy(kerasnp.layers.Layer):
    """a * a + b * b, whose gradient forgets b."""

    def call(self, inputs):
        a, b = inputs
        return ops.tanh(a) * a + ops.stop_gradient(ops.tanh(b) * b)


def test_a_stack_of_several_inputs():
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(4, 3)), rng.normal(size=(4, 3))]
    right = kerasnp.Sequential([kerasnp.layers.Multiply(), kerasnp.layers.Dense(2, activation="tanh")])
    right.compile("sgd", "mse")
    kerasnp.gradcheck(right, inputs, np.ones((4, 2)))
    with pytest.raises(GradientError, match="input 1") as caught:
        kerasnp.gradcheck(kerasnp.Sequential([Lossy(), kerasnp.layers.Dense(2)]), inputs)
    assert caught.value.errors["input 0"] < 1e-5
