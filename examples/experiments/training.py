"""How a network begins, overfits, and is tuned: the fifth report."""

import numpy as np

import kerasnp
from kerasnp import initializers, layers, regularizers

INITIALIZERS = {
    "zeros": lambda: "zeros",
    "deviation 1": lambda: initializers.RandomNormal(stddev=1.0),
    "Xavier": lambda: initializers.GlorotNormal(),
    "He": lambda: initializers.HeNormal(),
}


def weight_init(lab):
    """The activations of five layers under four initializers and three activations: which of them still tell inputs apart."""
    units, count = lab.pick(100, 20, "units"), lab.pick(1_000, 100, "inputs")
    x = np.random.default_rng(lab.seed).standard_normal((count, units)).astype("float32")
    figures, histograms = {}, {}
    for activation in ("sigmoid", "tanh", "relu"):
        for name, initializer in INITIALIZERS.items():
            kerasnp.utils.set_random_seed(lab.seed)
            model = kerasnp.Sequential([kerasnp.Input((units,))])
            for _ in range(5):
                model.add(layers.Dense(units, activation=activation, kernel_initializer=initializer()))
            values = [model.activations_of(i, x, batch_size=500) for i in range(5)]
            saturated = (values[-1] < 0.01) | (values[-1] > 0.99) if activation == "sigmoid" else np.abs(values[-1]) > 0.99
            figures[f"{activation}, {name}"] = {
                "deviation_by_layer": [float(v.std()) for v in values],
                # What one unit tells of two inputs: its deviation over the inputs.
                "deviation_over_inputs": float(values[-1].std(axis=0).mean()),
                "saturated": float(saturated.mean()) if activation != "relu" else None,
                "zero": float((values[-1] == 0).mean()),
            }
            histograms[activation, name] = values
    lab.table(
        ["activation, initializer", *(f"deviation {i + 1}" for i in range(5)), "over inputs", "saturated in 5", "zero in 5"],
        [[n, *f["deviation_by_layer"], f["deviation_over_inputs"], f["saturated"], f["zero"]] for n, f in figures.items()],
        floatfmt=".3g",
    )  # fmt: skip
    lab.say(
        "Zeros: all units are alike and stay so. Deviation 1: sigmoid and tanh saturate, ReLU grows with every layer.\n"
        "Xavier suits tanh; under ReLU it halves the variance in each layer, and He's factor of two makes up for that."
    )

    def draw(figure, axes):
        for row, activation in zip(axes, ("sigmoid", "tanh", "relu")):
            for panel, name in zip(row, INITIALIZERS):
                values = histograms[activation, name]
                low, high = (-1.05, 1.05) if activation == "tanh" else (-0.05, 1.05)
                if activation == "relu":
                    high = max(1.0, float(np.quantile(np.concatenate(values), 0.995)))
                for i, v in enumerate(values):
                    panel.hist(
                        v.ravel(), bins=40, range=(low, high), density=True, histtype="step", lw=1.3,
                        color=f"C{i}", label=f"layer {i + 1}",
                    )  # fmt: skip
                panel.set(title=f"{activation}, {name}", yscale="log")
        for panel in axes[-1]:
            panel.set_xlabel("activation")
        for panel in axes[:, 0]:
            panel.set_ylabel("density")
        axes[0, 0].legend(fontsize=7)

    lab.picture(draw, 3, 4, size=(12, 8))
    return figures


def overfit(lab):
    """300 images, a network that learns them by heart, and what weight decay, dropout and batch-norm do about it."""
    epochs, units, depth = lab.pick(200, 12, "epochs"), lab.pick(100, 32, "units"), lab.pick(6, 2, "hidden layers")
    lab.settings["optimizer"] = "SGD(0.05), batch 100"
    (x, y), (x_test, y_test) = lab.images(*lab.pick((300, 10_000), (300, 300)))

    def network(decay=None, dropout=0.0, norm=False):
        model = kerasnp.Sequential([kerasnp.Input((28, 28, 1)), layers.Flatten()])
        for _ in range(depth):
            penalty = regularizers.L2(decay) if decay else None
            model.add(layers.Dense(units, kernel_initializer="he_normal", kernel_regularizer=penalty))
            if norm:
                model.add(layers.BatchNormalization(momentum=0.9))
            model.add(layers.ReLU())
            if dropout:
                model.add(layers.Dropout(dropout))
        model.add(layers.Dense(10, activation="softmax"))
        return model

    ways = {
        "nothing": {},
        "weight decay 0.01": {"decay": 0.01},
        "dropout 0.2": {"dropout": 0.2},
        "batch-norm": {"norm": True},
        "all three": {"decay": 0.01, "dropout": 0.2, "norm": True},
    }
    figures, curves = {}, {}
    for name, options in ways.items():
        kerasnp.utils.set_random_seed(lab.seed)
        model = network(**options)
        # The loss would count the decay as well, the metric does not.
        model.compile(
            kerasnp.optimizers.SGD(0.05), "sparse_categorical_crossentropy",
            metrics=["accuracy", "sparse_categorical_crossentropy"],
        )  # fmt: skip
        history = model.fit(
            x, y, 100, epochs, verbose=0, validation_data=(x_test, y_test), validation_batch_size=1_000,
            validation_freq=lab.pick(5, 1),
        )  # fmt: skip
        curves[name] = history.history
        seen = model.evaluate(x, y, 300, verbose=0)[1]
        _, unseen, unseen_loss = model.evaluate(x_test, y_test, 1_000, verbose=0)
        norms = sum(float(np.square(w.numpy()).sum()) for w in model.trainable_weights if w.name == "kernel") ** 0.5
        figures[name] = {
            "seen": seen, "unseen": unseen, "gap": seen - unseen, "unseen_loss": unseen_loss, "norm_of_kernels": norms,
        }  # fmt: skip
        lab.say(f"{name:18s} {seen:.2%} of the 300 seen, {unseen:.2%} of those not seen")
    lab.table(
        ["against overfitting", "seen", "unseen", "gap", "cross-entropy of unseen", "norm of the kernels"],
        [[n, f["seen"], f["unseen"], f["gap"], f["unseen_loss"], f["norm_of_kernels"]] for n, f in figures.items()],
    )

    def draw(figure, axes):
        for panel, (name, c) in zip(axes, curves.items()):
            panel.plot(np.arange(1, epochs + 1), c["accuracy"], label="300 seen (in training)")
            every = epochs // len(c["val_accuracy"])
            panel.plot(np.arange(1, len(c["val_accuracy"]) + 1) * every, c["val_accuracy"], label="unseen")
            panel.set(title=f"{name}: {figures[name]['unseen']:.1%}", xlabel="epoch", ylim=(0, 1.02))
        axes[0].set_ylabel("share right")
        axes[0].legend(loc="lower right", fontsize=8)

    lab.picture(draw, 1, 5, size=(15, 3.2), sharey=True)
    return figures


def hyperparameters(lab):
    """A random search of learning rate and weight decay, judged on images that are neither trained on nor tested on."""
    trials, epochs = lab.pick(20, 4, "trials"), lab.pick(50, 6, "epochs")
    units, depth = lab.pick(100, 32, "units"), lab.pick(6, 2, "hidden layers")
    (x, y), (x_test, y_test) = lab.images(*lab.pick((1_000, 10_000), (400, 300)))
    half = len(x) // 2
    order = np.random.default_rng(lab.seed).permutation(len(x))
    train, held = order[:half], order[half:]
    lab.settings["trained on"], lab.settings["judged on"] = len(train), len(held)
    assert not set(train) & set(held)
    rng = np.random.default_rng(lab.seed)

    def network():
        hidden = [layers.Dense(units, activation="relu", kernel_initializer="he_normal") for _ in range(depth)]
        return kerasnp.Sequential(
            [kerasnp.Input((28, 28, 1)), layers.Flatten(), *hidden, layers.Dense(10, activation="softmax")]
        )

    found = []
    for _ in range(trials):
        rate, decay = 10 ** rng.uniform(-3.5, -0.5), 10 ** rng.uniform(-6, -1)
        kerasnp.utils.set_random_seed(lab.seed)
        model = network()
        model.compile(
            kerasnp.optimizers.SGD(rate, weight_decay=decay), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        history = model.fit(
            x[train], y[train], 100, epochs, verbose=0, validation_data=(x[held], y[held]), validation_batch_size=500
        ).history
        found.append(
            {"rate": rate, "decay": decay, "held": history["val_accuracy"][-1], "seen": history["accuracy"][-1],
             "curves": history, "test": model.evaluate(x_test, y_test, 1_000, verbose=0)[1]}
        )  # fmt: skip
    found.sort(key=lambda trial: -trial["held"])
    best = found[0]
    lab.table(
        ["learning rate", "weight decay", "accuracy, trained on", "held out"],
        [[t["rate"], t["decay"], t["seen"], t["held"]] for t in found[:8]],
    )
    lab.say(
        f"The best by the held-out images gets {best['test']:.2%} of the test images right, which had no part in the choice.\n"
        f"The decay shrinks weights by rate * decay a step, so at these sizes the rate decides."
    )

    def draw(figure, axes):
        for i, (panel, trial) in enumerate(zip(axes.flat, found)):
            panel.plot(trial["curves"]["accuracy"], label="trained on")
            panel.plot(trial["curves"]["val_accuracy"], "--", label="held out")
            panel.set(ylim=(0, 1.02))
            panel.set_title(f"{i + 1}: rate {trial['rate']:.2g}, decay {trial['decay']:.1g}", fontsize=9)
        for panel in axes[-1]:
            panel.set_xlabel("epoch")
        for panel in axes[:, 0]:
            panel.set_ylabel("share right")
        axes[0, 0].legend(fontsize=8, loc="lower right")

    lab.picture(draw, *lab.pick((4, 5), (1, 4)), size=lab.pick((13, 9), (11, 3)), sharex=True, sharey=True, squeeze=False)
    return {
        "best": {k: best[k] for k in ("rate", "decay", "seen", "held", "test")},
        "trials": [{k: t[k] for k in ("rate", "decay", "seen", "held")} for t in found],
        "overlap": 0,
    }
