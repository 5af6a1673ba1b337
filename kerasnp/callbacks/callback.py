"""Callback: what may happen around epochs and batches; CallbackList: all callbacks of a run as one."""

import contextlib

BATCH_HOOKS = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


class Callback:
    """Base of callbacks: a subclass overrides the hooks it needs and sees the model as `self.model`.

    `logs` maps names to numbers; what a hook of an epoch adds to it is seen by the callbacks after it and by History.

    >>> import kerasnp
    >>> class Losses(Callback):
    ...     def on_train_begin(self, logs=None):
    ...         self.seen = []
    ...     def on_train_batch_end(self, batch, logs=None):
    ...         self.seen.append(logs["loss"])
    >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> losses = Losses()
    >>> x, y = kerasnp.ops.ones((8, 2)), kerasnp.ops.ones((8, 1))
    >>> history = model.fit(x, y, batch_size=4, verbose=0, callbacks=[losses])
    >>> len(losses.seen)
    2

    Attributes:
        model: the model that runs.
        params: a dictionary with `verbose`, `epochs` and `steps` (None where unknown).
        state_names: attributes that a resumed run must find again; see BackupAndRestore.
        adds_logs: names that this callback puts into the logs of an epoch.
    """

    params = None
    _model = None
    state_names: tuple[str, ...] = ()
    adds_logs: tuple[str, ...] = ()
    # Names that the logs of an epoch will have, where they are known before the first; CallbackList sets it.
    log_names = None
    # A callback that must see what all others did, such as a backup, is called after them.
    runs_last = False

    def __init__(self):
        pass

    @property
    def model(self):
        """The model that runs."""
        return self._model

    def set_params(self, params):
        """Receive `verbose`, `epochs` and `steps` of the run.

        >>> callback = Callback()
        >>> callback.set_params({"verbose": 1, "epochs": 3, "steps": 10})
        >>> callback.params["epochs"]
        3
        """
        self.params = params

    def set_model(self, model):
        """Receive the model."""
        self._model = model

    def get_state(self):
        """What a resumed run needs to know: a dictionary of plain values and arrays.

        >>> class Counter(Callback):
        ...     state_names = ("count",)
        ...     count = 3
        >>> Counter().get_state()
        {'count': 3}
        """
        return {name: getattr(self, name) for name in self.state_names}

    def set_state(self, state):
        """Take back what `get_state` returned; called after `on_train_begin`.

        >>> class Counter(Callback):
        ...     state_names = ("count",)
        >>> counter = Counter()
        >>> counter.set_state({"count": 3})
        >>> counter.count
        3
        """
        for name, value in state.items():
            setattr(self, name, value)

    def wants_batches(self, kind):
        """Whether a hook for batches of `kind` ("train", "test", "predict") is overridden.

        >>> class Dots(Callback):
        ...     def on_train_batch_end(self, batch, logs=None):
        ...         print(".", end="")
        >>> Dots().wants_batches("train"), Dots().wants_batches("test")
        (True, False)
        """
        return any(_overridden(self, name) for name in BATCH_HOOKS[kind])

    def on_batch_begin(self, batch, logs=None):
        """Older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch, logs=None):
        """Older name of `on_train_batch_end`."""

    def on_epoch_begin(self, epoch, logs=None):
        """Called at the start of an epoch of `fit`, counted from 0."""

    def on_epoch_end(self, epoch, logs=None):
        """Called at the end of an epoch; logs holds loss, metrics, and those of validation under `val_`.

        >>> import kerasnp
        >>> class Stop(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         self.model.stop_training = logs["loss"] < 1.0
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> len(model.fit([[0.0]], [[0.5]], epochs=9, verbose=0, callbacks=[Stop()]).epoch)
        1
        """

    def on_train_batch_begin(self, batch, logs=None):
        """Called before a step of `fit`."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch, logs=None):
        """Called after a step of `fit`; logs holds loss and metrics since the start of the epoch.

        >>> import kerasnp
        >>> class Batches(Callback):
        ...     def on_train_batch_end(self, batch, logs=None):
        ...         print("batch", batch)
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit([[0.0], [1.0]], [[0.0], [1.0]], batch_size=1, verbose=0, callbacks=[Batches()])
        batch 0
        batch 1
        """
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch, logs=None):
        """Called before a batch of `evaluate`, and of validation in `fit`."""

    def on_test_batch_end(self, batch, logs=None):
        """Called after a batch of `evaluate`, and of validation in `fit`."""

    def on_predict_batch_begin(self, batch, logs=None):
        """Called before a batch of `predict`."""

    def on_predict_batch_end(self, batch, logs=None):
        """Called after a batch of `predict`; logs holds `outputs`.

        >>> import kerasnp
        >>> class Shapes(Callback):
        ...     def on_predict_batch_end(self, batch, logs=None):
        ...         print(logs["outputs"].shape)
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(2)])
        >>> y = model.predict([[0.0], [1.0], [2.0]], batch_size=2, verbose=0, callbacks=[Shapes()])
        (2, 2)
        (1, 2)
        """

    def on_train_begin(self, logs=None):
        """Called once at the start of `fit`.

        >>> import kerasnp
        >>> class Names(Callback):
        ...     def on_train_begin(self, logs=None):
        ...         print(self.model.name, self.params["epochs"])
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)], name="line")
        >>> model.compile("sgd", "mse")
        >>> history = model.fit([[0.0]], [[0.5]], epochs=2, verbose=0, callbacks=[Names()])
        line 2
        """

    def on_train_end(self, logs=None):
        """Called once at the end of `fit`, with the logs of the last epoch."""

    def on_train_interrupt(self, logs=None):
        """Called in the place of `on_train_end` where Ctrl-C or an error ends `fit`."""

    def on_test_begin(self, logs=None):
        """Called at the start of `evaluate`, and of validation in `fit`."""

    def on_test_end(self, logs=None):
        """Called at the end of `evaluate`, and of validation in `fit`.

        >>> import kerasnp
        >>> class Tested(Callback):
        ...     def on_test_end(self, logs=None):
        ...         print("loss", logs["loss"])
        >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> loss = model.evaluate([[0.0]], [[0.5]], verbose=0, callbacks=[Tested()])
        loss 0.25
        """

    def on_predict_begin(self, logs=None):
        """Called at the start of `predict`."""

    def on_predict_end(self, logs=None):
        """Called at the end of `predict`."""


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


def _overridden(callback, name):
    return getattr(getattr(callback, name), "__func__", None) is not getattr(Callback, name)


def _nothing(n, logs=None):
    pass


def plain_logs(logs):
    """Logs with Python numbers, in the order of their names, as every callback sees them."""
    return {name: _number(value) for name, value in sorted((logs or {}).items())}


def _number(value):
    value = getattr(value, "value", value)
    if isinstance(value, (bool, int, float, str)):
        return value
    try:
        return float(value) if not getattr(value, "ndim", 0) else value
    except (TypeError, ValueError):
        return value


def flatten(callbacks):
    """A callback, None, or nested lists of callbacks as a flat list.

    Raises: TypeError for anything else, naming it.
    """
    if callbacks is None:
        return []
    if isinstance(callbacks, (list, tuple)):
        return [callback for item in callbacks for callback in flatten(item)]
    if isinstance(callbacks, Callback):
        return [callbacks]
    hint = f"; write {callbacks.__name__}(...)" if isinstance(callbacks, type) else ""
    raise TypeError(f"callbacks must be instances of kerasnp.callbacks.Callback{hint}. Received: {callbacks!r}")


class CallbackList(Callback):
    """All callbacks of a run, called as one, in order.

    >>> from kerasnp.callbacks import LambdaCallback
    >>> shout = LambdaCallback(on_epoch_end=lambda epoch, logs: print("epoch", epoch, logs))
    >>> callbacks = CallbackList([shout])
    >>> callbacks.on_epoch_end(0, {"loss": 0.5})
    epoch 0 {'loss': 0.5}

    Args:
        callbacks: callbacks, in lists or alone.
        add_history: add a History if there is none.
        add_progbar: add a ProgbarLogger if there is none.
        model: the model that runs.
        params: `verbose`, `epochs`, `steps`; `do_validation`; `metrics`, the names that the logs of an epoch will have,
            where they are known.

    Attributes:
        wants_train_batch, wants_test_batch, wants_predict_batch: whether any callback but the bar looks at batches; if
            not, the hooks need not be called, and `step(n, logs_fn)` moves the bar at the price of reading a clock.
    """

    def __init__(self, callbacks=None, add_history=False, add_progbar=False, model=None, **params):
        from kerasnp.callbacks.history import History
        from kerasnp.callbacks.progress import ProgbarLogger

        callbacks = flatten(callbacks)
        self._history = next((c for c in callbacks if isinstance(c, History)), None)
        self._progbar = next((c for c in callbacks if isinstance(c, ProgbarLogger)), None)
        if self._history is None and add_history:
            self._history = History()
            callbacks.append(self._history)
        if self._progbar is None and add_progbar:
            self._progbar = ProgbarLogger()
            callbacks.append(self._progbar)
        self.callbacks = [c for c in callbacks if not c.runs_last] + [c for c in callbacks if c.runs_last]
        self.set_model(model)
        self.set_params(params)
        watchers = {kind: [c for c in self.callbacks if c.wants_batches(kind)] for kind in BATCH_HOOKS}
        self._batch_hooks = {
            name: [getattr(c, name) for c in watchers[kind]] for kind, names in BATCH_HOOKS.items() for name in names
        }
        self.wants_train_batch, self.wants_test_batch, self.wants_predict_batch = (
            any(c is not self._progbar for c in watchers[kind]) for kind in ("train", "test", "predict")
        )
        self.step = self._progbar.step if self._progbar is not None else _nothing

    def set_params(self, params):
        """Pass the parameters of the run to all."""
        self.params = params
        if params:
            for callback in self.callbacks:
                callback.set_params(params)

    def set_model(self, model):
        """Pass the model to all; its `history` is the History of this run."""
        if model is None:
            return
        self._model = model
        if self._history is not None:
            model.history = self._history
        for callback in self.callbacks:
            callback.set_model(model)

    def hide_bar(self):
        """Take the bar off the screen."""
        if self._progbar is not None:
            self._progbar.hide()

    @contextlib.contextmanager
    def bar_off_on_error(self):
        """`with`: an error inside takes the bar off the screen, so that its message begins a line of its own."""
        try:
            yield
        except BaseException:
            self.hide_bar()
            raise

    def _known_log_names(self):
        """The names that the logs of an epoch will have, or None where a callback of the user's may add some."""
        names = (self.params or {}).get("metrics")
        if names is None:
            return None
        for callback in self.callbacks:
            foreign = not type(callback).__module__.startswith("kerasnp.") or "on_epoch_end" in vars(callback)
            if foreign and _overridden(callback, "on_epoch_end"):
                return None
        return [*names, *(name for callback in self.callbacks for name in callback.adds_logs)]

    def _call(self, hook, *args):
        for callback in self.callbacks:
            getattr(callback, hook)(*args)

    def _call_batch(self, hook, batch, logs):
        logs = plain_logs(logs)
        for function in self._batch_hooks[hook]:
            function(batch, logs)

    def on_batch_begin(self, batch, logs=None):
        self._call_batch("on_batch_begin", batch, logs)

    def on_batch_end(self, batch, logs=None):
        self._call_batch("on_batch_end", batch, logs)

    def on_train_batch_begin(self, batch, logs=None):
        self._call_batch("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self._call_batch("on_train_batch_end", batch, logs)

    def on_test_batch_begin(self, batch, logs=None):
        self._call_batch("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch, logs=None):
        self._call_batch("on_test_batch_end", batch, logs)

    def on_predict_batch_begin(self, batch, logs=None):
        self._call_batch("on_predict_batch_begin", batch, logs)

    def on_predict_batch_end(self, batch, logs=None):
        for function in self._batch_hooks["on_predict_batch_end"]:
            function(batch, logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._call("on_epoch_begin", epoch, plain_logs(logs))

    def on_epoch_end(self, epoch, logs=None):
        self.hide_bar()
        self._call("on_epoch_end", epoch, plain_logs(logs))

    def on_train_begin(self, logs=None):
        names = self._known_log_names()
        for callback in self.callbacks:
            callback.log_names = names
            if callback.runs_last:
                callback.others = [c for c in self.callbacks if c is not callback]
        self._call("on_train_begin", plain_logs(logs))

    def on_train_end(self, logs=None):
        self._call("on_train_end", plain_logs(logs))

    def on_train_interrupt(self, logs=None):
        self._call("on_train_interrupt", plain_logs(logs))

    def on_test_begin(self, logs=None):
        self._call("on_test_begin", plain_logs(logs))

    def on_test_end(self, logs=None):
        self._call("on_test_end", plain_logs(logs))

    def on_predict_begin(self, logs=None):
        self._call("on_predict_begin", plain_logs(logs))

    def on_predict_end(self, logs=None):
        self._call("on_predict_end", plain_logs(logs))
