"""Penalties on weights and activities, under the names of `keras.regularizers`."""

from kerasnp import ops
from kerasnp.saving.config import deserialize_keras_object, serialize_value
from kerasnp.utils import registry
from kerasnp.utils.registry import Registered


class Regularizer(Registered, abstract=True):
    """Base: a subclass writes `__call__(x)`, the scalar penalty, and stores its arguments.

    >>> import kerasnp
    >>> class Cubes(Regularizer):
    ...     def __call__(self, x):
    ...         return kerasnp.ops.sum(kerasnp.ops.abs(x) ** 3)
    >>> layer = kerasnp.layers.Dense(1, kernel_initializer="ones", kernel_regularizer=Cubes())
    >>> y = layer(kerasnp.ops.ones((1, 2)))
    >>> float(layer.losses[0])
    2.0
    """

    family = "regularizers"

    def __call__(self, x):
        """The penalty; 0 for the base class."""
        return 0.0


def validate_float_arg(value, name):
    """`value` as a float; None, infinities and negative numbers are refused.

    >>> validate_float_arg(2, "l1")
    2.0
    >>> validate_float_arg(-1.0, "l1")
    Traceback (most recent call last):
        ...
    ValueError: Invalid value for argument l1: expected a non-negative float, finite. Received: l1=-1.0

    Raises: ValueError naming the argument.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value < float("inf"):
        raise ValueError(
            f"Invalid value for argument {name}: expected a non-negative float, finite. Received: {name}={value!r}"
        )
    return float(value)


class L1L2(Regularizer, aliases=("l1_l2",)):
    """l1 * sum(|x|) + l2 * sum(x^2).

    >>> float(L1L2(l1=1.0, l2=0.5)([1.0, -2.0]))
    5.5

    Args:
        l1, l2: the factors, not negative.

    Raises: ValueError for a factor that is negative, infinite or no number.

    Reference: Zou and Hastie (2005), Regularization and variable selection via the elastic net.
    """

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = validate_float_arg(0.0 if l1 is None else l1, "l1")
        self.l2 = validate_float_arg(0.0 if l2 is None else l2, "l2")

    def __call__(self, x):
        penalty = 0.0
        if self.l1:
            penalty = penalty + self.l1 * ops.sum(ops.abs(x))
        if self.l2:
            penalty = penalty + self.l2 * ops.sum(ops.square(x))
        return penalty


class L1(Regularizer):
    """l1 * sum(|x|): drives weights to exactly zero.

    >>> float(L1(0.5)([1.0, -2.0]))
    1.5

    Args:
        l1: the factor, not negative.

    Raises: ValueError for a factor that is negative, infinite or no number.

    Reference: Tibshirani (1996), Regression shrinkage and selection via the lasso.
    """

    def __init__(self, l1=0.01):
        self.l1 = validate_float_arg(0.01 if l1 is None else l1, "l1")

    def __call__(self, x):
        return self.l1 * ops.sum(ops.abs(x))


class L2(Regularizer):
    """l2 * sum(x^2): weight decay.

    >>> float(L2(0.5)([1.0, -2.0]))
    2.5

    Args:
        l2: the factor, not negative.

    Raises: ValueError for a factor that is negative, infinite or no number.

    Reference: Hoerl and Kennard (1970), Ridge regression.
    """

    def __init__(self, l2=0.01):
        self.l2 = validate_float_arg(0.01 if l2 is None else l2, "l2")

    def __call__(self, x):
        return self.l2 * ops.sum(ops.square(x))


class OrthogonalRegularizer(Regularizer):
    """factor times the mean of |cosine| between the rows (or columns) of a matrix (Brock et al., 2017).

    >>> import kerasnp
    >>> penalty = OrthogonalRegularizer(factor=1.0)
    >>> float(penalty(kerasnp.ops.array([[1.0, 0.0], [0.0, 3.0]])))  # perpendicular rows cost nothing
    0.0
    >>> float(penalty(kerasnp.ops.array([[1.0, 0.0], [3.0, 0.0]])))
    1.0

    Args:
        factor: a non-negative number.
        mode: `"rows"` or `"columns"`.

    Raises: ValueError for another mode, and for weights of other than two axes.
    """

    def __init__(self, factor=0.01, mode="rows"):
        self.factor = validate_float_arg(factor, "factor")
        if mode not in ("rows", "columns"):
            raise ValueError(f'Invalid value for argument `mode`. Expected one of {{"rows", "columns"}}. Received: mode={mode}')
        self.mode = mode

    def __call__(self, x):
        x = ops.convert_to_tensor(x)
        if len(x.shape) != 2:
            raise ValueError(f"OrthogonalRegularizer: the weights must be a matrix. Received: inputs.shape={tuple(x.shape)}")
        x = x if self.mode == "rows" else ops.transpose(x)
        n = x.shape[0]
        unit = ops.divide(x, ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis=1, keepdims=True), 1e-12)))
        cosines = ops.matmul(unit, ops.transpose(unit)) * (1 - ops.one_hot(ops.arange(n), n))
        return ops.divide(ops.multiply(ops.sum(ops.abs(cosines)), self.factor * 0.5), n * (n - 1) / 2)


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer


def get(identifier):
    """A regularizer from its name, configuration, class or instance; None stays None.

    >>> get("l2").get_config()
    {'l2': 0.01}
    >>> print(get(None))
    None
    """
    return registry.get("regularizers", identifier)


def serialize(regularizer):
    """The configuration of a regularizer.

    >>> serialize(L1(0.5))["config"]
    {'l1': 0.5}
    """
    return serialize_value(regularizer)


def deserialize(config, custom_objects=None):
    """The regularizer that `serialize` described.

    >>> deserialize({"class_name": "L1", "config": {"l1": 0.5}}).l1
    0.5
    """
    return deserialize_keras_object(config, custom_objects, family="regularizers")
