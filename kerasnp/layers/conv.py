"""Convolution layers."""

from kerasnp import activations, constraints, initializers, ops, regularizers
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.lora import Adaptable, Adapted
from kerasnp.layers.pooling import MaxPooling1D, MaxPooling2D, MaxPooling3D
from kerasnp.layers.spatial import WindowLayer
from kerasnp.ops.conv import conv_operator
from kerasnp.utils import check


class ConvLayer(WindowLayer, abstract=True):
    """Base of all convolutions: the window, the activation and the weights."""

    def _set_window(self, kernel_size, strides, padding, data_format, dilation_rate):
        self.kernel_size = self._ints("kernel_size", kernel_size)
        self.strides = self._ints("strides", strides)
        self._set_data_format(data_format)
        paddings = ("valid", "same", "causal") if self.rank == 1 else ("valid", "same")
        self.padding = check.one_of("padding", padding, paddings, self._who)
        if self.padding == "causal" and self.data_format == "channels_first":
            raise ValueError(
                f"{self._who}: causal padding needs data_format='channels_last'. Received: 'channels_first'."
            )
        self.dilation_rate = self._ints("dilation_rate", dilation_rate)
        self.input_spec = InputSpec(min_ndim=self.rank + 2, max_ndim=self.rank + 2)

    def _refuse_strides_with_dilation(self):
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{self._who}: `strides > 1` is not supported together with `dilation_rate > 1`; set one of them to 1. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def _set_output(self, activation, use_bias, initializer, regularizer, constraint):
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self._set_weight("bias", initializer, regularizer, constraint)

    def _set_weight(self, name, initializer, regularizer, constraint):
        """Store what a weight begins with, is penalised by and is projected to, under Keras's attribute names."""
        setattr(self, f"{name}_initializer", initializers.get(initializer))
        setattr(self, f"{name}_regularizer", regularizers.get(regularizer))
        setattr(self, f"{name}_constraint", constraints.get(constraint))

    def _make_weight(self, name, shape, option=None):
        option = option or name
        return self.add_weight(
            shape,
            getattr(self, f"{option}_initializer"),
            regularizer=getattr(self, f"{option}_regularizer"),
            constraint=getattr(self, f"{option}_constraint"),
            name=name,
        )

    def _make_bias(self, size):
        self.bias = self._make_weight("bias", (size,)) if self.use_bias else None

    def _fix_channels(self, input_shape):
        """The number of channels, which from now on every input must have."""
        channels = self._split(input_shape)[2]
        if channels is None:
            raise ValueError(
                f"{self._who}: the channel axis of the input must be defined. "
                f"Received: input_shape={tuple(input_shape)}; give the number of channels in Input(shape=...)."
            )
        ndim, channel_axis = self.rank + 2, self._axes()[1]
        self.input_spec = InputSpec(min_ndim=ndim, max_ndim=ndim, axes={channel_axis: channels})
        self.compute_output_shape(input_shape)
        return channels

    def get_config(self):
        """The constructor arguments; Keras writes `activity_regularizer` even where there is none."""
        return {**super().get_config(), "activity_regularizer": regularizers.serialize(self.activity_regularizer)}


class _Conv(Adaptable, ConvLayer, abstract=True):
    kernel = Adapted()

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set_lora(lora_rank, lora_alpha)
        self.filters = check.count("filters", filters, self._who)
        if isinstance(groups, bool) or not hasattr(groups, "__index__") or groups <= 0:
            raise ValueError(f"{self._who}: groups must be a positive integer. Received: groups={groups!r}.")
        self.groups = int(groups)
        if self.filters % self.groups:
            raise ValueError(
                f"{self._who}: filters must be a multiple of groups. Received: groups={groups}, filters={filters}."
            )
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._refuse_strides_with_dilation()
        self._set_weight("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self._set_output(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape):
        channels = self._fix_channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                f"{self._who}: the number of input channels must be divisible by groups. "
                f"Received: groups={self.groups} and {channels} channels (input shape {tuple(input_shape)})."
            )
        self.kernel = self._make_weight("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        self._make_bias(self.filters)
        self._enable_lora_if_asked()

    def call(self, inputs, pool=None):
        return ops.conv(
            inputs,
            self.kernel,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.groups,
            self.bias,
            self.activation,
            None if pool is None else (pool.pool_size, pool.strides, pool.padding),
        )

    def operators(self, input_shape, training=True, pool=None):
        """The convolution with its pooling, and the activation where it is not part of that."""
        if self.lora_enabled or self.data_format == "channels_first":
            return None
        pool = None if pool is None else (pool.pool_size, pool.strides, pool.padding)
        sizes = input_shape, self.kernel.shape, self.strides, self.padding, self.dilation_rate, self.groups
        variables = (self.kernel,) if self.bias is None else (self.kernel, self.bias)
        return self._with_activation(lambda fused: conv_operator(*sizes, fused, pool), variables)

    def get_config(self):
        return self._without_unused_lora(super().get_config())

    def absorbs(self, layer):
        """Whether `layer` is a max-pooling that `call(inputs, pool=layer)` does in the same step."""
        return (
            type(layer) in (MaxPooling1D, MaxPooling2D, MaxPooling3D)
            and layer.rank == self.rank
            and layer.data_format == self.data_format == "channels_last"
            and (self.activation is activations.linear or hasattr(self.activation, "fused"))
            and self.activity_regularizer is None is layer.activity_regularizer
            and self.compute_dtype == layer.compute_dtype
        )

    def compute_output_shape(self, input_shape):
        batch, spatial, _ = self._split(input_shape)
        sizes = self._window_output(input_shape, spatial, self.kernel_size, self.strides, self.dilation_rate)
        return self._join(batch, sizes, self.filters)


class Conv1D(_Conv, aliases=("Convolution1D",)):
    """Convolution over sequences: every filter answers how well each stretch of the sequence matches its kernel.

    y[p, f] = activation(bias[f] + the sum over window cells i and channels c of x[strides * p + dilation * i, c] *
    kernel[i, c, f]) at every step p.

    >>> Conv1D(8, 3, padding="causal")(ops.ones((1, 10, 4))).shape
    (1, 10, 8)

    The arguments are those of `Conv2D` with one number per window. `padding` may also be `"causal"`: zeros before the
    sequence only, so that no output looks ahead (van den Oord et al., 2016).

    Shapes: inputs `(batch, steps, channels)`, outputs `(batch, new_steps, filters)`; kernel
    `(kernel_size, channels // groups, filters)`, bias `(filters,)`.
    """

    rank = 1


class Conv2D(_Conv, aliases=("Convolution2D",)):
    """Convolution over images: every filter answers how well each patch of the image matches its kernel.

    y[p, f] = activation(bias[f] + the sum over window cells i and channels c of x[strides * p + dilation * i, c] *
    kernel[i, c, f]) at every position p.

    >>> Conv2D(8, 3, activation="relu")(ops.ones((1, 28, 28, 1))).shape
    (1, 26, 26, 8)

    Args:
        filters: number of filters, the channels of the output.
        kernel_size: the window's height and width, or one number for both.
        strides: how far the window moves at a time, likewise.
        padding: `"valid"` keeps the window inside the image; `"same"` adds zeros so that the output has
            `ceil(size / stride)` rows and columns.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.
        dilation_rate: distance between neighbouring cells of the window.
        groups: the channels are cut into so many groups, each seen by its own share of the filters.
        activation: a name or function; none by default.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties added to the loss.
        kernel_constraint, bias_constraint: projections after each update.
        lora_rank, lora_alpha: what `build` calls `enable_lora` with, where a rank is given.

    Shapes: inputs `(batch, height, width, channels)`, outputs `(batch, new_height, new_width, filters)`; kernel
    `(*kernel_size, channels // groups, filters)`, bias `(filters,)`.

    Raises: ValueError for arguments out of range, filters or channels that the groups do not divide, or an input
    smaller than the window.
    """

    rank = 2


class Conv3D(_Conv, aliases=("Convolution3D",)):
    """Convolution over volumes, or over images and time.

    >>> Conv3D(8, 3)(ops.ones((1, 6, 7, 8, 2))).shape
    (1, 4, 5, 6, 8)

    The arguments are those of `Conv2D` with three numbers per window.

    Shapes: inputs `(batch, depth, height, width, channels)`, outputs `(batch, new_depth, new_height, new_width,
    filters)`; kernel `(*kernel_size, channels // groups, filters)`, bias `(filters,)`.
    """

    rank = 3
