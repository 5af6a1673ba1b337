"""Files made by hand: classic `.h5`, `.keras` and bare HDF5, with whatever a test wants in them."""

import io
import json
import zipfile

import numpy as np
import pytest

from kerasnp.saving.hdf5_write import Node, Writer


def node_of(tree):
    """A Node from nested dictionaries; the key "@" holds attributes, everything else groups and arrays."""
    node = Node()
    for name, value in tree.items():
        if name == "@":
            node.attributes.update({k: v if not isinstance(v, list) or v else np.zeros(0) for k, v in value.items()})
        elif isinstance(value, dict):
            node.children[name] = node_of(value)
        else:
            node.put(name, value)
    return node


def hdf5_bytes(tree):
    stream = io.BytesIO()
    Writer(node_of(tree)).write(stream)
    return stream.getvalue()


def classic_group(layers):
    """The group of a classic file from {layer name: {weight name: array}}."""
    group = {"@": {"layer_names": list(layers)}}
    for name, weights in layers.items():
        own = Node()
        own.attributes["weight_names"] = list(weights) or np.zeros(0)
        for weight, array in weights.items():
            own.put(weight, array)
        group[name] = own
    return group


class Files:
    """Writes files into a folder and returns their paths."""

    def __init__(self, folder):
        self.folder = folder

    def hdf5(self, tree, name="file.h5"):
        """A bare HDF5 file from nested dictionaries."""
        path = self.folder / name
        path.write_bytes(hdf5_bytes(tree))
        return path

    def classic(self, model_config, layers, version="2.2.4", training=None, optimizer=None, name="model.h5"):
        """A whole model in the classic layout."""
        node = Node()
        node.attributes["model_config"] = json.dumps(model_config)
        if version is not None:
            node.attributes["keras_version"] = version
        if training is not None:
            node.attributes["training_config"] = json.dumps(training)
        self._classic(node.group("model_weights"), layers)
        if optimizer is not None:
            group = node.group("optimizer_weights")
            group.attributes["weight_names"] = list(optimizer)
            for key, value in optimizer.items():
                group.put(key, value)
        return self._write(node, name)

    def classic_weights(self, layers, name="weights.h5"):
        """Weights only, in the classic layout."""
        node = Node()
        self._classic(node, layers)
        return self._write(node, name)

    def keras(self, config, weights=None, version="3.15.1", name="model.keras", extra=(), compression=zipfile.ZIP_STORED):
        """A `.keras` file from a configuration and the bytes, or the nested dictionaries, of its weights."""
        path = self.folder / name
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr("metadata.json", json.dumps({"keras_version": version, "date_saved": "2026-01-01@00:00:00"}))
            archive.writestr("config.json", config if isinstance(config, (str, bytes)) else json.dumps(config))
            archive.writestr("model.weights.h5", weights if isinstance(weights, bytes) else hdf5_bytes(weights or {}))
            for member, data in extra:
                archive.writestr(member, data)
        return path

    def _classic(self, node, layers):
        node.attributes["layer_names"] = list(layers) or np.zeros(0)
        for name, weights in layers.items():
            group = node.group(name)
            group.attributes["weight_names"] = list(weights) or np.zeros(0)
            for key, value in weights.items():
                group.put(key, value)

    def _write(self, node, name):
        path = self.folder / name
        with open(path, "wb") as stream:
            Writer(node).write(stream)
        return path


@pytest.fixture
def files(tmp_path):
    """Writes files by hand; see Files."""
    return Files(tmp_path)


@pytest.fixture
def sequential():
    """The configuration of a Sequential from its layers, as Keras 3 or (with `keras2=True`) Keras 2 writes it."""

    def make(*layers, shape=(None, 4), keras2=False, name="sequential"):
        key = "batch_input_shape" if keras2 else "batch_shape"
        entries = [{"class_name": "InputLayer", "config": {key: list(shape), "dtype": "float32", "name": "input_1"}}]
        entries += [{"class_name": kind, "config": config} for kind, config in layers]
        for entry in entries if not keras2 else ():
            entry.update(module="keras.layers", registered_name=None)
        return {"class_name": "Sequential", "config": {"name": name, "layers": entries}}

    return make


def rand(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.fixture
def random_array():
    """Reproducible float32 arrays: random_array(*shape, seed=0)."""
    return rand
