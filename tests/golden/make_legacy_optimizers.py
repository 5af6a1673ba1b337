"""Classic `.h5` files with the optimizers of Keras before 2.11, and the weights after four more steps in that Keras.

    python tests/golden/make_legacy_optimizers.py      (a Python with tf_keras 2, which still has them as optimizers.legacy)
"""

import os
import tempfile
from pathlib import Path

import numpy as np

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

OPTIMIZERS = {
    "sgd": ("SGD", {"learning_rate": 0.05}),
    "sgd_nesterov": ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
    "sgd_decay": ("SGD", {"learning_rate": 0.05, "decay": 0.1}),
    "adam": ("Adam", {"learning_rate": 0.01}),
    "adam_amsgrad": ("Adam", {"learning_rate": 0.01, "amsgrad": True}),
    "adam_decay": ("Adam", {"learning_rate": 0.01, "decay": 0.05}),
    "adam_clipnorm": ("Adam", {"learning_rate": 0.01, "clipnorm": 0.1}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.01}),
    "rmsprop_centered": ("RMSprop", {"learning_rate": 0.01, "momentum": 0.5, "centered": True}),
    "adagrad": ("Adagrad", {"learning_rate": 0.05}),
    "adadelta": ("Adadelta", {"learning_rate": 0.5}),
    "adamax": ("Adamax", {"learning_rate": 0.01}),
    "nadam": ("Nadam", {"learning_rate": 0.01}),
    "ftrl": ("Ftrl", {"learning_rate": 0.05}),
}


def main():
    import tf_keras

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 7, 8, 3)).astype("float32")
    record = {"x": x, "y": y, "made_by": f"{Path(__file__).name}, tf_keras {tf_keras.__version__}"}
    for key, (name, options) in OPTIMIZERS.items():
        tf_keras.backend.clear_session()
        tf_keras.utils.set_random_seed(1)
        # Weights of equal shapes: only their order tells which is which.
        dense = tf_keras.layers.Dense
        model = tf_keras.Sequential([dense(3, "tanh", False, input_shape=(3,)), dense(3, use_bias=False)], name="net")
        model.compile(getattr(tf_keras.optimizers.legacy, name)(**options), "mse")
        for i in range(3):
            model.train_on_batch(x[i], y[i])
        with tempfile.TemporaryDirectory() as folder:
            model.save(f"{folder}/m.h5", save_format="h5")
            record[f"{key}/file"] = np.frombuffer(Path(f"{folder}/m.h5").read_bytes(), np.uint8)
        for i in range(3, 7):
            model.train_on_batch(x[i], y[i])
        record.update({f"{key}/{i}": w for i, w in enumerate(model.get_weights())})
    np.savez_compressed(Path(__file__).with_name("legacy_optimizers.npz"), **record)


if __name__ == "__main__":
    main()
