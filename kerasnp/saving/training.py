"""Compile settings and optimizer state: from files of every age, and for files that Keras reads."""

import warnings

import numpy as np

from kerasnp.saving import loading
from kerasnp.saving.hdf5 import Dataset
from kerasnp.utils.naming import to_snake_case

COMPILE_KEYS = (
    "optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly", "steps_per_execution",
    "jit_compile",
)  # fmt: skip


# -- compile settings -----------------------------------------------------------------------------------------------


def from_training_config(config):
    """The compile configuration of Keras 3 from the `training_config` of a legacy file."""
    if not isinstance(config, dict):
        raise ValueError(f"training_config must be a dictionary. Received: {config!r}")
    config = dict(config)
    optimizer = config.pop("optimizer_config", None) or config.pop("optimizer", None)
    return {**{k: v for k, v in config.items() if k in COMPILE_KEYS}, "optimizer": optimizer}


def modern(config):
    """A compile configuration of any age in today's words."""
    config = {k: v for k, v in config.items() if k in COMPILE_KEYS and v is not None}
    if isinstance(config.get("optimizer"), dict):
        config["optimizer"] = optimizer(config["optimizer"])
    if "loss" in config:
        config["loss"] = each(config["loss"], loss)
    for key in ("metrics", "weighted_metrics"):
        if key in config:
            config[key] = each(config[key], metric)
    return config


def each(value, change):
    """`change` applied to the entries of nested lists and dictionaries."""
    if isinstance(value, dict) and "class_name" not in value:
        return {k: each(v, change) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        value = [each(v, change) for v in value]
        if len(value) == 1 and (value[0] is None or isinstance(value[0], list)):  # one output: [[...]]
            return value[0] or []
        return value
    return None if value is None else change(value)


def optimizer(config):
    """An optimizer's configuration; a wrapper that scaled losses for half precision gives way to what it wrapped."""
    name = str(config.get("class_name", "")).rpartition(">")[2]
    if name.startswith("LossScaleOptimizer"):
        inner = config.get("config", {})
        inner = inner.get("inner_optimizer") or inner.get("optimizer")
        if isinstance(inner, dict):
            return optimizer(inner)
    return config


def loss(value):
    """A loss: its name or configuration, filed among the losses."""
    if isinstance(value, dict) and value.get("class_name") != "function":
        return {**value, "module": value.get("module") or "keras.losses"}
    return value


def metric(value):
    """A metric; Keras 2 wrote `"accuracy"` as a wrapper around the function it stood for."""
    if not isinstance(value, dict) or value.get("class_name") == "function":
        return value
    inner = value.get("config") or {}
    if value.get("class_name") in ("MeanMetricWrapper", "SumOverBatchSizeMetricWrapper"):
        fn = inner.get("fn")
        fn = fn.get("config") if isinstance(fn, dict) else fn
        name = inner.get("name")
        if name in (fn, to_snake_case(str(fn))) or fn is None:
            return fn or name
        if name in ("accuracy", "acc", "crossentropy", "ce"):
            return name
        return {"module": "keras.metrics", "class_name": "MeanMetricWrapper", "config": {**inner, "fn": fn}}
    return {**value, "module": value.get("module") or "keras.metrics"}


def restore(model, config, optimizer_state, file):
    """Compile the model as a file says and give its optimizer the state it had; what cannot be read is named in one
    warning.

    Args:
        config: today's compile configuration (`modern`), or None.
        optimizer_state: `(names, datasets)`, or None.
    """
    try:
        built_in = type(model).compile_from_config.__module__.startswith("kerasnp.")
        model.compile_from_config(modern(config) if built_in else config)
    except Exception as e:
        warnings.warn(
            f"{file}: the model is loaded, but its compile settings (optimizer, loss, metrics) are not: {e} "
            "Call model.compile(...) to train or evaluate it.",
            stacklevel=4,
        )
        return
    try:
        names, datasets = optimizer_state
        if datasets and model.optimizer is not None:
            set_optimizer(model, names, datasets)
    except Exception as e:
        warnings.warn(
            f"{file}: the model is loaded and compiled, but the state of its optimizer is not: {e} "
            "Training goes on as with a new optimizer.",
            stacklevel=4,
        )


# -- optimizer state ------------------------------------------------------------------------------------------------


def set_optimizer(model, names, datasets):
    """Give the optimizer of a compiled, built model the values of `datasets`, which files keep in several orders."""
    own = model.optimizer
    own.build(model.trainable_variables)
    orders = [datasets]
    if not any(len(d.shape) == 0 for d in datasets[:1]):  # the first optimizers did not say how many steps they had done
        orders.append([own.variables[0].value, *datasets])
    slots = len(getattr(own, "slots", ())) or None
    regrouped = [by_variable(o, [v.shape for v in model.trainable_variables], slots) for o in orders]
    if grouped_by_slot(names):
        orders = regrouped + orders
    else:
        orders += regrouped
    orders.append(aligned(datasets, own.variables))
    problem = None
    for order in orders:
        try:
            layout = own.layout_for([d.shape for d in order]) if order else None
        except ValueError as e:
            problem = problem or e
            continue
        if layout is not None:
            fill(own, layout, order)
            return
    raise problem


def fill(optimizer, layout, values):
    """Give the variables of `layout` their values: arrays, or datasets, which are read where they belong if need be."""
    pairs = [(variable, value) for variable, value in zip(layout, values) if variable is not None]
    # What is compressed may be damaged: it is read before anything changes.
    pairs = [(v, d.read() if isinstance(d, Dataset) and not d.plain else d) for v, d in pairs]
    for variable, value in pairs:
        if isinstance(value, Dataset):
            value.read(out=variable.value)
        else:
            variable.assign(value)
    optimizer.loaded(layout)


# How slots were called by optimizers that kept all of one slot together: TensorFlow's `dense/kernel/m:0`, Keras's `m_3:0`,
# and those without a name, which are `Variable_3:0`.
OLD_SLOTS = frozenset(
    "m v vhat u momentum moment rms mg ms accumulator accumulators a d_a delta_accumulator linear accum_grad accum_var average "
    "Variable".split()
)


def grouped_by_slot(names):
    """Whether the names are those of optimizers before 2.11, which list one slot of all variables, then the next.

    (Ftrl alone went from variable to variable then too: its first two names are not alike.)
    """
    last = [n.rpartition("/")[2].partition(":")[0].rstrip("0123456789").rstrip("_") for n in names]
    last = [n for n in last if n not in SCALARS]
    return len(last) > 1 and all(n in OLD_SLOTS for n in last) and last[0] == last[1]


# Numbers that some optimizers before 2.11 kept beside their slots.
SCALARS = frozenset("iter iterations iteration momentum_cache current_loss_scale good_steps".split())


def by_variable(values, shapes, slots_together=None):
    """[t, m1, m2, ..., v1, v2, ...] as [t, m1, v1, m2, v2, ...], or None where the numbers do not allow it.

    Only the first `slots_together` slots are dealt out; the rest, such as Adam's `vhat`, stay one after the other.
    """
    n, head = len(shapes), 1
    if n == 0 or not values:
        return None
    while head < len(values) and values[head].shape == () != shapes[0]:
        head += 1
    slots = values[head:]
    # Old standalone Keras kept an empty `vhat` per variable beside Adam's two slots.
    while len(slots) >= 3 * n and all(v.shape == (1,) for v in slots[-n:]):
        slots = slots[:-n]
    if not slots or len(slots) % n:
        return None
    groups = [slots[i : i + n] for i in range(0, len(slots), n)]
    first, late = groups[:slots_together], groups[slots_together:] if slots_together else []
    return [values[0], *(s for of_variable in zip(*first) for s in of_variable), *(s for slot in late for s in slot)]


def aligned(values, variables):
    """`values` with the optimizer's own scalars where a file has none: Adafactor of Keras 2 had no placeholders."""
    found, left = [], list(values)
    for v in variables:
        if left and left[0].shape == v.shape:
            found.append(left.pop(0))
        elif v.shape:
            return None
        else:
            found.append(v.value)
    return None if left else found


def optimizer_part(model):
    """(names, arrays) of the optimizer's variables for a legacy file."""
    names, arrays = [], []
    for variable in model.optimizer.variables:
        path = variable.path if "/" in variable.path else f"{model.optimizer.name}/{variable.name}"
        name, n = path, 0
        while name in names:
            n += 1
            name = f"{path}_{n}"
        names.append(name)
        arrays.append(np.asarray(variable.value))
    return names, arrays


def warn_dropped(file, what):
    """One warning about what a file said that could not be kept."""
    state = loading.current()
    warnings.warn(f"{state.name if state else file}: {what}", stacklevel=4)
