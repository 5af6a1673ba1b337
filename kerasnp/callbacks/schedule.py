"""Callbacks that change the learning rate: LearningRateScheduler, ReduceLROnPlateau."""

import inspect
import math

from kerasnp import backend as K
from kerasnp.callbacks.callback import Callback
from kerasnp.callbacks.monitor import MonitorCallback
from kerasnp.utils.progress import write_line


def rates_of(callback):
    """(name in the logs, optimizer) for each learning rate of the model: one, or one for each optimizer in a MultiOptimizer.

    Raises: ValueError where the model has none.
    """
    optimizer = callback.model.optimizer
    several = getattr(optimizer, "optimizers", None)
    if several is not None:
        return [(f"learning_rate_{inner.name}", inner) for inner in several]
    if not hasattr(optimizer, "learning_rate"):
        raise ValueError(f"{type(callback).__name__}: the optimizer must have a learning_rate. Received: {optimizer!r}")
    return [("learning_rate", optimizer)]


class LearningRateScheduler(Callback):
    """Set the learning rate at the start of each epoch to `schedule(epoch, lr)`; each of those in a MultiOptimizer.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    >>> model.compile(kerasnp.optimizers.SGD(0.5), "mse")
    >>> halve = LearningRateScheduler(lambda epoch, lr: lr / 2 if epoch else lr)
    >>> history = model.fit([[1.0]], [[2.0]], epochs=3, verbose=0, callbacks=[halve])
    >>> history.history["learning_rate"]
    [0.5, 0.25, 0.125]

    Args:
        schedule: a function of the epoch (from 0) and the current rate, or of the epoch alone, that returns a float.
        verbose: 1 prints a line per epoch.

    Raises: ValueError where the schedule returns anything but a finite number of at least 0.
    """

    adds_logs = ("learning_rate",)

    def __init__(self, schedule, verbose=0):
        super().__init__()
        if not callable(schedule):
            raise TypeError(f"LearningRateScheduler: schedule must be a function (epoch, lr). Received: {schedule!r}")
        self.schedule, self.verbose = schedule, verbose
        try:
            inspect.signature(schedule).bind(0, 0.1)
            self._takes_rate = True
        except TypeError:
            self._takes_rate = False
        except ValueError:  # a built-in without a signature
            self._takes_rate = True

    def on_epoch_begin(self, epoch, logs=None):
        for name, optimizer in rates_of(self):
            rate = float(optimizer.learning_rate)
            value = self.schedule(epoch, rate) if self._takes_rate else self.schedule(epoch)
            try:
                new = float("nan") if isinstance(value, (str, bool)) else float(value)
            except (TypeError, ValueError):
                new = float("nan")
            if not math.isfinite(new) or new < 0:
                raise ValueError(
                    f"LearningRateScheduler: the schedule must return a float, finite and not negative. "
                    f"Received: {value!r} for epoch {epoch}."
                )
            optimizer.learning_rate = new
            if self.verbose > 0:
                write_line(f"Epoch {epoch + 1}: LearningRateScheduler setting {_told(name)} to {new}.")

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs.update({name: float(optimizer.learning_rate) for name, optimizer in rates_of(self)})


def _told(name):
    return f"{name.removeprefix('learning_rate_')} learning rate" if name != "learning_rate" else "learning rate"


class ReduceLROnPlateau(MonitorCallback):
    """Multiply the learning rate by `factor` when a number has not improved for `patience` epochs.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    >>> model.compile(kerasnp.optimizers.SGD(0.5), "mse")
    >>> plateau = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    >>> history = model.fit([[1.0]], [[2.0]], epochs=3, verbose=0, callbacks=[plateau])
    >>> history.history["learning_rate"], float(model.optimizer.learning_rate)
    ([0.5, 0.5, 0.25], 0.125)

    Args:
        monitor: the name of the number.
        factor: below 1; new rate = rate * factor.
        patience: epochs without improvement to wait for.
        verbose: 1 prints a line at each reduction.
        mode: `"min"`, `"max"` or `"auto"` (by the name).
        min_delta: a change of no more than this is no improvement.
        cooldown: epochs after a reduction during which nothing is counted.
        min_lr: the least learning rate.

    Raises: ValueError for factor >= 1, or a name that the logs do not have.
    """

    state_names = ("best", "wait", "cooldown_counter")
    adds_logs = ("learning_rate",)

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0.0,
        **kwargs,
    ):
        if kwargs:
            raise TypeError(f"ReduceLROnPlateau: unknown arguments {sorted(kwargs)}; the threshold is min_delta.")
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1. Received: factor={factor}")
        super().__init__(monitor, mode, min_delta=min_delta)
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.wait = self.cooldown_counter = 0

    def in_cooldown(self):
        """Whether the last reduction is too recent to judge."""
        return self.cooldown_counter > 0

    def on_train_begin(self, logs=None):
        self.best, self.wait, self.cooldown_counter = None, 0, 0
        self.check_monitor()

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        rates = rates_of(self)
        logs.update({name: float(optimizer.learning_rate) for name, optimizer in rates})
        value = self.read(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improved(value, self.best):
            self.best, self.wait = value, 0
        elif not self.in_cooldown():
            self.wait += 1
            # The rate is kept in float32, so the least rate must be rounded the same way to be recognised.
            least = float(K.float32(self.min_lr))
            high = [(name, optimizer) for name, optimizer in rates if logs[name] > least]
            if self.wait >= self.patience and high:
                self.cooldown_counter, self.wait = self.cooldown, 0
                for name, optimizer in high:
                    optimizer.learning_rate = new = max(logs[name] * self.factor, self.min_lr)
                    if self.verbose > 0:
                        write_line(f"Epoch {epoch + 1}: ReduceLROnPlateau reducing {_told(name)} to {new}.")
