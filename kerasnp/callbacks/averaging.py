"""SwapEMAWeights: evaluate with the moving average of the weights."""

from kerasnp.callbacks.callback import Callback


class SwapEMAWeights(Callback):
    """Evaluate and predict with the averaged weights that an optimizer with `use_ema=True` keeps.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    >>> model.compile(kerasnp.optimizers.SGD(0.1, use_ema=True), "mse")
    >>> history = model.fit([[1.0]], [[2.0]], epochs=2, verbose=0, validation_data=([[1.0]], [[2.0]]),
    ...                     callbacks=[SwapEMAWeights()])

    Args:
        swap_on_epoch: swap from the end of an epoch to the start of the next, so that callbacks after this one, such as
            ModelCheckpoint, see the averages.

    Raises: ValueError where the optimizer keeps no averages.
    """

    state_names = ("_kept",)

    def __init__(self, swap_on_epoch=False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        # The weights that the model had before the averages took their place; None while it has its own.
        self._kept = None

    def _pairs(self):
        """(weight, its average) for each; none before the optimizer has made its first step."""
        optimizer = self.model.optimizer
        averaging = [o for o in getattr(optimizer, "optimizers", [optimizer]) if getattr(o, "use_ema", False)]
        if not averaging:
            raise ValueError(
                "SwapEMAWeights must be used when `use_ema=True` is set, since it swaps the averages that an optimizer then "
                f"keeps. Received: {optimizer!r}"
            )
        return [
            pair for o in averaging if int(o.iterations) for pair in zip(o._trainable_variables, o._slots.get("average", ()))
        ]

    def _average(self):
        if self._kept is None:
            pairs = self._pairs()
            self._kept = [weight.numpy() for weight, _ in pairs]
            for weight, average in pairs:
                weight.assign(average)

    def _restore(self):
        if self._kept is not None:
            for (weight, _), kept in zip(self._pairs(), self._kept):
                weight.assign(kept)
            self._kept = None

    def on_train_begin(self, logs=None):
        self._kept = None
        self._pairs()

    def on_epoch_begin(self, epoch, logs=None):
        self._restore()

    def on_epoch_end(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._average()

    def on_train_end(self, logs=None):
        # The optimizer has put its averages into the model for good.
        self._kept = None

    def on_train_interrupt(self, logs=None):
        self._restore()

    def on_test_begin(self, logs=None):
        self._average()

    def on_test_end(self, logs=None):
        self._restore()

    def on_predict_begin(self, logs=None):
        self._average()

    def on_predict_end(self, logs=None):
        self._restore()
