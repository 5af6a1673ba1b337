"""How the cost of a training step, and of the kernels of a convolution, grows with the sizes of a model, as a share of the
machine's matrix products.

A kernel that falls off a cliff at some size shows as a row far below its neighbours.
"""

import numpy as np

from kerasnp import backend as K
from kerasnp.backend import threads
from kerasnp.bench.timing import timed

SERIES = ("images", "channels", "batch", "sequence", "depth")


def cases(series, quick=False):
    """(label, layers of the model, shape of a sample, batch size, multiplications per sample going forward)."""
    from kerasnp import layers as L  # noqa: N812

    def conv(size, channels, batch, label):
        stack = [L.Conv2D(channels, 3, padding="same", activation="relu"), L.GlobalAveragePooling2D()]
        return label, stack, (size, size, channels), batch, size * size * 9 * channels**2

    if series == "images":
        for size in (28, 56) if quick else (28, 56, 112, 224):
            yield conv(size, 32, max(2, 64 * 28**2 // size**2), f"{size} x {size} x 32")
    elif series == "channels":
        for channels in (16, 32) if quick else (16, 32, 64, 128, 256):
            yield conv(28, channels, 2048 // channels, f"28 x 28 x {channels}")
    elif series == "batch":
        for batch in (1, 16) if quick else (1, 4, 16, 64, 256, 1024):
            yield conv(28, 16, batch, f"28 x 28 x 16, {batch} images")
    elif series == "sequence":
        for steps in (28,) if quick else (28, 128, 512):
            yield f"LSTM(128), {steps} steps of 28", [L.LSTM(128)], (steps, 28), 64, steps * 4 * 128 * (28 + 128)
    else:
        for depth in (2, 10) if quick else (2, 10, 50):
            stack = [L.Dense(256, activation="relu") for _ in range(depth)]
            yield f"{depth} x Dense(256)", stack, (256,), 128, depth * 256 * 256


def measure(quick=False):
    """[(series, label, milliseconds per step, GFLOP/s)] of training steps: forward, both gradients and SGD."""
    import kerasnp

    found = []
    for series in SERIES:
        for label, stack, shape, batch, multiplications in cases(series, quick):
            model = kerasnp.Sequential([kerasnp.Input(shape), *stack, kerasnp.layers.Dense(10)])
            model.compile("sgd", kerasnp.losses.SparseCategoricalCrossentropy(from_logits=True))
            x = np.random.default_rng(0).normal(size=(batch, *shape)).astype("float32")
            y = np.zeros(batch, "int32")
            seconds = _seconds_per_step(model, x, y, 3 if quick else 9)
            # The gradient of the weights costs as much again; that of the input not in the first layer.
            passes = 3 - 1 / len(stack) if series == "depth" else 2
            found.append((series, label, seconds * 1e3, passes * 2 * multiplications * batch / seconds / 1e9))
    return found + kernels(quick)


def kernels(quick=False):
    """The same of a 3x3 convolution of 28 x 28 images by itself: forward, the gradient of the kernel, that of the image."""
    rng, found, same = np.random.default_rng(0), [], ((1, 1), (1, 1))
    for channels in (16, 32) if quick else (16, 32, 64, 128, 256):
        n = max(16, 2048 // channels)
        # As one convolution finds what another has made in a batch of 16 and more: the batch innermost in memory.
        x, dy = (rng.normal(size=(28, 28, channels, n)).astype("float32").transpose(3, 0, 1, 2) for _ in range(2))
        kernel = rng.normal(size=(3, 3, channels, channels)).astype("float32")
        passes = {
            "forward": lambda: K.conv(x, kernel, padding=same),  # noqa: B023
            "dW": lambda: K.conv_grad(x, kernel, None, dy, padding=same, wants=(False, True, False)),  # noqa: B023
            "dx": lambda: K.conv_grad_input(dy, kernel, x.shape, padding=same),  # noqa: B023
        }
        for name, run in passes.items():
            seconds = _median(run, 3 if quick else 9)
            label = f"{name}, 28 x 28 x {channels}, {n} images"
            found.append(("kernels", label, seconds * 1e3, 2 * 28 * 28 * 9 * channels**2 * n / seconds / 1e9))
    return found


def _seconds_per_step(model, x, y, repetitions):
    return _median(lambda: model.train_on_batch(x, y), repetitions)


def _median(run, repetitions):
    """The seconds that `run()` takes in the state that the threads are in within `fit`."""
    with threads.quiet_blas():
        for _ in range(3):
            run()
        found = sorted(timed(run) for _ in range(repetitions))
    return found[len(found) // 2]
