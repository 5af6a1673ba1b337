"""The tree of `.weights.h5`: groups that follow the attributes of objects, not the names of layers.

A model is the root; `layers/dense_1/vars/0` is the first weight of its second Dense, `layers/lstm/cell/vars` holds
those of the cell of an LSTM. Class names in snake case are numbered per container.
"""

import warnings
from collections.abc import Mapping

import numpy as np

from kerasnp.saving import loading
from kerasnp.saving.hdf5 import Dataset, Group
from kerasnp.utils.naming import to_snake_case

# Attributes by which a layer or model keeps its books; what they hold is reached by another name, or is no weight.
SKIPPED = frozenset(
    "_given _weights _layers _seed_generators _losses _metrics _containers _parts _steps _compile_config _input_layer "
    "_functional _nodes _stack _graph _plans".split()
)
# Older Keras 2.x writes the second, on Windows with backslashes.
LAYERS = ("layers", "_layer_checkpoint_dependencies")


CONTAINERS = (list, tuple, set, dict)


def is_layer(value):
    return hasattr(value, "_own_weights") and hasattr(value, "trainable_weights")


def class_name(layer):
    """The class name under which a layer stands in the file being loaded, or its own."""
    state = loading.current()
    return (state.written_as.get(id(layer)) if state else None) or type(layer).__name__


def walk(model, skip=()):
    """[(path, layer)] of the model and every layer inside, in the order and under the names of the tree; without the
    objects in `skip` and what they alone hold."""
    found: list = []
    seen: dict = {id(layer): layer for layer in skip}  # by id, and alive, so that no other object takes the id

    def visit(layer, path):
        if id(layer) in seen:
            return
        seen[id(layer)] = layer
        found.append((path, layer))
        for name, value in attributes(layer):
            if is_layer(value):
                visit(value, join(path, name))
            elif isinstance(value, CONTAINERS):
                visit_container(value, join(path, name))

    def visit_container(container, path):
        if id(container) in seen:
            return
        seen[id(container)] = container
        for key, item in named(container):
            (visit if is_layer(item) else visit_container)(item, join(path, key))

    visit(model, "")
    return found


def named(container):
    """(name, item) of the layers and containers in a container, numbered by class."""
    counts: dict = {}
    for item in list(container.values()) if isinstance(container, dict) else container:
        if is_layer(item) or isinstance(item, CONTAINERS):
            key = to_snake_case(class_name(item)) if is_layer(item) else "container"
            n = counts[key] = counts.get(key, -1) + 1
            yield f"{key}_{n}" if n else key, item


def attributes(layer):
    """(name, value) of what may hold layers: those of a stack first; those of another model stand where the alphabet has
    `layers`, so that an attribute after it does not name what is among them. Private names come last."""
    held = {k: v for k, v in vars(layer).items() if k not in SKIPPED}
    if any(c.__name__ in ("Sequential", "Functional") for c in type(layer).__mro__):
        yield "layers", layer.layers
    elif _is_model(layer):
        held["layers"] = layer.layers
    yield from sorted(held.items(), key=lambda item: (item[0].startswith("_"), item[0]))


def _is_model(layer):
    return any(c.__name__ == "Model" and c.__module__.startswith("kerasnp.") for c in type(layer).__mro__)


def join(*parts):
    return "/".join(p for p in parts if p)


# -- reading --------------------------------------------------------------------------------------------------------


def layer_groups(root):
    """{path: group} of every group that has `vars`, with old spellings of the path made new."""
    groups = {}

    def visit(group, path):
        for name, child in group.children.items():
            if not isinstance(child, Group):
                continue
            parts = [("layers" if p in LAYERS else p) for p in name.replace("\\", "/").split("/")]
            if parts[-1] == "vars":
                groups[join(path, *parts[:-1])] = child
            else:
                visit(child, join(path, *parts))

    visit(root, "")
    return groups


def by_other_names(found, groups):
    """`found`, a layer that the file does not know by its path under another that leads to it: by a property of a user's
    class, by another attribute, or by its number among the layers of a model, as Keras wrote what lies in lists of lists."""
    if all(path in groups or not layer.variables for path, layer in found):
        return found
    paths, moved = {id(layer): path for path, layer in found}, {}
    for path, layer in found:
        users = [vars(c) for c in type(layer).__mro__ if not c.__module__.startswith("kerasnp.")]
        properties = {k: getattr(layer, k, None) for names in users for k, v in names.items() if isinstance(v, property)}
        others = [*properties.items(), *((k, v) for k, v in vars(layer).items() if k not in SKIPPED)]
        if _is_model(layer):
            others += ((f"layers/{key}", item) for key, item in named(layer.layers))
        for name, value in others:
            old, new = paths.get(id(value)), join(path, name)
            if old and new not in paths.values() and _below(new, groups) and not _below(old, groups):
                moved[old] = new
    return [(next((new + path[len(old) :] for old, new in moved.items() if f"{path}/".startswith(f"{old}/")), path), layer)
            for path, layer in found]  # fmt: skip


def _below(path, groups):
    return any(f"{p}/".startswith(f"{path}/") for p in groups)


def numbered(group):
    """The datasets "0", "1", ... of a `vars` group, in the order of their numbers."""
    if group is None:
        return []
    entries = [
        (int(k), v) for k, v in group.children.items() if k.isdecimal() and len(k) < 9 and isinstance(v, Dataset)
    ]
    return [v for _, v in sorted(entries, key=lambda e: e[0])]


def optimizer_datasets(root):
    """The optimizer's variables in the tree; those of the inner one, where one scaled the loss for half precision."""
    for path in ("optimizer/inner_optimizer/vars", "optimizer/vars"):
        group = root.get(path)
        if isinstance(group, Group) and group.children:
            return numbered(group)
    return []


def plan_tree(model, root, skip=()):
    """Which dataset goes to which weight: a Plan for the tree below `root`, leaving out the objects in `skip`."""
    groups = layer_groups(root)
    plan = Plan()
    used = {path for path, _ in walk(model)} if skip else set()
    for path, layer in by_other_names(walk(model, skip), groups):
        group = groups.get(path)
        used.add(path)
        where = f"group {join(path, 'vars')!r}"
        if group is not None and isinstance(group.attributes.get("name"), str):
            where += f' of layer "{group.attributes["name"]}"'
        plan.stored(layer, group, where)
    for path, group in groups.items():
        if path not in used and numbered(group) and not path.startswith(("optimizer", "metrics")):
            if path.rpartition("/")[2].startswith("seed_generator"):
                continue
            plan.extra.append(f"{join(path, 'vars')} {[d.shape for d in numbered(group)]}")
    return plan


def loads_itself(layer):
    """Whether a class of a user judges its own part of the file."""
    return not type(layer).load_own_variables.__module__.startswith("kerasnp.")


def to_store(layer):
    """{name: value} of what a file holds for a layer."""
    store: dict = {}
    layer.save_own_variables(store)
    return {str(name): value for name, value in store.items()}


class Entries(Mapping):
    """What a file holds for a layer, read when it is asked for: the `store` of `load_own_variables`."""

    def __init__(self, datasets):
        self.datasets = datasets

    def __getitem__(self, name):
        return self.datasets[name].read()

    def __iter__(self):
        return iter(self.datasets)

    def __len__(self):
        return len(self.datasets)

    def read_into(self, name, variable):
        """Read the array `name` into the memory of a variable."""
        dataset = self.datasets[name]
        if dataset.shape != variable.shape:
            raise ValueError(f"{variable.path!r}: expected the shape {variable.shape}. Received: {dataset.shape}")
        dataset.read(out=variable.value)


class Plan:
    """What will be read into which weight. Nothing changes before `check` has passed."""

    def __init__(self):
        self.pairs, self.stores = [], []
        self.missing, self.misfits, self.extra = [], [], []

    def layer(self, layer, own, datasets, where, convert=None):
        """Match the weights of a layer with the datasets found for it, by position."""
        values = [
            Converted(d, convert[id(w)], w) if convert and id(w) in convert else d for w, d in zip(own, datasets)
        ]
        values += datasets[len(values) :]
        if self._fits(layer, own, values, where):
            self.pairs += zip(own, values)

    def stored(self, layer, group, where):
        """Match what the layer would put into a file with the group of the tree that was found for it, or None."""
        found = {k: d for k, d in group.children.items() if isinstance(d, Dataset)} if group is not None else {}
        if not loads_itself(layer):
            expected = to_store(layer)
            own = [expected[k] for k in sorted((k for k in expected if k.isdecimal()), key=int)]
            if not self._fits(layer, own, numbered(group), where):
                return
        if found or (group is not None and loads_itself(layer)):
            self.stores.append((layer, found))

    def _fits(self, layer, own, datasets, where):
        """Whether the weights of a layer and the datasets found for it agree; else that is noted."""
        who = f'{type(layer).__name__} "{layer.name}"'
        if own and not datasets:
            self.missing.append(f"{who} needs {len(own)} variables {shapes(own)} and received 0 variables from {where}")
            return False
        if len(own) != len(datasets):
            self.misfits.append(
                f"{who} has {len(own)} weights {shapes(own)}, {where} has {len(datasets)} {shapes(datasets)}"
            )
            return False
        for i, (variable, dataset) in enumerate(zip(own, datasets)):
            name = getattr(variable, "name", i)
            if np.shape(variable) != dataset.shape:
                self.misfits.append(
                    f"{who} {name!r} has the shape {np.shape(variable)}, {where} has {dataset.shape}; they must match"
                )
                return False
            kind = getattr(variable, "value", variable)
            if not np.can_cast(dataset.dtype, np.asarray(kind).dtype, "same_kind") and not dataset.bfloat16:
                self.misfits.append(f"{who} {name!r} is {variable.dtype}, {where} has {dataset.dtype}")
                return False
        return True

    def check(self, file, skip_mismatch=False):
        """Raise one error that lists everything that does not fit, or warn of it and go on without.

        Raises: ValueError.
        """
        problems = self.misfits + self.missing
        if problems and not skip_mismatch:
            raise ValueError(
                f"{file}: the weights do not fit the model, which stays as it was. {listing(problems)}"
                + (f" Not used from the file: {listing(self.extra)}" if self.extra else "")
                + " Build the model as it was when the file was written, or pass skip_mismatch=True to leave out what "
                  "does "
                "not fit."
            )
        if problems or self.extra:
            skipped = f"skipped: {listing(problems)}" if problems else ""
            extra = f"not used, because the model has no layer for it: {listing(self.extra)}" if self.extra else ""
            warnings.warn(f"{file}: {' '.join(filter(None, [skipped, extra]))}", stacklevel=2)

    @property
    def empty(self):
        """Whether nothing would be read."""
        return not self.pairs and not self.stores

    def read_in_place(self):
        """Read every value straight into its weight: for a new model that nobody has seen yet."""
        for variable, dataset in self.pairs:
            dataset.read(out=variable.value)
        for layer, found in self.stores:
            layer.load_own_variables(Entries(found))

    def read_and_assign(self):
        """Read every value, and only then change the model."""
        values = [(variable, dataset.read()) for variable, dataset in self.pairs]
        stores = [(layer, {k: d.read() for k, d in found.items()}) for layer, found in self.stores]
        for variable, value in values:
            variable.assign(value)
        for layer, store in stores:
            layer.load_own_variables(store)

    def variables(self):
        """Every variable that is read."""
        for variable, _ in self.pairs:
            yield variable
        for layer, _ in self.stores:
            yield from layer.variables if loads_itself(layer) else layer._own_weights()


class Converted:
    """A dataset seen through a function that turns an old layout into today's."""

    bfloat16 = False

    def __init__(self, dataset, convert, variable):
        self.dataset, self.convert, self.target = dataset, convert, variable.shape
        self.dtype = dataset.dtype
        # The size must be right before anything is read: the function keeps the number of elements or halves it.
        self.shape = variable.shape if dataset.size in (variable.size, 2 * variable.size) else dataset.shape

    def read(self, out=None):
        value = self.convert(self.dataset.read(), self.target)
        if out is None:
            return value
        out[...] = value
        return out


def shapes(items):
    return "[" + ", ".join(str(i.shape) for i in items) + "]"


def listing(items, most=20):
    more = f"; and {len(items) - most} more" if len(items) > most else ""
    return "; ".join(items[:most]) + more + "."


# -- writing --------------------------------------------------------------------------------------------------------


def put_tree(model, node, include_optimizer=True, skip=()):
    """Put every weight of the model under `node`, as Keras lays them out, and those of its optimizer; not those in `skip`."""
    for path, layer in walk(model, skip):
        group = node.group(join(path, "vars"))
        group.attributes["name"] = layer.name
        put_variables(group, to_store(layer))
    optimizer = getattr(model, "optimizer", None)
    if include_optimizer and optimizer is not None and getattr(model, "compiled", False):
        group = node.group("optimizer/vars")
        group.attributes["name"] = optimizer.name
        put_variables(group, {str(i): v for i, v in enumerate(optimizer.variables)})


def put_variables(group, store):
    for name, value in store.items():
        extra = {"dtype": "bfloat16"} if getattr(value, "dtype", None) == "bfloat16" else {}
        group.put(name, getattr(value, "value", value), **extra)
