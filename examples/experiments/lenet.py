"""LeNet-5 as in the third report, and the best network for MNIST within half an hour."""

import time

import numpy as np

import kerasnp
from kerasnp import layers
from kerasnp.optimizers import Adam
from kerasnp.optimizers.schedules import CosineDecay

from experiments.common import plain_ticks, tiles


def lenet5(extra=(), norm=False, activation="softmax"):
    """LeNet-5 (LeCun et al., 1998) for 28 x 28 pixels, the first convolution padded; with ReLU and max-pooling."""

    def block(layer):
        return [layer, layers.BatchNormalization(momentum=0.9), layers.ReLU()] if norm else [layer, layers.ReLU()]

    he = "he_normal"
    return kerasnp.Sequential(
        [
            kerasnp.Input((28, 28, 1)),
            *extra,
            *block(layers.Conv2D(6, 5, padding="same", kernel_initializer=he)),
            layers.MaxPooling2D(),
            *block(layers.Conv2D(16, 5, kernel_initializer=he)),
            layers.MaxPooling2D(),
            layers.Flatten(),
            *block(layers.Dense(120, kernel_initializer=he)),
            *block(layers.Dense(84, kernel_initializer=he)),
            layers.Dense(10, activation=activation),
        ],
        name="lenet5",
    )


def lenet5_ways(lab):
    """LeNet-5 as in seed 003 (93.52 % in 20 epochs) and past 98.9 % in 6: input normalisation, batch-norm, both losses."""
    epochs, batch = lab.pick(6, 1, "epochs"), lab.pick(64, 32, "batch")
    (x, y), (x_test, y_test) = lab.images(*lab.pick((60_000, 10_000), (960, 200)))
    steps = epochs * -(-len(x) // batch)
    one_hot = np.eye(10, dtype="float32")

    def scaled():
        layer = layers.Normalization(axis=None)
        layer.adapt(x[:10_000])
        return [layer]

    def adam():
        return Adam(CosineDecay(2e-3, steps, alpha=0.01))

    ways = {
        "as seed 003: SGD 0.001": (lambda: lenet5(), lambda: kerasnp.optimizers.SGD(1e-3), "categorical_crossentropy"),
        "cross-entropy": (lambda: lenet5(), adam, "categorical_crossentropy"),
        "input normalised": (lambda: lenet5(scaled()), adam, "categorical_crossentropy"),
        "batch-norm": (lambda: lenet5(norm=True), adam, "categorical_crossentropy"),
        "softmax with MSE": (lambda: lenet5(), adam, "mean_squared_error"),
    }
    lab.settings["optimizer"] = "Adam, 0.002 falling by a cosine, unless named"
    figures, curves = {}, {}
    for name, (build, optimizer, loss) in ways.items():
        kerasnp.utils.set_random_seed(lab.seed)
        model = build()
        model.compile(optimizer(), loss, metrics=["accuracy"])
        start = time.perf_counter()
        history = model.fit(
            x, one_hot[y], batch, epochs, verbose=0, validation_data=(x_test, one_hot[y_test]), validation_batch_size=500
        ).history
        seconds = time.perf_counter() - start
        curves[name] = history["val_accuracy"]
        figures[name] = {
            "accuracy": curves[name][-1], "by_epoch": curves[name], "seconds": seconds, "loss": history["loss"][-1],
        }  # fmt: skip
        lab.say(f"{name:24s} {curves[name][-1]:.2%} on the test images after {epochs} epochs, {seconds:.1f} s")
    lab.table(
        ["LeNet-5", "epoch 1", f"epoch {epochs}", "seconds", "seed 003, 20 epochs"],
        [[n, f["by_epoch"][0], f["accuracy"], f["seconds"], 0.9352 if n.startswith("as") else ""] for n, f in figures.items()],
    )

    def draw(figure, axes):
        left, right = axes
        epoch = np.arange(1, epochs + 1)
        for name, values in curves.items():
            for panel in axes:
                panel.plot(epoch, 100 * np.array(values), "o-", label=name, ms=4)
        left.axhline(93.52, color="k", ls="--", lw=1, label="seed 003 after 20 epochs: 93.52 %")
        left.set(xlabel="epoch", ylabel="right on the test images, %", title="LeNet-5")
        left.legend(fontsize=8)
        best = max(100 * f["accuracy"] for f in figures.values())
        right.axhline(98.9, color="k", ls=":", lw=1)
        right.set(xlabel="epoch", title="The upper part (dotted: 98.9 %)", ylim=lab.pick((97, 99.5), (0, best + 5)))

    lab.picture(draw, 1, 2, size=(11, 4.2))
    return figures


def best_cnn(lab):
    """At least 99.4 % on MNIST in one run: convolutions, batch-norm, dropout, moved images, Adam with a cosine."""
    epochs = lab.pick(10, 2, "epochs")
    batch = lab.pick(128, 64, "batch")
    (x, y), (x_test, y_test) = lab.images(*lab.pick((60_000, 10_000), (1_500, 300)))
    widths = lab.pick((32, 64, 64, 256), (8, 16, 16, 32), "filters and units")
    model = best_network(*widths)
    steps = len(x) // batch
    rate = CosineDecay(0.0, (epochs - 1) * steps, alpha=0.002, warmup_target=3e-3, warmup_steps=steps)
    model.compile(Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    start = time.perf_counter()
    history = model.fit(
        moved_batches(x, y, batch, lab.seed), steps_per_epoch=steps, epochs=epochs, verbose=lab.pick(2, 0),
        validation_data=(x_test, y_test), validation_batch_size=500,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    probabilities = model.predict(x_test, batch_size=500, verbose=0)
    predicted = probabilities.argmax(axis=1)
    accuracy = (predicted == y_test).mean()
    curves = history.history
    lab.table(
        ["", "kerasnp", "seed 004"],
        [["accuracy on the test images", accuracy, 0.992], ["epochs", epochs, 60], ["seconds", seconds, ""],
         ["parameters", model.count_params(), ""]],
    )  # fmt: skip
    wrong = np.flatnonzero(predicted != y_test)

    def draw(figure, axes):
        left, right = axes
        epoch = np.arange(1, epochs + 1)
        left.plot(epoch, 100 * (1 - np.array(curves["accuracy"])), label="training images, moved", color="tab:gray")
        left.plot(epoch, 100 * (1 - np.array(curves["val_accuracy"])), "o-", label="test images", color="tab:blue")
        left.axhline(0.8, color="tab:red", ls="--", lw=1, label="seed 004: 0.8 %")
        left.set(xlabel="epoch", ylabel="wrong, %", title=f"{accuracy:.2%} right after {epochs} epochs", yscale="log")
        plain_ticks(left.yaxis)
        left.legend()
        tiles(right, x_test[wrong], [f"{p}, is {t}" for p, t in zip(predicted[wrong], y_test[wrong])])
        right.set_title(f"the first of {len(wrong)} mistakes")

    lab.picture(draw, 1, 2, size=(10, 4.2))
    return {
        "accuracy": accuracy, "mistakes": len(wrong), "training_seconds": seconds, "parameters": model.count_params(),
        "test_accuracy_by_epoch": curves["val_accuracy"],
    }  # fmt: skip


def best_network(first, second, third, units):
    """Three convolutions without padding, two max-pools, a hidden layer; each with ReLU and batch-norm."""

    def conv(filters, size):
        return layers.Conv2D(filters, size, activation="relu", kernel_initializer="he_normal")

    return kerasnp.Sequential(
        [
            kerasnp.Input((28, 28, 1)),
            conv(first, 5),
            layers.MaxPooling2D(),
            layers.BatchNormalization(),
            conv(second, 3),
            layers.BatchNormalization(),
            layers.Dropout(0.1),
            conv(third, 3),
            layers.MaxPooling2D(),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(units, activation="relu", kernel_initializer="he_normal"),
            layers.BatchNormalization(),
            layers.Dropout(0.4),
            layers.Dense(10, activation="softmax"),
        ],
        name="best_cnn",
    )


def moved_batches(x, y, batch, seed):
    """Batches without end, in a new order in each epoch, every image moved a little."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            rows = order[start : start + batch]
            yield moved(x[rows], rng), y[rows]


def moved(x, rng, turn=12.0, stretch=0.1, slant=0.15, shift=2.0):
    """Images (n, h, w, 1) turned, stretched, slanted and shifted at random, read between the pixels (bilinear).

    Args:
        turn: the most degrees.
        stretch, slant: the most, as a part of the size.
        shift: the most pixels.
    """
    n, h, w, _ = x.shape
    angle, lean, across, down, right, below = rng.uniform(-1, 1, (6, n, 1, 1)).astype("float32")
    angle = angle * np.deg2rad(turn).astype("float32")
    v, u = np.mgrid[:h, :w].astype("float32") - np.array([(h - 1) / 2, (w - 1) / 2], "float32")[:, None, None]
    u = u * (1 + stretch * across) + slant * lean * v
    v = v * (1 + stretch * down)
    cos, sin = np.cos(angle), np.sin(angle)
    row = sin * u + cos * v + (h - 1) / 2 + shift * below
    column = cos * u - sin * v + (w - 1) / 2 + shift * right
    # A border of zeros, so that every place outside has a neighbour to read.
    padded = np.pad(x[..., 0], ((0, 0), (1, 2), (1, 2)))
    row, column = np.clip(row + 1, 0, h + 1), np.clip(column + 1, 0, w + 1)
    i, j = row.astype("int32"), column.astype("int32")
    a, b = (row - i).astype("float32"), (column - j).astype("float32")
    place = (np.arange(n, dtype="int32")[:, None, None] * padded.shape[1] + i) * padded.shape[2] + j
    flat = padded.reshape(-1)
    above = flat[place] * (1 - b) + flat[place + 1] * b
    under = flat[place + padded.shape[2]] * (1 - b) + flat[place + padded.shape[2] + 1] * b
    return (above * (1 - a) + under * a)[..., None]
