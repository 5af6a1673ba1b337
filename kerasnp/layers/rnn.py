"""RNN: any cell, step by step over a sequence."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.layer import Layer
from kerasnp.saving.config import deserialize_keras_object


def flatten(structure):
    """The leaves of nested lists and tuples."""
    return (
        [leaf for part in structure for leaf in flatten(part)] if isinstance(structure, (list, tuple)) else [structure]
    )


def pack(like, leaves):
    """Leaves in the nesting of `like`, tuples as lists."""
    leaves = iter(leaves)

    def build(part):
        return [build(p) for p in part] if isinstance(part, (list, tuple)) else next(leaves)

    return build(like)


class StackedRNNCells(Layer):
    """Cells on top of each other as one cell: each gets the output of the one below.

    >>> from kerasnp.layers import GRUCell, LSTMCell
    >>> RNN(StackedRNNCells([LSTMCell(4), GRUCell(3)]))(ops.ones((2, 5, 6))).shape
    (2, 3)

    Args:
        cells: a list of cells; the states are a list with the states of each.

    Raises: ValueError for a cell without `call` or `state_size`.
    """

    def __init__(self, cells, **kwargs):
        super().__init__(**kwargs)
        for cell in cells:
            if not hasattr(cell, "call"):
                raise ValueError(f"StackedRNNCells: each cell needs a `call` method. Received: {cell}")
            if not hasattr(cell, "state_size"):
                raise ValueError(
                    f"StackedRNNCells: each cell needs a `state_size`. Received: {cell}"
                )
        self.cells = list(cells)

    @property
    def state_size(self):
        """The sizes of the states of each cell."""
        return [c.state_size for c in self.cells]

    @property
    def output_size(self):
        """The size of the output of the top cell."""
        return output_size(self.cells[-1])

    def get_initial_state(self, batch_size=None):
        """The first states of each cell: what it says, a single array for one size, a list for several."""
        states = [initial_state_of(c, batch_size) for c in self.cells]
        bare = [not hasattr(c, "get_initial_state") and isinstance(c.state_size, int) for c in self.cells]
        return [state[0] if alone else state for state, alone in zip(states, bare)]

    def build(self, input_shape):
        for cell in self.cells:
            build_cell(cell, self, input_shape)
            input_shape = (input_shape[0], *_sizes(output_size(cell)))

    def call(self, inputs, states, training=False, **kwargs):
        new = []
        for cell, state in zip(self.cells, states):
            nested = isinstance(state, (list, tuple))
            inputs, after = call_cell(cell, inputs, list(state) if nested else [state], training)
            # A single state stays in the nesting that it came in.
            new.append(after if nested or not isinstance(after, (list, tuple)) else after[0])
        return inputs, new

    @property
    def runs_sequences(self):
        """Whether each of the cells can run whole sequences by itself: then one runs after the other."""
        return all(getattr(c, "runs_sequences", False) for c in self.cells)

    def run(self, x, states, mask=None, training=False, sequences=False, zero_masked=False, backwards=False):
        """[y, *last states]: each cell over the whole sequence of outputs of the one below."""
        new = []
        for i, (cell, state) in enumerate(zip(self.cells, states)):
            top = i == len(self.cells) - 1
            # A masked step changes no state, whatever comes from below.
            x, *state = cell.run(
                x, flatten([state]), mask, training, sequences=sequences or not top, zero_masked=zero_masked and top,
                backwards=backwards and i == 0,
            )  # fmt: skip
            mask = mask if mask is None or i or not backwards else mask[:, ::-1]
            new.append(state)
        return [x, *new]

    def reset_dropout_mask(self):
        """Draw what is dropped anew."""
        for cell in self.cells:
            reset_dropout(cell)

    def reset_recurrent_dropout_mask(self):
        """Draw what is dropped anew; `reset_dropout_mask` does both."""

    @classmethod
    def from_config(cls, config):
        """The stack that `get_config` described."""
        return cls(**{**config, "cells": [deserialize_keras_object(c, family="layers") for c in config["cells"]]})


class RNN(Layer):
    """Run a cell over the steps of a sequence, each step beginning with the states that the one before ended with.

    A cell is a layer with `call(inputs, states) -> (output, new states)` and `state_size`, one number or a list;
    it may also have `get_initial_state(batch_size)`, `output_size`, and a `training` argument.

    >>> class Sum(Layer):
    ...     state_size = 3
    ...     def call(self, inputs, states):
    ...         total = states[0] + inputs
    ...         return total, [total]
    >>> RNN(Sum(), return_sequences=True)(ops.ones((1, 2, 3)))
    array([[[1., 1., 1.],
            [2., 2., 2.]]], dtype=float32)

    A step that the mask leaves out keeps states and output as they were.

    Args:
        cell: a cell, or a list of cells to stack.
        return_sequences: the output of every step instead of the last.
        return_state: the last states after the output: `(output, *states)`.
        go_backwards: from the last step to the first; the output of the last step comes first.
        stateful: begin each batch with the states that the last one ended with; the batch size must be fixed.
        unroll: accepted; nothing is compiled here that could be unrolled.
        zero_output_for_mask: the output of masked steps is zero instead of the one before.

    Call arguments: sequences `(batch, steps, ...)`, `initial_state` (a list), `mask` `(batch, steps)`, `training`.

    Raises: ValueError for a cell without `call` or `state_size`, or a stateful layer without a batch size.
    """

    supports_masking = True

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        **kwargs,
    ):
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        if not hasattr(cell, "call"):
            raise ValueError(f"RNN: cell must have a `call` method. Received: cell={cell}")
        if not hasattr(cell, "state_size"):
            raise ValueError(
                f"RNN: cell must have a `state_size`, an integer, or a list of one for each state. Received: cell={cell}"
            )
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.zero_output_for_mask = zero_output_for_mask
        self._keep_states(None)
        self.input_spec = InputSpec(min_ndim=3)

    def _keep_states(self, states):
        # Not tracked: they are neither weights nor variables of the layer, as in Keras.
        object.__setattr__(self, "states", states)

    @property
    def state_size(self):
        """The sizes of the states.

        >>> import kerasnp
        >>> RNN(kerasnp.layers.LSTMCell(4)).state_size
        [4, 4]
        """
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else size

    def get_initial_state(self, batch_size):
        """The states that a batch begins with, a list.

        >>> import kerasnp
        >>> layer = RNN(kerasnp.layers.LSTMCell(4))
        >>> [state.shape for state in layer.get_initial_state(2)]
        [(2, 4), (2, 4)]
        """
        return as_list(initial_state_of(self.cell, batch_size))

    def build(self, sequences_shape, initial_state_shape=None):
        build_cell(self.cell, self, (sequences_shape[0], *sequences_shape[2:]))
        if self.stateful and self.states is None:
            batch = sequences_shape[0]
            if batch is None:
                raise ValueError(
                    f"A stateful RNN needs a fixed batch size. Received: sequence.shape={tuple(sequences_shape)}; give it as "
                    "Input(..., batch_size=...)."
                )
            first = self.get_initial_state(batch)
            from kerasnp.autodiff.variable import Variable

            leaves = [Variable(K.array(s), trainable=False, name="rnn_state") for s in flatten(first)]
            for leaf in leaves:
                leaf.path = f"{self.path}/rnn_state"
            self._keep_states(pack(first, leaves))

    def call(self, sequences, initial_state=None, mask=None, training=False):
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        mask = None if mask is None else _check_mask(mask, sequences, self)
        if sequences.shape[1] == 0:
            raise ValueError(
                f"{self._who}: expected sequences of at least one step. Received: shape {tuple(sequences.shape)}"
            )
        states = self._first_states(sequences, initial_state)
        reset_dropout(self.cell)
        if getattr(self.cell, "runs_sequences", False):
            y, *last = self.cell.run(
                sequences, states, mask, training, sequences=self.return_sequences,
                zero_masked=self.zero_output_for_mask, backwards=self.go_backwards,
            )  # fmt: skip
        else:
            y, last = self._steps(sequences, states, mask, training)
        if self.stateful:
            for variable, state in zip(flatten(self.states), flatten(last)):
                variable.assign(state)
        return (y, *last) if self.return_state else y

    def _first_states(self, sequences, initial_state):
        if initial_state is None:
            if not self.stateful:
                return self.get_initial_state(sequences.shape[0])
            kept = flatten(self.states)[0].shape[0]
            if kept != sequences.shape[0]:
                raise ValueError(
                    f"{self._who}: a stateful layer goes on from the states of its last call, so the batch size must stay as "
                    f"it was. Expected a batch of {kept}. Received: {sequences.shape[0]}"
                )
            # Values of now, since the variables will change.
            return pack(self.states, [K.array(s.value) for s in flatten(self.states)])
        initial_state = as_list(initial_state)
        expected = flatten(initial_state_of(self.cell, sequences.shape[0]))
        given = flatten(initial_state)
        if len(expected) != len(given):
            raise ValueError(
                f"{self._who}: initial_state must hold one array for each of the {len(expected)} states. "
                f"Received: {len(given)}"
            )
        for want, have in zip(expected, given):
            if tuple(want.shape) != tuple(have.shape):
                raise ValueError(
                    f"{self._who}: an initial state must have the shape {tuple(want.shape)}. "
                    f"Received: {tuple(have.shape)}"
                )
        return pack(initial_state, [ops.cast(ops.convert_to_tensor(s), self.compute_dtype) for s in given])

    def _steps(self, sequences, states, mask, training):
        """The cell, step by step: (y, last states)."""
        steps = [ops.squeeze(x, 1) for x in ops.split(sequences, sequences.shape[1], axis=1)]
        order = range(len(steps))[:: -1 if self.go_backwards else 1]
        outputs, y = [], None
        for s in order:
            out, new = call_cell(self.cell, steps[s], states, training)
            new = as_list(new)
            if mask is None:
                y, states = out, new
            else:
                kept = mask[:, s]
                before = 0.0 if y is None or self.zero_output_for_mask else y
                y = where(kept, out, before)
                states = pack(new, [where(kept, a, b) for a, b in zip(flatten(new), flatten(states))])
            if self.return_sequences:
                outputs.append(y)
        return ops.stack(outputs, axis=1) if self.return_sequences else y, states

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch = sequences_shape[0]
        steps = (sequences_shape[1],) if self.return_sequences else ()
        y = (batch, *steps, *_sizes(output_size(self.cell)))
        if not self.return_state:
            return y
        states = [pack([s], [(batch, *_sizes(n)) for n in flatten([s])])[0] for s in _listed(self.state_size)]
        return (y, *states)

    def compute_mask(self, inputs, mask=None):
        """The mask of the input for an output of every step, none for the last alone."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        mask = mask if self.return_sequences else None
        return [mask] + [None] * len(_listed(self.state_size)) if self.return_state else mask

    def reset_state(self):
        """Let a stateful layer begin with the first states again.

        >>> import kerasnp
        >>> layer = kerasnp.layers.SimpleRNN(1, stateful=True, kernel_initializer="ones", recurrent_initializer="ones")
        >>> x = kerasnp.ops.full((1, 3, 2), 0.125)
        >>> first, second = layer(x), layer(x)
        >>> layer.reset_state()
        >>> bool((layer(x) == first).all()), bool((second == first).all())
        (True, False)
        """
        if self.states is not None:
            for variable in flatten(self.states):
                variable.assign(K.zeros(variable.shape, variable.value.dtype))

    reset_states = reset_state

    @classmethod
    def from_config(cls, config):
        """The layer that `get_config` described."""
        return cls(**{**config, "cell": deserialize_keras_object(config["cell"], family="layers")})


def as_list(states):
    """States as a list, whether there is one or more."""
    return list(states) if isinstance(states, (list, tuple)) else [states]


def _listed(size):
    return size if isinstance(size, list) else [size]


def _sizes(size):
    return tuple(size) if isinstance(size, (list, tuple)) else (size,)


def output_size(cell):
    """The size of the output of a cell: what it says, or the size of its first state."""
    size = getattr(cell, "output_size", None)
    return flatten([cell.state_size])[0] if size is None else size


def initial_state_of(cell, batch_size):
    """The states that a batch begins with: the cell's own, or zeros."""
    if hasattr(cell, "get_initial_state"):
        return cell.get_initial_state(batch_size=batch_size)
    dtype = K.storage_dtype(getattr(cell, "compute_dtype", None))
    size = cell.state_size
    zeros = [K.zeros((batch_size, *_sizes(n)), dtype) for n in flatten([size])]
    return pack([size], zeros)[0] if isinstance(size, (list, tuple)) else zeros


def build_cell(cell, owner, shape):
    """Build a cell inside `owner`, for inputs of a step of `shape`."""
    if isinstance(cell, Layer) and not cell.built:
        cell.path = f"{owner.path}/{cell.name}"
        cell.build(shape)
        cell.built = True


def call_cell(cell, x, states, training):
    """(output, new states) of a step."""
    if isinstance(cell, Layer):
        return cell(x, states, training=training) if cell._takes_training else cell(x, states)
    return cell.call(x, states)


def reset_dropout(cell):
    """Let the cell draw what it drops anew."""
    for name in ("reset_dropout_mask", "reset_recurrent_dropout_mask"):
        if hasattr(cell, name):
            getattr(cell, name)()


def where(kept, new, old):
    """new for the samples that `kept` (n,) marks, old for the others."""
    return ops.where(kept.reshape(-1, *[1] * (len(new.shape) - 1)), new, old)


def _check_mask(mask, sequences, layer):
    mask = K.asarray(getattr(mask, "value", mask), bool)
    if mask.ndim > 2 and mask.shape[2:] == (1,) * (mask.ndim - 2):
        mask = mask.reshape(mask.shape[:2])
    if mask.shape != tuple(sequences.shape[:2]):
        raise ValueError(
            f"{layer._who}: the mask must have the shape {tuple(sequences.shape[:2])} of batch and steps. "
            f"Received: {mask.shape}"
        )
    return mask
