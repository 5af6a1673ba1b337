"""Steps: compile, and what happens to one batch in training, evaluation and prediction."""

import contextlib
import functools
import inspect
import warnings

from kerasnp import backend as K
from kerasnp import ops, optimizers
from kerasnp.autodiff.symbolic import KerasTensor
from kerasnp.autodiff.tape import Tape, stop_recording
from kerasnp.losses import CompileLoss
from kerasnp.metrics import CompileMetrics, Mean
from kerasnp.models.arrays import rows
from kerasnp.models.data import unpack_x_y_sample_weight
from kerasnp.models.direct import Direct, DirectCalls
from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object
from kerasnp.utils import check, nest


class Steps:
    """An optimizer, a loss and metrics, and one step with each of them."""

    def __init__(self):
        self.optimizer = None
        self.compiled = False
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self.steps_per_execution = 1
        self.history = None
        self._compile_loss = None
        self._compile_metrics = None
        self._compile_config = None
        self._loss_tracker = None
        self._parts = None
        self._direct_calls = DirectCalls()
        self._run = None  # the run of fit at hand
        self._division = None  # of its steps among processes
        self._checkup = None  # looks over the run's shoulder for mistakes, see kerasnp/warnings.py
        self._loss_guard = None  # TerminateOnNaN looks at the loss before a step changes anything
        # Layers inside make their weights at the first call, so the model counts as built only then.
        self.built = False

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

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3), kerasnp.layers.Dense(1)])
        >>> adam = kerasnp.optimizers.Adam(1e-3, gradient_accumulation_steps=4)  # one update for four batches
        >>> model.compile(adam, "mse", metrics=["mae", kerasnp.metrics.RootMeanSquaredError()])
        >>> model.metrics_names
        ['loss', 'mae', 'root_mean_squared_error']
        >>> model.layers[0].trainable = False  # freeze a layer, then compile again
        >>> model.compile(adam)  # loss and metrics stay what they were, as in Keras; metrics=[] for none
        >>> model.metrics_names
        ['loss', 'mae', 'root_mean_squared_error']

        A model whose `call` returns `{"size": ..., "kind": ...}` has a loss and metrics for each:

        >>> class Two(kerasnp.Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.size, self.kind = kerasnp.layers.Dense(1), kerasnp.layers.Dense(3, "softmax")
        ...     def call(self, x):
        ...         return {"size": self.size(x), "kind": self.kind(x)}
        >>> model = Two()
        >>> losses = {"size": "mse", "kind": "sparse_categorical_crossentropy"}
        >>> model.compile("adam", losses, loss_weights={"size": 1.0, "kind": 0.5}, metrics={"kind": ["accuracy"]})
        >>> y = {"size": kerasnp.ops.ones((4, 1)), "kind": kerasnp.ops.array([0, 1, 2, 0])}
        >>> sorted(model.fit(kerasnp.ops.ones((4, 2)), y, verbose=0).history)
        ['kind_accuracy', 'kind_loss', 'loss', 'size_loss']

        Args:
            optimizer: a name, a configuration or an Optimizer.
            loss: a name, a Loss or a function `(y_true, y_pred) -> values`; may be None if layers add losses, or an earlier
                `compile` gave one. For several outputs one for all, or a list, tuple or dictionary nested as the outputs
                are, None where there is none.
            loss_weights: a number that multiplies the loss, or numbers in the nesting of `loss`.
            metrics: names, Metrics or functions; `"accuracy"` is resolved by the loss and the labels. For several outputs a
                list or None for each, nested as they are.
            weighted_metrics: the same, weighted by `sample_weight`.
            steps_per_execution: callbacks are told of batches once in so many; a number of steps per epoch is rounded up to a
                multiple of it.
            run_eagerly, jit_compile, auto_scale_loss: accepted; every step runs eagerly here.

        Raises: ValueError for an unknown name.
        """
        optimizer = optimizers.get(optimizer)
        steps_per_execution = check.positive_int("steps_per_execution", steps_per_execution, "compile")
        before = self._compile_config or {}
        if loss is None:
            loss, loss_weights = before.get("loss"), before.get("loss_weights")
        if metrics is None and weighted_metrics is None:
            metrics, weighted_metrics = before.get("metrics"), before.get("weighted_metrics")
        names = self._known_outputs()
        # A compute_loss of the user's may take the one output apart.
        known = names if type(self).compute_loss is Steps.compute_loss or len(names or ()) != 1 else None
        compile_loss = None if loss is None else CompileLoss(loss, loss_weights, output_names=known)
        compile_metrics = CompileMetrics(metrics, weighted_metrics, output_names=names)
        self.optimizer = optimizer
        self.loss = loss
        self.steps_per_execution, self.run_eagerly, self.jit_compile = steps_per_execution, run_eagerly, jit_compile
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

    def _known_outputs(self):
        """The names of the outputs, or None where only the first call will tell how many there are."""
        names = getattr(self, "output_names", None)
        # A stack has one.
        return [self.name] if names is None and hasattr(self, "_output_shape") else names

    def get_compile_config(self):
        """The arguments of `compile` as plain values, for files; None before it was called.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> model.get_compile_config()["loss"]
        'mse'
        """
        if not self.compiled:
            return None
        return {k: serialize_keras_object(v) for k, v in self._compile_config.items()}

    def compile_from_config(self, config):
        """Compile as `get_compile_config` says.

        >>> import kerasnp
        >>> model, other = (kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)]) for _ in range(2))
        >>> model.compile("sgd", "mse")
        >>> other.compile_from_config(model.get_compile_config())
        >>> type(other.optimizer).__name__
        'SGD'

        A class with a `compile` of its own is compiled only if it has a `get_compile_config` of its own too, which says
        with what; otherwise there is a warning.
        """
        cls = type(self)
        if cls.compile is not Steps.compile and cls.get_compile_config is Steps.get_compile_config:
            warnings.warn(
                f"{cls.__name__} {self.name!r} has a custom compile(), which loading does not call: define "
                "get_compile_config() and compile_from_config(config) too, or call compile() yourself.",
                stacklevel=2,
            )
            return
        config = {k: deserialize_keras_object(v, family=_COMPILE_FAMILIES.get(k)) for k, v in _plain_names(config).items()}
        self.compile(**config)
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    def _structure_changed(self):
        """Forget what was derived from the list of layers."""
        self._parts = None

    @property
    def metrics(self):
        """The loss tracker, the metrics of `compile`, the losses of several outputs, and what the model and its layers hold.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
        >>> model.compile("sgd", "mse", metrics=["mae"])
        >>> [metric.name for metric in model.metrics]
        ['loss', 'compile_metrics']
        """
        found = [self._loss_tracker] if self._loss_tracker is not None else []
        if self._compile_metrics is not None:
            found.append(self._compile_metrics)
        return [*found, *self._loss_means(), *self._held_metrics()]

    def _loss_means(self):
        """The mean loss of each output, where there are several."""
        return [] if self._compile_loss is None else self._compile_loss.metrics

    def _held_metrics(self):
        return [metric for layer in self._flatten_layers() for metric in layer._metrics]

    @property
    def metrics_names(self):
        """The names of the numbers that `evaluate` returns, in its order.

        That is Keras's: the loss, the metrics of one output, the losses of several outputs, and what else there is by name.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
        >>> model.compile("sgd", "mse", metrics=["mae"])
        >>> history = model.fit([[1.0]], [[2.0]], verbose=0)
        >>> model.metrics_names
        ['loss', 'mae']
        """
        if not self.compiled:
            return []
        names = ["loss", *self._compile_metrics.names, *(mean.name for mean in self._loss_means())]
        return self._in_order(dict.fromkeys(names))

    def _in_order(self, names):
        """Names of logs in the order of `evaluate`."""
        means = self._loss_means()
        if not means:
            return list(names)
        own = [m if isinstance(m, str) else m.name for m in self._compile_metrics.metrics]
        others = [metric.name for metric in [*means, *self._held_metrics()]]
        first = [name for name in dict.fromkeys(["loss", *own, *others]) if name in names]
        return [*first, *sorted(name for name in names if name not in first)]

    def reset_metrics(self):
        """Begin the running means of loss and metrics again.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> loss = model.test_on_batch([[1.0]], [[2.0]])
        >>> model.reset_metrics()
        >>> model.get_metrics_result()
        {'loss': 0.0}
        """
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self):
        """The current values of loss and metrics, by name.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> loss = model.test_on_batch([[1.0]], [[2.0]])
        >>> model.get_metrics_result()
        {'loss': 4.0}
        """
        logs = {"loss": float(self._loss_tracker.result())}
        logs.update({k: number(v) for k, v in self._compile_metrics.result().items()})
        logs.update({mean.name: number(mean.result()) for mean in self._loss_means()})
        for metric in self._held_metrics():
            value = metric.result()
            logs.update(numbers(value) if isinstance(value, dict) else {metric.name: number(value)})
        return logs

    # -- one step ---------------------------------------------------------------------------------------------------

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The compiled loss plus what layers and regularizers add; a subclass may replace it.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> float(model.compute_loss(y=kerasnp.ops.array([[2.0]]), y_pred=kerasnp.ops.array([[0.5]])))
        2.25

        Raises: ValueError where neither `compile(loss=...)` nor a layer gave a loss to train with; it is 0 in evaluation.
        """
        total = None
        if self._compile_loss is not None and y is not None:
            total = self._compile_loss(y, y_pred, sample_weight)
        for loss in self._added_losses():
            loss = ops.sum(loss) if getattr(loss, "shape", ()) else loss
            total = loss if total is None else total + loss
        if total is None and self._compile_loss is None and y is not None and not training:
            return K.zeros((), K.floatx())  # compiled for metrics alone
        if total is None:
            raise ValueError(
                f"No loss to compute for model '{self.name}'. Provide a `loss` argument in `compile()` and labels `y`, or add "
                "losses with `add_loss` in a layer."
            )
        return total

    def _loss_of(self, x, y, y_pred, sample_weight, training):
        """`compute_loss`, which a subclass may have written before it took `training`."""
        if type(self).compute_loss is Steps.compute_loss or "training" in _parameters(type(self).compute_loss):
            return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Update the metrics with a batch and return all current values; a subclass may replace it.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
        >>> model.compile("sgd", "mse", metrics=["mae"])
        >>> y, y_pred = kerasnp.ops.array([[2.0]]), kerasnp.ops.array([[0.5]])
        >>> model.compute_metrics(None, y, y_pred)["mae"]
        1.5
        """
        self._update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _update_metrics(self, y, y_pred, sample_weight):
        if self._compile_metrics is not None and y is not None:
            self._compile_metrics.update_state(y, y_pred, sample_weight)

    def train_step(self, data):
        """One step of training on a batch (x, y, sample_weight); returns the logs. A subclass may replace it.

        >>> import kerasnp
        >>> class Counting(kerasnp.Sequential):
        ...     steps = 0
        ...     def train_step(self, data):
        ...         self.steps += 1
        ...         return super().train_step(data)
        >>> model = Counting([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit([[1.0], [2.0], [3.0]], [[1.0], [2.0], [3.0]], batch_size=2, verbose=0)
        >>> model.steps
        2
        """
        self._train_on(*unpack_x_y_sample_weight(data))
        return self.get_metrics_result()

    def test_step(self, data):
        """One batch of evaluation; returns the logs. A subclass may replace it.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> model.test_step((kerasnp.ops.array([[1.0]]), kerasnp.ops.array([[2.0]])))
        {'loss': 4.0}
        """
        self._test_on(*unpack_x_y_sample_weight(data))
        return self.get_metrics_result()

    def predict_step(self, data):
        """The output for one batch. A subclass may replace it.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1, kernel_initializer="ones")])
        >>> model.predict_step((kerasnp.ops.array([[3.0]]),))
        array([[3.]], dtype=float32)
        """
        return self(unpack_x_y_sample_weight(data)[0], training=False)

    def _train_on(self, x, y, sample_weight):
        """Forward, backward, update; the logs are not computed, since nobody may want to see them."""
        step = self._gradients if self._division is None else self._division.step
        loss_value, y_pred, gradients = step(x, y, sample_weight)
        if self._loss_guard is not None and self._loss_guard(self._run.step - 1, float(loss_value), x, y):
            self._loss_tracker.update_state(loss_value, sample_weight=rows(x))
            return
        weights, *_ = self._training_parts()
        if weights:
            if self._checkup is not None:
                self._checkup.step(y, getattr(y_pred, "value", y_pred), loss_value, weights, gradients)
            self.optimizer.apply(gradients, weights)
        else:
            warnings.warn(
                f"Model '{self.name}' does not have any trainable weights, so fit() changes nothing: "
                "set `layer.trainable = True` on the layers to train.",
                stacklevel=2,
            )
        size = rows(x)
        self._loss_tracker.add(float(loss_value) * size, size)
        self._metrics_after(x, y, y_pred, sample_weight)

    def _gradients(self, x, y, sample_weight, share=1.0):
        """The loss, the predictions, and `share` times the gradients of the trainable weights, for a batch."""
        weights, _, _, direct = self._training_parts()
        if direct is not None and sample_weight is None and direct.takes(x, y):
            done = direct.step(x, y, share)
            if done is not None:
                return done
        with Tape() as tape:
            y_pred = self(x, training=True)
            loss = self._loss_of(x, y, y_pred, sample_weight, True)
            target = self.optimizer.scale_loss(loss)
        # They may go straight into the optimizer's block: nobody else sees this tape.
        tape.lend_buffers = True
        seed = None if share == 1 else K.asarray(share, target.value.dtype)
        gradients = tape.gradient(target, weights, seed) if weights else []
        return getattr(loss, "value", loss), y_pred, gradients

    def _test_on(self, x, y, sample_weight):
        y_pred = self(x, training=False)
        loss = self._loss_of(x, y, y_pred, sample_weight, False)
        self._loss_tracker.update_state(loss, sample_weight=rows(x))
        self._metrics_after(x, y, y_pred, sample_weight)

    def _metrics_after(self, x, y, y_pred, sample_weight):
        if type(self).compute_metrics is Steps.compute_metrics:
            self._update_metrics(y, y_pred, sample_weight)
        else:
            self.compute_metrics(x, y, getattr(y_pred, "value", y_pred), sample_weight)

    def _training_parts(self):
        """The trainable weights, those with a regularizer, all layers, and a Direct: once per compile and structure."""
        if self._parts is None:
            weights = self.trainable_variables
            if self.built and self.optimizer is not None and weights:
                self.optimizer.build(weights)
            parts = (
                weights,
                [w for w in weights if w.regularizer is not None],
                list(self._flatten_layers()),
                Direct.of(self, weights) if self.built else None,
            )
            if not self.built:
                return parts
            self._parts = parts
        return self._parts

    def _calls_in_turn(self):
        """The calls that a stack makes in turn, pairs of a layer and options; None for a model of another kind."""
        return None

    def _added_losses(self):
        _, regularized, layers, _ = self._training_parts()
        added = [loss for layer in layers if layer._losses for loss in layer._losses]
        return added + [w.regularizer(w) for w in regularized]

    def _begin(self, who, x=None, y=None):
        """What every loop checks and prepares first; with a first batch, whatever its shapes decide."""
        if not self.compiled:
            raise ValueError(f"You must call `compile()` before calling `{who}()` on model '{self.name}'.")
        self._parts = None
        outputs = self._build_from(x) if not self.built and x is not None else None
        if y is not None and len(self._known_outputs() or ()) != 1:
            self._build_compiled(x, y, outputs)

    def _build_compiled(self, x, y, y_pred):
        """Match losses and metrics with the outputs, so that mistakes show, and names are known, before the first step."""
        parts = [p for p in (self._compile_loss, self._compile_metrics) if p is not None and not p.built]
        if parts and y_pred is None:
            with contextlib.suppress(Exception):  # a call that wants real values: the first step will tell
                y_pred = self._outputs_for(x)
        if not parts or y_pred is None:
            return
        y = nest.map_structure(lambda a: a if a is None else KerasTensor((None, *a.shape[1:]), dtype=a.dtype), y)
        for part, method in ((self._compile_loss, "compute_loss"), (self._compile_metrics, "compute_metrics")):
            if part in parts and getattr(type(self), method) is getattr(Steps, method):
                part.build(y, y_pred)

    def _outputs_for(self, x):
        """The outputs for data like `x`, as symbolic tensors."""
        return self._try(nest.map_structure(lambda a: KerasTensor((None, *a.shape[1:]), dtype=a.dtype), x))

    def _build_from(self, x):
        """Make the weights for data like `x`, so that optimizer and summary know them before the first step.

        Returns: the outputs as symbolic tensors, None where they are not known.
        """
        if type(self).__name__ == "Sequential" or hasattr(self, "_output_shape"):
            self.build(nest.map_structure(lambda a: a.shape, self.only_input(x)))
            return None
        self._build_shape = nest.map_structure(lambda a: (None, *a.shape[1:]), x)
        outputs = None
        try:
            outputs = self._outputs_for(x)
        except Exception:
            # A call that wants real values; an error of its own shows here.
            with stop_recording():
                self(nest.map_structure(lambda a: a[:1], x), training=False)
        self.built = True
        return outputs


@functools.cache
def _parameters(function):
    return tuple(inspect.signature(function).parameters)


_COMPILE_FAMILIES = {"optimizer": "optimizers"}


def _plain_names(config):
    """A compile configuration without the keys that only other frameworks know."""
    known = (
        "optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly", "steps_per_execution", "jit_compile",
    )  # fmt: skip
    return {k: v for k, v in config.items() if k in known}


def number(value):
    """A metric as a Python float, or as an array where it has several values."""
    value = getattr(value, "value", value)
    array = K.asarray(value)
    return float(array) if array.ndim == 0 else array


def numbers(logs):
    """Logs with plain numbers."""
    return {k: number(v) for k, v in (logs or {}).items()}
