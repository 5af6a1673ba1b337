"""The ten warnings of fit: each mistake is noticed, each sound training passes in silence, each can be switched off."""

import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

import kerasnp
from kerasnp import layers, ops
from kerasnp.warnings import CATEGORIES, Checkup, TrainingWarning

RNG = np.random.default_rng


def stack(*more, shape=(5,), units=3, activation="softmax"):
    return kerasnp.Sequential([kerasnp.Input(shape), *more, layers.Dense(units, activation=activation)])


def told(model, *data, optimizer="sgd", loss="sparse_categorical_crossentropy", **settings):
    """The warnings of one call of fit, by name."""
    model.compile(optimizer, loss)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model.fit(*data, verbose=0, **settings)
    return {w.category.name: str(w.message) for w in seen if issubclass(w.category, TrainingWarning)}


def samples(n=200, classes=3, seed=0):
    """Three overlapping clouds, in random order."""
    rng = RNG(seed)
    y = rng.integers(0, classes, n).astype("int32")
    x = rng.normal(size=(n, 5)).astype("float32")
    x[:, 0] += y
    return x, y


def sorted_labels():
    x, y = samples()
    order = np.argsort(y, kind="stable")
    return told(stack(), x[order], y[order], validation_split=0.2)


def missing_class():
    x, y = samples()
    return told(stack(), x[:150][y[:150] != 2], y[:150][y[:150] != 2], validation_data=(x[150:], y[150:]))


def overlapping_rows():
    x, y = samples()
    return told(stack(), x, y, validation_data=(x[:50], y[:50]))


def unscaled_inputs():
    x = RNG(0).integers(0, 256, (64, 28, 28)).astype("uint8")
    x[0, 0, 0] = 255
    return told(stack(layers.Flatten(), shape=(28, 28)), x, np.arange(64) % 3)


def from_logits():
    loss = kerasnp.losses.SparseCategoricalCrossentropy(from_logits=True)
    return told(stack(), *samples(), loss=loss)


def last_activation():
    return told(stack(activation="sigmoid"), *samples())


def no_gradient():
    x, y = samples()
    dead = layers.Dense(4, activation="relu", bias_initializer=kerasnp.initializers.Constant(-100.0))
    return told(stack(dead), x, y)


def constant_loss():
    return told(stack(), *samples(), optimizer=kerasnp.optimizers.SGD(0.0), epochs=3)


def high_learning_rate():
    x, _ = samples()
    return told(stack(units=1, activation=None), x, x[:, :1], loss="mse", optimizer=kerasnp.optimizers.SGD(3.0), epochs=1)


def sample_count():
    x, y = samples()

    class Shrinking:
        left = 5

        def __iter__(self):
            for i in range(self.left):
                yield x[i * 32 : (i + 1) * 32], y[i * 32 : (i + 1) * 32]
            self.left -= 1

    return told(stack(), Shrinking(), epochs=2)


MISTAKES = {
    f.__name__.replace("_", "-"): f
    for f in (
        sorted_labels, missing_class, overlapping_rows, unscaled_inputs, from_logits, last_activation, no_gradient,
        constant_loss, high_learning_rate, sample_count,
    )
}  # fmt: skip


def test_every_category_has_its_mistake():
    assert set(MISTAKES) == set(CATEGORIES) and len(CATEGORIES) == 10
    assert all(c.__doc__ and issubclass(c, UserWarning) for c in CATEGORIES.values())


@pytest.mark.parametrize("name", MISTAKES)
class TestEach:
    def test_the_mistake_is_told_in_one_line_and_nothing_else_is(self, name):
        found = MISTAKES[name]()
        assert list(found) == [name]
        (text,) = found.values()
        assert text.startswith("fit: ") and text.endswith(f" [{name}]") and "\n" not in text and ";" in text
        assert len(text) < 260

    def test_off_by_name(self, name):
        kerasnp.warnings.disable(name)
        try:
            assert name not in MISTAKES[name]()
        finally:
            kerasnp.warnings.enable(name)
        assert name in MISTAKES[name]()

    def test_off_by_category(self, name):
        model = stack()
        model.compile("sgd", "sparse_categorical_crossentropy")
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            warnings.filterwarnings("ignore", category=CATEGORIES[name])
            kerasnp.warnings.tell(CATEGORIES[name], "x")
            kerasnp.warnings.tell(next(c for n, c in CATEGORIES.items() if n != name), "y")
        assert [str(w.message)[:6] for w in seen] == ["fit: y"]


def test_the_warning_points_at_the_line_that_called_fit():
    x, y = samples()
    model = stack(activation="sigmoid")
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.warns(kerasnp.warnings.LastActivation) as seen:
        model.fit(x, y, verbose=0)
    assert seen[0].filename == __file__


def test_an_unknown_name_lists_the_names():
    with pytest.raises(ValueError, match="No warning is called 'sorted'. The names are constant-loss, .*unscaled-inputs"):
        kerasnp.warnings.disable("sorted")


class TestSound:
    """Trainings that look like a mistake, and are none."""

    def test_plain_trainings(self):
        x, y = samples(400)
        assert told(stack(layers.Dense(8, "relu"), layers.Dropout(0.2)), x, y, validation_split=0.25, epochs=4) == {}
        loss = kerasnp.losses.SparseCategoricalCrossentropy(from_logits=True)
        assert told(stack(activation=None), x, y, loss=loss, optimizer="adam", epochs=4) == {}
        one_hot = np.eye(3, dtype="float32")[y]
        assert told(stack(), x, one_hot, loss="categorical_crossentropy", validation_split=0.25) == {}
        binary = stack(units=1, activation="sigmoid")
        assert told(binary, x, (y > 1).astype("float32"), loss="binary_crossentropy", validation_split=0.25) == {}
        linear = stack(units=1, activation=None)
        assert told(linear, x, x[:, :1] * 3, loss="mse", validation_split=0.25, epochs=4) == {}

    def test_a_series_that_drifts_is_not_sorted(self):
        rng = RNG(1)
        y = (rng.random(400) < np.linspace(0.4, 0.6, 400)).astype("int32")
        assert told(stack(units=2), samples(400)[0], y, validation_split=0.2) == {}

    def test_a_rare_class_may_be_absent_from_a_small_validation_set(self):
        x, y = samples(300)
        y[:297], y[5] = y[:297] % 2, 2
        y[297:] %= 2
        assert told(stack(), x, y, validation_data=(x[200:] + 1, y[200:])) == {}

    def test_rows_that_repeat_by_nature(self):
        rng = RNG(0)
        x = rng.integers(0, 2, (400, 4)).astype("float32")
        y = rng.integers(0, 3, 400)
        assert told(stack(shape=(4,)), x, y, validation_split=0.3) == {}

    @pytest.mark.parametrize("scale", [layers.Rescaling, layers.Normalization, layers.BatchNormalization, layers.Embedding])
    def test_inputs_that_a_layer_scales(self, scale):
        x = RNG(0).integers(0, 256, (96, 20)).astype("uint8")
        given = {layers.Rescaling: (1 / 255,), layers.Embedding: (256, 2)}.get(scale, ())
        layer = scale(*given, mean=128.0, variance=5000.0) if scale is layers.Normalization else scale(*given)
        flat = [layers.Flatten()] if scale is layers.Embedding else []
        assert told(stack(layer, *flat, shape=(20,)), x, np.arange(96) % 3, optimizer=kerasnp.optimizers.SGD(1e-3)) == {}

    def test_a_layer_that_begins_at_zero_gets_its_gradients_later(self):
        x, y = samples(400)
        zero = layers.Dense(8, kernel_initializer="zeros")
        assert told(stack(layers.Dense(4, "tanh"), zero), x, y, epochs=2) == {}

    def test_a_frozen_layer_is_meant_so(self):
        frozen = layers.Dense(4, "tanh")
        frozen.trainable = False
        assert told(stack(frozen), *samples()) == {}

    def test_a_perfect_model_stays_perfect(self):
        x, _ = samples()
        model = stack(units=1, activation=None)
        assert told(model, x, model.predict(x, verbose=0), loss="mse", epochs=3) == {}

    def test_a_noisy_start(self):
        x, y = samples(64)
        assert told(stack(), x, y, batch_size=1, epochs=2) == {}

    def test_samples_in_order_may_have_a_trend(self):
        x = np.linspace(0, 10, 400, dtype="float32")[:, None] * np.ones(5, "float32")
        slow = kerasnp.optimizers.SGD(1e-6)
        assert told(stack(units=1, activation=None), x, x[:, :1] * 9, loss="mse", optimizer=slow, shuffle=False) == {}

    def test_a_short_last_step_of_a_generator(self):
        x, y = samples(100)

        def batches():
            while True:
                for i in range(0, 100, 32):
                    yield x[i : i + 32], y[i : i + 32]

        assert told(stack(), batches(), steps_per_epoch=3, epochs=3) == {}


class TestMore:
    """Other faces of the same mistakes."""

    def test_scores_for_probabilities(self):
        found = told(stack(activation=None), *samples())
        assert list(found) == ["from-logits"] and "scores from" in found["from-logits"]

    def test_probabilities_of_a_model_that_hides_its_activation(self):
        class Mine(kerasnp.Model):
            def __init__(self):
                super().__init__()
                self.dense = layers.Dense(3)

            def call(self, x):
                return ops.softmax(self.dense(x))

        loss = kerasnp.losses.SparseCategoricalCrossentropy(from_logits=True)
        assert list(told(Mine(), *samples(), loss=loss)) == ["from-logits"]

    def test_targets_that_the_activation_cannot_reach(self):
        x, _ = samples()
        found = told(stack(units=1, activation="sigmoid"), x, x[:, :1] * 100, loss="mse")
        assert list(found) == ["last-activation"] and "0 to 1 only" in found["last-activation"]

    @pytest.mark.parametrize(
        "loss, activation",
        [("binary_crossentropy", "tanh"), ("hinge", "sigmoid"), ("poisson", None), ("binary_crossentropy", "softmax"),
         ("kl_divergence", "tanh")],
    )  # fmt: skip
    def test_activations_that_fit_no_loss(self, loss, activation):
        x, y = samples()
        units = 2 if activation == "softmax" else 1
        y = np.eye(2, dtype="float32")[y % 2] if units == 2 else (y % 2).astype("float32")[:, None]
        assert "last-activation" in told(stack(units=units, activation=activation), x, y, loss=loss)

    def test_a_layer_that_is_never_called(self):
        class Forgetful(kerasnp.Model):
            def __init__(self):
                super().__init__()
                self.used, self.forgotten = layers.Dense(3, activation="softmax"), layers.Dense(3)

            def build(self, shape):
                self.used.build(shape)
                self.forgotten.build(shape)

            def call(self, x):
                return self.used(x)

        found = told(Forgetful(), *samples(32))
        assert list(found) == ["no-gradient"] and "dense_1/kernel" in found["no-gradient"]

    def test_a_class_absent_from_validation(self):
        x, y = samples(200)
        keep = y[150:] != 1
        found = told(stack(), x[:150], y[:150], validation_data=(x[150:][keep], y[150:][keep]))
        assert list(found) == ["missing-class"] and "class 1 is in the training data" in found["missing-class"]

    def test_labels_that_count_from_one(self):
        x, y = samples(400)
        found = told(stack(units=4), x, y + 1)
        assert list(found) == ["missing-class"] and "class 0 never occurs" in found["missing-class"]

    def test_a_generator_used_up_ends_the_training(self):
        x, y = samples(96)
        model = stack()
        found = told(model, ((x[i : i + 32], y[i : i + 32]) for i in (0, 32, 64)), epochs=3)
        assert "ran out before the first step of epoch 2" in found["sample-count"]
        assert model.history.epoch == [0]

    def test_a_generator_that_ends_within_an_epoch(self):
        x, y = samples(96)
        model = stack()
        batches = ((x[i : i + 32], y[i : i + 32]) for i in (0, 32, 64))
        found = told(model, batches, steps_per_epoch=2, epochs=3)
        assert "after 1 of 2 steps of epoch 2" in found["sample-count"] and model.history.epoch == [0, 1]

    def test_a_loss_that_is_no_number(self):
        x, _ = samples()
        found = told(stack(units=1, activation=None), x, x[:, :1], loss="mse", optimizer=kerasnp.optimizers.SGD(1e30))
        assert list(found) == ["high-learning-rate"]


def test_a_filter_that_raises_stops_before_any_weight_changes():
    model = stack(activation="sigmoid")
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.get_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("error", kerasnp.warnings.LastActivation)
        with pytest.raises(kerasnp.warnings.LastActivation):
            model.fit(*samples(), verbose=0)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_the_command_line_filter_knows_the_categories():
    code = "import kerasnp; kerasnp.warnings.tell(kerasnp.warnings.SortedLabels, 'x')"
    loud = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "SortedLabels: fit: x [sorted-labels]" in loud.stderr
    code = "import warnings; warnings.filterwarnings('ignore', message=r'.*\\[sorted-labels\\]')\n" + code
    quiet = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert quiet.stderr == ""


def test_the_checks_cost_milliseconds():
    """An epoch of 60,000 MNIST images through a small network takes seconds."""
    x = RNG(0).random((20000, 784), "float32")
    y = RNG(1).integers(0, 10, 20000)
    model = stack(shape=(784,), units=10)
    model.compile("sgd", "sparse_categorical_crossentropy")
    from kerasnp.models.data import make_data

    checkup = Checkup(model, make_data(x, y), make_data(x[:2000] + 1, y[:2000]), 0.1)
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        checkup.before(x[:128])
        best = min(best, time.perf_counter() - begun)
    assert best < 0.2
