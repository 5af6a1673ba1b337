"""Trainer: the loops over batches, fit, evaluate and predict."""

import contextlib
import itertools
import time
from itertools import repeat

from kerasnp import backend as K
from kerasnp import callbacks as callbacks_module
from kerasnp.models.arrays import as_input, rows
from kerasnp.models.data import make_data, pack_x_y_sample_weight, split_validation, unpack_x_y_sample_weight
from kerasnp.models.division import Division
from kerasnp.models.outputs import Outputs
from kerasnp.models.resuming import Run, restore_training_state, training_state
from kerasnp.models.steps import Steps, numbers
from kerasnp.utils import check, nest
from kerasnp.utils.interrupt import Interruptible
from kerasnp.warnings import Checkup


# A generator of validation batches cannot begin anew for each validation; as in Keras its first two batches do.
FIRST_AGAIN = 2


class Trainer(Steps):
    """What a model needs to learn: the steps of `Steps`, repeated over data."""

    # -- fit --------------------------------------------------------------------------------------------------------

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Train for a number of passes over the data; returns a History.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(1)])
        >>> model.compile("adam", "mse", metrics=["mae"])
        >>> x = K.linspace(0, 1, 20).reshape(10, 2)
        >>> history = model.fit(x, x.sum(axis=1), epochs=3, validation_split=0.2, verbose=0)
        >>> sorted(history.history), history.epoch
        (['loss', 'mae', 'val_loss', 'val_mae'], [0, 1, 2])

        Ctrl-C ends the run after the step at hand: KeyboardInterrupt tells which step that was, the weights are those after
        it, and `model.history` holds the epochs before. To go on later, add `callbacks.BackupAndRestore`. Mistakes that cost
        a night are told as `kerasnp.warnings`. `kerasnp.distribution` divides the batches among processes.

        Args:
            x, y: arrays, lists, pandas frames, or HDF5 datasets and memmaps larger than memory, which are read in their
                order and shuffled in blocks; lists, tuples or dictionaries of them for several inputs or outputs; or as x
                alone an iterable of `(x, y)` or `(x, y, sample_weight)` batches: a generator, a list, a
                `kerasnp.utils.PyDataset`.
            batch_size: samples per update, 32 by default; with `steps_per_epoch`, what makes those steps a pass.
            epochs: the last epoch; `initial_epoch` is the first.
            verbose: 0 silent, 1 a bar, 2 a line per epoch, `"auto"` a bar on a terminal.
            callbacks: a list of `kerasnp.callbacks.Callback`.
            validation_split: the share of samples, from the end, kept for validation.
            validation_data: `(x, y)` or `(x, y, sample_weight)`, or an iterable of batches.
            shuffle: draw the samples, or the batches of a PyDataset, in a new order each epoch; `"batch"` shuffles the
                samples within each batch only.
            class_weight: {class: weight} in the loss of a model with one output, in the place of `sample_weight`.
            sample_weight: one weight per sample, for all outputs or nested as y is, None for outputs without.
            steps_per_epoch, validation_steps: how many batches make an epoch, or a validation.
            validation_batch_size: default `batch_size`.
            validation_freq: validate every so many epochs, or a list of epochs (counted from 1).

        Raises: ValueError or TypeError for data that do not fit each other or the model, before any weight changes.
        """
        self._begin("fit")
        epochs = check.integer("epochs", epochs, "fit")
        if K.max_epochs() is not None:
            epochs = min(epochs, K.max_epochs())
        if not isinstance(validation_freq, (list, tuple, set, range)):
            validation_freq = check.positive_int("validation_freq", validation_freq, "fit")
        steps = _limited(steps_per_epoch)
        steps_per_epoch = self._whole_executions(steps)
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_validation(x, y, sample_weight, validation_split)
        data = make_data(x, y, sample_weight, batch_size, shuffle, class_weight, steps, "fit")
        validation = None
        if validation_data is not None:
            validation = self._validation(validation_data, validation_batch_size or batch_size, validation_steps)
        with contextlib.closing(Run(data, steps_per_epoch, initial_epoch)) as run:
            outer = self._run, self._checkup, self._division  # a callback may call fit again
            first, labels, _ = run.peek()
            custom = type(self).train_step is not Trainer.train_step
            self._begin("fit", first, None if custom else labels)
            self._training_parts()
            checkup = Checkup(self, data, validation, validation_split)
            checkup.before(first)
            hooks = callbacks_module.CallbackList(
                callbacks,
                add_history=True,
                add_progbar=verbose != 0,
                model=self,
                verbose=verbose,
                epochs=epochs,
                steps=steps_per_epoch or data.num_batches,
                metrics=self._epoch_log_names(custom, validation),
                do_validation=validation is not None,
            )
            self.stop_training = False
            logs = None
            self._run, self._checkup, self._division = run, checkup, Division.of(self)
            try:
                hooks.on_train_begin()  # a backup may move the run to another place
                with Interruptible() as interrupt, K.threads.quiet_blas():
                    while run.epoch < epochs and not self.stop_training:
                        epoch = run.epoch
                        if run.step == 0:
                            self.reset_metrics()
                        hooks.on_epoch_begin(epoch)
                        samples = None if steps_per_epoch or run.step else run.samples
                        latest = self._run_epoch(run, hooks, interrupt, custom)
                        if not run.step or steps_per_epoch and run.step < steps_per_epoch and not self.stop_training:
                            checkup.ran_out(epoch + 1, run.step, steps_per_epoch, run.one_shot)
                            self.stop_training = run.one_shot
                        if not run.step:
                            break
                        logs = latest
                        if validation is not None and _due(epoch, validation_freq):
                            if getattr(validation, "used_up", False):
                                checkup.validation_ran_out(epoch + 1, FIRST_AGAIN)
                            values = self._evaluate(validation, validation_steps, hooks)
                            logs = {**logs, **{f"val_{name}": value for name, value in values.items()}}
                        whole = samples is not None and not self.stop_training
                        checkup.end_epoch(logs.get("loss"), run.samples - samples if whole else None)
                        run.epoch, run.step, run.logs = epoch + 1, 0, None
                        hooks.on_epoch_end(epoch, logs)
                self.optimizer.finalize_variable_values(self.trainable_variables)
            except BaseException:
                hooks.on_train_interrupt()
                raise
            finally:
                if self._division is not None:
                    self._division.close()
                self._run, self._checkup, self._division = outer
            hooks.on_train_end(logs)
            return self.history

    def _epoch_log_names(self, custom, validation):
        """The names in the logs of an epoch, or None where only the epoch itself will tell."""
        replaced = any(getattr(type(self), n) is not getattr(Trainer, n) for n in ("test_step", "compute_metrics"))
        foreign = any(not type(m).__module__.startswith("kerasnp.") for m in self._compile_metrics.metrics)
        # A layer of the user's may add metrics when it is called.
        foreign |= any(not type(layer).__module__.startswith("kerasnp.") for layer in self._flatten_layers())
        unknown = not (self._compile_metrics.built and (self._compile_loss is None or self._compile_loss.built))
        unknown &= len(self._known_outputs() or ()) != 1
        if custom or replaced or foreign or unknown or self._held_metrics():
            return None
        names = self.metrics_names
        return names if validation is None else [*names, *(f"val_{name}" for name in names)]

    def training_state(self):
        """Everything that decides how the run of `fit` at hand goes on, as plain values and arrays (BackupAndRestore).

        >>> import kerasnp
        >>> class Peek(kerasnp.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(len(self.model.training_state()) > 0)
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit([[1.0]], [[2.0]], verbose=0, callbacks=[Peek()])
        True
        """
        return training_state(self)

    def restore_training_state(self, state):
        """Put the run of `fit` at hand, not yet begun, where `training_state` was taken.

        BackupAndRestore does so:

        >>> import kerasnp
        >>> def fit(epochs, *callbacks):
        ...     model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
        ...     model.compile("sgd", "mse")
        ...     backup = kerasnp.callbacks.BackupAndRestore("backup", delete_checkpoint=False)
        ...     return model.fit([[1.0]], [[2.0]], epochs=epochs, verbose=0, callbacks=[backup, *callbacks])
        >>> history = fit(2)
        >>> show = kerasnp.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: print("epoch", epoch))
        >>> history = fit(3, show)  # as if the first run had been stopped after two epochs
        epoch 2

        Raises: ValueError where the state belongs to another model; nothing has changed then.
        """
        restore_training_state(self, state)

    def _run_epoch(self, run, hooks, interrupt, custom):
        logs = run.logs
        watched = hooks.wants_train_batch
        hooked = _Grouped(self.steps_per_execution, hooks.on_train_batch_begin, hooks.on_train_batch_end)
        for step, batch in run.batches():
            if watched:
                hooked.begin(step)
            if custom:
                logs = run.logs = numbers(self.train_step(pack_x_y_sample_weight(*batch)))
            else:
                self._train_on(*batch)
            if watched:
                hooked.end(step, self._logs_function(logs, custom))
            else:
                hooks.step(step + 1, self._logs_function(logs, custom))
            if interrupt.requested:
                raise KeyboardInterrupt(
                    f"fit was interrupted after step {step + 1} of epoch {run.epoch + 1}; "
                    "the weights are those after that step, and model.history holds the epochs before."
                )
            if self.stop_training:
                break
        hooked.close()
        return numbers(logs) if custom else self.get_metrics_result()

    def _whole_executions(self, steps):
        """A number of steps, or None, as Keras takes it: several steps are one execution."""
        size = self.steps_per_execution
        return steps if steps is None else -(-steps // size) * size

    def _logs_function(self, logs, custom):
        return (lambda: numbers(logs)) if custom else self.get_metrics_result

    def _validation(self, validation_data, batch_size, steps):
        if isinstance(validation_data, (tuple, list)):
            validation_data = unpack_x_y_sample_weight(validation_data)
            data = make_data(*validation_data, batch_size, steps=_limited(steps), who="fit (validation_data)")
        else:
            data = make_data(validation_data, who="fit (validation_data)", steps=steps)
            data.again = FIRST_AGAIN
        if data.size == 0:
            raise ValueError("fit: validation_data hold no samples; leave them out, or pass some.")
        return data

    # -- evaluate and predict ---------------------------------------------------------------------------------------

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        """The loss and metrics on data, without training: a list in the order of `metrics_names`, or a dictionary.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(1, kernel_initializer="ones")])
        >>> model.compile(loss="mse", metrics=["mae"])
        >>> model.evaluate(K.ones((4, 2)), K.zeros((4, 1)), verbose=0, return_dict=True)
        {'loss': 4.0, 'mae': 2.0}

        Raises: ValueError or TypeError for data that do not fit each other or the model.
        """
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        self._begin("evaluate")
        data = make_data(x, y, sample_weight, batch_size, steps=_limited(steps), who="evaluate")
        hooks = callbacks_module.CallbackList(
            callbacks, add_progbar=verbose != 0, model=self, verbose=verbose, epochs=1, steps=steps or data.num_batches
        )
        with hooks.bar_off_on_error():
            logs = self._evaluate(data, steps, hooks)
        if return_dict:
            return logs
        return self._values(logs)

    def _values(self, logs):
        """The numbers of logs as a list, or the only one."""
        values = [logs[name] for name in self._in_order(logs)]
        return values[0] if len(values) == 1 else values

    def _evaluate(self, data, steps, hooks):
        custom = type(self).test_step is not Trainer.test_step
        self.reset_metrics()
        self.stop_evaluating = False
        hooks.on_test_begin()
        watched = hooks.wants_test_batch
        hooked = _Grouped(self.steps_per_execution, hooks.on_test_batch_begin, hooks.on_test_batch_end)
        logs = step = None
        with contextlib.closing(_in_turn(data, self._whole_executions(_limited(steps)))) as batches:
            for step, batch in enumerate(batches):
                if not self.built:
                    self._build_from(batch[0])
                if watched:
                    hooked.begin(step)
                if custom:
                    logs = self.test_step(pack_x_y_sample_weight(*batch))
                else:
                    self._test_on(*batch)
                if watched:
                    hooked.end(step, self._logs_function(logs, custom))
                else:
                    hooks.step(step + 1, self._logs_function(logs, custom))
                if self.stop_evaluating:
                    break
        hooked.close()
        if step is None:
            raise ValueError("evaluate: the data hold no samples; pass at least one batch.")
        logs = numbers(logs) if custom else self.get_metrics_result()
        hooks.on_test_end(logs)
        return logs

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None, out=None):
        """The outputs for all samples of x, as one array.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((4,)), kerasnp.layers.Dense(2)])
        >>> out = K.zeros((6, 2), "float32")
        >>> model.predict(K.ones((6, 4)), out=out, verbose=0) is out
        True

        Args:
            x: an array, in memory or in a file, or an iterable of batches.
            batch_size: samples per batch, 32 by default; with `steps`, what makes those steps a pass. Several batches of an
                array may be asked at once, where a sample does not depend on others and nobody watches the batches.
            steps: how many batches to take.
            out: where to write the outputs: an array, a memmap or an HDF5 dataset with a row for each sample. With x in a
                file too, memory does not grow with the number of samples.

        Raises: ValueError for an input that does not fit the model, or an `out` that does not fit the outputs.
        """
        data = make_data(x, batch_size=batch_size, steps=_limited(steps), who="predict")
        hooks = callbacks_module.CallbackList(
            callbacks, add_progbar=verbose != 0, model=self, verbose=verbose, epochs=1, steps=steps or data.num_batches
        )
        outputs = Outputs(data.size if steps is None else None, out)
        with hooks.bar_off_on_error():
            hooks.on_predict_begin()
            for y in self._predictions(data, steps, hooks):
                outputs.add(y)
            hooks.on_predict_end()
        return outputs.result(self, data)

    def predict_batches(self, x, batch_size=None, steps=None):
        """Yield the outputs batch by batch, for data of any size and outputs that need not be kept.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((4,)), kerasnp.layers.Dense(2)])
        >>> [y.shape for y in model.predict_batches(K.ones((5, 4)), batch_size=2)]
        [(2, 2), (2, 2), (1, 2)]

        Args:
            x, batch_size, steps: as in `predict`.
        """
        data = make_data(x, batch_size=batch_size, steps=_limited(steps), who="predict_batches")
        hooks = callbacks_module.CallbackList(None, model=self, epochs=1, steps=steps or data.num_batches)
        yield from self._predictions(data, steps, hooks)

    def _predictions(self, data, steps, hooks):
        custom = type(self).predict_step is not Trainer.predict_step
        watched = hooks.wants_predict_batch
        hooked = _Grouped(self.steps_per_execution, hooks.on_predict_batch_begin, hooks.on_predict_batch_end)
        self.stop_predicting = False
        with contextlib.closing(_in_turn(data, self._whole_executions(_limited(steps)))) as batches:
            several = 0 if custom or watched else self._batches_at_once(data)
            pairs = self._outputs_together(data, batches, several) if several else zip(batches, repeat(None))
            for step, (batch, y) in enumerate(pairs):
                if watched:
                    hooked.begin(step)
                if y is None:
                    y = self.predict_step((batch[0],)) if custom else self(batch[0], training=False)
                yield y
                if watched:
                    hooked.end(step, lambda: {"outputs": y})  # noqa: B023
                else:
                    hooks.step(step + 1, dict)
                if self.stop_predicting:
                    break
        hooked.close()

    def _batches_at_once(self, data):
        """How many batches are best done as one: longer calls take less time; 0 where batches might not be independent.

        By the sizes alone, so that the outputs are the same, bit by bit, every time.
        """
        if not data.in_memory or type(data.x) is not K.ndarray or data.size <= data.batch_size:
            return 0
        sample = data.x[: data.batch_size]
        if not self.built:
            self._build_from(sample)
        return self._direct_calls.rows_at_once(self, sample) // len(sample)

    def _outputs_together(self, data, batches, at_once):
        """Batches with their outputs, so many made at once, and these by several threads."""
        threads = K.threads.get_num_threads()
        number, stop = threads, 0
        while group := list(itertools.islice(batches, number * at_once)):
            parts, inputs = [group[i : i + at_once] for i in range(0, len(group), at_once)], []
            for part in parts:
                start, stop = stop, stop + sum(len(x) for x, *_ in part)
                inputs.append(data.x[start:stop])
            begun = time.perf_counter()
            outputs = self._direct_calls.together(self, inputs) or [self(x, training=False) for x in inputs]
            # Half a millisecond of work for each thread: waking one may take a tenth of that.
            seconds = max(time.perf_counter() - begun, 1e-6) * threads / number
            number = threads * min(max(1, round(5e-4 / seconds)), 16)
            for part, y in zip(parts, outputs):
                done = 0
                for batch in part:
                    yield batch, y[done : done + len(batch[0])]
                    done += len(batch[0])

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One update on one batch; returns loss and metrics of this batch.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> float(model.train_on_batch([[1.0]], [[2.0]]))
        4.0
        >>> float(model.test_on_batch([[1.0]], [[2.0]])) < 4.0
        True
        """
        return self._on_batch("train_on_batch", self.train_step, x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Loss and metrics of one batch.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> model.test_on_batch([[1.0]], [[2.0]], return_dict=True)
        {'loss': 4.0}
        """
        return self._on_batch("test_on_batch", self.test_step, x, y, sample_weight, None, return_dict)

    def _on_batch(self, who, step, x, y, sample_weight, class_weight, return_dict):
        self._begin(who)
        x = as_input(x, who)
        if not rows(x):
            raise ValueError(f"{who}: the batch holds no samples; pass at least one.")
        data = make_data(x, y, sample_weight, rows(x), class_weight=class_weight, who=who)
        batch = next(data.batches())
        custom = getattr(type(self), step.__name__) is not getattr(Trainer, step.__name__)
        self._begin(who, batch[0], None if custom else batch[1])
        self.reset_metrics()
        logs = numbers(step(pack_x_y_sample_weight(*batch)))
        return logs if return_dict else self._values(logs)

    def predict_on_batch(self, x):
        """The output for one batch, as an array.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1, kernel_initializer="ones")])
        >>> model.predict_on_batch([[3.0]])
        array([[3.]], dtype=float32)
        """
        x = as_input(x, "predict_on_batch")
        data = make_data(x, batch_size=max(rows(x), 1), who="predict_on_batch")
        y = self.predict_step((next(data.batches(), (data.x,))[0],))
        return nest.map_structure(lambda a: K.array(a) if isinstance(a, K.ndarray) else a, y)


class _Grouped:
    """The hooks of batches, called once in `size` batches, for the first and the last of them; logs are made when due."""

    def __init__(self, size, begin, end):
        self.size, self._begin, self._end = size, begin, end
        self._open = None

    def begin(self, step):
        """Before batch `step`."""
        if self._open is None:
            self._begin(step)
            self._open = step

    def end(self, step, logs):
        """After batch `step`, whose logs are `logs()`."""
        self._logs = logs
        if step + 1 - self._open >= self.size:
            self.close()

    def close(self):
        """After the last batch, whatever its number."""
        if self._open is not None:
            last, self._open = self._open + self.size - 1, None
            self._end(last, self._logs())


def _in_turn(data, steps):
    """The batches of one pass, or the first `steps`."""
    with contextlib.closing(data.batches()) as batches, K.threads.quiet_blas():
        yield from itertools.islice(batches, steps)


def _limited(steps):
    """A number of batches, or None, within the limit of `config.set_max_steps_per_epoch`."""
    limit = K.max_steps_per_epoch()
    return steps if limit is None else limit if steps is None else min(steps, limit)


def _due(epoch, validation_freq):
    if isinstance(validation_freq, int):
        return (epoch + 1) % validation_freq == 0
    return (epoch + 1) in validation_freq
