"""Ten mistakes that cost a night of training, told in one line each while `fit` runs.

`fit` looks at a sample of the data before the first step, at the first steps, and at the losses of the first epochs. Each
mistake is a warning category of its own with a name, which ends the message. It is silenced by that name, or by the
category through Python's own filters:

>>> import warnings
>>> import kerasnp
>>> x, y = kerasnp.ops.ones((8, 2)), kerasnp.ops.ones((8, 1))
>>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(1, activation="softmax")])
>>> model.compile("sgd", "binary_crossentropy")
>>> with warnings.catch_warnings(record=True) as seen:
...     warnings.simplefilter("always")
...     history = model.fit(x, y, verbose=0)
>>> print(str(seen[0].message)[:59])
fit: the last activation is softmax over one unit, which is
>>> warnings.filterwarnings("ignore", category=kerasnp.warnings.LastActivation)  # one of the ten
>>> warnings.filterwarnings("ignore", category=kerasnp.warnings.TrainingWarning)  # all of them
>>> kerasnp.warnings.disable("last-activation")  # the same by name
>>> kerasnp.warnings.enable("last-activation")
"""

import math
import sys
import warnings

from kerasnp import backend as K
from kerasnp.utils.naming import to_snake_case
from kerasnp.utils.progress import above_bar

# Whatever the size of the data, a check looks at no more than this.
ROWS, VALUES, LABELS = 20_000, 200_000, 1 << 22
WATCHED_EPOCHS, WATCHED_STEPS = 3, 50


class TrainingWarning(UserWarning):
    """Base of the ten categories.

    >>> sorted(CATEGORIES)[:3]
    ['constant-loss', 'from-logits', 'high-learning-rate']
    """

    name = ""

    def __init_subclass__(cls, name, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.name = name
        CATEGORIES[name] = cls


CATEGORIES: dict[str, type[TrainingWarning]] = {}
_disabled: set[str] = set()


class SortedLabels(TrainingWarning, name="sorted-labels"):
    """The labels come sorted, and `validation_split` takes classes for validation that training hardly sees.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.layers.Dense(4, "softmax")])
    >>> model.compile("sgd", "sparse_categorical_crossentropy")
    >>> with warnings.catch_warnings():  # doctest: +ELLIPSIS
    ...     warnings.simplefilter("error", SortedLabels)
    ...     model.fit(K.ones((40, 3)), K.arange(40) // 10, validation_split=0.25, verbose=0)
    Traceback (most recent call last):
        ...
    kerasnp.warnings.SortedLabels: fit: the labels look sorted: class 3 is 100% of the part that ...
    """


class MissingClass(TrainingWarning, name="missing-class"):
    """A class occurs in training but not in validation, the other way round, or nowhere although it has a unit.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.layers.Dense(3, "softmax")])
    >>> model.compile("sgd", "sparse_categorical_crossentropy")
    >>> x, y = K.ones((4, 2)), K.array([0, 1, 0, 1])
    >>> with warnings.catch_warnings():  # doctest: +ELLIPSIS
    ...     warnings.simplefilter("error", MissingClass)
    ...     model.fit(x, y, validation_data=(x, y + 1), verbose=0)
    Traceback (most recent call last):
        ...
    kerasnp.warnings.MissingClass: fit: class 2 is in the validation data (2 samples) but not in the ...
    """


class OverlappingRows(TrainingWarning, name="overlapping-rows"):
    """Rows of the validation data occur in the training data too, far more than training rows repeat each other.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x, y = K.arange(40.0).reshape(20, 2) / 40, K.ones((20, 1))
    >>> with warnings.catch_warnings():  # doctest: +ELLIPSIS
    ...     warnings.simplefilter("error", OverlappingRows)
    ...     model.fit(x, y, validation_data=(x[:10], y[:10]), verbose=0)
    Traceback (most recent call last):
        ...
    kerasnp.warnings.OverlappingRows: fit: 10 of 10 validation rows looked at are training rows too, so ...
    """


class UnscaledInputs(TrainingWarning, name="unscaled-inputs"):
    """Inputs are whole numbers from 0 to about 255, and no layer scales them.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.layers.Flatten(), kerasnp.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> with warnings.catch_warnings():  # doctest: +ELLIPSIS
    ...     warnings.simplefilter("error", UnscaledInputs)
    ...     model.fit(K.arange(256).reshape(4, 8, 8), K.ones((4, 1)), verbose=0)
    Traceback (most recent call last):
        ...
    kerasnp.warnings.UnscaledInputs: fit: inputs are whole numbers from 0 to 255, as in images, and no ...
    """


class FromLogits(TrainingWarning, name="from-logits"):
    """Probabilities go to a loss with `from_logits=True`, or scores to one with `from_logits=False`.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.layers.Dense(1, "sigmoid")])
    >>> model.compile("sgd", kerasnp.losses.BinaryCrossentropy(from_logits=True))
    >>> with warnings.catch_warnings():  # doctest: +ELLIPSIS
    ...     warnings.simplefilter("error", FromLogits)
    ...     model.fit(K.ones((4, 2)), K.ones((4, 1)), verbose=0)
    Traceback (most recent call last):
        ...
    kerasnp.warnings.FromLogits: fit: the outputs lie between 0 and 1, so they are probabilities ...
    """


class LastActivation(TrainingWarning, name="last-activation"):
    """The last activation cannot reach the targets, or does not produce what the loss expects.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.layers.Dense(1, "relu")])
    >>> model.compile("sgd", "mse")
    >>> with warnings.catch_warnings():  # doctest: +ELLIPSIS
    ...     warnings.simplefilter("error", LastActivation)
    ...     model.fit(K.ones((4, 2)), -K.ones((4, 1)), verbose=0)
    Traceback (most recent call last):
        ...
    kerasnp.warnings.LastActivation: fit: targets go from -1 to -1, and relu reaches 0 to inf only; use ...
    """


class NoGradient(TrainingWarning, name="no-gradient"):
    """A trainable weight gets no gradient, or exact zeros in each of the first steps.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.layers.Dense(1, "relu", bias_initializer=kerasnp.initializers.Constant(-9.0))])
    >>> model.compile("sgd", "mse")
    >>> with warnings.catch_warnings():  # doctest: +ELLIPSIS
    ...     warnings.simplefilter("error", NoGradient)
    ...     model.fit(K.ones((10, 2)), K.ones((10, 1)), batch_size=2, verbose=0)
    Traceback (most recent call last):
        ...
    kerasnp.warnings.NoGradient: fit: no gradient reached dense/kernel, dense/bias in 5 steps; look for a ...
    """


class ConstantLoss(TrainingWarning, name="constant-loss"):
    """The loss is the same in all batches of the first epoch, or in each of the first three epochs.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(kerasnp.optimizers.SGD(0.0), "mse")
    >>> with warnings.catch_warnings():  # doctest: +ELLIPSIS
    ...     warnings.simplefilter("error", ConstantLoss)
    ...     model.fit(K.ones((10, 2)), 2 * K.ones((10, 1)), batch_size=2, verbose=0)
    Traceback (most recent call last):
        ...
    kerasnp.warnings.ConstantLoss: fit: the loss has been 4 since the first batch, so nothing is learnt; ...
    """


class HighLearningRate(TrainingWarning, name="high-learning-rate"):
    """After the first batch, the loss stays far above its first value for the whole epoch.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(kerasnp.optimizers.SGD(10.0), "mse")
    >>> with warnings.catch_warnings():  # doctest: +ELLIPSIS
    ...     warnings.simplefilter("error", HighLearningRate)
    ...     model.fit(K.ones((10, 2)), K.ones((10, 1)), batch_size=1, verbose=0)
    Traceback (most recent call last):
        ...
    kerasnp.warnings.HighLearningRate: fit: the loss began at 1 and was ...
    """


class SampleCount(TrainingWarning, name="sample-count"):
    """An epoch had another number of samples than the one before, or a generator ran out of data.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> batches = ((K.ones((2, 2)), K.ones((2, 1))) for _ in range(3))
    >>> with warnings.catch_warnings():  # doctest: +ELLIPSIS
    ...     warnings.simplefilter("error", SampleCount)
    ...     model.fit(batches, steps_per_epoch=2, epochs=2, verbose=0)
    Traceback (most recent call last):
        ...
    kerasnp.warnings.SampleCount: fit: the data ran out after 1 of 2 steps of epoch 2; a generator is ...
    """


def disable(*names):
    """Silence warnings by name.

    >>> disable("sorted-labels", "missing-class")
    >>> enable("sorted-labels", "missing-class")

    Raises: ValueError for an unknown name, listing the names there are.
    """
    _disabled.update(map(_known, names))


def enable(*names):
    """Undo `disable`; without arguments, for all names.

    >>> disable("sorted-labels")
    >>> enable("sorted-label")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: No warning is called 'sorted-label'. The names are constant-loss, from-logits, ...
    >>> enable()
    """
    _disabled.difference_update(map(_known, names or CATEGORIES))


def _known(name):
    if name not in CATEGORIES:
        raise ValueError(f"No warning is called {name!r}. The names are {', '.join(sorted(CATEGORIES))}.")
    return name


def tell(category, sentence):
    """Warn about the line outside of kerasnp that called; a bar on the screen makes room."""
    if category.name in _disabled:
        return
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and f"{frame.f_globals.get('__name__')}.".startswith("kerasnp."):
        level, frame = level + 1, frame.f_back
    with above_bar():
        warnings.warn(f"fit: {sentence} [{category.name}]", category, stacklevel=level + 1)


class Checkup:
    """What one run of `fit` has shown so far, and what there is to say about it.

    Args:
        model: the compiled model.
        data, validation: the sources of batches, see models/data.py; validation may be None.
        split: the `validation_split`, 0 if there was none.
    """

    def __init__(self, model, data, validation=None, split=0.0):
        self.model, self.data, self.validation, self.split = model, data, validation, split
        self.loss = getattr(model._compile_loss, "loss", None)
        self.steps = self.epochs = 0
        self.watching = True
        self.first = None  # the loss of the first batch
        self.suspects = None  # weights that have had no gradient yet, by their position
        self.detached = []  # those of them that the loss did not depend on
        self.epoch_losses = []
        self.samples = None  # in the epoch before
        self._start_epoch()

    def _start_epoch(self):
        self.lowest, self.highest, self.total, self.count = math.inf, -math.inf, 0.0, 0

    def before(self, x):
        """The checks of the data; `x` is the first batch of inputs."""
        self._tell(UnscaledInputs, unscaled_inputs(self.model, x))
        if self.validation is None or not (in_memory(self.data) and in_memory(self.validation)):
            if in_memory(self.data):
                self._tell(MissingClass, missing_class(class_labels(self.data.y, self.loss), None, self._units()))
            return
        labels, others = (class_labels(d.y, self.loss) for d in (self.data, self.validation))
        found = sorted_labels(labels, others, self.split) if self.split else None
        self._tell(SortedLabels, found)
        if found is None or SortedLabels.name in _disabled:
            self._tell(MissingClass, missing_class(labels, others, self._units()))
        self._tell(OverlappingRows, overlapping_rows(self.data.x, self.validation.x))

    def step(self, y, y_pred, loss, weights, gradients):
        """The checks of a step, before its update."""
        if not self.watching:
            return
        loss = float(loss)
        if self.steps == 0:
            self.first = loss
        if self.steps == 0 and hasattr(y_pred, "size") and not isinstance(y, (list, tuple, dict)):
            activation = last_activation(self.model)
            found = from_logits(self.loss, activation, y_pred)
            self._tell(FromLogits, found)
            if found is None:
                self._tell(LastActivation, unfit_activation(self.loss, activation, y, y_pred))
        if self.steps:
            self.lowest, self.highest = min(self.lowest, loss), max(self.highest, loss)
            if not math.isfinite(loss):
                self.highest = math.inf
            self.total, self.count = self.total + loss, self.count + 1
        self.steps += 1
        if self.suspects is None:
            self.suspects = list(range(len(gradients))) if loss != 0 else []
        if self.suspects:
            self.suspects = [i for i in self.suspects if gradients[i] is None or not gradients[i].any()]
            self.detached = [i for i in self.suspects if gradients[i] is None]
            if self.steps == WATCHED_STEPS:
                self._tell_suspects(weights, self.suspects)

    def end_epoch(self, loss, samples=None):
        """The checks after an epoch, given its mean loss and, where nothing fixes it, its number of samples."""
        if samples is not None:
            before, self.samples = self.samples, samples
            if before not in (None, samples):
                self._tell(
                    SampleCount,
                    f"this epoch had {samples} samples and the one before {before}; let each pass over the data yield the "
                    "same samples, or give steps_per_epoch.",
                )
        if not self.watching:
            return
        self.epochs += 1
        self.epoch_losses.append(math.nan if loss is None else loss)
        if self.suspects:
            # A gradient may well be zero for a step or two.
            self._tell_suspects(self.model.trainable_variables, self.suspects if self.steps >= 5 else self.detached)
        if not self._tell(ConstantLoss, constant_loss(self)):
            self._tell(HighLearningRate, high_learning_rate(self))
        self._start_epoch()
        self.watching = self.watching and self.epochs < WATCHED_EPOCHS

    def ran_out(self, epoch, step, steps, one_shot=True):
        """Data that ended before the last step of an epoch, or before its first."""
        wanted = f"after {step} of {steps} steps" if steps and step else "before the first step"
        if one_shot:
            remedy = (
                "a generator is used up after one pass: let it run for ever and give steps_per_epoch, or pass arrays or a "
                "PyDataset."
            )
        else:
            remedy = "the epoch ends there, and the next one begins a new pass; leave steps_per_epoch out for whole passes."
        self._tell(SampleCount, f"the data ran out {wanted} of epoch {epoch}; {remedy}")

    def validation_ran_out(self, epoch, again):
        """A generator of validation batches that has come to its end before this validation; told once."""
        if not self.told_of_validation:
            self.told_of_validation = True
            self._tell(
                SampleCount,
                f"the generator of validation_data ended before epoch {epoch}, so from now on val_ numbers are of its first "
                f"{again} batches alone; let it run for ever and give validation_steps, or pass arrays or a PyDataset.",
            )

    told_of_validation = False

    def _tell(self, category, sentence):
        if sentence is not None:
            tell(category, sentence)
        return sentence is not None

    def _tell_suspects(self, weights, suspects):
        if not suspects:
            return
        names = [self.model._path_inside(weights[i]) for i in suspects]
        self._tell(
            NoGradient,
            f"no gradient reached {listing(names)} in {self.steps} step{'s' * (self.steps > 1)}; look for a layer that is "
            "never called, relu units that are always 0, or numpy in a call(); set trainable=False where it is meant so.",
        )
        self.suspects = []

    def _units(self):
        shape = getattr(self.model, "_output_shape", None)
        return shape[-1] if isinstance(shape, tuple) and len(shape) == 2 else None


# -- what the checks know about data, losses and models -----------------------------------------------------------------


def in_memory(data):
    """Whether the samples are arrays at hand, so that looking at some of them costs nothing."""
    return getattr(data, "in_memory", False)


def listing(items, most=4):
    """`a, b, c, d and 3 more`.

    >>> listing("abcdefg")
    'a, b, c, d and 3 more'
    """
    items = [str(item) for item in items]
    more = len(items) - most
    return ", ".join(items[:most]) + (f" and {more} more" if more > 0 else "")


def loss_kind(loss):
    """The name of a loss in snake case, whether it is a function or a class.

    >>> import kerasnp
    >>> loss_kind(kerasnp.losses.MeanSquaredError())
    'mean_squared_error'
    """
    return getattr(getattr(loss, "fn", None), "__name__", None) or to_snake_case(type(loss).__name__)


CATEGORICAL = ("categorical_crossentropy", "sparse_categorical_crossentropy", "categorical_focal_crossentropy")
BINARY = ("binary_crossentropy", "binary_focal_crossentropy")
REGRESSION = (
    "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_logarithmic_error",
    "huber", "log_cosh",
)  # fmt: skip
POSITIVE = ("poisson", "kl_divergence")
RANGES = {
    "sigmoid": (0, 1), "hard_sigmoid": (0, 1), "sparse_sigmoid": (0, 1), "softmax": (0, 1), "sparsemax": (0, 1),
    "tanh": (-1, 1), "hard_tanh": (-1, 1), "softsign": (-1, 1), "relu6": (0, 6), "relu": (0, math.inf),
    "softplus": (0, math.inf), "squareplus": (0, math.inf), "exponential": (0, math.inf), "sparse_plus": (0, math.inf),
}  # fmt: skip
# Layers behind the last activation that leave the range of its values as it is.
TRANSPARENT = ("Dropout", "Flatten", "Reshape", "Permute", "GaussianDropout", "RepeatVector", "Cropping1D", "Cropping2D")
SCALING = (
    "Rescaling", "Normalization", "BatchNormalization", "LayerNormalization", "GroupNormalization", "UnitNormalization",
    "RMSNormalization", "Lambda", "Embedding", "CategoryEncoding", "Discretization", "IntegerLookup", "Hashing",
    "HashedCrossing",
)  # fmt: skip


def class_labels(y, loss):
    """One class number per sample, or None where the loss is not one of classification."""
    kind = loss_kind(loss)
    if not hasattr(y, "size") or y.size > LABELS or y.dtype.kind not in "iubf" or not y.size:
        return None
    if kind == "sparse_categorical_crossentropy" and y.size == len(y):
        labels = y.reshape(-1).astype("int64")
        return labels[labels >= 0] if getattr(loss, "ignore_class", None) is not None else labels
    if kind in CATEGORICAL and y.ndim == 2 and y.shape[1] > 1:
        return y.argmax(axis=1)
    if kind in BINARY and y.size == len(y):
        return (y.reshape(-1) > 0.5).astype("int64")
    return None


def last_activation(model):
    """The name of the activation that the outputs of a stack come from, `"linear"` for none, None where it is not known.

    >>> import kerasnp
    >>> last_activation(kerasnp.Sequential([kerasnp.layers.Dense(2, "softmax"), kerasnp.layers.Dropout(0.5)]))
    'softmax'
    """
    for layer in _from_the_output(model):
        if hasattr(layer, "call") and hasattr(layer, "layers"):
            return last_activation(layer)
        layer = getattr(layer, "layer", layer)  # TimeDistributed
        kind = type(layer).__name__
        if kind in TRANSPARENT:
            continue
        if kind in ("Softmax", "ReLU"):
            plain = kind == "Softmax" or (not layer.negative_slope and not layer.threshold and layer.max_value is None)
            return kind.lower() if plain else None
        activation = getattr(layer, "activation", None)
        return getattr(activation, "__name__", None)
    return None


def _from_the_output(model):
    """The layers of a stack from the last to the first; those of a graph with one output, as far as they are in a row."""
    from kerasnp.models.sequential import Sequential

    if isinstance(model, Sequential):
        yield from reversed(model.layers)
    elif hasattr(model, "_graph") and len(model.outputs) == 1:
        node = model.outputs[0].node
        while node is not None and node.inputs:
            yield node.operation
            node = node.inputs[0].node if len(node.inputs) == 1 else None


def is_logits(loss):
    """The `from_logits` of a loss."""
    return bool(getattr(loss, "from_logits", False) or getattr(loss, "_fn_kwargs", {}).get("from_logits", False))


# -- the ten checks: each returns what was seen and what to do, or None -----------------------------------------------


def sorted_labels(labels, others, split):
    """The classes of the first part and the last differ, and the labels change more seldom than in random order."""
    if labels is None or others is None or len(labels) < 20 or not len(others) or min(labels.min(), others.min()) < 0:
        return None
    classes = int(max(labels.max(), others.max())) + 1
    p, q = (K.bincount(part, minlength=classes) / len(part) for part in (labels, others))
    both = p * (1 - split) + q * split
    few = labels[:: max(1, len(labels) // 5000)]
    changes = float((few[1:] != few[:-1]).mean())
    expected = 1 - float((both * both).sum())
    if changes >= 0.2 * expected or float(abs(p - q).sum()) / 2 < 0.25:
        return None
    most = int(q.argmax())
    return (
        f"the labels look sorted: class {most} is {q[most]:.0%} of the part that validation_split={split:g} takes from the "
        f"end, and {p[most]:.0%} of the rest; shuffle x and y with one permutation before fit."
    )


def missing_class(labels, others, units):
    """A class in only one of the two parts, where chance would hardly do that, or in none although it has a unit."""
    if labels is None or not len(labels) or labels.min() < 0:
        return None
    known = others is not None and len(others) > 0 and others.min() >= 0
    classes = int(max(labels.max(), others.max() if known else 0)) + 1
    seen = K.bincount(labels, minlength=classes)
    if known:
        tested = K.bincount(others, minlength=classes)
        unseen = K.nonzero((seen == 0) & (tested > 0))[0]
        if len(unseen):
            return (
                f"class {listing(unseen)} is in the validation data ({int(tested[unseen].sum())} samples) but not in the "
                "training data, so it cannot be learnt; split the samples anew, shuffled."
            )
        untested = K.nonzero((tested == 0) & (seen * (len(others) / len(labels)) >= 5))[0]
        if len(untested):
            return (
                f"class {listing(untested)} is in the training data ({int(seen[untested].sum())} samples) but not in the "
                "validation data, so val_ numbers say nothing about it; split the samples anew, shuffled."
            )
    if units is not None and 2 < units <= 100 and len(labels) >= 50 * units:
        absent = [c for c in range(units) if c >= classes or seen[c] == 0]
        if 0 < len(absent) <= units / 2:
            return (
                f"class {listing(absent)} never occurs among the {len(labels)} training labels, but the last layer has {units} "
                "units; check that labels count from 0 and that no class was lost."
            )
    return None


def overlapping_rows(x, others):
    """A share of validation rows that occur among the training rows, beyond what rows repeat within training."""
    if len(others) < 10 or len(x) < 10 or x.dtype.kind not in "iubf" or x.shape[1:] != others.shape[1:] or not x.size:
        return None
    x = x[:: -(-len(x) // ROWS)]
    sample = others[:: -(-len(others) // 256)].astype(x.dtype)
    values = sample.reshape(len(sample), -1)
    spread = values.astype("float64").var(axis=0) if values.shape[1] <= 4096 else K.ones(values.shape[1])
    # The 16 entries that differ most from row to row tell rows apart.
    places = K.argsort(-spread, kind="stable")[:16]
    where = (slice(None), *K.unravel_index(places, x.shape[1:])) if x.ndim > 1 else (slice(None), K.newaxis)
    keys, wanted = _row_keys(x[where]), _row_keys(sample[where])
    first, repeated = {}, set()
    for i, key in enumerate(keys):
        if first.setdefault(key, i) != i:
            repeated.add(key)
    found = [i for i, key in enumerate(wanted) if key in first and (x[first[key]] == sample[i]).all()]
    natural = sum(key in repeated for key in keys[:: max(1, len(keys) // 256)][:256]) / min(len(keys), 256)
    share = len(found) / len(sample)
    if len(found) < 2 or share <= 2 * natural + 0.05:
        return None
    return (
        f"{len(found)} of {len(sample)} validation rows looked at are training rows too, so val_ numbers flatter the model; "
        "keep each row in one part, and split before augmenting."
    )


def _row_keys(columns):
    """A bytes object per row."""
    columns = K.ascontiguousarray(columns)
    return columns.view(f"V{columns.itemsize * columns.shape[1]}").reshape(-1).tolist()


def unscaled_inputs(model, x):
    """Whole numbers between 0 and 255, some above 200, into a stack whose layers take them as they are."""
    from kerasnp.models.sequential import Sequential

    stack = isinstance(model, Sequential) or hasattr(model, "_graph")
    if not stack or not isinstance(x, K.ndarray) or x.ndim < 2 or x.dtype.kind not in "iuf":
        return None
    features = x.size // max(len(x), 1)
    if features < 16:
        return None
    for layer in model._flatten_layers():
        if type(layer).__name__ in SCALING or not type(layer).__module__.startswith("kerasnp."):
            return None
        if not all(hasattr(operation, "call") for operation in getattr(layer, "operations", ())):
            return None  # a function in a graph may scale them
    sample = x[: max(VALUES // features, 1)]
    if not (sample.min() >= 0 and 200 < sample.max() <= 255 and (sample == K.rint(sample)).all()):
        return None
    return (
        f"inputs are whole numbers from {sample.min():g} to {sample.max():g}, as in images, and no layer scales them; divide "
        "by 255, or begin with layers.Rescaling(1 / 255)."
    )


def from_logits(loss, activation, y_pred):
    """Probabilities where the loss expects scores, or scores where it expects probabilities."""
    kind = loss_kind(loss)
    if kind not in CATEGORICAL + BINARY or not hasattr(y_pred, "shape") or not y_pred.size:
        return None
    y_pred = y_pred.reshape(-1, y_pred.shape[-1])[: max(VALUES // max(y_pred.shape[-1], 1), 1)]
    low, high = float(y_pred.min()), float(y_pred.max())
    if is_logits(loss):
        own = "softmax" if kind in CATEGORICAL else "sigmoid"
        if kind in CATEGORICAL:
            one = y_pred.shape[1] > 1 and low >= 0 and bool((abs(y_pred.sum(axis=1) - 1) < 1e-3).all())
        else:
            one = activation is None and y_pred.size >= 32 and 0 < low and high < 1
        if not (one or activation == own):
            return None
        seen = "sum to one" if kind in CATEGORICAL else "lie between 0 and 1"
        return (
            f"the outputs {seen}, so they are probabilities already, but the loss has from_logits=True; set it to False, "
            f"or drop the {activation if activation == own else own} of the last layer."
        )
    if activation == "linear" or (activation is None and (low < -1e-3 or high > 1 + 1e-3)):
        own = "softmax" if kind in CATEGORICAL else "sigmoid"
        return (
            f"the outputs are scores from {low:.3g} to {high:.3g}, but {kind} expects probabilities; give the loss "
            f"from_logits=True, or the last layer activation={own!r}."
        )
    return None


def unfit_activation(loss, activation, y, y_pred):
    """A last activation whose values are not of the kind that the loss or the targets need."""
    kind, units = loss_kind(loss), y_pred.shape[-1] if getattr(y_pred, "ndim", 0) > 1 else 1
    if activation == "softmax" and units == 1:
        return "the last activation is softmax over one unit, which is always 1; use sigmoid for one unit, or a unit per class."
    if activation not in RANGES:
        if kind in POSITIVE and activation == "linear":
            return f"{kind} takes the logarithm of the outputs, which may be negative; let the last activation be softplus."
        return None
    if kind in CATEGORICAL + BINARY and is_logits(loss):
        return f"the last activation is {activation}, but from_logits=True expects scores of any size; use no activation."
    if kind in CATEGORICAL and activation not in ("softmax", "sparsemax"):
        return f"the outputs of {activation} do not sum to one over the classes, as {kind} expects; use softmax."
    if kind in BINARY and activation == "softmax":
        return f"softmax makes the outputs compete, but {kind} treats each alone; use categorical_crossentropy or sigmoid."
    if kind in BINARY and RANGES[activation] != (0, 1):
        return f"the outputs of {activation} are no probabilities, as {kind} expects; use sigmoid."
    if kind in ("hinge", "squared_hinge") and RANGES[activation][0] == 0:
        return f"{kind} expects scores on both sides of 0, and {activation} gives none below; use tanh or no activation."
    if kind in POSITIVE and RANGES[activation][0] < 0:
        return f"{kind} takes the logarithm of the outputs, which {activation} makes negative; use softplus."
    if kind in REGRESSION and y is not None and y.size and y.dtype.kind in "iufb":
        (low, high), least, most = RANGES[activation], float(y.min()), float(y.max())
        if least < low - 1e-6 or most > high + 1e-6:
            return (
                f"targets go from {least:g} to {most:g}, and {activation} reaches {low:g} to {high:g} only; use no activation "
                "in the last layer, or scale the targets."
            )
    return None


def constant_loss(checkup):
    """The loss of each batch, or the mean of each epoch, as it was at first."""
    first, losses = checkup.first, checkup.epoch_losses
    same = first is not None and abs(first) > 1e-7 and checkup.epochs == 1 and checkup.count >= 4
    same = same and max(abs(checkup.highest - first), abs(checkup.lowest - first)) <= 1e-6 * abs(first)
    if not same:
        if len(losses) < WATCHED_EPOCHS or not abs(losses[0]) > 1e-7:
            return None
        if not max(losses) - min(losses) <= 1e-6 * abs(losses[0]):
            return None
    checkup.watching = False
    rate = _learning_rate(checkup.model.optimizer)
    cause = "look for relu units that are always 0, or outputs that the loss clips"
    if rate < 1e-7:
        cause = f"the learning rate is {rate:g}"
    value = first if same else losses[0]
    return f"the loss has been {value:.6g} since the first batch, so nothing is learnt; {cause}."


def _learning_rate(optimizer):
    """The learning rate, the highest one where there are several optimizers."""
    return max(float(inner.learning_rate) for inner in getattr(optimizer, "optimizers", [optimizer]))


def high_learning_rate(checkup):
    """An epoch of losses that are all above the first one, and not by the noise of small batches."""
    first, count = checkup.first, checkup.count
    if first is None or not math.isfinite(first) or count < 5:
        return None
    mean = checkup.total / count
    if math.isfinite(mean) and hasattr(checkup.data, "x") and not checkup.data.shuffle:
        return None  # the order of the samples may have its own trend
    far = checkup.lowest > 1.25 * first and mean > 2 * first
    if math.isfinite(mean) and not (first > 0 and (far or (count >= 20 and checkup.lowest > first and mean > 1.5 * first))):
        return None
    checkup.watching = False
    rate = _learning_rate(checkup.model.optimizer)
    return (
        f"the loss began at {first:.4g} and was {mean:.4g} on average after that, never lower; the learning rate {rate:.3g} "
        f"is far too high: try {rate / 10:.3g}."
    )
