"""Every layer case against numbers and configurations of real Keras, frozen by tests/golden/make_layers.py."""

import json
from pathlib import Path

import cases
import numpy as np
import pytest

import kerasnp
from kerasnp.autodiff import Tape, Variable

FILE = Path(__file__).resolve().parents[1] / "golden" / "layers.npz"


class Golden:
    """The frozen values, by `Class-number/what`."""

    def __init__(self):
        with np.load(FILE) as file:
            self.index, self.values = json.loads(str(file["index"])), file["values"]

    def __contains__(self, key):
        return key in self.index

    def __getitem__(self, key):
        found = self.index[key]
        if isinstance(found, str):
            return found
        offset, shape = found
        return self.values[offset : offset + int(np.prod(shape, dtype=int))].reshape(shape)

    def series(self, prefix):
        found = []
        while f"{prefix}{len(found)}" in self.index:
            found.append(self[f"{prefix}{len(found)}"])
        return found


golden = Golden()
# What Keras cannot compute, and says so in make_layers.py.
UNFROZEN = {"RMSNormalization-2"}
# Files whose layers are compared with numbers of their own.
ELSEWHERE = {"audio", "conv_lstm", "preprocessing", "recurrent", "recurrent_cells", "recurrent_wrappers", "rnn"}
ELSEWHERE |= {f"image_{part}" for part in ("bending", "clahe", "color", "geometry", "mixing", "policies", "size", "tone")}
CASES = [
    pytest.param(name, f"{name}-{i}", arguments, shape, id=f"{name}-{i}")
    for name, samples in cases.LAYERS.items()
    for i, (arguments, shape) in enumerate(samples)
    if f"{name}-{i}" not in UNFROZEN and getattr(kerasnp.layers, name).__module__.rpartition(".")[2] not in ELSEWHERE
]
sweep = pytest.mark.parametrize("name, key, arguments, shape", CASES)


def make(name, key, arguments, shape):
    layer = getattr(kerasnp.layers, name)(**cases.resolve(kerasnp, arguments))
    layer.build(shape)
    layer.set_weights(golden.series(f"{key}/w"))
    return layer


@sweep
def test_numbers(name, key, arguments, shape):
    layer = make(name, key, arguments, shape)
    x = golden[f"{key}/x"]
    x = x.astype("int32") if name in cases.INTEGER_LAYERS else Variable(x)
    for mode in ("", "/train"):
        if f"{key}{mode}/y" not in golden:
            continue
        weights = layer.trainable_weights
        with Tape() as tape:
            # An identity would leave no step to differentiate.
            y = layer(x, training=bool(mode)) * 1.0
        np.testing.assert_allclose(y.numpy(), golden[f"{key}{mode}/y"], rtol=2e-5, atol=2e-6)
        sources = [*([x] if isinstance(x, Variable) else []), *weights]
        found = tape.gradient(y, sources, golden[f"{key}{mode}/dy"])
        expected = [golden[f"{key}{mode}/dx"]] if isinstance(x, Variable) else []
        expected += golden.series(f"{key}{mode}/dw")
        assert len(found) == len(expected)
        if mode and name == "SpectralNormalization":
            # Keras on JAX also differentiates the division of the kernel; elsewhere, and here, the kernel is replaced.
            found, expected = found[:1], expected[:1]
        for a, b in zip(found, expected, strict=True):
            a = np.zeros_like(b) if a is None else a
            np.testing.assert_allclose(a, b, rtol=5e-5, atol=5e-6 * max(1, np.abs(b).max(initial=0)))
        after = golden.series(f"{key}{mode}/after")
        for w, b in zip(layer.non_trainable_weights, after):
            np.testing.assert_allclose(w.numpy(), b, rtol=2e-5, atol=2e-6)


@sweep
def test_weights_are_named_and_ordered_alike(name, key, arguments, shape):
    layer = make(name, key, arguments, shape)
    assert [w.name for w in layer.weights] == json.loads(golden[f"{key}/weights"])
    assert [w.name for w in layer.trainable_weights] == json.loads(golden[f"{key}/trainable"])


@sweep
def test_config_is_that_of_keras(name, key, arguments, shape):
    layer = make(name, key, arguments, shape)
    ours, theirs = cases.plain(json.loads(json.dumps(layer.get_config()))), cases.plain(json.loads(golden[f"{key}/config"]))
    assert ours.keys() == theirs.keys()
    assert ours == theirs
    rebuilt = type(layer).from_config(json.loads(golden[f"{key}/config"]))
    assert cases.plain(json.loads(json.dumps(rebuilt.get_config()))) == ours
