"""The cells of recurrent layers: one step of a sequence, and the weights of all steps."""

from kerasnp import activations, constraints, initializers, ops, regularizers
from kerasnp import backend as K
from kerasnp.layers.layer import Layer
from kerasnp.ops import recurrent as sequences
from kerasnp.random import SeedGenerator
from kerasnp.utils import check

# Activations whose derivative can be read off their output, beside those that say so themselves.
KERNELS = {
    activations.linear: K.Linear(),
    activations.sigmoid: K.fused["sigmoid"],
    activations.hard_sigmoid: K.HardSigmoid(1 / 6),
    activations.hard_sigmoid_keras2: K.HardSigmoid(0.2),
}


def kernel_of(activation):
    """The kernel of an activation for a whole-sequence operator, or None where it has none."""
    try:
        return KERNELS.get(activation) or getattr(activation, "fused", None)
    except TypeError:  # an activation that cannot be hashed
        return None


class DroppingCell(Layer, abstract=True):
    """Base of cells that drop parts of their inputs and states: the same parts at every step, others for every gate."""

    gates = 1

    def _set_dropout(self, dropout, recurrent_dropout, seed):
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)
        self._drop_x = self._drop_h = None

    def reset_dropout_mask(self):
        """Draw what is dropped of the inputs anew at the next step."""
        if self._drop_x is not None:
            self._drop_x = None

    def reset_recurrent_dropout_mask(self):
        """Draw what is dropped of the states anew at the next step."""
        if self._drop_h is not None:
            self._drop_h = None

    def _draw(self, rate, shape):
        shape, dtype = (self.gates, *shape), K.storage_dtype(self.compute_dtype)
        if rate >= 1:
            return K.zeros(shape, dtype)
        return K.random.dropout_mask(self.seed_generator.generator(), shape, rate, dtype)

    def _drops(self, x_shape, h_shape, training):
        """The factors (gates, *shape) of input and state in this sequence, None where all is kept."""
        if not training:
            return None, None
        if self.dropout and (self._drop_x is None or self._drop_x.shape[1:] != tuple(x_shape)):
            self._drop_x = self._draw(self.dropout, x_shape)
        if self.recurrent_dropout and (self._drop_h is None or self._drop_h.shape[1:] != tuple(h_shape)):
            self._drop_h = self._draw(self.recurrent_dropout, h_shape)
        return self._drop_x, self._drop_h


class RecurrentCell(DroppingCell, abstract=True):
    """Base of the cells with a kernel, a recurrent kernel and a bias that hold the gates side by side."""

    supports_masking = False
    operator: type

    def _set_options(self, units, use_bias, dropout, recurrent_dropout, seed, **options):
        self.units = check.positive_int("units", units, self._who)
        self.use_bias = use_bias
        for name, value in options.items():
            kind = name.rpartition("_")[2]
            family = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}.get(
                kind, activations
            )
            setattr(self, name, family.get(value))
        self._set_dropout(dropout, recurrent_dropout, seed)
        self.state_size = self.units if self.operator.states == 1 else [self.units] * self.operator.states
        self.output_size = self.units

    def build(self, input_shape):
        width = self.gates * self.units
        self.kernel = self._weight("kernel", (input_shape[-1], width))
        self.recurrent_kernel = self._weight("recurrent_kernel", (self.units, width))
        self.bias = self._weight("bias", self._bias_shape(width), self._bias_start()) if self.use_bias else None

    def _weight(self, name, shape, initializer=None):
        kind = "recurrent" if name == "recurrent_kernel" else name
        return self.add_weight(
            shape,
            initializer or getattr(self, f"{kind}_initializer"),
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
            name=name,
        )

    def _bias_shape(self, width):
        return (width,)

    def _bias_start(self):
        return None

    def get_initial_state(self, batch_size=None):
        """States of zeros for a batch.

        >>> import kerasnp
        >>> [state.shape for state in kerasnp.layers.GRUCell(3).get_initial_state(batch_size=2)]
        [(2, 3)]
        """
        zeros = K.storage_dtype(self.compute_dtype)
        return [K.zeros((batch_size, self.units), zeros) for _ in range(self.operator.states)]

    def call(self, inputs, states, training=False):
        nested = isinstance(states, (list, tuple))
        states = list(states) if nested else [states]
        drops = self._drops(inputs.shape, states[0].shape, training)
        new = self.step(inputs, states, *drops)
        return new[0], new if nested else new[0]

    def _products(self, x, weight, drops, bias=None):
        """[x_k @ weight_k + bias_k] of the gates k, x_k being x with what is dropped for that gate."""
        if drops is None:
            return ops.split(ops.dense(x, weight, bias), weight.shape[-1] // self.units, axis=-1)
        parts = ops.split(weight, weight.shape[-1] // self.units, axis=-1)
        products = [ops.matmul(x * drops[k], part) for k, part in enumerate(parts)]
        if bias is None:
            return products
        return [p + b for p, b in zip(products, ops.split(bias, len(parts), axis=-1))]

    def step(self, x, states, drop_x, drop_h):
        """The new states."""
        raise NotImplementedError

    # -- whole sequences ----------------------------------------------------------------------------------------------

    @property
    def kernels(self):
        """The kernels of the activations of state and gates, or None where one of them has none."""
        gate = getattr(self, "recurrent_activation", activations.sigmoid)
        found = kernel_of(self.activation), kernel_of(gate)
        return None if None in found else found

    @property
    def runs_sequences(self):
        """Whether one operator can run whole sequences: neither the cell nor its activations are a user's own."""
        return type(self).__module__.startswith("kerasnp.") and self.kernels is not None

    def run(self, x, states, mask=None, training=False, **options):
        """[y, *last states] of the operator for whole sequences; options as for `ops.recurrent.recurrent`."""
        drop_x, drop_h = self._drops((x.shape[0], *x.shape[2:]), states[0].shape, training)
        return sequences.recurrent(
            self.operator, x, self.kernel, self.recurrent_kernel, states, self.bias, self.kernels, True,
            mask=mask, drop_x=drop_x, drop_h=drop_h, **options,
        )  # fmt: skip


class SimpleRNNCell(RecurrentCell):
    """One step of the simplest recurrent network (Elman, 1990).

    h' = activation(x @ kernel + h @ recurrent_kernel + bias)

    >>> y, states = SimpleRNNCell(4)(ops.ones((2, 3)), [ops.zeros((2, 4))])
    >>> y.shape
    (2, 4)

    The arguments are those of `SimpleRNN`. Shapes: inputs `(batch, features)`, states `[h]` of `(batch, units)`.
    """

    operator = sequences.SimpleRnn

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._set_options(
            units, use_bias, dropout, recurrent_dropout, seed, activation=activation,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
        )  # fmt: skip

    def step(self, x, states, drop_x, drop_h):
        """[h']."""
        (by_input,) = self._products(x, self.kernel, drop_x, self.bias)
        (by_state,) = self._products(states[0], self.recurrent_kernel, drop_h)
        return [self.activation(by_input + by_state)]


class LSTMCell(RecurrentCell):
    """One step of long short-term memory (Hochreiter and Schmidhuber, 1997; Gers et al., 2000).

    i, f, o = recurrent_activation(z_i, z_f, z_o), z = x @ kernel + h @ recurrent_kernel + bias in the order i, f, c, o
    c' = f * c + i * activation(z_c),  h' = o * activation(c')

    >>> y, (h, c) = LSTMCell(4)(ops.ones((2, 3)), [ops.zeros((2, 4)), ops.zeros((2, 4))])
    >>> h.shape, c.shape
    ((2, 4), (2, 4))

    The arguments are those of `LSTM`. Shapes: inputs `(batch, features)`, states `[h, c]` of `(batch, units)` each.
    """

    operator = sequences.Lstm
    gates = 4

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        kwargs.pop("implementation", None)
        super().__init__(**kwargs)
        self.unit_forget_bias = unit_forget_bias
        self._set_options(
            units, use_bias, dropout, recurrent_dropout, seed, activation=activation,
            recurrent_activation=recurrent_activation, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip

    def _bias_start(self):
        """Ones for the forget gate, if so wished: the cell then remembers from the start (Jozefowicz et al., 2015)."""
        return forget_bias(self.bias_initializer, self.units) if self.unit_forget_bias else None

    def step(self, x, states, drop_x, drop_h):
        """[h', c']."""
        h, c = states
        by_input = self._products(x, self.kernel, drop_x, self.bias)
        by_state = self._products(h, self.recurrent_kernel, drop_h)
        i, f, new, o = (a + b for a, b in zip(by_input, by_state))
        gate = self.recurrent_activation
        c = gate(f) * c + gate(i) * self.activation(new)
        return [gate(o) * self.activation(c), c]


def forget_bias(initializer, units):
    """An initializer of LSTM biases: ones for the forget gate, and what `initializer` gives for the others."""

    def start(shape, dtype=None):
        return K.concatenate(
            [initializer((units,), dtype), K.ones(units, K.storage_dtype(dtype)), initializer((2 * units,), dtype)]
        )

    return start


class GRUCell(RecurrentCell):
    """One step of a gated recurrent unit (Cho et al., 2014).

    z, r = recurrent_activation(x @ kernel + h @ recurrent_kernel + bias) of the update and reset gates,
    n = activation(x @ kernel + bias + r * (h @ recurrent_kernel + bias'))  with reset_after, else
    n = activation(x @ kernel + bias + (r * h) @ recurrent_kernel),  h' = z * h + (1 - z) * n

    >>> y, states = GRUCell(4)(ops.ones((2, 3)), [ops.zeros((2, 4))])
    >>> y.shape
    (2, 4)

    The arguments are those of `GRU`. Shapes: inputs `(batch, features)`, states `[h]` of `(batch, units)`; the gates
    are in the order z, r, n.
    """

    gates = 3

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        reset_after=True,
        seed=None,
        **kwargs,
    ):
        kwargs.pop("implementation", None)
        super().__init__(**kwargs)
        self.reset_after = reset_after
        self._set_options(
            units, use_bias, dropout, recurrent_dropout, seed, activation=activation,
            recurrent_activation=recurrent_activation, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip

    @property
    def operator(self):
        """The operator for whole sequences."""
        return sequences.Gru if self.reset_after else sequences.GruResetBefore

    def _bias_shape(self, width):
        return (2, width) if self.reset_after else (width,)

    def step(self, x, states, drop_x, drop_h):
        """[h']."""
        (h,) = states
        gate, u = self.recurrent_activation, self.units
        biases = (None, None) if self.bias is None else (self.bias, None)
        if self.reset_after and self.bias is not None:
            biases = self.bias[0], self.bias[1]
        z, r, new = self._products(x, self.kernel, drop_x, biases[0])
        if self.reset_after:
            hz, hr, hn = self._products(h, self.recurrent_kernel, drop_h, biases[1])
            z, r = gate(z + hz), gate(r + hr)
            new = self.activation(new + r * hn)
        else:
            hz, hr = self._products(h, self.recurrent_kernel[:, : 2 * u], drop_h)
            z, r = gate(z + hz), gate(r + hr)
            kept = r * h if drop_h is None else r * h * drop_h[2]
            new = self.activation(new + ops.matmul(kept, self.recurrent_kernel[:, 2 * u :]))
        return [z * h + (1 - z) * new]
