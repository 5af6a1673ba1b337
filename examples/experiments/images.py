"""MLP against CNN, and the images of four classes: the second report's comparison and its last figure."""

import time

import numpy as np

import kerasnp
from kerasnp import layers

from experiments.common import plain_ticks


class Clock(kerasnp.callbacks.Callback):
    """The seconds since the start at the end of each epoch, validation not counted."""

    def on_train_begin(self, logs=None):
        self.seconds, self.spent = [], 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_test_begin(self, logs=None):
        self.spent += time.perf_counter() - self.start
        self.seconds.append(self.spent)


def mlp(units=(256, 128)):
    """Two hidden layers."""
    hidden = [layers.Dense(n, activation="relu", kernel_initializer="he_normal") for n in units]
    return kerasnp.Sequential(
        [kerasnp.Input((28, 28, 1)), layers.Flatten(), *hidden, layers.Dense(10, activation="softmax")], name="mlp"
    )


def cnn(filters=(16, 32), units=64):
    """Two convolutions, two pools, a hidden layer."""
    return kerasnp.Sequential(
        [
            kerasnp.Input((28, 28, 1)),
            layers.Conv2D(filters[0], 3, activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Conv2D(filters[1], 3, activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(units, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(10, activation="softmax"),
        ],
        name="cnn",
    )


def mlp_vs_cnn(lab):
    """A multilayer perceptron against a convolutional network: accuracy, time, parameters, and shifted images."""
    epochs, batch = lab.pick(5, 2, "epochs"), lab.pick(64, 32, "batch")
    lab.settings["optimizer"] = "Adam, 0.002 falling by a cosine"
    (x, y), (x_test, y_test) = lab.images(*lab.pick((60_000, 10_000), (960, 300)))
    steps = epochs * -(-len(x) // batch)
    shifted = np.roll(x_test, (2, 2), axis=(1, 2))
    networks = lab.pick(
        {"MLP": mlp, "CNN": cnn}, {"MLP": lambda: mlp((32, 16)), "CNN": lambda: cnn((4, 6), 16)}
    )
    figures, curves = {}, {}
    for name, build in networks.items():
        kerasnp.utils.set_random_seed(lab.seed)
        model, clock = build(), Clock()
        rate = kerasnp.optimizers.schedules.CosineDecay(2e-3, steps, alpha=0.01)
        model.compile(kerasnp.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(
            x, y, batch, epochs, verbose=0, validation_data=(x_test, y_test), validation_batch_size=500, callbacks=[clock]
        ).history
        curves[name] = clock.seconds, history["val_accuracy"]
        predicted = model.predict(x_test, 500, verbose=0).argmax(axis=1)
        figures[name] = {
            "accuracy": float((predicted == y_test).mean()), "mistakes": int((predicted != y_test).sum()),
            "seconds": clock.seconds[-1], "parameters": model.count_params(),
            "shifted": model.evaluate(shifted, y_test, 500, verbose=0)[1],
            "seconds_to_97": next((s for s, a in zip(*curves[name]) if a >= 0.97), None),
        }  # fmt: skip
        lab.say(f"{name}: {figures[name]['accuracy']:.2%} after {clock.seconds[-1]:.1f} s")
    lab.table(
        ["", "accuracy", "seed 001", "mistakes", "seconds", "s to 97 %", "parameters", "shifted by 2 pixels"],
        [[n, f["accuracy"], s, f["mistakes"], f["seconds"], f["seconds_to_97"], f["parameters"], f["shifted"]]
         for (n, f), s in zip(figures.items(), ("98 %+", "99 %+"))],
    )  # fmt: skip

    def draw(figure, axes):
        left, right = axes
        for name, (seconds, values) in curves.items():
            left.plot(seconds, 100 * (1 - np.array(values)), "o-", label=name)
        left.set(xlabel="seconds of training", ylabel="wrong on the test images, %", yscale="log", title="Accuracy by time")
        plain_ticks(left.yaxis)
        left.legend()
        places, names = np.arange(2), list(figures)
        for i, (key, label) in enumerate((("accuracy", "as they are"), ("shifted", "shifted by 2 pixels"))):
            bars = right.bar(places + 0.4 * i - 0.2, [100 * (1 - figures[n][key]) for n in names], 0.38, label=label)
            right.bar_label(bars, [f"{100 * (1 - figures[n][key]):.1f} %" for n in names])
        right.set(ylabel="wrong, %", title="What a shift does to them", xticks=places)
        right.set_xticklabels([f"{n}\n{figures[n]['parameters']:,} parameters" for n in names])
        right.set_ylim(top=1.15 * right.get_ylim()[1])
        right.legend(loc="upper center", ncols=2)

    lab.picture(draw, 1, 2, size=(10, 4))
    return figures


def four_classes(lab):
    """The images of four given classes (1, 2, 3, 4) with their predictions, those in doubt first."""
    wanted = (1, 2, 3, 4)
    epochs = lab.pick(2, 1, "epochs")
    (x, y), (x_test, y_test) = lab.images(*lab.pick((60_000, 10_000), (960, 400)))
    model = lab.pick(cnn, lambda: cnn((4, 6), 16))()
    model.compile(kerasnp.optimizers.Adam(lab.pick(1e-3, 5e-3)), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, lab.pick(64, 32, "batch"), epochs, verbose=0)
    probabilities = model.predict(x_test, 500, verbose=0)
    predicted = probabilities.argmax(axis=1)
    figures = {}
    for label in wanted:
        own, called = y_test == label, predicted == label
        others = np.bincount(predicted[own & ~called], minlength=10)
        figures[label] = {
            "images": int(own.sum()), "found": float((own & called).sum() / own.sum()),
            "of_those_called_so": float((own & called).sum() / max(1, called.sum())),
            "taken_for": int(others.argmax()) if others.any() else None,
        }  # fmt: skip
    lab.table(
        ["class", "test images", "found (recall)", "right when named (precision)", "most taken for"],
        [[n, *f.values()] for n, f in figures.items()],
    )

    # The least certain of each class first.
    order = np.argsort(probabilities[np.arange(len(y_test)), y_test])
    title = f"Classes 1 to 4, the least certain first: {np.mean([f['found'] for f in figures.values()]):.1%} found"
    lab.save(
        lambda: kerasnp.viz.show_classes(x_test[order], y_test[order], wanted, probabilities[order], count=10, title=title)
    )
    return figures
