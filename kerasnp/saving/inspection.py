"""What is in a model file, found out without building anything of it."""

import re

from kerasnp.saving import (
    functional, hdf5, keras_file, legacy, limits, loading, opening, operations, training, versions, weights,
)  # fmt: skip
from kerasnp.saving.config import FAMILIES
from kerasnp.utils import registry
from kerasnp.utils.naming import to_snake_case

VOCABULARY = re.compile(r"assets/[\w/]+/vocabulary\.txt")
# Classes that carry code or name things outside the file.
RISKY = {
    "Lambda": "holds a function, which must be supplied by name",
    "TFSMLayer": "loads a SavedModel from a path",
    "TorchModuleWrapper": "unpickles a module",
    "JaxLayer": "holds code",
    "FlaxLayer": "holds code",
}


def inspect_file(source):
    """A dictionary that describes a file: format, version, layers, weights, compile settings, ignored keys and risks.

    >>> import io, kerasnp
    >>> stream = io.BytesIO()
    >>> kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(1, name="d")]).save(stream)
    >>> inspect_file(stream)["layers"]
    [{'name': 'd', 'class': 'Dense', 'dtype': 'float32', 'weights': ['(2, 1)', '(1,)'], 'parameters': 3, 'depth': 0}]

    Raises: ValueError or OSError for a file that cannot be read at all.
    """
    with opening.opened(source) as (stream, name), limits.place(name):
        registry.members("models")
        report = {"file": name, "bytes": stream.seek(0, 2), "layers": [], "ignored": [], "risks": []}
        if opening.content(stream, name) == "zip":
            _inspect_zip(stream, name, report)
        else:
            _inspect_hdf5(hdf5.open_file(stream, name), name, report)
        report["parameters"] = sum(layer["parameters"] or 0 for layer in report["layers"] if not layer["depth"])
        return report


def _inspect_zip(stream, name, report):
    file = keras_file.KerasFile(stream, name)
    report.update(format=".keras", version=file.version, saved=shown(file.metadata.get("date_saved")))
    known = {keras_file.CONFIG, keras_file.METADATA, keras_file.WEIGHTS, "kerasnp_fingerprint.json"}
    unused = [n for n in file.entries if n not in known and not VOCABULARY.fullmatch(n)]
    report["risks"] += [f"has a member {shown(n)!r}, which is not used" for n in unused[:20]]
    root = file.weights()
    groups = weights.layer_groups(root)
    state = loading.Loading(name, file.version)
    _describe_layers(file.config, state, report, lambda path, _, depth: _below(groups, path))
    report["compile"] = _compile_settings(file.config.get("compile_config"))
    report["optimizer_variables"] = len(weights.numbered(groups.get("optimizer")))


def _below(groups, path):
    return [d for p, g in groups.items() if p == path or p.startswith(path + "/") for d in weights.numbered(g)]


def _inspect_hdf5(root, name, report):
    config = legacy.read_json(root, "model_config", name)
    classic = root.get("model_weights") or root
    if config is None:
        is_classic = "layer_names" in classic.attributes or "layer_names0" in classic.attributes
        report.update(format="weights only, classic .h5" if is_classic else ".weights.h5", version=None, compile=None)
        if is_classic:
            entries = [(n, "", datasets) for n, _, datasets in legacy.read_layers(classic)]
        else:
            groups = weights.layer_groups(root)
            entries = [(p, "", weights.numbered(g)) for p, g in groups.items() if not p.startswith("optimizer")]
        report["layers"] = [_entry(*e, 0) for e in entries if e[2]]
        return
    report.update(format="whole model, classic .h5", version=legacy.version_of(root))
    stored = {n: datasets for n, _, datasets in legacy.read_layers(classic)}
    state = loading.Loading(name, report["version"])
    _describe_layers(config, state, report, lambda path, layer, depth: None if depth else stored.get(layer, []))
    settings = legacy.read_json(root, "training_config", name)
    report["compile"] = _compile_settings(settings and training.from_training_config(settings))
    report["optimizer_variables"] = len(legacy.optimizer_values(root)[1])


def _entry(name, kind, datasets, depth, dtype=None):
    """A line of the table; `datasets` is None where the weights are counted with the model that the layer is in."""
    found = {"name": shown(name), "class": kind, "dtype": dtype or (datasets[0].dtype.name if datasets else None)}
    if datasets is None:
        return {**found, "weights": [], "parameters": None, "depth": depth}
    shapes = [str(d.shape) for d in datasets]
    return {**found, "weights": shapes, "parameters": sum(d.size for d in datasets), "depth": depth}


def _describe_layers(config, state, report, find, path="", depth=0):
    """Add the layers of a model, and those of models inside, to the report."""
    report.setdefault("model", f"{shown(config.get('class_name'))} {_name(config)!r}")
    with loading.loading(state):
        _note_oddities(config, state, report, inside=False)
        _, inner = functional.modern(config.get("class_name"), config.get("config"))
        counts = {}
        for entry in inner.get("layers", []) if isinstance(inner, dict) else []:
            kind = shown(entry.get("class_name"))
            if kind == "InputLayer":
                shape = shown(versions.shape_of_input(entry))
                if not depth:
                    report["input"] = f"{report['input']}, {shape}" if "input" in report else shape
                report.setdefault("input", shape)
                if config.get("class_name") == "Sequential":
                    continue
            if operations.is_operation(entry):
                report["layers"].append(_entry(_name(entry), f"ops.{operations.kind_of(kind) or kind}", [], depth))
                if operations.kind_of(kind) is None:
                    report["risks"].append(f"the operation {kind} {_name(entry)!r} is not known here")
                continue
            key = to_snake_case(kind)
            n = counts[key] = counts.get(key, -1) + 1
            where = weights.join(path, "layers", f"{key}_{n}" if n else key)
            datasets = find(where, _name(entry), depth)
            report["layers"].append(_entry(_name(entry), kind, datasets, depth, _dtype(entry)))
            if isinstance(entry.get("config"), (dict, list)) and kind in MODELS:
                _describe_layers(entry, state, report, find, where, depth + 1)
            else:
                _note_oddities(entry, state, report)
    report["ignored"] = [shown(i, 200) for i in dict.fromkeys(state.ignored)]


MODELS = ("Sequential", "Functional", "Model")
# Entries that are values, not objects of a family.
PLAIN = (
    "__tuple__", "__bytes__", "__ellipsis__", "__slice__", "__numpy__", "__tensor__", "__keras_tensor__", "DTypePolicy",
    "DTypePolicyMap", "Policy",
)  # fmt: skip


def _note_oddities(entry, state, report, inside=True):
    """Classes that are unknown or carry code, keys that are ignored or would be refused; of all objects inside as well."""
    risks = report["risks"]
    for kind, config, who in _objects(entry, inside):
        if kind in RISKY:
            risks.append(f"layer {who!r}: {kind} {RISKY[kind]}")
        if isinstance(config, dict) and isinstance(config.get("vocabulary"), str):
            risks.append(f"layer {who!r}: {kind} names a vocabulary file, which is never opened")
        if kind == "__lambda__":
            risks.append(f"{who!r} holds the code of a lambda, which is never run: supply the function in custom_objects")
        elif kind == "function":
            if not isinstance(config, str) or _known(config) is None:
                risks.append(f"{who!r} uses the function {shown(config)!r}, which is not known here: supply it")
        elif kind not in PLAIN + MODELS:
            cls = _known(kind)
            if cls is None:
                risks.append(f"{kind} {who!r} is not known here: supply it in custom_objects")
            elif isinstance(cls, type) and isinstance(config, dict) and cls.__module__.startswith("kerasnp."):
                try:
                    versions.modernize(cls, kind, config)
                except ValueError as e:
                    risks.append(f"{kind} {who!r}: {shown(e, 400)}")


def _objects(entry, inside):
    """(class name, configuration, name for messages) of an object and, with `inside`, of those in its configuration."""
    todo = [(entry, _name(entry))]
    while todo:
        value, who = todo.pop()
        if isinstance(value, dict) and "class_name" in value:
            who = _name(value) or who
            yield shown(value["class_name"]), value.get("config"), who
        if inside and isinstance(value, (dict, list)):
            todo += [(v, who) for v in (value.values() if isinstance(value, dict) else value)]


def _known(name):
    """The class or function of this name in any family, or None."""
    name = versions.rename_class(name.rpartition(">")[2])
    return next((c for f in FAMILIES if (c := registry.lookup(f, name)) is not None), None)


def shown(value, most=80):
    """A value from the file as text for a terminal: one line of bounded length without control characters."""
    text = str(value)
    return limits.printable(text if len(text) <= most else text[: most - 3] + "...")


def _name(entry):
    config = entry.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return None if name is None and entry.get("name") is None else shown(name or entry["name"])


def _dtype(entry):
    dtype = entry["config"].get("dtype") if isinstance(entry.get("config"), dict) else None
    if isinstance(dtype, dict) and isinstance(dtype.get("config"), dict):
        dtype = dtype["config"].get("name")
    return None if dtype is None else shown(dtype, 20)


def _compile_settings(config):
    """{setting: text} of what a file says about training, or None."""
    if not isinstance(config, dict):
        return None
    config = training.modern(config)

    def brief(value):
        if isinstance(value, dict) and "class_name" in value:
            wrapped = value["class_name"] == "MeanMetricWrapper"
            return (wrapped and _name(value)) or shown(value["class_name"]).rpartition(">")[2]
        if isinstance(value, (list, tuple)):
            return ", ".join(map(brief, value))
        return shown(value)

    found = {k: brief(config[k]) for k in ("optimizer", "loss", "metrics", "weighted_metrics", "loss_weights") if config.get(k)}
    optimizer = config.get("optimizer")
    if isinstance(optimizer, dict) and isinstance(optimizer.get("config"), dict):
        inner = optimizer["config"]
        found["learning_rate"] = brief(inner.get("learning_rate", inner.get("lr")))
    return found


def describe(report):
    """The report as lines of text."""
    version = ".".join(map(str, report["version"])) if report.get("version") else "not stated"
    yield f"{report['file']}: {report['format']}, {report['bytes']:,} bytes, Keras version {version}"
    if "model" in report:
        yield f"Model: {report['model']}, input shape {report.get('input', 'not stated')}"
    width = max([len(str(layer["name"])) + 2 * layer["depth"] for layer in report["layers"]] + [5]) + 2
    yield f"{'Layer':<{width}}{'Class':<26}{'Dtype':<10}{'Parameters':>12}  Weights"
    for layer in report["layers"]:
        name = "  " * layer["depth"] + str(layer["name"])
        shapes, count = " ".join(layer["weights"]), layer["parameters"]
        count = "(above)" if count is None else f"{count:,}"
        yield f"{name:<{width}}{layer['class']:<26}{layer['dtype'] or '':<10}{count:>12}  {shapes}".rstrip()
    yield f"Parameters: {report['parameters']:,}"
    if report.get("compile"):
        yield "Compiled with: " + ", ".join(f"{k} {v}" for k, v in report["compile"].items())
        yield f"Optimizer variables: {report.get('optimizer_variables', 0)}"
    elif "model" in report:
        yield "Not compiled."
    yield "Ignored keys: " + ("; ".join(report["ignored"]) or "none")
    yield "Risks: " + ("; ".join(report["risks"]) or "none found")
