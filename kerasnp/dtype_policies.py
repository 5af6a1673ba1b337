"""Dtype policies: the type a layer computes in, and the type its weights are kept in."""

from kerasnp import backend as K


class DTypePolicy:
    """The pair of types behind a layer's `dtype` argument.

    `"float32"` computes and stores in float32; `"mixed_float16"` computes in float16 on float32 weights.

    >>> DTypePolicy("mixed_float16").variable_dtype
    'float32'

    Args:
        name: a dtype name, `"mixed_float16"`, `"mixed_bfloat16"`, or None for the default float type.

    Raises: ValueError for another name.
    """

    def __init__(self, name=None):
        self.name = K.floatx() if name is None else name
        if not isinstance(self.name, str):
            raise TypeError(f"'name' must be a string, such as 'mixed_float16'. Received: name={name!r}")
        if self.name.startswith("mixed_"):
            self.compute_dtype, self.variable_dtype = K.standardize_dtype(self.name[6:]), "float32"
        else:
            self.compute_dtype = self.variable_dtype = K.standardize_dtype(self.name)

    def get_config(self):
        """The name, as a configuration."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config):
        """The policy that `get_config` described."""
        return cls(config["name"])

    def serialize(self):
        """The form in which Keras writes a policy into a model file."""
        return {"module": "keras", "class_name": "DTypePolicy", "config": self.get_config(), "registered_name": None}

    def __eq__(self, other):
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self):
        return hash(self.name)

    def __repr__(self):
        return f'<DTypePolicy "{self.name}">'


def get(identifier):
    """A policy from a policy, its name, its configuration, or None for the default."""
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return DTypePolicy(identifier.get("config", identifier).get("name"))
    if identifier is None or isinstance(identifier, str):
        return DTypePolicy(identifier)
    return DTypePolicy(K.standardize_dtype(identifier))
