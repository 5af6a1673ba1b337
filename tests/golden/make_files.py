"""Golden structure of the files that kerasnp writes, recorded after real Keras has loaded them and predicted the same.

    python tests/golden/make_files.py KERAS_PYTHON      (a Python with Keras 3, KERAS_BACKEND=jax or torch)
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

CHECK = """
import json, sys, warnings
warnings.simplefilter("ignore")
import keras, numpy as np
for name in json.loads(sys.argv[2]):
    x, y = (np.load(f"{sys.argv[1]}/{name}.{k}.npy") for k in "xy")
    for suffix in (".keras", ".h5", ".weights.h5"):
        if suffix == ".weights.h5":
            model = keras.models.load_model(f"{sys.argv[1]}/{name}.keras")
            model.set_weights([0 * w for w in model.get_weights()])
            model.load_weights(f"{sys.argv[1]}/{name}{suffix}")
        else:
            model = keras.models.load_model(f"{sys.argv[1]}/{name}{suffix}")
            assert model.compiled == json.loads(sys.argv[2])[name], (name, suffix, "compiled")
        difference = np.abs(model.predict(x, verbose=0) - y).max()
        assert difference < 1e-4, (name, suffix, difference)
print("Keras", keras.__version__, "read every file")
"""


def models():
    """{name: (model, input)}: together they use every construct of the formats."""
    import kerasnp
    from kerasnp import layers

    kerasnp.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    mlp = kerasnp.Sequential(
        [
            kerasnp.Input((6,), name="input"),
            layers.Dense(5, activation="relu", kernel_regularizer="l2", name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.5, seed=3, name="drop"),
            layers.Dense(3, activation="softmax", kernel_constraint="max_norm", name="last"),
        ],
        name="mlp",
    )
    schedule = kerasnp.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    mlp.compile(kerasnp.optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    image = kerasnp.Sequential(
        [
            kerasnp.Input((8, 8, 3), name="input"),
            layers.Conv2D(4, 3, padding="same", name="conv"),
            layers.LeakyReLU(negative_slope=0.2, name="leaky"),
            layers.MaxPooling2D(name="pool"),
            kerasnp.Sequential([layers.Conv2D(2, 2, name="conv"), layers.ReLU(name="relu")], name="inner"),
            layers.Flatten(name="flat"),
            layers.Dense(2, name="dense"),
        ],
        name="image",
    )
    image.compile(kerasnp.optimizers.SGD(0.1, momentum=0.9), "mse", metrics=["mae"])
    text = kerasnp.Sequential(
        [
            kerasnp.Input((5,), dtype="int32", name="input"),
            layers.Embedding(9, 4, mask_zero=True, name="embedding"),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True, name="lstm"), name="both"),
            layers.TimeDistributed(layers.Dense(2, name="dense"), name="each"),
            layers.GRU(2, name="gru"),
        ],
        name="text",
    )
    found = {
        "mlp": (mlp, rng.normal(size=(4, 6)).astype("float32")),
        "image": (image, rng.normal(size=(2, 8, 8, 3)).astype("float32")),
        "text": (text, rng.integers(1, 9, (3, 5)).astype("int32")),
    }
    for name, (model, x) in found.items():
        if name != "text":
            model.train_on_batch(x, np.zeros((len(x), 2) if name == "image" else len(x)))
    return found


def structure(folder, name):
    """What a model's three files consist of, values aside."""
    import zipfile

    from kerasnp.saving import hdf5

    def tree(node):
        found = {"@": {k: parsed(node.attributes[k]) for k in node.attributes}}
        found["@"].pop("kerasnp_fingerprint", None)
        for key, child in sorted(node.children.items()):
            found[key] = tree(child) if isinstance(child, hdf5.Group) else f"{child.dtype}{list(child.shape)}"
        return found if found["@"] else {k: v for k, v in found.items() if k != "@"}

    def parsed(text):
        try:
            return json.loads(text) if isinstance(text, str) else text
        except ValueError:
            return text

    found = {}
    with zipfile.ZipFile(folder / f"{name}.keras") as archive:
        found["members"] = sorted(archive.namelist())
        found["config.json"] = json.loads(archive.read("config.json"))
        (folder / "extracted.h5").write_bytes(archive.read("model.weights.h5"))
    for file in ("extracted.h5", f"{name}.weights.h5", f"{name}.h5"):
        with open(folder / file, "rb") as stream:
            found[file.replace("extracted", "model.weights").replace(f"{name}.", "")] = tree(hdf5.open_file(stream, file))
    return found


def write(folder):
    """Write every model's files; returns {name: structure}."""
    found = {}
    for name, (model, x) in models().items():
        model.save(folder / f"{name}.keras")
        model.save(folder / f"{name}.h5")
        model.save_weights(folder / f"{name}.weights.h5")
        np.save(folder / f"{name}.x.npy", x)
        np.save(folder / f"{name}.y.npy", model.predict(x, verbose=0))
        found[name] = structure(folder, name)
    return found


def check(folder, python):
    """Let the Keras of another Python read the files and predict; raises where it cannot."""
    compiled = {"mlp": True, "image": True, "text": False}
    subprocess.run([python, "-c", CHECK, str(folder), json.dumps(compiled)], check=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        golden = write(Path(folder))
        check(folder, sys.argv[1])
    (HERE / "files.json").write_text(json.dumps(golden, indent=1) + "\n")
