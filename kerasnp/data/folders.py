"""Images and texts in folders, a folder per class, as datasets of batches."""

import os

import numpy as np

from kerasnp.data.images import MODES, pillow
from kerasnp.data.py_dataset import PyDataset
from kerasnp.utils import check

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
TEXTS = (".txt",)
# Decoding and reading let go of the interpreter lock, so a second thread helps even one core that waits for a disk.
WORKERS, AHEAD = 2, 4


class FileBatches(PyDataset):
    """Files and their labels in batches, read when asked for.

    Attributes:
        file_paths: the files, in the order found, or drawn by `shuffle`.
        class_names: the names of the classes, None without labels.
    """

    def __init__(self, paths, labels, class_names, read, batch_size, rng):
        super().__init__(workers=WORKERS, max_queue_size=AHEAD)
        self.file_paths, self.labels, self.class_names = paths, labels, class_names
        self.read, self.batch_size, self.rng = read, batch_size, rng
        self.order = np.arange(len(paths))

    def __len__(self):
        return -(-len(self.file_paths) // (self.batch_size or 1))

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"the files make {len(self)} batches. Received: index={index}")
        size = self.batch_size or 1
        rows = self.order[index * size : (index + 1) * size]
        x = self.read([self.file_paths[i] for i in rows])
        y = None if self.labels is None else self.labels[rows]
        if self.batch_size is None:
            x, y = x[0], None if y is None else y[0]
        return x if y is None else (x, y)

    def __iter__(self):
        yield from super().__iter__()
        self.on_epoch_end()

    def on_epoch_end(self):
        if self.rng is not None:
            self.rng.shuffle(self.order)


def image_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    color_mode="rgb",
    batch_size=32,
    image_size=(256, 256),
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    interpolation="bilinear",
    follow_links=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    data_format=None,
    format="tf",
    verbose=True,
):
    """Batches of images from folders, one per class: x float32 (batch, height, width, channels) from 0 to 255, and labels.

    >>> from PIL import Image
    >>> for name in ("cat", "dog"):
    ...     os.makedirs(os.path.join("pets", name))
    ...     Image.new("RGB", (20, 10), "white").save(os.path.join("pets", name, "1.png"))
    >>> pets = image_dataset_from_directory("pets", image_size=(8, 8), shuffle=False)
    Found 2 files belonging to 2 classes.
    >>> x, y = pets[0]
    >>> x.shape, y.tolist(), pets.class_names
    ((2, 8, 8, 3), [0, 1], ['cat', 'dog'])

    Files are read on two threads while the model computes. The result is a `PyDataset` for `fit`, `evaluate` and `predict`.
    Needs Pillow: `pip install kerasnp[image]`.

    Args:
        directory: holds a folder per class, or the images themselves with `labels=None`.
        labels: `"inferred"` from the folders, None, or a list of class numbers in the order of the sorted paths.
        label_mode: `"int"`, `"categorical"` (one-hot), `"binary"` (n, 1), or None.
        class_names: the folders, in the order that numbers them; default is that of the alphabet.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        batch_size: images per batch; None for images without a batch axis.
        image_size: (height, width) to resize to.
        shuffle: draw the files in random order, anew for each pass; otherwise they come sorted.
        seed: of that order.
        validation_split: the share of files, from the end, that the subset "validation" holds.
        subset: `"training"`, `"validation"`, or `"both"` for a pair of datasets.
        interpolation: see `kerasnp.ops.image.resize`.
        follow_links: whether links to folders are followed.
        crop_to_aspect_ratio, pad_to_aspect_ratio: keep the proportions of the image by cutting, or by filling with black.
        data_format: `"channels_last"` or `"channels_first"`.
        verbose: print how many files were found.

    `format` chooses between kinds of datasets in Keras; either word, "tf" or "grain", gives this one.

    Raises: ImportError without Pillow; ValueError for a folder without images, or arguments that do not fit each other.
    """
    check.one_of("format", format, ("tf", "grain"), "image_dataset_from_directory")
    from kerasnp import backend as K
    from kerasnp.ops import image as images

    who = "image_dataset_from_directory"
    image = pillow(who)
    if color_mode not in MODES:
        modes = ", ".join(map(repr, MODES))
        raise ValueError(f"{who}: `color_mode` must be one of {modes}. Received: color_mode={color_mode!r}")
    mode = MODES[color_mode]
    image_size = check.int_tuple("image_size", image_size, 2, who)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(f"{who}: only one of crop_to_aspect_ratio and pad_to_aspect_ratio may be True.")
    channels_first = K.standardize_data_format(data_format) == "channels_first"

    def read_one(path):
        with image.open(path) as file:
            pixels = np.asarray(file.convert(mode), "float32")
        pixels = pixels.reshape(*pixels.shape[:2], -1)
        shape = {"crop_to_aspect_ratio": crop_to_aspect_ratio, "pad_to_aspect_ratio": pad_to_aspect_ratio}
        if pixels.shape[:2] != image_size:
            pixels = images.resize(pixels, image_size, interpolation, data_format="channels_last", **shape)
        pixels = np.asarray(pixels, "float32")
        return pixels.transpose(2, 0, 1) if channels_first else pixels

    return _dataset(
        who, directory, labels, label_mode, class_names, IMAGES, lambda paths: np.stack([read_one(p) for p in paths]),
        batch_size, shuffle, seed, validation_split, subset, follow_links, verbose,
    )  # fmt: skip


def text_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    batch_size=32,
    max_length=None,
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    follow_links=False,
    format="tf",
    verbose=True,
):
    """Batches of texts (`.txt`, UTF-8) from folders, one per class: x an object array of strings (batch,), and labels.

    >>> for name, text in (("ham", "see you"), ("spam", "buy now")):
    ...     os.makedirs(os.path.join("mails", name))
    ...     with open(os.path.join("mails", name, "1.txt"), "w") as file:
    ...         _ = file.write(text)
    >>> x, y = text_dataset_from_directory("mails", shuffle=False, verbose=False)[0]
    >>> x.tolist(), y.tolist()
    (['see you', 'buy now'], [0, 1])

    Args:
        max_length: keep only so many characters of a text.
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset, follow_links,
            verbose: see `image_dataset_from_directory`.

    `format` chooses between kinds of datasets in Keras; either word, "tf" or "grain", gives this one.

    Raises: ValueError for a folder without texts, or arguments that do not fit each other.
    """
    check.one_of("format", format, ("tf", "grain"), "text_dataset_from_directory")

    def read(paths):
        texts = np.empty(len(paths), object)
        for i, path in enumerate(paths):
            with open(path, encoding="utf-8") as file:
                texts[i] = file.read(-1 if max_length is None else max_length)
        return texts

    return _dataset(
        "text_dataset_from_directory", directory, labels, label_mode, class_names, TEXTS, read,
        batch_size, shuffle, seed, validation_split, subset, follow_links, verbose,
    )  # fmt: skip


def _dataset(
    who, directory, labels, label_mode, class_names, suffixes, read, batch_size, shuffle, seed, split, subset, links, verbose
):  # fmt: skip
    _check(who, labels, label_mode, class_names, split, subset, shuffle, seed)
    if labels is None or label_mode is None:
        labels = label_mode = None  # files of all folders, and beside them, without classes
    if batch_size is not None:
        check.positive_int("batch_size", batch_size, who)
    paths, numbers, class_names = _find(who, directory, labels, class_names, suffixes, links)
    if label_mode == "binary" and len(class_names) != 2:
        raise ValueError(f"{who}: for label_mode='binary' there must be exactly 2 classes. Received: the classes {class_names}")
    if verbose:
        classes = "" if label_mode is None else f" belonging to {len(class_names)} classes"
        print(f"Found {len(paths)} files{classes}.")
    if shuffle:
        seed = np.random.randint(1_000_000) if seed is None else seed
        order = np.random.RandomState(seed).permutation(len(paths))
        paths, numbers = [paths[i] for i in order], None if numbers is None else numbers[order]
    cut = len(paths) - int((split or 0) * len(paths))

    def part(first, last, name):
        if first == last:
            raise ValueError(f"{who}: the {name} subset of {len(paths)} files at validation_split={split} is empty.")
        if verbose and subset:
            print(f"Using {last - first} files for {name}.")
        targets = None if label_mode is None else _encode(numbers[first:last], label_mode, len(class_names))
        rng = np.random.RandomState(seed) if shuffle else None
        return FileBatches(paths[first:last], targets, class_names, read, batch_size, rng)

    if subset == "both":
        return part(0, cut, "training"), part(cut, len(paths), "validation")
    if subset == "validation":
        return part(cut, len(paths), "validation")
    return part(0, cut, "training")


def _check(who, labels, label_mode, class_names, split, subset, shuffle, seed):
    if label_mode not in ("int", "categorical", "binary", None):
        raise ValueError(
            f"{who}: the `label_mode` argument must be 'int', 'categorical', 'binary' or None. "
            f"Received: label_mode={label_mode!r}"
        )
    if isinstance(labels, str) and labels != "inferred":
        raise ValueError(
            f"{who}: The `labels` argument should be 'inferred', None or a list of class numbers. Received: labels={labels!r}"
        )
    if class_names is not None and not isinstance(labels, str):
        raise ValueError(
            f'{who}: You can only pass `class_names` if `labels="inferred"`, since they name folders. '
            f"Received: labels={labels!r}"
        )
    if split and not 0 < split < 1:
        raise ValueError(f"{who}: `validation_split` must be between 0 and 1. Received: validation_split={split}")
    if subset not in ("training", "validation", "both", None):
        raise ValueError(
            f'{who}: `subset` must be either "training", "validation" or "both", or be left out. Received: subset={subset!r}'
        )
    if bool(split) != bool(subset):
        raise ValueError(
            f"{who}: a subset is part of a split: `validation_split` must be set, and so must `subset`, or neither. "
            f"Received: validation_split={split} and subset={subset!r}"
        )
    if subset in ("training", "validation") and shuffle and seed is None:
        raise ValueError(
            f"{who}: two calls that shuffle must provide a `seed`, the same one, or the subsets overlap: give seed, "
            "shuffle=False or subset='both'."
        )


def _find(who, directory, labels, class_names, suffixes, links):
    """The sorted files, their class numbers or None, and the names of the classes."""
    directory = os.fspath(directory)
    if not os.path.isdir(directory):
        raise ValueError(f"{who}: directory must be a folder. Received: {directory!r}")
    inferred = isinstance(labels, str)
    folders = sorted(entry for entry in os.listdir(directory) if os.path.isdir(os.path.join(directory, entry)))
    if inferred and class_names is not None and set(class_names) - set(folders):
        raise ValueError(
            f"{who}: the `class_names` passed did not match the folders of {directory!r}, which are {folders}. "
            f"Received: class_names={class_names}"
        )
    names = list(class_names or folders) if inferred else []
    paths: list[str] = []
    numbers: list[int] = []
    for number, folder in enumerate(names if inferred else [""]):
        found = _files(os.path.join(directory, folder) if folder else directory, suffixes, links)
        paths += found
        numbers += [number] * len(found)
    if not paths:
        kind = {IMAGES: "images", TEXTS: "text files"}.get(suffixes, "audio files")
        raise ValueError(f"{who}: No {kind} found in directory {directory!r}: none of its files ends in {', '.join(suffixes)}.")
    if inferred:
        return paths, np.asarray(numbers, "int32"), names
    if labels is None:
        return paths, None, None
    if len(labels) != len(paths):
        raise ValueError(
            f"{who}: Expected the lengths of `labels` to match the number of files, sorted by path. "
            f"Received: {len(labels)} labels and {len(paths)} files"
        )
    return paths, np.asarray(labels, "int32"), [str(label) for label in sorted(set(labels))]


def _files(folder, suffixes, links):
    found = []
    for root, folders, files in os.walk(folder, followlinks=links):
        folders.sort()
        found += [os.path.join(root, name) for name in sorted(files) if name.lower().endswith(suffixes)]
    return found


def _encode(numbers, mode, classes):
    if mode == "categorical":
        return np.eye(classes, dtype="float32")[numbers]
    return numbers.astype("float32")[:, None] if mode == "binary" else numbers
