"""Writes image.npz: what Keras computes for every case of image_cases.py, and the gradient in the image.

Run with a Python that has Keras 3 and JAX: KERAS_BACKEND=jax python tests/golden/make_image.py
"""

import sys
from pathlib import Path

import jax
import keras
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import image_cases  # noqa: E402


def main():
    out = {"made_by": "tests/golden/make_image.py", "keras": keras.__version__}
    for name, (function, shape, options) in image_cases.CASES.items():
        image = image_cases.image_for(name, shape)

        def run(x, function=function, options=options):
            return getattr(keras.ops.image, function)(x, **image_cases.arguments_for(options))

        if image.dtype == "uint8":
            out[f"{name}/y"] = np.asarray(run(image))
            continue
        y, pull = jax.vjp(run, image)
        dy = np.random.default_rng(1).standard_normal(y.shape).astype("float32")
        out[f"{name}/y"], out[f"{name}/dx"] = np.asarray(y), np.asarray(pull(dy)[0])
    np.savez_compressed(HERE / "image.npz", **out)


if __name__ == "__main__":
    main()
