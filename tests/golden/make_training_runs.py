"""Writes training_runs.json: what scripts as Keras's users write them give with real Keras, numbers, names and all.

Run with Keras 3 and a framework that differentiates:  KERAS_BACKEND=jax python make_training_runs.py
Each function of RUNS is such a script, but for the import; the tests run it again with kerasnp. First weights are made here.
"""

import json
import tempfile
from pathlib import Path

import numpy as np

RNG = np.random.default_rng(5)
NUMBERS, FLAGS = RNG.standard_normal((120, 5)).astype("float32"), RNG.standard_normal((120, 3)).astype("float32")
PRICE = (NUMBERS.sum(1, keepdims=True) * 0.5 + FLAGS[:, :1]).astype("float32")
KIND = ((NUMBERS[:, 0] > 0).astype(int) + (FLAGS[:, 1] > 0)).astype("int32")
TRAIN, TEST = slice(0, 90), slice(90, 120)
QUIET = {"verbose": 0, "shuffle": False}


def with_first_weights(model):
    """The model, with weights that depend on their shapes alone."""
    model.set_weights(
        [0.3 * np.random.default_rng(sum(w.shape)).standard_normal(w.shape).astype("float32") for w in model.get_weights()]
    )
    return model


def classifier(keras, optimizer=None, **settings):
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(6, activation="relu"), keras.layers.Dense(3, activation="softmax")]
    )
    optimizer = optimizer or keras.optimizers.Adam(0.02)
    model.compile(optimizer, **{"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **settings})
    return with_first_weights(model)


def regressor(keras, optimizer="rmsprop", loss="mae", **settings):
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(6, activation="tanh"), keras.layers.Dense(1)])
    model.compile(optimizer, loss, **settings)
    return with_first_weights(model)


def named_inputs_and_outputs(keras):
    numbers, flags = keras.Input((5,), name="numbers"), keras.Input((3,), name="flags")
    h = keras.layers.Dense(8, activation="relu")(numbers)
    h = keras.layers.Concatenate()([h, flags])
    outputs = {
        "price": keras.layers.Dense(1, name="price")(h),
        "kind": keras.layers.Dense(3, activation="softmax", name="kind")(h),
    }
    model = with_first_weights(keras.Model({"numbers": numbers, "flags": flags}, outputs))
    model.compile(
        keras.optimizers.Adam(0.01),
        loss={"price": "mse", "kind": "sparse_categorical_crossentropy"},
        loss_weights={"price": 0.3, "kind": 1.0},
        metrics={"price": ["mae", keras.metrics.RootMeanSquaredError(name="rmse")], "kind": ["accuracy"]},
    )

    def part(rows):
        return {"numbers": NUMBERS[rows], "flags": FLAGS[rows]}, {"price": PRICE[rows], "kind": KIND[rows]}

    history = model.fit(*part(TRAIN), validation_data=part(TEST), epochs=3, batch_size=16, **QUIET)
    return history.history, model.evaluate(*part(TEST), verbose=0), model.evaluate(*part(TEST), verbose=0, return_dict=True)


def endless_generators(keras):
    def batches(rows, size):
        x, y, i = NUMBERS[rows], PRICE[rows], 0
        while True:
            yield x[i : i + size], y[i : i + size]
            i = (i + size) % len(x)

    model = regressor(keras, metrics=["mse"])
    options = {"validation_data": batches(TEST, 10), "validation_steps": 3, "steps_per_epoch": 4}
    history = model.fit(batches(TRAIN, 15), epochs=4, verbose=0, **options)
    return history.epoch, history.history, model.predict(batches(TEST, 10), steps=2, verbose=0)


def steps_of_arrays(keras):
    model = classifier(keras)
    history = model.fit(
        NUMBERS[TRAIN], KIND[TRAIN], steps_per_epoch=4, epochs=2, validation_split=0.2, validation_steps=2, **QUIET
    )
    return history.history, model.evaluate(NUMBERS, KIND, steps=7, verbose=0), int(model.optimizer.iterations)


def loss_and_metrics_of_my_own(keras):
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.head = keras.layers.Dense(6, activation="relu"), keras.layers.Dense(1)
            self.level = keras.metrics.Mean(name="level")

        def call(self, x, training=False):
            return self.head(self.hidden(x))

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            loss = super().compute_loss(x, y, y_pred, sample_weight, training)
            return loss + 0.01 * keras.ops.mean(keras.ops.square(y_pred))

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            logs = super().compute_metrics(x, y, y_pred, sample_weight)
            self.level.update_state(keras.ops.mean(y_pred))
            return {**logs, "level": self.level.result()}

    model = Mine()
    model(NUMBERS[:1])
    with_first_weights(model).compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse", metrics=["mae"])
    history = model.fit(NUMBERS[TRAIN], PRICE[TRAIN], epochs=3, batch_size=20, validation_split=0.2, **QUIET)
    return history.history, model.evaluate(NUMBERS[TEST], PRICE[TEST], verbose=0, return_dict=True)


def metrics_of_my_own(keras):
    ops = keras.ops

    class Hits(keras.metrics.Metric):
        def __init__(self, name="hits", **kwargs):
            super().__init__(name=name, **kwargs)
            self.right = self.add_weight(name="right", initializer="zeros")
            self.count = self.add_weight(name="count", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            same = ops.equal(ops.cast(ops.reshape(y_true, (-1,)), "int32"), ops.cast(ops.argmax(y_pred, -1), "int32"))
            same = ops.cast(same, "float32")
            if sample_weight is not None:
                same = same * ops.cast(sample_weight, "float32")
            self.right.assign_add(ops.sum(same))
            self.count.assign_add(ops.cast(ops.shape(same)[0], "float32"))

        def result(self):
            return self.right / (self.count + 1e-9)

        def reset_state(self):
            self.right.assign(0.0)
            self.count.assign(0.0)

    def surest(y_true, y_pred):
        return ops.max(y_pred, axis=-1)

    model = classifier(keras, metrics=["accuracy", Hits(), surest], weighted_metrics=["accuracy", Hits(name="weighted")])
    weights = np.linspace(0.1, 1, 90)
    history = model.fit(NUMBERS[TRAIN], KIND[TRAIN], sample_weight=weights, validation_split=0.25, epochs=3, **QUIET)
    return history.history, list(history.history)


def class_weights(keras):
    model = classifier(keras, weighted_metrics=["accuracy"])
    validation = NUMBERS[TEST], KIND[TEST], np.linspace(0, 1, 30)
    weights = {0: 1.0, 1: 2.0, 2: 0.5}
    return model.fit(
        NUMBERS[TRAIN], KIND[TRAIN], class_weight=weights, validation_data=validation, epochs=3, **QUIET
    ).history


def stopping_and_checkpoints(keras):
    folder = Path(tempfile.mkdtemp())
    model = classifier(keras, keras.optimizers.Adam(0.3))
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    history = model.fit(
        NUMBERS[TRAIN], KIND[TRAIN], validation_data=(NUMBERS[TEST], KIND[TEST]), epochs=30, **QUIET,
        callbacks=[
            stopping,
            keras.callbacks.ModelCheckpoint(str(folder / "best.keras"), monitor="val_loss", save_best_only=True),
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_lr=1e-3),
            keras.callbacks.CSVLogger(str(folder / "log.csv")),
            keras.callbacks.ModelCheckpoint(str(folder / "{epoch:02d}.weights.h5"), save_weights_only=True),
        ],
    )  # fmt: skip
    best = keras.models.load_model(folder / "best.keras").evaluate(NUMBERS[TEST], KIND[TEST], verbose=0)
    table = (folder / "log.csv").read_text().splitlines()
    return (
        history.history, best, model.evaluate(NUMBERS[TEST], KIND[TEST], verbose=0), table[0], len(table),
        sorted(p.name for p in folder.glob("*.h5")), stopping.stopped_epoch,
    )  # fmt: skip


def what_callbacks_see(keras):
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(["epoch begins", epoch, logs])

        def on_train_batch_end(self, batch, logs=None):
            seen.append(["batch", batch, dict(logs)])

        def on_test_batch_end(self, batch, logs=None):
            seen.append(["test batch", batch, dict(logs)])

        def on_test_end(self, logs=None):
            seen.append(["test", dict(logs)])

        def on_epoch_end(self, epoch, logs=None):
            seen.append(["epoch", epoch, dict(logs)])

        def on_train_end(self, logs=None):
            seen.append(["end", dict(logs)])

        def on_predict_batch_end(self, batch, logs=None):
            seen.append(["predicted", batch, sorted(logs), np.shape(logs["outputs"])])

    model = classifier(keras)
    options = {"batch_size": 40, "callbacks": [Watch()], "verbose": 0}
    validation = NUMBERS[TEST], KIND[TEST]
    model.fit(NUMBERS[TRAIN], KIND[TRAIN], epochs=2, shuffle=False, validation_data=validation, **options)
    model.evaluate(*validation, **{**options, "batch_size": 20})
    model.predict(NUMBERS[TEST], **{**options, "batch_size": 20})
    return seen


def added_losses(keras):
    class Small(keras.layers.Layer):
        def call(self, x):
            self.add_loss(0.1 * keras.ops.mean(keras.ops.abs(x)))
            return x

    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(6, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01), activity_regularizer="l1"),
            Small(),
            keras.layers.Dense(1),
        ]
    )
    with_first_weights(model).compile("sgd", "mse", metrics=["mae"])
    history = model.fit(NUMBERS[TRAIN], PRICE[TRAIN], epochs=2, validation_data=(NUMBERS[TEST], PRICE[TEST]), **QUIET)
    return history.history, model.evaluate(NUMBERS[TEST], PRICE[TEST], verbose=0)


def batch_by_batch(keras):
    model, logs = classifier(keras), []
    for _ in range(2):
        for i in range(0, 90, 30):
            logs.append(model.train_on_batch(NUMBERS[i : i + 30], KIND[i : i + 30]))
        logs.append(model.test_on_batch(NUMBERS[TEST], KIND[TEST], return_dict=True))
    return logs, model.predict_on_batch(NUMBERS[TEST])


def compiled_again(keras):
    model = classifier(keras)
    histories = [model.fit(NUMBERS[TRAIN], KIND[TRAIN], epochs=2, **QUIET)]
    histories.append(model.fit(NUMBERS[TRAIN], KIND[TRAIN], initial_epoch=2, epochs=4, **QUIET))
    model.layers[0].trainable = False
    model.compile(keras.optimizers.SGD(0.1))  # the loss and the metrics stay
    histories.append(model.fit(NUMBERS[TRAIN], KIND[TRAIN], **QUIET))
    return [[h.epoch, h.history] for h in histories], len(model.trainable_weights)


def batches_by_number(keras):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            rows = slice(15 * index, 15 * index + 15)
            return NUMBERS[rows], KIND[rows]

    model = classifier(keras)
    history = model.fit(Batches(), class_weight={1: 2.0}, validation_data=Batches(), validation_steps=2, epochs=2, **QUIET)
    return history.history, model.evaluate(Batches(workers=2), verbose=0), model.predict(Batches(), verbose=0)[:3]


RUNS = [
    named_inputs_and_outputs, endless_generators, steps_of_arrays, loss_and_metrics_of_my_own, metrics_of_my_own, class_weights,
    stopping_and_checkpoints, what_callbacks_see, added_losses, batch_by_batch, compiled_again, batches_by_number,
]  # fmt: skip


def plain(value):
    """Whatever a run returns as JSON knows it."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if value is None or isinstance(value, (str, int)):
        return value
    return float(value) if np.ndim(value) == 0 else np.asarray(value).tolist()


def main():
    import keras

    told = {run.__name__: plain(run(keras)) for run in RUNS}
    told["made_by"] = f"{Path(__file__).name}, Keras {keras.__version__} ({keras.backend.backend()})"
    Path(__file__).with_name("training_runs.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
