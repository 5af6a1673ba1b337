"""History: what every epoch measured."""

from kerasnp.callbacks.callback import Callback


class History(Callback):
    """The record of a run; `fit` makes one and returns it.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit([[1.0]], [[2.0]], epochs=3, verbose=0)
    >>> history.epoch, len(history.history["loss"])
    ([0, 1, 2], 3)

    Attributes:
        epoch: the epochs, counted from 0.
        history: name -> one value per epoch. Names of validation stand only for epochs that had one.
    """

    state_names = ("epoch", "history")

    def __init__(self):
        super().__init__()
        self.epoch, self.history = [], {}

    def on_train_begin(self, logs=None):
        self.epoch = []

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self
