"""Graphs of layers as real Keras 3 computes, differentiates, trains and writes them.

    KERAS_BACKEND=jax python tests/golden/make_graphs.py      (a Python with Keras 3.15)

The models are made by functions of the package, so that the tests make the same ones with kerasnp. `check FOLDER` loads what
kerasnp wrote there and compares the predictions.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np


def residual(keras):
    """Convolutions with batch-norm around which the input passes, as in ResNet; a pooling at the end."""
    layers = keras.layers
    inputs = keras.Input((6, 6, 2), name="image")
    x = layers.Conv2D(3, 3, padding="same", use_bias=False, name="stem")(inputs)
    x = layers.ReLU(name="begin")(layers.BatchNormalization(name="stem_norm")(x))
    for i, stride in enumerate((1, 2)):
        y = layers.Conv2D(3, 3, strides=stride, padding="same", use_bias=False, name=f"conv{i}")(x)
        y = layers.Activation("relu", name=f"relu{i}")(layers.BatchNormalization(name=f"norm{i}")(y))
        y = layers.Conv2D(3, 3, padding="same", name=f"again{i}")(y)
        shortcut = x if stride == 1 else layers.Conv2D(3, 1, strides=stride, name=f"shortcut{i}")(x)
        x = layers.ReLU(name=f"end{i}")(layers.Add(name=f"sum{i}")([y, shortcut]))
    x = layers.GlobalAveragePooling2D(name="mean")(layers.MaxPooling2D(2, padding="same", name="pool")(x))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="probs")(x), name="residual")


def two(keras):
    """Words with a mask and numbers, joined."""
    layers = keras.layers
    words, numbers = keras.Input((5,), dtype="int32", name="words"), keras.Input((3,), name="numbers")
    x = layers.Embedding(7, 3, mask_zero=True, name="embed")(words)
    parts = [layers.LSTM(2, name="lstm")(x), layers.Bidirectional(layers.GRU(2), name="both")(x)]
    parts.append(layers.Dense(2, activation="tanh", name="dense")(numbers))
    joined = layers.Concatenate(name="join")(parts)
    return keras.Model([words, numbers], layers.Dense(1, name="score")(joined), name="two")


def shared(keras):
    """A tower for two inputs in a dictionary, and two outputs in another."""
    layers = keras.layers
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    tower = layers.Dense(3, name="tower")
    u, v = tower(left), tower(right)
    outputs = {"same": layers.Dot(axes=1, normalize=True, name="dot")([u, v]), "gap": keras.ops.abs(u - v)}
    return keras.Model({"left": left, "right": right}, outputs, name="shared")


def functions(keras):
    """Functions and operators between layers."""
    ops = keras.ops
    i = keras.Input((6, 4), name="x")
    x = 1.0 / ((i * 2.0 - 1.0) ** 2 + 1.0)
    y = ops.concatenate([x[:, 1:4, ::2], ops.ones_like(x[:, :3, :2])], axis=-1)
    q = ops.softmax(ops.reshape(y, (-1, 12)), axis=-1) @ ops.reshape(ops.arange(24, dtype="float32"), (12, 2))
    first, second = ops.split(ops.transpose(x, (0, 2, 1)), 2, axis=1)
    p = ops.pad(ops.where(first > 0.3, first, -second), [[0, 0], [1, 0], [0, 0]])
    k = ops.take(ops.relu(ops.mean(x, axis=-1, keepdims=True)), ops.array([0, 2]), axis=1)
    n = ops.max(ops.einsum("bij,bkj->bik", x, x), axis=(1, 2))
    o = ops.gelu(-ops.clip(ops.expand_dims(n, -1), 0.1, 0.9))
    f = ops.squeeze(ops.sum(ops.stack([o, o], axis=1), axis=1, keepdims=True), 1)
    c = ops.cast(i > 0, "float32")[:, 0]
    return keras.Model(i, [q, p, k, f, c, keras.layers.Dense(2, name="last")(ops.tile(o, (1, 3)))], name="functions")


def nested(keras):
    """Models in a model: called several times, with two inputs and outputs, and a stack."""
    layers = keras.layers
    q = keras.Input((3,), name="q")
    inner = keras.Model(q, layers.Dense(3, activation="relu", name="inner_dense")(q) + q, name="inner")
    stack = keras.Sequential([keras.Input((3,)), layers.Dense(3, name="stacked"), layers.Dropout(0.5)], name="stack")
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    fork = keras.Model([a, b], [layers.Add(name="plus")([a, b]), layers.Dense(2, name="prong")(a)], name="fork")
    x = keras.Input((3,), name="outer")
    total, prong = fork([stack(inner(inner(x))) + stack(x), inner(x)])
    return keras.Model(x, [total, prong, inner(total)], name="nested")


def attention(keras):
    """Layers of several arguments, states that one recurrent layer hands to another, and outputs in a list."""
    layers = keras.layers
    q, v = keras.Input((4, 2), name="q"), keras.Input((5, 2), name="v")
    h = layers.LayerNormalization(name="norm")(layers.MultiHeadAttention(2, 2, name="attend")(q, v) + q)
    g = layers.MultiHeadAttention(1, 2, name="again")(query=h, value=v, key=v)
    _, state = layers.GRU(2, return_state=True, name="encoder")(h)
    _, h1, c1 = layers.LSTM(2, return_state=True, name="lstm")(v)
    decoded = layers.LSTM(2, name="decoder")(q, initial_state=[h1, c1])
    steps = layers.TimeDistributed(layers.Dense(2, name="step"), name="steps")(g)
    return keras.Model([q, v], [layers.GRU(2, name="gru")(v, initial_state=state), decoded, steps], name="attention")


MODELS = {f.__name__: f for f in (residual, two, shared, functions, nested, attention)}
TRAINED = {"residual": ("sparse_categorical_crossentropy", 0.05), "two": ("mse", 0.2)}
STEPS = 5


def fill(model):
    """Give a model weights that do not depend on who made it."""
    rng = np.random.default_rng(5)
    values = []
    for w in model.weights:
        value = rng.uniform(0.1, 0.5, w.shape) * rng.choice([1, 1, -1], w.shape)
        values.append((np.abs(value) + 0.5 if "variance" in w.path else value).astype("float32"))
    model.set_weights(values)
    return model


def data(model):
    """{name: array} for the inputs, and labels for the models that are trained."""
    rng = np.random.default_rng(6)
    x = {}
    for t in model.inputs:
        shape = (4, *t.shape[1:])
        x[t.name] = rng.integers(0, 7, shape).astype("int32") if "int" in t.dtype else rng.normal(size=shape).astype("float32")
    labels = {"residual": rng.integers(0, 3, 4), "two": rng.normal(size=(4, 1)).astype("float32")}
    return x, labels.get(model.name)


def flat(y):
    """Outputs in a list, those of a dictionary by name."""
    if isinstance(y, dict):
        return [v for k in sorted(y) for v in flat(y[k])]
    return [v for part in y for v in flat(part)] if isinstance(y, (list, tuple)) else [np.asarray(y)]


def learn(keras, name, record):
    """Gradients, and five steps of Adam, in a dictionary."""
    loss, rate = TRAINED[name]
    model = fill(MODELS[name](keras))
    x, y = data(model)
    before = [w.numpy() for w in model.trainable_weights]
    model.compile(keras.optimizers.SGD(1.0), loss)
    model.train_on_batch(x, y)
    for i, (w, value) in enumerate(zip(model.trainable_weights, before)):
        record[f"{name}/gradient/{i}"] = value - w.numpy()
    model = fill(MODELS[name](keras))
    model.compile(keras.optimizers.Adam(rate), loss)
    record[f"{name}/losses"] = np.array([model.train_on_batch(x, y) for _ in range(STEPS)], "float32")
    record.update({f"{name}/trained/{i}": w.numpy() for i, w in enumerate(model.weights)})
    return model


def file_of(model, suffix):
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/m{suffix}")
        return np.frombuffer(Path(f"{folder}/m{suffix}").read_bytes(), np.uint8)


def check(folder):
    """Load every file that kerasnp wrote into a folder and compare what it predicts."""
    import keras

    record = np.load(Path(__file__).with_name("graphs.npz"))
    for path in sorted(Path(folder).iterdir()):
        name = path.name.partition(".")[0]
        if path.suffix == ".json":
            model = keras.models.model_from_json(path.read_text())
            model.load_weights(path.with_suffix(".weights.h5"))
        elif path.name.endswith(".weights.h5"):
            continue
        else:
            model = keras.models.load_model(path)
        x, y = data(model)
        kind = "after" if name in TRAINED and path.suffix != ".json" else "y"
        got = flat(model.predict(x, verbose=0))
        if kind == "after" and path.suffix == ".keras":  # Keras 3 cannot train on from its own .h5 either
            model.train_on_batch(x, y)
            got += flat(model.predict(x, verbose=0))
        for i, value in enumerate(got):
            np.testing.assert_allclose(value, record[f"{name}/{kind}/{i}"], rtol=1e-3, atol=1e-4, err_msg=f"{path} {i}")
        print(path.name)


def main():
    import keras

    record = {"made_by": f"{Path(__file__).name}, keras {keras.__version__} on {keras.backend.backend()}"}
    for name, make in MODELS.items():
        keras.utils.clear_session()
        model = fill(make(keras))
        x, _ = data(model)
        record.update({f"{name}/y/{i}": v for i, v in enumerate(flat(model.predict(x, verbose=0)))})
        if name in TRAINED:
            model = learn(keras, name, record)
        record[f"{name}/operations"] = " ".join(o.name for o in model.operations)
        for suffix in (".keras", ".h5"):
            record[f"{name}/file{suffix}"] = file_of(model, suffix)
        if name in TRAINED:  # what was saved goes on learning
            x, y = data(model)
            after = flat(model.predict(x, verbose=0))
            model.train_on_batch(x, y)
            record.update({f"{name}/after/{i}": v for i, v in enumerate(after + flat(model.predict(x, verbose=0)))})
    np.savez_compressed(Path(__file__).with_name("graphs.npz"), **record)


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    check(sys.argv[2]) if sys.argv[1:2] == ["check"] else main()
