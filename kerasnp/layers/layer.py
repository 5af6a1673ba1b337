"""Layer: weights, shapes and the protocol that every layer and model follows."""

import contextvars
import functools
import inspect

from kerasnp import backend as K
from kerasnp import constraints, dtype_policies, initializers, ops, regularizers
from kerasnp.autodiff.symbolic import KerasTensor, infer, is_symbolic
from kerasnp.autodiff.variable import Variable
from kerasnp.layers.input_spec import check_input
from kerasnp.random import SeedGenerator
from kerasnp.saving import loading
from kerasnp.saving.config import serialize_value
from kerasnp.utils import check, naming, nest
from kerasnp.utils.masks import get_mask, set_mask
from kerasnp.utils.registry import Registered, init_parameters

# Whether the outermost call runs in training; layers called without the argument follow it.
_training: contextvars.ContextVar = contextvars.ContextVar("kerasnp_training", default=None)


class Layer(Registered, abstract=True):
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
    # Numeric layers compute in their own float type and convert what they are given; embeddings and lookups do not.
    casts_integers = True

    # Until `__init__` has run.
    _begun = built = False
    _trainable = True

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        # Here, so that a subclass may set attributes before it calls `super().__init__()`.
        self._weights, self._layers, self._seed_generators, self._losses = [], [], [], []
        self._metrics, self._containers = [], {}
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
        if "build" in vars(cls):
            cls.build = _wrap_build(cls.build)
        parameters = inspect.signature(cls.call).parameters
        cls._call_names = tuple(parameters)[1:]
        cls._takes_training = "training" in parameters
        cls._takes_mask = "mask" in parameters
        cls._training_default = getattr(parameters.get("training"), "default", None)

    # -- what a subclass writes -------------------------------------------------------------------------------------

    def build(self, input_shape):
        """Make the weights for inputs of `input_shape`; called once, before the first `call`."""
        self.check_shape(input_shape)

    def check_shape(self, input_shape):
        """Raise ValueError where inputs of `input_shape` cannot be taken; a layer without weights has no `build` to do it."""

    def call(self, *args, **kwargs):
        """Compute the output."""
        raise NotImplementedError(
            f'Layer "{self.name}" ({type(self).__name__}) does not have a `call` method implemented: '
            "define call(self, inputs) to compute its output."
        )

    def absorbs(self, layer):
        """Whether this layer can do the work of `layer` in its own step, called as `self(x, pool=layer)`."""
        return False

    def compute_mask(self, inputs, previous_mask=None):
        """The mask of the output: by default that of the input."""
        return previous_mask

    def compute_output_shape(self, input_shape):
        """The shape of the output for an input shape; by default `call` is tried on arrays of ones."""
        if type(self).call is Layer.call:
            raise NotImplementedError(
                f'Layer "{self.name}" ({type(self).__name__}) does not have a `compute_output_shape` method implemented: '
                "define it, or define call(self, inputs)."
            )
        inputs = nest.map_shapes(lambda s: KerasTensor(s, dtype=self.compute_dtype), input_shape)
        return nest.map_structure(lambda y: y.shape, self._try(inputs))

    def compute_output_spec(self, *args, **kwargs):
        """Shape and type of the output, as symbolic tensors, for symbolic inputs."""
        if type(self).compute_output_shape is Layer.compute_output_shape:
            return self._try(*args, **kwargs)
        shapes = self.compute_output_shape(**self._shapes_for(self.compute_output_shape, args, kwargs))
        return nest.map_shapes(lambda s: KerasTensor(s, dtype=self.compute_dtype), shapes)

    # -- weights ----------------------------------------------------------------------------------------------------

    def add_weight(
        self,
        shape=None,
        initializer=None,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        aggregation="none",
        overwrite_with_gradient=False,
        name=None,
    ):
        """Make a weight of this layer.

        Args:
            shape: its shape, `()` by default.
            initializer: a name or initializer; Glorot uniform for floats by default, zeros for other types.
            dtype: its type, the layer's variable type by default.
            trainable: whether the optimizer may change it.
            regularizer: added to the loss.
            constraint: applied after each update.
            name: its name in files and messages.

        Returns: the Variable.
        """
        if isinstance(shape, str):
            raise ValueError(
                f"{self._who}: the first argument of add_weight is the shape; pass the name by the keyword argument, "
                f"as in add_weight(shape=..., name={shape!r})."
            )
        dtype = K.standardize_dtype(self.variable_dtype if dtype is None else dtype)
        if initializer is None:
            initializer = "glorot_uniform" if "float" in dtype else "zeros"
        shape = () if shape is None else check.shape(shape, "shape", self._who)
        if None in shape:
            raise ValueError(f"{self._who}: the shape of a weight must be fully defined. Received: shape={shape}")
        unset = loading.initializer_for(self, name, shape)
        variable = Variable(
            unset or initializers.get(initializer), shape, dtype, trainable, autocast, aggregation, name=name
        )
        if unset:
            loading.made(variable)
        variable.path = f"{self.path}/{variable.name}"
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        if overwrite_with_gradient:
            variable.overwrite_with_gradient = True
        self._track(variable)
        return variable

    def _track(self, value):
        """Note a weight, layer, seed generator or metric that became part of this layer."""
        if isinstance(value, Variable):
            if value.creator is None and not any(value is w for w in self._weights):
                self._weights.append(value)
                value.__dict__.setdefault("_made_trainable", value.trainable)
                if not self._trainable:
                    value.trainable = False
        elif isinstance(value, Layer):
            if not any(value is layer for layer in self._layers):
                self._layers.append(value)
        elif isinstance(value, SeedGenerator):
            if not any(value is g for g in self._seed_generators):
                self._seed_generators.append(value)
        elif getattr(value, "family", None) == "metrics":
            if not any(value is m for m in self._metrics):
                self._metrics.append(value)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self._track(item)
        elif isinstance(value, dict):
            for item in value.values():
                self._track(item)

    def __setattr__(self, name, value):
        if isinstance(value, (Variable, Registered, SeedGenerator, list, tuple, dict)) and name not in _UNTRACKED:
            self._track(value)
            if isinstance(value, (list, dict)):
                self._containers[name] = value
        object.__setattr__(self, name, value)

    def _track_containers(self):
        """Note what was put into lists and dictionaries after they became attributes."""
        for container in self._containers.values():
            self._track(container)

    def _flatten_layers(self, recursive=True, include_self=True):
        self._track_containers()
        if include_self:
            yield self
        for layer in self._layers:
            yield layer
            if recursive:
                yield from layer._flatten_layers(include_self=False)

    @property
    def weights(self):
        """Every weight of the layer and the layers inside, its own first."""
        found = {id(w): w for layer in self._flatten_layers() for w in layer._own_weights()}
        return list(found.values())

    def _own_weights(self):
        """The layer's own weights, those made trainable first."""
        own = self._weights
        return [w for w in own if w.__dict__.get("_made_trainable", True)] + [
            w for w in own if not w.__dict__.get("_made_trainable", True)
        ]

    @property
    def variables(self):
        """The weights and, after each layer's own, the states of its seed generators."""
        found = {}
        for layer in self._flatten_layers():
            for v in (*layer._own_weights(), *(g.state for g in layer._seed_generators)):
                found[id(v)] = v
        return list(found.values())

    @property
    def trainable_weights(self):
        """The weights that training changes; none if the layer is not trainable."""
        return [w for w in self.weights if w.trainable] if self._trainable else []

    @property
    def non_trainable_weights(self):
        """The weights that training leaves alone."""
        return [w for w in self.weights if not w.trainable] if self._trainable else self.weights

    @property
    def trainable_variables(self):
        """The variables that training changes."""
        return [v for v in self.variables if v.trainable] if self._trainable else []

    @property
    def non_trainable_variables(self):
        """The variables that training leaves alone, states of seed generators among them."""
        return [v for v in self.variables if not v.trainable] if self._trainable else self.variables

    @property
    def metrics(self):
        """The metrics that are attributes of the layer or of the layers inside."""
        return [metric for layer in self._flatten_layers() for metric in layer._metrics]

    @property
    def metrics_variables(self):
        """The variables of the metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    def _untrack_variable(self, variable):
        """Forget a weight; returns None, to be assigned to its attribute."""
        self._weights[:] = [w for w in self._weights if w is not variable]

    @property
    def trainable(self):
        """Whether the weights take part in training; setting it reaches the layers inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = bool(value)
        for w in self._weights:
            if w.__dict__.get("_made_trainable", True):
                w.trainable = value
        for layer in self._layers:
            layer.trainable = value

    @property
    def lr_multiplier(self):
        """A factor on the optimizer's learning rate for the weights of this layer and the layers inside.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(4), kerasnp.layers.Dense(1)])
        >>> model.layers[0].lr_multiplier = 0.1  # the lower layer learns more slowly
        """
        return self._lr_multiplier

    @lr_multiplier.setter
    def lr_multiplier(self, value):
        self._lr_multiplier = float(value)
        for w in self._weights:
            w.lr_multiplier = self._lr_multiplier
        for layer in self._layers:
            layer.lr_multiplier = value

    def get_weights(self):
        """Copies of all weights, in the order of `weights`."""
        return [w.numpy() for w in self.weights]

    def set_weights(self, weights):
        """Set all weights from a list of arrays in the order of `weights`; nothing changes if one does not fit.

        Raises: ValueError for another number of arrays, or another shape.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length {len(weights)}, "
                f"but the layer was expecting {len(own)} weights."
            )
        arrays = [K.asarray(getattr(w, "value", w)) for w in weights]
        for variable, array in zip(own, arrays):
            if variable.shape != array.shape:
                raise ValueError(
                    f"Layer {self.name} weight shape {variable.shape} is not compatible with provided weight shape "
                    f"{array.shape}: pass an array of shape {variable.shape} for {variable.path!r}."
                )
        for variable, array in zip(own, arrays):
            variable.assign(array)

    def count_params(self):
        """The number of elements in all weights.

        Raises: ValueError before the layer is built.
        """
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. "
                f"Build it first via: `layer.build(input_shape)`."
            )
        return sum(w.size for w in self.weights)

    # -- losses -----------------------------------------------------------------------------------------------------

    def add_loss(self, loss):
        """Add a scalar, or a list of them, to the loss of the current call.

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
        self._losses.extend(loss if isinstance(loss, (list, tuple)) else [loss])

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
        """What `add_loss` added in the last call, and the penalties of the weights' regularizers."""
        losses = [loss for layer in self._flatten_layers() for loss in layer._losses]
        for w in self.trainable_weights:
            if w.regularizer is not None:
                losses.append(w.regularizer(w))
        return losses

    def _clear_losses(self):
        for layer in self._flatten_layers():
            layer._losses.clear()

    # -- calling ----------------------------------------------------------------------------------------------------

    def __call__(self, *args, **kwargs):
        if args and len(args) == 1 and isinstance(args[0], (K.ndarray, Variable)):
            x = self._cast(args[0])
            args = (x,)
        else:
            args, kwargs = self._prepare(args, kwargs)
            x = args[0] if args else next(iter(kwargs.values()), None)
            if is_symbolic(args, kwargs):
                return self._call_on_symbols(x, args, kwargs)
        shape = getattr(x, "shape", None)
        if shape is not None and shape[1:] != self._checked:
            if self.input_spec is not None:
                check_input(self.input_spec, x, self)
            self.check_shape(shape)
            self._checked = shape[1:]
        if not self.built:
            self._build_for(args, kwargs)
        mask = None
        if self._takes_mask or self.supports_masking:
            mask = kwargs.get("mask")
            if mask is None:
                mask = get_mask(x)
                if mask is not None and self._takes_mask:
                    kwargs["mask"] = mask
        outer = _training.get()
        training = kwargs.get("training")
        if training is None:
            training = outer if outer is not None else self._training_default
        training = bool(training) if training is not inspect.Parameter.empty else False
        if self._takes_training:
            kwargs["training"] = training
        elif kwargs:
            kwargs.pop("training", None)
        if training is outer:
            y = self.call(*args, **kwargs)
        else:
            if outer is None:
                self._clear_losses()
            token = _training.set(training)
            try:
                # BLAS splits some products by the number of its threads, and would add in another order.
                with K.threads.quiet_blas():
                    y = self.call(*args, **kwargs)
            finally:
                _training.reset(token)
        if self._mixed:
            y = self._cast_output(y)
        if self.activity_regularizer is not None:
            for part in y if isinstance(y, (list, tuple)) else [y]:
                self.add_loss(self.activity_regularizer(part) / max(1, part.shape[0] if part.shape else 1))
        if mask is not None or self._makes_mask:
            self._attach_mask(x, y, mask)
        return y

    def stateless_call(
        self, trainable_variables, non_trainable_variables, *args, return_losses=False, **kwargs
    ):
        """Call the layer with other values of its variables, and leave those it has as they are.

        Args:
            trainable_variables, non_trainable_variables: arrays or Variables, in the order of the properties of these names.
            return_losses: whether the losses of the call are returned too.
            *args, **kwargs: the arguments of the call.

        Returns: `(outputs, non_trainable_variables)`, the latter as the call leaves them, and the losses if asked for.

        Raises: ValueError for a layer that is not built, or another number of variables.
        """
        if not self.built:
            raise ValueError(
                f"To call stateless_call, {type(self).__name__} must be built (i.e. its variables must have been already "
                "created). You can build it by calling it on some data."
            )
        own = self.trainable_variables, self.non_trainable_variables
        for variables, given, name in zip(own, (trainable_variables, non_trainable_variables), ("", "non_")):
            if len(variables) != len(given):
                raise ValueError(
                    f"Argument `{name}trainable_variables` must be a list of values corresponding 1:1 to "
                    f"{type(self).__name__}().{name}trainable_variables. Expected {len(variables)} values. "
                    f"Received: {len(given)}"
                )
        before = [(v, v.numpy()) for v in (*own[0], *own[1])]
        try:
            for (variable, _), value in zip(before, (*trainable_variables, *non_trainable_variables)):
                variable.assign(value)
            outputs = self(*args, **kwargs)
            changed = [v.numpy() for v in own[1]]
            losses = self.losses
        finally:
            for variable, value in before:
                variable.assign(value)
        return (outputs, changed, losses) if return_losses else (outputs, changed)

    # Set by layers whose compute_mask makes a mask out of unmasked inputs.
    _makes_mask = False

    def _attach_mask(self, x, y, mask):
        if self.supports_masking or self._makes_mask:
            out = self.compute_mask(x, mask)
            if out is not None:
                set_mask(y[0] if isinstance(y, (list, tuple)) else y, out[0] if isinstance(out, (list, tuple)) else out)

    def _cast(self, x):
        """`x` in the layer's compute type, if it is a float (or a number where the layer wants floats)."""
        kind = x.dtype if isinstance(x, K.ndarray) else x.value.dtype
        if kind is self._compute_type or kind == self._compute_type or not self.autocast:
            return x
        if kind.kind == "f" or (self.casts_integers and kind.kind in "iub"):
            mask = get_mask(x)
            x = ops.cast(x, self._compute_type.name)
            if mask is not None:
                set_mask(x, mask)
        elif self.casts_integers and kind.kind in "OSU":
            raise TypeError(
                f"{self._who}: expected numbers. Received: an array of dtype {kind}; put a TextVectorization or StringLookup "
                "layer before this one to take text."
            )
        return x

    def _cast_output(self, y):
        """Half-precision inputs times single-precision weights are computed in single precision; hand on halves."""
        if isinstance(y, (list, tuple)):
            return type(y)(self._cast_output(v) for v in y)
        return ops.cast(y, self.compute_dtype) if K.is_float(y.dtype) else y

    def _convert(self, x):
        if isinstance(x, (K.ndarray, Variable)):
            return self._cast(x)
        if isinstance(x, dict) or (isinstance(x, (list, tuple)) and _holds_arrays(x)):
            return nest.map_structure(self._convert, x)
        if isinstance(x, (list, tuple, float, int, K.float32, K.float64)) and not isinstance(x, bool):
            return self._cast(K.tensor(x))
        if isinstance(x, KerasTensor):
            return self._cast_symbol(x)
        if hasattr(x, "__array__"):
            return self._cast(K.asarray(x))
        return x

    def _cast_symbol(self, x):
        if not self.autocast or not x.dtype.startswith(("float", "bfloat")) or x.dtype == self.compute_dtype:
            return x
        y = KerasTensor(x.shape, dtype=self.compute_dtype, name=x.name)
        mask = get_mask(x)
        if mask is not None:
            set_mask(y, mask)
        return y

    def _prepare(self, args, kwargs):
        """The arguments as arrays of the layer's type, masks of the inputs among them where `call` asks for them."""
        args = tuple(self._convert(a) for a in args)
        for value in nest.flatten(args[1:]):
            if not (value is None or hasattr(value, "shape")):
                raise ValueError(
                    f"{self._who}: Only input tensors may be passed as positional arguments. Received: {value!r} "
                    f"(of type {type(value).__name__}); pass it by keyword."
                )
        kwargs = {k: self._convert(v) if nest.holds(v, _is_tensor) else v for k, v in kwargs.items()}
        named = self._tensor_arguments(args, kwargs)
        if len(named) > 1:
            for name, value in named.items():
                mask_name = f"{name}_mask"
                if mask_name in self._call_names and kwargs.get(mask_name) is None and mask_name not in named:
                    kwargs[mask_name] = nest.map_structure(get_mask, value)
        return args, kwargs

    def _tensor_arguments(self, args, kwargs):
        """The arguments of `call` that are tensors or hold some, by name, in the order of its signature."""
        given = {**dict(zip(self._call_names, args)), **kwargs}
        return {n: given[n] for n in self._call_names if n in given and nest.holds(given[n], _is_tensor)}

    def _call_on_symbols(self, x, args, kwargs):
        """What calling the layer gives for symbolic inputs: the layer is built, and answers shapes, types and masks."""
        if self.input_spec is not None:
            check_input(self.input_spec, x, self)
        if isinstance(x, KerasTensor):
            self.check_shape(x.shape)
        if not self.built:
            self._build_for(args, kwargs)
        y = self.compute_output_spec(*args, **kwargs)
        mask = get_mask(x)
        if self._makes_mask or (self.supports_masking and mask is not None):
            self._attach_mask(x, y, mask)
        if isinstance(x, KerasTensor) and isinstance(y, KerasTensor) and len(args) == 1:
            # Only a call that a stack could make as well is remembered.
            y.source = (self, x) if all(v is None for v in kwargs.values()) else None
        return y

    def _build_at_init(self):
        """Count as built, unless there is a `build` still to come."""
        self.built = self.built or type(self).build is Layer.build

    def _build_for(self, args, kwargs):
        """Build from the shapes of the arguments of a first call."""
        if not self._begun:
            raise RuntimeError(
                f"In layer {type(self).__name__}, you forgot to call `super().__init__()` as the first statement in "
                "`__init__()`: do so before anything else."
            )
        self.build(**self._shapes_for(self.build, args, kwargs))
        self.built = True

    def _shapes_for(self, method, args, kwargs):
        """The arguments of `build` or `compute_output_shape`: shapes of the arguments of `call`, matched by name."""
        shapes = {n: nest.map_structure(_shape_of, v) for n, v in self._tensor_arguments(args, kwargs).items()}
        names = [n for n, p in inspect.signature(method).parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        if len(names) == 1:
            return {names[0]: next(iter(shapes.values()), None)}
        for name in names:
            if not name.endswith("_shape"):
                problem = f"`{name}`, which does not end in `_shape`"
            elif name.removesuffix("_shape") not in self._call_names:
                problem = f"`{name}`, but `call()` does not have argument `{name.removesuffix('_shape')}`"
            else:
                continue
            raise ValueError(
                f"{self._who}: the arguments of `{method.__name__}()` must be named after those of `call()`, with the suffix "
                f"`_shape`. Received: argument {problem}."
            )
        return {n: shapes[n.removesuffix("_shape")] for n in names if n.removesuffix("_shape") in shapes}

    def _try(self, *args, **kwargs):
        """Call the layer on arrays of ones in place of symbolic tensors, leaving no trace."""
        losses, states = list(self._losses), {}

        def remember():
            for variable in self.non_trainable_variables:
                states.setdefault(id(variable), (variable, variable.numpy()))

        remember()
        try:
            if kwargs.get("training"):
                # Layers inside make their variables without changing them.
                infer(self, args, {**kwargs, "training": False})
                remember()
            return infer(self, args, kwargs)
        finally:
            self._losses[:] = losses
            for variable, value in states.values():
                variable.assign(value)

    # -- names, types, configuration --------------------------------------------------------------------------------

    @property
    def dtype_policy(self):
        """The types of computation and weights."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value):
        self._dtype_policy = dtype_policies.get(value)
        self._compute_type = K.storage_dtype(self._dtype_policy.compute_dtype)
        self._mixed = self._compute_type != K.storage_dtype(self._dtype_policy.variable_dtype)

    @property
    def dtype(self):
        """The type of the weights."""
        return self._dtype_policy.variable_dtype

    variable_dtype = dtype

    @property
    def compute_dtype(self):
        """The type of the computation."""
        return self._dtype_policy.compute_dtype

    @property
    def _who(self):
        return f'{type(self).__name__} "{self.name}"'

    def get_config(self):
        """The constructor arguments that rebuild the layer, under Keras's names."""
        config = {"name": self.name, "trainable": self._trainable, "dtype": self._dtype_policy.serialize()}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        owner = self._configured_class()
        for name in init_parameters(owner) if owner is not None else ():
            if name not in _BASE_ARGUMENTS:
                config[name] = self._config_value(name)
        return config

    @classmethod
    def from_config(cls, config):
        """Rebuild a layer from `get_config()`; an empty `quantization_config`, which Keras writes, is left out."""
        return cls(**{k: v for k, v in config.items() if k != "quantization_config" or v is not None})

    def _configured_class(self):
        """The class whose constructor arguments `get_config` reads: a user's override adds its own on top of its base."""
        for cls in type(self).__mro__:
            if cls is Layer:
                return None
            if cls.__module__.startswith("kerasnp.") or "get_config" not in vars(cls):
                return cls

    def _config_value(self, name):
        try:
            return serialize_value(getattr(self, name))
        except AttributeError:
            raise NotImplementedError(
                f"Layer {type(self).__name__} was created by passing the argument {name!r} that is not stored under that "
                "name: set it as an attribute in __init__(), or override get_config() to include it."
            ) from None

    def get_build_config(self):
        """What `build` was called with, for files."""
        if self._build_shapes is not None:
            return {"shapes_dict": self._build_shapes}
        return {"input_shape": self._build_shape} if self._build_shape is not None else None

    def build_from_config(self, config):
        """Build the layer as `get_build_config` says."""
        if config and config.get("input_shape") is not None:
            self.build(_tuples(config["input_shape"]))
        elif config and config.get("shapes_dict") is not None:
            self.build(**{name: _tuples(shape) for name, shape in config["shapes_dict"].items()})

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


_UNTRACKED = {"_weights", "_layers", "_seed_generators", "_losses", "_metrics", "_containers", "_build_shape",
              "_build_shapes", "_checked", "_parts", "_compile_config", "_compile_metrics", "_loss_tracker",
              "loss"}  # fmt: skip
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
        try:
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


def _is_tensor(x):
    return isinstance(x, (K.ndarray, Variable, KerasTensor))


def _holds_arrays(x):
    """Whether a list is a structure of arrays, such as the states of stacked cells, and not numbers of one array."""
    if isinstance(x, dict):
        return True
    if not isinstance(x, (list, tuple)):
        return x is None or _is_tensor(x)
    return len(x) > 0 and _holds_arrays(x[0])


def _shape_of(x):
    shape = getattr(x, "shape", None)
    return tuple(shape) if shape is not None else None


def _tuples(shape):
    """Lists from JSON as the tuples that `build` expects."""
    if shape and isinstance(shape[0], (list, tuple)):
        return [tuple(s) for s in shape]
    return tuple(shape)
