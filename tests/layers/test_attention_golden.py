"""Attention and merging layers against numbers and configurations of real Keras, frozen by tests/golden/make_attention.py."""

import json
from pathlib import Path

import attention_cases
import cases
import numpy as np
import pytest

import kerasnp
from kerasnp.autodiff import Tape, Variable
from kerasnp.utils.masks import get_mask, set_mask

FILE = Path(__file__).resolve().parents[1] / "golden" / "attention.npz"
with np.load(FILE) as file:
    INDEX, VALUES = json.loads(str(file["index"])), file["values"]
each_case = pytest.mark.parametrize("name", attention_cases.CASES)


def golden(key):
    offset, shape = INDEX[key]
    return VALUES[offset : offset + int(np.prod(shape, dtype=int))].reshape(shape)


def series(prefix):
    found = []
    while f"{prefix}{len(found)}" in INDEX:
        found.append(golden(f"{prefix}{len(found)}"))
    return found


def make(name):
    case = attention_cases.CASES[name]
    layer = attention_cases.make(kerasnp, case)
    spread = case["layer"][0] in attention_cases.SPREAD
    layer.build(*case["shapes"]) if spread else layer.build(case["shapes"])
    layer.set_weights(series(f"{name}/w"))
    return layer, case


def inputs_of(name, case):
    xs = [Variable(x) for x in series(f"{name}/x")]
    for x, mask in zip(xs, case.get("carried", ())):
        if mask is not None:
            set_mask(x, np.array(mask))
    return xs


@each_case
def test_numbers(name):
    layer, case = make(name)
    xs = inputs_of(name, case)
    with Tape() as tape:
        ys = attention_cases.call(layer, case, xs)
        # An identity would leave no step to differentiate.
        ys = [y * 1.0 for y in ys]
    for y, expected in zip(ys, series(f"{name}/y"), strict=True):
        np.testing.assert_allclose(y.numpy(), expected, rtol=2e-5, atol=2e-6)
    sources = [*xs, *layer.trainable_weights]
    found = tape.gradient(ys, sources, series(f"{name}/dy"))
    expected = [*series(f"{name}/dx"), *series(f"{name}/dw")]
    for a, b in zip(found, expected, strict=True):
        a = np.zeros_like(b) if a is None else a
        np.testing.assert_allclose(a, b, rtol=5e-5, atol=1e-5 * max(1, np.abs(b).max(initial=0)))


@each_case
def test_masks_that_go_on(name):
    layer, case = make(name)
    y = attention_cases.call(layer, case, inputs_of(name, case))[0]
    mask = get_mask(y)
    if f"{name}/mask" not in INDEX:
        assert mask is None
    else:
        np.testing.assert_array_equal(mask, golden(f"{name}/mask").astype(bool))


@each_case
def test_shape_names_and_config_are_those_of_keras(name):
    layer, case = make(name)
    shapes = case["shapes"]
    spread = case["layer"][0] in attention_cases.SPREAD
    promised = layer.compute_output_shape(*shapes) if spread else layer.compute_output_shape(shapes)
    assert list(promised) == json.loads(INDEX[f"{name}/shape"])
    assert [w.path for w in layer.weights] == json.loads(INDEX[f"{name}/weights"])
    theirs = json.loads(INDEX[f"{name}/config"])
    ours = cases.plain(json.loads(json.dumps(layer.get_config())))
    assert ours == cases.plain(theirs)
    rebuilt = type(layer).from_config(theirs)
    assert cases.plain(json.loads(json.dumps(rebuilt.get_config()))) == ours
