"""Models with several outputs through fit, evaluate, predict and files, and what does not fit them."""

import warnings

import numpy as np
import pytest

import kerasnp
from kerasnp import layers, ops
from kerasnp.autodiff.gradcheck import GradientError
from kerasnp.autodiff.operator import Operator
from kerasnp.callbacks import BackupAndRestore, EarlyStopping, LambdaCallback
from kerasnp.models.probe import gradients
from kerasnp.utils import pack_x_y_sample_weight, unpack_x_y_sample_weight

N = 24
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, 3)).astype("float32")
SIZE, KIND = X.sum(1, keepdims=True), (X[:, 0] > 0).astype("int32") + (X[:, 1] > 0)
SPARSE = "sparse_categorical_crossentropy"
Y = {"size": SIZE, "kind": KIND}


@kerasnp.saving.register_keras_serializable("tests")
class Two(kerasnp.Model):
    def __init__(self, form="dictionary", **kwargs):
        super().__init__(**kwargs)
        self.form = form
        self.hidden, self.size, self.kind = layers.Dense(8, "relu"), layers.Dense(1), layers.Dense(3, "softmax")

    def call(self, x):
        h = self.hidden(x)
        size, kind = self.size(h), self.kind(h)
        return {"size": size, "kind": kind} if self.form == "dictionary" else [size, kind]

    def get_config(self):
        return {**super().get_config(), "form": self.form}


def model(form="dictionary", **settings):
    kerasnp.utils.set_random_seed(1)
    made = Two(form)
    settings = settings or {"loss": {"size": "mse", "kind": SPARSE}, "metrics": {"kind": ["accuracy"]}}
    made.compile(kerasnp.optimizers.Adam(0.02), **settings)
    return made


def test_a_model_learns_both():
    m = model()
    logs = m.fit(X, Y, batch_size=5, epochs=30, validation_split=0.25, verbose=0).history
    assert set(logs) == {prefix + n for prefix in ("", "val_") for n in ("loss", "size_loss", "kind_loss", "kind_accuracy")}
    assert logs["size_loss"][-1] < 0.3 * logs["size_loss"][0] and logs["kind_accuracy"][-1] > 0.7
    predicted = m.predict(X, batch_size=7, verbose=0)
    assert list(predicted) == ["size", "kind"]
    np.testing.assert_allclose(predicted["kind"], m(X)["kind"], rtol=1e-5, atol=1e-6)
    values = m.evaluate(X, Y, verbose=0)
    by_name = dict(zip(m.metrics_names, values))
    np.testing.assert_allclose(by_name["size_loss"], np.mean((predicted["size"] - SIZE) ** 2), rtol=1e-5)
    np.testing.assert_allclose(by_name["kind_accuracy"], np.mean(predicted["kind"].argmax(1) == KIND))
    np.testing.assert_allclose(by_name["loss"], by_name["size_loss"] + by_name["kind_loss"], rtol=1e-5)


@pytest.mark.parametrize("form, y", [("list", [SIZE, KIND]), ("list", (SIZE, KIND)), ("dictionary", Y)])
@pytest.mark.parametrize("loss", [["mse", SPARSE], ("mse", SPARSE)])
def test_lists_and_tuples_are_alike(form, y, loss):
    if form == "dictionary":
        loss = {"size": loss[0], "kind": loss[1]}
    got = model(form, loss=loss).fit(X, y, batch_size=6, shuffle=False, verbose=0).history["loss"]
    assert got == model(loss={"size": "mse", "kind": SPARSE}).fit(X, Y, batch_size=6, shuffle=False, verbose=0).history["loss"]


def test_the_names_of_outputs_stand_for_positions():
    m = model("list", loss="mse")
    m.output_names = ["size_head", "kind_head"]
    m.compile("sgd", {"size_head": "mse", "kind_head": SPARSE}, metrics={"kind_head": "accuracy"})
    y = {"kind_head": KIND, "size_head": SIZE}
    weights = {"kind_head": np.ones(N), "size_head": np.zeros(N)}
    logs = m.fit(X, y, sample_weight=weights, verbose=0).history
    assert set(logs) == {"loss", "size_head_loss", "kind_head_loss", "kind_head_accuracy"}
    assert logs["size_head_loss"] == [0.0] and logs["kind_head_loss"][0] > 0
    with pytest.raises(ValueError, match="Expected keys .*each with a loss or None. Received: loss for .'size_head'"):
        m.compile("sgd", {"size_head": "mse"})
        m.fit(X, y, verbose=0)


def test_sample_weights_for_all_or_for_each():
    w = np.linspace(0, 2, N)

    def evaluated(weights):
        return model(loss={"size": "mae", "kind": SPARSE}).evaluate(X, Y, sample_weight=weights, verbose=0, return_dict=True)

    assert evaluated(w) == evaluated({"size": w, "kind": w})
    partly, without = evaluated({"size": None, "kind": w}), evaluated(None)
    assert partly["size_loss"] == without["size_loss"] and partly["kind_loss"] == evaluated(w)["kind_loss"]


def test_labels_for_the_outputs_with_a_loss_are_enough():
    losses = []
    for loss, y in [(["mse", None], [SIZE, KIND]), (["mse", None], SIZE), (["mse", None], [SIZE])]:
        m = model("list", loss=loss, metrics=[["mae"], None])
        losses.append(m.evaluate(X, y, verbose=0, return_dict=True))
    assert losses[0] == losses[1] == losses[2] and set(losses[0]) == {"loss", "mae"}
    assert model(loss={"size": "mse"}).evaluate(X, {"size": SIZE}, verbose=0) == losses[0]["loss"]


def test_a_graph_of_one_output_may_have_it_in_a_list_or_dictionary():
    x = kerasnp.Input((3,))
    out = layers.Dense(1, kernel_initializer="ones", name="head")(x)
    for outputs, loss in [([out], ["mse"]), ({"out": out}, {"out": "mse"}), (out, {"head": "mse"}), ({"out": out}, "mse")]:
        m = kerasnp.Model(x, outputs)
        m.compile("sgd", loss, metrics=["mae"])
        for y in (SIZE, [SIZE], {"out": SIZE}):
            np.testing.assert_allclose(m.evaluate(X, y, verbose=0), [0, 0], atol=1e-5)
        with pytest.raises(ValueError, match="one output, so loss must hold one entry"):
            m.compile("sgd", ["mse", "mae"])


def test_one_output_may_stand_in_a_list_or_dictionary():
    class One(kerasnp.Model):
        def __init__(self, wrap):
            super().__init__()
            self.wrap, self.dense = wrap, layers.Dense(1, kernel_initializer="ones")

        def call(self, x):
            return self.wrap(self.dense(x))

    stack = kerasnp.Sequential([layers.Dense(1, kernel_initializer="ones")])
    for m in (One(lambda y: [y]), One(lambda y: {"out": y}), One(lambda y: y), stack):
        m.compile(loss="mse", metrics=["mae"])
        for y in (SIZE, [SIZE], {"out": SIZE}):
            assert m.evaluate(X, y, verbose=0, return_dict=True).keys() == {"loss", "mae"}
            np.testing.assert_allclose(m.evaluate(X, y, verbose=0), [0, 0], atol=1e-5)


def test_batches_hold_nested_labels():
    batches = [(X[i : i + 6], {k: v[i : i + 6] for k, v in Y.items()}) for i in range(0, N, 6)]
    a, b, c = model(), model(), model()
    a.fit((batch for batch in batches), verbose=0)
    b.fit(X, Y, batch_size=6, shuffle=False, verbose=0)
    logs = [c.train_on_batch(*batch, return_dict=True) for batch in batches]
    for m in (b, c):
        for w, other in zip(a.get_weights(), m.get_weights()):
            np.testing.assert_array_equal(w, other)
    assert set(logs[0]) == {"loss", "size_loss", "kind_loss", "kind_accuracy"}
    assert c.test_on_batch(X, Y) == list(c.test_on_batch(X, Y, return_dict=True)[name] for name in c.metrics_names)


def test_labels_in_files(tmp_path):
    np.save(tmp_path / "size.npy", SIZE)
    stored = {"size": np.load(tmp_path / "size.npy", mmap_mode="r"), "kind": KIND}
    a, b = model(), model()
    a.fit(X, stored, batch_size=5, shuffle=False, verbose=0)
    b.fit(X, Y, batch_size=5, shuffle=False, verbose=0)
    np.testing.assert_array_equal(a.predict(X, verbose=0)["size"], b.predict(X, verbose=0)["size"])


def test_validation_data_are_nested_too():
    m = model()
    stop = EarlyStopping("val_kind_accuracy", mode="max", patience=0)
    logs = m.fit(X, Y, epochs=2, validation_data=(X, Y, np.zeros(N)), verbose=0, callbacks=[stop]).history
    assert logs["val_loss"][0] == 0 and logs["val_kind_accuracy"][0] > 0


def test_a_wrong_monitor_is_told_the_names_of_all_outputs():
    with pytest.raises(ValueError, match="must be one of 'kind_accuracy', 'kind_loss', 'loss', 'size_loss'"):
        model().fit(X, Y, verbose=0, callbacks=[EarlyStopping("size_mae")])


def test_a_broken_run_goes_on(tmp_path):
    def program(*callbacks):
        m = model()
        return m, m.fit(X, Y, batch_size=6, epochs=2, verbose=0, callbacks=[BackupAndRestore(tmp_path, 3), *callbacks])

    def cut(batch, logs):
        if batch == 3:
            raise SystemExit

    with pytest.raises(SystemExit):
        program(LambdaCallback(on_train_batch_begin=cut))
    m, history = program()
    whole = model().fit(X, Y, batch_size=6, epochs=2, verbose=0)
    assert history.history == whole.history and len(m.history.epoch) == 2


@pytest.mark.parametrize(
    "form, settings",
    [
        ("dictionary", {"loss": {"size": "mse", "kind": SPARSE}, "loss_weights": {"size": 0.5, "kind": 1.0}}),
        ("list", {"loss": ["mse", kerasnp.losses.SparseCategoricalCrossentropy()], "metrics": [None, ["accuracy"]]}),
        ("list", {"loss": ["mse", None], "weighted_metrics": [[kerasnp.metrics.MeanAbsoluteError()], None]}),
        ("list", {"loss": ("mse", SPARSE), "metrics": (("mae",), "accuracy")}),
    ],
)
def test_files_keep_how_each_output_is_trained(tmp_path, form, settings):
    m, y = model(form, **settings), Y if form == "dictionary" else [SIZE, KIND]
    m.fit(X, y, verbose=0)
    m.save(tmp_path / "two.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = kerasnp.saving.load_model(tmp_path / "two.keras")
    assert again.evaluate(X, y, verbose=0, return_dict=True) == m.evaluate(X, y, verbose=0, return_dict=True)


@pytest.mark.parametrize(
    "settings, y, error, message",
    [
        ({"loss": {"size": "mse", "sort": SPARSE}}, Y, KeyError, r"sort in the `loss` argument.*which has \['kind', 'size'\]"),
        ({"loss": ["mse"]}, Y, KeyError, "can't be found.*is nested there: this loss is of one array"),
        ({"loss": "mse", "loss_weights": [1.0, 2.0]}, Y, ValueError, "match the number of losses.*1 losses and 2 weights"),
        ({"loss": {"size": "mse", "kind": SPARSE}}, SIZE, ValueError, "different structures.*for each output"),
        ({"loss": {"size": "mse", "kind": SPARSE}}, {"size": SIZE}, KeyError, "a loss for the output kind, but y_true has no"),
        ({"loss": {"size": "mse", "kind": SPARSE}}, {**Y, "more": SIZE}, ValueError, "different structures"),
        ({"loss": "mse", "metrics": ["mae"]}, Y, ValueError, "Invalid `metrics`, which must be nested as the outputs"),
        ({"loss": {"size": "mse"}, "metrics": {"kind": ["mae"]}}, {"size": SIZE}, ValueError, "metrics for the output"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_changes(settings, y, error, message):
    for built in (False, True):
        m = model(**settings)
        if built:
            m(X)
        for train in (lambda: m.fit(X, y, verbose=0), lambda: m.train_on_batch(X, y)):  # noqa: B023
            with pytest.raises(error, match=message):
                train()
            assert m.optimizer.iterations == 0


def test_weights_that_do_not_fit_the_labels():
    with pytest.raises(ValueError, match=r"one `sample_weight` array per output.*\{'size': \(24,\)\} beside"):
        model().fit(X, Y, sample_weight={"size": np.ones(N)}, verbose=0)
    with pytest.raises(ValueError, match=r"for several outputs must be of shape \(samples,\). Received: shape \(24, 3\)"):
        model().fit(X, Y, sample_weight=np.ones((N, 3)), verbose=0)
    with pytest.raises(ValueError, match="x has 24, y has 24, y 1 has 10"):
        model("list").fit(X, [SIZE, KIND[:10]], verbose=0)
    with pytest.raises(ValueError, match="`class_weight` is only supported for Models with a single output"):
        model().fit(X, Y, class_weight={0: 1.0, 1: 2.0}, verbose=0)


def test_more_losses_than_a_stack_has_outputs_are_refused_at_compile():
    stack = kerasnp.Sequential([layers.Dense(1)])
    with pytest.raises(ValueError, match="the model has one output, so loss must hold one entry"):
        stack.compile("sgd", ["mse", "mae"])
    assert not stack.compiled


def test_own_steps_see_what_was_given():
    seen = []

    class Own(Two):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            seen.append((set(y), set(y_pred), set(sample_weight)))
            return ops.mean(ops.abs(y["size"] - y_pred["size"]))

    m = Own()
    m.compile("sgd", "mse")
    m.fit(X, Y, sample_weight=np.ones(N), verbose=0)
    assert seen == [({"size", "kind"},) * 3]


class Off(Operator):
    """Three times x, with a gradient of its own making."""

    def __init__(self, factor):
        self.factor = factor

    def forward(self, x):
        return 3.0 * x

    def backward(self, dy):
        return self.factor * dy


@pytest.mark.parametrize("factor", [3.0, 3.1])
def test_gradients_of_all_outputs_are_checked_without_a_trace(factor):
    class Own(Two):
        def call(self, x):
            outputs = super().call(x)
            return {**outputs, "size": Off(factor)(outputs["size"])}

    m = Own()
    m.compile("sgd", {"size": "mse", "kind": SPARSE}, loss_weights={"size": 0.5, "kind": 2.0})
    m.test_on_batch(X, Y)
    before = m.get_metrics_result()
    if factor == 3:
        kerasnp.gradcheck(m, X, Y)
    else:
        with pytest.raises(GradientError, match="Off, gradient of x"):
            kerasnp.gradcheck(m, X, Y)
    assert m.get_metrics_result() == before
    np.testing.assert_allclose(gradients(m, X, Y)[0], before["loss"], rtol=1e-5)
    assert m.get_metrics_result() == before


def test_steps_round_up_to_whole_executions():
    ends = []

    def fit(**kwargs):
        m = kerasnp.Sequential([layers.Dense(1, kernel_initializer="ones")])
        m.compile("sgd", "mse", **kwargs)
        watch = LambdaCallback(on_train_batch_end=lambda batch, logs: ends.append(batch))
        m.fit(X, SIZE + 1, batch_size=4, epochs=2, steps_per_epoch=3, shuffle=False, verbose=0, callbacks=[watch])
        return m

    assert fit(steps_per_execution=2).optimizer.iterations == 6  # two executions of two steps, then the one that is left
    assert ends == [1, 3, 1]


def test_class_weights_may_be_empty_and_text_is_no_data():
    m = kerasnp.Sequential([layers.Dense(3, "softmax")])
    m.compile("sgd", SPARSE)
    assert m.fit(X, KIND, class_weight={}, verbose=0).history["loss"]
    with pytest.raises(ValueError, match="Unrecognized data type.*Received: 'data.csv'"):
        m.fit("data.csv", verbose=0)
    with pytest.raises(ValueError, match="providing `x` as a generator.*`y` should not be passed"):
        m.fit(((X, KIND) for _ in range(2)), y=KIND, verbose=0)


def test_a_trainer_beside_a_layer_has_its_weights_from_the_first_step():
    class Mixed(kerasnp.models.trainer.Trainer, layers.Layer):
        def __init__(self):
            layers.Layer.__init__(self)
            kerasnp.models.trainer.Trainer.__init__(self)
            self.dense = layers.Dense(1, kernel_initializer="zeros")

        def call(self, x):
            return self.dense(x)

    m = Mixed()
    m.compile("sgd", "mse")
    losses = m.fit(X, SIZE, epochs=3, verbose=0).history["loss"]
    assert losses[2] < losses[1] < losses[0]


@pytest.mark.parametrize("x, y, weight", [(X, None, None), ([X, X], None, None), (X, [SIZE, KIND], None), (X, Y, X[:, 0])])
def test_packing_and_unpacking(x, y, weight):
    data = pack_x_y_sample_weight(x, y, weight)
    assert [part is given for part, given in zip(unpack_x_y_sample_weight(data), (x, y, weight))] == [True] * 3
