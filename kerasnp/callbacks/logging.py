"""Callbacks that write down or pass on: CSVLogger, LambdaCallback, RemoteMonitor."""

import contextlib
import csv
import os
import warnings

from kerasnp.callbacks.callback import HOOKS, Callback
from kerasnp.saving.atomic import named


class CSVLogger(Callback):
    """Write a line per epoch to a table; each line is on disk when its epoch ends.

    >>> import kerasnp, os, tempfile
    >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> path = os.path.join(tempfile.mkdtemp(), "log.csv")
    >>> history = model.fit([[0.0]], [[2.0]], epochs=1, verbose=0, callbacks=[CSVLogger(path)])
    >>> print(open(path).read().strip())
    epoch,loss,val_loss
    0,4.0,NA

    The columns are the names of the first epoch, with those of validation beside them since it may come later; what an
    epoch did not measure is NA. A table that is continued keeps its columns.

    Args:
        filename: the path; folders are made.
        separator: between the columns.
        append: continue a table that is there.

    Raises: OSError where the file cannot be written, before the first epoch.
    """

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        self.filename, self.sep, self.append = os.fspath(filename), separator, append
        self.csv_file = self._writer = self._columns = None

    def get_state(self):
        return {"position": self.csv_file.tell(), "columns": self._columns}

    def set_state(self, state):
        """Go on after the lines that the broken run had completed."""
        self._open("r+")
        self.csv_file.seek(state["position"])
        self.csv_file.truncate()
        self._columns = state["columns"]

    def on_train_begin(self, logs=None):
        self._columns = None
        # Nothing is erased yet: a run that is about to be resumed needs its lines.
        self._open("a")
        if self.append:
            with open(self.filename, newline="", encoding="utf-8") as file:
                header = next(csv.reader(file, delimiter=self.sep), None)
            self._columns = header[1:] if header else None

    def _open(self, mode):
        self._close()
        os.makedirs(os.path.dirname(self.filename) or ".", exist_ok=True)
        self.csv_file = open(self.filename, mode, newline="", encoding="utf-8")
        self._writer = csv.writer(self.csv_file, delimiter=self.sep)

    def on_epoch_end(self, epoch, logs=None):
        with named("CSVLogger", self.filename, "the model in memory is whole, and so are the lines before"):
            self._write_line(epoch, logs or {})

    def _write_line(self, epoch, logs):
        if self._columns is None:
            if not self.append and self.csv_file.tell():
                self.csv_file.seek(0)
                self.csv_file.truncate()
            self._columns = sorted(logs)
            if not any(name.startswith("val_") for name in logs):
                self._columns += [f"val_{name}" for name in self._columns]
            self._writer.writerow(["epoch", *self._columns])
        if extra := sorted(set(logs) - set(self._columns)):
            warnings.warn(f"CSVLogger: {self.filename} has no column for {', '.join(extra)}; they are left out.")
        self._writer.writerow([epoch, *(_cell(logs.get(name, "NA")) for name in self._columns)])
        self.csv_file.flush()

    def on_train_end(self, logs=None):
        self._close()

    def on_train_interrupt(self, logs=None):
        self._close()

    def _close(self):
        if self.csv_file is not None:
            # Every line was flushed; what a full disk did not take, on_epoch_end has told.
            with contextlib.suppress(OSError):
                self.csv_file.close()
        self.csv_file = self._writer = None


def _cell(value):
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return f"[{', '.join(map(str, value))}]"


class LambdaCallback(Callback):
    """A callback made of functions.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> show = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, round(logs["loss"], 2)))
    >>> history = model.fit([[0.0]], [[2.0]], epochs=2, verbose=0, callbacks=[show])
    0 4.0
    1 3.84

    Args:
        on_epoch_begin, on_epoch_end: functions of `(epoch, logs)`.
        on_train_begin, on_train_end: functions of `(logs)`.
        on_train_batch_begin, on_train_batch_end: functions of `(batch, logs)`.
        kwargs: functions for the other hooks of Callback, by name, and for attributes of one's own.

    Raises: ValueError for a name that begins like a hook and is none.
    """

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_train_begin=None,
        on_train_end=None,
        on_train_batch_begin=None,
        on_train_batch_end=None,
        **kwargs,
    ):
        super().__init__()
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in hooks.items():
            if name not in HOOKS and name.startswith("on_"):
                raise ValueError(f"LambdaCallback: the hooks are {', '.join(HOOKS)}. Received: {name}=...")
            if function is not None:
                setattr(self, name, function)


class RemoteMonitor(Callback):
    """Refused: kerasnp opens no network connection while it trains.

    >>> RemoteMonitor()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    NotImplementedError: RemoteMonitor is not supported: kerasnp opens no network connections while ...
    >>> from kerasnp.callbacks import LambdaCallback
    >>> send = LambdaCallback(on_epoch_end=lambda epoch, logs: print("send", epoch, logs))  # what to use instead

    Raises: NotImplementedError, always.
    """

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(
            "RemoteMonitor is not supported: kerasnp opens no network connections while training; send the logs "
            "yourself from LambdaCallback(on_epoch_end=lambda epoch, logs: ...), or watch the file of a CSVLogger."
        )
