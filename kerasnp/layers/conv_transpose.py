"""Transposed convolution layers: the gradient of a convolution as a layer of its own."""

from kerasnp import ops
from kerasnp.layers.conv import ConvLayer
from kerasnp.utils import check


class _ConvTranspose(ConvLayer, abstract=True):
    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = check.count("filters", filters, self._who)
        check.one_of("padding", padding, ("valid", "same"), self._who)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._refuse_strides_with_dilation()
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = check.int_tuple("output_padding", output_padding, self.rank, self._who, minimum=0)
            if any(o >= s for o, s in zip(self.output_padding, self.strides)):
                raise ValueError(
                    f"{self._who}: `output_padding` must be strictly less than `strides` along every axis. "
                    f"Received: output_padding={output_padding}, strides={self.strides}"
                )
        self._set_weight("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self._set_output(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape):
        channels = self._fix_channels(input_shape)
        self.kernel = self._make_weight("kernel", (*self.kernel_size, self.filters, channels))
        self._make_bias(self.filters)

    def call(self, inputs):
        return ops.conv_transpose(
            inputs,
            self.kernel,
            self.strides,
            self.padding,
            self.output_padding,
            self.data_format,
            self.dilation_rate,
            self.bias,
            self.activation,
        )

    def compute_output_shape(self, input_shape):
        batch, spatial, _ = self._split(input_shape)
        extra = self.output_padding or (None,) * self.rank
        sizes = tuple(
            None if n is None else ops.conv_transpose_size(n, k, s, self.padding, o, d)
            for n, k, s, o, d in zip(spatial, self.kernel_size, self.strides, extra, self.dilation_rate)
        )
        self._refuse_empty(input_shape, sizes)
        return self._join(batch, sizes, self.filters)


class Conv1DTranspose(_ConvTranspose, aliases=("Convolution1DTranspose",)):
    """Transposed convolution over sequences: every step adds its kernel to a stretch of the output.

    >>> Conv1DTranspose(8, 3, strides=2)(ops.ones((1, 5, 4))).shape
    (1, 11, 8)

    The arguments are those of `Conv2DTranspose` with one number per window.

    Shapes: inputs `(batch, steps, channels)`, outputs `(batch, new_steps, filters)`; kernel
    `(kernel_size, filters, channels)`, bias `(filters,)`.
    """

    rank = 1


class Conv2DTranspose(_ConvTranspose, aliases=("Convolution2DTranspose",)):
    """Transposed convolution over images: every pixel adds its kernel to a patch of the output (Zeiler et al., 2010).

    It is the gradient of a convolution with the same arguments with respect to its input, so it maps the shape of that
    convolution's output back to the shape of its input: the usual way to enlarge images with learned weights.

    >>> Conv2DTranspose(8, 3, strides=2, padding="same")(ops.ones((1, 7, 7, 4))).shape
    (1, 14, 14, 8)

    Args:
        filters: number of filters, the channels of the output.
        kernel_size: the window's height and width, or one number for both.
        strides: how far apart neighbouring pixels place their kernels.
        padding: `"valid"` keeps all of the output, `(size - 1) * stride + kernel` or at least `size * stride`; `"same"`
            cuts it to `size * stride`.
        output_padding: rows and columns to add at the far end; the size is then
            `(size - 1) * stride + kernel - 2 * pad + output_padding` with a pad of `kernel // 2` for `"same"`, 0 for
            `"valid"`.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.
        dilation_rate: distance between neighbouring cells of the window.
        activation: a name or function; none by default.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties added to the loss.
        kernel_constraint, bias_constraint: projections after each update.

    Shapes: inputs `(batch, height, width, channels)`, outputs `(batch, new_height, new_width, filters)`; kernel
    `(*kernel_size, filters, channels)`, bias `(filters,)`.

    Raises: ValueError for arguments out of range.
    """

    rank = 2


class Conv3DTranspose(_ConvTranspose, aliases=("Convolution3DTranspose",)):
    """Transposed convolution over volumes.

    >>> Conv3DTranspose(2, 2, strides=2)(ops.ones((1, 3, 4, 5, 1))).shape
    (1, 6, 8, 10, 2)

    The arguments are those of `Conv2DTranspose` with three numbers per window.

    Shapes: inputs `(batch, depth, height, width, channels)`, outputs `(batch, new_depth, new_height, new_width,
    filters)`; kernel `(*kernel_size, filters, channels)`, bias `(filters,)`.
    """

    rank = 3

    # Two arguments stand in another order here, as in Keras.
    def __init__(
        self, filters, kernel_size, strides=(1, 1, 1), padding="valid", data_format=None, output_padding=None,
        dilation_rate=(1, 1, 1), **kwargs,
    ):  # fmt: skip
        super().__init__(filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, **kwargs)
