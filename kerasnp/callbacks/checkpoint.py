"""ModelCheckpoint: write the model, or its weights, to files while training."""

import os
import string
import warnings

from kerasnp.callbacks.monitor import MonitorCallback, find_name
from kerasnp.saving.atomic import named
from kerasnp.utils.progress import write_line


class Every:
    """Says when `save_freq` batches have passed since the last time, across epochs."""

    def __init__(self, who, save_freq):
        self.batches = 0 if save_freq == "epoch" or save_freq is False else save_freq
        if isinstance(self.batches, bool) or not isinstance(self.batches, int) or self.batches < 0 or save_freq == 0:
            raise ValueError(
                f"{who}: Invalid value for argument `save_freq`. Expected 'epoch' or a number of batches. "
                f"Unrecognized save_freq: {save_freq!r}"
            )
        self.seen = 0

    def due(self):
        """Count one batch."""
        self.seen += 1
        if not self.batches or self.seen < self.batches:
            return False
        self.seen = 0
        return True


class ModelCheckpoint(MonitorCallback):
    """Save the model after every epoch, after some batches, or whenever a number is the best so far.

    A file is written beside its place and moved there when complete, so the last good one survives a full disk.

    >>> import kerasnp, os, tempfile
    >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> folder = tempfile.mkdtemp()
    >>> save = ModelCheckpoint(os.path.join(folder, "{epoch:02d}-{loss:.2f}.weights.h5"), save_weights_only=True)
    >>> history = model.fit([[0.0]], [[2.0]], epochs=2, verbose=0, callbacks=[save])
    >>> sorted(os.listdir(folder))
    ['01-4.00.weights.h5', '02-3.84.weights.h5']

    Args:
        filepath: where to; may contain `{epoch}` (counted from 1), `{batch}` and names of the logs, with formats.
            It ends in `.weights.h5` with `save_weights_only`, else in `.keras` or `.h5`. Folders are made.
        monitor: the name of the number that tells the best.
        verbose: 1 prints a line at each file.
        save_best_only: write only when `monitor` improved.
        save_weights_only: `model.save_weights(path)` in the place of `model.save(path)`.
        mode: `"min"`, `"max"` or `"auto"` (by the name).
        save_freq: `"epoch"`, or a number of batches.
        initial_value_threshold: the value to beat at first.

    Raises:
        ValueError: another ending, save_freq or a name that the logs do not have.
        KeyError: a placeholder that the logs do not have.
        OSError: the file cannot be written.
    """

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
    ):
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath, self.verbose, self.save_freq = os.fspath(filepath), verbose, save_freq
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self._every = Every("ModelCheckpoint", save_freq)
        self._epoch = 0
        endings = (".weights.h5",) if save_weights_only else (".keras", ".h5")
        if not self.filepath.endswith(endings):
            which = "with save_weights_only=True" if save_weights_only else "for a whole model"
            raise ValueError(
                f"ModelCheckpoint: filepath must end in {' or '.join(endings)} {which}. Received: {self.filepath!r}"
            )

    def get_state(self):
        return {"best": self.best, "seen": self._every.seen}

    def set_state(self, state):
        self.best, self._every.seen = state["best"], state["seen"]

    def wants_batches(self, kind):
        return kind == "train" and bool(self._every.batches)

    def on_train_begin(self, logs=None):
        if self.save_best_only:
            try:
                self.check_monitor()
            except ValueError as error:
                # A model saved too often is better than a run that never began.
                warnings.warn(f"{error} Every model is saved.", stacklevel=2)
        if self.log_names is not None:
            given = {"epoch", "batch", *self.log_names}
            for _, name, _, _ in string.Formatter().parse(self.filepath):
                if name and find_name(name, given) is None:
                    raise KeyError(self._no_such(name, given))

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self._every.due():
            self._save(self._epoch, batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save(epoch, None, logs)

    def _no_such(self, name, names):
        known = ", ".join(f"{{{name}}}" for name in sorted(names))
        return f"ModelCheckpoint: filepath may contain {known}. Received: {{{name}}} in {self.filepath!r}."

    def path(self, epoch, batch, logs):
        """`filepath` with its placeholders filled in.

        Raises: KeyError for a placeholder that the logs do not have.
        """
        values = {"epoch": epoch + 1, **(logs or {})}
        if batch is not None:
            values.setdefault("batch", batch + 1)
        try:
            return self.filepath.format_map(_Aliased(values))
        except KeyError as error:
            raise KeyError(self._no_such(error.args[0], values)) from None

    def _save(self, epoch, batch, logs):
        path = self.path(epoch, batch, logs)
        say = write_line if self.verbose > 0 else (lambda text: None)
        if self.save_best_only:
            try:
                value = self.read(logs)
            except ValueError:
                self._write(path)
                return
            if value is None:
                return
            if getattr(value, "ndim", 0):
                raise ValueError(f"ModelCheckpoint: monitor={self.monitor!r} must name one number. Received: {value}")
            best = "None" if self.best is None else f"{self.best:.5f}"
            if not self.improved(value, self.best):
                say(f"Epoch {epoch + 1}: {self.monitor} did not improve from {best}")
                return
            say(f"Epoch {epoch + 1}: {self.monitor} improved from {best} to {value:.5f}, saving model to {path}")
        else:
            say(f"Epoch {epoch + 1}: saving model to {path}")
            value = self.best
        self._write(path)
        # Only a file that is complete counts as the best so far.
        self.best = value

    def _write(self, path):
        if os.path.isdir(path):
            raise IsADirectoryError(f"ModelCheckpoint: filepath must name a file, not a directory. Received: {path!r}")
        with named("ModelCheckpoint", path, "the model in memory is whole, and so is a file written before"):
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            if self.save_weights_only:
                self.model.save_weights(path, overwrite=True)
            else:
                self.model.save(path, overwrite=True)


class _Aliased(dict):
    """Values by name, where `acc` finds `accuracy` and the reverse."""

    def __missing__(self, name):
        found = find_name(name, self)
        if found is None:
            raise KeyError(name)
        return self[found]
