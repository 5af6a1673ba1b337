"""load_model, save_model, model_from_json: one door for every file format."""

import contextlib
import io
import json
import os

from kerasnp.saving import (
    fingerprint,
    hdf5,
    hdf5_write,
    keras_file,
    keras_folder,
    legacy,
    limits,
    loading,
    opening,
    sharing,
    training,
    versions,
    versions_out,
    weights,
)  # fmt: skip
from kerasnp.saving.atomic import atomic_write
from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object
from kerasnp.saving.registration import custom_object_scope

def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
    """The model in a file that any Keras since 2.0 wrote: `.keras`, or `.h5` with architecture and weights.

    >>> import io, kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(1)])
    >>> stream = io.BytesIO()
    >>> save_model(model, stream)
    >>> load_model(stream).count_params()
    3

    The content decides the format, not the name. Nothing inside the file is run or opened; what is not known is
    refused by name.

    Args:
        filepath: a path, or an open binary file; also of a folder that `save_model(..., zipped=False)` wrote.
        custom_objects: {name: class or function} that the file uses and kerasnp does not have.
        compile: restore optimizer, loss and metrics, so that training goes on where it stopped.
        safe_mode: accepted; loading is always safe.

    Raises: ValueError or OSError naming the file, the place in it and the problem.
    """
    if keras_folder.is_folder(filepath):
        with contextlib.closing(keras_folder.KerasFolder(filepath)) as folder, custom_object_scope(custom_objects):
            with limits.place(folder.name):
                return load_keras_file(folder, compile)
    with opening.opened(filepath) as (stream, name), custom_object_scope(custom_objects):
        with limits.place(name):
            if opening.content(stream, name) == "zip":
                return load_keras_file(keras_file.KerasFile(stream, name), compile)
            return load_legacy(hdf5.open_file(stream, name), name, compile)


def load_keras_file(file, compile):
    root = file.weights()
    with limits.place(f"{file.name}: {keras_file.CONFIG}"), file_state(file.name, file.version, root) as state:
        model = build_model(file.config)
        config = file.config.get("compile_config")
    datasets = weights.optimizer_datasets(root)
    with loading.loading(state):
        plan = weights.plan_tree(model, root)
        finish(model, plan, state, config if compile else None, ([], datasets))
        read_vocabularies(model, file)
    fingerprint.compare(model, file.extra(fingerprint.MEMBER), file.name)
    return model


def vocabularies(model):
    """(layer, name of the member of a `.keras` file) of every layer that may keep its vocabulary in one."""
    for path, layer in weights.walk(model):
        if hasattr(layer, "vocabulary_bytes"):
            yield layer, weights.join("assets", path, "vocabulary.txt")


def keep_vocabularies(config, model):
    """Put learned vocabularies into the configuration, for a classic file, which has no other place for them."""
    entries = config["config"].get("layers") if isinstance(config.get("config"), dict) else None
    layers = {layer.name: layer for layer in model.layers}
    for entry in entries or ():
        layer = layers.get(entry["config"].get("name"))  # None for a function in a graph
        if hasattr(layer, "vocabulary_bytes"):
            entry["config"].update(layer.vocabulary_arguments())
        elif hasattr(layer, "layers"):
            keep_vocabularies(entry, layer)
    return config


def read_vocabularies(model, file):
    """Give every layer that learned a vocabulary the one in the file."""
    for layer, member in vocabularies(model):
        data = file.extra(member, limits.MAX_VOCABULARY_BYTES)
        if data is not None and not member.endswith("/_lookup_layer/vocabulary.txt"):
            where = f"{file.name}: {member}"
            with limits.place(where):
                layer.read_vocabulary(data, where)


def load_legacy(root, name, compile):
    config = legacy.read_json(root, "model_config", name)
    if config is None:
        kind = "weights only" if "layer_names" in root.attributes or "layers" in root else "no Keras model"
        raise ValueError(
            f"it holds {kind}: there is no 'model_config'. Build the model in code and call "
            f"model.load_weights({name!r})."
        )
    version = legacy.version_of(root)
    if version < (2,):
        raise ValueError(f"it was written by Keras {'.'.join(map(str, version))}; files are read from Keras 2.0 on.")
    with limits.place("attribute 'model_config'"), file_state(name, version, root) as state:
        model = build_model(config)
    with loading.loading(state):
        group = root.get("model_weights")
        if not isinstance(group, hdf5.Group):
            raise ValueError("the group 'model_weights' is missing; the file is not complete.")
        plan = legacy.plan_layers(model, group)
        settings, optimizer_state = None, ([], [])
        if compile and "training_config" in root.attributes:
            with limits.warned(name, "its compile settings (optimizer, loss, metrics) are not"):
                settings = training.from_training_config(legacy.read_json(root, "training_config", name))
                optimizer_state = legacy.optimizer_values(root)
        finish(model, plan, state, settings, optimizer_state)
    fingerprint.compare(model, root.attributes.get(fingerprint.ATTRIBUTE), name)
    return model


@contextlib.contextmanager
def file_state(name, version, root):
    """The Loading of a file whose weights lie below `root`."""
    state = loading.Loading(name, version, sum(d.size for d in root.datasets()))
    with loading.loading(state), sharing.scope():
        yield state


def build_model(config):
    """The model of a configuration, built, its weights still without values."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise ValueError("it must hold a dictionary with 'class_name' and 'config'.")
    model = deserialize_keras_object(config, family="models")
    if not hasattr(model, "layers") or not hasattr(model, "compile_from_config"):
        raise ValueError(f"it describes a {config['class_name']!r}, which is not a model.")
    return model


def finish(model, plan, state, compile_config, optimizer_state):
    """Compile a new model, fill its weights, and make sure that none was forgotten."""
    plan.check(state.name)
    if state.keras2:
        versions.follow_keras2(model)
    if compile_config:
        training.restore(model, compile_config, optimizer_state, state.name)
    plan.read_in_place()
    for variable in plan.variables():
        state.fill(variable)
    left = [v.path for v in model.variables if id(v) in state.waiting]
    if left:
        raise ValueError(f"the file has no values for {', '.join(map(repr, left))}.")


def save_model(model, filepath, overwrite=True, include_optimizer=True, zipped=None, **kwargs):
    """Write a model to `.keras`, or to `.h5` in the classic layout, for Keras and `load_model` to read.

    The file is complete when it appears under its name; a failure leaves what was there before.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)])
    >>> save_model(model, "small.keras")
    >>> kerasnp.saving.load_model("small.keras").count_params()
    9

    Args:
        filepath: a path ending in `.keras`, `.h5` or `.hdf5`, or an open binary file, which receives a `.keras`.
        overwrite: replace an existing file.
        include_optimizer: write compile settings and the optimizer's state too.
        zipped: False writes the members of a `.keras` file into a folder of the name `filepath`, which then has no suffix.

    Raises: ValueError for another suffix, OSError where the file cannot be written.
    """
    unknown = set(kwargs) - {"save_format", "save_traces", "options", "signatures"}
    if unknown:
        raise ValueError(f"save_model: The following argument(s) are not supported here: {sorted(unknown)}.")
    if not getattr(model, "built", True) and not model.layers:
        raise ValueError(f"Model {model.name!r} has no layers to save.")
    if zipped is False:
        write_folder(model, filepath, overwrite, include_optimizer)
        return
    suffix = ".keras" if hasattr(filepath, "write") else os.path.splitext(os.fsdecode(os.fspath(filepath)))[1].lower()
    if suffix == ".keras":
        write = write_keras
    elif suffix in (".h5", ".hdf5"):
        write = write_legacy
    elif kwargs.get("save_format"):
        raise ValueError(
            "The `save_format` argument is deprecated: the file's name decides, ending in `.keras` or `.h5`. "
            f"Received: save_format={kwargs['save_format']!r} and filepath={filepath}"
        )
    else:
        raise ValueError(
            "Invalid filepath extension for saving. Please add either a `.keras` or `.h5` extension. Received: "
            f"filepath={filepath}."
        )
    if hasattr(filepath, "write"):
        filepath.write(in_memory(write, model, include_optimizer))
    else:
        with atomic_write(filepath, overwrite) as stream:
            write(stream, model, include_optimizer)


def in_memory(write, *args):
    buffer = io.BytesIO()
    write(buffer, *args)
    return buffer.getbuffer()


def write_folder(model, filepath, overwrite, include_optimizer):
    path = "stream" if hasattr(filepath, "write") else os.fsdecode(os.fspath(filepath))
    if path == "stream" or path.endswith((".keras", ".h5", ".hdf5")):
        raise ValueError(
            "zipped=False writes a folder, whose name should not end in `.keras` or `.h5`: leave zipped out, or give a "
            f"name without a suffix. Received: filepath={filepath}"
        )
    if os.path.isfile(path) or (os.path.isdir(path) and os.listdir(path) and not (overwrite and keras_folder.is_folder(path))):
        raise FileExistsError(f"{path!r} exists already and is no folder to write the model to: give another name.")
    keras_folder.write(path, *keras_parts(model, include_optimizer))


def write_keras(stream, model, include_optimizer):
    keras_file.write_keras_file(stream, *keras_parts(model, include_optimizer))


def keras_parts(model, include_optimizer):
    """(configuration, tree of weights, version, further members) of a `.keras` file."""
    with sharing.scope() as shared:
        config = serialize_keras_object(model)
        shared.number(config)
    config = versions_out.for_older_keras3(config)
    tree = hdf5_write.Node()
    weights.put_tree(model, tree, include_optimizer)
    if not include_optimizer:
        config.pop("compile_config", None)
    extras = fingerprint.members(model)
    for layer, member in vocabularies(model):
        data = layer.vocabulary_bytes()
        if data is not None:
            extras.append((member, data))
    return config, tree, loading.WRITTEN, extras


def write_legacy(stream, model, include_optimizer):
    tree = hdf5_write.Node()
    config, version = versions_out.plain_model_config(keep_vocabularies(serialize_keras_object(model), model), loading.WRITTEN)
    tree.attributes.update(keras_version=version, backend="numpy", model_config=json.dumps(config))
    legacy.put_layers(model, tree.group("model_weights"), version)
    if include_optimizer and model.compiled:
        settings = versions_out.training_config(model.get_compile_config())
        tree.attributes["training_config"] = json.dumps(settings)
        names, arrays = training.optimizer_part(model)
        group = tree.group("optimizer_weights")
        group.attributes["weight_names"] = legacy.name_list(names)
        for n, a in zip(names, arrays):
            group.put(n, a)
    text = fingerprint.text(model)
    if text:
        tree.attributes[fingerprint.ATTRIBUTE] = text
    hdf5_write.Writer(tree).write(stream)


def model_from_json(json_string, custom_objects=None):
    """A model with new weights from what `to_json` returned, in any version of Keras.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)])
    >>> model_from_json(model.to_json()).output_shape
    (None, 3)

    Raises: ValueError for text that is no JSON or describes no model.
    """
    config = limits.parse_json(json_string, "json_string")
    version = config.get("keras_version") if isinstance(config, dict) else None
    state = loading.Loading("json_string", loading.parse_version(version) if version else loading.THIS)
    with limits.place("json_string"), custom_object_scope(custom_objects), loading.loading(state):
        model = build_model(config)
        settings = config.get("compile_config")
    if settings:
        with limits.warned("json_string", "its compile settings are not"):
            model.compile_from_config(training.modern(settings))
    return model
