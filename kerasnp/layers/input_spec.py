"""InputSpec: what a layer demands of its input."""


class InputSpec:
    """Demands on one input, checked before the layer computes.

    >>> import kerasnp
    >>> class Pairs(kerasnp.layers.Layer):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.input_spec = InputSpec(ndim=2, axes={-1: 2})
    ...     def call(self, x):
    ...         return x
    >>> Pairs()(kerasnp.ops.ones((4, 2))).shape
    (4, 2)
    >>> Pairs()(kerasnp.ops.ones((4, 3)))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: Input 0 of layer "pairs_1" (Pairs) is incompatible with the layer: expected axis -1 of ...

    Args:
        dtype: expected dtype name, or None.
        shape: expected shape with None for any length, or None.
        ndim, max_ndim, min_ndim: expected number of axes, or None.
        axes: {axis: length} for axes that must have a length.
        allow_last_axis_squeeze: accept an input that lacks, or has in addition, a last axis of size one.
        name: the input's key, where inputs come as a dictionary.
        optional: None is accepted as well.
    """

    def __init__(
        self,
        dtype=None,
        shape=None,
        ndim=None,
        max_ndim=None,
        min_ndim=None,
        axes=None,
        allow_last_axis_squeeze=False,
        name=None,
        optional=False,
    ):
        self.dtype, self.name, self.optional = dtype, name, optional
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.axes = {int(k): v for k, v in (axes or {}).items()}

    def __repr__(self):
        given = {k: v for k, v in vars(self).items() if v not in (None, {}, False)}
        return f"InputSpec({', '.join(f'{k}={v}' for k, v in given.items())})"


def check_input(spec, x, layer):
    """Raise ValueError where `x` (or each of a list) does not meet the layer's spec."""
    if isinstance(spec, (list, tuple)):
        if not isinstance(x, (list, tuple)) or len(x) != len(spec):
            raise ValueError(f'Layer "{layer.name}" expects {len(spec)} input(s). Received: {type(x).__name__}')
        for i, (one, v) in enumerate(zip(spec, x)):
            _check_one(one, v, layer, i)
    else:
        _check_one(spec, x, layer, 0)


def _check_one(spec, x, layer, index):
    if spec is None or (x is None and spec.optional):
        return
    shape = tuple(x.shape)
    ndim = len(shape)

    def refuse(expected):
        raise ValueError(
            f'Input {index} of layer "{layer.name}" ({type(layer).__name__}) is incompatible with the layer: '
            f"expected {expected}. Received: an input of shape {shape}; {_remedy(spec, shape)}"
        )

    if spec.allow_last_axis_squeeze and spec.shape is not None:
        if ndim == spec.ndim + 1 and shape[-1] == 1:
            shape, ndim = shape[:-1], ndim - 1
        elif ndim == spec.ndim - 1 and spec.shape[-1] == 1:
            shape, ndim = (*shape, 1), ndim + 1
    if spec.ndim is not None and ndim != spec.ndim:
        refuse(f"ndim={spec.ndim}, found ndim={ndim}")
    if spec.max_ndim is not None and ndim > spec.max_ndim:
        refuse(f"max_ndim={spec.max_ndim}, found ndim={ndim}")
    if spec.min_ndim is not None and ndim < spec.min_ndim:
        refuse(f"min_ndim={spec.min_ndim}, found ndim={ndim}")
    for axis, length in spec.axes.items():
        if length is not None and shape[axis] not in (length, None):
            refuse(f"axis {axis} of input shape to have value {length}")
    if spec.shape is not None:
        for i, (length, found) in enumerate(zip(spec.shape, shape)):
            if length is not None and found is not None and length != found:
                refuse(f"shape={spec.shape}, found shape={shape}, which differs at axis {i}")
    if spec.dtype is not None and x.dtype != spec.dtype:
        refuse(f"dtype={spec.dtype}, found dtype={x.dtype}")


def _remedy(spec, shape):
    exact = spec.ndim if spec.min_ndim != spec.max_ndim or spec.min_ndim is None else spec.min_ndim
    if exact is not None and len(shape) == exact - 1:
        return "a channel axis may be missing: try x[..., None], or x[None] for a single sample."
    if spec.min_ndim is not None and len(shape) < spec.min_ndim:
        return "a batch axis may be missing: try x[None]."
    return "reshape the data, or build the layer for this shape."
