"""Writes subclassed.npz: models of users' classes with layers in every kind of place, their weights as real Keras files them.

    KERAS_BACKEND=jax python make_subclassed.py              write the record, with Keras 3
    KERAS_BACKEND=jax python make_subclassed.py check FOLDER  read the files that kerasnp wrote there, and compare
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

X = np.random.default_rng(5).normal(size=(3, 4)).astype("float32")


def models(package):
    """{name: model}, built."""
    layers = package.layers

    class Block(layers.Layer):
        """Layers under private names, in lists of lists, and a weight of its own."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self._wide, self.out = layers.Dense(3), layers.Dense(4)
            self.bank, self.norm = [layers.Dense(4), [layers.Dense(4)]], layers.BatchNormalization()

        def build(self, shape):
            self.scale = self.add_weight(shape=(4,), initializer="ones", name="scale")
            self._wide.build((None, 4))
            self.out.build((None, 3))
            for layer in (self.norm, self.bank[0], self.bank[1][0]):
                layer.build((None, 4))

        def call(self, x):
            return self.bank[1][0](self.bank[0](self.norm(self.out(self._wide(x))))) * self.scale

    class Mixed(package.Model):
        """Attributes before and after `layers` in the alphabet, private ones, dictionaries, lists that grow, second names."""

        def __init__(self):
            super().__init__()
            self.zed, self.alpha, self._private = layers.Dense(4), layers.Dense(4), layers.Dense(4)
            self.pool = {"b": layers.Dense(4), "a": layers.Dense(4)}
            self.block, self.rest = Block(), [layers.Dense(4)]
            self.rest.append(layers.Dense(4))
            self.inner = package.Sequential([layers.Dense(4), Block(), layers.Dropout(0.1), layers.Dense(4)])
            self.pair = (layers.Dense(4), (layers.Dense(4),))
            self.same, self.norm, self.again = self.zed, layers.LayerNormalization(), [self.alpha, self.zed]

        def call(self, x):
            steps = [self.zed, self.alpha, self._private, self.pool["b"], self.pool["a"], self.block, *self.rest]
            for step in (*steps, self.inner, self.pair[0], self.pair[1][0], self.norm):
                x = step(x)
            return x

    class Nested(package.Model):
        """Models in a model, and weights of its own."""

        def __init__(self):
            super().__init__()
            self.first, self.second, self.mean, self.last = Mixed(), Mixed(), package.metrics.Mean(), layers.Dense(2)

        def build(self, shape):
            self.factor = self.add_weight(shape=(2,), initializer="ones", name="factor")

        def call(self, x):
            return self.last(self.second(self.first(x))) * self.factor

    class Graph(package.Model):
        """A graph that keeps one of its layers, and one that is not in it, as attributes."""

        def __init__(self):
            inputs, head = package.Input((4,)), layers.Dense(4)
            super().__init__(inputs, layers.Dense(2)(head(inputs)))
            self.head, self.extra, self.more = head, layers.Dense(3), [layers.Dense(3)]
            self.extra.build((None, 2))
            self.more[0].build((None, 2))

    made = {}
    for kind in (Mixed, Nested, Graph):
        made[kind.__name__] = kind()
        made[kind.__name__](X)
    return made


def main():
    import keras

    if sys.argv[1:2] == ["check"]:
        for name, model in models(keras).items():
            model.load_weights(f"{sys.argv[2]}/{name}.weights.h5")
            np.testing.assert_allclose(model(X), np.load(f"{sys.argv[2]}/{name}.npy"), rtol=1e-4, atol=1e-5)
            print(name)
        return
    keras.utils.set_random_seed(3)
    record = {"made_by": f"{Path(__file__).name}, Keras {keras.__version__} ({keras.backend.backend()})"}
    with tempfile.TemporaryDirectory() as folder:
        for name, model in models(keras).items():
            model.save_weights(f"{folder}/m.weights.h5")
            record[f"{name}/file"] = np.frombuffer(Path(folder, "m.weights.h5").read_bytes(), "uint8")
            record[f"{name}/y"] = np.asarray(model(X))
            record[f"{name}/shapes"] = " ".join(str(w.shape) for w in model.weights)
    np.savez_compressed(Path(__file__).with_name("subclassed.npz"), **record)


if __name__ == "__main__":
    main()
