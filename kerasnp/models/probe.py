"""Look at a model without leaving a trace: its gradients, its loss, its predictions."""

import contextlib

from kerasnp.autodiff.tape import Tape, stop_recording
from kerasnp.autodiff.variable import Variable
from kerasnp.layers.rnn import flatten
from kerasnp.models.arrays import as_input, as_labels


@contextlib.contextmanager
def undisturbed(layer):
    """Inside, a layer or model may run in training; afterwards weights, statistics, seeds and losses are what they were.

    >>> import kerasnp
    >>> layer = kerasnp.layers.BatchNormalization()
    >>> x = kerasnp.ops.ones((4, 2))
    >>> y = layer(x)
    >>> with undisturbed(layer):
    ...     y = layer(x * 5.0, training=True)
    >>> layer.moving_mean.numpy()
    array([0., 0.], dtype=float32)
    """
    restore = snapshot(layer, trainable=True)
    try:
        yield
    finally:
        restore()


def snapshot(layer, trainable=False):
    """A function that brings back to what it is now whatever a call changes; with `trainable`, weights too."""
    layers = list(layer._flatten_layers())
    states = [v for v in layer.variables if trainable or not v.trainable]
    # What a stateful recurrent layer remembers is no variable of it.
    states += [s for inner in layers for s in flatten([getattr(inner, "states", None)]) if isinstance(s, Variable)]
    # Nor are the means of the losses of several outputs.
    compiled = getattr(layer, "_compile_loss", None)
    states += [] if compiled is None else compiled.variables
    states = [(v, v.numpy()) for v in states]
    losses = [list(inner._losses) for inner in layers]

    def restore():
        for variable, value in states:
            variable.value[...] = value
        for inner, values in zip(layers, losses):
            inner._losses[:] = values

    return restore


def require_compiled(model, who):
    """Raise where the model has no loss to look at."""
    if not getattr(model, "compiled", False):
        raise ValueError(f"{who}: the model '{model.name}' has no loss yet; call compile(optimizer, loss) first.")


def gradients(model, x, y, sample_weight=None, training=True, who="gradients"):
    """(loss, [(weight, gradient or None), ...]) of a compiled model on one batch; the model stays as it is.

    Raises: ValueError for a model that is not compiled.
    """
    require_compiled(model, who)
    x, y = as_input(x, who), None if y is None else as_labels("y", y, who)
    if not model.built:
        model._build_from(x)
    weights = model.trainable_weights
    with undisturbed(model), Tape() as tape:
        loss = model.compute_loss(x, y, model(x, training=training), sample_weight, training=training)
    return float(loss.value), list(zip(weights, tape.gradient(loss, weights)))


def loss_of(model, x, y, sample_weight=None):
    """The loss of a compiled model on one batch, a float."""
    with undisturbed(model), stop_recording():
        loss = model.compute_loss(x, y, model(x, training=False), sample_weight, training=False)
    return float(getattr(loss, "value", loss))
