import os
import socket
import time

import numpy as np
import pytest

from kerasnp.datasets import mnist
from kerasnp.utils import file_utils


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A file shaped like MNIST: image i all i % 256, labels in turn."""
    path = tmp_path_factory.mktemp("archive") / "full.npz"
    arrays = {name: np.zeros(shape, np.uint8) for name, shape in mnist.SHAPES.items()}
    for name, array in arrays.items():
        array[...] = (np.arange(len(array)) % (10 if name[0] == "y" else 256)).reshape(-1, *[1] * (array.ndim - 1))
    np.savez_compressed(path, **arrays)
    return path


@pytest.fixture(autouse=True)
def homes(tmp_path, monkeypatch):
    """Empty homes and an address where nobody listens."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "user"))
    monkeypatch.setenv("KERASNP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        monkeypatch.setattr(mnist, "ORIGIN", f"http://127.0.0.1:{closed_soon.getsockname()[1]}/mnist.npz")
    return tmp_path


def _put(archive, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    os.link(archive, path)


def test_the_checksum_is_one():
    assert len(mnist.SHA256) == 64 and int(mnist.SHA256, 16)


PLACES = [
    "home/mnist.npz",
    "home/datasets/mnist.npz",
    "user/.kerasnp/datasets/mnist.npz",
    "user/.keras/datasets/mnist.npz",
]


@pytest.mark.parametrize("place", PLACES)
def test_found_in_each_place(homes, archive, place):
    assert not mnist.installed()
    _put(archive, homes / place)
    assert mnist.installed()
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert x_train.shape == (60000, 28, 28) and y_train.shape == (60000,)
    assert x_test.shape == (10000, 28, 28) and y_test.shape == (10000,)
    assert all(a.dtype == np.uint8 for a in (x_train, y_train, x_test, y_test))
    assert (x_train[257] == 1).all() and y_train[59999] == 9 and (x_test[-1] == 9999 % 256).all() and y_test[10] == 0


def test_earlier_places_win(homes):
    for place in reversed(PLACES):
        (homes / place).parent.mkdir(parents=True, exist_ok=True)
        (homes / place).write_bytes(b"no archive")
        with pytest.raises(ValueError, match=place):
            mnist.load_data()


def test_without_the_variable(homes, archive, monkeypatch):
    _put(archive, homes / "home" / "mnist.npz")
    monkeypatch.delenv("KERASNP_HOME")
    with pytest.raises(FileNotFoundError) as caught:
        mnist.load_data()
    assert str(homes / "home") not in str(caught.value)
    assert f"save {mnist.ORIGIN} as {homes / 'user/.kerasnp/datasets/mnist.npz'}" in str(caught.value)
    _put(archive, homes / "user/.kerasnp/datasets/mnist.npz")
    assert len(mnist.load_data()[0][0]) == 60000


def test_another_name_and_an_absolute_path(homes, archive):
    _put(archive, homes / "home" / "other.npz")
    assert len(mnist.load_data("other.npz")[1][1]) == 10000
    assert len(mnist.load_data(archive)[1][1]) == 10000
    assert len(mnist.load_data(str(archive))[1][1]) == 10000


def test_without_a_network_every_place_is_named(homes):
    begin = time.monotonic()
    with pytest.raises(OSError, match="refused") as caught:
        mnist.load_data()
    message = str(caught.value)
    assert message.startswith("mnist.load_data: no file at ") and "\n" not in message
    assert all(str(homes / place) in message for place in PLACES)
    assert f"as {homes / 'home/datasets/mnist.npz'}, or set KERASNP_HOME" in message
    assert time.monotonic() - begin < 10
    assert not any(files for _, _, files in os.walk(homes))


def test_an_absolute_path_is_the_only_place(homes, archive):
    _put(archive, homes / "home" / "mnist.npz")
    wanted = homes / "deep" / "mnist.npz"
    with pytest.raises(FileNotFoundError, match=f"no file at {wanted}, and"):
        mnist.load_data(wanted)


@pytest.mark.parametrize("absolute", [False, True])
def test_download(homes, archive, monkeypatch, capsys, absolute):
    monkeypatch.setattr(mnist, "ORIGIN", archive.as_uri())
    monkeypatch.setattr(mnist, "SHA256", file_utils.hash_file(archive))
    target = homes / "deep" / "m.npz" if absolute else homes / "home" / "datasets" / "mnist.npz"
    for _ in range(2):
        (x_train, _), _ = mnist.load_data(target) if absolute else mnist.load_data()
        assert (x_train[3] == 3).all()
    assert target.read_bytes() == archive.read_bytes()
    assert os.listdir(target.parent) == [target.name]
    assert capsys.readouterr().out == f"Downloading data from {archive.as_uri()}\n"


def test_a_download_with_another_checksum_is_not_kept(homes, archive, monkeypatch):
    monkeypatch.setattr(mnist, "ORIGIN", archive.as_uri())
    with pytest.raises(ValueError, match=f"its sha256 should be {mnist.SHA256} but is {file_utils.hash_file(archive)}"):
        mnist.load_data()
    assert not any(files for _, _, files in os.walk(homes))


def _spoil(archive, path, kind):
    data = archive.read_bytes()
    if kind == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "flipped":
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes(b ^ 255 for b in data[middle : middle + 50]) + data[middle + 50 :])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_bytes(b"<html>404</html>")
    elif kind == "npy":
        with open(path, "wb") as file:
            np.save(file, np.zeros(3))
    else:
        arrays = {name: np.zeros(shape, np.uint8) for name, shape in mnist.SHAPES.items()}
        if kind == "missing":
            del arrays["y_train"], arrays["x_test"]
        elif kind == "shape":
            arrays["x_train"] = arrays["x_train"].reshape(60000, 784)
        elif kind == "dtype":
            arrays["y_test"] = arrays["y_test"].astype(np.int64)
        elif kind == "pickle":
            arrays["x_train"] = np.array([{}], dtype=object)
        np.savez_compressed(path, **arrays)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("cut", "not a zip file"),
        ("flipped", ""),
        ("empty", "not a zip file"),
        ("text", "not a zip file"),
        ("npy", "not a zip file"),
        ("missing", "it lacks y_train, x_test;"),
        ("shape", r"x_train should be uint8 \(60000, 28, 28\) but is uint8 \(60000, 784\);"),
        ("dtype", r"y_test should be uint8 \(10000,\) but is int64 \(10000,\);"),
        ("pickle", "allow_pickle=False"),
    ],
)
def test_a_damaged_or_wrong_file_is_named(homes, archive, kind, message):
    path = homes / "home" / "mnist.npz"
    path.parent.mkdir()
    _spoil(archive, path, kind)
    with pytest.raises(ValueError, match=f"mnist.load_data: {path} is damaged or is not MNIST: .*{message}"):
        mnist.load_data()
