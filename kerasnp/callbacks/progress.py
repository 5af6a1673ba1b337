"""ProgbarLogger: the bar of fit, evaluate and predict."""

from kerasnp.callbacks.callback import Callback
from kerasnp.utils.progress import INTERVAL, Bar, display_kind


class ProgbarLogger(Callback):
    """Show progress: a tqdm bar on a terminal or in a notebook, a plain line per epoch in a file.

    `fit`, `evaluate` and `predict` add one by themselves. `verbose=2` prints the lines without the bar.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit([[0.0]], [[2.0]], epochs=2, callbacks=[ProgbarLogger()])  # doctest: +ELLIPSIS
    Epoch 1/2 - 1/1 - ... - loss: 4.0000
    Epoch 2/2 - 1/1 - ... - loss: 3.8416

    Args:
        whole_run: one bar over all epochs, replaced by one line at the end of the run; a file gets its line per epoch.
    """

    def __init__(self, whole_run=False):
        super().__init__()
        self.whole_run = whole_run
        self.verbose, self.epochs, self.steps = 1, 1, None
        self._bar = None
        self._in_fit = self._validating = self._whole = False
        self._done_before = 0
        self._logs = None

    def set_params(self, params):
        self.params = params
        verbose = params.get("verbose", "auto")
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.epochs, self.steps = params.get("epochs", 1), params.get("steps")

    def wants_batches(self, kind):
        """All of them, but the trainer need not call the hooks for its sake: `step` does."""
        return True

    def _begin(self, total, description, delay=0.0):
        kind = display_kind() if self.verbose == 1 else "plain"
        if self._bar is None or self._bar.kind != kind:
            self.hide()
            self._bar = Bar(kind, order=sorted)
        self._bar.begin(total, description, delay=delay)

    def _finish(self, logs=None, ending=""):
        if self.verbose:
            self._bar.finish(logs, ending)

    def hide(self):
        """Take the bar off the screen, so that others may print."""
        if self._bar is not None:
            self._bar.hide()

    def step(self, n, logs=None):
        """`n` batches are done; `logs()` gives the numbers to show and is called only when it is time to draw."""
        if self._validating:
            self._bar.note(f"validation {n}")
        elif self._bar is not None:
            self._bar.step(self._done_before + n, logs)

    def on_train_begin(self, logs=None):
        self._in_fit, self._validating = True, False
        self._whole = self.whole_run and self.verbose == 1 and display_kind() != "plain"
        self._done_before = 0
        self._bar = None

    def on_epoch_begin(self, epoch, logs=None):
        description = f"Epoch {epoch + 1}/{self.epochs}"
        if not self._whole:
            self._begin(self.steps, description)
        elif self._bar is None:
            self._begin(self._total(epoch), description)
        else:
            self._bar.description = description
            self._bar.total = self._total(epoch)

    def _total(self, epoch):
        """Steps of the whole run, as soon as one epoch has been counted."""
        return None if self.steps is None else self._done_before + self.steps * (self.epochs - epoch)

    def on_epoch_end(self, epoch, logs=None):
        done = self._bar.n - self._done_before
        self.steps = self.steps or done
        if self._whole:
            self._done_before, self._logs = self._bar.n, logs
        else:
            self._bar.total = self.steps
            self._finish(logs)

    def on_train_end(self, logs=None):
        self._in_fit = False
        if self._whole and self._bar is not None:
            self._finish(self._logs)

    def on_train_interrupt(self, logs=None):
        self._in_fit = self._validating = False
        if self._bar is not None and self._bar.n > self._done_before:
            self._finish(logs, " - interrupted")
        self.hide()

    def on_test_begin(self, logs=None):
        self._validating = self._in_fit
        if not self._in_fit:
            self._begin(self.steps, "", INTERVAL)

    def on_test_end(self, logs=None):
        if not self._in_fit:
            self._finish(logs)
        self._validating = False

    def on_predict_begin(self, logs=None):
        self._begin(self.steps, "", INTERVAL)

    def on_predict_end(self, logs=None):
        self._finish()

    def on_train_batch_end(self, batch, logs=None):
        self.step(batch + 1, lambda: logs)

    def on_test_batch_end(self, batch, logs=None):
        self.step(batch + 1, lambda: logs)

    def on_predict_batch_end(self, batch, logs=None):
        self.step(batch + 1)
