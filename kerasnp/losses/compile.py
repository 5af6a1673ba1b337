"""CompileLoss: the losses a model was compiled with."""

from kerasnp import losses
from kerasnp.backend import ndarray
from kerasnp.losses.loss import Loss, LossFunctionWrapper
from kerasnp.losses.outputs import (
    CONTAINERS, at, children, fitted, holds, labels_for, leaves, mapped, places, several, settings, shape_of, weights_for,
)  # fmt: skip

BY_SHAPE = ("crossentropy", "ce")


class CompileLoss:
    """What `model.compile(loss=..., loss_weights=...)` asks for, as one callable.

    For a model of one output it is that loss:

    >>> from kerasnp import ops
    >>> y_true, y_pred = ops.array([[0.0]]), ops.array([[3.0]])
    >>> float(CompileLoss("mse", loss_weights=2.0)(y_true, y_pred))
    18.0

    For several outputs it is the weighted sum of their losses, sum_i w_i * loss_i, and `metrics` holds the mean of each,
    unweighted:

    >>> compiled = CompileLoss({"a": "mse", "b": "mae"}, {"a": 1.0, "b": 0.5})
    >>> float(compiled({"a": y_true, "b": y_true}, {"a": y_pred, "b": y_pred}))
    10.5
    >>> {metric.name: float(metric.result()) for metric in compiled.metrics}
    {'a_loss': 9.0, 'b_loss': 3.0}

    A list in the place of one output holds several losses of it, and beside a dictionary, or a tuple, several of all that is
    in there; a loss of a whole nesting is given labels and predictions nested:

    >>> def gap(y_true, y_pred):
    ...     return ops.abs((y_pred["a"] - y_pred["b"]) - (y_true["a"] - y_true["b"]))
    >>> compiled = CompileLoss([gap, {"a": "mse", "b": ["mae", "mse"]}])
    >>> float(compiled({"a": y_true, "b": y_true}, {"a": y_pred, "b": y_pred}))  # 0 + 9 + 3 + 9
    21.0

    Args:
        loss: a name, a configuration, a Loss, a function `(y_true, y_pred)`, or lists, tuples and dictionaries of these,
            nested as the outputs are, with None for an output without a loss; one alone is for every output.
        loss_weights: numbers in the nesting of `loss`.
        reduction: accepted; each loss has its own.
        output_names: the names of the outputs in their order, where a model has them.

    Raises: ValueError for an unknown name, or for more losses than one output needs; at the first batch ValueError for labels
        or weights, and KeyError for losses, that do not fit the outputs.
    """

    def __init__(self, loss, loss_weights=None, reduction="sum_over_batch_size", output_names=None):
        self.output_names = None if output_names is None else list(output_names)
        self.reduction = reduction
        self._given = mapped(resolve, loss)
        self._given_weights = mapped(_checked_weight, loss_weights)
        self.metrics = []
        self._parts = []  # (path of the output, loss, weight, the mean of it)
        # The one loss there is, where shapes need not choose it, and its weight.
        self.loss = self.weight = None
        self._single = self.built = False
        self._like = None
        if self.output_names is not None and len(self.output_names) == 1:
            _only(self._given, "loss"), _only(self._given_weights, "loss_weights")
        entries = [entry for _, entry in settings(self._given)]
        if len(entries) == 1 and isinstance(entries[0], Loss):
            self.loss = entries[0]

    @property
    def alone(self):
        """The one loss there is, if it has no weight."""
        return self.loss if self._given_weights is None else None

    @property
    def variables(self):
        """The state of the running means.

        >>> len(CompileLoss("mse").variables)
        0
        """
        return [v for metric in self.metrics for v in metric.variables]

    def build(self, y_true, y_pred):
        """Give each output its loss; `y_true` and `y_pred` are arrays, or symbolic tensors, of the shapes to come.

        >>> import kerasnp
        >>> y = kerasnp.KerasTensor((None, 3))
        >>> compiled = CompileLoss(["mse", "mae"])
        >>> compiled.build([y, y], [y, y])
        >>> [metric.name for metric in compiled.metrics]
        ['mse_loss', 'mae_loss']

        Raises: ValueError or KeyError where losses, weights or labels do not fit the outputs.
        """
        self.built = False
        if several(y_pred):
            self._build_several(y_true, y_pred)
        else:
            self._build_single(labels_for(y_true, y_pred), y_pred)

    def _build_single(self, y_true, y_pred):
        loss, weight = _only(self._given, "loss"), _only(self._given_weights, "loss_weights")
        if isinstance(loss, str):
            loss = crossentropy_for(loss, y_true, y_pred)
        self.loss, self.weight, self._single = loss, weight, loss is not None
        self._parts, self.metrics, self.built = [], [], True

    def _build_several(self, y_true, y_pred):
        paths = [path for path, _ in leaves(y_pred)]
        entries = self._placed(y_pred, paths)
        labels = labels_for(y_true, y_pred, self.output_names, [path for path, *_ in entries])
        names = dict(zip(paths, self.output_names or ())) if len(self.output_names or ()) == len(paths) else {}
        parts = []
        for path, loss, weight in entries:
            if not holds(path, labels) or at(path, labels) is None:
                raise KeyError(f"compile: there is a loss for the output {_spelled(path)}, but y_true has no labels for it")
            if several(at(path, y_pred)) and _of_one_array(loss):
                raise KeyError(_not_found(path, "the model's output, which is nested there: this loss is of one array"))
            if isinstance(loss, str):
                loss = crossentropy_for(loss, at(path, labels), at(path, y_pred))
            parts.append((path, loss, weight, f"{_name(path, at(path, y_pred), names, loss)}_loss"))
        # The loss of one output is the total, which is in the logs already.
        self.metrics = [_mean(name) for *_, name in parts] if len(parts) > 1 else []
        means = self.metrics or [None] * len(parts)
        self._parts = [(path, loss, weight, mean) for (path, loss, weight, _), mean in zip(parts, means)]
        self.loss, self.weight, self._single = parts[0][1] if len(parts) == 1 else None, None, False
        self._like, self.built = places(y_pred), True

    def _placed(self, y_pred, paths):
        """[(path of the output, loss, weight)] in the order of the losses."""
        given, weights, names = self._given, self._given_weights, self.output_names
        if len(paths) == 1:
            loss = _only(given, "loss")
            return [] if loss is None else [(paths[0], loss, _only(weights, "loss_weights"))]
        if isinstance(given, dict) and names and not isinstance(y_pred, dict):
            if set(given) != set(names) or len(names) != len(y_pred):
                raise ValueError(
                    f"compile: Expected keys {names}, those of the outputs, each with a loss or None. Received: loss for "
                    f"{list(given)}"
                )
            if isinstance(weights, dict) and set(weights) == set(names):
                weights = [weights[name] for name in names]
            given = [given[name] for name in names]
        entries = settings(given)
        if weights is not None:
            numbers = settings(weights)
            if isinstance(given, CONTAINERS) != isinstance(weights, CONTAINERS) or len(numbers) != len(entries):
                raise ValueError(
                    "compile: loss_weights must match the number of losses, a weight for each. "
                    f"Received: {len(entries)} losses and {len(numbers)} weights, loss_weights={self._given_weights!r}"
                )
            by_path = dict(numbers)
            keys = [path for path, _ in entries]
            weights = by_path if by_path.keys() == set(keys) else dict(zip(keys, by_path.values()))
        if not isinstance(given, CONTAINERS):
            return [] if given is None else [(path, given, (weights or {}).get(())) for path in paths]
        placed = []
        _place(given, y_pred, (), (), weights or {}, placed)
        return placed

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The weighted loss, or the sum of those of several outputs; None without any."""
        if not self._single or type(y_true) is not ndarray:
            return self._sum(y_true, y_pred, sample_weight)
        value = self.loss(y_true, y_pred, sample_weight)
        return value if self.weight is None else value * self.weight

    def _sum(self, y_true, y_pred, sample_weight):
        if not self.built:
            self.build(y_true, y_pred)
        if not several(y_pred):
            if self.loss is None:
                return None
            weights = None if sample_weight is None else fitted(sample_weight, y_pred)
            value = self.loss(labels_for(y_true, y_pred), y_pred, weights)
            return value if self.weight is None else value * self.weight
        y_pred = labels_for(y_pred, self._like, self.output_names)
        paths = [path for path, *_ in self._parts]
        labels = labels_for(y_true, y_pred, self.output_names, paths)
        shared = sample_weight is None or not several(sample_weight)
        weights = sample_weight if shared else weights_for(sample_weight, y_pred, self.output_names, paths)
        total = None
        for path, loss, weight, mean in self._parts:
            output = at(path, y_pred)
            value = loss(at(path, labels), output, weights if shared else at(path, weights))
            if mean is not None:
                first = leaves(output)[0][1] if isinstance(output, CONTAINERS) else output
                mean.update_state(getattr(value, "value", value), sample_weight=len(first))
            if weight is not None:
                value = value * weight
            total = value if total is None else total + value
        return total


def resolve(loss):
    """A Loss from one entry of what `compile` accepts, or None; a name that depends on shapes is returned as it is."""
    if isinstance(loss, str) and loss in BY_SHAPE:
        return loss
    found = losses.get(loss)
    if found is None or isinstance(found, Loss):
        return found
    return LossFunctionWrapper(found, name=loss if isinstance(loss, str) else None)


def crossentropy_for(name, y_true, y_pred):
    """The cross-entropy for labels and predictions of these shapes: of one unit, of class numbers, or of one-hot rows."""
    true_shape, shape = shape_of(y_true), y_pred.shape
    if len(shape) < 2 or shape[-1] == 1:
        return losses.BinaryCrossentropy(name=name)
    sparse = len(true_shape) < len(shape) or true_shape[-1] == 1
    return losses.SparseCategoricalCrossentropy(name=name) if sparse else losses.CategoricalCrossentropy(name=name)


def _place(given, node, path, entry, weights, placed):
    """Walk the losses and the outputs together and note (path of the output, loss, weight)."""
    if given is None:
        return
    if not isinstance(given, CONTAINERS):
        placed.append((path, given, weights.get(entry)))
        return
    if isinstance(given, (list, tuple)):
        below = leaves(node) if several(node) else [((), node)]
        if len(given) == len(below) and not any(isinstance(part, CONTAINERS) for part in given):
            for (end, _), (i, part) in zip(below, enumerate(given)):
                _place(part, at(end, node), path + end, (*entry, i), weights, placed)
            return
        if not several(node) or not isinstance(node, type(given)):
            for i, part in enumerate(given):  # several losses of one output, or of all that is in a dictionary
                _place(part, node, path, (*entry, i), weights, placed)
            return
    if not several(node) or isinstance(given, dict) != isinstance(node, dict):
        found = "nested otherwise" if several(node) else "one array"
        raise KeyError(_not_found(path, f"the model's output, which is {found} there"))
    for key, part in given.items() if isinstance(given, dict) else enumerate(given):
        if part is None:
            continue
        if not holds((key,), node):
            known = [k for k, _ in children(node)]
            raise KeyError(_not_found((*path, key), f"either the model's output, which has {known} there, or the labels"))
        _place(part, node[key], (*path, key), (*entry, key), weights, placed)


def _not_found(path, what):
    return (
        f"compile: the path {_spelled(path)} in the `loss` argument, can't be found in {what}; nest the losses as the outputs "
        "are"
    )


def _of_one_array(loss):
    """Whether a loss compares two arrays, as all of ours do, and not nestings of them."""
    made = getattr(loss, "fn", type(loss))
    return isinstance(loss, str) or getattr(losses, getattr(made, "__name__", ""), None) is made


def _spelled(path):
    return "/".join(map(str, path)) or "()"


def _name(path, output, names, loss):
    """The name of an output in logs: its path, where a name stands for the position in a list; of all of them their names."""
    if several(output):
        return "/".join(map(str, path)) or "_".join(sorted(output) if isinstance(output, dict) else names.values()) or loss.name
    if not path or isinstance(path[-1], int):
        path = (*path[:-1], names.get(path) or loss.name)
    return "/".join(map(str, path))


def _mean(name):
    from kerasnp.metrics import Mean

    return Mean(name=name)


def _checked_weight(weight):
    if weight is None or hasattr(weight, "shape") or isinstance(weight, (int, float)) and not isinstance(weight, bool):
        return weight
    raise ValueError(
        f"compile: loss_weights must be a number, or numbers nested as the losses are. Received: {weight!r}"
    )


def _only(value, argument):
    """What a list or dictionary of one thing holds, as there is one output."""
    if isinstance(value, CONTAINERS):
        entries = settings(value)
        if len(entries) != 1:
            raise ValueError(
                f"compile: the model has one output, so {argument} must hold one entry. Received: {argument}={value!r}"
            )
        return entries[0][1]
    return value
