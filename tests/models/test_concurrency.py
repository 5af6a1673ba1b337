"""A model in several threads at once, and in the child of a fork."""

import multiprocessing
import sys
import threading

import numpy as np
import pytest

import kerasnp
from kerasnp import layers


def image_model():
    model = kerasnp.Sequential([
        kerasnp.Input((12, 12, 3)), layers.Conv2D(16, 3, activation="relu"), layers.BatchNormalization(),
        layers.MaxPooling2D(), layers.Conv2D(16, 3), layers.ReLU(), layers.Dropout(0.3), layers.Flatten(), layers.Dense(5),
    ])  # fmt: skip
    model.compile("adam", kerasnp.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def text_model():
    return kerasnp.Sequential(
        [kerasnp.Input((9,), dtype="int32"), layers.Embedding(20, 8), layers.Bidirectional(layers.LSTM(32)), layers.Dense(3)]
    )


rng = np.random.default_rng(0)
IMAGES, LABELS = rng.random((128, 12, 12, 3), "float32"), rng.integers(0, 5, 128)
TEXT = rng.integers(0, 20, (128, 9))


def at_once(*calls):
    """The results of all calls, each in a thread of its own; they start together."""
    start, results, errors = threading.Barrier(len(calls)), [None] * len(calls), []

    def run(i):
        try:
            start.wait()
            results[i] = calls[i]()
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not errors
    return results


@pytest.mark.parametrize("model, x", [(image_model, IMAGES), (text_model, TEXT)])
def test_threads_that_predict_at_the_same_time_get_the_bits_of_one(model, x):
    model = model()
    parts = [x[:64], x[64:], x[20:90], x[:5]]
    alone = [model.predict(part, verbose=0) for part in parts]
    for _ in range(5):
        for got, want in zip(at_once(*(lambda p=p: model.predict(p, verbose=0) for p in parts)), alone):
            np.testing.assert_array_equal(got, want)


def test_one_model_learns_while_another_predicts():
    kerasnp.utils.set_random_seed(1)
    learner, reader = image_model(), image_model()
    start = learner.get_weights()
    want = reader.predict(IMAGES, verbose=0)

    def learn():
        kerasnp.utils.set_random_seed(2)
        learner.set_weights(start)
        learner.compile("adam", learner.loss)
        return learner.fit(IMAGES, LABELS, epochs=2, shuffle=False, verbose=0).history["loss"]

    losses, *read = at_once(learn, *[lambda: [reader.predict(IMAGES, verbose=0) for _ in range(6)]] * 2)
    assert losses[1] < losses[0]
    assert all((array == want).all() for arrays in read for array in arrays)


def _child(model, queue):
    before = model.predict(IMAGES, verbose=0)
    model.fit(IMAGES, LABELS, epochs=1, verbose=0)
    queue.put((before, float(np.abs(model.predict(IMAGES, verbose=0) - before).max())))


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_predicts_and_learns():
    model = image_model()
    want = model.predict(IMAGES, verbose=0)  # the pool of threads exists now
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_child, args=(model, queue))
    child.start()
    got, change = queue.get(timeout=60)
    child.join(60)
    assert child.exitcode == 0 and change > 0
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), want)
