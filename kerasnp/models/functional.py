"""Model(inputs, outputs): a graph of layers."""

import contextvars
import inspect
import warnings

from kerasnp import backend as K
from kerasnp.autodiff.symbolic import KerasTensor
from kerasnp.autodiff.tape import stop_recording
from kerasnp.autodiff.variable import Variable
from kerasnp.layers.calls import _training
from kerasnp.models import graph_config
from kerasnp.models.direct import paired
from kerasnp.models.entrance import Entrance
from kerasnp.models.graph import Graph, is_layer
from kerasnp.models.model import Model
from kerasnp.models.plan import Plan
from kerasnp.utils import naming, nest
from kerasnp.utils.masks import set_mask

# Whether the outermost call left `training` open, so that calls recorded with training=True keep it.
_open: contextvars.ContextVar = contextvars.ContextVar("kerasnp_training_open", default=False)


class Functional(Entrance, Model):
    """The graph of layers and functions that leads from `inputs` to `outputs`; `Model(inputs, outputs)` makes one.

    >>> import kerasnp
    >>> x = kerasnp.Input((3,))
    >>> y = kerasnp.layers.Dense(3, activation="relu")(x)
    >>> model = kerasnp.Model(x, kerasnp.layers.Dense(2)(x + y))
    >>> model.output_shape
    (None, 2)

    Layers may be called several times and share their weights; functions of `kerasnp.ops` and operators such as `+` and
    `[:, 0]` take their place between layers. Inputs that come from layers make a model of what lies behind them, with the
    same weights.

    Args:
        inputs: what `kerasnp.Input` returned, or lists, tuples and dictionaries of it.
        outputs: symbolic tensors that layers returned, likewise.
        name: default `functional`, `functional_1`, ...
        trainable: whether the weights take part in training.

    Raises: ValueError where an output does not come from the inputs, or two layers have one name.
    """

    supports_masking = True

    def __init__(self, inputs, outputs, name=None, trainable=True, **kwargs):
        who = f"Model '{name}'" if name else "Model(inputs, outputs)"
        graph = Graph(inputs, outputs, who)
        _warn_of_other_names(graph)
        if name is None and type(self) is Functional:
            name = naming.auto_name("functional")
        Model.__init__(self, trainable=trainable is not False, name=name, **kwargs)
        self._settle(graph)
        if trainable is False:
            self.trainable = False

    def _settle(self, graph):
        graph.who = f"Model '{self.name}'"
        self._graph = graph
        self._layers[:] = [
            *(o for o in graph.operations if is_layer(o)),
            *(layer for layer in self._layers if not any(layer is o for o in graph.operations)),
        ]
        self._own_layers = len([o for o in graph.operations if is_layer(o)])
        shapes = nest.map_structure(lambda x: x.shape, graph.inputs)
        self._build_shape = _single(shapes, graph.inputs)
        self._lone = len(graph.flat_inputs) == 1
        # Of each input: the symbolic tensor, the lengths after the batch, its layer, and where that has the type.
        self._gates = [
            (x, x.shape[1:] if x.shape and None not in x.shape[1:] else None, x.node.operation,
             "_compute_type" if x.dtype.startswith(("float", "bfloat")) else "_storage_type")
            for x in graph.flat_inputs
        ]  # fmt: skip
        # Every layer casts its own inputs, and every input is cast to the type that it declares.
        self.autocast = self._mixed = False
        self.built = True
        self._plans = {}

    # Convolutions do the pooling behind them in their own step.
    _fuse = True

    @property
    def fuse(self):
        """Whether a convolution and the max-pooling after it are computed in one step; the numbers are the same.

        >>> import kerasnp
        >>> x = kerasnp.Input((4, 4, 1))
        >>> model = kerasnp.Model(x, kerasnp.layers.MaxPooling2D(2)(kerasnp.layers.Conv2D(2, 3)(x)))
        >>> model.fuse = False  # to see each step by itself
        """
        return self._fuse

    @fuse.setter
    def fuse(self, value):
        object.__setattr__(self, "_fuse", bool(value))
        self._plans = {}

    # -- what it is made of -----------------------------------------------------------------------------------------

    @property
    def layers(self):
        """The layers of the graph, each once, from the inputs to the outputs; functions are not among them.

        >>> import kerasnp
        >>> x = kerasnp.Input((3,), name="x")
        >>> model = kerasnp.Model(x, kerasnp.layers.Dense(3, name="dense")(x) + x)
        >>> [layer.name for layer in model.layers]
        ['x', 'dense']
        """
        return self._layers[: self._own_layers]

    layers = layers.setter(Model.layers.fset)

    @property
    def operations(self):
        """The layers and functions of the graph, each once, from the inputs to the outputs."""
        return list(self._graph.operations)

    @property
    def inputs(self):
        """The symbolic inputs, in a list."""
        return list(self._graph.flat_inputs)

    @property
    def outputs(self):
        """The symbolic outputs, in a list."""
        return list(self._graph.flat_outputs)

    @property
    def input(self):
        """The symbolic inputs, nested as they were given."""
        return self._graph.inputs

    @property
    def output(self):
        """The symbolic outputs, nested as they were given."""
        return self._graph.outputs

    @property
    def input_names(self):
        """The names of the inputs.

        >>> import kerasnp
        >>> a, b = kerasnp.Input((3,), name="a"), kerasnp.Input((3,), name="b")
        >>> kerasnp.Model([a, b], kerasnp.layers.Add()([a, b])).input_names
        ['a', 'b']
        """
        return [x.node.operation.name for x in self._graph.flat_inputs]

    @property
    def output_names(self):
        """The names of the layers or functions that the outputs come from.

        >>> import kerasnp
        >>> x = kerasnp.Input((3,))
        >>> heads = [kerasnp.layers.Dense(1, name=name)(x) for name in ("age", "height")]
        >>> kerasnp.Model(x, heads).output_names
        ['age', 'height']
        """
        return [x.node.operation.name for x in self._graph.flat_outputs]

    @property
    def input_shape(self):
        """The shape of the input, with None for the batch; of several, nested as they are.

        >>> import kerasnp
        >>> a, b = kerasnp.Input((3,)), kerasnp.Input((4,))
        >>> kerasnp.Model([a, b], kerasnp.layers.Concatenate()([a, b])).input_shape
        [(None, 3), (None, 4)]
        """
        return _single(nest.map_structure(lambda x: x.shape, self._graph.inputs), self._graph.inputs)

    @property
    def output_shape(self):
        """The shape of the output, with None for the batch; of several, nested as they are.

        >>> import kerasnp
        >>> x = kerasnp.Input((3,))
        >>> kerasnp.Model(x, {"double": x * 2, "sum": kerasnp.ops.sum(x, axis=1)}).output_shape
        {'double': (None, 3), 'sum': (None,)}
        """
        return _single(nest.map_structure(lambda x: x.shape, self._graph.outputs), self._graph.outputs)

    # -- calls ------------------------------------------------------------------------------------------------------

    def __call__(self, *args, **kwargs):
        if len(args) == 1 and not kwargs.keys() - {"training", "mask"}:
            y = self._direct_calls(self, args[0], kwargs.get("training"), kwargs.get("mask"))
            if y is not None:
                return y
        if self._graph.keeps_training and kwargs.get("training") is None and _training.get() is None:
            token = _open.set(True)
            try:
                return super().__call__(*args, **kwargs)
            finally:
                _open.reset(token)
        return super().__call__(*args, **kwargs)

    def call(self, inputs, training=None, mask=None):
        """The outputs, nested as they were given.

        >>> import kerasnp
        >>> x = kerasnp.Input((2,))
        >>> kerasnp.Model(x, {"double": x * 2.0}).call(kerasnp.ops.ones((1, 2)))
        {'double': array([[2., 2.]], dtype=float32)}

        Raises: ValueError for an input of another shape, or none where one is needed.
        """
        given = (inputs,) if self._lone and isinstance(inputs, (K.ndarray, Variable)) else self._flat(inputs)
        values = []
        for x, (place, lengths, layer, types) in zip(given, self._gates):
            # What has the declared type and shape, as most data have, goes straight in.
            held = x.value if isinstance(x, Variable) else x
            if not isinstance(held, K.ndarray) or held.shape[1:] != lengths or held.dtype != getattr(layer, types):
                x = self._received(x, place)
            values.append(x)
        if mask is not None:
            for x, m in zip(values, nest.flatten(mask)):
                if m is not None:
                    set_mask(x, m)
        return self._planned().run(values)

    def _planned(self):
        keep = self._graph.keeps_training and _open.get()
        plan = self._plans.get(keep)
        if plan is None:
            plan = self._plans[keep] = Plan(self._graph, self._fuse, keep)
        return plan

    def compute_mask(self, inputs, previous_mask=None):
        """Each layer attaches the mask of its output itself."""
        return None

    def compute_output_spec(self, inputs, training=None, mask=None):
        """Shapes and types of the outputs, as symbolic tensors, for symbolic inputs."""
        given = [self._received(x, place) for x, place in zip(self._flat(inputs, quiet=True), self._graph.flat_inputs)]
        if all(x is not None and x.shape == place.shape for x, place in zip(given, self._graph.flat_inputs)):
            outputs = nest.map_structure(lambda y: KerasTensor(y.shape, dtype=y.dtype), self._graph.outputs)
            return outputs[0] if type(outputs) in (list, tuple) and len(outputs) == 1 else outputs
        apart = [KerasTensor(x.shape, dtype=x.dtype, record_history=False) if x is not None else None for x in given]
        return self._symbolic_plan().run(apart)

    def _symbolic_plan(self):
        """A plan in which every layer is asked by itself, for symbolic inputs."""
        plan = self._plans.get("symbolic")
        if plan is None:
            plan = self._plans["symbolic"] = Plan(self._graph, fuse=False, symbolic=True)
        return plan

    def compute_output_shape(self, input_shape):
        """The shapes of the outputs for the shapes of the inputs, nested as they are.

        >>> import kerasnp
        >>> a, b = kerasnp.Input((None, 3)), kerasnp.Input((None, 3))
        >>> kerasnp.Model([a, b], kerasnp.layers.Concatenate(axis=1)([a, b])).compute_output_shape([(2, 4, 3), (2, 5, 3)])
        (2, 9, 3)
        """
        flat = self._flat(nest.map_shapes(lambda s: KerasTensor(s), input_shape), quiet=True)
        flat = [KerasTensor(x.shape, dtype=place.dtype) for x, place in zip(flat, self._graph.flat_inputs)]
        spec = self.compute_output_spec(flat if len(flat) > 1 else flat[0])
        return nest.map_structure(lambda y: y.shape, spec)

    # -- step by step -----------------------------------------------------------------------------------------------

    def walk(self, inputs):
        """(layer or function, its first output) of every step of a call with a list of inputs, in turn."""
        plan = self._plans.get("walk")
        if plan is None:
            plan = self._plans["walk"] = Plan(self._graph, fuse=False)
        found = []
        with stop_recording():
            plan.run([self._received(x, place) for x, place in zip(inputs, self._graph.flat_inputs)], found.append)
        return [(node.operation, nest.flatten(y)[0]) for node, y in zip(plan.nodes, found)]

    def walk_shapes(self, shapes):
        """(layer or function, shapes of its inputs, shapes of its outputs) of every step, for a list of input shapes."""
        plan = self._symbolic_plan()
        fresh = [
            KerasTensor(shape, dtype=place.dtype, record_history=False)
            for shape, place in zip(shapes, self._graph.flat_inputs)
        ]
        found = []
        plan.run(fresh, found.append)
        known = {id(place): x.shape for place, x in zip(self._graph.flat_inputs, fresh)}
        for node, y in zip(plan.nodes, found):
            after = [v.shape for v in nest.flatten(y) if isinstance(v, KerasTensor)]
            known.update({id(v): shape for v, shape in zip(node.outputs, after)})
            yield node.operation, [known[id(x)] for x in node.inputs], after

    def walked(self):
        """The layer or function of every step."""
        return [node.operation for node in self._graph.nodes if node.inputs]

    def _calls_in_turn(self):
        if type(self) is not Functional or not self.is_stack() or self._graph.calls_with_options():
            return None
        outputs, (x,) = self._graph.outputs, self._graph.flat_inputs
        if isinstance(outputs, dict) or None in x.shape[1:] or x.dtype != self.compute_dtype:
            return None
        return list(paired(self.walked(), self.fuse))

    def is_stack(self):
        """Whether the layers follow one another in a row, without branches, functions or second calls."""
        chain = [node for node in self._graph.nodes if node.inputs]
        x = self._graph.flat_inputs[0] if len(self._graph.flat_inputs) == 1 else None
        if len({id(node.operation) for node in chain}) < len(chain):
            return False
        for node in chain:
            if not is_layer(node.operation) or node.inputs != [x] or len(node.outputs) != 1:
                return False
            x = node.outputs[0]
        return x is not None and self._graph.flat_outputs == [x]

    def __getstate__(self):
        return {**{k: v for k, v in super().__getstate__().items() if k != "_gates"}, "_plans": {}}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._settle(self._graph)

    # -- configuration ----------------------------------------------------------------------------------------------

    def get_config(self):
        """Name, layers, the calls that connect them and the ends, as Keras writes them.

        >>> import kerasnp
        >>> x = kerasnp.Input((3,), name="x")
        >>> config = kerasnp.Model(x, kerasnp.layers.Dense(3, name="dense")(x) + x).get_config()
        >>> [(layer["name"], len(layer["inbound_nodes"])) for layer in config["layers"]]
        [('x', 0), ('dense', 1), ('add', 1)]
        >>> config["input_layers"], config["output_layers"]
        (['x', 0, 0], ['add', 0, 0])

        A subclass with a constructor of its own is described by the constructor's arguments.
        """
        if not constructed_alike(type(self)):
            parameters = inspect.signature(type(self).__init__).parameters
            free = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
            config = {k: v for k, v in super().get_config().items() if free or k in parameters}
            return {k: v for k, v in config.items() if k not in ("inputs", "outputs")}
        return {"name": self.name, "trainable": self._trainable, **graph_config.describe(self._graph)}

    def _config_value(self, name):
        # A constructor of a subclass hands the ends on, and makes them.
        return None if name in ("inputs", "outputs") else super()._config_value(name)

    def get_build_config(self):
        """Nothing: a graph is built when it is made."""
        return None


def _single(values, tensors):
    """The only entry of a list of one."""
    return values[0] if isinstance(tensors, (list, tuple)) and len(tensors) == 1 else values


def _warn_of_other_names(graph):
    if not isinstance(graph.inputs, dict):
        return
    for key, x in graph.inputs.items():
        if isinstance(x, KerasTensor) and x.name != key:
            warnings.warn(
                f"{graph.who}: the key {key!r} of `inputs` stands for the Input named {x.name!r}; data are looked up by the "
                f"key. Name it alike by Input(..., name={key!r}).",
                stacklevel=4,
            )


def constructed_alike(cls):
    """Whether a class has the constructor of Functional, or one that hands everything on to it."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    kinds = {p.kind for p in parameters}
    if {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds:
        return True
    own = [p.name for p in list(inspect.signature(Functional.__init__).parameters.values())[1:]]
    return [p.name for p in parameters] == own or [p.name for p in parameters][:3] == own[:3]


def adopt(cls):
    """Make a subclass of Model that was given inputs and outputs a subclass of Functional, as in Keras."""
    for klass in cls.__mro__:
        if Model in klass.__bases__ and klass is not Functional:
            klass.__bases__ = tuple(Functional if base is Model else base for base in klass.__bases__)
    for klass in reversed(cls.__mro__):
        if issubclass(klass, Functional) and klass is not Functional:
            klass._look_at_call()


__all__ = ["Functional", "adopt"]
