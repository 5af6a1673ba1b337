"""Beginnings: gates of perceptrons, and training by numerical differentiation, as in the fifth report."""

import time

import numpy as np

import kerasnp
from kerasnp import Operator, layers

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
GATES = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "NAND": [1, 1, 1, 0], "XOR": [0, 1, 1, 0]}


class Threshold(Operator):
    """y = 1 where x > 0, else 0. It has no gradient, which is why perceptrons got sigmoids."""

    def forward(self, x):
        return (x > 0).astype(x.dtype)


def threshold(x):
    """The step of a perceptron."""
    return Threshold()(x)


def perceptron(*weights):
    """Layers of perceptrons with given weights: (kernel, bias) for each layer."""
    model = kerasnp.Sequential([kerasnp.Input((2,))])
    for kernel, bias in weights:
        model.add(layers.Dense(len(bias), activation=threshold))
        model.layers[-1].set_weights([np.array(kernel, "float32"), np.array(bias, "float32")])
    return model


def learner(hidden):
    """One neuron, or one behind a layer of some."""
    between = [layers.Dense(hidden, activation="tanh")] if hidden else []
    return kerasnp.Sequential([kerasnp.Input((2,)), *between, layers.Dense(1, activation="sigmoid")])


def perceptron_gates(lab):
    """AND, OR, NAND by one neuron and XOR by two layers: with weights by hand, and learned."""
    by_hand = {
        "AND": [([[0.5], [0.5]], [-0.7])],
        "OR": [([[0.5], [0.5]], [-0.2])],
        "NAND": [([[-0.5], [-0.5]], [0.7])],
        # XOR = AND(NAND, OR)
        "XOR": [([[-0.5, 0.5], [-0.5, 0.5]], [0.7, -0.2]), ([[0.5], [0.5]], [-0.7])],
    }
    epochs = lab.pick(400, 250, "epochs")
    lab.settings["optimizer"] = "Adam(0.1)"
    figures, maps = {}, {}
    grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 1.5, 60, dtype="float32")] * 2), axis=-1).reshape(-1, 2)
    for name, hidden in [("AND", 0), ("OR", 0), ("NAND", 0), ("XOR", 0), ("XOR", 4)]:
        kerasnp.utils.set_random_seed(lab.seed)
        truth = np.array(GATES[name], "float32")[:, None]
        model = learner(hidden)
        model.compile(kerasnp.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
        model.fit(INPUTS, truth, 4, epochs, verbose=0)
        title = f"{name}, {'two layers' if hidden else 'one neuron'}"
        learned = model.predict(INPUTS, verbose=0)
        figures[title] = {"learned": learned.ravel(), "right": int(((learned > 0.5) == truth).sum())}
        if hidden or name != "XOR":
            fixed = perceptron(*by_hand[name]).predict(INPUTS, verbose=0)
            figures[title]["by_hand"] = fixed.ravel()
            figures[title]["right_by_hand"] = int((fixed == truth).sum())
        maps[title] = model.predict(grid, 512, verbose=0).reshape(60, 60), truth.ravel()
    lab.table(
        ["gate", "00, 01, 10, 11 learned", "right of 4", "weights by hand: right of 4"],
        [[n, "  ".join(f"{v:.2f}" for v in f["learned"]), f["right"], f.get("right_by_hand", "none exist")]
         for n, f in figures.items()],
    )  # fmt: skip
    lab.say("No line separates XOR's ones from its zeros, so one neuron gets at most three of the four.")

    def draw(figure, axes):
        for panel, (title, (values, truth)) in zip(axes, maps.items()):
            image = panel.contourf(
                *[np.linspace(-0.5, 1.5, 60)] * 2, values, levels=np.linspace(0, 1, 11), cmap="RdBu", alpha=0.8
            )
            panel.contour(*[np.linspace(-0.5, 1.5, 60)] * 2, values, levels=[0.5], colors="k", linewidths=1)
            for value, marker, color in ((0, "o", "darkred"), (1, "^", "navy")):
                spots = INPUTS[truth == value]
                panel.plot(*spots.T, marker, color=color, ms=9, mec="white", label=f"wanted {value}")
            panel.set(title=title, xlabel="first input", xticks=[0, 1], yticks=[0, 1], aspect="equal")
        axes[0].set_ylabel("second input")
        axes[0].legend(fontsize=8, loc="lower left")
        figure.colorbar(image, ax=axes, label="output", shrink=0.8)

    lab.picture(draw, 1, 5, size=(14, 3.3), sharey=True)
    return figures


def mlp(inputs, hidden):
    """One hidden layer, as in the report."""
    return kerasnp.Sequential(
        [kerasnp.Input((inputs,)), layers.Dense(hidden, activation="sigmoid"), layers.Dense(10, activation="softmax")]
    )


def numerical_gradients(model, x, y, step=1e-4):
    """The gradient of the loss by central differences: every weight is moved, twice."""
    gradients = []
    for weight in model.trainable_weights:
        values, gradient = weight.numpy(), np.zeros(weight.shape)
        for place in np.ndindex(*weight.shape):
            losses, origin = [], values[place]
            for values[place] in (origin + step, origin - step):
                weight.assign(values)
                model.reset_metrics()
                losses.append(model.test_on_batch(x, y))
            values[place] = origin
            gradient[place] = (losses[0] - losses[1]) / (2 * step)
        weight.assign(values)
        gradients.append(gradient)
    return gradients


def numerical_gradient(lab):
    """A small network trained by numerical differentiation and by backpropagation: the same steps, and their times."""
    steps, hidden = lab.pick(200, 3, "steps"), lab.pick(16, 4, "hidden units")
    batch, rate = lab.pick(100, 20, "batch"), 2.0
    lab.settings["images"] = "averaged to 7 x 7 pixels"
    (x, y), (x_test, y_test) = lab.images(*lab.pick((20_000, 2_000), (400, 100)))
    x, x_test = (a.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49) for a in (x, x_test))
    kerasnp.backend.set_floatx("float64")  # differences of nearly equal numbers need the digits
    try:
        order = np.random.default_rng(lab.seed).integers(0, len(x), (steps, batch))
        models, losses, seconds = {}, {}, {}
        for name in ("numerical", "backprop"):
            kerasnp.utils.set_random_seed(lab.seed)
            model = models[name] = mlp(49, hidden)
            model.compile(kerasnp.optimizers.SGD(rate), "sparse_categorical_crossentropy")
            losses[name], start = [], time.perf_counter()
            for rows in order:
                if name == "backprop":
                    loss = model.train_on_batch(x[rows], y[rows])
                else:
                    loss = model.test_on_batch(x[rows], y[rows])
                    gradients = numerical_gradients(model, x[rows], y[rows])
                    model.optimizer.apply(gradients, model.trainable_weights)
                model.reset_metrics()
                losses[name].append(loss)
            seconds[name] = time.perf_counter() - start
        accuracies = {n: float((m.predict(x_test, 500, verbose=0).argmax(1) == y_test).mean()) for n, m in models.items()}
        whole = mlp(784, 50)
        whole.compile("sgd", "sparse_categorical_crossentropy")
        one = np.random.default_rng(0).random((100, 784)), y[:100]
        start = time.perf_counter()
        for _ in range(lab.pick(200, 20)):
            whole.test_on_batch(*one)
        forward = (time.perf_counter() - start) / lab.pick(200, 20)
        parameters = models["backprop"].count_params()
    finally:
        kerasnp.backend.set_floatx("float32")
    apart = max(
        np.abs(a - b).max() for a, b in zip(models["numerical"].get_weights(), models["backprop"].get_weights())
    )
    epoch = 600 * 2 * whole.count_params() * forward
    figures = {
        name: {"seconds_per_step": seconds[name] / steps, "accuracy": accuracies[name], "losses": losses[name]}
        for name in models
    }
    figures.update(
        largest_difference_of_weights=apart, parameters=parameters, ratio=seconds["numerical"] / seconds["backprop"],
        hours_per_epoch_784_50_10=epoch / 3600,
    )  # fmt: skip
    lab.table(
        ["gradient by", "ms per step", f"test accuracy after {steps} steps", "last loss"],
        [[n, 1000 * figures[n]["seconds_per_step"], figures[n]["accuracy"], losses[n][-1]] for n in models],
    )
    lab.say(
        f"{parameters:,} parameters cost {2 * parameters:,} evaluations a step. The weights end {apart:.1e} apart: the way\n"
        f"is right, only {figures['ratio']:,.0f} times slower. For 784-50-10 an epoch of 600 steps would take "
        f"{epoch / 3600:.1f} hours."
    )

    def draw(figure, axes):
        left, right = axes
        left.plot(losses["backprop"], lw=4, alpha=0.4, label="backprop")
        left.plot(losses["numerical"], "k--", lw=1, label="numerical")
        left.set(xlabel="step", ylabel="loss of the batch", title="The same steps")
        left.legend()
        bars = right.bar(list(models), [1000 * figures[n]["seconds_per_step"] for n in models], color=["gray", "tab:blue"])
        right.bar_label(bars, [f"{1000 * figures[n]['seconds_per_step']:,.2f} ms" for n in models])
        right.set(yscale="log", ylabel="milliseconds per step", title=f"Their times, {parameters:,} parameters")
        right.set_ylim(top=right.get_ylim()[1] * 3)

    lab.picture(draw, 1, 2, size=(9, 3.8))
    return figures
