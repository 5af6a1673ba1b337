"""Layer: weights, shapes and the protocol that every layer and model follows."""

import functools
import inspect

from kerasnp import backend as K
from kerasnp import activations, dtype_policies, regularizers
from kerasnp.autodiff import rematerialize
from kerasnp.autodiff.symbolic import KerasTensor
from kerasnp.autodiff.variable import scopes
from kerasnp.layers.calls import Calls
from kerasnp.layers.storing import Stored
from kerasnp.layers.weights import Weights
from kerasnp.ops.activation import activation_operator, fused_activation
from kerasnp.saving.config import serialize_value
from kerasnp.utils import naming, nest
from kerasnp.utils.registry import Registered, init_parameters

class Layer(Calls, Weights, Stored, Registered, abstract=True):
    """Base of all layers.

    A subclass stores its options in `__init__`, makes weights in `build(input_shape)` with `add_weight`, and computes in
    `call(inputs)` with `kerasnp.ops`; gradients follow by themselves.

    >>> import kerasnp
    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> Scale()([[1.0, 2.0]])
    array([[1., 2.]], dtype=float32)

    Args:
        activity_regularizer: a regularizer of the output, added to the loss (mean over the batch).
        trainable: whether the weights take part in training.
        dtype: the type of weights and computation, a name or a policy.
        name: default is the class name in snake case, made unique.

    Raises: ValueError for an unknown argument.
    """

    family = "layers"
    supports_masking = False
    # Whether a RematScope means this object, too.
    _rematerializes = True
    # Layers of kerasnp that compute with numbers convert integers to their float type; embeddings, lookups and layers of
    # users get them as they are.
    casts_integers = False

    # Until `__init__` has run.
    _begun = built = autocast = False
    _compute_type = input_spec = _checked = _dtype_policy = _policy = None
    _given: tuple = ((), {})
    _trainable = True

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        # Here, so that a subclass may set attributes before it calls `super().__init__()`.
        self._weights, self._layers, self._seed_generators, self._losses = [], [], [], []
        self._metrics, self._containers = [], {}
        if not cls.__module__.startswith("kerasnp."):
            self.__dict__["_given"] = args, kwargs
        return self

    def __init__(self, *, activity_regularizer=None, trainable=True, dtype=None, autocast=True, name=None, **kwargs):
        self._begun = True
        input_shape = self._input_shape_from(kwargs)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: name must be a string. Received: name={name!r}")
        if not isinstance(trainable, bool):
            raise ValueError(
                f"{type(self).__name__}: expected argument `trainable` to be a boolean. Received: trainable={trainable!r}"
            )
        self.name = name or naming.auto_name(naming.to_snake_case(type(self).__name__))
        self.path = self.name
        for layer in self._layers:
            self._adopt(layer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.dtype_policy = dtype_policies.get(dtype)
        self.autocast = autocast
        self._trainable = bool(trainable)
        self.built = type(self).build is Layer.build
        self.input_spec = None
        self.lr_multiplier = 1.0
        self._build_shape = self._build_shapes = None
        self._checked = None
        if input_shape is not None:
            self._input_shape_arg = input_shape
        if rematerialize.current_scope() is not None and self._rematerializes:
            from kerasnp.layers.rematerialized import Rematerialized

            Rematerialized.install(self)

    @staticmethod
    def _input_shape_from(kwargs):
        """The batch shape in Keras 2's spellings `input_shape`, `batch_input_shape`, `input_dim`, or None."""
        if "batch_input_shape" in kwargs:
            return tuple(kwargs.pop("batch_input_shape"))
        if "input_shape" in kwargs:
            return (None, *kwargs.pop("input_shape"))
        if "input_dim" in kwargs:
            return (None, kwargs.pop("input_dim"))
        return None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if Layer in cls.__bases__ and cls.__module__.startswith("kerasnp.layers."):
            cls.casts_integers = vars(cls).get("casts_integers", True)
        if "build" in vars(cls):
            cls.build = _wrap_build(cls.build)
        cls._look_at_call()

    @classmethod
    def _look_at_call(cls):
        """Note what `call` takes."""
        parameters = inspect.signature(cls.call).parameters
        cls._call_names = tuple(parameters)[1:]
        cls._takes_training = "training" in parameters
        cls._takes_mask = "mask" in parameters
        cls._training_default = getattr(parameters.get("training"), "default", None)

    # -- what a subclass writes -------------------------------------------------------------------------------------

    def build(self, input_shape):
        """Make the weights for inputs of `input_shape`; called once, before the first `call`.

        >>> import kerasnp
        >>> layer = kerasnp.layers.Dense(3)
        >>> layer.build((None, 2))
        >>> layer.kernel.shape, layer.built
        ((2, 3), True)
        """
        self.check_shape(input_shape)

    def check_shape(self, input_shape):
        """Raise ValueError where inputs of `input_shape` cannot be taken; a layer without weights has no `build` to do it."""

    def call(self, *args, **kwargs):
        """Compute the output.

        >>> import kerasnp
        >>> class Square(Layer):
        ...     def call(self, inputs):
        ...         return kerasnp.ops.square(inputs)
        >>> Square()([[2.0, 3.0]])
        array([[4., 9.]], dtype=float32)
        """
        raise NotImplementedError(
            f'Layer "{self.name}" ({type(self).__name__}) does not have a `call` method implemented: '
            "define call(self, inputs) to compute its output."
        )

    def operators(self, input_shape, training=True):
        """The operators that `call` runs on inputs of `input_shape`, for steps without calls (models/direct.py).

        Outside of training, what becomes of a row must not depend on the other rows, for which the batch may be larger.

        Returns: pairs of an operator and the variables it reads beside what the one before it made; None, the default,
            where only `call` itself can tell.
        """
        return None

    def _with_activation(self, make, variables):
        """For `operators`: `make(activation)` and, where that is left, the layer's activation by itself."""
        fused = fused_activation(self.activation)
        first = make(fused), variables
        if fused is not None or self.activation is activations.linear:
            return [first]
        operator = activation_operator(self.activation)
        return None if operator is None else [first, (operator, ())]

    def absorbs(self, layer):
        """Whether this layer can do the work of `layer` in its own step, called as `self(x, pool=layer)`."""
        return False

    def compute_mask(self, inputs, previous_mask=None):
        """The mask of the output: by default that of the input.

        >>> import kerasnp
        >>> kerasnp.layers.Embedding(5, 2, mask_zero=True).compute_mask(K.array([[3, 1, 0]])).tolist()
        [[True, True, False]]
        """
        return previous_mask

    def compute_output_shape(self, input_shape):
        """The shape of the output for an input shape; by default `call` is tried on arrays of ones.

        >>> import kerasnp
        >>> kerasnp.layers.Conv2D(8, 3).compute_output_shape((None, 28, 28, 1))
        (None, 26, 26, 8)
        """
        if type(self).call is Layer.call:
            raise NotImplementedError(
                f'Layer "{self.name}" ({type(self).__name__}) does not have a `compute_output_shape` method implemented: '
                "define it, or define call(self, inputs)."
            )
        inputs = nest.map_shapes(lambda s: KerasTensor(s, dtype=self.compute_dtype), input_shape)
        return nest.map_structure(lambda y: y.shape, self._try(inputs))

    def compute_output_spec(self, *args, **kwargs):
        """Shape and type of the output, as symbolic tensors, for symbolic inputs.

        >>> import kerasnp
        >>> kerasnp.layers.Dense(3).compute_output_spec(kerasnp.KerasTensor((None, 2))).shape
        (None, 3)
        """
        if type(self).compute_output_shape is Layer.compute_output_shape:
            return self._try(*args, **kwargs)
        shapes = self.compute_output_shape(**self._shapes_for(self.compute_output_shape, args, kwargs))
        return nest.map_shapes(lambda s: KerasTensor(s, dtype=self.compute_dtype), shapes)

    def _build_at_init(self):
        """Count as built, unless there is a `build` still to come."""
        self.built = self.built or type(self).build is Layer.build

    # -- losses -----------------------------------------------------------------------------------------------------

    def add_loss(self, loss):
        """Add a scalar, an array whose sum is taken, or a list of these, to the loss of the current call.

        >>> import kerasnp
        >>> class Small(Layer):
        ...     def call(self, inputs):
        ...         self.add_loss(0.5 * kerasnp.ops.mean(kerasnp.ops.square(inputs)))
        ...         return inputs
        >>> layer = Small()
        >>> y = layer([[2.0, 0.0]])
        >>> [float(loss) for loss in layer.losses]
        [1.0]
        """
        losses = loss if isinstance(loss, (list, tuple)) else [loss]
        if not scopes or not scopes[-1].repeats:
            self._losses.extend(losses)
        if scopes and scopes[-1].collect_losses:
            scopes[-1].losses.extend(losses)

    def add_metric(self, value, name):
        """Show the mean of a number over the batches of an epoch in the logs, under `name`.

        >>> import kerasnp
        >>> class Watched(Layer):
        ...     def call(self, inputs):
        ...         self.add_metric(kerasnp.ops.mean(inputs), "mean_input")
        ...         return inputs
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), Watched(), kerasnp.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> model.fit(K.ones((4, 2)), K.ones((4, 1)), verbose=0).history["mean_input"]
        [1.0]

        Args:
            value: a number, or an array, whose mean is taken.
            name: of the number in the logs.
        """
        from kerasnp.metrics import Mean

        metric = next((m for m in self._metrics if m.name == name), None)
        if metric is None:
            metric = Mean(name=name)
            self._track(metric)
        metric.update_state(getattr(value, "value", value))

    @property
    def losses(self):
        """What `add_loss` added in the last call, and the penalties of the weights' regularizers.

        >>> import kerasnp
        >>> layer = kerasnp.layers.Dense(1, kernel_initializer="ones", kernel_regularizer=kerasnp.regularizers.L1(0.5))
        >>> layer.build((None, 3))
        >>> [float(loss) for loss in layer.losses]
        [1.5]
        """
        losses = [loss for layer in self._flatten_layers() for loss in layer._losses]
        for w in self.trainable_weights:
            if w.regularizer is not None:
                losses.append(w.regularizer(w))
        return losses

    def _clear_losses(self):
        for layer in self._flatten_layers():
            layer._losses.clear()

    # -- names, types, configuration --------------------------------------------------------------------------------

    @property
    def dtype_policy(self):
        """The types of computation and weights; a DTypePolicyMap gets an entry for this layer where another is assigned.

        >>> import kerasnp
        >>> kerasnp.layers.Dense(1, dtype="mixed_float16").dtype_policy
        <DTypePolicy "mixed_float16">
        """
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value):
        policy, held = dtype_policies.get(value), self._dtype_policy
        if isinstance(held, dtype_policies.DTypePolicyMap) and not isinstance(policy, dtype_policies.DTypePolicyMap):
            if self.path in held:
                del held[self.path]
            held[self.path] = policy
        else:
            self._dtype_policy = policy
        self._resolve_policy()

    def _resolve_policy(self):
        """Look up the policy of this layer, where it shares a DTypePolicyMap with others; the key is its path by now."""
        policy = self._dtype_policy
        if isinstance(policy, dtype_policies.DTypePolicyMap):
            policy = policy.find(self.path) or policy[self.name]
        self._set_policy(policy)

    def _set_policy(self, policy):
        self._policy = policy
        self._compute_type = K.storage_dtype(policy.compute_dtype)
        self._mixed = self._compute_type != K.storage_dtype(policy.variable_dtype)

    def _policy_config(self):
        """The policy for a configuration; in a map all policies are named, so that they are the same where it is read."""
        policy = self._dtype_policy
        if isinstance(policy, dtype_policies.DTypePolicyMap):
            policy = dtype_policies.DTypePolicyMap(policy.default_policy, dict(policy))
        return policy.serialize()

    @property
    def dtype(self):
        """The type of the weights.

        >>> import kerasnp
        >>> kerasnp.layers.Dense(1, dtype="float64").dtype
        'float64'
        """
        return self._policy.variable_dtype

    variable_dtype = dtype

    @property
    def compute_dtype(self):
        """The type of the computation.

        >>> import kerasnp
        >>> layer = kerasnp.layers.Dense(1, dtype="mixed_float16")
        >>> layer.compute_dtype, layer.variable_dtype
        ('float16', 'float32')
        """
        return self._policy.compute_dtype

    @property
    def _who(self):
        return f'{type(self).__name__} "{self.name}"'

    def get_config(self):
        """The constructor arguments that rebuild the layer, under Keras's names.

        >>> import kerasnp
        >>> config = kerasnp.layers.Dense(3, activation="relu", name="hidden").get_config()
        >>> config["name"], config["units"], config["activation"]
        ('hidden', 3, 'relu')
        """
        config = {"name": self.name, "trainable": self._trainable, "dtype": self._policy_config()}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        owner = self._configured_class()
        for name in init_parameters(owner) if owner is not None else ():
            if name not in _BASE_ARGUMENTS:
                config[name] = self._config_value(name)
        return config

    @classmethod
    def from_config(cls, config):
        """Rebuild a layer from `get_config()`; an empty `quantization_config`, which Keras writes, is left out.

        >>> import kerasnp
        >>> layer = kerasnp.layers.Dense(3, name="hidden")
        >>> kerasnp.layers.Dense.from_config(layer.get_config())
        <Dense name=hidden, built=False>

        Raises: TypeError for arguments that the constructor refuses.
        """
        config = {k: v for k, v in config.items() if k != "quantization_config" or v is not None}
        if isinstance(config.get("dtype"), dict):
            # A constructor is given what its caller would write.
            policy = dtype_policies.get(config["dtype"])
            config["dtype"] = policy if isinstance(policy, dtype_policies.DTypePolicyMap) else policy.name
        try:
            return cls(**config)
        except ValueError as error:
            if isinstance(error, TypeError):  # of a class inside, which was said to be both
                raise
            raise TypeError(str(error)) from error

    def _configured_class(self):
        """The class whose constructor arguments `get_config` reads: a user's override adds its own on top of its base."""
        for cls in type(self).__mro__:
            if cls is Layer:
                return None
            if cls.__module__.startswith("kerasnp.") or "get_config" not in vars(cls):
                return cls

    def _config_value(self, name):
        if not hasattr(self, name):
            # A plain value is what it was when the layer was made, wherever the class keeps it.
            args, kwargs = self._given
            given = inspect.signature(type(self).__init__).bind(self, *args, **kwargs)
            given.apply_defaults()
            value = given.arguments.get(name, self)
            if value is not None and type(value) not in (str, int, float, bool):
                raise NotImplementedError(
                    f"Layer {type(self).__name__} was created by passing the argument {name!r} that is not stored under "
                    "that name: set it as an attribute in __init__(), or override get_config() to include it."
                )
            return value
        return serialize_value(getattr(self, name))

    def get_build_config(self):
        """What `build` was called with, for files.

        >>> import kerasnp
        >>> layer = kerasnp.layers.Dense(3)
        >>> layer.build((None, 2))
        >>> layer.get_build_config()
        {'input_shape': (None, 2)}
        """
        if self._build_shapes is not None:
            return {"shapes_dict": self._build_shapes}
        return {"input_shape": self._build_shape} if self._build_shape is not None else None

    def build_from_config(self, config):
        """Build the layer as `get_build_config` says.

        >>> import kerasnp
        >>> layer = kerasnp.layers.Dense(3)
        >>> layer.build_from_config({"input_shape": [None, 2]})
        >>> layer.count_params()
        9
        """
        if config and config.get("input_shape") is not None:
            self.build(_tuples(config["input_shape"]))
        elif config and config.get("shapes_dict") is not None:
            self.build(**{name: _tuples(shape) for name, shape in config["shapes_dict"].items()})

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


_BASE_ARGUMENTS = {"activity_regularizer", "trainable", "dtype", "autocast", "name"}


def _wrap_build(build):
    names = list(inspect.signature(build).parameters)[1:]

    @functools.wraps(build)
    def wrapper(self, *args, **kwargs):
        # Before, so that the shape the layer was given counts, not what its `build` passes to the one it overrides.
        first = self._build_shape is None
        if first:
            self._build_shape = args[0] if args else next(iter(kwargs.values()), None)
            if len(args) + len(kwargs) > 1:
                given = {**dict(zip(names, args)), **kwargs}
                given = {name: shape for name, shape in given.items() if shape is not None}
                self._build_shapes = given if len(given) > 1 else None
        self._enter_scope(naming.current_path())
        if self._policy is not self._dtype_policy:
            self._resolve_policy()
        try:
            with naming.scope_of(self.path):
                build(self, *args, **kwargs)
        except BaseException:
            if first:
                self._build_shape = self._build_shapes = None
            raise
        self.built = True
        self._track_containers()
        if self._lr_multiplier != 1.0:
            self.lr_multiplier = self._lr_multiplier

    return wrapper


def _tuples(shapes):
    """Lists from JSON as the tuples that `build` expects, alone or nested."""
    return nest.map_shapes(lambda shape: shape, shapes)
