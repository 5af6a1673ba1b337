"""Custom training: frozen layers, accumulated gradients, metrics of layers, options that are accepted."""

import numpy as np
import pytest

import kerasnp
from kerasnp import layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def model():
    return kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(6, "tanh", name="low"), layers.Dense(1, name="top")])


def test_a_loaded_model_is_fine_tuned_with_its_lower_layer_frozen(tmp_path):
    first = model()
    first.compile("adam", "mse")
    first.fit(X, Y, epochs=2, verbose=0)
    first.save(tmp_path / "first.keras")
    m = kerasnp.models.load_model(tmp_path / "first.keras")
    m.get_layer("low").trainable = False
    m.compile("adam", "mse")
    low, top = m.get_layer("low").get_weights(), m.get_layer("top").get_weights()
    m.fit(X, Y, epochs=2, verbose=0)
    for a, b in zip(low, m.get_layer("low").get_weights()):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(top[0], m.get_layer("top").get_weights()[0])
    m.get_layer("low").trainable = True
    m.compile("adam", "mse")
    m.fit(X, Y, verbose=0)
    assert not np.array_equal(low[0], m.get_layer("low").get_weights()[0])


def test_accumulated_gradients_are_those_of_the_larger_batch():
    small, large = model(), model()
    large.set_weights(small.get_weights())
    small.compile(kerasnp.optimizers.SGD(0.1, gradient_accumulation_steps=3), "mse")
    large.compile(kerasnp.optimizers.SGD(0.1), "mse")
    small.fit(X, Y, batch_size=10, shuffle=False, verbose=0)
    large.fit(X, Y, batch_size=30, shuffle=False, verbose=0)
    for a, b in zip(small.get_weights(), large.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


class Watched(layers.Layer):
    def call(self, inputs):
        self.add_metric(ops.max(inputs), "largest")
        return inputs


def test_a_metric_that_a_layer_adds_is_in_the_logs_and_can_be_monitored():
    m = kerasnp.Sequential([kerasnp.Input((4,)), Watched(), layers.Dense(1)])
    m.compile("sgd", "mse")
    stop = kerasnp.callbacks.EarlyStopping("val_largest", mode="min", patience=1)
    options = {"batch_size": 20, "shuffle": False, "validation_data": (X[:20] + 1, Y[:20]), "verbose": 0}
    history = m.fit(X, Y, epochs=5, callbacks=[stop], **options)
    expected = np.mean([X[i : i + 20].max() for i in (0, 20, 40)])
    assert history.epoch == [0, 1]
    np.testing.assert_allclose(history.history["largest"], [expected] * 2, rtol=1e-6)
    np.testing.assert_allclose(history.history["val_largest"], [X[:20].max() + 1] * 2, rtol=1e-6)
    assert set(m.evaluate(X, Y, verbose=0, return_dict=True)) == {"loss", "largest"}


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"jit_compile": True}, {"steps_per_execution": 4}], ids=str)
def test_options_that_change_no_number(options):
    plain, other = model(), model()
    other.set_weights(plain.get_weights())
    plain.compile("sgd", "mse")
    other.compile("sgd", "mse", **options)
    for m in (plain, other):
        m.fit(X, Y, shuffle=False, verbose=0)
    for a, b in zip(plain.get_weights(), other.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_validation_in_its_own_batches_and_steps():
    m, seen = model(), []
    m.compile(kerasnp.optimizers.SGD(0.0), "mse")
    count = kerasnp.callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: seen.append(batch))
    options = {"validation_data": (X, Y), "validation_batch_size": 7, "validation_steps": 3, "verbose": 0}
    history = m.fit(X[::-1] + 1, Y, epochs=4, validation_freq=[1, 4], callbacks=[count], **options).history
    assert seen == [0, 1, 2] * 2 and len(history["val_loss"]) == 2
    np.testing.assert_allclose(history["val_loss"][0], m.evaluate(X[:21], Y[:21], verbose=0), rtol=1e-5)


def test_batches_of_one_two_and_three_entries():
    m = model()
    m.compile(kerasnp.optimizers.SGD(0.0), "mse")
    weights = np.arange(60, dtype="float32")
    np.testing.assert_allclose(m.predict([(X[:30],), (X[30:],)], verbose=0), m.predict(X, verbose=0), atol=1e-6)
    pairs = m.evaluate([(X[:30], Y[:30]), (X[30:], Y[30:])], verbose=0)
    np.testing.assert_allclose(pairs, m.evaluate(X, Y, verbose=0), rtol=1e-6)
    weighted = m.evaluate([(X, Y, weights)], verbose=0)
    np.testing.assert_allclose(weighted, m.evaluate(X, Y, sample_weight=weights, batch_size=60, verbose=0), rtol=1e-6)
    with pytest.raises(ValueError, match="tuple of 4 entries"):
        m.evaluate([(X, Y, weights, weights)], verbose=0)
