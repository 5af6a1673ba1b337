"""The classic `.h5` layout of Keras 2: a group per layer name, whose attribute lists the weights in order.

Layers and weights are matched by position, as Keras has always done: names in old files say little.
"""

import functools
import itertools

import numpy as np

from kerasnp.saving import limits, loading
from kerasnp.saving.hdf5 import Dataset, Group
from kerasnp.saving.weights import Plan


def text(value):
    """An attribute as str, whether it was stored as str or bytes."""
    return value.decode() if isinstance(value, bytes) else value


def names(group, attribute):
    """A list of names, perhaps split over attribute0, attribute1, ... because it was long."""
    if attribute in group.attributes:
        found = group.attributes[attribute]
    else:
        found = []
        for i in itertools.count():
            if f"{attribute}{i}" not in group.attributes:
                break
            found += group.attributes[f"{attribute}{i}"]
        if not found and f"{attribute}0" not in group.attributes:
            raise ValueError(f"{group.path or '/'} has no attribute {attribute!r}; it is not a file of Keras weights.")
    found = [text(n) for n in (found if isinstance(found, list) else [found])]
    if not all(isinstance(n, str) for n in found):
        raise ValueError(f"{group.path or '/'} attribute {attribute!r} must hold names. Received: {found[:3]}")
    return found


def read_layers(root):
    """[(layer name, weight names, datasets)] of a legacy weights group, in order."""
    layers = []
    for name in names(root, "layer_names"):
        group = root.get(name)
        if not isinstance(group, Group):
            raise ValueError(f"the weights of layer {name!r} are missing, though the file lists it.")
        weight_names = names(group, "weight_names")
        datasets = [group.get(n) for n in weight_names]
        for n, d in zip(weight_names, datasets):
            if not isinstance(d, Dataset):
                raise ValueError(f"layer {name!r}: the weight {n!r} is missing, though the file lists it.")
        layers.append((name, weight_names, datasets))
    return layers


def plan_layers(model, root, by_name=False):
    """Which dataset goes to which weight of the model: a Plan."""
    plan = Plan()
    backend = text(root.attributes.get("backend", ""))
    stored = [entry for entry in read_layers(root) if entry[2]]
    own = [layer for layer in model.layers if layer.weights]
    if by_name:
        table = {}
        for layer in own:
            table.setdefault(layer.name, layer)
        pairs = [(table.pop(entry[0]), entry) for entry in stored if entry[0] in table]
        plan.extra = [
            f"layer {e[0]!r} {[d.shape for d in e[2]]}" for e in stored if e[0] not in {p[1][0] for p in pairs}
        ]
    else:
        pairs = list(zip(own, stored))
        plan.missing = [
            f'{type(layer).__name__} "{layer.name}" finds nothing left in the file' for layer in own[len(stored) :]
        ]
        left = [
            f"layer {e[0]!r} {[d.shape for d in e[2]]} of the file finds no layer of the model"
            for e in stored[len(own) :]
        ]
        plan.missing += left
        if plan.missing:
            plan.missing.insert(0, f"the model has {len(own)} layers with weights, the file has {len(stored)}")
    for layer, (name, weight_names, datasets) in pairs:
        order = ordered(layer, weight_names, datasets)
        plan.layer(layer, order, datasets, f"layer {name!r} of the file", converters(layer, backend))
    return plan


def ordered(layer, weight_names, datasets):
    """The weights of a layer in the order in which the file lists them: trainable ones first, then the others.

    What was trainable when the file was written may not be so now. Where the names tell, they choose among the orders
    that were possible.
    """
    today = layer.trainable_weights + layer.non_trainable_weights
    made = lambda w: w.__dict__.get("_made_trainable", True)  # noqa: E731
    unfrozen = [w for w in layer.weights if made(w)] + [w for w in layer.weights if not made(w)]
    kinds = [n.rpartition("/")[2].partition(":")[0] for n in weight_names]
    fitting = [
        order for order in (today, unfrozen, layer.weights)
        if len(order) == len(datasets) and all(w.shape == d.shape for w, d in zip(order, datasets))
    ]  # fmt: skip
    for order in fitting:
        if [w.name for w in order] == kinds:
            return order
    return fitting[0] if fitting else today


# -- weights of layers that were replaced ---------------------------------------------------------------------------


# Layers whose kernels Theano turned round, since it convolved where others correlate.
CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTM2D")


def converters(layer, backend):
    """{id of a weight: function (array, shape) -> array} for weights of `layer` that were stored otherwise."""
    found, state = {}, loading.current()
    for inner in layer._flatten_layers():
        kind = state.cudnn.get(inner.name) if state and type(inner).__name__ in ("LSTM", "GRU") else None
        if kind:
            gates = 4 if kind == "CuDNNLSTM" else 3
            found.update({id(w): functools.partial(from_cudnn, i, gates) for i, w in enumerate(inner.weights)})
        elif backend == "theano" and type(inner).__name__ in CONVOLUTIONS:
            kernels = inner.weights[: 2 if type(inner).__name__ == "ConvLSTM2D" else 1]
            found.update({id(w): turned for w in kernels})
    return found


def turned(value, shape):
    """A kernel with its spatial axes the other way round."""
    return np.flip(value, axis=tuple(range(value.ndim - 2)))


def from_cudnn(index, gates, value, shape):
    """Weights of CuDNNLSTM or CuDNNGRU as those of LSTM or GRU.

    cuDNN takes each gate's matrix transposed, (units, inputs), in the memory of an (inputs, units) array; it has a
    bias for the input and one for the state, which an LSTM only ever adds.
    """
    if index == 2:
        return value.reshape(2, -1).sum(axis=0) if gates == 4 else value.reshape(shape)
    blocks = np.split(value, gates, axis=1)
    return np.concatenate([np.ascontiguousarray(b).reshape(b.shape[::-1]).T for b in blocks], axis=1)


# -- writing --------------------------------------------------------------------------------------------------------


def put_layers(model, node, version):
    """Put the weights of the model under `node` in the classic layout."""
    node.attributes.update(
        layer_names=name_list([layer.name for layer in model.layers]), backend="numpy", keras_version=version
    )
    for layer in model.layers:
        put_weights(node.group(layer.name), layer.trainable_weights + layer.non_trainable_weights, model.name)
    inner = {id(w) for layer in model.layers for w in layer.weights}
    put_weights(node.group("top_level_model_weights"), [w for w in model.weights if id(w) not in inner], model.name)


def put_weights(group, variables, prefix):
    """Put variables under their paths, and list these in order."""
    listed = []
    for variable in variables:
        path = variable.path if variable.path.startswith(f"{prefix}/") else f"{prefix}/{variable.path}"
        name, n = path, 0
        while name in listed:
            n += 1
            name = f"{path}_{n}"
        listed.append(name)
        group.put(name, variable.value)  # bfloat16 as float32: Keras cannot read its own 16 bits back from here
    group.attributes["weight_names"] = name_list(listed)


def name_list(entries):
    """A list of names as an attribute; an empty one has no element type, as in Keras."""
    return entries or np.zeros(0)


def optimizer_values(root):
    """(names, datasets) of the optimizer's variables in a legacy file, in order."""
    group = root.get("optimizer_weights")
    if not isinstance(group, Group):
        return [], []
    listed = names(group, "weight_names")
    datasets = [group.get(n) for n in listed]
    if not all(isinstance(d, Dataset) for d in datasets):
        raise ValueError("values of the optimizer are missing, though the file lists them.")
    return listed, datasets


def version_of(root):
    """The Keras version that wrote a legacy file."""
    group = root.get("model_weights")
    for node in (root, group):
        if node is not None and "keras_version" in node.attributes:
            return loading.parse_version(text(node.attributes["keras_version"]))
    return (2,)


def read_json(root, attribute, file):
    """A JSON text among the attributes, or None."""
    if attribute not in root.attributes:
        return None
    return limits.parse_json(text(root.attributes[attribute]), f"{file}: attribute {attribute!r}")
