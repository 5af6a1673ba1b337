"""MonitorCallback: base of the callbacks that watch one number."""

import warnings

from kerasnp import ops
from kerasnp.callbacks.callback import Callback
from kerasnp.utils.naming import to_snake_case

# Words in the names of metrics that grow as a model gets better, or shrink. The metric itself is asked first.
GROWING = (
    "acc", "auc", "concordance", "cosine_similarity", "f1", "fbeta", "fmeasure", "f_score", "iou", "pearson",
    "precision", "r2", "recall", "sensitivity", "specificity", "top_k",
)  # fmt: skip
SHRINKING = (
    "loss", "error", "mse", "mae", "mape", "msle", "rmse", "crossentropy", "entropy", "divergence", "hinge", "poisson",
    "logcosh", "log_cosh", "perplexity",
)  # fmt: skip


class MonitorCallback(Callback):
    """Base of callbacks that watch one number of the logs and ask whether it improved.

    >>> class Cheer(MonitorCallback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         value = self.read(logs)
    ...         if self.improved(value, self.best):
    ...             print("epoch", epoch, "is the best so far:", value)
    ...             self.best = value
    >>> cheer = Cheer("val_loss")
    >>> for epoch, value in enumerate([0.5, 0.75, 0.25]):
    ...     cheer.on_epoch_end(epoch, {"val_loss": value})
    epoch 0 is the best so far: 0.5
    epoch 2 is the best so far: 0.25

    Args:
        monitor: its name; `acc` finds `accuracy`, and the reverse.
        mode: `"min"`, `"max"`, or `"auto"`: by the metric, or else by its name.
        baseline: the value to improve on at first; None takes the first one.
        min_delta: what an improvement must exceed.
    """

    def __init__(self, monitor="val_loss", mode="auto", baseline=None, min_delta=0):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__} mode {mode!r} is unknown: 'auto' is used. Expected 'auto', 'min' or 'max'.",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        self.best = baseline
        self._growing = None

    @property
    def monitor_op(self):
        """`ops.greater` or `ops.less`, whichever means better; None until the direction is known."""
        growing = self.mode == "max" if self.mode != "auto" else self._growing
        return None if growing is None else ops.greater if growing else ops.less

    def check_monitor(self):
        """Before the first epoch, where the names are known: refuse a name that will never come."""
        self._growing = None
        if self.log_names is None:
            return
        name = find_name(self.monitor, self.log_names)
        if name is None:
            raise ValueError(self._unknown(self.log_names))
        self._growing = self._direction(name)

    def read(self, logs):
        """The watched number, or None in an epoch without validation.

        Raises: ValueError where no epoch will have it, listing the names there are.
        """
        logs = logs or {}
        name = find_name(self.monitor, logs)
        if name is None:
            if self._growing is None and not self._comes_later(logs):
                raise ValueError(self._unknown(logs))
            return None
        if self._growing is None:
            self._growing = self._direction(name)
        return logs[name]

    def improved(self, value, best):
        """Whether `value` beats `best` by more than `min_delta`; anything beats None and NaN, and NaN beats nothing.

        >>> callback = MonitorCallback("val_loss", min_delta=0.25)
        >>> callback.improved(0.5, best=1.0), callback.improved(0.875, best=1.0)
        (True, False)
        """
        if value != value:
            return False
        if best is None or best != best:
            return True
        return value - self.min_delta > best if self._growing else value + self.min_delta < best

    def _comes_later(self, logs):
        validated = any(name.startswith("val_") for name in logs)
        return self.monitor.startswith("val_") and not validated and bool((self.params or {}).get("do_validation"))

    def _unknown(self, names):
        missing = self.monitor.startswith("val_") and not any(name.startswith("val_") for name in names)
        remedy = " There is no validation: pass validation_data or validation_split to fit()." if missing else ""
        return (
            f"{type(self).__name__}: monitor must be one of {', '.join(map(repr, sorted(names)))}. "
            f"Received: monitor={self.monitor!r}.{remedy}"
        )

    def _direction(self, name):
        """True if growing is better."""
        if self.mode != "auto":
            return self.mode == "max"
        name = name.removeprefix("val_")
        if name == "loss":
            return False
        texts = [name]
        for metric in _leaves(getattr(self.model, "metrics", ())):
            if metric.name == name:
                if getattr(metric, "_direction", None) is not None:
                    return metric._direction == "up"
                texts.append(to_snake_case(type(metric).__name__))
        for text in texts:
            growing, shrinking = (any(word in text for word in words) for words in (GROWING, SHRINKING))
            if growing != shrinking:
                return growing
        raise ValueError(
            f"{type(self).__name__}: mode must be 'max' or 'min' for monitor={self.monitor!r}, whose name does not "
            "tell whether it should grow or shrink."
        )


def _leaves(metrics):
    for metric in metrics:
        inner = getattr(metric, "metrics", None)
        if inner is None:
            yield metric
        else:
            yield from _leaves(inner)


def find_name(monitor, names):
    """The one of `names` that `monitor` means, or None: itself, or `acc` for `accuracy` and the reverse.

    >>> find_name("val_acc", ["loss", "val_accuracy"])
    'val_accuracy'
    """
    if monitor in names:
        return monitor
    prefix, stem = ("val_", monitor[4:]) if monitor.startswith("val_") else ("", monitor)
    other = prefix + {"acc": "accuracy", "accuracy": "acc"}.get(stem, stem)
    return other if other in names else None
