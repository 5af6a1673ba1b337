"""Writes several_outputs.npz: the training of models with several outputs as real Keras does it.

Run with Keras 3 and a framework that differentiates:  KERAS_BACKEND=jax python make_several_outputs.py
The file holds data and first weights too, so that the tests need neither Keras nor this script.
"""

import json
from pathlib import Path

import numpy as np

N, FEATURES, HIDDEN, CLASSES = 20, 4, 5, 3
SHAPES = [(FEATURES, HIDDEN), (HIDDEN,), (HIDDEN, 1), (1,), (HIDDEN, CLASSES), (CLASSES,)]
SPARSE = "sparse_categorical_crossentropy"


def doubtful_size(y_true, y_pred):
    """The error of the size counts where the first kind is likely."""
    return (y_pred["size"] - y_true["size"])[:, 0] ** 2 * y_pred["kind"][:, 0]


# How the outputs are nested, and what goes with them; None stands where an output has nothing.
CASES = {
    "dictionary": {
        "outputs": {"size": 0, "kind": 1},
        "compile": {
            "loss": {"size": "mse", "kind": SPARSE},
            "loss_weights": {"size": 0.5, "kind": 2.0},
            "metrics": {"size": ["mae", "mse"], "kind": "accuracy"},
            "weighted_metrics": {"size": ["mae"]},
        },
        "weights": {"size": 0, "kind": 1},
    },
    "list": {
        "outputs": [0, 1],
        "compile": {"loss": ["mse", SPARSE], "metrics": [["mae"], ["accuracy"]], "loss_weights": [1.0, 0.25]},
        "weights": [0, 1],
    },
    "one weight for all": {
        "outputs": (0, 1),
        "compile": {"loss": ("huber", SPARSE), "weighted_metrics": [["mae"], ["accuracy", SPARSE]]},
        "weights": 0,
    },
    "partial": {
        "outputs": [0, 1],
        "compile": {"loss": ["mse", None], "metrics": [["mae"], None]},
        "weights": None,
    },
    "nested": {
        "outputs": {"both": [0, 1], "size": 0},
        "compile": {
            "loss": {"both": ["mse", SPARSE], "size": "mae"},
            "metrics": {"both": [["mae"], ["accuracy"]], "size": ["mae"]},
        },
        "weights": None,
    },
    # Several losses of one output, and one of both outputs beside those of each.
    "together": {
        "outputs": {"size": 0, "kind": 1},
        "compile": {
            "loss": [doubtful_size, {"size": ["mse", "mae"], "kind": SPARSE}],
            "loss_weights": [0.3, {"size": [1.0, 0.5], "kind": 2.0}],
        },
        "weights": None,
    },
    "named, several": {
        "outputs": [0, 1],
        "names": ["size_head", "kind_head"],
        "compile": {"loss": [["mse", "huber"], SPARSE]},
        "weights": [0, 1],
    },
    # Outputs of a functional model, which have the names of their layers.
    "named": {
        "outputs": [0, 1],
        "names": ["size_head", "kind_head"],
        "compile": {
            "loss": {"kind_head": SPARSE, "size_head": "mse"},
            "loss_weights": {"size_head": 0.5, "kind_head": 2.0},
            "metrics": {"kind_head": ["accuracy"], "size_head": ["mae"]},
        },
        "weights": None,
    },
}


def filled(structure, values):
    """A nesting of numbers with what they stand for."""
    if isinstance(structure, dict):
        return {key: filled(part, values) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(filled(part, values) for part in structure)
    return None if structure is None else values[structure]


def data():
    """x, labels of both outputs, sample weights of both, first weights."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((N, FEATURES)).astype("float32")
    labels = [(x @ rng.standard_normal((FEATURES, 1))).astype("float32"), (np.arange(N) * 7 % CLASSES).astype("int32")]
    weights = [rng.uniform(0.2, 2.0, N).astype("float32") for _ in range(2)]
    return x, labels, weights, [(0.5 * rng.standard_normal(shape)).astype("float32") for shape in SHAPES]


def subclassed(keras, outputs):
    """A model with three layers whose outputs are nested like `outputs`."""

    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = keras.layers.Dense(HIDDEN, activation="tanh")
            self.size = keras.layers.Dense(1)
            self.kind = keras.layers.Dense(CLASSES, activation="softmax")

        def call(self, x):
            h = self.hidden(x)
            return filled(outputs, [self.size(h), self.kind(h)])

    return Two()


def functional(keras, names):
    x = keras.Input((FEATURES,))
    h = keras.layers.Dense(HIDDEN, activation="tanh")(x)
    heads = [keras.layers.Dense(1, name=names[0]), keras.layers.Dense(CLASSES, activation="softmax", name=names[1])]
    return keras.Model(x, [head(h) for head in heads])


def trained(model, optimizer, case):
    """What five steps, an evaluation and two epochs of a compiled model give, as plain numbers."""
    x, labels, weights, first = data()
    y, sample_weight = filled(case["outputs"], labels), filled(case["weights"], weights)
    model(x[:1])
    model.set_weights(first)
    model.compile(optimizer, **case["compile"])
    steps = [model.train_on_batch(x, y, sample_weight=sample_weight, return_dict=True) for _ in range(5)]
    after = [np.asarray(w) for w in model.get_weights()]
    logs = model.evaluate(x, y, sample_weight=sample_weight, batch_size=8, verbose=0, return_dict=True)
    values = np.ravel(model.evaluate(x, y, sample_weight=sample_weight, batch_size=8, verbose=0))
    tested = np.ravel(model.test_on_batch(x, y, sample_weight=sample_weight))
    history = model.fit(
        x, y, sample_weight=sample_weight, batch_size=8, epochs=2, shuffle=False, validation_split=0.3, verbose=0
    ).history
    plain = {
        "steps": [{k: float(v) for k, v in step.items()} for step in steps],
        "evaluate": {k: float(v) for k, v in logs.items()},
        "values": values.tolist(),
        "tested": tested.tolist(),
        "history": {k: [float(v) for v in values] for k, values in history.items()},
    }
    return json.loads(json.dumps(plain)), after


def main():
    import keras

    record, told = {}, {"made_by": f"{Path(__file__).name}, Keras {keras.__version__} ({keras.backend.backend()})"}
    for name, case in CASES.items():
        model = functional(keras, case["names"]) if "names" in case else subclassed(keras, case["outputs"])
        told[name], after = trained(model, keras.optimizers.Adam(0.05), case)
        record.update({f"{name}/{i}": w for i, w in enumerate(after)})
    np.savez_compressed(Path(__file__).with_name("several_outputs.npz"), told=json.dumps(told), **record)


if __name__ == "__main__":
    main()
