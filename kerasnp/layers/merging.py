"""Layers that make one tensor out of several, and the functions of the same names."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.layers.layer import Layer
from kerasnp.utils.masks import get_mask, set_mask


class _Merge(Layer, abstract=True):
    """Base: the inputs are a list, and shorter shapes get axes of length one after the batch."""

    supports_masking = True
    casts_integers = False

    def build(self, input_shape):
        self._several(input_shape)
        sizes = {shape[0] for shape in input_shape if shape} - {None}
        if len(sizes) > 1:
            raise ValueError(
                f"{self._who}: cannot merge batches of different sizes. Received tensors with shapes {input_shape}"
            )
        self.compute_output_shape(input_shape)

    def _several(self, shapes):
        if not isinstance(shapes, (list, tuple)) or not shapes or not isinstance(shapes[0], (list, tuple)):
            raise ValueError(
                f"{self._who}: it should be called on a list of tensors. Received: input_shape={shapes} (not a list of shapes)"
            )

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f"{self._who}: it should be called on a list of tensors. Received: inputs={inputs} (not a list of tensors)"
            )
        longest = max(x.ndim for x in inputs)
        return self._merge_function([self._lengthened(x, longest) for x in inputs])

    @staticmethod
    def _lengthened(x, ndim):
        if x.ndim == ndim:
            return x
        mask = get_mask(x)
        x = ops.reshape(x, (x.shape[0], *(1,) * (ndim - x.ndim), *x.shape[1:]))
        if mask is not None:
            set_mask(x, mask)
        return x

    def _merge_function(self, inputs):
        """The output for inputs with equally many axes."""
        y = inputs[0]
        for x in inputs[1:]:
            y = self.step(y, x)
        return y

    def _broadcast(self, first, second):
        longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
        head = len(longer) - len(shorter)
        sizes = list(longer[:head])
        for a, b in zip(longer[head:], shorter):
            if None not in (a, b) and 1 not in (a, b) and a != b:
                raise ValueError(
                    f"{self._who}: inputs have incompatible shapes, which must agree where neither has length one. "
                    f"Received shapes {tuple(first)} and {tuple(second)}"
                )
            sizes.append(None if None in (a, b) else b if a == 1 else a)
        return tuple(sizes)

    def compute_output_shape(self, input_shape):
        self._several(input_shape)
        rest = tuple(input_shape[0][1:])
        for shape in input_shape[1:]:
            rest = self._broadcast(rest, shape[1:])
        sizes = {shape[0] for shape in input_shape} - {None}
        return (sizes.pop() if len(sizes) == 1 else None, *rest)

    def _check_masks(self, inputs, mask):
        for name, value in (("mask", mask), ("inputs", inputs)):
            if not isinstance(value, (list, tuple)):
                raise ValueError(f"{self._who}: `{name}` should be a list. Received: {name}={value}")
        if len(mask) != len(inputs):
            raise ValueError(
                f"{self._who}: inputs and masks should have the same length. Received: {len(inputs)} inputs and {len(mask)} "
                "masks"
            )

    def compute_mask(self, inputs, mask=None):
        """True where any input has data; no mask where an input has none."""
        if mask is None:
            return None
        self._check_masks(inputs, mask)
        if any(m is None for m in mask):
            return None
        together = mask[0]
        for m in mask[1:]:
            together = ops.logical_or(together, m)
        return together


class Add(_Merge):
    """The sum of the inputs.

    >>> Add()([ops.ones((1, 2)), ops.ones((1, 2))])
    array([[2., 2.]], dtype=float32)
    """

    step = staticmethod(ops.add)


class Subtract(_Merge):
    """The first of two inputs minus the second.

    >>> Subtract()([ops.ones((1, 2)), ops.ones((1, 2))])
    array([[0., 0.]], dtype=float32)

    Raises: ValueError unless there are two.
    """

    step = staticmethod(ops.subtract)

    def build(self, input_shape):
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ValueError(
                f"{self._who}: the layer should be called on exactly 2 inputs, one to be taken from the other. Received: "
                f"input_shape={input_shape}"
            )

    def _merge_function(self, inputs):
        if len(inputs) != 2:
            raise ValueError(
                f"{self._who}: the layer should be called on exactly 2 inputs, one to be taken from the other. Received: "
                f"{len(inputs)} inputs"
            )
        return super()._merge_function(inputs)


class Multiply(_Merge):
    """The product of the inputs, element by element. Masked elements do not count; where all are masked it is 0.

    >>> Multiply()([ops.ones((1, 2)) * 2, ops.ones((1, 2)) * 3])
    array([[6., 6.]], dtype=float32)
    """

    step = staticmethod(ops.multiply)

    def _merge_function(self, inputs):
        masks = [_mask_of(x) for x in inputs]
        if all(m is None for m in masks):
            return super()._merge_function(inputs)
        kept = [x if m is None else ops.where(m, x, K.asarray(1, _dtype(x))) for x, m in zip(inputs, masks)]
        y = super()._merge_function(kept)
        if any(m is None for m in masks):
            return y
        together = _any_of(masks)
        y = ops.where(together, y, K.asarray(0, _dtype(y)))
        set_mask(y, together.any(axis=-1))
        return y


class Average(_Merge):
    """The mean of the inputs, element by element.

    >>> Average()([ops.ones((1, 2)), ops.ones((1, 2)) * 3])
    array([[2., 2.]], dtype=float32)
    """

    step = staticmethod(ops.add)

    def _merge_function(self, inputs):
        return super()._merge_function(inputs) / len(inputs)


class _Extreme(_Merge, abstract=True):
    """Base: of masked and unmasked elements the latter count, since no number is neutral."""

    def _merge_function(self, inputs):
        y, known = inputs[0], _mask_of(inputs[0])
        for x in inputs[1:]:
            mask = _mask_of(x)
            if mask is not None:
                x = ops.where(mask, x, y)
            if known is not None:
                y = ops.where(known, y, x)
            known = None if mask is None or known is None else K.logical_or(known, mask)
            y = self.step(y, x)
        if known is not None and len(inputs) > 1:
            set_mask(y, known.any(axis=-1))
        return y


class Maximum(_Extreme):
    """The largest of the inputs, element by element; masked elements do not count.

    >>> Maximum()([ops.ones((1, 2)), ops.ones((1, 2)) * 3])
    array([[3., 3.]], dtype=float32)
    """

    step = staticmethod(ops.maximum)


class Minimum(_Extreme):
    """The smallest of the inputs, element by element; masked elements do not count.

    >>> Minimum()([ops.ones((1, 2)), ops.ones((1, 2)) * 3])
    array([[1., 1.]], dtype=float32)
    """

    step = staticmethod(ops.minimum)


class Concatenate(_Merge):
    """The inputs one after the other along an axis; the other axes must be alike.

    >>> Concatenate()([ops.ones((1, 2)), ops.zeros((1, 1))])
    array([[1., 1., 0.]], dtype=float32)

    Args:
        axis: the axis, by default the last.

    Raises: ValueError for shapes that differ in another axis.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape):
        if not isinstance(input_shape, (list, tuple)) or not isinstance(next(iter(input_shape), None), (list, tuple)):
            raise ValueError(
                f"{self._who}: the layer should be called on a list with one input or more. Received: input_shape={input_shape}"
            )
        others = [[n for a, n in enumerate(shape) if a != self.axis % len(shape)] for shape in input_shape]
        alike = len(set(map(len, others))) == 1 and all(len(set(ns) - {None}) <= 1 for ns in zip(*others))
        if not alike:
            raise ValueError(
                f"{self._who}: it requires inputs with matching shapes except for the concatenation axis, {self.axis}. "
                f"Received: input_shape={input_shape}"
            )

    def _merge_function(self, inputs):
        return ops.concatenate(inputs, axis=self.axis)

    def compute_output_shape(self, input_shape):
        if not isinstance(input_shape, (list, tuple)) or not isinstance(input_shape[0], (list, tuple)):
            raise ValueError(
                f"{self._who}: the layer should be called on a list of tensors. Received: input_shape={input_shape}"
            )
        sizes = [shape[self.axis] for shape in input_shape]
        y = list(input_shape[0])
        y[self.axis] = None if None in sizes else sum(sizes)
        return tuple(y)

    def compute_mask(self, inputs, mask=None):
        """The masks one after the other, True for an input that has none; along the features, any of them."""
        if mask is None:
            return None
        self._check_masks(inputs, mask)
        if all(m is None for m in mask):
            return None
        whole = [_full(x, m) for x, m in zip(inputs, mask)]
        return ops.any(ops.concatenate(whole, axis=self.axis), axis=-1)


class Dot(_Merge):
    """The products of two inputs, summed over an axis of each, sample by sample.

    >>> Dot(axes=1)([ops.ones((2, 3)), ops.ones((2, 3))])
    array([[3.],
           [3.]], dtype=float32)

    Args:
        axes: the axis to sum over, or one for each input; not the batch axis.
        normalize: divide by the lengths along the axes first, which gives the cosine of the angle.

    Shapes: the axes of the first without its own, then those of the second without batch and its own.

    Raises: TypeError or ValueError for axes that are no integer or pair, and for inputs that are no pair or do not fit.
    """

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axes, (int, list, tuple)):
            raise TypeError(
                f"{self._who}: invalid type for argument `axes`, which is an int or one for each input. Received: {axes}"
            )
        if not isinstance(axes, int) and (len(axes) != 2 or not all(isinstance(a, int) for a in axes)):
            raise ValueError(
                f"{self._who}: invalid format for argument `axes`: list elements should be two integers. Received: axes={axes}"
            )
        self.axes, self.normalize = axes, normalize

    def _pair(self, shapes):
        """The two axes, counted from the front."""
        if not isinstance(shapes, (list, tuple)) or len(shapes) != 2 or not isinstance(shapes[0], (list, tuple)):
            raise ValueError(
                f"{self._who}: the layer should be called on a list with two tensors. Received: input_shape={shapes}"
            )
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        return [a % len(shape) if a < 0 else a for a, shape in zip(axes, shapes)]

    def build(self, input_shape):
        a, b = self._pair(input_shape)
        first, second = input_shape
        if first[a] != second[b]:
            raise ValueError(
                f"{self._who}: incompatible input shapes, {first} and {second}: axis {a} of the first has {first[a]} entries, "
                f"and axis {b} of the second {second[b]}."
            )

    def call(self, inputs):
        a, b = self._pair([x.shape for x in inputs] if isinstance(inputs, (list, tuple)) else inputs)
        if 0 in (a, b):
            raise ValueError(f"{self._who}: cannot take products over axis 0, the batch. Received: axes={self.axes}")
        if any(x.ndim < 2 for x in inputs):
            raise ValueError(
                f"{self._who}: inputs must have at least 2 axes. Received: shapes {[tuple(x.shape) for x in inputs]}"
            )
        x, y = (ops.normalize(v, axis=c) if self.normalize else v for v, c in zip(inputs, (a, b)))
        rows, columns = [n for i, n in enumerate(x.shape) if i != a], [n for i, n in enumerate(y.shape) if i != b]
        x = ops.reshape(ops.moveaxis(x, a, -1), (rows[0], -1, x.shape[a]))
        y = ops.reshape(ops.moveaxis(y, b, 1), (columns[0], y.shape[b], -1))
        product = ops.reshape(ops.matmul(x, y), (*rows, *columns[1:]))
        return ops.expand_dims(product, -1) if product.ndim == 1 else product

    def compute_output_shape(self, input_shape):
        a, b = self._pair(input_shape)
        first = [n for i, n in enumerate(input_shape[0]) if i != a]
        second = [n for i, n in enumerate(input_shape[1]) if i != b]
        shape = (*first, *second[1:])
        return shape if len(shape) > 1 else (*shape, 1)

    def compute_mask(self, inputs, mask=None):
        """None: no step of the output belongs to one of the inputs."""
        return None


def add(inputs, **kwargs):
    """The sum of the inputs, as by an `Add` layer with these options.

    >>> x = ops.array([[1.0, 4.0]])
    >>> add([x, x, x])
    array([[ 3., 12.]], dtype=float32)
    """
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """The first of two inputs minus the second, as by a `Subtract` layer with these options.

    >>> subtract([ops.array([[1.0, 4.0]]), ops.array([[3.0, 0.5]])])
    array([[-2. ,  3.5]], dtype=float32)
    """
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """The product of the inputs, as by a `Multiply` layer with these options.

    >>> multiply([ops.array([[1.0, 4.0]]), ops.array([[3.0, 0.5]])])
    array([[3., 2.]], dtype=float32)
    """
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """The mean of the inputs, as by an `Average` layer with these options.

    >>> average([ops.array([[1.0, 4.0]]), ops.array([[3.0, 0.0]])])
    array([[2., 2.]], dtype=float32)
    """
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """The largest of the inputs, as by a `Maximum` layer with these options.

    >>> maximum([ops.array([[1.0, 4.0]]), ops.array([[3.0, 0.0]])])
    array([[3., 4.]], dtype=float32)
    """
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """The smallest of the inputs, as by a `Minimum` layer with these options.

    >>> minimum([ops.array([[1.0, 4.0]]), ops.array([[3.0, 0.0]])])
    array([[1., 0.]], dtype=float32)
    """
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """The inputs one after the other, as by a `Concatenate` layer with these options.

    >>> concatenate([ops.ones((2, 3)), ops.ones((2, 1))]).shape
    (2, 4)
    >>> concatenate([ops.ones((2, 3)), ops.ones((1, 3))], axis=0).shape
    (3, 3)
    """
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes=-1, **kwargs):
    """The products of two inputs, as by a `Dot` layer with these options.

    >>> dot([ops.array([[1.0, 4.0]]), ops.array([[3.0, 0.5]])], axes=1)
    array([[5.]], dtype=float32)
    """
    return Dot(axes=axes, **kwargs)(inputs)


def _dtype(x):
    return ops.stop_gradient(x).dtype


def _full(x, mask):
    """A mask of every element of `x`: True where there is none."""
    if mask is None:
        return ops.ones_like(x, dtype="bool")
    if len(mask.shape) == len(x.shape):
        return mask
    return ops.logical_and(ops.expand_dims(mask, -1), ops.ones_like(x, dtype="bool"))


def _mask_of(x):
    mask = get_mask(x)
    return None if mask is None else _full(x, mask)


def _any_of(masks):
    together = masks[0]
    for m in masks[1:]:
        together = K.logical_or(together, m)
    return together
