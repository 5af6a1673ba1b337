"""Layers around a layer that meets sequences: Bidirectional, TimeDistributed."""

from kerasnp import ops
from kerasnp.layers.layer import Layer
from kerasnp.layers.wrapper import Wrapper
from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object
from kerasnp.saving.registration import custom_object_scope

MERGES = {
    "concat": lambda a, b: ops.concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "ave": lambda a, b: (a + b) / 2,
    "mul": lambda a, b: a * b,
}
# What a layer must have to be run in both directions.
SEQUENTIAL = ("go_backwards", "return_sequences", "return_state")


class Bidirectional(Layer):
    """A recurrent layer and its twin that reads the sequence backwards, so that every output knows both sides.

    >>> from kerasnp.layers import LSTM
    >>> Bidirectional(LSTM(4, return_sequences=True))(ops.ones((2, 5, 3))).shape
    (2, 5, 8)

    The layer itself is not used, but its configuration, twice: `forward_layer` and `backward_layer` have weights of
    their own (Schuster and Paliwal, 1997).

    Args:
        layer: a recurrent layer.
        merge_mode: how the two outputs become one: `"concat"`, `"sum"`, `"mul"`, `"ave"`, or None for both as a tuple.
        weights: must be None; use `set_weights` on the built layer.
        backward_layer: another layer for the way back, with the opposite `go_backwards`.

    Raises: ValueError or TypeError for anything but recurrent layers that fit each other, or an unknown merge_mode.
    """

    supports_masking = True

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        for given in (layer, backward_layer):
            if not isinstance(given, Layer) and not (given is None and given is backward_layer):
                raise ValueError(
                    f"Please initialize `Bidirectional` layer with a layer such as LSTM(8). Received: {given}"
                )
            if isinstance(given, Layer) and not all(hasattr(given, name) for name in SEQUENTIAL):
                raise TypeError(
                    f"Bidirectional: the layer must be a recurrent one, with {', '.join(SEQUENTIAL)}. Received: {given}"
                )
        if merge_mode is not None and merge_mode not in MERGES:
            raise ValueError(
                f"Invalid merge mode. Merge mode should be one of 'sum', 'mul', 'ave', 'concat', None. "
                f"Received: {merge_mode}"
            )
        if weights is not None:
            raise ValueError("Bidirectional: weights must be None; call set_weights on the built layer instead.")
        super().__init__(**kwargs)
        self.merge_mode = merge_mode
        name = layer.name.removeprefix("forward_")
        self.forward_layer = _twin(layer, name=f"forward_{name}")
        if backward_layer is None:
            self.backward_layer = _twin(layer, name=f"backward_{name}", go_backwards=not layer.go_backwards)
        else:
            self.backward_layer = backward_layer
        self._check_fit()
        for inner in (self.forward_layer, self.backward_layer):
            if hasattr(inner, "zero_output_for_mask"):
                # In sequences the zeros of both directions meet; a last output is that of the last step that counts.
                inner.zero_output_for_mask = inner.return_sequences
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        self.stateful = getattr(layer, "stateful", False)
        self.input_spec = layer.input_spec
        if not self._trainable:
            self.trainable = False

    def _check_fit(self):
        ahead, back = self.forward_layer, self.backward_layer
        if ahead.go_backwards == back.go_backwards:
            raise ValueError(
                "Bidirectional: forward_layer and backward_layer must differ in go_backwards. Received: "
                f"forward_layer.go_backwards={ahead.go_backwards}, backward_layer.go_backwards={back.go_backwards}"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            a, b = getattr(ahead, name, False), getattr(back, name, False)
            if a != b:
                raise ValueError(
                    f"Bidirectional: forward_layer and backward_layer must agree in {name!r}. Received: {a} and {b}"
                )

    def build(self, sequences_shape, initial_state_shape=None):
        for inner in (self.forward_layer, self.backward_layer):
            if not inner.built:
                inner.path = f"{self.path}/{inner.name}"
                inner.build(sequences_shape)
                inner.built = True

    def call(self, sequences, initial_state=None, mask=None, training=False):
        options = [{}, {}]
        if initial_state is not None:
            half = len(initial_state) // 2
            options = [{"initial_state": list(initial_state[:half])}, {"initial_state": list(initial_state[half:])}]
        if mask is not None:
            options = [{**o, "mask": mask} for o in options]
        y, back = (
            inner(sequences, training=training, **o)
            for inner, o in zip((self.forward_layer, self.backward_layer), options)
        )
        states = ()
        if self.return_state:
            (y, *states), (back, *more) = y, back
            states = (*states, *more)
        if self.return_sequences:
            back = ops.flip(back, axis=1)
        merged = (y, back) if self.merge_mode is None else (MERGES[self.merge_mode](y, back),)
        if self.return_state or self.merge_mode is None:
            return (*merged, *states)
        return merged[0]

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        shape = self.forward_layer.compute_output_shape(sequences_shape)
        states = ()
        if self.return_state:
            shape, *states = shape
        back = self.backward_layer.compute_output_shape(sequences_shape)
        if self.return_state:
            back, *more = back
            states = (*states, *more)
        if self.merge_mode is None:
            return (shape, back, *states)
        if self.merge_mode == "concat":
            shape = (*shape[:-1], shape[-1] + back[-1])
        return (shape, *states) if self.return_state else shape

    def compute_mask(self, inputs, mask=None):
        """The mask of the input for outputs of every step, none for the last alone."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        mask = mask if self.return_sequences else None
        if self.merge_mode is None:
            mask = [mask, mask]
        if not self.return_state:
            return mask
        states = [None] * 2 * len(self.forward_layer.compute_mask(inputs, None)[1:])
        return [*(mask if isinstance(mask, list) else [mask]), *states]

    @property
    def states(self):
        """The states of a stateful layer, those of the way forward first.

        >>> import kerasnp
        >>> layer = Bidirectional(kerasnp.layers.SimpleRNN(2, stateful=True))
        >>> y = layer(kerasnp.ops.ones((1, 3, 2)))
        >>> [state.shape for state in layer.states]
        [(1, 2), (1, 2)]
        """
        if self.forward_layer.states is None:
            return None
        return tuple(self.forward_layer.states) + tuple(self.backward_layer.states)

    def reset_state(self):
        """Let a stateful layer begin with the first states again."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def get_config(self):
        """The constructor arguments; both layers are written, as they are."""
        return {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": self._policy_config(),
            "merge_mode": self.merge_mode,
            "layer": _unbuilt(serialize_keras_object(self.forward_layer)),
            "backward_layer": _unbuilt(serialize_keras_object(self.backward_layer)),
        }

    @classmethod
    def from_config(cls, config):
        """The layer that `get_config` described."""
        # Built once the shape is known: `layer` only lends its configuration, and must make no weights.
        inner = {
            k: deserialize_keras_object(_unbuilt(config[k]), family="layers")
            for k in ("layer", "backward_layer") if config.get(k)
        }  # fmt: skip
        return cls(**{**config, **inner})


def _twin(layer, **changes):
    """A layer of the same configuration but for `changes`, with weights of its own."""
    config = _unbuilt(layer.get_config())
    if hasattr(layer, "use_cudnn"):
        changes["use_cudnn"] = layer.use_cudnn
    if "cell" not in config:
        return type(layer).from_config({**config, **changes})
    custom = {
        type(c).__name__: type(c) for c in layer._flatten_layers() if not type(c).__module__.startswith("kerasnp.")
    }
    with custom_object_scope(custom):
        return type(layer).from_config({**config, **changes})


def _unbuilt(config):
    """A configuration without the shapes that layers in it were built for."""
    if isinstance(config, dict):
        return {k: _unbuilt(v) for k, v in config.items() if k != "build_config"}
    return [_unbuilt(v) for v in config] if isinstance(config, list) else config


class TimeDistributed(Wrapper):
    """Apply a layer to every step of a sequence by itself.

    >>> from kerasnp.layers import Dense
    >>> TimeDistributed(Dense(4))(ops.ones((2, 5, 3))).shape
    (2, 5, 4)

    Args:
        layer: any layer; the same weights serve all steps.

    Shapes: inputs `(batch, steps, ...)`; the layer sees `(batch, ...)`.

    Raises: ValueError for anything but a layer, or inputs with fewer than three axes.
    """

    supports_masking = True

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Please initialize `TimeDistributed` layer with a layer such as Dense(8). Received: {layer}"
            )
        super().__init__(layer, **kwargs)

    @property
    def casts_integers(self):
        """Whether integer inputs are converted to floats, as the layer inside wants it."""
        return self.layer.casts_integers

    def _step_shape(self, shape):
        if not isinstance(shape, (list, tuple)) or len(shape) < 3:
            raise ValueError(
                f"TimeDistributed: input_shape must have 3 axes or more, batch and time among them, received: {shape}"
            )
        return (shape[0], *shape[2:])

    def build(self, input_shape):
        # Not by way of the base, whose shape would count as that of this layer.
        if not self.layer.built:
            self.layer.path = f"{self.path}/{self.layer.name}"
            self.layer.build(self._step_shape(input_shape))
            self.layer.built = True

    def compute_output_shape(self, input_shape):
        batch, *rest = self.layer.compute_output_shape(self._step_shape(input_shape))
        return (batch, input_shape[1], *rest)

    def call(self, inputs, training=False, mask=None):
        shape = tuple(inputs.shape)
        self._step_shape(shape)
        n, t = shape[:2]
        if mask is not None and tuple(mask.shape[:2]) != (n, t):
            raise ValueError(
                "The `mask` passed to the `TimeDistributed` layer has a shape that does not fit: its first axes must match "
                f"batch size and steps. Expected a mask of shape {(n, t)} for inputs of shape {shape}. Received: "
                f"{tuple(mask.shape)}."
            )
        if self._every_step_by_itself(training):
            steps = [ops.squeeze(x, 1) for x in ops.split(inputs, t, axis=1)]
            masks = [None if mask is None else mask[:, s] for s in range(t)]
            return ops.stack([self._apply(x, m, training) for x, m in zip(steps, masks)], axis=1)
        folded = None if mask is None else mask.reshape(n * t, *mask.shape[2:])
        y = self._apply(ops.reshape(inputs, (n * t, *shape[2:])), folded, training)
        return ops.reshape(y, (n, t, *y.shape[1:]))

    def _apply(self, x, mask, training):
        options = {"training": training} if self.layer._takes_training else {}
        if self.layer._takes_mask and mask is not None:
            options["mask"] = mask
        return self.layer.call(x, **options)

    def _every_step_by_itself(self, training):
        """Whether steps must not be treated as more samples: some layer looks at the whole batch, or may do so."""
        for layer in self.layer._flatten_layers():
            if getattr(layer, "stateful", False) or not type(layer).__module__.startswith("kerasnp."):
                return True
            if training and (
                any(not w.__dict__.get("_made_trainable", True) for w in layer._weights) or layer._seed_generators
            ):
                return True
        return False
