"""The 20 coarse classes of CIFAR-100, or coloured shapes in their place: what the third report (seed 002) did not reach."""

import os
import pickle
import time
from pathlib import Path

import numpy as np

import kerasnp
from kerasnp import layers

from experiments.common import tiles

COARSE = (
    "aquatic mammals,fish,flowers,food containers,fruit and vegetables,household electrical devices,household furniture,"
    "insects,large carnivores,large man-made outdoor things,large natural outdoor scenes,large omnivores and herbivores,"
    "medium-sized mammals,non-insect invertebrates,people,reptiles,small mammals,trees,vehicles 1,vehicles 2"
).split(",")


class Dtype:
    """What a pickle may say about the type of an array: numbers, and nothing else."""

    KINDS = frozenset("u1 i1 u2 i2 u4 i4 u8 i8 f4 f8 b1".split())

    def __init__(self, code, align=False, copy=False):
        code = code.decode("ascii") if isinstance(code, bytes) else str(code)
        if code not in self.KINDS:
            raise pickle.UnpicklingError(f"an array of type {code!r}: only plain numbers are read")
        self.dtype = np.dtype(code)

    def __setstate__(self, state):
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        if order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"a byte order {order!r}")
        self.dtype = self.dtype.newbyteorder(order)


class Array:
    """An array in a pickle, put together from its bytes, so that numpy's own way of unpickling is not needed."""

    def __setstate__(self, state):
        _, shape, dtype, by_columns, data = state
        if not isinstance(dtype, Dtype) or not isinstance(data, bytes):
            raise pickle.UnpicklingError("an array that is not made of plain numbers")
        self.array = np.frombuffer(data, dtype.dtype).reshape(shape, order="F" if by_columns else "C")


class Reconstruct:
    """Stands for the function that begins an array; a file can call it, and not change it."""

    __slots__ = ()

    def __call__(self, cls, shape, code):
        return Array()

    def __setstate__(self, state):
        raise pickle.UnpicklingError("a state for a function")


class NumbersUnpickler(pickle.Unpickler):
    """Reads arrays of numbers, bytes, text, numbers, lists and dictionaries. Whatever else a file names is refused.

    A pickle is a program that may call any function; this one may call three, which build arrays from bytes.
    """

    ALLOWED = {
        ("numpy.core.multiarray", "_reconstruct"): Reconstruct(),
        ("numpy._core.multiarray", "_reconstruct"): Reconstruct(),
        ("numpy", "ndarray"): Array,
        ("numpy", "dtype"): Dtype,
    }

    def find_class(self, module, name):
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(
                f"the file asks for {module}.{name}; a file of images needs arrays only, so it is not read any further."
            )
        return self.ALLOWED[module, name]

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("the file refers to objects outside of it")


def load_pickle(path):
    """The dictionary in a file of CIFAR, arrays as arrays; keys and text of Python 2 as bytes.

    Raises: pickle.UnpicklingError where the file holds anything but numbers, text and containers of them.
    """
    with open(path, "rb") as file:
        try:
            content = NumbersUnpickler(file, encoding="bytes").load()
        except (EOFError, ValueError, TypeError, LookupError, AttributeError, RecursionError, MemoryError) as error:
            raise pickle.UnpicklingError(f"{path} is damaged, or no file of CIFAR: {error}") from error
    if not isinstance(content, dict):
        raise pickle.UnpicklingError(f"{path}: expected a dictionary. Received: {type(content).__name__}")
    return {k: v.array if isinstance(v, Array) else v for k, v in content.items()}


def find_cifar():
    """The folder with CIFAR-100's `train` and `test`, or None."""
    homes = [os.environ.get("KERASNP_HOME"), "~/.kerasnp", "~/.keras"]
    for home in filter(None, homes):
        for folder in (Path(home).expanduser(), Path(home).expanduser() / "datasets"):
            found = folder / "cifar-100-python"
            if (found / "train").is_file() and (found / "test").is_file():
                return found
    return None


def read_cifar(path):
    """Images (n, 32, 32, 3) in 0..1 and coarse labels of one file."""
    content = load_pickle(path)
    pixels, labels = content[b"data"], np.array(content[b"coarse_labels"], "int32")
    if pixels.shape != (len(labels), 3072) or pixels.dtype != np.uint8 or not set(labels) <= set(range(20)):
        raise ValueError(f"{path}: expected rows of 3,072 bytes and labels below 20. Received: {pixels.dtype} {pixels.shape}")
    return (pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) / 255).astype("float32"), labels


SHAPES = "disc,ring,square,triangle,cross".split(",")
COLOURS = {"red": 0.0, "yellow": 0.15, "green": 0.36, "blue": 0.62}


def coloured_shapes(rng, n):
    """n images (32, 32, 3) of a shape on a cluttered ground, and their class: 5 * colour + shape."""
    label = rng.integers(20, size=n).astype("int32")
    v, u = np.mgrid[:32, :32].astype("float32")
    draw = rng.uniform(-1, 1, (8, n, 1, 1)).astype("float32")
    size, angle = 10 + 3 * draw[0], np.pi * draw[1]
    u, v = u - 15.5 - 3 * draw[2], v - 15.5 - 3 * draw[3]
    a, b = (np.cos(angle) * u + np.sin(angle) * v) / size, (np.cos(angle) * v - np.sin(angle) * u) / size
    far = np.hypot(a, b)
    forms = np.stack([
        far < 0.9,
        (far < 1) & (far > 0.55),
        np.maximum(abs(a), abs(b)) < 0.8,
        (b > -0.55) & (b < 1 - 1.9 * abs(a)) & (b < 0.95),
        (np.minimum(abs(a), abs(b)) < 0.28) & (np.maximum(abs(a), abs(b)) < 1),
    ])  # fmt: skip
    mask = np.take_along_axis(forms, (label % 5)[None, :, None, None], 0)[0]
    hue = np.array(list(COLOURS.values()), "float32")[label // 5][:, None, None] + 0.07 * draw[4]
    ink = _rgb(hue, 0.7 + 0.2 * draw[5], 0.75 + 0.2 * draw[6])
    # The ground: large pale patches of all colours, so that neither colour nor edges alone tell the class.
    coarse = rng.uniform(0.3, 0.7, (n, 4, 4, 3)).astype("float32") + 0.25 * draw[7][..., None]
    ground = coarse.repeat(8, axis=1).repeat(8, axis=2)
    x = np.where(mask[..., None], ink, ground) + 0.08 * rng.standard_normal((n, 32, 32, 3), "float32")
    return np.clip(x, 0, 1).astype("float32"), label


def _rgb(hue, saturation, value):
    """Colours (n, 1, 1, 3) from hue, saturation and value in 0..1."""
    channels = [np.clip(abs((hue * 6 + shift) % 6 - 3) - 1, 0, 1) for shift in (0, 4, 2)]
    return np.stack([value * (1 - saturation * (1 - c)) for c in channels], axis=-1)


def network(filters, units):
    """Two blocks of two convolutions with batch-norm, dropout, a hidden layer, 20 classes."""
    model = kerasnp.Sequential([kerasnp.Input((32, 32, 3))])
    for f in filters:
        for _ in range(2):
            model.add(layers.Conv2D(f, 3, padding="same", activation="relu", kernel_initializer="he_normal"))
            model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.MaxPooling2D())
        model.add(layers.Dropout(0.2))
    for layer in (layers.Flatten(), layers.Dense(units, activation="relu"), layers.Dropout(0.4)):
        model.add(layer)
    model.add(layers.Dense(20, activation="softmax"))
    return model


def coarse(lab):
    """20 classes with batch-norm, dropout and Adam: CIFAR-100's coarse ones if the files are here, else coloured shapes."""
    folder = find_cifar()
    epochs, batch = lab.pick(10 if folder else 5, 2, "epochs"), lab.pick(64, 32, "batch")
    filters, units = lab.pick((24, 48), (6, 8), "filters"), lab.pick(128, 24, "units")
    if folder:
        (x, y), (x_test, y_test) = (read_cifar(folder / part) for part in ("train", "test"))
        if lab.quick:
            (x, y), (x_test, y_test) = (x[:600], y[:600]), (x_test[:200], y_test[:200])
        lab.data, names = "CIFAR-100, coarse", COARSE
    else:
        rng = np.random.default_rng(lab.seed)
        x, y = coloured_shapes(rng, lab.pick(10_000, 600))
        x_test, y_test = coloured_shapes(rng, lab.pick(2_000, 200))
        lab.data, names = "coloured shapes", [f"{colour} {shape}" for colour in COLOURS for shape in SHAPES]
        lab.say(
            "CIFAR-100 (cifar-100-python/train and test in $KERASNP_HOME, ~/.kerasnp or ~/.keras) is not on this machine:\n"
            "20 classes of coloured shapes instead. Accuracy on them says nothing about photographs; the time per image does."
        )
    kerasnp.utils.set_random_seed(lab.seed)
    model = network(filters, units)
    steps = epochs * -(-len(x) // batch)
    rate = kerasnp.optimizers.schedules.CosineDecay(1e-3, steps, alpha=0.02)
    model.compile(kerasnp.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    start = time.perf_counter()
    history = model.fit(
        x, y, batch, epochs, verbose=lab.pick(2, 0), validation_data=(x_test, y_test), validation_batch_size=200
    ).history
    seconds = time.perf_counter() - start
    predicted = model.predict(x_test, 200, verbose=0).argmax(axis=1)
    accuracy = float((predicted == y_test).mean())
    per_epoch = 50_000 * seconds / epochs / len(x)
    lab.table(
        ["data", "accuracy", "by chance", "epochs", "seconds", "parameters", "s per 50,000 images"],
        [[lab.data, accuracy, 0.05, epochs, seconds, model.count_params(), per_epoch]],
    )
    lab.say(
        f"In 15 minutes this network makes {900 / per_epoch:.1f} epochs of 50,000 images on this machine. The baseline, 40 %\n"
        + ("in that time, is to be read above." if folder else "in that time, cannot be measured without the photographs.")
    )

    def draw(figure, axes):
        left, middle, right = axes
        epoch = np.arange(1, epochs + 1)
        left.plot(epoch, history["accuracy"], ".-", label="training, with dropout")
        left.plot(epoch, history["val_accuracy"], "o-", label="test")
        left.axhline(0.05, color="gray", ls=":", label="by chance")
        left.set(xlabel="epoch", ylabel="right", ylim=(0, 1.02), title=f"{lab.data}: {accuracy:.1%}")
        left.xaxis.get_major_locator().set_params(integer=True)
        left.legend(fontsize=8, loc="lower right")
        tiles(
            middle, x_test[:20], [names[i].replace(" ", "\n", 1) for i in predicted[:20]], columns=5, rows=4,
            wrong=(predicted != y_test)[:20], gap=0.7,
        )  # fmt: skip
        middle.set_title("Predictions (red: wrong)", fontsize=10)
        confusion = np.zeros((20, 20))
        np.add.at(confusion, (y_test, predicted), 1)
        image = right.imshow(confusion / np.maximum(1, confusion.sum(axis=1, keepdims=True)), cmap="viridis", vmin=0, vmax=1)
        right.set(xticks=range(20), yticks=range(20), title="Confusion", xlabel="said", ylabel="is")
        right.set_xticklabels(names, rotation=90, fontsize=6)
        right.set_yticklabels(names, fontsize=6)
        figure.colorbar(image, ax=right, shrink=0.7, label="share of the row")

    lab.picture(draw, 1, 3, size=(15, 5))
    return {
        "accuracy": accuracy, "chance": 0.05, "training_seconds": seconds, "parameters": model.count_params(),
        "seconds_per_50000_images": per_epoch, "epochs_in_15_minutes": 900 / per_epoch, "real_data": folder is not None,
        "test_accuracy_by_epoch": history["val_accuracy"],
    }  # fmt: skip
