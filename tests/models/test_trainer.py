"""compile, fit, evaluate, predict: numbers, options and errors."""

import signal
import subprocess
import sys

import numpy as np
import pytest

import kerasnp
from kerasnp import layers, ops
from kerasnp.models.arrays import weigh_classes


def data(n=64, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5)).astype("float32")
    return x, rng.integers(0, classes, n).astype("int32")


def model(**kwargs):
    m = kerasnp.Sequential([kerasnp.Input((5,)), layers.Dense(8, activation="tanh"), layers.Dense(3, activation="softmax")])
    m.compile(**{"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **kwargs})
    return m


def test_evaluate_equals_the_loss_by_hand():
    m, (x, y) = model(), data()
    p = m.predict(x, verbose=0)
    loss, accuracy = m.evaluate(x, y, verbose=0, batch_size=10)
    np.testing.assert_allclose(loss, -np.log(p[np.arange(64), y]).mean(), rtol=1e-5)
    np.testing.assert_allclose(accuracy, (p.argmax(1) == y).mean(), rtol=1e-6)
    assert m.evaluate(x, y, verbose=0, return_dict=True).keys() == {"loss", "accuracy"}


def test_a_step_is_plain_gradient_descent():
    m, (x, y) = model(optimizer=kerasnp.optimizers.SGD(0.5)), data(8)
    w = m.layers[-1].kernel
    before, hidden, p = w.numpy(), m.layers[0](x), m.predict(x, verbose=0)
    m.train_on_batch(x, y)
    gradient = hidden.T @ (p - np.eye(3)[y]) / 8
    np.testing.assert_allclose(w.numpy(), before - 0.5 * gradient, rtol=1e-4, atol=1e-6)


def test_predict_does_not_depend_on_the_batch_size():
    m, (x, _) = model(), data(70)
    np.testing.assert_allclose(m.predict(x, batch_size=7, verbose=0), m.predict(x, batch_size=70, verbose=0), rtol=1e-6)
    assert m.predict(x[:0], verbose=0).shape == (0, 3)
    np.testing.assert_allclose(m.predict_on_batch(x), m.predict(x, verbose=0), rtol=1e-6)


def test_history_and_initial_epoch():
    m, (x, y) = model(), data()
    history = m.fit(x, y, epochs=5, initial_epoch=2, verbose=0)
    assert history.epoch == [2, 3, 4] and len(history.history["loss"]) == 3 and m.history is history


def test_validation_split_takes_the_last_samples():
    m, (x, y) = model(optimizer=kerasnp.optimizers.SGD(0.0)), data(50)
    h = m.fit(x, y, validation_split=0.2, verbose=0).history
    np.testing.assert_allclose(h["val_loss"][0], m.evaluate(x[40:], y[40:], verbose=0)[0], rtol=1e-5)
    np.testing.assert_allclose(h["loss"][0], m.evaluate(x[:40], y[:40], verbose=0)[0], rtol=1e-5)


def test_validation_frequency():
    m, (x, y) = model(), data()
    h = m.fit(x, y, epochs=4, validation_data=(x, y), validation_freq=2, verbose=0).history
    assert len(h["val_loss"]) == 2 and len(h["loss"]) == 4


def test_shuffle_false_keeps_the_order():
    seen = []

    class Watch(kerasnp.Model):
        def __init__(self):
            super().__init__()
            self.d = layers.Dense(1)

        def call(self, inputs):
            return self.d(inputs)

        def train_step(self, batch):
            seen.append(batch[0][:, 0].copy())
            return super().train_step(batch)

    m = Watch()
    m.compile("sgd", "mse")
    x = np.arange(10, dtype="float32")[:, None]
    m.fit(x, x, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_array_equal(np.concatenate(seen), x[:, 0])
    seen.clear()
    m.fit(x, x, batch_size=4, shuffle=True, verbose=0)
    assert sorted(np.concatenate(seen)) == list(x[:, 0]) and not np.array_equal(np.concatenate(seen), x[:, 0])


def test_sample_and_class_weights_agree():
    x, y = data(32)
    table = {0: 1.0, 1: 2.0, 2: 0.5}
    weights = np.array([table[int(v)] for v in y], "float32")
    a, b = model(), model()
    b.set_weights(a.get_weights())
    a.fit(x, y, class_weight=table, shuffle=False, verbose=0)
    b.fit(x, y, sample_weight=weights, shuffle=False, verbose=0)
    for u, v in zip(a.get_weights(), b.get_weights()):
        np.testing.assert_array_equal(u, v)
    c = model()
    c.set_weights(b.get_weights())
    c.fit(x, y, sample_weight=np.ones(32), shuffle=False, verbose=0)
    b.fit(x, y, shuffle=False, verbose=0)
    for u, v in zip(c.get_weights(), b.get_weights()):
        np.testing.assert_allclose(u, v, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("labels", [[0, -1, 2, 7], [[0.0], [-1.0], [1.9999], [7.0]], np.eye(8)[[0, 5, 2, 7]]])
def test_classes_without_a_weight_count_once(labels):
    weights = weigh_classes(np.asarray(labels), {0: 3.0, 2: 0.5}, None, "fit")
    np.testing.assert_array_equal(weights, [3.0, 1.0, 0.5, 1.0])


def test_class_weights_and_sample_weights_exclude_each_other():
    x, y = data(32)
    batches = [(x, y, np.ones(32))]
    m, kwargs = model(), {"class_weight": {0: 2.0}}
    before = m.get_weights()
    for call in (
        lambda: m.fit(x, y, sample_weight=np.ones(32), verbose=0, **kwargs),
        lambda: m.fit((batch for batch in batches), verbose=0, **kwargs),
        lambda: m.train_on_batch(x, y, sample_weight=np.ones(32), **kwargs),
    ):
        with pytest.raises(ValueError, match="`sample_weight` and `class_weight` cannot be specified at the same time"):
            call()
    for u, v in zip(before, m.get_weights()):
        np.testing.assert_array_equal(u, v)


def test_a_number_of_steps_makes_the_batch_size():
    m, (x, y) = model(), data(50)
    sizes = []

    class Watch(kerasnp.Sequential):
        def train_step(self, batch):
            sizes.append(len(batch[0]))
            return super().train_step(batch)

        def test_step(self, batch):
            sizes.append(-len(batch[0]))
            return super().test_step(batch)

        def predict_step(self, batch):
            sizes.append(1000 * len(batch[0]))
            return super().predict_step(batch)

    m = Watch(m.layers)
    m.compile("sgd", "sparse_categorical_crossentropy")
    m.fit(x, y, steps_per_epoch=3, validation_data=(x[:8], y[:8]), validation_steps=2, verbose=0)
    m.evaluate(x, y, steps=1, verbose=0)
    m.predict(x, steps=2, verbose=0)
    m.fit(x, y, steps_per_epoch=2, batch_size=5, verbose=0)
    assert sizes == [17, 17, 16, -4, -4, -50, 25000, 25000, 5, 5]


def test_a_generator_of_validation_batches_begins_with_its_first_two_again():
    """As in Keras, which holds on to two batches of a generator; without them nothing might be left."""
    m, (x, y) = model(), (data(12)[0], np.zeros((12, 3)))
    seen = []

    class Watch(kerasnp.Sequential):
        def test_step(self, batch):
            seen.append(int(batch[1][0, 0]))
            return super().test_step(batch)

    m = Watch(m.layers)
    m.compile("sgd", "mse")

    def endless():
        for i in range(1000):
            yield x[:4], np.full((4, 3), i)

    m.fit(x, y, epochs=3, validation_data=endless(), validation_steps=3, verbose=0)
    assert seen == [0, 1, 2, 0, 1, 3, 0, 1, 4]
    seen.clear()
    three = ((x[:4], np.full((4, 3), i)) for i in range(3))
    with pytest.warns(kerasnp.warnings.SampleCount, match="ended before epoch 2.*its first 2 batches alone") as told:
        m.fit(x, y, epochs=3, validation_data=three, verbose=0)
    assert seen == [0, 1, 2, 0, 1, 0, 1] and sum(w.category is kerasnp.warnings.SampleCount for w in told) == 1


def test_a_second_compile_keeps_loss_and_metrics_that_it_does_not_name(tmp_path):
    """As in Keras: the metrics go if `metrics` or `weighted_metrics` are given, the loss and its weight if `loss` is."""
    x, y = data(12)
    m = model()
    m.compile("sgd", "sparse_categorical_crossentropy", loss_weights=2.0, metrics=["accuracy"])
    before = m.evaluate(x, y, verbose=0, return_dict=True)
    m.compile("adam", loss_weights=5.0)
    assert m.evaluate(x, y, verbose=0, return_dict=True) == before and set(before) == {"loss", "accuracy"}
    m.save(tmp_path / "m.keras")
    assert kerasnp.models.load_model(tmp_path / "m.keras").evaluate(x, y, verbose=0, return_dict=True) == before
    m.compile("adam", metrics=[])
    assert m.evaluate(x, y, verbose=0) == before["loss"]
    m.compile("adam", "sparse_categorical_crossentropy")
    np.testing.assert_allclose(m.evaluate(x, y, verbose=0), before["loss"] / 2, rtol=1e-6)


def test_no_samples_have_no_loss():
    m, (x, y) = model(), data(8)
    for call in (
        lambda: m.evaluate(x[:0], y[:0], verbose=0),
        lambda: m.evaluate((batch for batch in ()), verbose=0),
        lambda: m.fit(x, y, validation_data=(x[:0], y[:0]), verbose=0),
        lambda: m.train_on_batch(x[:0], y[:0]),
    ):
        with pytest.raises(ValueError, match="holds? no samples"):
            call()


def test_an_iterable_whose_length_nobody_knows():
    class Loader:  # as torch's DataLoader over an IterableDataset
        def __len__(self):
            raise TypeError("object of type 'Stream' has no len()")

        def __iter__(self):
            x, y = data(12)
            return zip(np.split(x, 3), np.split(y, 3))

    m = model()
    assert len(m.fit(Loader(), epochs=2, verbose=0).history["loss"]) == 2 and int(m.optimizer.iterations) == 6


def test_a_batch_of_something_else_is_told():
    with pytest.raises(ValueError, match="each batch begins with x, an array with a batch axis. Received: 3"):
        model().fit((batch for batch in [3]), verbose=0)


def test_only_arrays_can_be_split():
    with pytest.raises(ValueError, match="`validation_split` is only supported for arrays. Received: x=<generator"):
        model().fit((batch for batch in [data(4)]), validation_split=0.5, verbose=0)


def test_generator_and_steps():
    m, (x, y) = model(), data()

    def batches():
        while True:
            yield x[:16], y[:16]

    h = m.fit(batches(), steps_per_epoch=3, epochs=2, validation_data=batches(), validation_steps=2, verbose=0)
    assert len(h.history["val_loss"]) == 2 and int(m.optimizer.iterations) == 6


def test_same_seed_same_bits():
    def run():
        kerasnp.backend.clear_session()
        kerasnp.utils.set_random_seed(7)
        m = kerasnp.Sequential(
            [
                kerasnp.Input((5,)),
                layers.Dense(32, activation="relu"),
                layers.Dropout(0.3),
                layers.Dense(3, activation="softmax"),
            ]
        )
        m.compile("adam", "sparse_categorical_crossentropy")
        h = m.fit(*data(), epochs=3, verbose=0)
        return m.get_weights(), h.history["loss"]

    (w1, h1), (w2, h2) = run(), run()
    assert h1 == h2
    for a, b in zip(w1, w2):
        np.testing.assert_array_equal(a, b)


def test_an_added_loss_that_is_an_array_counts_with_its_sum():
    class Sums(layers.Layer):
        def call(self, inputs):
            self.add_loss(ops.sum(ops.square(inputs), axis=-1))
            return inputs

    model = kerasnp.Sequential([layers.Dense(2, kernel_initializer="ones"), Sums()])
    model.compile("sgd", "mse")
    x, y = np.ones((3, 2)), np.ones((3, 2))
    assert model.train_on_batch(x, y) == 1 + 3 * 8


@pytest.mark.parametrize("freq", [0, 1.5, "epoch"])
def test_validation_freq_is_a_number_or_a_list(freq):
    model = kerasnp.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises((ValueError, TypeError), match="`validation_freq` must be a positive integer"):
        model.fit(np.ones((3, 2)), np.ones((3, 1)), validation_split=0.4, validation_freq=freq, verbose=0)


def test_regularizer_and_add_loss_enter_the_loss():
    class Penalty(layers.Layer):
        def call(self, inputs):
            self.add_loss(0.25 * ops.mean(ops.square(inputs)))
            return inputs

    x = np.ones((4, 2), "float32")
    m = kerasnp.Sequential(
        [kerasnp.Input((2,)), Penalty(), layers.Dense(1, kernel_initializer="ones", kernel_regularizer="l2")]
    )
    m.compile("sgd", "mse")
    np.testing.assert_allclose(m.evaluate(x, np.full((4, 1), 2.0), verbose=0), 0.25 + 0.01 * 2, rtol=1e-6)
    m(x)
    assert len(m.losses) == 2
    before = m.layers[-1].kernel.numpy()
    m.fit(x, np.full((4, 1), 2.0), verbose=0)
    np.testing.assert_allclose(m.layers[-1].kernel.numpy(), before - 0.01 * 0.02 * before, rtol=1e-5)


def test_lr_multiplier_of_a_layer():
    m, (x, y) = model(optimizer=kerasnp.optimizers.SGD(0.1)), data()
    twin = model(optimizer=kerasnp.optimizers.SGD(0.1))
    twin.set_weights(m.get_weights())
    start = m.get_weights()
    twin.layers[0].lr_multiplier = 3.0
    m.train_on_batch(x, y)
    twin.train_on_batch(x, y)
    np.testing.assert_allclose(twin.get_weights()[0] - start[0], 3 * (m.get_weights()[0] - start[0]), rtol=1e-3, atol=1e-7)
    np.testing.assert_array_equal(twin.get_weights()[2], m.get_weights()[2])


def test_custom_train_step_with_a_tape():
    class Mine(kerasnp.Sequential):
        def train_step(self, batch):
            x, y = batch
            with kerasnp.GradientTape() as tape:
                loss = ops.mean(ops.square(self(x, training=True) - y))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply(gradients, self.trainable_variables)
            return {"loss": loss}

    m = Mine([kerasnp.Input((2,)), layers.Dense(1)])
    m.compile(kerasnp.optimizers.SGD(0.1))
    x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    h = m.fit(x, x[:, :1], epochs=20, verbose=0).history["loss"]
    assert h[-1] < 0.05 * h[0]


def test_batch_methods_return_the_numbers_of_their_batch():
    m, (x, y) = model(optimizer=kerasnp.optimizers.SGD(0.0)), data()
    a = m.train_on_batch(x[:32], y[:32])[0]
    b = m.train_on_batch(x[32:], y[32:])[0]
    np.testing.assert_allclose(m.train_on_batch(x[:32], y[:32])[0], a, rtol=1e-6)
    np.testing.assert_allclose(m.test_on_batch(x[32:], y[32:])[0], b, rtol=1e-6)


def test_uint8_images_and_integer_inputs_become_floats():
    m = model()
    x = np.random.default_rng(0).integers(0, 255, (4, 5)).astype("uint8")
    np.testing.assert_allclose(m.predict(x, verbose=0), m.predict(x.astype("float32"), verbose=0))


def test_ctrl_c_stops_after_the_step_and_keeps_the_history():
    script = """
import os, signal, sys
import numpy as np, kerasnp
from kerasnp import layers
from kerasnp.models.arrays import weigh_classes
m = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(1)])
m.compile("adam", "mse")
class Kill(kerasnp.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)
try:
    m.fit(np.ones((64, 4)), np.ones((64, 1)), epochs=50, verbose=0, callbacks=[Kill()])
except KeyboardInterrupt as error:
    print("message:", error)
    print("epochs:", m.history.epoch, "steps:", int(m.optimizer.iterations))
    print("finite:", all(np.isfinite(w).all() for w in m.get_weights()))
"""
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert out.returncode == 0, out.stderr
    assert "interrupted after step 1 of epoch 3" in out.stdout
    assert "epochs: [0, 1] steps: 5" in out.stdout and "finite: True" in out.stdout
    assert signal.getsignal(signal.SIGINT) is not None


class TestErrors:
    """Each mistake: one sentence, and no weight has changed."""

    @pytest.fixture(autouse=True)
    def unchanged(self):
        self.m = model()
        before = self.m.get_weights()
        yield
        for a, b in zip(before, self.m.get_weights()):
            np.testing.assert_array_equal(a, b)

    def test_fit_before_compile(self):
        m = kerasnp.Sequential([kerasnp.Input((5,)), layers.Dense(1)])
        with pytest.raises(ValueError, match=r"call `compile\(\)` before calling `fit\(\)`"):
            m.fit(*data())

    def test_lengths_that_differ(self):
        x, y = data()
        with pytest.raises(ValueError, match="x has 64, y has 60"):
            self.m.fit(x, y[:60], verbose=0)

    def test_a_wrong_shape(self):
        x, y = data()
        with pytest.raises(ValueError, match=r"dense.*expected shape \(None, 5\). Received.*\(32, 4\)"):
            self.m.fit(x[:, :4], y, verbose=0)

    def test_text_for_numbers(self):
        with pytest.raises((TypeError, ValueError), match="x"):
            self.m.fit(np.array([["a"] * 5] * 4), np.zeros(4, "int32"), verbose=0)

    def test_ragged_rows(self):
        rows = np.empty(2, object)
        rows[:] = [[1.0, 2.0], [1.0]]
        with pytest.raises(ValueError, match="differ in length"):
            self.m.fit(rows, np.zeros(2), verbose=0)

    def test_complex_numbers(self):
        with pytest.raises(TypeError, match="complex128"):
            self.m.fit(np.ones((4, 5), complex), np.zeros(4), verbose=0)

    def test_labels_out_of_range(self):
        x, y = data()
        with pytest.raises(ValueError, match="7"):
            self.m.fit(x, np.full_like(y, 7), verbose=0)
        with pytest.raises(ValueError, match="-1"):
            self.m.fit(x, np.full_like(y, -1), verbose=0)

    def test_unknown_names(self):
        for argument, name in (("loss", "mean_sqared_error"), ("optimizer", "addam"), ("metrics", ["acuracy"])):
            with pytest.raises(ValueError, match=name if isinstance(name, str) else name[0]):
                self.m.compile(**{"optimizer": "sgd", "loss": "mse", argument: name})

    def test_unknown_loss_suggests_a_near_one(self):
        with pytest.raises(ValueError, match="mean_squared_error"):
            self.m.compile("sgd", "mean_sqared_error")

    def test_one_hot_labels_for_a_sparse_loss(self):
        x, y = data()
        with pytest.raises(ValueError, match="categorical_crossentropy"):
            self.m.fit(x, np.eye(3)[y], verbose=0)

    def test_no_data(self):
        with pytest.raises(ValueError, match="no samples"):
            self.m.fit(np.zeros((0, 5)), np.zeros(0), verbose=0)
        with pytest.raises(ValueError, match="no data"):
            self.m.fit(verbose=0)

    def test_batch_size_zero(self):
        with pytest.raises(ValueError, match="`batch_size` must be a positive integer"):
            self.m.fit(*data(), batch_size=0, verbose=0)

    def test_validation_split_out_of_range(self):
        with pytest.raises(ValueError, match="validation_split"):
            self.m.fit(*data(), validation_split=1.5, verbose=0)


def test_a_loss_scale_changes_no_update():
    x, y = data()
    plain, scaled = model(), model(optimizer=kerasnp.optimizers.SGD(0.01, loss_scale_factor=1024.0))
    scaled.set_weights(plain.get_weights())
    for m in (plain, scaled):
        m.fit(x, y, shuffle=False, verbose=0)
    for a, b in zip(plain.get_weights(), scaled.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


class Told(kerasnp.callbacks.Callback):
    """Notes which batches it is told of."""

    def __init__(self):
        super().__init__()
        self.told = []

    def on_train_batch_begin(self, batch, logs=None):
        self.told.append(batch)

    def on_train_batch_end(self, batch, logs=None):
        self.told.append((batch, round(logs["loss"], 4)))

    on_test_batch_begin = on_train_batch_begin

    def on_test_batch_end(self, batch, logs=None):
        self.told.append((batch, "test"))


def one_weight(**options):
    m = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    m.compile("sgd", "mse", **options)
    return m


def test_callbacks_are_told_once_in_steps_per_execution():
    x, told = np.ones((5, 1)), Told()
    m = one_weight(steps_per_execution=2)
    m.fit(x, np.ones((5, 1)), batch_size=1, verbose=0, callbacks=[told])
    assert told.told == [0, (1, 0.0), 2, (3, 0.0), 4, (5, 0.0)]
    told = Told()
    m.evaluate(x, x, batch_size=1, verbose=0, callbacks=[told])
    assert told.told == [0, (1, "test"), 2, (3, "test"), 4, (5, "test")]
    with pytest.raises(ValueError, match="`steps_per_execution` must be a positive integer"):
        one_weight(steps_per_execution=0)


def test_an_epoch_ends_where_the_data_end():
    told = Told()
    with pytest.warns(UserWarning, match="the data ran out after 2 of 3 steps of epoch 2"):
        h = one_weight().fit(
            np.ones((5, 1)), np.ones((5, 1)), batch_size=1, epochs=3, steps_per_epoch=3, verbose=0, callbacks=[told]
        )
    assert h.epoch == [0, 1, 2]
    assert [b for b in told.told if isinstance(b, int)] == [0, 1, 2, 0, 1, 0, 1, 2]


def test_a_callback_stops_evaluation_and_prediction():
    class Stop(kerasnp.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.model.stop_evaluating = batch == 2

        def on_predict_batch_end(self, batch, logs=None):
            self.model.stop_predicting = batch == 2

    def forever():
        while True:
            yield np.ones((2, 1)), np.ones((2, 1))

    m = one_weight()
    assert m.evaluate(forever(), verbose=0, callbacks=[Stop()]) == 0
    assert m.predict(forever(), verbose=0, callbacks=[Stop()]).shape == (6, 1)


def test_metrics_of_a_model_and_its_layers_are_logged_and_reset():
    class Counting(kerasnp.layers.Layer):
        def __init__(self):
            super().__init__()
            self.seen = kerasnp.metrics.Sum(name="seen")

        def call(self, x):
            self.seen.update_state(float(len(x)))
            return x

    m = kerasnp.Sequential([kerasnp.Input((1,)), Counting(), kerasnp.layers.Dense(1)])
    m.compile("sgd", "mse")
    h = m.fit(np.ones((6, 1)), np.ones((6, 1)), batch_size=2, epochs=2, verbose=0)
    assert h.history["seen"] == [6, 6]
    assert m.metrics[-1] is m.layers[0].seen and len(m.metrics_variables) == 2 + 1


def test_compute_loss_without_the_training_argument():
    class Own(kerasnp.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return kerasnp.ops.mean(kerasnp.ops.square(y_pred - y)) * 3

    m = Own([kerasnp.Input((1,)), kerasnp.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    m.compile("sgd", "mse")
    assert m.evaluate(np.ones((2, 1)), np.ones((2, 1)), verbose=0) == 3
    m.fit(np.ones((2, 1)), np.ones((2, 1)), verbose=0)
    assert m.get_weights()[0] > 0
