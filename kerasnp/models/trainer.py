"""Trainer: compile, fit, evaluate, predict, and the steps they are made of."""

import itertools

from kerasnp import backend as K
from kerasnp import callbacks as callbacks_module
from kerasnp import optimizers
from kerasnp.autodiff.tape import Tape
from kerasnp.losses import CompileLoss
from kerasnp.metrics import CompileMetrics, Mean
from kerasnp.models.data import make_data, pack_x_y_sample_weight, split_validation, unpack_x_y_sample_weight
from kerasnp.models.resuming import Run, restore_training_state, training_state
from kerasnp.utils import check
from kerasnp.utils.interrupt import Interruptible


class Trainer:
    """What a model needs to learn: an optimizer, a loss, metrics and the loops over batches."""

    def __init__(self):
        self.optimizer = None
        self.compiled = False
        self.stop_training = False
        self.history = None
        self._compile_loss = None
        self._compile_metrics = None
        self._compile_config = None
        self._loss_tracker = None
        self._parts = None
        self._run = None  # the run of fit at hand
        self._loss_guard = None  # TerminateOnNaN looks at the loss before a step changes anything

    # -- compile ----------------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        auto_scale_loss=True,
    ):
        """Choose how to train.

        Args:
            optimizer: a name, a configuration or an Optimizer.
            loss: a name, a Loss or a function `(y_true, y_pred) -> values`; may be None if layers add losses.
            loss_weights: a number that multiplies the loss.
            metrics: names, Metrics or functions; `"accuracy"` is resolved by the loss and the labels.
            weighted_metrics: the same, weighted by `sample_weight`.
            run_eagerly, steps_per_execution, jit_compile, auto_scale_loss: accepted; every step runs eagerly here.

        Raises: ValueError for an unknown name.
        """
        optimizer = optimizers.get(optimizer)
        compile_loss = None if loss is None else CompileLoss(loss, loss_weights)
        compile_metrics = CompileMetrics(metrics, weighted_metrics)
        self.optimizer = optimizer
        self.loss = loss
        self._compile_loss, self._compile_metrics = compile_loss, compile_metrics
        self._loss_tracker = Mean(name="loss")
        self._compile_config = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }
        self.stop_training = False
        self.compiled = True
        self._structure_changed()

    def get_compile_config(self):
        """The arguments of `compile` as plain values, for files; None before it was called."""
        from kerasnp.saving.config import serialize_keras_object

        if not self.compiled:
            return None
        return {k: serialize_keras_object(v) for k, v in self._compile_config.items()}

    def compile_from_config(self, config):
        """Compile as `get_compile_config` says."""
        from kerasnp.saving.config import deserialize_keras_object

        config = {k: deserialize_keras_object(v, family=_COMPILE_FAMILIES.get(k)) for k, v in _plain_names(config).items()}
        self.compile(**config)
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    def _structure_changed(self):
        """Forget what was derived from the list of layers."""
        self._parts = None

    @property
    def metrics(self):
        """The loss tracker, the metrics of `compile`, and those that layers hold."""
        found = [self._loss_tracker] if self._loss_tracker is not None else []
        if self._compile_metrics is not None:
            found.append(self._compile_metrics)
        return found

    @property
    def metrics_names(self):
        """The names under which `evaluate` returns its numbers."""
        if not self.compiled:
            return []
        return ["loss", *self._compile_metrics.names]

    def reset_metrics(self):
        """Begin the running means of loss and metrics again."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self):
        """The current values of loss and metrics, by name."""
        logs = {"loss": float(self._loss_tracker.result())}
        logs.update({k: _number(v) for k, v in self._compile_metrics.result().items()})
        return logs

    # -- one step ---------------------------------------------------------------------------------------------------

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The compiled loss plus what layers and regularizers add; a subclass may replace it.

        Raises: ValueError where neither `compile(loss=...)` nor a layer gave a loss.
        """
        total = None
        if self._compile_loss is not None and y is not None:
            total = self._compile_loss(y, y_pred, sample_weight)
        for loss in self._added_losses():
            total = loss if total is None else total + loss
        if total is None:
            raise ValueError(
                f"No loss to compute for model '{self.name}'. Provide a `loss` argument in `compile()` and labels `y`, or add "
                "losses with `add_loss` in a layer."
            )
        return total

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Update the metrics with a batch and return all current values; a subclass may replace it."""
        self._update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _update_metrics(self, y, y_pred, sample_weight):
        if self._compile_metrics is not None and y is not None:
            self._compile_metrics.update_state(y, y_pred, sample_weight)

    def train_step(self, data):
        """One step of training on a batch (x, y, sample_weight); returns the logs. A subclass may replace it."""
        self._train_on(*unpack_x_y_sample_weight(data))
        return self.get_metrics_result()

    def test_step(self, data):
        """One batch of evaluation; returns the logs. A subclass may replace it."""
        self._test_on(*unpack_x_y_sample_weight(data))
        return self.get_metrics_result()

    def predict_step(self, data):
        """The output for one batch. A subclass may replace it."""
        return self(unpack_x_y_sample_weight(data)[0], training=False)

    def _train_on(self, x, y, sample_weight):
        """Forward, backward, update; the logs are not computed, since nobody may want to see them."""
        weights = self._training_parts()[0]
        with Tape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight, training=True)
        if self._loss_guard is not None and self._loss_guard(self._run.step - 1, float(loss.value), x, y):
            self._loss_tracker.update_state(loss.value, sample_weight=len(x))
            return
        # The gradients of weights may go straight into the optimizer's block: nobody else sees this tape.
        tape.lend_buffers = True
        gradients = tape.gradient(loss, weights)
        if not weights:
            raise ValueError(f"Model '{self.name}' has no trainable weights: set `layer.trainable = True` on the layers to train.")
        self.optimizer.apply(gradients, weights)
        self._loss_tracker.update_state(loss.value, sample_weight=len(x))
        self._metrics_after(x, y, y_pred, sample_weight)

    def _test_on(self, x, y, sample_weight):
        y_pred = self(x, training=False)
        loss = self.compute_loss(x, y, y_pred, sample_weight, training=False)
        self._loss_tracker.update_state(loss, sample_weight=len(x))
        self._metrics_after(x, y, y_pred, sample_weight)

    def _metrics_after(self, x, y, y_pred, sample_weight):
        if type(self).compute_metrics is Trainer.compute_metrics:
            self._update_metrics(y, y_pred, sample_weight)
        else:
            self.compute_metrics(x, y, getattr(y_pred, "value", y_pred), sample_weight)

    def _training_parts(self):
        """The trainable weights, those with a regularizer, and all layers: collected once per compile and structure."""
        if self._parts is None:
            weights = self.trainable_variables
            if self.built and self.optimizer is not None and weights:
                self.optimizer.build(weights)
            parts = (weights, [w for w in weights if w.regularizer is not None], list(self._flatten_layers()))
            if not self.built:
                return parts
            self._parts = parts
        return self._parts

    def _added_losses(self):
        _, regularized, layers = self._training_parts()
        added = [loss for layer in layers if layer._losses for loss in layer._losses]
        return added + [w.regularizer(w) for w in regularized]

    def _begin(self, who, x=None):
        """What every loop checks and prepares first."""
        if not self.compiled:
            raise ValueError(f"You must call `compile()` before calling `{who}()` on model '{self.name}'.")
        self._parts = None
        if not self.built and x is not None:
            self._build_from(x)

    def _build_from(self, x):
        """Make the weights for data like `x`, so that optimizer and summary know them before the first step."""
        from kerasnp.autodiff.tape import stop_recording

        if type(self).__name__ == "Sequential" or hasattr(self, "_output_shape"):
            self.build(x.shape)
        else:
            with stop_recording():
                self(x[:1], training=False)
            self.built = True

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

        Args:
            x, y: arrays (or an iterable of `(x, y)` batches as x).
            batch_size: samples per update, 32 by default.
            epochs: the last epoch; `initial_epoch` is the first.
            verbose: 0 silent, 1 a bar, 2 a line per epoch, `"auto"` a bar on a terminal.
            callbacks: a list of `kerasnp.callbacks.Callback`.
            validation_split: the share of samples, from the end, kept for validation.
            validation_data: `(x, y)` or `(x, y, sample_weight)`, or an iterable of batches.
            shuffle: draw the samples in a new order each epoch.
            class_weight: {class: weight} in the loss.
            sample_weight: one weight per sample.
            steps_per_epoch, validation_steps: how many batches make an epoch, or a validation.
            validation_batch_size: default `batch_size`.
            validation_freq: validate every so many epochs, or a list of epochs (counted from 1).

        Raises: ValueError or TypeError for data that do not fit each other or the model, before any weight changes.
        """
        self._begin("fit")
        epochs = check.integer("epochs", epochs, "fit")
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_validation(x, y, sample_weight, validation_split)
        data = make_data(x, y, sample_weight, batch_size, shuffle, class_weight, steps_per_epoch, "fit")
        validation = None
        if validation_data is not None:
            validation = self._validation(validation_data, validation_batch_size or batch_size, validation_steps)
        outer, run = self._run, Run(data, steps_per_epoch, initial_epoch)  # a callback may call fit again
        self._begin("fit", run.peek()[0])
        self._training_parts()
        custom = type(self).train_step is not Trainer.train_step
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
        self._run = run
        try:
            hooks.on_train_begin()  # a backup may move the run to another place
            with Interruptible() as interrupt, K.threads.quiet_blas():
                while run.epoch < epochs and not self.stop_training:
                    epoch = run.epoch
                    if run.step == 0:
                        self.reset_metrics()
                    hooks.on_epoch_begin(epoch)
                    logs = self._run_epoch(run, hooks, interrupt, custom)
                    if validation is not None and _due(epoch, validation_freq):
                        values = self._evaluate(validation, validation_steps, hooks)
                        logs = {**logs, **{f"val_{name}": value for name, value in values.items()}}
                    run.epoch, run.step, run.logs = epoch + 1, 0, None
                    hooks.on_epoch_end(epoch, logs)
            self.optimizer.finalize_variable_values(self.trainable_variables)
        except BaseException:
            hooks.on_train_interrupt()
            raise
        finally:
            self._run = outer
        hooks.on_train_end(logs)
        return self.history

    def _epoch_log_names(self, custom, validation):
        """The names in the logs of an epoch, or None where only the epoch itself will tell."""
        replaced = any(getattr(type(self), n) is not getattr(Trainer, n) for n in ("test_step", "compute_metrics"))
        foreign = any(not type(m).__module__.startswith("kerasnp.") for m in self._compile_metrics.metrics)
        if custom or replaced or foreign:
            return None
        names = self.metrics_names
        return names if validation is None else [*names, *(f"val_{name}" for name in names)]

    def training_state(self):
        """Everything that decides how the run of `fit` at hand goes on, as plain values and arrays (BackupAndRestore)."""
        return training_state(self)

    def restore_training_state(self, state):
        """Put the run of `fit` at hand, not yet begun, where `training_state` was taken.

        Raises: ValueError where the state belongs to another model; nothing has changed then.
        """
        restore_training_state(self, state)

    def _run_epoch(self, run, hooks, interrupt, custom):
        logs = run.logs
        watched = hooks.wants_train_batch
        for step, batch in run.batches():
            if watched:
                hooks.on_train_batch_begin(step)
            if custom:
                logs = run.logs = _numbers(self.train_step(pack_x_y_sample_weight(*batch)))
            else:
                self._train_on(*batch)
            if watched:
                hooks.on_train_batch_end(step, _numbers(logs) if custom else self.get_metrics_result())
            else:
                hooks.step(step + 1, self._logs_function(logs, custom))
            if interrupt.requested:
                raise KeyboardInterrupt(
                    f"fit was interrupted after step {step + 1} of epoch {run.epoch + 1}; the weights are those after that step, "
                    f"and model.history holds the epochs before."
                )
            if self.stop_training:
                break
        return _numbers(logs) if custom else self.get_metrics_result()

    def _logs_function(self, logs, custom):
        return (lambda: _numbers(logs)) if custom else self.get_metrics_result

    def _validation(self, validation_data, batch_size, steps):
        if isinstance(validation_data, (tuple, list)):
            return make_data(*unpack_x_y_sample_weight(validation_data), batch_size, who="fit (validation_data)")
        return make_data(validation_data, who="fit (validation_data)", steps=steps)

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

        Raises: ValueError or TypeError for data that do not fit each other or the model.
        """
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        self._begin("evaluate")
        data = make_data(x, y, sample_weight, batch_size, steps=steps, who="evaluate")
        hooks = callbacks_module.CallbackList(
            callbacks, add_progbar=verbose != 0, model=self, verbose=verbose, epochs=1, steps=steps or data.num_batches
        )
        logs = self._evaluate(data, steps, hooks)
        if return_dict:
            return logs
        values = list(logs.values())
        return values[0] if len(values) == 1 else values

    def _evaluate(self, data, steps, hooks):
        custom = type(self).test_step is not Trainer.test_step
        self.reset_metrics()
        hooks.on_test_begin()
        watched = hooks.wants_test_batch
        logs = None
        for step, batch in enumerate(_in_turn(data, steps)):
            if not self.built:
                self._build_from(batch[0])
            if watched:
                hooks.on_test_batch_begin(step)
            if custom:
                logs = self.test_step(pack_x_y_sample_weight(*batch))
            else:
                self._test_on(*batch)
            if watched:
                hooks.on_test_batch_end(step, _numbers(logs) if custom else self.get_metrics_result())
            else:
                hooks.step(step + 1, self._logs_function(logs, custom))
        logs = _numbers(logs) if custom else self.get_metrics_result()
        hooks.on_test_end(logs)
        return logs

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """The outputs for all samples of x, as one array.

        Args:
            x: an array, or an iterable of batches.
            batch_size: samples per call, 32 by default.
            steps: how many batches to take.

        Raises: ValueError for an input that does not fit the model.
        """
        data = make_data(x, batch_size=batch_size, steps=steps, who="predict")
        hooks = callbacks_module.CallbackList(
            callbacks, add_progbar=verbose != 0, model=self, verbose=verbose, epochs=1, steps=steps or data.num_batches
        )
        custom = type(self).predict_step is not Trainer.predict_step
        hooks.on_predict_begin()
        watched = hooks.wants_predict_batch
        outputs = _Outputs(data.size if steps is None else None)
        for step, batch in enumerate(_in_turn(data, steps)):
            if watched:
                hooks.on_predict_batch_begin(step)
            y = self.predict_step((batch[0],)) if custom else self(batch[0], training=False)
            outputs.add(y)
            if watched:
                hooks.on_predict_batch_end(step, {"outputs": y})
            else:
                hooks.step(step + 1, dict)
        hooks.on_predict_end()
        return outputs.result(self, data)

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One update on one batch; returns loss and metrics, running since the last `reset_metrics`."""
        return self._on_batch("train_on_batch", self.train_step, x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Loss and metrics on one batch, running since the last `reset_metrics`."""
        return self._on_batch("test_on_batch", self.test_step, x, y, sample_weight, None, return_dict)

    def _on_batch(self, who, step, x, y, sample_weight, class_weight, return_dict):
        self._begin(who)
        data = make_data(x, y, sample_weight, max(len(x), 1), class_weight=class_weight, who=who)
        batch = next(data.batches(), (data.x, data.y, data.sample_weight))
        self._begin(who, batch[0])
        logs = _numbers(step(pack_x_y_sample_weight(*batch)))
        values = list(logs.values())
        return logs if return_dict else values[0] if len(values) == 1 else values

    def predict_on_batch(self, x):
        """The output for one batch, as an array."""
        data = make_data(x, batch_size=max(len(x), 1), who="predict_on_batch")
        y = self.predict_step((next(data.batches(), (data.x,))[0],))
        return K.array(y) if isinstance(y, K.ndarray) else y


_COMPILE_FAMILIES = {"optimizer": "optimizers"}


def _plain_names(config):
    """A compile configuration without the keys that only other frameworks know."""
    known = (
        "optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly", "steps_per_execution", "jit_compile",
    )  # fmt: skip
    return {k: v for k, v in config.items() if k in known}


class _Outputs:
    """Collects predictions straight into one array where their number is known."""

    def __init__(self, size):
        self.size, self.array, self.filled, self.parts = size, None, 0, []

    def add(self, y):
        """Append the output of a batch."""
        if isinstance(y, (list, tuple, dict)) or self.size is None:
            self.parts.append(y if isinstance(y, (list, tuple, dict)) else K.array(y))
            return
        if self.array is None:
            self.array = K.empty((self.size, *y.shape[1:]), y.dtype)
        if self.filled + len(y) > self.size or y.shape[1:] != self.array.shape[1:]:
            raise ValueError(f"predict: every batch must give one output per sample. Received: an output of shape {y.shape}")
        self.array[self.filled : self.filled + len(y)] = y
        self.filled += len(y)

    def result(self, model, data):
        """All outputs, in order."""
        if self.array is not None:
            return self.array[: self.filled]
        if not self.parts:
            if self.size == 0:
                y = model(data.x, training=False)
                return K.array(y)
            raise ValueError("predict: the data hold no samples; pass at least one batch.")
        first = self.parts[0]
        if isinstance(first, dict):
            return {k: K.concatenate([p[k] for p in self.parts]) for k in first}
        if isinstance(first, (list, tuple)):
            return type(first)(K.concatenate(list(column)) for column in zip(*self.parts))
        return K.concatenate(self.parts)


def _in_turn(data, steps):
    """The batches of one pass, or the first `steps`."""
    with K.threads.quiet_blas():
        yield from itertools.islice(data.batches(), steps)


def _due(epoch, validation_freq):
    if isinstance(validation_freq, int):
        return (epoch + 1) % validation_freq == 0
    return (epoch + 1) in validation_freq


def _number(value):
    value = getattr(value, "value", value)
    array = K.asarray(value)
    return float(array) if array.ndim == 0 else array


def _numbers(logs):
    return {k: _number(v) for k, v in (logs or {}).items()}
