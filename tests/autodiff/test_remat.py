"""remat and RematScope: the numbers of the function itself, from less memory."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest

import kerasnp
from kerasnp import layers, ops
from kerasnp.autodiff.gradcheck import gradcheck


def kinds(tape):
    return [type(op).__name__ for op in tape.operators]


def gradients(f, *xs):
    """(values, gradients, operators) of f under a tape."""
    xs = [kerasnp.Variable(x) for x in xs]
    with kerasnp.Tape() as tape:
        y = f(*xs)
    found = kinds(tape)
    return y, tape.gradient(y, xs), found


def test_values_and_gradients_are_those_of_the_function():
    w = kerasnp.Variable(np.random.default_rng(0).normal(size=(3, 3)).astype("float32"))

    def f(x, scale=2.0):
        return ops.tanh(ops.matmul(x, w)) * ops.sum(x) * scale

    x = np.random.default_rng(1).normal(size=(2, 3)).astype("float32")
    for options in ({}, {"scale": 0.5}):
        found = []
        for g in (f, kerasnp.remat(f)):
            v = kerasnp.Variable(x)
            with kerasnp.Tape() as tape:
                y = g(v, **options)
            operators = kinds(tape)
            found.append((y.numpy(), *tape.gradient(y, [v, w])))
        assert operators == ["Remat"]
        for a, b in zip(*found):
            np.testing.assert_array_equal(a, b)
    gradcheck(kerasnp.remat(lambda x: ops.sin(x) * x), [x.astype("float64")])


def test_without_a_tape_it_is_the_function():
    f = kerasnp.remat(ops.exp)
    assert isinstance(f(np.zeros(2, "float32")), np.ndarray)
    assert kerasnp.remat(ops.exp).__name__ == "exp"


def test_structures_in_and_out():
    def f(pair):
        a, b = pair["a"], pair["b"]
        return {"sum": a + b, "rest": (a * b, a, 3)}

    def total(a, b):
        y = kerasnp.remat(f)({"a": a, "b": b})
        assert y["rest"][1] is a and y["rest"][2] == 3
        return y["sum"] * y["rest"][0] + y["rest"][1]

    y, (da, db), _ = gradients(total, 2.0, 3.0)
    assert float(y.value) == 32 and (float(da), float(db)) == (2 * 2 * 3 + 9 + 1, 4 + 2 * 2 * 3)


def test_what_comes_from_outside_keeps_its_gradient():
    def f(x):
        h = x * 2  # computed outside, read inside without being an argument
        return kerasnp.remat(lambda z: ops.sin(z) * h + h)(h) + h

    x = np.array([0.3, 1.0], "float32")
    _, (got,), _ = gradients(f, x)
    h = 2 * x
    np.testing.assert_allclose(got, 2 * (np.cos(h) * h + np.sin(h) + 2), rtol=1e-6)


def test_one_in_another():
    inner = kerasnp.remat(lambda x: ops.sin(x) * x)
    y, (dx,), found = gradients(kerasnp.remat(lambda x: inner(inner(x)) + x), np.array([0.5], "float32"))
    plain, (dp,), _ = gradients(lambda x: (lambda z: ops.sin(z) * z)(ops.sin(x) * x) + x, np.array([0.5], "float32"))
    assert found == ["Remat", "Add"] or found == ["Remat"]
    np.testing.assert_array_equal(y.value, plain.value)
    np.testing.assert_allclose(dx, dp, rtol=1e-6)


def test_a_persistent_tape_and_watched_variables():
    x = kerasnp.Variable([1.0, 2.0], trainable=False)
    with kerasnp.Tape(persistent=True) as tape:
        tape.watch(x)
        y = kerasnp.remat(ops.square)(x)
    for _ in range(2):
        np.testing.assert_array_equal(tape.gradient(y, x), [2, 4])


def test_chance_is_the_same_the_second_time():
    dropout = layers.Dropout(0.5, seed=1)
    x = np.ones((4, 50), "float32")
    y, (dx,), _ = gradients(kerasnp.remat(lambda x: dropout(x, training=True)), x)
    np.testing.assert_array_equal(dx, y.value)
    assert dropout.seed_generator.state.value[1] == 1  # drawn once
    later = dropout(x, training=True)
    assert not np.array_equal(later, y.value)


def test_variables_are_assigned_once():
    norm = layers.BatchNormalization(momentum=0.5)
    norm.build((None, 2))
    x = np.array([[0.0, 4.0], [2.0, 8.0]], "float32")
    _, _, found = gradients(kerasnp.remat(lambda x: norm(x, training=True)), x)
    assert found == ["Remat"]
    np.testing.assert_allclose(norm.moving_mean.value, [0.5, 3.0])


class Noted(layers.Layer):
    """Adds a loss, and counts."""

    def __init__(self):
        super().__init__()
        self.mean = kerasnp.metrics.Mean(name="mean")
        self.scale = self.add_weight((), "ones", name="scale")

    def call(self, x):
        y = ops.square(x) * self.scale
        self.add_loss(ops.sum(y) * 3.0)
        self.mean.update_state(x)
        return y


def test_losses_and_metrics_of_layers():
    with kerasnp.RematScope():
        layer = Noted()
    x = kerasnp.Variable([1.0, 2.0])
    with kerasnp.Tape() as tape:
        y = layer(x)
        total = ops.sum(y) + layer.losses[0]
    dx, ds = tape.gradient(total, [x, layer.scale])
    np.testing.assert_allclose(dx, [8, 16])
    assert float(ds) == 20
    assert len(layer.losses) == 1
    assert float(layer.mean.result()) == 1.5 and float(layer.mean.count.value) == 2


def test_losses_of_a_layer_in_a_layer():
    class Around(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Noted()
            self.dropout = layers.Dropout(0.5, seed=3)

        def call(self, x, training=False):
            return self.dropout(self.inner(x), training=training)

    found = []
    for mode in ("full", None):
        with kerasnp.RematScope(mode):
            layer = Around()
        x = kerasnp.Variable(np.arange(1.0, 9.0, dtype="float32"))
        with kerasnp.Tape() as tape:
            y = layer(x, training=True)
            total = ops.sum(y) + ops.sum(layer.losses)
        found.append((y.numpy(), *tape.gradient(total, [x, layer.inner.scale]), layer.dropout.seed_generator.state.numpy()))
        assert len(layer.losses) == 1 and float(layer.inner.mean.count.value) == 8
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_training_inside_is_what_it_was():
    inner = layers.Dropout(0.5, seed=1)

    class Outer(layers.Layer):
        def call(self, x):
            return inner(x)

    with kerasnp.RematScope():
        outer = Outer()
    x = kerasnp.Variable(np.ones((2, 30), "float32"))
    with kerasnp.Tape() as tape:
        y = outer(x, training=True)
    np.testing.assert_array_equal(tape.gradient(y, x), y.value)
    assert (y.value == 0).any()


def test_a_function_that_changes_its_mind():
    calls = []

    def f(x):
        calls.append(x)
        return x * 2 if len(calls) == 1 else 3.0

    x = kerasnp.Variable(1.0)
    with kerasnp.Tape() as tape:
        y = kerasnp.remat(f)(x)
    with pytest.raises(RuntimeError, match="the same whenever it is run"):
        tape.gradient(y, x)


def test_memory():
    def deep(x):
        for _ in range(30):
            x = ops.sin(x)
        return x

    def peak(f):
        x = kerasnp.Variable(np.ones(100_000, "float32"))
        tracemalloc.start()
        with kerasnp.Tape() as tape:
            y = ops.sum(f(f(f(f(x)))))
        held = tracemalloc.get_traced_memory()[0]
        tape.gradient(y, x)
        tracemalloc.stop()
        return held

    assert peak(kerasnp.remat(deep)) < 0.1 * peak(deep)


# -- layers ---------------------------------------------------------------------------------------------------------


def stack(scope=None):
    kerasnp.utils.set_random_seed(0)
    with scope or kerasnp.RematScope(None):
        model = kerasnp.Sequential([
            kerasnp.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(),
            layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.3, seed=2), layers.Dense(6, activation="gelu"),
            layers.Dense(3, activation="softmax"),
        ])  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("options", [
    {"mode": "full"}, {"mode": "activations"}, {"mode": "larger_than", "output_size_threshold": 30},
    {"mode": "list_of_layers", "layer_names": ["conv2d", "dense"]},
])  # fmt: skip
def test_training_gives_the_same_model(options):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 8, 8, 1)).astype("float32"), rng.integers(0, 3, 12)
    found = []
    for scope in (None, kerasnp.RematScope(**options)):
        model = stack(scope)
        history = model.fit(x, y, batch_size=4, epochs=2, verbose=0, shuffle=False)
        found.append((history.history["loss"], *model.get_weights()))
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_modes_choose_layers():
    def operators(**options):
        with kerasnp.RematScope(**options):
            hidden = [layers.Dense(64, activation="relu", name="wide"), layers.Dense(4, activation="gelu", name="narrow")]
        with kerasnp.Tape() as tape:
            x = ops.ones((1, 2))
            for layer in hidden:
                x = layer(x)
        return kinds(tape)

    assert operators() == ["Remat"] * 2
    assert operators(mode="larger_than", output_size_threshold=63) == ["Remat", "Dense", "Gelu"]
    assert operators(mode="larger_than", output_size_threshold=64) == ["Dense", "Dense", "Gelu"]
    assert operators(mode="list_of_layers", layer_names=["narrow"]) == ["Dense", "Remat"]
    # The first keeps nothing for its activation anyway.
    assert operators(mode="activations") == ["Dense", "Dense", "Remat"]
    assert operators(mode=None) == ["Dense", "Dense", "Gelu"]


def test_larger_than_without_a_promised_shape():
    class Twice(layers.Layer):
        def call(self, x):
            return ops.concatenate([x, x]) * 2.0

    with kerasnp.RematScope("larger_than", output_size_threshold=5):
        layer = Twice()
    for n, expected in ((2, 2), (3, 1)):
        with kerasnp.Tape() as tape:
            layer(kerasnp.Variable(np.ones(n, "float32")))
        assert len(tape.operators) == expected


def test_scopes_nest_and_end():
    with kerasnp.RematScope(), kerasnp.RematScope(None):
        inner = layers.Dense(2)
    with kerasnp.RematScope():
        with kerasnp.RematScope(None):
            pass
        outer = layers.Dense(2)
    after = layers.Dense(2)
    assert ["call" in vars(layer) for layer in (inner, outer, after)] == [False, True, False]


def test_copies_remember():
    with kerasnp.RematScope():
        layer = layers.Dense(2)
    layer.build((None, 3))
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert twin.call.layer is twin
        with kerasnp.Tape() as tape:
            y = twin(ops.ones((1, 3)))
        assert kinds(tape) == ["Remat"]
        np.testing.assert_array_equal(y.value, layer(ops.ones((1, 3))))


def test_looking_on_leaves_the_layers_as_they_were():
    model = stack(kerasnp.RematScope())
    before = model.layers[0].call
    model.activations_of(0, np.ones((2, 8, 8, 1), "float32"))
    assert model.layers[0].call is before


def test_symbolic_calls():
    with kerasnp.RematScope():
        x = kerasnp.Input((3,))
        model = kerasnp.Model(x, layers.Dense(2)(layers.Dense(4)(x)))
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    assert "call" not in vars(model) and all("call" in vars(layer) for layer in model.layers[1:])


def test_refusals():
    with pytest.raises(ValueError, match="Invalid mode.*'half'"):
        kerasnp.RematScope("half")
