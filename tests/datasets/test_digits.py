import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from kerasnp.datasets import digits


@pytest.fixture(scope="module")
def data():
    return digits.load_data(num_train=4000, num_test=1000, seed=0)


def test_shapes_and_dtypes(data):
    (x_train, y_train), (x_test, y_test) = data
    assert x_train.shape == (4000, 28, 28) and x_test.shape == (1000, 28, 28)
    assert y_train.shape == (4000,) and y_test.shape == (1000,)
    assert all(a.dtype == np.uint8 for a in (x_train, y_train, x_test, y_test))
    assert x_train.flags.c_contiguous


def test_every_ten_labels_hold_every_digit_in_no_fixed_order(data):
    tens = data[0][1].reshape(-1, 10)
    assert (np.sort(tens, axis=1) == np.arange(10)).all()
    places = np.stack([(tens == digit).argmax(axis=1) for digit in range(10)])
    assert abs(places.mean(axis=1) - 4.5).max() < 0.6  # 4 standard deviations
    assert len(np.unique(tens, axis=0)) == len(tens)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 23])
def test_any_number_of_images(count):
    (images, labels), (no_images, no_labels) = digits.load_data(count, 0)
    assert images.shape == (count, 28, 28) and labels.shape == (count,)
    assert no_images.shape == (0, 28, 28) and no_labels.shape == (0,)
    counts = np.bincount(labels, minlength=10)
    assert counts.max() - counts.min() <= 1


def test_a_longer_data_set_begins_with_the_shorter(data):
    (x_train, y_train), (x_test, y_test) = digits.load_data(num_train=333, num_test=77, seed=0)
    assert (x_train == data[0][0][:333]).all() and (y_train == data[0][1][:333]).all()
    assert (x_test == data[1][0][:77]).all() and (y_test == data[1][1][:77]).all()


def _digest(split):
    images, labels = split
    return hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()


GOLDEN = "78033965d8bf87f92c40913bd6addab80d9ec86ae3f806cb824afa6600bcd9fa"
PROGRAM = """
from kerasnp.datasets import digits
import hashlib
images, labels = digits.load_data(300, 0, seed=5)[0]
print(hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest())
"""


def test_the_same_bytes_on_every_machine():
    assert _digest(digits.load_data(300, 0, seed=5)[0]) == GOLDEN


def test_the_same_bytes_without_vector_instructions():
    """numpy's plain loops stand in for another processor; an older numpy ignores names it does not know."""
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 X86_V3 X86_V4", "PYTHONWARNINGS": "ignore"}
    root = os.path.dirname(os.path.dirname(os.path.dirname(digits.__file__)))
    result = subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, env=environment, capture_output=True, text=True)
    assert result.stdout.strip() == GOLDEN, result.stderr


def test_seeds_and_splits_are_independent(data):
    other = digits.load_data(num_train=1000, num_test=1000, seed=1)
    first = [data[0], data[1], *other]
    for i in range(4):
        for j in range(i):
            a, b = first[i], first[j]
            assert (a[1][:1000] == b[1][:1000]).mean() < 0.2  # 0.1 by chance
            assert not (a[0][:1000] == b[0][:1000]).all(axis=(1, 2)).any()


def test_no_two_images_are_alike(data):
    assert len(np.unique(data[0][0].reshape(4000, -1), axis=0)) == 4000


def test_an_image_depends_on_its_own_label_only():
    images = digits.render([4, 4, 4, 4], seed=3)
    changed = digits.render([4, 9, 4, 0, 8], seed=3)
    assert [bool((a == b).all()) for a, b in zip(images, changed, strict=False)] == [True, False, True, False]
    assert not (images[0] == images[1]).all()


def test_chunks_do_not_show(monkeypatch):
    labels = np.arange(50) % 10
    whole = digits.render(labels, seed=2)
    monkeypatch.setattr(digits, "CHUNK", 7)
    assert (digits.render(labels, seed=2) == whole).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.uint64])
def test_any_integers_are_labels(dtype):
    assert (digits.render(np.array([1, 2], dtype)) == digits.render([1, 2])).all()


def test_ink_is_on_the_page_and_the_page_is_dark(data):
    images = data[0][0]
    assert (images.max(axis=(1, 2)) > 170).all()
    covered = (images > 127).mean(axis=(1, 2))
    assert covered.min() > 0.01 and covered.max() < 0.45  # a thin 1, a fat 0
    border = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    assert border.max() < 90  # no digit is cut off
    assert np.median(images) <= 2 and 20 < images.mean() < 45  # MNIST: 0 and 33


def test_images_wander_about_the_middle(data):
    images = data[0][0].astype(float)
    mass = images.sum(axis=(1, 2))
    across = (images.sum(axis=1) @ np.arange(28)) / mass
    down = (images.sum(axis=2) @ np.arange(28)) / mass
    assert abs(np.mean(across) - 13.5) < 0.5 and abs(np.mean(down) - 13.5) < 0.7
    assert 0.8 < np.std(across) < 2.5 and 0.8 < np.std(down) < 2.5


@pytest.mark.parametrize("digit", range(10))
def test_a_style_is_drawn_as_written(digit):
    """With steady nodes the pen meets every node of a style, lifts where it says, and moves about a pixel at a time."""
    styles = digits.STYLES[digit]
    count = len(styles)
    draws = {"style": (np.arange(count)[None] + 0.5) / count, "nodes": np.full((6 * digits.NODES, count), 0.5)}
    positions = np.stack(digits._write(np.full(count, digit), draws), axis=-1) * digits.UNIT
    for k, style in enumerate(styles):
        path = positions[:, k]
        strokes = [np.array(text.split(), float).reshape(-1, 2) * digits.UNIT / 100 for text in style.split("|")]
        for node in np.concatenate(strokes):
            assert np.hypot(*(path - node).T).min() < 0.6
        lifts = sum(np.hypot(*(b[0] - a[-1])) > 1.5 for a, b in zip(strokes, strokes[1:], strict=False))
        steps = np.hypot(*np.diff(path, axis=0).T)
        assert (steps > 1.25).sum() == lifts


def test_a_linear_classifier_stays_below_93_percent(data):
    """Ridge regression onto one-hot labels at its best strength: far above chance, well below a convolution."""
    (x_train, y_train), (x_test, y_test) = data
    x, x_new = (np.concatenate([a.reshape(len(a), -1) / 255, np.ones((len(a), 1))], axis=1) for a in (x_train, x_test))
    gram, target = x.T @ x, x.T @ np.eye(10)[y_train]
    accuracy = max(
        ((x_new @ np.linalg.solve(gram + strength * np.eye(785), target)).argmax(axis=1) == y_test).mean()
        for strength in (1, 10, 100)
    )
    assert 0.7 < accuracy < 0.93


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_train": -1}, "digits.load_data: num_train must not be negative. Received: num_train=-1"),
        ({"num_test": 2.5}, "num_test must be an integer. Received: num_test=2.5"),
        ({"seed": -3}, "seed must not be negative. Received: seed=-3"),
    ],
)
def test_load_data_names_the_wrong_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        digits.load_data(**arguments)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, 10], ValueError, "labels must lie in 0 to 9. Received: 0 to 10"),
        ([-1], ValueError, "Received: -1 to -1"),
        ([[1, 2]], ValueError, r"must have one axis, \(count,\). Received: shape=\(1, 2\)"),
        (3, ValueError, r"Received: shape=\(\)"),
        ([0.5], TypeError, "labels must be integers. Received: dtype=float64"),
        (["7"], TypeError, "labels must be integers"),
    ],
)
def test_render_names_the_wrong_labels(labels, error, message):
    with pytest.raises(error, match=message):
        digits.render(labels)


def test_no_labels_no_images():
    assert digits.render([]).shape == (0, 28, 28)
