"""The recurrent layers: SimpleRNN, LSTM, GRU."""

from kerasnp import ops  # noqa: F401  (the examples use it)
from kerasnp.autodiff.variable import Variable
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell
from kerasnp.layers.rnn import RNN
from kerasnp.utils.naming import to_snake_case
from kerasnp.utils.registry import Registered


def _of_the_cell(name):
    return property(lambda self: getattr(self.cell, name), doc=f"The `{name}` of the cell.")


class Recurrent(RNN, abstract=True):
    """Base of the layers around a cell of their own; the weights and most options are the cell's."""

    cell_class: type
    # Arguments of RNN or of the constructor that stand in no configuration.
    left_out: tuple = ("cell", "use_cudnn")

    def _cell(self, units, kwargs, **options):
        options.update(dtype=kwargs.get("dtype"), trainable=kwargs.get("trainable", True))
        return self.cell_class(units, name=to_snake_case(self.cell_class.__name__), **options)

    def __init__(self, cell, *args, **kwargs):
        super().__init__(cell, *args, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    units = _of_the_cell("units")
    activation, recurrent_activation = _of_the_cell("activation"), _of_the_cell("recurrent_activation")
    use_bias, unit_forget_bias = _of_the_cell("use_bias"), _of_the_cell("unit_forget_bias")
    kernel_initializer, recurrent_initializer = (
        _of_the_cell("kernel_initializer"),
        _of_the_cell("recurrent_initializer"),
    )
    bias_initializer = _of_the_cell("bias_initializer")
    kernel_regularizer, recurrent_regularizer = (
        _of_the_cell("kernel_regularizer"),
        _of_the_cell("recurrent_regularizer"),
    )
    bias_regularizer = _of_the_cell("bias_regularizer")
    kernel_constraint, recurrent_constraint = _of_the_cell("kernel_constraint"), _of_the_cell("recurrent_constraint")
    bias_constraint = _of_the_cell("bias_constraint")
    dropout, recurrent_dropout = _of_the_cell("dropout"), _of_the_cell("recurrent_dropout")
    reset_after, seed = _of_the_cell("reset_after"), _of_the_cell("seed")

    def operators(self, input_shape, training=True):
        """The one that runs whole sequences, where nothing is dropped and no states are kept."""
        cell, (batch, steps, _) = self.cell, input_shape
        drops = training and (cell.dropout or cell.recurrent_dropout)
        if drops or self.stateful or self.return_state or not steps or not cell.runs_sequences:
            return None
        operator = cell.operator(
            cell.kernels, sequences=self.return_sequences, zero_masked=self.zero_output_for_mask, backwards=self.go_backwards
        )
        states = [Variable(s, trainable=False) for s in self.get_initial_state(batch)]
        biases = () if cell.bias is None else (cell.bias,)
        return [(operator, (cell.kernel, cell.recurrent_kernel, *states, *biases))]

    def get_config(self):
        """The constructor arguments, without the cell, which they describe."""
        config = {"activity_regularizer": None, **super().get_config()}
        return {name: value for name, value in config.items() if name not in self.left_out}

    from_config: classmethod = classmethod(vars(Registered)["from_config"].__func__)


class SimpleRNN(Recurrent):
    """The simplest recurrent layer (Elman, 1990): h' = activation(x @ kernel + h @ recurrent_kernel + bias).

    >>> SimpleRNN(4)(ops.ones((2, 10, 3))).shape
    (2, 4)

    Args:
        units: the number of states, a positive integer.
        activation: of the states, a name or function.
        use_bias: whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: how the weights begin.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: penalties added to the loss.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each update.
        dropout, recurrent_dropout: the shares of the inputs and of the states that are dropped in training, the same
            ones at every step and others for every gate (Gal and Ghahramani, 2016).
        seed: of the dropout.
        return_sequences: the output of every step instead of the last.
        return_state: the last states after the output: `(output, *states)`.
        go_backwards: from the last step to the first; the output of the last step comes first.
        stateful: begin each batch with the states that the last one ended with; the batch size must be fixed.
        unroll: accepted; the numbers do not depend on it.

    Shapes: sequences `(batch, steps, features)`, mask `(batch, steps)`, output `(batch, units)` or
    `(batch, steps, units)`.
    """

    cell_class = SimpleRNNCell
    left_out = (*Recurrent.left_out, "seed")

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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        seed=None,
        **kwargs,
    ):
        cell = self._cell(
            units, kwargs,
            activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed,
        )  # fmt: skip
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip


class LSTM(Recurrent):
    """Long short-term memory: a state c that gates write to, let go and read (Hochreiter and Schmidhuber, 1997).

    c' = f * c + i * activation(z_c),  h' = o * activation(c'),  with i, f, o = recurrent_activation(z_i, z_f, z_o) and
    z = x @ kernel + h @ recurrent_kernel + bias in the order i, f, c, o.

    >>> y, h, c = LSTM(4, return_sequences=True, return_state=True)(ops.ones((2, 10, 3)))
    >>> y.shape, h.shape, c.shape
    ((2, 10, 4), (2, 4), (2, 4))

    Args:
        units: the number of states, a positive integer.
        activation: of the states, a name or function.
        recurrent_activation: of the gates.
        use_bias: whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: how the weights begin.
        unit_forget_bias: the bias of the forget gate begins at one.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: penalties added to the loss.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each update.
        dropout, recurrent_dropout: the shares of the inputs and of the states that are dropped in training, the same
            ones at every step and others for every gate (Gal and Ghahramani, 2016).
        seed: of the dropout.
        return_sequences: the output of every step instead of the last.
        return_state: the last states after the output: `(output, *states)`.
        go_backwards: from the last step to the first; the output of the last step comes first.
        stateful: begin each batch with the states that the last one ended with; the batch size must be fixed.
        unroll, use_cudnn: accepted; the numbers do not depend on it.

    Shapes: sequences `(batch, steps, features)`, mask `(batch, steps)`, output `(batch, units)` or
    `(batch, steps, units)`.
    """

    cell_class = LSTMCell

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
        unroll=False,
        use_cudnn="auto",
        **kwargs,
    ):
        kwargs.pop("implementation", None)
        cell = self._cell(
            units, kwargs,
            activation=activation, recurrent_activation=recurrent_activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed,
        )  # fmt: skip
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.use_cudnn = use_cudnn


class GRU(Recurrent):
    """The gated recurrent unit: one state, a gate that updates and one that resets it (Cho et al., 2014).

    h' = z * h + (1 - z) * n,  z, r = recurrent_activation(x @ kernel + h @ recurrent_kernel + bias), and
    n = activation(x @ kernel + bias + r * (h @ recurrent_kernel + bias')), or, for `reset_after=False`,
    n = activation(x @ kernel + bias + (r * h) @ recurrent_kernel). The gates are in the order z, r, n.

    >>> GRU(4, return_sequences=True)(ops.ones((2, 10, 3))).shape
    (2, 10, 4)

    Args:
        units: the number of states, a positive integer.
        activation: of the states, a name or function.
        recurrent_activation: of the gates.
        use_bias: whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: how the weights begin.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: penalties added to the loss.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each update.
        dropout, recurrent_dropout: the shares of the inputs and of the states that are dropped in training, the same
            ones at every step and others for every gate (Gal and Ghahramani, 2016).
        seed: of the dropout.
        return_sequences: the output of every step instead of the last.
        return_state: the last states after the output: `(output, *states)`.
        go_backwards: from the last step to the first; the output of the last step comes first.
        stateful: begin each batch with the states that the last one ended with; the batch size must be fixed.
        unroll, use_cudnn: accepted; the numbers do not depend on it.
        reset_after: whether the reset gate comes after the product with the recurrent kernel; the bias then is
            `(2, 3 * units)`.

    Shapes: sequences `(batch, steps, features)`, mask `(batch, steps)`, output `(batch, units)` or
    `(batch, steps, units)`.
    """

    cell_class = GRUCell

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
        unroll=False,
        reset_after=True,
        use_cudnn="auto",
        **kwargs,
    ):
        kwargs.pop("implementation", None)
        cell = self._cell(
            units, kwargs,
            activation=activation, recurrent_activation=recurrent_activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint, dropout=dropout, recurrent_dropout=recurrent_dropout,
            reset_after=reset_after, seed=seed,
        )  # fmt: skip
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.use_cudnn = use_cudnn
