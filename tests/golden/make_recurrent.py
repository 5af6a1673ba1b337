"""Writes recurrent.npz: what Keras computes for recurrent layers with masks, states and memory, and for wrappers.

Run with a Python that has Keras 3 and JAX: KERAS_BACKEND=jax python tests/golden/make_recurrent.py
"""

import json
import sys
import zlib
from pathlib import Path

import jax
import keras
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import recurrent_cases  # noqa: E402


def leaves(y):
    return [v for part in y for v in leaves(part)] if isinstance(y, (list, tuple)) else [y]


def record(name, case, out):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    keras.utils.clear_session()
    layer = recurrent_cases.make(keras, case)
    x = rng.standard_normal(case["shape"]).astype("float32")
    layer.build(x.shape)
    layer.set_weights([(np.asarray(w) + 0.3 * rng.standard_normal(w.shape)).astype("float32") for w in layer.weights])
    states = [rng.standard_normal(s).astype("float32") for s in case.get("states", ())]
    options = {"initial_state": states} if states else {}
    if "mask" in case:
        options["mask"] = np.array(case["mask"], bool)
    trainable = [v.value for v in layer.trainable_variables]
    others = [v.value for v in layer.non_trainable_variables]

    def forward(x, trainable, states):
        given = {**options, "initial_state": states} if states else options
        return leaves(layer.stateless_call(trainable, others, x, **given)[0])

    out[f"{name}/x"] = x
    for j, w in enumerate(layer.get_weights()):
        out[f"{name}/w{j}"] = w
    out[f"{name}/paths"] = json.dumps([w.path for w in layer.weights])
    out[f"{name}/config"] = json.dumps(layer.get_config(), default=str)
    for j, s in enumerate(states):
        out[f"{name}/s{j}"] = s
    for call in range(case.get("calls", 1)):
        if case.get("calls"):
            ys = [np.asarray(y) for y in leaves(layer(x, **options))]
        else:
            ys, pull = jax.vjp(forward, x, trainable, states)
        for j, y in enumerate(ys):
            out[f"{name}/call{call}/y{j}"] = y
    if not case.get("calls"):
        dys = [rng.standard_normal(y.shape).astype("float32") for y in ys]
        dx, dw, ds = pull(dys)
        out[f"{name}/dx"] = dx
        for kind, values in (("dy", dys), ("dw", dw), ("ds", ds)):
            for j, v in enumerate(values):
                out[f"{name}/{kind}{j}"] = v


def main():
    out = {"keras": keras.__version__, "script": "make_recurrent.py"}
    for name, case in recurrent_cases.CASES.items():
        try:
            record(name, case, out)
        except Exception as error:
            raise RuntimeError(name) from error
    np.savez_compressed(HERE / "recurrent.npz", **{k: np.asarray(v) for k, v in out.items()})
    print(len(out), "arrays,", (HERE / "recurrent.npz").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
