"""Keras's answers of `backend.result_type` for every type and every pair of types, under three default float types.

Run with Keras installed: KERAS_BACKEND=jax python tests/golden/make_result_type.py
"""

import itertools
import json
import pathlib

import keras

NAMES = (
    "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 bfloat16 float16 float32 float64".split()
    + ["python int", "python float", "None"]
)  # fmt: skip
TYPES = {"python int": int, "python float": float, "None": None}

answers = {}
for floatx in ("float16", "float32", "float64"):
    keras.backend.set_floatx(floatx)
    groups = [(n,) for n in NAMES] + list(itertools.product(NAMES, repeat=2))
    answers[floatx] = {",".join(g): keras.backend.result_type(*[TYPES.get(n, n) for n in g]) for g in groups}

metadata = {"made_by": "tests/golden/make_result_type.py", "keras": keras.__version__, "backend": keras.backend.backend()}
path = pathlib.Path(__file__).with_name("result_type.json")
path.write_text(json.dumps({"metadata": metadata, "answers": answers}, indent=0) + "\n")
