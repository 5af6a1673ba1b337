"""BackupAndRestore: a run that was killed goes on where it stood."""

import glob
import os
import shutil
import warnings

from kerasnp.callbacks.callback import Callback
from kerasnp.callbacks.checkpoint import Every
from kerasnp.saving.atomic import named
from kerasnp.saving.state import read_state, write_state
from kerasnp.utils.progress import write_line

FORMAT = 1


class BackupAndRestore(Callback):
    """Save the whole state of training while it runs, and continue from there when the same program is started again.

    The continued run equals one that was never broken, bit for bit: weights, optimizer, random numbers, order of the
    samples, metrics, History and what callbacks remember (`Callback.get_state`). The file is moved into its place when
    complete, so a kill at any moment costs no more than the steps since the last save. The state is saved after all
    other callbacks have seen an epoch (or batch), wherever this one stands in the list. Data that come from a generator
    are run forward to the place, so they must come in the same order again.

    >>> import kerasnp, tempfile
    >>> class PowerCut(Callback):
    ...     def on_epoch_begin(self, epoch, logs=None):
    ...         if epoch == 2:
    ...             raise SystemExit
    >>> def program(*callbacks):
    ...     kerasnp.utils.set_random_seed(0)
    ...     model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    ...     model.compile("adam", "mse")
    ...     return model.fit([[1.0], [3.0]], [[2.0], [0.0]], batch_size=1, epochs=4, verbose=0, callbacks=callbacks)
    >>> folder = tempfile.mkdtemp()
    >>> try:
    ...     program(BackupAndRestore(folder), PowerCut())
    ... except SystemExit:
    ...     history = program(BackupAndRestore(folder))
    >>> history.epoch, history.history == program().history
    ([0, 1, 2, 3], True)

    Args:
        backup_dir: a folder for this run alone.
        save_freq: `"epoch"`, or a number of batches.
        double_checkpoint: keep the state before the last one too, for disks that lose what they promised to keep.
        delete_checkpoint: delete the state when training ends well.

    Raises: ValueError for an empty folder name, another save_freq, or a state that belongs to another model.
    """

    runs_last = True
    # The other callbacks of the run; CallbackList sets it.
    others = ()

    def __init__(self, backup_dir, save_freq="epoch", double_checkpoint=False, delete_checkpoint=True):
        super().__init__()
        if not backup_dir:
            raise ValueError(f"Empty `backup_dir` argument passed: it must name a folder. Received: backup_dir={backup_dir!r}")
        self.backup_dir, self.save_freq = os.fspath(backup_dir), save_freq
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self._every = Every("BackupAndRestore", save_freq)
        self._path = os.path.join(self.backup_dir, "training.state")
        self._pending = None

    def wants_batches(self, kind):
        return kind == "train" and bool(self._every.batches)

    def on_train_begin(self, logs=None):
        self._every.seen = 0
        self._pending = self._read()
        if self._pending is not None:
            self._restore(self._pending)
            run = self._pending["training"]["run"]
            where = f"epoch {run['epoch'] + 1}" + (f", step {run['step'] + 1}" if run["step"] else "")
            if (self.params or {}).get("verbose"):
                write_line(f"Resuming at {where} from {self._path}")

    def on_epoch_begin(self, epoch, logs=None):
        # In the middle of an epoch the callbacks have just been told that it begins; now they learn how far it was.
        if self._pending is not None and self._pending["training"]["run"]["step"]:
            self._restore(self._pending)
        self._pending = None

    def on_train_batch_end(self, batch, logs=None):
        if self._every.due():
            self._save()

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save()

    def on_train_end(self, logs=None):
        self._pending = None
        if self.delete_checkpoint:
            for path in (self._path, self._path + ".bkp", *self._leftovers()):
                if os.path.exists(path):
                    os.remove(path)
            if os.path.isdir(self.backup_dir) and not os.listdir(self.backup_dir):
                os.rmdir(self.backup_dir)

    def _leftovers(self):
        """What a kill in the middle of writing left behind."""
        return glob.glob(os.path.join(glob.escape(self.backup_dir), ".kerasnp-*.tmp"))

    def _save(self):
        os.makedirs(self.backup_dir, exist_ok=True)
        if self.double_checkpoint and os.path.exists(self._path):
            shutil.copyfile(self._path, self._path + ".new")
            os.replace(self._path + ".new", self._path + ".bkp")
        state = {
            "format": FORMAT,
            "training": self.model.training_state(),
            "callbacks": {key: callback.get_state() for key, callback in self._keyed()},
            "seen": self._every.seen,
        }
        with named("BackupAndRestore", self._path, "the model in memory is whole, and so is the state saved before"):
            write_state(self._path, state)

    def _read(self):
        for path in self._leftovers():
            os.remove(path)
        for path in (self._path, self._path + ".bkp"):
            if not os.path.exists(path):
                continue
            try:
                state = read_state(path)
            except ValueError as error:
                if path == self._path and os.path.exists(self._path + ".bkp"):
                    warnings.warn(f"BackupAndRestore: {error} The state before it is used.")
                    continue
                raise
            if state.get("format") != FORMAT:
                raise ValueError(f"BackupAndRestore: {path} was written by another version of kerasnp; delete it.")
            return state
        return None

    def _restore(self, state):
        self.model.restore_training_state(state["training"])
        self._every.seen = state["seen"]
        for key, callback in self._keyed():
            if key in state["callbacks"]:
                callback.set_state(state["callbacks"][key])

    def _keyed(self):
        """Each callback with its class and its number among those of its class."""
        counts = {}
        for callback in self.others:
            name = type(callback).__name__
            counts[name] = counts.get(name, -1) + 1
            yield f"{name}.{counts[name]}", callback
