"""Models that take several arrays: lists, tuples and dictionaries of them through fit, evaluate and predict."""

import warnings

import numpy as np
import pytest

import kerasnp
from kerasnp import layers, ops

N = 24


class Pair(kerasnp.Model):
    def __init__(self):
        super().__init__()
        self.left, self.right = layers.Dense(1), layers.Dense(1)

    def call(self, inputs):
        a, b = (inputs["a"], inputs["b"]) if isinstance(inputs, dict) else inputs
        return self.left(a) + self.right(b)


def arrays():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((N, 3)).astype("float32"), rng.standard_normal((N, 2)).astype("float32")
    return a, b, a.sum(1, keepdims=True) - b[:, :1]


def model():
    kerasnp.utils.set_random_seed(1)
    made = Pair()
    made.compile(kerasnp.optimizers.SGD(0.1), "mse")
    return made


A, B, Y = arrays()


@pytest.mark.parametrize("x", [[A, B], (A, B), {"a": A, "b": B}], ids=["list", "tuple", "dictionary"])
def test_every_structure_trains_alike(x):
    m = model()
    losses = m.fit(x, Y, batch_size=5, epochs=8, validation_split=0.25, verbose=0).history
    assert losses["loss"][-1] < 0.2 * losses["loss"][0] and losses["val_loss"][-1] < losses["val_loss"][0]
    y = m.predict(x, batch_size=7, verbose=0)
    np.testing.assert_allclose(y, m(x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(m.evaluate(x, Y, verbose=0), np.mean((y - Y) ** 2), rtol=1e-5)


def test_shuffled_rows_stay_together():
    class Check(kerasnp.Model):
        def train_step(self, data):
            x, y = data
            assert np.array_equal(x[0][:, 0], x[1][:, 0]) and np.array_equal(x[0][:, :1], y)
            return {"loss": 0.0}

        def call(self, inputs):
            return ops.add(*inputs)

    m = Check()
    m.compile("sgd", "mse")
    numbers = np.arange(20.0, dtype="float32")[:, None]
    m.fit([numbers, numbers], numbers, batch_size=6, shuffle=True, verbose=0)


def test_batches_that_hold_several():
    m, stepwise = model(), model()
    batches = [((A[i : i + 6], B[i : i + 6]), Y[i : i + 6]) for i in range(0, N, 6)]
    m.fit(iter(batches), verbose=0)
    for x, y in batches:
        stepwise.train_on_batch(list(x), y)
    np.testing.assert_allclose(m.predict_on_batch([A, B]), stepwise.predict_on_batch([A, B]), rtol=1e-6)


def test_arrays_in_files(tmp_path):
    np.save(tmp_path / "a.npy", A)
    stored = np.load(tmp_path / "a.npy", mmap_mode="r")
    m, in_memory = model(), model()
    for each, x in ((m, [stored, B]), (in_memory, [A, B])):
        each.fit(x, Y, batch_size=5, shuffle=False, verbose=0)
    np.testing.assert_array_equal(m.predict([stored, B], verbose=0), in_memory.predict([A, B], verbose=0))


def test_one_input_may_stand_in_a_list():
    stack = kerasnp.Sequential([layers.Dense(1, kernel_initializer="zeros")])
    stack.compile("sgd", "mse")
    first = stack.evaluate(A, Y, verbose=0)
    np.testing.assert_allclose(stack.evaluate([A], [Y], verbose=0), first)
    assert stack.fit([A], [Y], validation_split=0.25, verbose=0).history.keys() == {"loss", "val_loss"}
    np.testing.assert_array_equal(stack.predict([A], verbose=0), stack.predict(A, verbose=0))
    np.testing.assert_array_equal(stack.predict([A[0]], verbose=0), stack.predict(A[:1], verbose=0))  # a row is a sample

    class First(kerasnp.Model):
        def call(self, inputs):
            return inputs[0] * 2.0

    np.testing.assert_array_equal(First().predict([A], verbose=0), A * 2)


def test_an_epoch_counts_samples_and_not_inputs():
    def batches():
        for i in range(3):
            yield [A[: 4 + i], B[: 4 + i]], Y[: 4 + i]

    class Twice:
        def __iter__(self):
            return batches()

    with warnings.catch_warnings():
        warnings.simplefilter("error", kerasnp.warnings.SampleCount)
        model().fit(Twice(), epochs=2, verbose=0)
        ends = []
        watch = kerasnp.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(watch.model._run.samples))
        model().fit([A, B], Y, epochs=1, verbose=0, callbacks=[watch])
    assert ends == [N]


def test_errors():
    with pytest.raises(ValueError, match="x has 24, input 1 has 10"):
        model().fit([A, B[:10]], Y, verbose=0)
    stack = kerasnp.Sequential([layers.Dense(1)])
    stack.compile("sgd", "mse")
    with pytest.raises(ValueError, match="was given several inputs.*its first layer takes one"):
        stack.fit([A, B], Y, verbose=0)


class Branches(layers.Layer):
    def call(self, x):
        return {"sum": x["a"] + x["b"], "a": x["a"]}


class Product(layers.Layer):
    def call(self, x):
        return x["sum"] * x["a"]


def test_the_first_layer_of_a_stack_may_merge_several_inputs():
    stack = kerasnp.Sequential([layers.Concatenate(), layers.Dense(4), layers.Dense(1)])
    assert not stack.built
    stack.compile("sgd", "mse")
    losses = stack.fit([A, B], Y, epochs=3, verbose=0).history["loss"]
    assert losses[2] < losses[0] and len(stack.weights) == 4
    x = stack.layers[1](np.concatenate([A, B], 1))
    np.testing.assert_allclose(stack.predict([A, B], verbose=0), stack.layers[2](x), rtol=1e-5)
    assert stack.compute_output_shape([(None, 3), (None, 2)]) == (None, 1)
    assert not hasattr(stack, "input_shape") and "build_input_shape" not in stack.get_config()  # as in Keras
    assert "(None, 5)" in stack.summary(print_fn=lambda text: None)
    stack.pop()
    assert stack([A, B]).shape == (24, 4)


def test_a_stack_may_pass_dictionaries_from_layer_to_layer(tmp_path):
    stack = kerasnp.Sequential([Branches(), Product(), layers.Dense(1)])
    stack.compile("sgd", "mse")
    data = {"a": A, "b": 2 * A}
    stack.fit(data, Y, verbose=0)
    np.testing.assert_allclose(stack.predict(data, verbose=0), stack.layers[2](3 * A * A), rtol=1e-5)
    assert "(None, 3), (None, 3)" in stack.summary(print_fn=lambda text: None)
    stack.save(tmp_path / "stack.keras")
    custom = {"Branches": Branches, "Product": Product}
    loaded = kerasnp.models.load_model(tmp_path / "stack.keras", custom_objects=custom)
    np.testing.assert_array_equal(loaded.predict(data, verbose=0), stack.predict(data, verbose=0))
    only = kerasnp.Sequential([Branches()])
    assert {k: v.shape for k, v in only.predict(data, verbose=0).items()} == {"a": (24, 3), "sum": (24, 3)}


def test_a_stack_with_nothing_but_its_input_goes_into_another():
    inner = kerasnp.Sequential([kerasnp.Input((3,))])
    outer = kerasnp.Sequential([inner, layers.Dense(2)])
    assert outer.output_shape == (None, 2)
    np.testing.assert_array_equal(outer(A), outer.layers[1](A))
