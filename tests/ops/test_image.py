"""Functions on images: Keras's numbers, and what is peculiar to one of them."""

from pathlib import Path

import image_cases
import numpy as np
import pytest

import kerasnp
from kerasnp import Tape, Variable, gradcheck
from kerasnp.ops import image

FILE = Path(__file__).resolve().parents[1] / "golden" / "image.npz"
with np.load(FILE) as file:
    GOLDEN = dict(file)

BLOB = np.random.default_rng(0).uniform(0, 1, (2, 6, 7, 3)).astype("float32")


@pytest.mark.parametrize("name", image_cases.CASES)
def test_numbers_of_keras(name):
    function, shape, options = image_cases.CASES[name]
    x, options = image_cases.image_for(name, shape), image_cases.arguments_for(options)
    fn = getattr(image, function)
    y = fn(x, **options)
    expected = GOLDEN[f"{name}/y"]
    assert y.shape == expected.shape and y.dtype == expected.dtype
    if y.dtype.kind != "f":
        # A value halfway between two numbers may fall to either side.
        assert np.abs(y.astype(int) - expected.astype(int)).max() <= 1
        assert (y == expected).mean() > 0.99
        return
    np.testing.assert_allclose(y, expected, rtol=2e-5, atol=4e-6)
    with Tape() as tape:
        v = Variable(x)
        recorded = fn(v, **options) * 1.0
    dy = np.random.default_rng(1).standard_normal(y.shape).astype("float32")
    np.testing.assert_allclose(tape.gradient(recorded, v, dy), GOLDEN[f"{name}/dx"], rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: image.resize(x, (4, 9), "bicubic"),
        lambda x: image.affine_transform(x, [0.9, 0.2, 0.3, -0.1, 1.1, 0.2, 0, 0], fill_mode="wrap"),
        lambda x: image.affine_transform(x, [0.9, 0.2, 0.3, -0.1, 1.1, 0.2, 0.01, -0.02]),
        lambda x: image.rgb_to_hsv(x),
        lambda x: image.hsv_to_rgb(x),
        lambda x: image.gaussian_blur(x, (3, 5), (1.0, 2.0)),
        lambda x: image.extract_patches(x, 3, 2, padding="same"),
        lambda x: image.ssim(x, BLOB, filter_size=3),
        lambda x: image.elastic_transform(x, 3.0, 1.0, seed=3),
    ],
)
def test_gradients(fn):
    kerasnp.backend.set_floatx("float64")
    gradcheck(fn, np.random.default_rng(2).uniform(0.05, 0.95, (2, 6, 7, 3)), rtol=1e-4)


def test_projective_transform_follows_its_formula():
    rows, columns = np.mgrid[0:6, 0:7]
    x = (10.0 * rows + columns)[..., None].astype("float32")
    a0, a1, a2, b0, b1, b2, c0, c1 = t = [0.5, 0.0, 1.0, 0.0, 0.5, 1.0, 0.05, 0.02]
    y = image.affine_transform(x, t)[..., 0]
    k = c0 * columns + c1 * rows + 1
    np.testing.assert_allclose(y, 10 * (b1 * rows + b2) / k + (a0 * columns + a2) / k, rtol=1e-5)


def test_identity_transforms_change_nothing():
    same = [1, 0, 0, 0, 1, 0, 0, 0]
    for mode in ("constant", "nearest", "wrap", "mirror", "reflect"):
        for interpolation in ("nearest", "bilinear"):
            np.testing.assert_array_equal(image.affine_transform(BLOB, same, interpolation, mode), BLOB)
    np.testing.assert_allclose(image.hsv_to_rgb(image.rgb_to_hsv(BLOB)), BLOB, atol=1e-6)
    np.testing.assert_allclose(image.ssim(BLOB, BLOB, filter_size=5), 1, rtol=1e-5)
    np.testing.assert_array_equal(image.resize(BLOB, (6, 7), "lanczos3"), BLOB)


def test_one_image_is_a_batch_of_one():
    kerasnp.utils.set_random_seed(1)
    for fn in (
        lambda x: image.resize(x, (3, 4)),
        lambda x: image.affine_transform(x, [0.9, 0.2, 0.3, -0.1, 1.1, 0.2, 0, 0]),
        lambda x: image.gaussian_blur(x),
        lambda x: image.elastic_transform(x, seed=4),
        lambda x: image.extract_patches(x, 2),
        lambda x: image.ssim(x, x * 0.5, filter_size=3),
    ):
        np.testing.assert_allclose(fn(BLOB[0]), fn(BLOB[:1])[0], rtol=1e-6)


def test_elastic_transform_is_fixed_by_its_seed_and_bends_more_with_alpha():
    a, b, c = (image.elastic_transform(BLOB, alpha=5.0, sigma=1.5, seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 1e-3
    little = image.elastic_transform(BLOB, alpha=0.1, sigma=1.5, seed=3)
    assert np.abs(little - BLOB).mean() < np.abs(a - BLOB).mean()


def test_points_on_a_line_show_nothing_and_spare_the_other_images():
    corners = np.array([[0, 0], [6, 0], [0, 5], [6, 5]], "float32")
    start = np.stack([np.zeros((4, 2), "float32"), corners])
    y = image.perspective_transform(BLOB, start, np.stack([np.zeros((4, 2), "float32"), corners]), fill_value=7.0)
    assert (y[0] == 7).all()
    np.testing.assert_allclose(y[1], BLOB[1], atol=1e-5)
    with pytest.raises(TypeError, match="with three of them"):
        image.extract_patches_3d(np.zeros((4, 4, 4, 1)), (2, 2))


@pytest.mark.parametrize(
    "fn, message",
    [
        (lambda: image.resize(BLOB[0, 0], (2, 2)), "Invalid images rank: expected rank 3"),
        (lambda: image.resize(BLOB, (2, 2), "area"), "interpolation must be one of"),
        (lambda: image.resize(BLOB, (2, 2), fill_mode="wrap"), "`fill_mode`"),
        (lambda: image.resize(BLOB, (2, 2), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "Only one of"),
        (lambda: image.resize(BLOB, (2, 2, 2)), "a pair, "),
        (lambda: image.resize(BLOB, (0, 2)), "`size` must have positive height and width"),
        (lambda: image.affine_transform(BLOB, np.ones((1, 1, 8))), "Invalid transform rank"),
        (lambda: image.affine_transform(BLOB, np.ones(8), fill_mode="edge"), "fill_mode"),
        (lambda: image.map_coordinates(BLOB, np.zeros((3, 2)), 1), "first axis of `coordinates`"),
        (lambda: image.map_coordinates(BLOB, np.zeros((4, 2)), 3), "order"),
        (lambda: image.rgb_to_hsv(BLOB[..., :2]), "has 3 channels"),
        (lambda: image.rgb_to_hsv((BLOB * 255).astype("uint8")), "expected float dtype"),
        (lambda: image.rgb_to_grayscale(BLOB[..., :2]), "Invalid channel size"),
        (lambda: image.pad_images(BLOB, 1, 1, 1, target_width=9, target_height=9), "exactly two of top_padding"),
        (lambda: image.crop_images(BLOB, 1, 1, target_height=9, target_width=2), "must be >= 0"),
        (lambda: image.scale_and_translate(BLOB, BLOB.shape, [1], [0], (1,), "area"), "method"),
    ],
)
def test_errors(fn, message):
    with pytest.raises(ValueError, match=message):
        fn()
