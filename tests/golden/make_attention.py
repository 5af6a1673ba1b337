"""Writes attention.npz: what Keras computes for attention and merging layers.

Run with a Python that has Keras 3 and JAX: KERAS_BACKEND=jax python tests/golden/make_attention.py
"""

import json
import sys
import zlib
from pathlib import Path

import jax
import keras
import numpy as np
from keras.src.backend import get_keras_mask, set_keras_mask

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import attention_cases  # noqa: E402


def carrying(inputs, case):
    """The inputs with the masks that travel with them."""
    inputs = [keras.ops.convert_to_tensor(x) for x in inputs]
    for x, mask in zip(inputs, case.get("carried", ())):
        if mask is not None:
            set_keras_mask(x, keras.ops.convert_to_tensor(np.array(mask)))
    return inputs


def record(name, case, out):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    keras.utils.clear_session()
    layer = attention_cases.make(keras, case)
    xs = [rng.standard_normal(shape).astype("float32") for shape in case["shapes"]]
    # Eagerly once, for the masks that go on, which do not leave a traced function.
    seen = attention_cases.call(layer, case, carrying(xs, case))
    layer.set_weights([(np.asarray(w) + 0.3 * rng.standard_normal(w.shape)).astype("float32") for w in layer.weights])
    mask = get_keras_mask(seen[0])
    trainable = [v.value for v in layer.trainable_variables]
    others = [v.value for v in layer.non_trainable_variables]

    # Stateless calls lose the masks of all inputs but the first, so attention is told them.
    masks = [None if m is None else np.array(m) for m in case.get("carried", ())]
    given = {}
    if masks and case["layer"][0] in attention_cases.SPREAD:
        given = {"query_mask": masks[0], "value_mask": masks[1]}
    elif masks and "Attention" in case["layer"][0]:
        given = {"mask": masks}

    def forward(xs, trainable):
        def run(*args, **kwargs):
            return layer.stateless_call(trainable, others, *args, **kwargs)[0]

        return attention_cases.call(run, case, carrying(xs, case), **given)

    ys, pull = jax.vjp(forward, xs, trainable)
    dys = [rng.standard_normal(y.shape).astype("float32") for y in ys]
    dxs, dws = pull(dys)
    shapes = case["shapes"]
    promised = layer.compute_output_shape(*([shapes] if case["layer"][0] not in attention_cases.SPREAD else shapes))
    out[f"{name}/shape"] = json.dumps(promised)
    out[f"{name}/weights"] = json.dumps([w.path for w in layer.weights])
    out[f"{name}/config"] = json.dumps(layer.get_config(), default=str)
    if mask is not None:
        out[f"{name}/mask"] = np.asarray(mask)
    for key, values in {"x": xs, "w": layer.get_weights(), "y": ys, "dy": dys, "dx": dxs, "dw": dws}.items():
        for j, v in enumerate(values):
            out[f"{name}/{key}{j}"] = v


def main():
    out = {"keras": keras.__version__, "script": "make_attention.py"}
    for name, case in attention_cases.CASES.items():
        try:
            record(name, case, out)
        except Exception as error:
            raise RuntimeError(name) from error
    index, parts, offset = {}, [], 0
    for key, value in out.items():
        if isinstance(value, str):
            index[key] = value
        else:
            value = np.asarray(value, "float32")
            index[key] = [offset, value.shape]
            parts.append(value.ravel())
            offset += value.size
    file = HERE / "attention.npz"
    np.savez_compressed(file, index=json.dumps(index), values=np.concatenate(parts))
    print(len(out), "entries,", file.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
