"""Writes ops.json: what Keras's operators without a twin in NumPy return for given arrays.

Run with a Python that has Keras 3 and JAX: KERAS_BACKEND=jax python tests/golden/make_ops.py
"""

import json
from pathlib import Path

import jax
import keras
import numpy as np

SCORES = np.round(2 * np.random.default_rng(0).standard_normal((4, 7, 5)), 2).tolist()
LENGTHS = [7, 5, 3, 1]
IMAGES = np.round(np.random.default_rng(1).standard_normal((2, 3, 7, 6)), 1).tolist()
REAL = np.linspace(-5, 5, 21).tolist()

# (operator, positional arguments, named arguments)
CASES = [
    ["erfc", [REAL], {}],
    ["erfinv", [np.linspace(-1.1, 1.1, 23).tolist()], {}],
    ["i0", [REAL], {}],
    ["angle", [REAL], {}],
    ["ctc_decode", [SCORES, LENGTHS], {}],
    ["ctc_decode", [SCORES, LENGTHS], {"merge_repeated": False, "mask_index": 4}],
    ["ctc_decode", [SCORES, LENGTHS], {"strategy": "beam_search", "beam_width": 20, "top_paths": 3}],
    ["ctc_decode", [SCORES, LENGTHS], {"strategy": "beam_search", "beam_width": 6, "top_paths": 2, "mask_index": 4}],
    ["unfold", [IMAGES, 2], {}],
    ["unfold", [IMAGES, [3, 2]], {"dilation": 2, "padding": [2, 1], "stride": [2, 1]}],
    ["rearrange", [IMAGES, "b c (h p) w -> (b h) (p w c)"], {"p": 7}],
]


def arguments(values):
    """Lists as float32 arrays; what else there is, and lists of integers, as they are."""
    numbers = [isinstance(v, list) and not isinstance(v[0], int) for v in values]
    return [keras.ops.array(np.array(v, dtype="float32")) if n else v for n, v in zip(numbers, values)]


def main():
    records = []
    for name, values, options in CASES:
        result = getattr(keras.ops, name)(*arguments(values), **options)
        outputs = [np.asarray(y) for y in (result if isinstance(result, tuple) else (result,))]
        records.append({
            "name": name, "args": values, "kwargs": options, "dtypes": [str(y.dtype) for y in outputs],
            "outputs": [np.round(y.astype("float64"), 7).tolist() for y in outputs],
        })  # fmt: skip
    meta = {
        "made_by": "tests/golden/make_ops.py",
        "versions": {"keras": keras.__version__, "jax": jax.__version__, "numpy": np.__version__},
    }
    Path(__file__).with_name("ops.json").write_text(json.dumps({"meta": meta, "cases": records}) + "\n")


if __name__ == "__main__":
    main()
