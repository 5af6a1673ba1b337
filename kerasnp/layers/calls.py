"""What happens when a layer is called: conversion, checks, the first build, masks, training or not, symbolic inputs."""

import contextvars
import inspect
from collections.abc import Sequence

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.autodiff.history import record
from kerasnp.autodiff.symbolic import KerasTensor, infer, is_symbolic
from kerasnp.autodiff.variable import Variable
from kerasnp.layers.input_spec import check_input
from kerasnp.utils import nest
from kerasnp.utils.masks import get_mask, set_mask

# Whether the outermost call runs in training; layers called without the argument follow it.
_training: contextvars.ContextVar = contextvars.ContextVar("kerasnp_training", default=None)


def in_training():
    """Whether a call goes on, and in training."""
    return bool(_training.get())


class Calls:
    """The part of `Layer` that leads from a call to `call`."""

    def __call__(self, *args, **kwargs):
        if args and len(args) == 1 and isinstance(args[0], (K.ndarray, Variable)):
            x = self._cast(args[0])
            args = (x,)
        else:
            given = args, kwargs
            args, kwargs = self._prepare(args, kwargs)
            x = args[0] if args else next(iter(kwargs.values()), None)
            if is_symbolic(args, kwargs):
                return record(self, *given, self._call_on_symbols(x, args, kwargs))
        shape = getattr(x, "shape", None)
        if shape is not None and shape[1:] != self._checked:
            if self.input_spec is not None:
                check_input(self.input_spec, x, self)
            self.check_shape(shape)
            # What a call notes is no change of the layer.
            object.__setattr__(self, "_checked", shape[1:])
            object.__setattr__(self, "_called", self.built)
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

        >>> import kerasnp
        >>> layer = kerasnp.layers.Dense(1, use_bias=False)
        >>> layer.build((None, 2))
        >>> layer.stateless_call([[[1.0], [2.0]]], [], [[1.0, 1.0]])
        (array([[3.]], dtype=float32), [])

        Args:
            trainable_variables, non_trainable_variables: arrays or Variables, in the order of the properties of these names.
            return_losses: whether the losses of the call are returned too.
            *args, **kwargs: the arguments of the call.

        Returns: `(outputs, non_trainable_variables)`, the latter as the call leaves them, and the losses if asked for.

        Raises: ValueError for a layer that is not built, or another number of variables.
        """
        if not self.built:
            raise ValueError(
                f"{type(self).__name__}: stateless_call takes the values of variables that must be there already; call the "
                "object on some data first."
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

    # Whether it has been called with its weights there, so that no others may come from its `call`.
    _called = False
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

    # The calls on symbolic tensors, in order.
    _nodes: Sequence = ()

    def _end(self, which):
        """The tensors of one end of the first call on symbolic tensors."""
        if not self._nodes and getattr(self, "_stack", None) is not None:
            # A stack makes its symbolic tensors when somebody asks for them.
            getattr(self._stack(), "outputs", None)
        if not self._nodes:
            raise AttributeError(f"The layer {self.name} has never been called and thus has no defined {which}.")
        tensors = getattr(self._nodes[0], f"{which}s")
        return tensors[0] if len(tensors) == 1 else list(tensors)

    @property
    def input(self):
        """The symbolic tensor, or list of them, of the layer's first call on symbolic tensors.

        >>> import kerasnp
        >>> x = kerasnp.Input((3,))
        >>> dense = kerasnp.layers.Dense(2)
        >>> y = dense(x)
        >>> dense.input is x, dense.output is y
        (True, True)

        Raises: AttributeError before there was one.
        """
        return self._end("input")

    @property
    def output(self):
        """The symbolic tensor, or list of them, that came out of the layer's first call on symbolic tensors.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((3,)), kerasnp.layers.Dense(2), kerasnp.layers.Dense(1)])
        >>> kerasnp.Model(model.inputs, model.layers[0].output).output_shape
        (None, 2)

        Raises: AttributeError before there was one.
        """
        return self._end("output")

    def __getstate__(self):
        # A copy is a layer without a past; models of graphs tell theirs themselves.
        return {k: v for k, v in self.__dict__.items() if k not in ("_nodes", "_stack")}

    def _prepare(self, args, kwargs):
        """The arguments as arrays of the layer's type, masks of the inputs among them where `call` asks for them."""
        args = tuple(self._convert(a) for a in args)
        for value in nest.flatten(args[1:]):
            if not (value is None or hasattr(value, "shape")):
                raise ValueError(
                    f"{self._who}: Only input tensors may be passed as arguments without a name. Received: {value!r} (of type "
                    f"{type(value).__name__}); pass it by keyword."
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
        try:
            taken = {k: v for k, v in kwargs.items() if k not in ("training", "mask") and not k.endswith("_mask")}
            inspect.signature(self.call).bind(*args, **taken)
        except TypeError as error:
            raise TypeError(f"{self._who}: call() does not take these arguments: {error}.") from None
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
        return y

    def _build_for(self, args, kwargs):
        """Build from the shapes of the arguments of a first call."""
        if not self._begun:
            raise RuntimeError(
                f"Layer {type(self).__name__}: you forgot to call `super().__init__()` before anything else in `__init__()`."
            )
        self.build(**self._shapes_for(self.build, args, kwargs))
        self.built = self._called = True

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
