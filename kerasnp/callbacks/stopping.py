"""Callbacks that end training: EarlyStopping, TerminateOnNaN."""

import math

from kerasnp.callbacks.callback import Callback
from kerasnp.callbacks.monitor import MonitorCallback
from kerasnp.utils.progress import write_line


class EarlyStopping(MonitorCallback):
    """Stop when a number has not improved for `patience` epochs.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    >>> model.compile(kerasnp.optimizers.SGD(0.0), "mse")
    >>> stopping = EarlyStopping("loss", patience=2)
    >>> history = model.fit([[1.0]], [[2.0]], epochs=10, verbose=0, callbacks=[stopping])
    >>> history.epoch, stopping.best_epoch
    ([0, 1, 2], 0)

    Args:
        monitor: the name of the number.
        min_delta: a change of no more than this is no improvement.
        patience: epochs without improvement after which to stop.
        verbose: 1 prints a line when it stops or restores.
        mode: `"min"`, `"max"` or `"auto"` (by the name).
        baseline: stop unless the number gets better than this.
        restore_best_weights: end with the weights of the best epoch, whether training stopped early, came to its last
            epoch or was interrupted.
        start_from_epoch: epochs to let pass first.

    Raises: ValueError for a name that the logs do not have, before the first epoch where that can be known.
    """

    state_names = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
        start_from_epoch=0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self._begin()

    def _begin(self):
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def on_train_begin(self, logs=None):
        self._begin()
        self.check_monitor()

    def on_epoch_end(self, epoch, logs=None):
        value = self.read(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        better = self.improved(value, self.best)
        if self.restore_best_weights and (better or self.best_weights is None):
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if better:
            self.best, self.best_epoch = value, epoch
            # Patience starts again only for what also beats the baseline.
            if self.baseline is None or self.improved(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.stopped_epoch > 0 and self.verbose > 0:
            write_line(f"Epoch {self.stopped_epoch + 1}: early stopping")
        self._restore()

    def on_train_interrupt(self, logs=None):
        self._restore()

    def _restore(self):
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                write_line(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class TerminateOnNaN(Callback):
    """Stop as soon as the loss is NaN or infinite, and say at which batch and, where the weights tell, in which layer.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1, name="out")])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit([[float("nan")]], [[1.0]], epochs=5, verbose=0, callbacks=[TerminateOnNaN()])
    Batch 0: invalid loss (nan), terminating training; layer "out" holds values that are not finite.
    >>> history.epoch
    [0]

    Args:
        raise_error: raise instead of stopping, so that `on_train_end` of other callbacks does not run.

    Raises: RuntimeError where `raise_error` is true.
    """

    def __init__(self, raise_error=False):
        super().__init__()
        self.raise_error = raise_error

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        message = f"Batch {batch}: invalid loss ({loss}), terminating training{self._where()}."
        if self.raise_error:
            raise RuntimeError(message)
        write_line(message)
        self.model.stop_training = True
