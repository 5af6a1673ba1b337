"""Convolution four ways, and a pooling gradient that was wrong and looked faster: the second report."""

import time

import numpy as np

import kerasnp
from kerasnp import Operator, layers, ops
from kerasnp.autodiff.gradcheck import GradientError, gradcheck

from experiments.common import Losses, plain_ticks, smooth


class SlowConvolution(Operator):
    """y = x * kernel with stride 1 and "same" padding.     x (n, h, w, c)   kernel (k, k, c, f)   ->   y (n, h, w, f)"""

    def forward(self, x, kernel):
        pad = [(len(kernel) - 1) // 2, len(kernel) // 2]
        padded = np.pad(x, ((0, 0), pad, pad, (0, 0)))
        self.save(padded, kernel, x.shape, pad[0])
        return self.convolve(padded, kernel, x.shape[1:3])

    def backward(self, dy):
        padded, kernel, (_, h, w, _), before = self.saved
        dkernel = self.correlate(padded, dy, kernel.shape)
        if not self.wants(0):
            return None, dkernel
        return self.spread(dy, kernel, padded.shape)[:, before : before + h, before : before + w], dkernel


class Loops(SlowConvolution):
    """Image by image, place by place, filter by filter: the definition."""

    def convolve(self, x, kernel, size):
        k, f = len(kernel), kernel.shape[3]
        y = np.empty((len(x), *size, f), x.dtype)
        for n, i, j, m in np.ndindex(*y.shape):
            y[n, i, j, m] = np.sum(x[n, i : i + k, j : j + k] * kernel[..., m])
        return y

    def correlate(self, x, dy, shape):
        k, dkernel = shape[0], np.zeros(shape, x.dtype)
        for n, i, j, m in np.ndindex(*dy.shape):
            dkernel[..., m] += x[n, i : i + k, j : j + k] * dy[n, i, j, m]
        return dkernel

    def spread(self, dy, kernel, shape):
        k, dx = len(kernel), np.zeros(shape, dy.dtype)
        for n, i, j, m in np.ndindex(*dy.shape):
            dx[n, i : i + k, j : j + k] += kernel[..., m] * dy[n, i, j, m]
        return dx


class Shifts(SlowConvolution):
    """The whole image shifted to each cell of the kernel, multiplied, added up: three lines, as the report found."""

    def cells(self, x, kernel, size):
        for a, b in np.ndindex(*kernel.shape[:2]):
            yield a, b, (slice(None), slice(a, a + size[0]), slice(b, b + size[1]))

    def convolve(self, x, kernel, size):
        return sum(x[part] @ kernel[a, b] for a, b, part in self.cells(x, kernel, size))

    def correlate(self, x, dy, shape):
        dkernel, flat = np.empty(shape, x.dtype), dy.reshape(-1, shape[3])
        for a, b, part in self.cells(x, dkernel, dy.shape[1:3]):
            dkernel[a, b] = x[part].reshape(-1, shape[2]).T @ flat
        return dkernel

    def spread(self, dy, kernel, shape):
        dx = np.zeros(shape, dy.dtype)
        for a, b, part in self.cells(dx, kernel, dy.shape[1:3]):
            dx[part] += dy @ kernel[a, b].T
        return dx


class Columns(SlowConvolution):
    """im2col: every window becomes a row of one large matrix, and one product does the rest."""

    def rows(self, x, k):
        windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
        return windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, k * k * x.shape[3])

    def convolve(self, x, kernel, size):
        y = self.rows(x, len(kernel)) @ kernel.reshape(-1, kernel.shape[3])
        return y.reshape(len(x), *size, -1)

    def correlate(self, x, dy, shape):
        return (self.rows(x, shape[0]).T @ dy.reshape(-1, shape[3])).reshape(shape)

    def spread(self, dy, kernel, shape):
        k = len(kernel)
        rows = (dy.reshape(-1, kernel.shape[3]) @ kernel.reshape(-1, kernel.shape[3]).T).reshape(*dy.shape[:3], k, k, -1)
        dx = np.zeros(shape, dy.dtype)
        for a, b in np.ndindex(k, k):
            dx[:, a : a + dy.shape[1], b : b + dy.shape[2]] += rows[:, :, :, a, b]
        return dx


class Scipy(SlowConvolution):
    """scipy.signal.convolve2d, once for each image, channel and filter (it turns the kernel, so it is given it turned)."""

    @staticmethod
    def function(mode):
        from scipy.signal import convolve2d

        return lambda a, b: convolve2d(a, b[::-1, ::-1], mode)

    def convolve(self, x, kernel, size):
        one, y = self.function("valid"), np.zeros((len(x), *size, kernel.shape[3]), x.dtype)
        for n, c, m in np.ndindex(len(x), *kernel.shape[2:]):
            y[n, ..., m] += one(x[n, ..., c], kernel[..., c, m])
        return y

    def correlate(self, x, dy, shape):
        one, dkernel = self.function("valid"), np.zeros(shape, x.dtype)
        for n, c, m in np.ndindex(len(x), *shape[2:]):
            dkernel[..., c, m] += one(x[n, ..., c], dy[n, ..., m])
        return dkernel

    def spread(self, dy, kernel, shape):
        one, dx = self.function("full"), np.zeros(shape, dy.dtype)
        for n, c, m in np.ndindex(len(dy), *kernel.shape[2:]):
            dx[n, ..., c] += one(dy[n, ..., m], kernel[::-1, ::-1, c, m])
        return dx


class OwnConv2D(layers.Conv2D):
    """Conv2D with another way to do the same."""

    operator = Loops

    def call(self, inputs):
        return self.activation(self.operator()(inputs, self.kernel) + self.bias)


def small_cnn(conv=layers.Conv2D, filters=(8, 16), size=28):
    """The network of the report: 3 x 3 convolutions that keep the size, average pooling, classes."""
    first, second = filters
    return kerasnp.Sequential(
        [
            kerasnp.Input((size, size, 1)),
            conv(first, 3, padding="same", activation="relu"),
            layers.AveragePooling2D(),
            conv(second, 3, padding="same", activation="relu"),
            layers.AveragePooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def convolutions(lab):
    """The same convolution by loops, shift-and-add, im2col and the built-in kernel: equal, and how long an epoch takes."""
    filters = lab.pick((8, 16), (2, 3), "filters")
    (x, y), _ = lab.images(*lab.pick((6_400, 10), (128, 10)))
    if lab.quick:
        x = np.ascontiguousarray(x[:, 6:22:2, 6:22:2])
    batch = lab.pick(64, 16, "batch")
    ways = {"loops": Loops, "shift and add": Shifts, "im2col": Columns}
    try:
        import scipy.signal  # noqa: F401

        ways["scipy convolve2d"] = Scipy
    except ImportError:
        lab.say("scipy is not installed: its convolve2d is left out.")
    ways["kerasnp"] = None
    theirs = {"loops": None, "shift and add": 28, "im2col": 35, "scipy convolve2d": 10_800}
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((3, 3, 1, filters[0])).astype("float32")
    sample = x[: lab.pick(8, 2)]
    wanted = ops.conv(sample, kernel, padding="same")
    figures = {}
    for name, operator in ways.items():
        difference = np.abs(operator()(sample, kernel) - wanted).max() if operator else 0.0
        kerasnp.utils.set_random_seed(lab.seed)
        conv = type("Conv", (OwnConv2D,), {"operator": operator}) if operator else layers.Conv2D
        model = small_cnn(conv, filters, x.shape[1])
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        slow = name in ("loops", "scipy convolve2d")
        images = lab.pick(batch if slow else 100 * batch, batch if slow else 4 * batch)
        if not slow:
            model.fit(x[:batch], y[:batch], batch, verbose=0)
        start = time.perf_counter()
        model.fit(x[:images], y[:images], batch, shuffle=False, verbose=0)
        seconds = time.perf_counter() - start
        figures[name] = {
            "difference": difference, "images_timed": images, "milliseconds_per_image": 1000 * seconds / images,
            "seconds_per_epoch": 60_000 * seconds / images, "seed_001": theirs.get(name),
            "loss": model.evaluate(x[:batch], y[:batch], verbose=0)[0],
        }  # fmt: skip
    times = {name: way["milliseconds_per_image"] for name, way in figures.items()}
    lab.table(
        ["way", "largest difference", "ms per image", "s per epoch of 60,000", "seed 001, s"],
        [[n, f["difference"], f["milliseconds_per_image"], f["seconds_per_epoch"], f["seed_001"]] for n, f in figures.items()],
    )
    lab.say(
        "Forward, backward and update of the report's network; the epoch is computed from the images timed. Here\n"
        f"shift-and-add takes {times['shift and add'] / times['im2col']:.1f} times as long as im2col, "
        f"the loops {times['loops'] / times['kerasnp']:,.0f} times as long as the kernel of kerasnp."
    )

    def draw(figure, axes):
        names = list(figures)
        seconds = [figures[n]["seconds_per_epoch"] for n in names]
        bars = axes.barh([n + " (here)" for n in names], seconds, color="tab:blue")
        axes.bar_label(bars, [f" {s:,.0f} s" if s >= 10 else f" {s:.1f} s" for s in seconds])
        reported = {n: t for n, t in {**theirs, "scipy convolve2d": 10_800}.items() if t}
        bars = axes.barh([n + " (seed 001)" for n in reported], list(reported.values()), color="tab:orange")
        axes.bar_label(bars, [f" {t:,} s" for t in reported.values()])
        axes.invert_yaxis()
        axes.set(xscale="log", xlabel="seconds per epoch of 60,000 images", title="One network, the same numbers by every way")
        axes.set_xlim(1, 20 * max(seconds))

    lab.picture(draw, size=(8, 4))
    return figures


class WrongAveragePool(Operator):
    """Average pooling by 2 whose gradient is multiplied by the size of the window, where it should be divided."""

    def forward(self, x):
        n, h, w, c = x.shape
        return x.reshape(n, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))

    def backward(self, dy):
        return 4 * dy.repeat(2, axis=1).repeat(2, axis=2)


class WrongAveragePooling2D(layers.Layer):
    """The layer of the report."""

    def call(self, inputs):
        return WrongAveragePool()(inputs)


def avgpool_scale(lab):
    """The pooling gradient multiplied instead of divided: why it looked faster, and `lr_multiplier`, which does it honestly."""
    epochs, batch, rate = lab.pick(3, 2, "epochs"), lab.pick(100, 32, "batch"), 0.02
    filters = lab.pick(8, 4, "filters")
    lab.settings["optimizer"] = f"SGD({rate})"
    (x, y), (x_test, y_test) = lab.images(*lab.pick((60_000, 10_000), (640, 200)))

    def network(pool):
        return kerasnp.Sequential(
            [
                kerasnp.Input((28, 28, 1)),
                layers.Conv2D(filters, 3, padding="same", activation="relu"),
                pool(),
                layers.Flatten(),
                layers.Dense(10, activation="softmax"),
            ]
        )

    figures, curves = {}, {}
    right, wrong = layers.AveragePooling2D, WrongAveragePooling2D
    ways = {
        "divided (right)": (right, 1.0), "multiplied (wrong)": (wrong, 1.0), "divided, lr_multiplier=16": (right, 16.0),
    }  # fmt: skip
    for name, (pool, multiplier) in ways.items():
        kerasnp.utils.set_random_seed(lab.seed)
        model, losses = network(pool), Losses()
        model.layers[0].lr_multiplier = multiplier
        model.compile(kerasnp.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, batch, epochs, verbose=0, callbacks=[losses])
        loss, accuracy = model.evaluate(x_test, y_test, 500, verbose=0)
        try:
            error = max(gradcheck(pool(dtype="float64"), np.random.default_rng(0).random((2, 4, 4, 3))).values())
        except GradientError as caught:
            error = max(caught.errors.values())
        curves[name] = losses.losses
        figures[name] = {
            "accuracy": accuracy, "test_loss": loss, "last_loss": float(np.mean(losses.losses[-20:])),
            "gradient_error": error, "weights": float(np.abs(model.layers[0].kernel.numpy()).sum()),
        }  # fmt: skip
    names = list(ways)
    figures["largest difference of the curves, wrong against lr_multiplier"] = float(
        np.abs(np.subtract(curves[names[1]], curves[names[2]])).max()
    )
    lab.table(
        ["gradient of the pooling", "test accuracy", "test loss", "error found by gradcheck"],
        [[n, figures[n]["accuracy"], figures[n]["test_loss"], figures[n]["gradient_error"]] for n in names],
    )
    lab.say(
        "Multiplied by 4 instead of divided by 4, the gradient below the pool is 16 times too long: a larger learning rate\n"
        "for the convolution, and nothing else. The same rate, given honestly, draws the same curve."
    )

    def draw(figure, axes):
        for name, style in zip(names, ("-", "-", ":")):
            width = max(1, len(curves[name]) // 40)
            axes.plot(np.arange(width, len(curves[name]) + 1), smooth(curves[name], width), style, label=name)
        axes.set(xlabel="batch", ylabel="loss (running mean)", yscale="log", title="Faster, but not because it was wrong")
        plain_ticks(axes.yaxis)
        axes.legend()

    lab.picture(draw, size=(7, 4))
    return figures
