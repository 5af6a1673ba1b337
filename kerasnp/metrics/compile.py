"""CompileMetrics: the metrics a model was compiled with."""

from kerasnp import losses, metrics
from kerasnp.autodiff.variable import Variable
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

    >>> metric = CompileMetrics(["accuracy", "mse"], None)
    >>> metric.update_state([[1.0], [0.0]], [[0.5], [0.0]])
    >>> {name: float(value) for name, value in metric.result().items()}
    {'accuracy': 0.5, 'mse': 0.125}

    Args:
        metrics: a list, tuple or dictionary of names, configurations, Metrics or functions `(y_true, y_pred)`, or None.
        weighted_metrics: the same, for metrics that are given the sample weights.

    Raises: ValueError for an unknown name, or for anything but a list, tuple or dictionary.
    """

    def __init__(self, metrics, weighted_metrics, name="compile_metrics"):
        super().__init__(name=name)
        self._unweighted = flatten(metrics, "metrics")
        self._weighted = flatten(weighted_metrics, "weighted_metrics")
        self.names = log_names(self._unweighted, self._weighted)
        self.built = False
        if not any(isinstance(m, str) for m in self._unweighted + self._weighted):
            self.build(None, None)

    @property
    def metrics(self):
        """The metrics, once the first batch has shown what "accuracy" means."""
        return [m for m in self._unweighted + self._weighted if isinstance(m, Metric)]

    @property
    def variables(self):
        """The state of all metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    def build(self, y_true, y_pred):
        """Choose the metrics whose name depends on the shapes of labels and predictions."""
        self._unweighted = [by_shape(m, y_true, y_pred) if isinstance(m, str) else m for m in self._unweighted]
        self._weighted = [by_shape(m, y_true, y_pred) if isinstance(m, str) else m for m in self._weighted]
        self.built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Give a batch to every metric; nothing of it is recorded."""
        if isinstance(y_pred, Variable):
            mask, y_pred = get_mask(y_pred), y_pred.value
            if mask is not None:
                set_mask(y_pred, mask)
        y_true, y_pred = array(y_true), array(y_pred)
        if not self.built:
            self.build(y_true, y_pred)
        for metric in self._unweighted:
            metric.update_state(y_true, y_pred)
        for metric in self._weighted:
            metric.update_state(y_true, y_pred, sample_weight=sample_weight)

    def result(self):
        """The value of each metric, by the name it has in logs."""
        results = {}
        if self.built:
            for key, metric in zip(self.names, self._unweighted + self._weighted):
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


def flatten(entries, argument):
    """The metrics of a list, tuple or dictionary, names that depend on shapes left as they are."""
    if entries is None:
        return []
    if not isinstance(entries, (list, tuple, dict)) or isinstance(entries, dict) and "class_name" in entries:
        raise ValueError(
            f"Expected `{argument}` to be a list, a tuple or a dict. Received instead: {argument}={entries!r} "
            f"of type {type(entries).__name__}; write {argument}=[{entries!r}]"
        )
    flat = []
    for entry in entries.values() if isinstance(entries, dict) else entries:
        if isinstance(entry, (list, tuple)) or isinstance(entry, dict) and "class_name" not in entry:
            flat += flatten(entry, argument)
        elif entry is not None or not isinstance(entries, dict):
            flat.append(resolve(entry, argument))
    return flat


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
    true_shape, shape = y_true.shape, y_pred.shape
    if len(shape) < 2 or shape[-1] == 1:
        chosen = binary
    else:
        chosen = sparse if len(true_shape) < len(shape) or true_shape[-1] == 1 else categorical
    return registry.lookup("metrics", chosen)(name=name)


def log_names(unweighted, weighted):
    """The names in logs: `mse`, then `mse_1`, ...; `weighted_mse` where an unweighted metric has the name already."""
    plain = [m if isinstance(m, str) else m.name for m in unweighted]
    others = [m if isinstance(m, str) else m.name for m in weighted]
    taken = []
    for base in [*plain, *(f"weighted_{name}" if name in plain else name for name in others)]:
        name, number = base, 0
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.append(name)
    return taken
