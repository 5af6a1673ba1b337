"""CompileMetrics: the metrics a model was compiled with."""

from kerasnp import losses, metrics
from kerasnp.backend import ndarray
from kerasnp.autodiff.variable import Variable
from kerasnp.losses.outputs import (
    CONTAINERS, at, children, labels_for, leaves, mapped, places, several, settings, shape_of, weights_for,
)  # fmt: skip
from kerasnp.metrics.metric import Metric, array
from kerasnp.metrics.reduction import MeanMetricWrapper
from kerasnp.utils import registry
from kerasnp.utils.masks import get_mask, set_mask

# Names whose metric depends on the shapes of labels and predictions: (one unit, class numbers, one-hot rows).
BY_SHAPE = {
    "accuracy": ("BinaryAccuracy", "SparseCategoricalAccuracy", "CategoricalAccuracy"),
    "crossentropy": ("BinaryCrossentropy", "SparseCategoricalCrossentropy", "CategoricalCrossentropy"),
}
BY_SHAPE["acc"], BY_SHAPE["ce"] = BY_SHAPE["accuracy"], BY_SHAPE["crossentropy"]


class CompileMetrics(Metric, abstract=True):
    """What `model.compile(metrics=..., weighted_metrics=...)` asks for, as one metric whose result is a dictionary.

    >>> from kerasnp import ops
    >>> y_true, y_pred = ops.array([[1.0], [0.0]]), ops.array([[0.5], [0.0]])
    >>> metric = CompileMetrics(["accuracy", "mse"], None)
    >>> metric.update_state(y_true, y_pred)
    >>> {name: float(value) for name, value in metric.result().items()}
    {'accuracy': 0.5, 'mse': 0.125}

    Several outputs have a list of metrics each, and names in front:

    >>> metric = CompileMetrics({"a": ["mse", "mae"], "b": "accuracy"}, None)
    >>> metric.update_state({"a": y_true, "b": y_true}, {"a": y_pred, "b": y_pred})
    >>> {name: float(value) for name, value in metric.result().items()}
    {'a_mse': 0.125, 'a_mae': 0.25, 'b_accuracy': 0.5}

    Args:
        metrics: a list, tuple or dictionary of names, configurations, Metrics or functions `(y_true, y_pred)`, or None; for
            several outputs nested as they are, with a list, a metric or None for each.
        weighted_metrics: the same, for metrics that are given the sample weights.
        output_names: the names of the outputs in their order, where a model has them.

    Raises: ValueError for an unknown name, or for anything but a list, tuple or dictionary; at the first batch for a nesting
        that is not that of the outputs.
    """

    def __init__(self, metrics, weighted_metrics, name="compile_metrics", output_names=None):
        super().__init__(name=name)
        self.output_names = None if output_names is None else list(output_names)
        self._given = resolved(metrics, "metrics"), resolved(weighted_metrics, "weighted_metrics")
        # One output: its metrics. Several: (path, name, metrics, weighted metrics) of each output.
        self._unweighted, self._weighted = map(flat, self._given)
        self._outputs = None
        self.names = log_names([(None, self._unweighted, self._weighted)])
        self._single = self.built = False
        one = self.output_names is not None and len(self.output_names) == 1
        if one:
            self._refuse_none()
        if one and not any(isinstance(m, str) for m in self._unweighted + self._weighted):
            self._build_single(None, None)

    @property
    def metrics(self):
        """The metrics, once the first batch has shown what "accuracy" means."""
        return [m for m in self._all() if isinstance(m, Metric)]

    def _all(self):
        if self._outputs is None:
            return self._unweighted + self._weighted
        return [m for column in (2, 3) for output in self._outputs for m in output[column]]

    @property
    def variables(self):
        """The state of all metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    def build(self, y_true, y_pred):
        """Give each output its metrics, and choose those whose name depends on the shapes of labels and predictions.

        Raises: ValueError where the metrics or labels do not fit the outputs.
        """
        if several(y_pred) and len(leaves(y_pred)) > 1:
            self._build_several(y_true, y_pred)
        else:
            output = leaves(y_pred)[0][1]
            self._build_single(labels_for(y_true, output), output)

    def _build_single(self, y_true, y_pred):
        self._refuse_none()
        self._outputs = None
        self._unweighted, self._weighted = (
            [by_shape(m, y_true, y_pred) if isinstance(m, str) else m for m in flat(given)] for given in self._given
        )
        self.names = log_names([(None, self._unweighted, self._weighted)])
        self._single, self.built = False, True

    def _build_several(self, y_true, y_pred):
        found = [leaf[0] for leaf in leaves(y_pred)]
        names = dict(zip(found, self.output_names or [])) if len(self.output_names or ()) == len(found) else {}
        if isinstance(y_pred, dict) and all(len(path) == 1 for path in found):
            if {path[0] for path in found} == set(self.output_names or ()):
                found = [(name,) for name in self.output_names]
            names = {path: path[0] for path in found}
        chosen, weighted = (
            per_output(given, y_pred, [path for path, _ in leaves(y_pred)], names, argument, self.output_names)
            for given, argument in zip(self._given, ("metrics", "weighted_metrics"))
        )
        outputs = [(path, names.get(path), chosen.get(path, []), weighted.get(path, [])) for path in found]
        self._measured = [path for path, _, *lists in outputs if any(lists)]
        labels = labels_for(y_true, y_pred, self.output_names, self._measured) if self._measured else None
        for path, _, *lists in outputs:
            for entries in filter(None, lists):
                true, output = at(path, labels), at(path, y_pred)
                if true is None:
                    raise ValueError(f"compile: there are metrics for the output {path}, but y_true has no labels for it.")
                entries[:] = [by_shape(m, true, output) if isinstance(m, str) else m for m in entries]
        self._outputs = outputs
        self.names = log_names([output[1:] for output in outputs])
        self._like = places(y_pred)
        self._single, self.built = False, True

    def _refuse_none(self):
        for given, argument in zip(self._given, ("metrics", "weighted_metrics")):
            if isinstance(given, (list, tuple)) and any(entry is None for _, entry in settings(given)):
                resolve(None, argument)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Give a batch to every metric; nothing of it is recorded."""
        if not self._single or type(y_true) is not ndarray:
            one = self._update(y_true, y_pred, sample_weight)
            if one is None:
                return
            y_true, y_pred, sample_weight = one
        y_pred = bare(y_pred)
        for metric in self._unweighted:
            metric.update_state(y_true, y_pred)
        for metric in self._weighted:
            metric.update_state(y_true, y_pred, sample_weight=sample_weight)

    def _update(self, y_true, y_pred, sample_weight):
        """A first batch, or one of several outputs, which is done here; of one output labels, predictions and weights."""
        if not (self._unweighted or self._weighted) and self._outputs is None:
            self.built = True
            return None
        if not several(y_pred):
            y_true = array(labels_for(y_true, y_pred))
            y_pred = y_pred if isinstance(y_pred, Variable) else array(y_pred)
        if not self.built:
            self.build(y_true, y_pred)
        if self._outputs is None:
            # From now on a batch goes straight to the metrics.
            self._single = not several(y_pred)
            y_pred = leaves(y_pred)[0][1]
            weights = None if sample_weight is None else leaves(sample_weight)[0][1]
            return array(labels_for(y_true, y_pred)), y_pred, weights
        if not self._measured:
            return None
        y_pred = labels_for(y_pred, self._like, self.output_names)
        labels = labels_for(y_true, y_pred, self.output_names, self._measured)
        weights = weights_for(sample_weight, y_pred, self.output_names, self._measured)
        for path, _, unweighted, weighted in self._outputs:
            if not unweighted and not weighted:
                continue
            true, output = array(at(path, labels)), bare(at(path, y_pred))
            weight = None if weights is None else at(path, weights)
            for metric in unweighted:
                metric.update_state(true, output)
            for metric in weighted:
                metric.update_state(true, output, sample_weight=weight)
        return None

    def result(self):
        """The value of each metric, by the name it has in logs."""
        results = {}
        if self.built:
            for key, metric in zip(self.names, self._all()):
                value = metric.result()
                if isinstance(value, dict):
                    results.update(value)
                else:
                    results[key] = value
        return results

    def reset_state(self):
        """Start all metrics again."""
        for metric in self.metrics:
            metric.reset_state()

    def get_config(self):
        """Not part of a model's configuration: the model writes what it was compiled with."""
        raise NotImplementedError(
            "CompileMetrics: it is rebuilt by model.compile(metrics=...), not from a configuration."
        )


def bare(y_pred):
    """A prediction as an array that no tape follows; its mask stays with it."""
    if type(y_pred) is ndarray:
        return y_pred
    if isinstance(y_pred, Variable):
        mask, y_pred = get_mask(y_pred), y_pred.value
        if mask is not None:
            set_mask(y_pred, mask)
        return y_pred
    return array(y_pred)


def resolved(entries, argument):
    """What `compile` was given, with metrics in the place of whatever names them; None and names that depend on shapes stay."""
    if entries is not None and (
        not isinstance(entries, CONTAINERS) or isinstance(entries, dict) and "class_name" in entries
    ):
        raise ValueError(
            f"Expected `{argument}` to be a list, a tuple or a dict. Received instead: {argument}={entries!r} "
            f"of type {type(entries).__name__}; write {argument}=[{entries!r}]"
        )
    return mapped(lambda entry: None if entry is None else resolve(entry, argument), entries)


def flat(entries):
    """All metrics of an output."""
    return [entry for _, entry in settings(entries) if entry is not None]


def per_output(given, y_pred, paths, names, argument, output_names):
    """{path: metrics} for outputs nested as `y_pred`, their paths and, where they have some, names.

    Raises: ValueError where the metrics are nested otherwise.
    """
    if not given:
        return {}
    if all(len(path) == 1 for path in paths):
        if isinstance(given, (list, tuple)) and len(given) == len(paths):
            ordered = sorted(paths, key=list(names).index) if isinstance(y_pred, dict) else paths
            return {path: flat(entry) for path, entry in zip(ordered, given)}
        by_name = {name: path for path, name in names.items()}
        if isinstance(given, dict) and given.keys() <= by_name.keys():
            return {by_name[name]: flat(entry) for name, entry in given.items()}
    found = {}

    def walk(entry, node, path):
        if entry is None:
            return
        if not several(node):
            found[path] = flat(entry)
            return
        parts = dict(children(node))
        if isinstance(entry, dict) and isinstance(node, dict) and entry.keys() <= parts.keys():
            pairs = entry.items()
        elif isinstance(entry, (list, tuple)) and not isinstance(node, dict) and len(entry) == len(parts):
            pairs = enumerate(entry)
        else:
            called = f" or have the names {output_names}" if output_names else ""
            raise ValueError(
                f"compile: Invalid `{argument}`, which must be nested as the outputs of the model, {places(y_pred)}{called}, "
                f"with a list, a metric or None for each. Received: {argument}={given!r}"
            )
        for key, part in pairs:
            walk(part, parts[key], (*path, key))

    walk(given, y_pred, ())
    return found


def resolve(entry, argument="metrics"):
    """A metric from whatever `compile` accepts; a name that depends on shapes is returned as it is."""
    if isinstance(entry, Metric) or isinstance(entry, str) and entry in BY_SHAPE:
        return entry
    if isinstance(entry, str):
        found = registry.lookup("metrics", entry) or registry.lookup("losses", entry)
        if found is None:
            raise ValueError(registry.unknown("metrics", entry))
        if isinstance(found, type) and issubclass(found, Metric):
            metric = found()
            metric.name = entry
            return metric
        return MeanMetricWrapper(found() if isinstance(found, type) else found, name=entry)
    found = metrics.get(entry) if entry is not None else None
    if isinstance(found, Metric):
        return found
    if not callable(found):
        raise ValueError(
            f"compile: each entry of {argument} must be a name, a Metric or a function (y_true, y_pred). "
            f"Received: {entry!r}"
        )
    name = found.name if isinstance(found, losses.Loss) else getattr(found, "__name__", type(found).__name__)
    return MeanMetricWrapper(found, name=name.strip("<>"))


def by_shape(name, y_true, y_pred):
    """The metric that "accuracy" or "crossentropy" means for labels and predictions of these shapes."""
    binary, sparse, categorical = BY_SHAPE[name]
    true_shape, shape = shape_of(y_true), y_pred.shape
    if len(shape) < 2 or shape[-1] == 1:
        chosen = binary
    else:
        chosen = sparse if len(true_shape) < len(shape) or true_shape[-1] == 1 else categorical
    return registry.lookup("metrics", chosen)(name=name)


def log_names(outputs):
    """The names in logs, for (name, metrics, weighted metrics) of each output.

    `mse`, then `mse_1`, ...; `weighted_mse` where another metric has the name already; the name of the output in front.
    """
    taken, numbers = [], {}

    def numbered(name):
        if name in numbers:
            numbers[name] += 1
            name = f"{name}_{numbers[name]}"
        numbers.setdefault(name, 0)
        taken.append(name)

    def full(output, metric, prefix=""):
        name = prefix + (metric if isinstance(metric, str) else metric.name)
        return name if output is None else f"{output}_{name}"

    for output, unweighted, _ in outputs:
        for metric in unweighted:
            numbered(full(output, metric))
    for output, _, weighted in outputs:
        for metric in weighted:
            name = full(output, metric)
            numbered(full(output, metric, "weighted_") if name in numbers else name)
    return taken
