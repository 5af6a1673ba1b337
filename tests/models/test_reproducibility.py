"""One seed, the same bits: in another process, and for any number of threads."""

import os
import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
    import hashlib
    import sys

    import numpy as np

    import kerasnp
    from kerasnp import layers

    kerasnp.utils.set_random_seed(11)
    rng = np.random.default_rng(0)

    def convolutional():
        x = rng.random((192, 24, 24, 3), "float32")
        stack = [
            kerasnp.Input((24, 24, 3)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dropout(0.3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
        return kerasnp.Sequential(stack), x

    def recurrent():
        x = rng.normal(size=(192, 20, 24)).astype("float32")
        stack = [
            kerasnp.Input((20, 24)),
            layers.LSTM(48, return_sequences=True, dropout=0.2),
            layers.Bidirectional(layers.LSTM(32)),
            layers.Dense(10, activation="softmax"),
        ]
        return kerasnp.Sequential(stack), x

    def wide():
        x = rng.random((256, 784), "float32")
        stack = [kerasnp.Input((784,)), layers.Dense(2048, activation="relu"), layers.Dropout(0.2)]
        square = layers.Dense(512, activation="relu", kernel_initializer="orthogonal")
        return kerasnp.Sequential([*stack, square, layers.Dense(10, activation="softmax")]), x

    for make in (convolutional, recurrent, wide):
        model, x = make()
        y = rng.integers(0, 10, len(x))
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(x, y, batch_size=64, epochs=2, validation_split=0.25, verbose=0).history
        digest = hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights()))
        digest.update(model.predict(x, batch_size=50, verbose=0).tobytes())
        digest.update(model.predict(x[:1], verbose=0).tobytes())
        digest.update(repr(history).encode())
        # Bare calls, and gradients taken by hand.
        digest.update(np.asarray(model(x[:1])).tobytes() + np.asarray(model(x[:64])).tobytes())
        with kerasnp.Tape() as tape:
            loss = model.compute_loss(x[:64], y[:64], model(x[:64], training=True))
        for gradient in tape.gradient(loss, model.trainable_variables):
            digest.update(gradient.tobytes())
        model.train_on_batch(x[:64], y[:64])
        digest.update(b"".join(w.tobytes() for w in model.get_weights()))
        print(make.__name__, kerasnp.backend.threads.get_num_threads(), digest.hexdigest())
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What processes with 1, 2 and 3 threads print: name of the model, threads, digest of all bits."""
    script = tmp_path_factory.mktemp("bits") / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    found = []
    for threads in ("1", "2", "3"):
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "KERASNP_NUM_THREADS": threads}
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stderr
        rows = [line.split() for line in done.stdout.splitlines()]
        assert [row[1] for row in rows] == [threads] * 3
        found.append({name: digest for name, _, digest in rows})
    return found


@pytest.mark.parametrize("name", ["convolutional", "recurrent", "wide"])
def test_the_same_bits_for_any_number_of_threads(runs, name):
    one, two, three = (run[name] for run in runs)
    assert one == two == three
