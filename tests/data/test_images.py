"""Image files and arrays, there and back."""

import io
import subprocess
import sys

import numpy as np
import pytest

import kerasnp
from kerasnp import preprocessing, utils

pytest.importorskip("PIL")
rng = np.random.default_rng(0)
PIXELS = rng.integers(0, 256, (6, 8, 3)).astype("float32")


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_there_and_back(channels, data_format):
    x = rng.integers(0, 256, (6, 8, channels)).astype("float32")
    given = x if data_format == "channels_last" else x.transpose(2, 0, 1)
    img = utils.array_to_img(given, data_format, scale=False)
    assert img.size == (8, 6)
    back = utils.img_to_array(img, data_format)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, given)


def test_values_are_spread():
    img = utils.array_to_img(np.array([[[-1.0], [0.0], [1.0]]]))
    assert np.asarray(img).tolist() == [[0, 127, 255]]
    assert np.asarray(utils.array_to_img(np.zeros((1, 2, 1)))).tolist() == [[0, 0]]
    wide = utils.array_to_img(np.array([[[0.0], [70000.0]]]), scale=False)
    assert wide.mode == "I" and np.asarray(wide).tolist() == [[0, 70000]]


@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_files(tmp_path, suffix):
    path = tmp_path / f"picture.{suffix}"
    utils.save_img(path, PIXELS, scale=False)
    np.testing.assert_array_equal(utils.img_to_array(utils.load_img(path)), PIXELS)
    assert utils.load_img(str(path), color_mode="grayscale").mode == "L"
    assert utils.load_img(io.BytesIO(path.read_bytes()), color_mode="rgba").mode == "RGBA"


def test_jpeg_has_no_transparency(tmp_path):
    with pytest.warns(UserWarning, match="RGBA"):
        utils.save_img(tmp_path / "picture.jpg", np.ones((4, 4, 4)))
    assert utils.load_img(tmp_path / "picture.jpg").size == (4, 4)


def test_sizes(tmp_path):
    path = tmp_path / "wide.png"
    x = np.zeros((4, 12, 3))
    x[:, 4:8] = 255  # the middle third
    utils.save_img(path, x, scale=False)
    whole = np.asarray(utils.load_img(path, target_size=(2, 2)))
    cut = np.asarray(utils.load_img(path, target_size=(2, 2), keep_aspect_ratio=True, interpolation="box"))
    assert whole.shape == cut.shape == (2, 2, 3) and (cut == 255).all() and not (whole == 255).all()
    resized = preprocessing.image.smart_resize(x, (2, 2))
    np.testing.assert_allclose(resized, 255)
    assert preprocessing.image.smart_resize(x[None], (8, 3)).shape == (1, 8, 3, 3)


@pytest.mark.parametrize("call, error, text", [
    (lambda: utils.array_to_img(np.ones((2, 2))), ValueError, "rank 3"),
    (lambda: utils.array_to_img(np.ones((2, 2, 2))), ValueError, "2 channels"),
    (lambda: utils.img_to_array(np.ones(3)), ValueError, "two or three axes"),
    (lambda: utils.load_img(7), TypeError, "a path or an io.BytesIO"),
    (lambda: utils.load_img("x.png", color_mode="cmyk"), ValueError, "color_mode"),
    (lambda: preprocessing.image.smart_resize(np.ones(3), (2, 2)), ValueError, "a batch of images"),
    (lambda: preprocessing.image.smart_resize(np.ones((2, 2, 1)), (2,)), ValueError, "height"),
])  # fmt: skip
def test_mistakes(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_the_older_namespaces():
    assert preprocessing.sequence.pad_sequences is utils.pad_sequences
    assert preprocessing.image.load_img is utils.load_img
    assert kerasnp.mixed_precision.global_policy().name == "float32"
    assert kerasnp.mixed_precision.Policy is kerasnp.DTypePolicy
    assert kerasnp.version() == kerasnp.__version__
    code = "import kerasnp.utils as u, sys; u.load_img; assert 'PIL' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_brightest_number_is_white_and_the_least_black():
    for seed in range(30):
        pixels = np.asarray(utils.array_to_img(np.random.default_rng(seed).normal(size=(5, 6, 1))))
        assert pixels.min() == 0 and pixels.max() == 255
