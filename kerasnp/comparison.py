"""compare: the same seed and data for every combination of choices."""

import contextlib
import inspect
import itertools
import time

from kerasnp import backend as K
from kerasnp import optimizers, random
from kerasnp.models import Model, probe
from kerasnp.utils import check

# Choices that need no argument of build_fn: compare sees to them itself.
OWN = ("optimizer", "learning_rate", "loss")


def compare(
    build_fn,
    x,
    y=None,
    *,
    epochs=5,
    batch_size=32,
    validation_data=None,
    validation_split=0.0,
    loss=None,
    metrics=None,
    callbacks=None,
    seed=0,
    verbose=0,
    **choices,
):
    """Train a model for every combination of choices, each from the same seed on the same data in the same order.

    >>> import kerasnp
    >>> from kerasnp import layers
    >>> def build(activation, initializer="glorot_uniform"):
    ...     return kerasnp.Sequential([kerasnp.Input((2,)), layers.Dense(8, activation, kernel_initializer=initializer),
    ...                                layers.Dense(1, "sigmoid")])
    >>> x = K.asarray([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    >>> result = compare(build, x, K.asarray([0, 1, 1, 0]), optimizer=["sgd", "adam"], activation=["relu", "tanh"],
    ...                  loss="binary_crossentropy", epochs=2)
    >>> [run.label for run in result]
    ['sgd, relu', 'sgd, tanh', 'adam, relu', 'adam, tanh']

    `print(result)` shows the table, `result.plot()` the curves and the gradient that reaches each layer.

    Args:
        build_fn: called with the choices it has arguments for; returns a new model. A choice of `optimizer` or
            `learning_rate` that it has no argument for is made here, when the model is compiled.
        x, y: the training data, as for `fit`.
        epochs, batch_size, validation_data, validation_split: as for `fit`.
        loss, metrics: for models that come uncompiled; a compiled model keeps its own. A list of losses is a choice.
        callbacks: a function that returns new callbacks for each run.
        seed: set before each model is built and before it is trained; the random numbers of the program go on
            afterwards as if nothing had happened.
        verbose: 1 prints a line for each run.
        choices: lists of values for `optimizer`, `learning_rate`, `loss` and any argument of build_fn, such as
            `activation=["relu", "tanh"]`; or dictionaries {label: value}. An optimizer given as an object is copied for
            each run.

    Returns: a Comparison.

    Raises: ValueError or TypeError for choices that are no lists, are empty, occur twice or that build_fn does not
        take, and for a model without a loss; all before the first run.
    """
    if isinstance(loss, (list, tuple)):
        choices["loss"], loss = loss, None
    names = _checked(build_fn, choices)
    epochs = check.positive_int("epochs", epochs, "compare")
    batch_size = check.positive_int("batch_size", batch_size, "compare")
    seed = check.integer("seed", seed, "compare")
    if callbacks is not None and not callable(callbacks):
        raise TypeError(
            "compare: callbacks must be a function that returns a new list for each run, since callbacks keep state. "
            f"Received: {type(callbacks).__name__}"
        )
    runs = []
    with _randomness_kept():
        for combination in itertools.product(*(labelled.items() for labelled in names.values())):
            random.set_random_seed(seed)
            options = {name: label for name, (label, _) in zip(names, combination)}
            values = {name: value for name, (_, value) in zip(names, combination)}
            several = [label for name, label in options.items() if len(names[name]) > 1] or list(options.values())
            runs.append(Run(", ".join(several), options, _build(build_fn, values, loss, metrics)))
        for run in runs:
            random.set_random_seed(seed)
            run.train(
                x, y, epochs=epochs, batch_size=batch_size, validation_data=validation_data, validation_split=validation_split,
                callbacks=None if callbacks is None else callbacks(),
            )  # fmt: skip
            if verbose:
                print(f"{run.label}: {', '.join(f'{k} {v:.4g}' for k, v in run.last.items())}, {run.seconds:.1f} s", flush=True)
    return Comparison(runs)


@contextlib.contextmanager
def _randomness_kept():
    """Whatever is drawn inside, the random numbers after it are those that would have come."""
    seeds, stream = K.random.get_state(), random.global_state()
    try:
        yield
    finally:
        # Making a stream takes a seed, so the seeds come last.
        random.set_global_state(stream)
        K.random.set_state(seeds)


def _checked(build_fn, choices):
    """{choice: {label: value}}, or what is wrong with it."""
    if not callable(build_fn):
        raise TypeError(f"compare: build_fn must be a function that returns a model. Received: {type(build_fn).__name__}")
    if not choices:
        raise ValueError('compare: give at least one list of choices, such as optimizer=["sgd", "adam"].')
    parameters = inspect.signature(build_fn).parameters
    takes_all = any(p.kind == p.VAR_KEYWORD for p in parameters.values())
    found = {}
    for name, values in choices.items():
        if not isinstance(values, (list, tuple, dict)) or not values:
            raise ValueError(f"compare: {name} must be a list of choices, or {{label: choice}}. Received: {name}={values!r}")
        if name not in parameters and name not in OWN and not takes_all:
            known = ", ".join([*(p for p in parameters), *(own for own in OWN if own not in parameters)])
            raise ValueError(f"compare: build_fn has no argument {name!r}; there are: {known}.")
        labelled = values if isinstance(values, dict) else {}
        if not labelled:
            labels = [_label(v) for v in values]
            twice = [label for label in dict.fromkeys(labels) if labels.count(label) > 1]
            if twice:
                raise ValueError(
                    f"compare: the choices of {name} must differ; tell alike ones apart by a dictionary {{label: choice}}. "
                    f"Received twice: {', '.join(twice)}"
                )
            labelled = dict(zip(labels, values))
        if name == "optimizer" and name not in parameters:
            labelled = {label: optimizers.get(value) for label, value in labelled.items()}
        found[name] = {str(label): value for label, value in labelled.items()}
    return found


def _label(value):
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (str, int)) or value is None:
        return str(value)
    return getattr(value, "__name__", None) or getattr(value, "name", None) or type(value).__name__


def _build(build_fn, values, loss, metrics):
    parameters = inspect.signature(build_fn).parameters
    takes_all = any(p.kind == p.VAR_KEYWORD for p in parameters.values())
    own = {name: value for name, value in values.items() if name in OWN and name not in parameters}
    model = build_fn(**{name: v for name, v in values.items() if name not in own or (takes_all and name not in OWN)})
    if not isinstance(model, Model):
        raise TypeError(f"compare: build_fn must return a model. Received: {type(model).__name__}")
    settings = model._compile_config if model.compiled else {"optimizer": "rmsprop", "loss": loss, "metrics": metrics}
    if own or not model.compiled:
        optimizer = optimizers.get(own.get("optimizer", settings["optimizer"]))
        optimizer = type(optimizer).from_config(optimizer.get_config())
        if "learning_rate" in own:
            optimizer.learning_rate = own["learning_rate"]
        model.compile(**{**settings, "optimizer": optimizer, "loss": own.get("loss", settings["loss"])})
    if model.loss is None:
        raise ValueError("compare: the model has no loss; pass loss=..., or return a compiled model from build_fn.")
    return model


class Run:
    """One combination of a Comparison.

    Attributes:
        label: the choices that differ, as text.
        options: choice -> label.
        model: the trained model.
        history: name -> one value per epoch.
        seconds: of `fit`.
        gradients: layer -> norm of the gradient of its kernel on the first batch, before training.

    >>> import kerasnp
    >>> def build():
    ...     return kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    >>> run = compare(build, [[1.0]], [[2.0]], loss="mse", optimizer=["sgd"], epochs=2)[0]
    >>> len(run.history["loss"]), run.options
    (2, {'optimizer': 'sgd'})
    """

    def __init__(self, label, options, model):
        self.label, self.options, self.model = label, options, model
        self.history, self.seconds, self.gradients = {}, 0.0, {}

    def train(self, x, y, batch_size, **options):
        """Measure the gradients, then fit."""
        if hasattr(x, "shape") and hasattr(y, "shape"):
            with _randomness_kept():
                _, pairs = probe.gradients(self.model, x[:batch_size], y[:batch_size], who="compare")
            for weight, gradient in pairs:
                if len(weight.shape) > 1:
                    layer = self.model._path_inside(weight).rpartition("/")[0]
                    norm = 0.0 if gradient is None else float(K.sqrt(K.square(gradient).sum()))
                    self.gradients[layer] = float(K.hypot(self.gradients.get(layer, 0.0), norm))
        start = time.perf_counter()
        self.history = self.model.fit(x, y, batch_size=batch_size, verbose=0, **options).history
        self.seconds = time.perf_counter() - start

    @property
    def last(self):
        """The numbers of the last epoch."""
        return {name: float(values[-1]) for name, values in self.history.items() if _is_number(values[-1])}

    def __repr__(self):
        return f"<Run {self.label}: {', '.join(f'{k} {v:.4g}' for k, v in self.last.items())}>"


class Comparison:
    """What `compare` found: a sequence of runs, printed as a table.

    Attributes:
        runs: a Run for each combination, in the order of the choices.

    >>> import kerasnp
    >>> def build():
    ...     return kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    >>> result = compare(build, [[1.0]], [[2.0]], loss="mse", optimizer=["sgd", "adam"], epochs=2)
    >>> len(result), [run.label for run in result]
    (2, ['sgd', 'adam'])
    """

    def __init__(self, runs):
        self.runs = list(runs)

    def __len__(self):
        return len(self.runs)

    def __iter__(self):
        return iter(self.runs)

    def __getitem__(self, key):
        """A run by its number or its label."""
        if isinstance(key, str):
            for run in self.runs:
                if run.label == key:
                    return run
            raise KeyError(f"no run {key!r}; there are: {'; '.join(run.label for run in self.runs)}")
        return self.runs[key]

    @property
    def rows(self):
        """A dictionary of plain values for each run: choices, numbers of the last epoch, seconds, gradient norms."""
        return [
            {**run.options, **run.last, "seconds": round(run.seconds, 3), "gradient_norms": dict(run.gradients)}
            for run in self.runs
        ]

    def best(self, metric=None, by=None):
        """The best run; or, with `by`, a Comparison of the best run for each value of that choice.

        So `compare(build, x, y, activation=[...], learning_rate=[...]).best(by="activation")` gives each activation the
        rate that suits it.

        Args:
            metric: a name in the history, the validation loss (or the loss) by default; the last epoch counts.

        Raises: ValueError for a metric or choice that there is not.
        """
        metric = metric or ("val_loss" if "val_loss" in self.runs[0].history else "loss")
        known = list(self.runs[0].last)
        if metric not in known:
            raise ValueError(f"best: metric must be among {', '.join(known)}. Received: metric={metric!r}")
        if by is not None:
            if by not in self.runs[0].options:
                raise ValueError(f"best: by must be among {', '.join(self.runs[0].options)}. Received: by={by!r}")
            groups = dict.fromkeys(run.options[by] for run in self.runs)
            return Comparison(Comparison([r for r in self.runs if r.options[by] == g]).best(metric) for g in groups)
        sign = 1 if _lower_is_better(metric) else -1
        return min(self.runs, key=lambda run: (not K.isfinite(run.last[metric]), sign * run.last[metric]))

    def table(self, tablefmt="simple_outline"):
        """The runs as a table of text; see `tabulate` for the formats."""
        from tabulate import tabulate

        metrics = sorted({name for run in self.runs for name in run.last}, key=lambda name: (not name.endswith("loss"), name))
        rows = []
        for run in self.runs:
            norms = list(run.gradients.values())
            ends = [f"{norms[0]:.1e}", f"{norms[-1]:.1e}"] if norms else ["", ""]
            numbers = [f"{run.last[name]:.4f}" if name in run.last else "" for name in metrics]
            rows.append([*run.options.values(), *numbers, f"{run.seconds:.1f}", *ends])
        header = [*self.runs[0].options, *metrics, "seconds", "first gradient", "last gradient"]
        align = ["left"] * len(self.runs[0].options) + ["right"] * (len(header) - len(self.runs[0].options))
        return tabulate(rows, header, tablefmt=tablefmt, colalign=align, disable_numparse=True)

    def __str__(self):
        return self.table()

    def __repr__(self):
        return f"<Comparison of {len(self.runs)} runs>\n{self.table()}"

    def plot(self, metrics=None, title=None, path=None):
        """A panel by epoch for each metric, validation if there is one, and the gradient that reaches each layer.

        Args:
            metrics: names in the history; by default loss and metrics, of validation where measured.
            title: above the panels.
            path: a file to write.

        Returns: a matplotlib Figure; see `kerasnp.viz`.
        """
        from kerasnp.viz.comparison import draw

        return draw(self, metrics, title, path)


def _is_number(value):
    return not isinstance(value, str) and getattr(value, "ndim", 0) == 0


def _lower_is_better(metric):
    return any(part in metric for part in ("loss", "error", "divergence")) or metric.removeprefix("val_") in (
        "mse", "mae", "mape", "msle",
    )  # fmt: skip
