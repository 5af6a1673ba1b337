"""Callbacks that end training: EarlyStopping, TerminateOnNaN."""

import math

from kerasnp import backend as K
from kerasnp.callbacks.callback import Callback
from kerasnp.callbacks.monitor import MonitorCallback
from kerasnp.utils.calling import calling
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
                write_line(f"The weights are again those of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class TerminateOnNaN(Callback):
    """Stop as soon as the loss is NaN or infinite, before that step changes a weight, and say where it came from.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit([[float("nan")]], [[1.0]], epochs=5, verbose=0, callbacks=[TerminateOnNaN()])
    Batch 0: invalid loss (nan), terminating training: the inputs x hold values that are not finite.
    >>> history.epoch
    [0]

    Args:
        raise_error: raise instead of stopping, so that `on_train_end` of other callbacks does not run.

    Raises: RuntimeError where `raise_error` is true.
    """

    def __init__(self, raise_error=False):
        super().__init__()
        self.raise_error = raise_error

    def wants_batches(self, kind):
        """Only a model with a `train_step` of its own, which tells its loss in the logs alone."""
        module = getattr(getattr(type(self.model), "train_step", None), "__module__", "")
        return kind == "train" and not module.startswith("kerasnp.")

    def on_train_begin(self, logs=None):
        self.model._loss_guard = self._guard

    def on_train_end(self, logs=None):
        self.model._loss_guard = None

    def on_train_interrupt(self, logs=None):
        self.model._loss_guard = None

    def _guard(self, batch, loss, x, y):
        """True where the loss is no good; the trainer then leaves the weights alone."""
        if math.isfinite(loss):
            return False
        self._stop(batch, loss, f": {origin(self.model, x, y)}")
        return True

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss) and not self.model.stop_training:
            self._stop(batch, loss, "")

    def _stop(self, batch, loss, why):
        if self.raise_error:
            raise RuntimeError(f"NaN or Inf loss encountered at batch {batch}, a loss of {loss}{why}.")
        write_line(f"Batch {batch}: invalid loss ({loss}), terminating training{why}.")
        self.model.stop_training = True


def origin(model, x, y):
    """Where values that are not finite first appear: in inputs, labels, weights, the output of a layer, or the loss."""
    if not _finite(x):
        return "the inputs x hold values that are not finite"
    if not _finite(y):
        return "the labels y hold values that are not finite"
    for layer in model.layers:
        if not all(_finite(w) for w in layer.weights):
            return f'weights of layer "{layer.name}" are not finite'
    found = []

    def listening(layer, call):
        def listen(*args, **kwargs):
            y = call(*args, **kwargs)
            if not found and not _finite(y):
                found.append(layer.name)
            return y

        return listen

    with calling(model.layers, listening):
        model(x, training=False)
    if found:
        return f'layer "{found[0]}" is the first to put out values that are not finite'
    return "the outputs of all layers are finite, so the loss itself overflows; a smaller learning rate may help"


def _finite(values):
    values = getattr(values, "value", values)
    if isinstance(values, (list, tuple)):
        return all(_finite(v) for v in values)
    return getattr(values, "dtype", None) is None or values.dtype.kind != "f" or bool(K.isfinite(values).all())
