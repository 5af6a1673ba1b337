"""Direct steps give the bits of the tape, and stand back where there is more to a step."""

import copy
import pickle

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.models.direct import Direct, DirectCalls

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 12)).astype("float32")
CLASSES = np.arange(70) % 5
ONE_HOT = np.eye(5, dtype="float32")[CLASSES]
REAL = RNG.normal(size=(70, 2)).astype("float32")

STACKS = {
    "dropout": (
        lambda: [
            layers.Dense(9, activation="relu"), layers.Dropout(0.3), layers.Dense(7, activation="tanh", use_bias=False),
            layers.Dropout(0.0), layers.Dense(5, activation="softmax"),
        ],
        "sparse_categorical_crossentropy", CLASSES,
    ),
    "sparse, a Loss": (
        lambda: [layers.Dense(5, activation="softmax")], kerasnp.losses.SparseCategoricalCrossentropy(), CLASSES[:, None],
    ),
    "logits": (
        lambda: [layers.Dense(8, activation="elu"), layers.Dense(5)],
        kerasnp.losses.SparseCategoricalCrossentropy(from_logits=True), CLASSES,
    ),
    "sum": (
        lambda: [layers.Dense(5, activation="softmax")], kerasnp.losses.SparseCategoricalCrossentropy(reduction="sum"), CLASSES,
    ),
    "layers of activations": (
        lambda: [layers.Dense(9), layers.Activation("relu"), layers.ReLU(), layers.Dense(5), layers.Activation("softmax")],
        "categorical_crossentropy", ONE_HOT,
    ),
    "sigmoid": (
        lambda: [layers.Dense(9, activation="sigmoid"), layers.Dense(5, activation="sigmoid")], "binary_crossentropy", ONE_HOT,
    ),
    "regression": (
        lambda: [layers.Dense(4, activation="gelu"), layers.Dense(4, activation="softsign"), layers.Dense(2)], "huber", REAL,
    ),
    "frozen": (
        lambda: [layers.Dense(9, activation="relu", trainable=False), layers.Dense(5, activation="softmax")],
        "sparse_categorical_crossentropy", CLASSES,
    ),
    "frozen above": (
        lambda: [layers.Dense(9, activation="relu"), layers.Dense(5, activation="softmax", trainable=False)],
        "sparse_categorical_crossentropy", CLASSES,
    ),
}  # fmt: skip


def compiled(make, loss, shape=(12,), optimizer="adam", **options):
    kerasnp.utils.set_random_seed(3)
    model = kerasnp.Sequential([kerasnp.Input(shape), *make()])
    model.compile(optimizer, loss, metrics=["mae" if loss == "huber" else "accuracy"], **options)
    return model


def is_direct(model):
    return model._training_parts()[3] is not None


def trained(make, loss, y, monkeypatch, direct, x=X, steps=None, **options):
    """History, variables of the model and of the optimizer, after three epochs with a short last batch."""
    model = compiled(make, loss, x.shape[1:], **options)
    with monkeypatch.context() as patch:
        if not direct:
            patch.setattr(Direct, "of", lambda *_: None)
        history = model.fit(x, y, batch_size=16, epochs=3, verbose=0)
        assert is_direct(model) == direct
    return history.history, [v.numpy() for v in (*model.variables, *model.optimizer.variables)]


def assert_same_bits(first, second):
    assert first[0] == second[0]
    assert len(first[1]) == len(second[1])
    for a, b in zip(first[1], second[1]):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("optimizer", ["Adam", "SGD"])
def test_bits_are_those_of_the_tape(name, optimizer, monkeypatch):
    options = {"Adam": {"use_ema": True}, "SGD": {"momentum": 0.9, "clipnorm": 1.0}}[optimizer]
    runs = [
        trained(*STACKS[name], monkeypatch, direct, optimizer=getattr(kerasnp.optimizers, optimizer)(0.05, **options))
        for direct in (True, False)
    ]
    assert_same_bits(*runs)


def test_images_and_sequences(monkeypatch):
    x = RNG.normal(size=(40, 3, 4)).astype("float32")
    for make in (
        lambda: [layers.Flatten(), layers.Dense(5, activation="softmax")],
        lambda: [layers.Dense(6, activation="relu"), layers.Flatten(), layers.Dense(5, activation="softmax")],
    ):
        arguments = make, "sparse_categorical_crossentropy", CLASSES[:40], monkeypatch
        assert_same_bits(trained(*arguments, True, x), trained(*arguments, False, x))


def test_sequences(monkeypatch):
    x = RNG.normal(size=(40, 6, 3)).astype("float32")
    for make in (
        lambda: [layers.LSTM(4, return_sequences=True), layers.GRU(5), layers.Dense(5, activation="softmax")],
        lambda: [layers.SimpleRNN(4, use_bias=False, go_backwards=True), layers.Dense(5, activation="softmax")],
        lambda: [layers.GRU(4, reset_after=False, activation="relu"), layers.Dense(5, activation="softmax")],
    ):
        arguments = make, "sparse_categorical_crossentropy", CLASSES[:40], monkeypatch
        assert_same_bits(trained(*arguments, True, x), trained(*arguments, False, x))


def test_convolutions(monkeypatch):
    x = RNG.normal(size=(40, 9, 8, 2)).astype("float32")
    for make in (
        lambda: [
            *[layers.Conv2D(4, 3, padding="same", activation="relu"), layers.MaxPooling2D(), layers.Conv2D(6, 2)],
            *[layers.Activation("tanh"), layers.AveragePooling2D(2, padding="same"), layers.Flatten()],
            *[layers.Dropout(0.2), layers.Dense(5, activation="softmax")],
        ],
        lambda: [
            *[layers.Reshape((18, 8)), layers.Conv1D(3, 3, strides=2, activation="sigmoid", use_bias=False)],
            *[layers.MaxPooling1D(2), layers.Flatten(), layers.Dense(5, activation="softmax")],
        ],
    ):
        arguments = make, "sparse_categorical_crossentropy", CLASSES[:40], monkeypatch
        assert_same_bits(trained(*arguments, True, x), trained(*arguments, False, x))


CALLED = {
    "dense": lambda: [layers.Dense(9, activation="gelu"), layers.Dropout(0.5), layers.Dense(5, activation="softmax")],
    "images": lambda: [
        *[layers.Reshape((2, 6, 1)), layers.Conv2D(4, 2, padding="same", activation="relu"), layers.MaxPooling2D()],
        *[layers.BatchNormalization(), layers.ReLU(), layers.GaussianNoise(0.3), layers.SpatialDropout2D(0.5)],
        layers.Flatten(),
        *[layers.BatchNormalization(scale=False), layers.Dense(5), layers.Softmax()],
    ],
    "steps": lambda: [
        *[layers.Reshape((12, 1)), layers.Conv1D(4, 3, padding="causal", activation="silu"), layers.AveragePooling1D(3)],
        *[layers.AlphaDropout(0.2), layers.Activation("sigmoid"), layers.LSTM(5, dropout=0.3, return_sequences=True)],
        *[layers.GRU(4, recurrent_dropout=0.2, return_sequences=True), layers.SimpleRNN(3, go_backwards=True)],
    ],
}  # fmt: skip


def stack(name):
    kerasnp.utils.set_random_seed(3)
    model = kerasnp.Sequential([kerasnp.Input((12,)), *CALLED[name]()])
    for v in model.non_trainable_variables:
        if "moving" in v.path:
            v.assign(np.linspace(0.5, 1.5, v.size))
    return model


def one_by_one(model, x):
    """The output by calling each layer."""
    model.fuse = True
    for layer, options in model._in_turn():
        x = layer(x, **options)
    return x


def remembered(model):
    """The shapes whose operators a model keeps, and whether there are any."""
    return {shape: operators is not None for (shape, _), operators in model._direct_calls._found.items()}


@pytest.mark.parametrize("name", CALLED)
def test_calls_give_the_bits_of_the_layers(name):
    model = stack(name)
    graph = kerasnp.Model(model.inputs, model.outputs)
    expected = one_by_one(model, X), one_by_one(model, X[:1])
    for called in (model, graph):
        assert [called(X) for _ in range(2)]  # as long as something changes, the layers are called
        np.testing.assert_array_equal(called(X), expected[0])
        np.testing.assert_array_equal(called(X[:1]), expected[1])
        assert remembered(called) == {(70, 12): True, (1, 12): True}
    np.testing.assert_array_equal(model.predict(X, batch_size=70, verbose=0), expected[0])


def test_a_call_sees_what_has_changed():
    model = stack("dense")

    def called():
        return [model(X) for _ in range(3)][-1]

    before = called()
    model.layers[0].kernel.assign(model.layers[0].kernel * 2)
    assert (model(X) != before).any()
    model.layers[0].activation = kerasnp.activations.tanh
    np.testing.assert_array_equal(called(), one_by_one(model, X))
    model.add(layers.Dense(2))
    assert called().shape == (70, 2)
    model.pop()
    model.layers[-1].call = lambda inputs, training=None: inputs
    assert called().shape == (70, 9)


@pytest.mark.parametrize("how", ["training", "tape", "inside a call", "float64", "list", "mask"])
def test_the_layers_are_called_where_there_is_more_to_it(how):
    model = stack("dense")
    expected = [model(X) for _ in range(3)][-1]
    if how == "training":
        assert (model(X, training=True) != expected).any()
    elif how == "tape":
        with kerasnp.Tape() as tape:
            loss = kerasnp.ops.sum(kerasnp.ops.square(model(X)))
        assert all(g is not None and g.any() for g in tape.gradient(loss, model.trainable_weights))
    elif how == "inside a call":
        outer = kerasnp.Sequential([model])
        for _ in range(3):
            assert (outer(X, training=True) != expected).any()
    elif how == "float64":
        np.testing.assert_array_equal(model(X.astype("float64")), expected)
    elif how == "list":
        np.testing.assert_array_equal(model(X.tolist()), expected)
    else:
        x = kerasnp.layers.Masking()(np.zeros((70, 3, 12), "float32"))
        model = kerasnp.Sequential([kerasnp.Input((3, 12)), layers.Dense(4)])
        assert kerasnp.utils.masks.get_mask(model(x)) is not None


def test_a_wrong_input_of_a_stack_that_was_called():
    model = stack("dense")
    assert [model(X) for _ in range(3)]
    with pytest.raises(ValueError, match="expected shape"):
        model(X[:, :5])


def test_copies_have_operators_of_their_own():
    model = stack("images")
    expected = [model(X) for _ in range(3)][-1]
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin(X), expected)
        twin.layers[-2].kernel.assign(twin.layers[-2].kernel * 2)
        assert (twin(X) != expected).any()
        np.testing.assert_array_equal(model(X), expected)


def test_few_shapes_are_remembered():
    model = stack("dense")
    for n in range(1, 40):
        assert model(X[:n]).shape == (n, 5)
    assert len(remembered(model)) <= 8


class Doubled(layers.Dense):
    def call(self, inputs, training=None):
        return 2 * super().call(inputs)


class Plain(layers.Layer):
    def call(self, inputs):
        return inputs


@pytest.mark.parametrize(
    "make",
    [
        lambda: [Doubled(5)],
        lambda: [Plain(), layers.Dense(5)],
        lambda: [layers.Dense(5, kernel_regularizer="l2")],
        lambda: [layers.Dense(5, activity_regularizer="l2")],
        lambda: [layers.Dense(5, activation=lambda x: x * 2)],
        lambda: [layers.Masking(), layers.Dense(5)],
        lambda: [layers.Dense(5, dtype="float64")],
        lambda: [kerasnp.Sequential([layers.Dense(5)])],
        lambda: [layers.Dense(5, dtype="mixed_float16")],
        lambda: [layers.Dense(5, lora_rank=2)],
        lambda: [layers.Reshape((4, 3)), layers.LSTM(5, dropout=0.1)],
        lambda: [layers.Reshape((4, 3)), layers.RNN(layers.GRUCell(5))],
    ],
    ids="call layer weight activity function mask type nested mixed lora dropped cell".split(),
)
def test_the_tape_takes_over(make):
    model = compiled(make, "huber")
    assert not is_direct(model)
    before = [w.numpy() for w in model.trainable_weights]
    model.fit(X, ONE_HOT, verbose=0)
    assert any((w.numpy() != b).any() for w, b in zip(model.trainable_weights, before))


def test_a_subclass_of_sequential_may_do_as_it_likes():
    class Mine(kerasnp.Sequential):
        def compute_loss(self, *args, **kwargs):
            return 0 * super().compute_loss(*args, **kwargs)

    model = Mine([kerasnp.Input((12,)), layers.Dense(5)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    assert not is_direct(model)
    model.fit(X, ONE_HOT, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


@pytest.mark.parametrize("what", ["sample_weight", "class_weight", "loss_weights", "integers", "scaled"])
def test_what_is_not_plain_in_a_step_counts(what, monkeypatch):
    """Each makes another loss than the plain step; the direct one must not overlook it."""
    weights = np.linspace(0, 2, 70).astype("float32")
    x = (10 * X).astype("int32") if what == "integers" else X
    fit = {"sample_weight": {"sample_weight": weights}, "class_weight": {"class_weight": {0: 3.0, 1: 0.0}}}.get(what, {})
    results = []
    for direct in (True, False):
        options = {"loss_weights": 0.5} if what == "loss_weights" else {}
        optimizer = kerasnp.optimizers.SGD(0.1, loss_scale_factor=8.0 if what == "scaled" else None)
        model = compiled(lambda: [layers.Dense(5, activation="softmax")], "sparse_categorical_crossentropy",
                         optimizer=optimizer, **options)  # fmt: skip
        with monkeypatch.context() as patch:
            if not direct:
                patch.setattr(Direct, "of", lambda *_: None)
            history = model.fit(x, CLASSES, epochs=2, verbose=0, shuffle=False, **fit)
        results.append((history.history, model.get_weights()))
    assert_same_bits(*results)


def test_a_layer_changed_while_training():
    class Swap(kerasnp.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.layers[0].activation = [kerasnp.activations.relu, kerasnp.activations.gelu][epoch]

    model = compiled(lambda: [layers.Dense(5), layers.Dense(2)], "huber")
    model.fit(X, REAL, epochs=2, verbose=0, callbacks=[Swap()])
    expected = kerasnp.activations.gelu(X @ model.layers[0].kernel + model.layers[0].bias) @ model.layers[1].kernel
    np.testing.assert_allclose(model.predict(X, verbose=0), expected + model.layers[1].bias, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("how", ["a subclass of the wrapper", "its call"])
def test_a_loss_of_the_users_is_asked(how):
    class Double(kerasnp.losses.LossFunctionWrapper):
        def call(self, y_true, y_pred):
            return 2 * super().call(y_true, y_pred)

    function = kerasnp.losses.sparse_categorical_crossentropy
    loss = Double(function) if how != "its call" else lambda y, p: 2 * function(y, p)
    model = compiled(lambda: [layers.Dense(5, activation="softmax")], loss)
    plain = compiled(lambda: [layers.Dense(5, activation="softmax")], "sparse_categorical_crossentropy")
    np.testing.assert_allclose(model.train_on_batch(X, CLASSES)[0], 2 * plain.train_on_batch(X, CLASSES)[0], rtol=1e-6)


def test_a_variable_frozen_while_training():
    model = compiled(*STACKS["dropout"][:2])
    before = []

    class Freeze(kerasnp.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 2:
                before.extend(model.get_weights())
                model.trainable_variables[0].trainable = False

    model.fit(X, CLASSES, batch_size=10, verbose=0, callbacks=[Freeze()])
    changed = [bool((a != b).any()) for a, b in zip(model.get_weights(), before)]
    assert changed == [False, True, True, True, True]


def test_gradients_are_written_where_the_optimizer_reads(tmp_path):
    model = compiled(*STACKS["dropout"][:2])
    model.train_on_batch(X, CLASSES)
    model.save(tmp_path / "m.keras")
    for twin in (model, copy.deepcopy(model), kerasnp.models.load_model(tmp_path / "m.keras")):
        twin.train_on_batch(X, CLASSES)
        weights, _, _, direct = twin._training_parts()
        _, _, gradients = direct.step(X, CLASSES)
        assert all(g is w.grad_buffer for g, w in zip(gradients, weights))


def test_a_stray_label_changes_nothing():
    model = compiled(*STACKS["dropout"][:2])
    before = model.get_weights()
    with pytest.raises(ValueError, match="labels must be integers from 0 to 4"):
        model.fit(X, CLASSES + 1, verbose=0)
    for a, b in zip(model.get_weights(), before):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def two_threads():
    before = kerasnp.config.get_num_threads()
    kerasnp.config.set_num_threads(2)
    yield
    kerasnp.config.set_num_threads(before)


@pytest.mark.parametrize("name", CALLED)
def test_predict_makes_several_batches_at_a_time(name, two_threads, monkeypatch):
    monkeypatch.setattr(DirectCalls, "ROWS", 43)  # four batches of ten
    monkeypatch.setattr(DirectCalls, "SMALL", 1)
    model = stack(name)
    x = RNG.normal(size=(331, 12)).astype("float32")
    expected = np.concatenate([one_by_one(model, x[i : i + 40]) for i in range(0, 331, 40)])
    groups, together = [], DirectCalls.together

    def counted(self, model, inputs):
        outputs = together(self, model, inputs)
        groups.append([len(x) for x in inputs] if outputs is not None else [])
        return outputs

    monkeypatch.setattr(DirectCalls, "together", counted)
    for _ in range(2):  # the first time by the layers
        np.testing.assert_array_equal(model.predict(x, batch_size=10, verbose=0), expected)
    if name == "steps":  # a recurrent layer shares its own work
        assert not any(groups)
    else:
        assert [40, 40] in groups and max(map(max, filter(None, groups))) == 40
    batches = list(model.predict_batches(x, 10))
    assert [len(y) for y in batches] == [10] * 33 + [1]
    np.testing.assert_array_equal(np.concatenate(batches), expected)
    np.testing.assert_allclose(model.predict(x, batch_size=10, verbose=0, steps=7), expected[:70], rtol=1e-6)
    kerasnp.config.set_num_threads(1)
    np.testing.assert_array_equal(model.predict(x, batch_size=10, verbose=0), expected)


def test_batches_are_made_at_once_as_far_as_memory_and_meaning_allow(monkeypatch):
    wide = kerasnp.Sequential([kerasnp.Input((4,)), kerasnp.layers.Dense(1 << 15), kerasnp.layers.Dense(2)])
    assert wide._direct_calls.rows_at_once(wide, X[:, :4]) == (1 << 22) // (1 << 15)
    assert wide._direct_calls.rows_at_once(wide, np.zeros((700, 4), "float32")) == 700, "as many as were asked for"
    narrow = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(16)])
    assert narrow._direct_calls.rows_at_once(narrow, X[:, :4]) == (1 << 18) // 16, "whose outputs a cache holds"
    long = kerasnp.Sequential([kerasnp.Input((9, 4)), layers.LSTM(16)])
    assert long._direct_calls.rows_at_once(long, np.zeros((2, 9, 4), "float32")) == 512
    one_size = kerasnp.Sequential([kerasnp.Input(batch_shape=(7, 12)), kerasnp.layers.BatchNormalization(axis=0)])
    one_size.layers[0].gamma.assign(np.arange(7))
    expected = np.concatenate([one_by_one(one_size, X[i : i + 7]) for i in range(0, 70, 7)])
    np.testing.assert_array_equal(one_size.predict(X, batch_size=7, verbose=0), expected)
    over_rows = kerasnp.Sequential([kerasnp.Input((12,)), kerasnp.layers.Softmax(axis=0)])
    y = over_rows.predict(X, batch_size=7, verbose=0)
    np.testing.assert_allclose(y[:7].sum(axis=0), np.ones(12), rtol=1e-5)


def test_predict_batch_by_batch_where_somebody_watches(two_threads, monkeypatch):
    model, seen = stack("dense"), []
    expected = model.predict(X, batch_size=7, verbose=0)

    class Watch(kerasnp.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append(logs["outputs"])
            self.model.stop_predicting = batch == 4

    monkeypatch.setattr(DirectCalls, "together", None)
    np.testing.assert_allclose(model.predict(X, batch_size=7, verbose=0, callbacks=[Watch()]), expected[:35], rtol=1e-6)
    np.testing.assert_allclose(np.concatenate(seen), expected[:35], rtol=1e-6)


def test_predict_tells_the_error_of_any_batch(two_threads):
    model = stack("dense")
    assert model.predict(X, batch_size=7, verbose=0).shape == (70, 5)
    model.layers[0].kernel.value = model.layers[0].kernel.value[:5]  # no longer fits
    with pytest.raises(ValueError):
        model.predict(X, batch_size=7, verbose=0)
