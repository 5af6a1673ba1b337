"""Direct steps give the bits of the tape, and stand back where there is more to a step."""

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.models.direct import Direct

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
        lambda: [layers.Dense(9), layers.Activation("relu"), layers.Dense(5), layers.Activation("softmax")],
        "categorical_crossentropy", ONE_HOT,
    ),
    "sigmoid": (
        lambda: [layers.Dense(9, activation="sigmoid"), layers.Dense(5, activation="sigmoid")], "binary_crossentropy", ONE_HOT,
    ),
    "regression": (lambda: [layers.Dense(4, activation="selu"), layers.Dense(2)], "huber", REAL),
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
    ],
    ids="call layer weight activity function mask type nested mixed lora".split(),
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


def test_a_stray_label_changes_nothing():
    model = compiled(*STACKS["dropout"][:2])
    before = model.get_weights()
    with pytest.raises(ValueError, match="labels must be integers from 0 to 4"):
        model.fit(X, CLASSES + 1, verbose=0)
    for a, b in zip(model.get_weights(), before):
        np.testing.assert_array_equal(a, b)
