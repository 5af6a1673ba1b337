"""Layers that change images: Keras's numbers where nothing is left to chance, statistics where something is."""

import json
import zlib
from pathlib import Path

import cases
import numpy as np
import pytest

import kerasnp
from kerasnp import layers

FILE = Path(__file__).resolve().parents[1] / "golden" / "image_layers.npz"
with np.load(FILE) as file:
    GOLDEN = dict(file)

KEYS = [key.removesuffix("/config") for key in GOLDEN if key.endswith("/config")]
FIXED = [key for key in KEYS if f"{key}/y" in GOLDEN]
ROWS, COLUMNS = np.mgrid[0:8, 0:10]
RAMP = np.broadcast_to((10.0 * ROWS + COLUMNS)[None, :, :, None], (64, 8, 10, 1)).astype("float32")


def layer_of(key):
    name, _, i = key.rpartition("-")
    arguments, shape = cases.LAYERS[name][int(i)]
    return getattr(layers, name)(**cases.resolve(kerasnp, arguments)), shape


@pytest.mark.parametrize("key", FIXED)
def test_numbers_of_keras(key):
    layer, shape = layer_of(key)
    x = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape).astype("float32")
    y, expected = layer(x, training=True), GOLDEN[f"{key}/y"]
    assert y.shape == expected.shape and y.dtype == expected.dtype
    np.testing.assert_allclose(y, expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("i", range(len(cases.TRANSFORMED)), ids=lambda i: f"{cases.TRANSFORMED[i][0]}-{i}")
def test_given_transformations(i):
    name, arguments, shape, transformation = cases.TRANSFORMED[i]
    x = np.random.default_rng(i).uniform(0, 1, shape).astype("float32")
    given = {k: np.asarray(v, cases.kind_of(v)) for k, v in transformation.items()}
    y = getattr(layers, name)(**arguments).transform_images(x, given, training=True)
    np.testing.assert_allclose(y, GOLDEN[f"transformed-{i}"], rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("key", KEYS)
def test_config_of_keras(key):
    layer, _ = layer_of(key)
    theirs = json.loads(str(GOLDEN[f"{key}/config"]))
    ours = cases.plain(json.loads(json.dumps(layer.get_config())))
    expected = cases.plain(theirs)
    assert ours == expected
    assert cases.plain(json.loads(json.dumps(type(layer).from_config(theirs).get_config()))) == expected


RANDOM = sorted(
    {
        key.rpartition("-")[0]
        for key in KEYS
        if key.startswith(("Random", "MixUp", "CutMix", "AugMix", "RandAug")) and key not in FIXED
    }
)


def random_layer(name, seed):
    arguments, shape = next(c for c in cases.LAYERS[name] if "seed" in c[0])
    return getattr(layers, name)(**{**cases.resolve(kerasnp, arguments), "seed": seed}), shape


@pytest.mark.parametrize("name", RANDOM)
def test_seed_fixes_what_is_drawn(name):
    kerasnp.utils.set_random_seed(3)
    first, shape = random_layer(name, 5)
    x = np.random.default_rng(0).uniform(0.2, 0.8, (8, *shape[1:])).astype("float32")
    ys = [first(x, training=True) for _ in range(4)]
    kerasnp.utils.set_random_seed(3)
    again = [random_layer(name, 5)[0](x, training=True)]
    np.testing.assert_array_equal(again[0], ys[0])
    assert any(not np.array_equal(ys[0], y) for y in ys[1:])
    assert len(first.non_trainable_variables) >= 1 and not first.weights


@pytest.mark.parametrize("name", RANDOM)
def test_inference_lets_images_through(name):
    layer, shape = random_layer(name, 5)
    x = np.random.default_rng(0).uniform(0, 1, shape).astype("float32")
    np.testing.assert_array_equal(layer(x, training=False), x)


@pytest.mark.parametrize("name", [n for n in RANDOM if n not in ("MixUp", "CutMix")])
def test_one_image_keeps_its_rank(name):
    layer, shape = random_layer(name, 5)
    x = np.random.default_rng(0).uniform(0, 1, shape[1:]).astype("float32")
    assert layer(x, training=True).shape == shape[1:]


def test_half_of_the_images_are_flipped():
    y = layers.RandomFlip("horizontal", seed=2)(np.repeat(RAMP, 32, axis=0), training=True)
    flipped = y[:, 0, 0, 0] == 9
    assert (y[~flipped] == RAMP[0]).all() and (y[flipped] == RAMP[0][:, ::-1]).all()
    assert abs(flipped.mean() - 0.5) < 0.05


def test_both_flips_go_together():
    y = layers.RandomFlip(seed=2)(RAMP, training=True)[:, 0, 0, 0]
    assert set(y.tolist()) == {0.0, 79.0}


def test_translation_moves_by_whole_pixels_where_asked():
    y = layers.RandomTranslation((0.25, 0.25), (-0.1, -0.1), fill_mode="constant", fill_value=-1)(RAMP, training=True)
    np.testing.assert_allclose(y[:, 2:, :-1], RAMP[:, :-2, 1:], rtol=1e-5, atol=1e-4)
    assert (y[:, :2] == -1).all() and np.allclose(y[:, :, -1], -1)


def test_translations_are_spread_evenly():
    layer = layers.RandomTranslation(0.25, (0.0, 0.3), seed=1)
    moved = layer.get_random_transformation(np.repeat(RAMP, 50, axis=0))["translations"]
    right, down = moved.T
    assert -2 <= down.min() < -1.9 and 1.9 < down.max() <= 2 and abs(down.mean()) < 0.1
    assert 0 <= right.min() < 0.1 and 2.9 < right.max() <= 3 and abs(right.mean() - 1.5) < 0.1


def test_a_quarter_turn_is_a_quarter_turn():
    x = np.random.default_rng(0).standard_normal((2, 5, 5, 2)).astype("float32")
    y = layers.RandomRotation((0.25, 0.25))(x, training=True)
    np.testing.assert_allclose(y, np.rot90(x, axes=(1, 2)), atol=1e-5)


def test_zoom_shows_the_middle():
    y = layers.RandomZoom((-0.5, -0.5))(RAMP, training=True)
    np.testing.assert_allclose(y.mean(axis=(1, 2)), RAMP.mean(axis=(1, 2)), rtol=1e-4)
    np.testing.assert_allclose(np.ptp(y, axis=(1, 2)), np.ptp(RAMP, axis=(1, 2)) / 2, rtol=1e-4)


def test_crops_come_from_everywhere():
    layer = layers.RandomCrop(3, 4, seed=1)
    corners = {int(layer(RAMP[:1], training=True)[0, 0, 0, 0]) for _ in range(400)}
    assert corners == {10 * r + c for r in range(6) for c in range(7)}
    np.testing.assert_array_equal(layer(RAMP[:2], training=False), RAMP[:2])


def test_crop_of_a_small_image_is_enlarged():
    assert layers.RandomCrop(9, 12)(RAMP[:2], training=True).shape == (2, 9, 12, 1)
    assert layers.RandomCrop(9, 4)(RAMP[:2], training=True).shape == (2, 9, 4, 1)


def test_whole_numbers():
    x = (RAMP[:2] * 3).astype("uint8")
    y = layers.Resizing(4, 5)(x)
    assert y.dtype == "uint8"
    np.testing.assert_allclose(y, layers.Resizing(4, 5)(x.astype("float32")), atol=0.5)
    for layer in (layers.CenterCrop(3, 3), layers.RandomFlip(seed=1), layers.RandomRotation(0.1)):
        assert layer(x, training=True).dtype == "float32"


def test_masks_and_labels_beside_images():
    data = {"images": RAMP, "labels": np.arange(64), "segmentation_masks": (RAMP > 40).astype("int32")}
    out = layers.RandomRotation(0.3, seed=1)(data, training=True)
    assert set(np.unique(out["segmentation_masks"])) == {0, 1}
    np.testing.assert_array_equal(out["labels"], data["labels"])
    flipped = layers.RandomFlip(seed=1)(data, training=True)
    np.testing.assert_array_equal(flipped["segmentation_masks"], flipped["images"] > 40)
    single = layers.RandomFlip(seed=1)({k: v[0] for k, v in data.items() if k != "labels"}, training=True)
    assert single["images"].shape == RAMP.shape[1:]


def test_boxes_stay_where_pixels_stay():
    data = {"images": RAMP, "bounding_boxes": {"boxes": np.ones((64, 2, 4)), "labels": np.ones((64, 2))}}
    out = layers.RandomBrightness(0.1, bounding_box_format="xyxy")(data, training=True)
    np.testing.assert_array_equal(out["bounding_boxes"]["boxes"], data["bounding_boxes"]["boxes"])
    assert not np.array_equal(out["images"], RAMP)
    with pytest.raises(ValueError, match="the layer no format to read them by"):
        layers.RandomBrightness(0.1)(data, training=True)


def test_augmentation_trains_inside_a_model_and_rests_in_predict():
    kerasnp.utils.set_random_seed(0)
    x = np.random.default_rng(0).uniform(0, 1, (16, 8, 8, 3)).astype("float32")
    model = kerasnp.Sequential(
        [
            kerasnp.Input((8, 8, 3)), layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomZoom(0.1),
            layers.RandomContrast(0.2, value_range=(0, 1)), layers.Resizing(6, 6), layers.Conv2D(2, 3), layers.Flatten(),
            layers.Dense(1),
        ]
    )  # fmt: skip
    model.compile("sgd", "mse")
    model.fit(x, np.zeros(16), epochs=1, verbose=0)
    np.testing.assert_array_equal(model.predict(x, verbose=0), model.predict(x, verbose=0))
    assert not np.array_equal(model(x, training=True), model(x, training=True))


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: layers.RandomRotation(2.0), ValueError, "factor"),
        (lambda: layers.RandomRotation((0.1, 0.2, 0.3)), ValueError, "factor"),
        (lambda: layers.RandomRotation("0.1"), ValueError, "factor"),
        (lambda: layers.RandomRotation(0.1, fill_mode="mirror"), NotImplementedError, "fill_mode"),
        (lambda: layers.RandomZoom(0.1, interpolation="bicubic"), NotImplementedError, "interpolation"),
        (lambda: layers.RandomZoom(-1.0), ValueError, "height_factor"),
        (lambda: layers.RandomTranslation(0.1, 1.5), ValueError, "width_factor"),
        (lambda: layers.RandomContrast(-0.1), ValueError, "factor"),
        (lambda: layers.RandomBrightness(0.1, value_range=1), ValueError, "value_range"),
        (lambda: layers.Resizing(0, 3), ValueError, "`height` must be a positive integer"),
        (lambda: layers.Resizing(3, 3, "area"), ValueError, "interpolation must be one of"),
        (lambda: layers.RandomFlip()(np.ones((3, 4))), ValueError, "rank 3"),
        (lambda: layers.CenterCrop(2, 2).compute_output_shape((3, 4)), ValueError, "with 3 entries, or of a batch"),
        (lambda: layers.RandomFlip()({"images": RAMP, "bounding_boxes": {}}), ValueError, "bounding boxes"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()
