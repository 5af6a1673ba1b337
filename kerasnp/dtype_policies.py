"""Dtype policies: the type a layer computes in, and the type its weights are kept in."""

import re
from collections.abc import MutableMapping

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
            raise TypeError(f"'name' must be a string that names a policy, 'mixed_float16' say. Received: name={name!r}")
        mixed = self.name in ("mixed_float16", "mixed_bfloat16")
        if not mixed and self.name not in (*K.DTYPES, "int"):
            raise ValueError(
                f"Cannot convert '{self.name}' to a pair of compute and variable types. Expected a dtype name, "
                f"'mixed_float16' or 'mixed_bfloat16'. Received: name={name!r}"
            )
        self.compute_dtype = self.name.removeprefix("mixed_") if mixed else K.standardize_dtype(self.name)
        self.variable_dtype = "float32" if mixed else self.compute_dtype

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


class DTypePolicyMap(DTypePolicy, MutableMapping):
    """Policies by the paths of layers: `Dense(3, dtype=policy_map)` takes the one that stands under its path.

    A key is a path, or a regular expression that matches whole paths; what no key matches has the default policy. The
    path of a layer is its name, after those of the layers and the stack around it: `sequential/encoder_1`. A layer whose
    path no key matches is looked up under its name alone, too.

    >>> policies = DTypePolicyMap("float32")
    >>> policies["encoder_.*"] = "mixed_bfloat16"
    >>> policies["encoder_1"].name, policies["decoder"].name
    ('mixed_bfloat16', 'float32')

    Without a default policy the map is written without the names of its policies, as Keras does, so all of them are those
    of `kerasnp.config.dtype_policy()` where it is read.

    Args:
        default_policy: a policy or its name; None stands for that of `kerasnp.config.dtype_policy()` at the time of asking.
        policy_map: {path or pattern: policy} to begin with.

    Raises: ValueError for a default that is a map itself, TypeError for a `policy_map` that is no dictionary.
    """

    def __init__(self, default_policy=None, policy_map=None):
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError("DTypePolicyMap: `default_policy` cannot be a `DTypePolicyMap` itself; give a single policy.")
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(f"DTypePolicyMap: policy_map must be a dict of paths and policies. Received: {policy_map!r}")
        self._default = default_policy if default_policy is None else get(default_policy)
        self._default_by_name = isinstance(default_policy, str)
        self._policies = {}
        for path, policy in (policy_map or {}).items():
            self[path] = policy

    @property
    def default_policy(self):
        """The policy of layers that no key matches.

        >>> DTypePolicyMap("float64").default_policy
        <DTypePolicy "float64">
        """
        return dtype_policy() if self._default is None else self._default

    name = property(lambda self: f"map_{self.default_policy.name}")
    compute_dtype = property(lambda self: self.default_policy.compute_dtype)
    variable_dtype = property(lambda self: self.default_policy.variable_dtype)

    def __getitem__(self, path):
        found = self.find(path)
        return self.default_policy if found is None else found

    def find(self, path):
        """The policy of the key that matches a path, or None."""
        if path in self._policies:
            return self._policies[path]
        matching = [pattern for pattern in self._policies if re.fullmatch(pattern, path)]
        if len(matching) > 1:
            raise ValueError(
                f"Path {path!r} matches multiple dtype policy keys, {matching}: change them so that one is left, or add the "
                "path itself, which comes first."
            )
        return self._policies[matching[0]] if matching else None

    def __setitem__(self, path, policy):
        if path in self._policies:
            raise ValueError(
                f"{path} already exists in the DTypePolicyMap, with {self._policies[path]}; delete it before it gets another."
            )
        try:
            self._policies[path] = get(policy)
        except (ValueError, TypeError) as error:
            raise ValueError(f"Cannot interpret the assigned value as a policy for {path!r}: {error}") from None

    def __delitem__(self, path):
        del self._policies[path]

    def __contains__(self, path):
        return path in self._policies

    def __len__(self):
        return len(self._policies)

    def __iter__(self):
        return iter(self._policies)

    def __eq__(self, other):
        return isinstance(other, DTypePolicyMap) and (self._default, self._policies) == (other._default, other._policies)

    __hash__ = None

    def get_config(self):
        """The default policy and the others, as a configuration.

        >>> sorted(DTypePolicyMap("float32", {"dense": "float64"}).get_config())
        ['default_policy', 'policy_map']
        """
        policies = {path: policy.serialize() for path, policy in self._policies.items()}
        if self._default is None:
            policies = {path: {**config, "config": {"name": None}} for path, config in policies.items()}
        default = self._default
        if default is not None:
            default = default.name if self._default_by_name else default.serialize()
        return {"default_policy": default, "policy_map": policies}

    @classmethod
    def from_config(cls, config):
        """The map that `get_config` described.

        >>> DTypePolicyMap.from_config(DTypePolicyMap("float32", {"dense": "float64"}).get_config())["dense"].name
        'float64'
        """
        return cls(config.get("default_policy"), config.get("policy_map"))

    def serialize(self):
        """The form in which Keras writes a map into a model file.

        >>> DTypePolicyMap("float32").serialize()["class_name"]
        'DTypePolicyMap'
        """
        return {**super().serialize(), "module": "keras.dtype_policies", "class_name": "DTypePolicyMap"}

    def __repr__(self):
        mapping = [(path, policy.name) for path, policy in self._policies.items()]
        return f"<DTypePolicyMap default_policy={self.default_policy.name}, mapping={mapping}>"


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
            "Invalid `policy` argument: it takes a DTypePolicy or the name of one, 'mixed_float16' say. Received: "
            f"policy={policy!r} (of type {type(policy).__name__})"
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
        config = identifier.get("config", identifier)
        if identifier.get("class_name") == "DTypePolicyMap":
            _check_patterns(config.get("policy_map"))
            return DTypePolicyMap.from_config(config)
        return DTypePolicy(config.get("name"))
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    try:
        return DTypePolicy(K.standardize_dtype(identifier))
    except ValueError:
        raise ValueError(
            "Cannot interpret `dtype` argument. Expected a dtype, the name of a policy, or a DTypePolicy. "
            f"Received: dtype={identifier!r}"
        ) from None


_SIMPLE = re.compile(r"(?:[\w/ -]|\.\*)*")


def _check_patterns(policy_map):
    """Refuse patterns that come from a file and might take for ever to be matched."""
    from kerasnp.saving import loading

    for pattern in policy_map or () if loading.current() is not None else ():
        if not _SIMPLE.fullmatch(pattern) or pattern.count("*") > 3:
            raise ValueError(
                f"a DTypePolicyMap of a file may name paths with up to three `.*` in them. Received: {pattern[:80]!r}"
            )


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
