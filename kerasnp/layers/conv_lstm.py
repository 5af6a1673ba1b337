"""Convolutional LSTMs: the products are convolutions over one, two or three axes."""

from kerasnp import activations, constraints, initializers, ops, regularizers
from kerasnp import backend as K
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.recurrent_cells import DroppingCell, forget_bias
from kerasnp.layers.rnn import RNN
from kerasnp.utils import check
from kerasnp.utils.registry import Registered


class _ConvLSTMCell(DroppingCell, abstract=True):
    """One step: gates from conv(x, kernel) + conv(h, recurrent_kernel, "same") + bias, the rest is that of an LSTM."""

    gates = 4

    def __init__(self, rank, filters, kernel_size, strides, padding, data_format, dilation_rate, options, **kwargs):
        dropouts = [options.pop(name) for name in ("dropout", "recurrent_dropout", "seed")]
        super().__init__(**kwargs)
        self.filters = check.count("filters", filters, self._who)
        self.kernel_size = check.int_tuple("kernel_size", kernel_size, rank, self._who)
        self.strides = check.int_tuple("strides", strides, rank, self._who)
        self.padding = check.one_of("padding", padding, ("valid", "same"), self._who)
        self.data_format = K.standardize_data_format(data_format)
        self.dilation_rate = check.int_tuple("dilation_rate", dilation_rate, rank, self._who)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{self._who}: Specifying `strides > 1` is not compatible with `dilation_rate > 1` where frames are convolved; "
                f"set one of them to 1. Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )
        families = {
            "initializer": initializers,
            "regularizer": regularizers,
            "constraint": constraints,
            "activation": activations,
        }
        for name, value in options.items():
            family = families.get(name.rpartition("_")[2])
            setattr(self, name, value if family is None else family.get(value))
        self._set_dropout(*dropouts)

    def build(self, input_shape):
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        if channels is None:
            raise ValueError(
                f"{self._who}: the channel axis of the input must be known. Received: input shape {input_shape}"
            )
        sizes = {"kernel": channels, "recurrent_kernel": self.filters}
        for name, depth in sizes.items():
            kind = name.removesuffix("_kernel")
            weight = self.add_weight(
                (*self.kernel_size, depth, 4 * self.filters), getattr(self, f"{kind}_initializer"),
                regularizer=getattr(self, f"{kind}_regularizer"), constraint=getattr(self, f"{kind}_constraint"),
                name=name,
            )  # fmt: skip
            setattr(self, name, weight)
        self.bias = None
        if self.use_bias:
            start = forget_bias(self.bias_initializer, self.filters) if self.unit_forget_bias else self.bias_initializer
            self.bias = self.add_weight(
                (4 * self.filters,),
                start,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def call(self, inputs, states, training=False):
        h, c = states
        drop_x, drop_h = self._drops(inputs.shape, h.shape, training)
        own = (self.strides, self.padding, self.data_format, self.dilation_rate)
        by_input = self._convolve(inputs, self.kernel, drop_x, *own, bias=self.bias)
        by_state = self._convolve(h, self.recurrent_kernel, drop_h, 1, "same", self.data_format)
        i, f, new, o = (a + b for a, b in zip(by_input, by_state))
        gate = self.recurrent_activation
        c = gate(f) * c + gate(i) * self.activation(new)
        h = gate(o) * self.activation(c)
        return h, [h, c]

    def _convolve(self, x, kernel, drops, *window, bias=None):
        """The convolutions of the four gates."""
        axis = 1 if self.data_format == "channels_first" else -1
        if drops is None:
            return ops.split(ops.conv(x, kernel, *window, bias=bias), 4, axis=axis)
        biases = [None] * 4 if bias is None else ops.split(bias, 4)
        parts = zip(ops.split(kernel, 4, axis=-1), biases)
        return [ops.conv(x * drops[k], part, *window, bias=b) for k, (part, b) in enumerate(parts)]


_OPTIONS = (
    "activation", "recurrent_activation", "use_bias", "kernel_initializer", "recurrent_initializer", "bias_initializer",
    "unit_forget_bias", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "kernel_constraint",
    "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "seed",
)  # fmt: skip
_WINDOW = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")


class _ConvLSTM(RNN, abstract=True):
    rank = 2

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        **kwargs,
    ):
        given = locals()
        cell = _ConvLSTMCell(
            self.rank, *(given[name] for name in _WINDOW), {name: given[name] for name in _OPTIONS}, name="conv_lstm_cell",
            dtype=kwargs.get("dtype"), trainable=kwargs.get("trainable", True),
        )  # fmt: skip
        # Known once the sizes of the images are; the base only asks that there be states.
        cell.state_size = [cell.filters, cell.filters]
        super().__init__(
            cell,
            return_sequences,
            return_state,
            go_backwards,
            stateful,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def _step_output(self, shape):
        """The shape of a step's output, batch included, for sequences of `shape`."""
        cell = self.cell
        first = cell.data_format == "channels_first"
        space = shape[3:] if first else shape[2:-1]
        sizes = []
        for n, k, s, d in zip(space, cell.kernel_size, cell.strides, cell.dilation_rate):
            reach = (k - 1) * d + 1 if cell.padding == "valid" else 1
            sizes.append(None if n is None else (n - reach) // s + 1)
        return (shape[0], cell.filters, *sizes) if first else (shape[0], *sizes, cell.filters)

    def _know_sizes(self, shape):
        self.cell.output_size = self._step_output(shape)[1:]
        self.cell.state_size = [self.cell.output_size] * 2

    def build(self, sequences_shape, initial_state_shape=None):
        self._know_sizes(sequences_shape)
        super().build(sequences_shape, initial_state_shape)

    def call(self, sequences, initial_state=None, mask=None, training=False):
        self._know_sizes(tuple(sequences.shape))
        return super().call(sequences, initial_state, mask, training)

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        step = self._step_output(tuple(sequences_shape))
        y = (step[0], sequences_shape[1], *step[1:]) if self.return_sequences else step
        return (y, step, step) if self.return_state else y

    def get_initial_state(self, batch_size):
        """States of zeros, [h, c]."""
        zeros = K.storage_dtype(self.compute_dtype)
        return [K.zeros((batch_size, *self.cell.output_size), zeros) for _ in range(2)]

    def get_config(self):
        """The constructor arguments."""
        config = {"activity_regularizer": None, **super().get_config()}
        del config["cell"]
        return config

    def _config_value(self, name):
        # The arguments describe the cell.
        return None if name == "cell" else super()._config_value(name)

    from_config: classmethod = classmethod(vars(Registered)["from_config"].__func__)


def _of_the_cell(name):
    return property(lambda self: getattr(self.cell, name), doc=f"The `{name}` of the cell.")


for _name in (*_WINDOW, *_OPTIONS):
    setattr(_ConvLSTM, _name, _of_the_cell(_name))


class ConvLSTM1D(_ConvLSTM):
    """A convolutional LSTM over sequences of rows, such as a spectrum that changes; see `ConvLSTM2D`.

    >>> ConvLSTM1D(4, 3)(ops.ones((2, 5, 8, 1))).shape
    (2, 6, 4)

    Shapes: sequences `(batch, steps, length, channels)`, output `(batch, length, filters)`, with `return_sequences`
    `(batch, steps, length, filters)`.
    """

    rank = 1


class ConvLSTM2D(_ConvLSTM):
    """An LSTM over images whose products are convolutions, for films and maps that change (Shi et al., 2015).

    c' = f * c + i * activation(z_c),  h' = o * activation(c'),  with i, f, o = recurrent_activation(z_i, z_f, z_o) and
    z = conv(x, kernel) + conv(h, recurrent_kernel) + bias in the order i, f, c, o; the second convolution keeps the
    size.

    >>> ConvLSTM2D(4, 3)(ops.ones((2, 5, 8, 8, 1))).shape
    (2, 6, 6, 4)

    Args:
        filters, kernel_size, strides, padding, data_format, dilation_rate: of the convolutions, as for `Conv2D`.
        The others are those of `LSTM`.

    Shapes: sequences `(batch, steps, height, width, channels)`, output `(batch, height, width, filters)`, with
    `return_sequences` `(batch, steps, height, width, filters)`; states `[h, c]` like the output of a step.
    """

    rank = 2


class ConvLSTM3D(_ConvLSTM):
    """A convolutional LSTM over volumes that change; see `ConvLSTM2D`.

    >>> ConvLSTM3D(2, 2)(ops.ones((1, 3, 4, 4, 4, 1))).shape
    (1, 3, 3, 3, 2)

    Shapes: sequences `(batch, steps, depth, height, width, channels)`, output `(batch, depth, height, width, filters)`,
    with `return_sequences` `(batch, steps, depth, height, width, filters)`.
    """

    rank = 3
