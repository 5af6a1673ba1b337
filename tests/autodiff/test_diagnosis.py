"""gradcheck as a doctor: operators are broken on purpose, and the cause must be named, for functions, layers and models."""

import inspect
import textwrap

import numpy as np
import pytest

import kerasnp
from kerasnp import Operator, Variable, gradcheck, layers, ops
from kerasnp.autodiff.diagnosis import UNEXPLAINED, explain
from kerasnp.autodiff.gradcheck import GradientError
from kerasnp.backend import recurrent_cells

N = 5
rng = np.random.default_rng(0)
X, W, SQUARE = rng.standard_normal((N, 4)), rng.standard_normal((4, 3)), rng.standard_normal((4, 4))
kept: dict = {}


class Product(Operator):
    """y = x @ w, its backward spoiled by `bug(dw, x)`."""

    def __init__(self, bug=None):
        self.bug = bug

    def forward(self, x, w):
        self.save(x, w)
        return x @ w

    def backward(self, dy):
        x, w = self.saved
        dw = x.T @ dy
        return dy @ w.T, self.bug(dw, x, dy) if self.bug else dw


BUGS = {
    "nothing returned": (lambda dw, x, dy: None, "missing path: no gradient arrives"),
    "zeros": (lambda dw, x, dy: 0 * dw, "missing path: no gradient arrives"),
    "some rows": (lambda dw, x, dy: dw * [[1], [0], [1], [1]], "missing path: "),
    "another term": (lambda dw, x, dy: dw + np.cos(np.arange(dw.size)).reshape(dw.shape), "missing path, or a wrong term"),
    "transposed": (lambda dw, x, dy: dw.T.reshape(dw.shape), "transposed"),
    "transposed and negative": (lambda dw, x, dy: -dw.T.reshape(dw.shape), "transposed, and sign"),
    "sum for mean": (lambda dw, x, dy: dw * len(x), "scaled by batch: 5 times too large"),
    "mean for sum": (lambda dw, x, dy: dw / len(x), "scaled by batch: 5 times too small"),
    "sign": (lambda dw, x, dy: -dw, "sign: it points the opposite way"),
    "a factor of two": (lambda dw, x, dy: 2 * dw, "constant factor: 2 times"),
    "half": (lambda dw, x, dy: dw / 2, "constant factor: 0.5 times"),
    "a thousandth": (lambda dw, x, dy: 1.001 * dw, "constant factor: 1.001 times"),
    "flipped": (lambda dw, x, dy: dw[::-1], "flipped along axis 0"),
    "not finite": (lambda dw, x, dy: dw * np.nan, "not finite"),
    "kept from the first call": (lambda dw, x, dy: kept.setdefault("x", x.copy()).T @ dy, "stale state: right in the first"),
    "added up": (lambda dw, x, dy: kept.__setitem__("g", dw + kept.get("g", 0)) or kept["g"], "stale state"),
}


class Spoiled(layers.Layer):
    """A Dense layer without bias on the spoiled operator."""

    def __init__(self, units, bug, **kwargs):
        super().__init__(**kwargs)
        self.units, self.bug = units, bug

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")

    def call(self, inputs):
        return Product(self.bug)(inputs, self.kernel)


def caught(*args, **kwargs):
    kept.clear()
    with pytest.raises(GradientError) as error:
        gradcheck(*args, **kwargs)
    return error.value


@pytest.mark.parametrize("name", BUGS)
@pytest.mark.parametrize("w", [W, SQUARE], ids=["w 4x3", "w 4x4"])
def test_bugs_of_a_function(name, w):
    bug, cause = BUGS[name]
    error = caught(lambda x, w: ops.tanh(Product(bug)(ops.exp(x), w)), X, w, names=["x", "w"])
    assert cause in str(error), str(error)
    assert error.errors.causes is error.causes
    if name == "not finite":
        assert list(error.causes) == ["Product, gradient of w"] and np.isnan(error.errors["w"])
    elif "stale" not in cause:
        assert list(error.causes) == ["Product, gradient of w"] and error.errors["w"] > 1e-4 and error.errors["x"] < 1e-5


@pytest.mark.parametrize("name", BUGS)
def test_bugs_of_a_layer_and_of_a_model(name):
    bug, cause = BUGS[name]
    error = caught(Spoiled(3, bug, name="mine"), X)
    assert cause in str(error), str(error)
    model = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(4), Spoiled(3, bug, name="mine"), layers.Softmax()])
    model.compile("adam", "sparse_categorical_crossentropy")
    weights = [w.numpy() for w in model.weights]
    error = caught(model, X, np.arange(N) % 3)
    assert cause in str(error), str(error)
    if "stale" not in cause:
        assert list(error.causes) == ['Product of "mine", gradient of w (mine/kernel)']
        assert error.errors.wrong == ["mine/kernel"]
    for w, before in zip(model.weights, weights, strict=True):
        assert w.value.dtype == np.float32 and w.dtype == "float32"
        np.testing.assert_array_equal(w.value, before)
    assert model.layers[1].dtype_policy.name == kerasnp.backend.floatx() == "float32"


def test_without_a_bug_all_of_them_pass():
    assert gradcheck(lambda x, w: Product()(x, w), X, W).wrong == []
    report = gradcheck(Spoiled(3, None, name="mine"), X)
    assert list(report) == ["mine/kernel", "x"] and report.causes == {}
    assert "mine/kernel" in str(report) and "WRONG" not in str(report)


def test_a_wrong_gradient_below_is_traced_to_the_operator_above():
    """The gradient of x is wrong in Product, so the weights of the first layer are wrong too; Product alone is blamed."""

    class Below(Product):
        def backward(self, dy):
            dx, dw = super().backward(dy)
            return -dx, dw

    class Mine(Spoiled):
        def call(self, inputs):
            return Below()(inputs, self.kernel)

    error = caught(kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(4, name="first"), Mine(3, None, name="mine")]), X)
    assert error.errors.wrong == ["first/kernel", "first/bias", "x"]
    assert error.causes == {'Below of "mine", gradient of x': "sign: it points the opposite way"}
    assert "WRONG" in str(error.errors) and "Likely cause: Below" in str(error.errors)


@pytest.mark.parametrize("leak", [ops.stop_gradient, lambda x: getattr(x, "value", x), lambda x: np.array(x)])
def test_a_step_that_leaves_no_trace(leak):
    error = caught(lambda x: ops.tanh(x) * leak(ops.exp(x)), X, names=["x"])
    assert "every recorded operator is right by itself" in error.causes["x"]


def test_what_changes_by_itself_is_stale_state():
    calls = []

    def fn(x):
        calls.append(1)
        return x * float(len(calls))

    assert "stale state" in str(caught(fn, X))


def test_a_state_that_was_there_before_the_check():
    """The operator keeps the x of a call that nobody remembers."""
    bug = lambda dw, x, dy: kept["x"].T @ dy  # noqa: E731

    class Old(layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight((4, 3), name="kernel")

        def call(self, inputs):
            return Product(bug)(inputs, self.kernel)

    kept["x"] = rng.standard_normal(X.shape)
    with pytest.raises(GradientError, match="stale state: the gradient stays the same when the values change"):
        gradcheck(Old(), X)


def test_a_gradient_that_is_rightly_constant_is_not_called_stale():
    bug = lambda dw, x, dy: dw + np.cos(np.arange(dw.size)).reshape(dw.shape)  # noqa: E731
    assert "wrong term" in str(caught(lambda w: Product(bug)(X, w), W, names=["w"]))


# -- the bugs of the reports ------------------------------------------------------------------------------------------


def plant(monkeypatch, cls, method, old, new):
    """Rewrite a line of a method."""
    source = textwrap.dedent(inspect.getsource(getattr(cls, method)))
    assert old in source
    names = dict(vars(inspect.getmodule(cls)))
    exec(source.replace(old, new), names)
    monkeypatch.setattr(cls, method, names[method])


def lstm(**options):
    return kerasnp.Sequential([kerasnp.Input((4, 4)), layers.LSTM(3, name="lstm", **options), layers.Dense(1)])


def test_the_missing_cell_path_of_the_lstm(monkeypatch):
    """Only dL/dh goes back from t to t-1: the forget, input and candidate gates are wrong, the output gate nearly right."""
    plant(monkeypatch, recurrent_cells.Lstm, "slopes", "np.copyto(keep, f)", "np.copyto(keep, 0 * f)")
    error = caught(lstm(), rng.standard_normal((N, 4, 4)))
    assert any("forget gate" in name for name in error.errors.wrong)
    text = str(error)
    assert "missing path: the state c hands too little back from step to step, dc[t-1] += dc[t] * f[t]" in text
    assert 'Lstm of "lstm"' in text and list(error.causes.values()).count(UNEXPLAINED) == 0
    steps = [error.errors[f"lstm: input at step {t}"] for t in range(4)]
    assert min(steps[:3]) > 1e-3 and steps[3] < 1e-6


def test_a_missing_state_path_of_other_cells(monkeypatch):
    plant(monkeypatch, recurrent_cells.SimpleRnn, "backward", "run.state_gradient(dz, dh)", "dh *= 0")
    error = caught(layers.SimpleRNN(3, return_sequences=True, name="rnn"), rng.standard_normal((N, 4, 2)))
    assert "missing path: the state h hands too little back from step to step, dh[t-1] += dz[t] @ r.T" in str(error)


def test_the_cell_path_cut_by_hand():
    """An LSTM of single steps whose cell state is taken off the tape: all operators right, the gates tell."""
    from kerasnp.ops.recurrent import Lstm, gradcheck_gates, recurrent

    x, w, r, b = (0.5 * rng.standard_normal(s) for s in ((N, 4, 4), (4, 12), (3, 12), (12,)))

    def run(w, r, b):
        h, c = np.zeros((N, 3)), np.zeros((N, 3))
        for t in range(4):
            _, h, c = recurrent(Lstm, x[:, t : t + 1], w, r, [h, c], b, with_states=True)
            c = ops.stop_gradient(c) if t < 3 else c
        return h

    with pytest.raises(GradientError, match="left no trace.*as if the cell state c handed nothing back"):
        gradcheck_gates(run, w, r, b)


def test_the_average_pool_that_multiplies(monkeypatch):
    from kerasnp.ops.pool import AveragePool

    backward = AveragePool.backward
    monkeypatch.setattr(AveragePool, "backward", lambda self, dy: 16 * backward(self, dy))
    model = kerasnp.Sequential([kerasnp.Input((6, 6, 1)), layers.Conv2D(2, 3), layers.AveragePooling2D(), layers.Flatten()])
    error = caught(model)
    assert list(error.causes.values()) == ["constant factor: 16 times what it should be"]
    assert "AveragePool of" in str(error)


def test_the_dropout_that_divides_the_wrong_way(monkeypatch):
    """Random operators cannot be run alone; what the weights suffer from is said instead."""
    from kerasnp.ops.noise import Dropout

    monkeypatch.setattr(Dropout, "backward", lambda self, dy: 3 * dy * self.saved[0])
    model = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(3, name="first"), layers.Dropout(0.5)])
    error = caught(model)
    text = "constant factor: 3 times what it should be; of the operators only Dropout could not be checked alone"
    assert error.causes == {"first/kernel, first/bias, x": text}


def test_the_loss_that_looks_behind_the_softmax(monkeypatch):
    from kerasnp.ops.losses import SoftmaxCrossEntropyLent

    model = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(4), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    backward = SoftmaxCrossEntropyLent.backward
    monkeypatch.setattr(SoftmaxCrossEntropyLent, "backward", lambda self, dy: N * backward(self, dy))
    (name, text), *rest = caught(model, X, np.arange(N) % 3).causes.items()
    assert name == "5 gradients" and not rest and text.startswith("scaled by batch: 5 times too large")
    assert text.endswith("only SoftmaxCrossEntropyLent could not be checked alone")
    monkeypatch.setattr(SoftmaxCrossEntropyLent, "backward", lambda self, dy: np.cos(backward(self, dy)))
    assert "which leaves SoftmaxCrossEntropyLent to look at" in str(caught(model, X, np.arange(N) % 3))


# -- layers and models ------------------------------------------------------------------------------------------------


def test_gates_and_steps_are_named():
    report = gradcheck(kerasnp.Sequential([kerasnp.Input((3,)), layers.Embedding(7, 4), layers.GRU(2, name="gru")]))
    for gate in ("update", "reset", "candidate"):
        assert report[f"gru/gru_cell/bias of the {gate} gate"] < 1e-5
    assert [name for name in report if "step" in name] == [f"gru: input at step {t}" for t in range(3)]
    assert len(gradcheck(lstm())) == 12 + 4 + 1 + 2


def test_statistics_seeds_and_states_stay():
    model = kerasnp.Sequential(
        [
            kerasnp.Input((4, 3), batch_size=5),
            layers.LSTM(3, stateful=True, return_sequences=True, recurrent_dropout=0.3),
            layers.Bidirectional(layers.GRU(2, return_sequences=True)),
            layers.BatchNormalization(),
            layers.GaussianNoise(0.1),
            layers.Flatten(),
            layers.Dense(2, kernel_regularizer="l2", activity_regularizer="l2"),
        ]
    )
    model.compile("adam", "mse")
    x, y = rng.standard_normal((5, 4, 3)), rng.standard_normal((5, 2))
    model.fit(x, y, batch_size=5, verbose=0)
    before = [v.numpy() for v in (*model.variables, *model.layers[0].states, *model.optimizer.variables)]
    gradcheck(model, x, y)
    after = [v.numpy() for v in (*model.variables, *model.layers[0].states, *model.optimizer.variables)]
    for a, b in zip(before, after, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    loss = model.evaluate(x, y, batch_size=5, verbose=0)
    model.fit(x, y, batch_size=5, verbose=0)
    assert model.evaluate(x, y, batch_size=5, verbose=0) != loss
    assert "call" not in vars(model.layers[0])


def test_sample_weights_frozen_layers_and_inputs():
    model = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(3, name="frozen"), layers.Dense(1, name="free")])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    report = gradcheck(model, X, X[:, :1], np.arange(N) + 1.0, directions=1)
    assert list(report) == ["free/kernel", "free/bias", "x"]


def test_zeros_on_the_kink_of_a_relu_and_ties_of_a_pool_are_no_errors():
    """Background of zeros and biases of zero: the slope there is a matter of taste; a bug is still found."""
    model = kerasnp.Sequential(
        [kerasnp.Input((8, 8, 1)), layers.Conv2D(3, 3, activation="relu", name="c"), layers.MaxPooling2D(), layers.Flatten()]
    )
    x = np.zeros((N, 8, 8, 1))
    x[:, 3:5, 3:5] = rng.random((N, 2, 2, 1))
    assert gradcheck(model, x).wrong == []
    np.testing.assert_array_equal(model.layers[0].bias.value, 0)
    bug = BUGS["a factor of two"][0]
    error = caught(kerasnp.Sequential([kerasnp.Input((4,)), Spoiled(3, bug, name="mine"), layers.ReLU()]), 0 * X)
    assert list(error.causes.values()) == ["constant factor: 2 times what it should be"]


def test_layers_that_hand_their_input_on():
    assert gradcheck(layers.Identity(), X) == {"x": 0.0}
    assert list(gradcheck(layers.Dropout(0.0), X)) == ["x"]


def test_layers_that_cannot_be_checked():
    with pytest.raises(ValueError, match="no input shape yet; give an input"):
        gradcheck(layers.Dense(2))
    with pytest.raises(ValueError, match="neither trainable weights nor float inputs"):
        gradcheck(layers.Flatten(), np.ones((2, 3), int))


def test_a_layer_of_several_outputs_and_a_subclassed_model():
    assert "initial" not in str(gradcheck(layers.LSTM(2, return_state=True), rng.standard_normal((N, 3, 2))))

    class Twice(kerasnp.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(4)

        def call(self, inputs):
            return self.dense(self.dense(inputs)) + inputs

    assert len(gradcheck(Twice(), X)) == 3


def test_explanations_of_arrays_alone():
    kernel = rng.standard_normal((3, 3, 2, 4))
    entries = rng.permutation(kernel.size)[:64]

    def named(given, right):
        return explain(given, right.ravel()[entries], entries, N)

    assert named(kernel, kernel) is None
    assert named(kernel[::-1, ::-1], kernel) == "flipped along axis 0, 1"
    swapped = np.ascontiguousarray(kernel.transpose(0, 1, 3, 2)).reshape(kernel.shape)
    assert named(swapped, kernel).startswith("transposed (axes in the order (0, 1, 3, 2))")
    turned = np.ascontiguousarray(kernel.transpose(3, 0, 1, 2)).reshape(kernel.shape)
    assert named(-turned, kernel) == "transposed (axes in the order (3, 0, 1, 2)), and sign: it points the opposite way"
    assert named(kernel, 0 * kernel).startswith("a path too many")
    assert named(0 * kernel, 0 * kernel) is None and named(None, 0 * kernel) is None


def test_weights_in_single_precision_that_a_function_closes_over():
    w = Variable(W.astype("float32"))
    bug = BUGS["sign"][0]
    with pytest.raises(GradientError, match="Likely cause: Product, gradient of w: sign"):
        gradcheck(lambda x, f: Product(bug)(x, ops.cast(w, "float64") * f), X, np.ones((4, 3)))
