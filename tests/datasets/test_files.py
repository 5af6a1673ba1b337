"""Data sets read from files: small ones of the same layouts, in the places where they are sought."""

import gzip
import io
import json
import os
import pickle
import tarfile

import numpy as np
import pytest

import kerasnp
from kerasnp.datasets import (
    boston_housing, cache, california_housing, cifar10, cifar100, fashion_mnist, imdb, reuters,
)  # fmt: skip


@pytest.fixture(autouse=True)
def homes(tmp_path, monkeypatch):
    """Empty homes, and addresses that are files of this machine, at first files that do not exist."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "user"))
    monkeypatch.setenv("KERASNP_HOME", str(tmp_path / "home"))
    (tmp_path / "web").mkdir()
    web = (tmp_path / "web").as_uri() + "/"
    monkeypatch.setattr(cache, "KERAS", web)
    for module in (boston_housing, california_housing, cifar10, cifar100, imdb, reuters):
        monkeypatch.setattr(module, "ORIGIN", web + module.ORIGIN.rpartition("/")[2])
        monkeypatch.setattr(module, "SHA256", None)
    monkeypatch.setattr(fashion_mnist, "ORIGIN", web)
    return tmp_path


def put(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)


def test_every_data_set_is_an_attribute():
    assert kerasnp.datasets.cifar100 is cifar100
    with pytest.raises(AttributeError, match="no attribute 'cifar1000'"):
        kerasnp.datasets.cifar1000  # noqa: B018


@pytest.mark.parametrize("place", ["home", "home/datasets", "user/.kerasnp/datasets", "user/.keras/datasets", "web"])
def test_houses(homes, place):
    x, y = np.arange(26.0).reshape(13, 2), np.arange(13.0)
    put(homes / place / "boston_housing.npz", x=x, y=y)
    (x_train, y_train), (x_test, y_test) = boston_housing.load_data()
    order = np.arange(13)
    np.random.RandomState(113).shuffle(order)
    np.testing.assert_array_equal(np.concatenate([y_train, y_test]), order)
    assert len(y_test) == 3 and (x_train[:, 0] == 2 * y_train).all() and (x_test[:, 1] == 2 * y_test + 1).all()
    with pytest.raises(ValueError, match="test_split"):
        boston_housing.load_data(test_split=1)


def test_california_small(homes):
    put(homes / "home" / "california_housing.npz", x=np.zeros((700, 8)), y=np.arange(700.0))
    (_, y_train), (_, y_test) = california_housing.load_data("small", test_split=0.5)
    assert len(y_train) == len(y_test) == 300 and y_train.max() < 600
    with pytest.raises(ValueError, match="version"):
        california_housing.load_data("tiny")


def idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    head = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(head + array.tobytes()))


def test_fashion(homes):
    folder = homes / "user" / ".keras" / "datasets" / "fashion-mnist"
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    for part, n in (("train", 5), ("t10k", 2)):
        idx(folder / f"{part}-images-idx3-ubyte.gz", images[:n])
        idx(folder / f"{part}-labels-idx1-ubyte.gz", np.arange(n, dtype=np.uint8))
    (x, y), (x_test, y_test) = fashion_mnist.load_data()
    np.testing.assert_array_equal(x, images)
    assert y.tolist() == [0, 1, 2, 3, 4] and x_test.shape == (2, 28, 28) and y_test.dtype == np.uint8
    x[0] = 0  # what was read may be written to
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"no labels at all"))
    with pytest.raises(ValueError, match="t10k-labels.*damaged"):
        fashion_mnist.load_data()


def batch(n, start, **keys):
    data = (np.arange(n * 3072) + start).astype(np.uint8).reshape(n, 3072)
    return pickle.dumps({b"data": data, **{key.encode(): value for key, value in keys.items()}}, protocol=2)


def test_cifar10_from_an_archive(homes):
    with tarfile.open(homes / "web" / "cifar-10-python.tar.gz", "w:gz") as archive:
        for i, name in enumerate([*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]):
            content = batch(2, i, labels=[i, i + 1])
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    (x, y), (x_test, y_test) = cifar10.load_data()
    assert x.shape == (10, 32, 32, 3) and x.dtype == y.dtype == np.uint8
    assert y.tolist() == [[0], [1], [1], [2], [2], [3], [3], [4], [4], [5]] and y_test.tolist() == [[5], [6]]
    # Red, green and blue of a pixel are 1024 bytes apart in the file.
    assert x[2, 0, 1].tolist() == [2, 2, 2] and x[2, 1, 0].tolist() == [33, 33, 33]
    os.remove(homes / "web" / "cifar-10-python.tar.gz")
    kerasnp.config.set_image_data_format("channels_first")
    try:
        assert cifar10.load_data()[0][0].shape == (10, 3, 32, 32)
    finally:
        kerasnp.config.set_image_data_format("channels_last")


def test_cifar100_unpacked_by_hand(homes):
    folder = homes / "home" / "cifar-100-python"
    folder.mkdir(parents=True)
    for name in ("train", "test"):
        (folder / name).write_bytes(batch(3, 0, fine_labels=[9, 8, 7], coarse_labels=[1, 2, 3]))
    assert cifar100.load_data()[0][1].ravel().tolist() == [9, 8, 7]
    assert cifar100.load_data("coarse")[1][1].ravel().tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="label_mode"):
        cifar100.load_data("rough")


class Evil:
    def __reduce__(self):
        return os.system, ("echo no",)


def test_a_pickle_runs_nothing(homes):
    folder = homes / "home" / "cifar-100-python"
    folder.mkdir(parents=True)
    for name in ("train", "test"):
        (folder / name).write_bytes(pickle.dumps({b"data": Evil()}))
    with pytest.raises(ValueError, match="system, which no data set needs"):
        cifar100.load_data()
    put(homes / "home" / "reuters.npz", x=np.array([Evil()], object), y=np.zeros(1))
    with pytest.raises(ValueError, match="system, which no data set needs"):
        reuters.load_data()


def lists(*texts):
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


@pytest.fixture
def reviews(homes):
    train, test = lists([1, 5, 2], [7], [3, 3, 9, 9, 9], [4, 6]), lists([8, 1], [2])
    put(homes / "home" / "imdb.npz", x_train=train, y_train=np.array([0, 1, 2, 3]), x_test=test, y_test=np.array([4, 5]))
    return dict(enumerate([*train, *test]))


def test_reviews_as_they_are(reviews):
    (x, y), (x_test, y_test) = imdb.load_data(index_from=0, start_char=None, num_words=100)
    assert sorted([*y, *y_test]) == [0, 1, 2, 3, 4, 5] and len(y) == 4
    assert all(text == reviews[label] for text, label in zip([*x, *x_test], [*y, *y_test]))
    order = np.arange(4)
    np.random.RandomState(113).shuffle(order)
    assert y.tolist() == order.tolist()


def test_reviews_with_marks(reviews):
    (x, y), (x_test, y_test) = imdb.load_data(num_words=9, skip_top=5)
    texts = dict(zip([*y, *y_test], [*x, *x_test]))
    assert texts[0] == [2, 2, 8, 5] and texts[3] == [2, 7, 2] and texts[4] == [2, 2, 2]
    (x, y), _ = imdb.load_data(oov_char=None, num_words=9, maxlen=5, start_char=None)
    assert dict(zip(y, x)) == {0: [4, 8, 5], 1: [], 3: [7]}
    with pytest.raises(ValueError, match="increase maxlen"):
        imdb.load_data(maxlen=1)


def test_newswires(homes):
    put(homes / "home" / "reuters.npz", x=lists([1, 2], [3], [4], [5], [6]), y=np.arange(5))
    (x, y), (x_test, y_test) = reuters.load_data(test_split=0.4, num_words=100)
    assert len(x) == 3 and len(x_test) == 2 and sorted([*y, *y_test]) == [0, 1, 2, 3, 4]
    assert dict(zip([*y, *y_test], [*x, *x_test]))[0] == [1, 4, 5]
    assert len(reuters.get_label_names()) == 46 == len(set(reuters.TOPICS)) and reuters.TOPICS[3] == "earn"


def test_words(homes, monkeypatch):
    (homes / "home").mkdir()
    (homes / "home" / "imdb_word_index.json").write_text(json.dumps({"the": 1, "fawn": 34701}))
    assert imdb.get_word_index() == {"the": 1, "fawn": 34701}
    with pytest.raises(FileNotFoundError, match="reuters.get_word_index: no file at .*KERASNP_HOME"):
        reuters.get_word_index()


@pytest.mark.parametrize("module", [boston_housing, california_housing, cifar10, cifar100, fashion_mnist, imdb, reuters])
def test_without_network(module):
    with pytest.raises(FileNotFoundError, match="could not be downloaded.*save file:.* as .*, or set KERASNP_HOME"):
        module.load_data()


def test_a_damaged_file_is_named(homes):
    (homes / "home").mkdir()
    (homes / "home" / "imdb.npz").write_bytes(b"PK not really")
    with pytest.raises(ValueError, match="imdb.npz is damaged"):
        imdb.load_data()
    put(homes / "home" / "boston_housing.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match="lacks y"):
        boston_housing.load_data()
