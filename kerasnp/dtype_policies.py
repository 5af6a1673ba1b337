"""Dtype policies: the type a layer computes in, and the type its weights are kept in."""

from kerasnp import backend as K
from kerasnp.utils import session


class DTypePolicy:
    """The pair of types behind a layer's `dtype` argument.

    `"float32"` computes and stores in float32; `"mixed_float16"` computes in float16 on float32 weights.

    >>> DTypePolicy("mixed_float16").variable_dtype
    'float32'

    Args:
        name: a dtype name, `"mixed_float16"`, `"mixed_bfloat16"`, or None for the default float type.

    Raises: ValueError for another name.
    """

    # Always None: weights are never kept in integers of a few bits here.
    quantization_mode = None

    def __init__(self, name=None):
        self.name = dtype_policy().name if name is None else name
        if not isinstance(self.name, str):
            raise TypeError(f"'name' must be a string, such as 'mixed_float16'. Received: name={name!r}")
        mixed = self.name in ("mixed_float16", "mixed_bfloat16")
        if not mixed and self.name not in K.DTYPES:
            raise ValueError(
                f"Cannot convert '{self.name}' to a pair of compute and variable types. Expected a dtype name, "
                f"'mixed_float16' or 'mixed_bfloat16'. Received: name={name!r}"
            )
        self.compute_dtype = self.name.removeprefix("mixed_")
        self.variable_dtype = "float32" if mixed else self.name

    def convert_input(self, x, autocast, dtype):
        """`x` as a tensor: floats in `dtype` where `autocast` says so, anything else in its own type.

        >>> DTypePolicy("float64").convert_input([1.0, 2.0], True, "float64")
        array([1., 2.])
        """
        x = K.tensor(getattr(x, "value", x))
        return x.astype(K.storage_dtype(dtype)) if autocast and K.is_float(x.dtype) and K.is_float(dtype) else x

    def get_config(self):
        """The name, as a configuration.

        >>> DTypePolicy("mixed_bfloat16").get_config()
        {'name': 'mixed_bfloat16'}
        """
        return {"name": self.name}

    @classmethod
    def from_config(cls, config):
        """The policy that `get_config` described.

        >>> DTypePolicy.from_config({"name": "mixed_bfloat16"}).compute_dtype
        'bfloat16'
        """
        return cls(config["name"])

    def serialize(self):
        """The form in which Keras writes a policy into a model file.

        >>> DTypePolicy("mixed_float16").serialize()
        {'module': 'keras', 'class_name': 'DTypePolicy', 'config': {'name': 'mixed_float16'}, 'registered_name': None}
        """
        return {"module": "keras", "class_name": "DTypePolicy", "config": self.get_config(), "registered_name": None}

    def __eq__(self, other):
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self):
        return hash(self.name)

    def __repr__(self):
        return f'<DTypePolicy "{self.name}">'


# The name of Keras 3.0 for the policies that keep weights in floats.
FloatDTypePolicy = DTypePolicy

_global = None


def dtype_policy():
    """The policy of layers and metrics that name none; the default float type until `set_dtype_policy` is called.

    >>> dtype_policy().name
    'float32'
    """
    return DTypePolicy(K.floatx()) if _global is None else _global


def set_dtype_policy(policy):
    """Set the policy of layers and metrics that name none: a DTypePolicy or its name.

    `clear_session` takes it back.

    >>> import kerasnp
    >>> set_dtype_policy("float64")
    >>> kerasnp.layers.Dense(1).dtype
    'float64'
    >>> set_dtype_policy("float32")

    Raises: ValueError for anything else.
    """
    global _global
    if isinstance(policy, str):
        policy = DTypePolicy(policy)
    if not isinstance(policy, DTypePolicy):
        raise ValueError(
            "Invalid `policy` argument: expected the name of a policy, such as 'mixed_float16', or a DTypePolicy. "
            f"Received: policy={policy!r} (of type {type(policy).__name__})"
        )
    _global = policy


def _reset():
    global _global
    _global = None


session.on_clear(_reset)


def get(identifier):
    """A policy from a policy, its name, its configuration, or None for the default.

    >>> get("float64").compute_dtype
    'float64'
    >>> get({"class_name": "DTypePolicy", "config": {"name": "bfloat16"}})
    <DTypePolicy "bfloat16">

    Raises: ValueError for what is none.
    """
    if isinstance(identifier, DTypePolicy):
        return identifier
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, dict):
        return DTypePolicy(identifier.get("config", identifier).get("name"))
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    try:
        return DTypePolicy(K.standardize_dtype(identifier))
    except ValueError:
        raise ValueError(
            "Cannot interpret `dtype` argument. Expected a dtype, the name of a policy, or a DTypePolicy. "
            f"Received: dtype={identifier!r}"
        ) from None


def serialize(dtype_policy):
    """The configuration of a policy, as Keras writes it into files.

    >>> serialize(DTypePolicy("float64"))["config"]
    {'name': 'float64'}
    """
    return dtype_policy.serialize()


def deserialize(config, custom_objects=None):
    """The policy that `serialize` described.

    >>> deserialize(serialize(DTypePolicy("float64"))).name
    'float64'
    """
    return get(config)
