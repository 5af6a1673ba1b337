"""The CNN of the first report under different activations and optimizers."""

import numpy as np

import kerasnp
from kerasnp import Tape, Variable, layers, ops, optimizers

from experiments.common import Losses, plain_ticks, smooth

ACTIVATIONS = {
    "ReLU": (lambda: layers.ReLU(), 0.9642),
    "LeakyReLU(0.01)": (lambda: layers.LeakyReLU(0.01), 0.9778),
    "LeakyReLU(0.001)": (lambda: layers.LeakyReLU(0.001), 0.9798),
    "sigmoid": (lambda: layers.Activation("sigmoid"), 0.9665),
    "tanh": (lambda: layers.Activation("tanh"), 0.9641),
    "ELU": (lambda: layers.ELU(), 0.9774),
    "PReLU": (lambda: layers.PReLU(shared_axes=None), None),
}

# The customary rate of each; the valley is a different country.
OPTIMIZERS = {
    "SGD": (lambda rate: optimizers.SGD(rate), 0.05, 0.95, 0.9676),
    "Momentum": (lambda rate: optimizers.SGD(rate, momentum=0.9), 0.05, 0.1, 0.9716),
    "Nesterov": (lambda rate: optimizers.SGD(rate, momentum=0.9, nesterov=True), 0.05, 0.1, 0.9711),
    "AdaGrad": (lambda rate: optimizers.Adagrad(rate), 0.02, 1.5, None),
    "RMSProp": (lambda rate: optimizers.RMSprop(rate), 1e-3, 0.3, None),
    "Adadelta": (lambda rate: optimizers.Adadelta(rate), 1.0, 200.0, None),
    "Adam": (lambda rate: optimizers.Adam(rate), 1e-3, 0.3, 0.9707),
}


def network(activation=layers.ReLU, filters=(12, 24)):
    """Convolution, pooling, convolution, pooling, classes."""
    first, second = filters
    return kerasnp.Sequential(
        [
            kerasnp.Input((28, 28, 1)),
            layers.Conv2D(first, 5, padding="same", kernel_initializer="he_normal", name="conv_1"),
            activation(),
            layers.MaxPooling2D(),
            layers.Conv2D(second, 3, padding="same", kernel_initializer="he_normal", name="conv_2"),
            activation(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax", name="classes"),
        ]
    )


def compared(lab, build, data, epochs, batch, **choices):
    """`kerasnp.compare` with the losses of all batches and the accuracy on the test images: (run, losses, accuracy) each."""
    (x, y), (x_test, y_test) = data
    watchers = []

    def watched():
        watchers.append(Losses())
        return watchers[-1:]

    runs = kerasnp.compare(
        build, x, y, **choices, loss="sparse_categorical_crossentropy", metrics=["accuracy"], epochs=epochs, batch_size=batch,
        callbacks=watched, seed=lab.seed, verbose=1,
    )  # fmt: skip
    for run, watcher in zip(runs, watchers, strict=True):
        yield run, watcher.losses, run.model.evaluate(x_test, y_test, 500, verbose=0)[1]


def activations(lab):
    """Seven activations in the CNN of seed 000: accuracy, loss, time, and the gradient that reaches each layer."""
    epochs, batch = lab.pick(1, 1, "epochs"), lab.pick(64, 32, "batch")
    filters = lab.pick((12, 24), (4, 6), "filters")
    rate = 0.02
    lab.settings["optimizer"] = f"SGD({rate}, momentum=0.9)"
    data = lab.images(*lab.pick((60_000, 10_000), (640, 200)))
    figures, curves = {}, {}
    choices = {name: activation for name, (activation, _) in ACTIVATIONS.items()}
    found = compared(
        lab, lambda activation: network(activation, filters), data, epochs, batch, activation=choices,
        optimizer=[optimizers.SGD(rate, momentum=0.9)],
    )  # fmt: skip
    for run, losses, accuracy in found:
        name, curves[run.label] = run.label, losses
        figures[name] = {
            "accuracy": accuracy, "seed_000": ACTIVATIONS[name][1], "seconds": run.seconds,
            "seconds_per_50_batches": 50 * run.seconds / len(losses),
            "gradient_at_start": {layer: run.gradients[layer] for layer in ("conv_1", "conv_2", "classes")},
            "last_loss": float(np.mean(losses[-max(1, len(losses) // 10) :])),
        }  # fmt: skip
    lab.table(
        ["activation", "accuracy", "seed 000", "s / 50 batches", "gradient conv_1", "conv_2", "classes"],
        [[n, f["accuracy"], f["seed_000"], f["seconds_per_50_batches"], *f["gradient_at_start"].values()]
         for n, f in figures.items()],
    )  # fmt: skip
    lab.say(
        "All with one rate, so that they can be compared. A sigmoid is at most 1/4 steep: each one on the way down divides\n"
        "the gradient by four or more, which is why the first layer hardly learns at first."
    )

    def draw(figure, axes):
        for name, losses in curves.items():
            width = max(1, len(losses) // 40)
            axes[0].plot(np.arange(width, len(losses) + 1), smooth(losses, width), label=name, lw=1.2)
        axes[0].set(xlabel="batch", ylabel="loss (running mean)", yscale="log", title="Loss while training")
        plain_ticks(axes[0].yaxis)
        axes[0].legend(fontsize=8)
        names = list(figures)
        bars = axes[1].barh(names, [figures[n]["accuracy"] for n in names], color="tab:blue")
        axes[1].bar_label(bars, [f"{figures[n]['accuracy']:.2%}" for n in names], padding=-42, color="white", fontsize=8)
        axes[1].invert_yaxis()
        low = min(f["accuracy"] for f in figures.values())
        low = max(0, low - 0.25 * (1 - low) - 0.02)
        axes[1].set(xlim=(low, 1), title=f"Test accuracy, {epochs} epoch" + "s" * (epochs > 1), xlabel="share right")
        for name in names:
            norms = figures[name]["gradient_at_start"]
            axes[2].plot(list(norms), list(norms.values()), "o-", label=name, lw=1.2)
        axes[2].set(yscale="log", title="Gradient of the kernels before training", ylabel="norm", xlabel="layer")
        axes[2].legend(fontsize=8)

    lab.picture(draw, 1, 3, size=(14, 4.2))
    return figures


def valley(optimizer, steps):
    """The path of an optimizer over x^2 / 20 + y^2 from (-7, 2), (steps + 1, 2)."""
    place = Variable([-7.0, 2.0])
    path = [place.numpy()]
    for _ in range(steps):
        with Tape() as tape:
            height = ops.sum(ops.square(place) * [0.05, 1.0])
        optimizer.apply([tape.gradient(height, place)], [place])
        path.append(place.numpy())
    return np.array(path)


def optimizers_compared(lab):
    """Seven optimizers on the same CNN, and their paths over a valley."""
    epochs, batch = lab.pick(1, 1, "epochs"), lab.pick(64, 32, "batch")
    filters = lab.pick((12, 24), (4, 6), "filters")
    data = lab.images(*lab.pick((60_000, 10_000), (640, 200)))
    figures, curves, paths = {}, {}, {}
    kerasnp.utils.set_random_seed(lab.seed)
    before = np.concatenate([w.ravel() for w in network(filters=filters).get_weights()])
    choices = {name: make(rate) for name, (make, rate, *_) in OPTIMIZERS.items()}
    for run, losses, accuracy in compared(lab, lambda: network(filters=filters), data, epochs, batch, optimizer=choices):
        name, curves[run.label] = run.label, losses
        make, rate, steep, theirs = OPTIMIZERS[name]
        paths[name] = valley(make(steep), 30)
        after = np.concatenate([w.ravel() for w in run.model.get_weights()])
        figures[name] = {
            "accuracy": accuracy, "seed_000": theirs, "rate": rate, "seconds": run.seconds,
            "loss_after_100_batches": float(np.mean(losses[90:110])) if len(losses) > 100 else None,
            "last_loss": float(np.mean(losses[-max(1, len(losses) // 10) :])),
            "weights_moved": float(np.linalg.norm(after - before) / np.linalg.norm(before)),
            "valley_rate": steep, "valley_end": paths[name][-1], "updates": int(run.model.optimizer.iterations),
        }  # fmt: skip
    lab.table(
        ["optimizer", "rate", "accuracy", "seed 000", "loss at batch 100", "last loss", "weights moved by", "seconds"],
        [[n, f["rate"], f["accuracy"], f["seed_000"], f["loss_after_100_batches"], f["last_loss"], f["weights_moved"],
          f["seconds"]] for n, f in figures.items()],
    )  # fmt: skip
    for when, key in (("around batch 100", "loss_after_100_batches"), ("in the last tenth", "last_loss")):
        (low, first), *_, (high, last) = sorted((f[key] or f["last_loss"], n) for n, f in figures.items())
        lab.say(f"Loss {when}: from {low:.3f} ({first}) to {high:.3f} ({last}).")
    lab.say("The weights of each moved by another length: every optimizer really was at work.")

    def draw(figure, axes):
        for name, losses in curves.items():
            width = max(1, len(losses) // 40)
            axes[0].plot(np.arange(width, len(losses) + 1), smooth(losses, width), label=name, lw=1.2)
        axes[0].set(xlabel="batch", ylabel="loss (running mean)", yscale="log", title="Loss while training the CNN")
        plain_ticks(axes[0].yaxis)
        axes[0].legend(fontsize=8)
        u, v = np.meshgrid(np.linspace(-8, 8, 120), np.linspace(-3, 3, 80))
        axes[1].contour(u, v, u**2 / 20 + v**2, levels=[0.05, 0.3, 1, 2, 4, 7], colors="lightgray")
        for name, path in paths.items():
            rate = OPTIMIZERS[name][2]
            axes[1].plot(*path.T, ".-", label=f"{name}, {rate:g}", lw=1, ms=4)
        axes[1].plot(0, 0, "k*", ms=10)
        axes[1].set(xlim=(-8, 8), ylim=(-3, 3), xlabel="x", ylabel="y", title="30 steps down x² / 20 + y² from (-7, 2)")
        axes[1].legend(fontsize=8, ncols=2, title="optimizer, rate", title_fontsize=8)

    lab.picture(draw, 1, 2, size=(12, 4.6))
    return figures
