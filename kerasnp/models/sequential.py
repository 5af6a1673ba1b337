"""Sequential: a stack of layers."""

import inspect
import weakref

from kerasnp import ops
from kerasnp.autodiff.symbolic import KerasTensor
from kerasnp.layers.core import InputLayer
from kerasnp.layers.layer import Layer
from kerasnp.models.direct import paired
from kerasnp.models.model import Model
from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object
from kerasnp.utils import nest


class Sequential(Model):
    """A stack of layers: the output of each is the input of the next.

    >>> import kerasnp
    >>> model = Sequential([kerasnp.Input((3,)), kerasnp.layers.Dense(2, activation="relu")])
    >>> model.add(kerasnp.layers.Dense(1))
    >>> model.output_shape
    (None, 1)

    Without an `Input` the weights are made at the first call or `fit`, from the shape of the data. The first layer may take
    several arrays then, in a list or a dictionary:

    >>> model = Sequential([kerasnp.layers.Add(), kerasnp.layers.Dense(1)])
    >>> model([kerasnp.ops.ones((2, 3)), kerasnp.ops.ones((2, 3))]).shape
    (2, 1)

    Args:
        layers: the layers, an `Input` first if the shape is known.
        trainable: whether the weights take part in training.
        name: default `sequential`, `sequential_1`, ...

    Raises: TypeError or ValueError for an entry that is no layer, or a name that occurs twice.
    """

    def __init__(self, layers=None, trainable=True, name=None):
        super().__init__(trainable=trainable, name=name)
        self.built = False
        self._input_layer = None
        self._output_shape = None
        if layers:
            for layer in layers if isinstance(layers, (list, tuple)) else [layers]:
                self.add(layer)

    def add(self, layer, rebuild=True):
        """Put a layer on top of the stack; an `Input` stands for its layer.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,))])
        >>> model.add(kerasnp.layers.Dense(3))
        >>> model.output_shape
        (None, 3)
        """
        if isinstance(layer, KerasTensor) and layer.node is not None:
            layer = layer.node.operation
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Only instances of `kerasnp.Layer` go into a Sequential. Received: {layer!r} (of type {type(layer).__name__})"
                + ("; make an instance first, with parentheses." if isinstance(layer, type) else "")
            )
        if isinstance(layer, InputLayer):
            if self._input_layer is not None or self._layers:
                raise ValueError(
                    f"Sequential model '{self.name}' has already been configured for inputs of shape "
                    f"{self.input_shape if self._input_layer else 'of its first layer'}, so another Input has no place in it: "
                    "put the Input first."
                )
            object.__setattr__(self, "_input_layer", layer)
            self._start(layer.batch_shape)
            return
        needed = [p.name for p in inspect.signature(layer.call).parameters.values() if p.default is p.empty and p.kind < 2]
        if len(needed) > 1:
            raise ValueError(
                f"A layer of a Sequential is called with one argument, its input. {layer._who} needs {', '.join(needed)}: put "
                "it into a Layer of your own whose call(x) passes them all, such as self.inner(x, x)."
            )
        if any(layer is other for other in self._layers) or layer.name in {other.name for other in self._layers}:
            raise ValueError(
                f"The layers of a Sequential should have unique names, and it has a {layer.name!r} already; give the new one "
                "another `name`."
            )
        if not self._layers and self._input_layer is None:
            shape = getattr(layer, "_input_shape_arg", None)
            if shape is None and (isinstance(layer, Sequential) or hasattr(layer, "_graph")):
                shape = layer._build_shape if layer._build_shape is None or nest.is_shape(layer._build_shape) else None
            if shape is not None:
                object.__setattr__(self, "_input_layer", InputLayer(batch_shape=shape, dtype=_input_dtype(layer)))
                self._start(shape)
        self._adopt(layer)
        if self._output_shape is not None:
            self._output_shape = self._extend(layer, self._output_shape)
        elif self.built:
            self.built = False
        self._layers.append(layer)
        object.__setattr__(layer, "_stack", weakref.ref(self))
        if not self._trainable:
            layer.trainable = False
        self.built = self._output_shape is not None
        self._structure_changed()

    def _track(self, value, inside=()):
        """Note what became an attribute; a layer that does is no part of the stack, as in Keras."""
        if not isinstance(value, Layer):
            super()._track(value, inside)

    def pop(self, rebuild=True):
        """Take the top layer off and return it.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3), kerasnp.layers.Dense(1)])
        >>> model.pop().units, model.output_shape
        (1, (None, 3))
        """
        if not self._layers:
            raise TypeError(f"There are no layers in the model '{self.name}' to pop.")
        layer = self._layers.pop()
        if self._build_shape is not None:
            self._output_shape = self._walk(self._build_shape)
        self.built = self._output_shape is not None and bool(self._layers)
        self._structure_changed()
        return layer

    @Model.layers.setter
    def layers(self, _):
        raise AttributeError(
            f"`layers` of the Sequential model '{self.name}' is reserved and should not be set. Use `add()` and `pop()` to "
            "change the layers of this model."
        )

    def _start(self, shape):
        object.__setattr__(self, "_build_shape", tuple(shape))
        self._output_shape = tuple(shape)

    @staticmethod
    def _extend(layer, shape):
        """Build `layer` for inputs of `shape`; returns the shape of its output."""
        if not layer.built:
            layer.build(shape)
            layer.built = True
        elif layer._build_shape is None and not isinstance(layer, Sequential):
            object.__setattr__(layer, "_build_shape", shape)
        return layer.compute_output_shape(shape)

    def _walk(self, shape):
        for layer in self._layers:
            try:
                shape = self._extend(layer, shape)
            except (ValueError, TypeError) as error:
                if layer.name in str(error):
                    raise
                raise type(error)(
                    f'{type(layer).__name__} "{layer.name}" of model "{self.name}" cannot take inputs of shape {shape}: {error}'
                ) from error
        return shape

    def build(self, input_shape=None):
        """Make the weights of all layers for inputs of `input_shape` (with the batch axis, None for any size).

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.layers.Dense(3), kerasnp.layers.Dense(1)])
        >>> model.build((None, 2))
        >>> model.count_params()
        13

        Raises: ValueError without a shape, without layers, or where a layer cannot take its input.
        """
        if not self._layers and self._input_layer is None:
            raise ValueError(
                f"Sequential model '{self.name}' has no layers to build. Call `model.add(layer)`."
            )
        if input_shape is None:
            raise ValueError(f"Sequential model '{self.name}' needs an input shape to be built: call build(input_shape).")
        if self._input_layer is None and not nest.is_shape(input_shape):
            self._build_for_several(input_shape)
            return
        shape = tuple(input_shape)
        if self._input_layer is not None and not self._shape_seen and len(shape) == len(self._build_shape):
            if any(None not in (d, n) and d != n for d, n in zip(self._build_shape, shape)):
                raise ValueError(
                    f"Sequential model '{self.name}' has already been configured for inputs of shape "
                    f"{self._build_shape}, and not for {shape}: change its Input."
                )
        if self._input_layer is None or len(shape) != len(self._build_shape):
            object.__setattr__(self, "_build_shape", (None, *shape[1:]) if len(shape) else shape)
        self._output_shape = self._walk(self._build_shape)
        if self._input_layer is None:
            layer = InputLayer(batch_shape=self._build_shape, dtype=_input_dtype(self._layers[0]))
            object.__setattr__(self, "_input_layer", layer)
            object.__setattr__(self, "_shape_seen", True)

    def _build_for_several(self, shapes):
        """Build the layers for a list or dictionary of inputs, to whose shapes the stack is not tied."""
        shapes = nest.map_shapes(lambda s: (None, *s[1:]), shapes)
        try:
            output_shape = self._walk(shapes)
        except (ValueError, TypeError) as error:
            if self._layers[0].built:
                raise
            raise ValueError(
                f"Sequential model '{self.name}' was given several inputs, of shapes {shapes}, and its first layer takes one "
                f"({error}). Join them into one array, begin with a layer that merges them, or write a functional model."
            ) from error
        object.__setattr__(self, "_build_shape", shapes)
        self._output_shape = output_shape

    # Whether the input shape was read off the first data: then the layers say what else they can take.
    _shape_seen = False

    def call(self, inputs, training=None, mask=None):
        """The output of the last layer.

        >>> import kerasnp
        >>> double = kerasnp.layers.Rescaling(2.0)
        >>> kerasnp.Sequential([kerasnp.Input((2,)), double, kerasnp.layers.ReLU(max_value=1.5)]).call(kerasnp.ops.ones((1, 2)))
        array([[1.5, 1.5]], dtype=float32)
        """
        x = inputs
        for layer, options in self._in_turn():
            x = layer(x, mask=mask, **options) if mask is not None and layer._takes_mask else layer(x, **options)
            mask = None
        return x

    def _calls_in_turn(self):
        return self._in_turn() if type(self) is Sequential and self._input_layer is not None else None


    def _in_turn(self):
        """The calls that make up `call`: pairs of a layer and options."""
        if self._steps is None:
            object.__setattr__(self, "_steps", list(paired(self._layers, self.fuse)))
        return self._steps

    _steps = None  # those calls; found anew when the layers change

    @property
    def fuse(self):
        """Whether a convolution and the max-pooling after it are computed in one step; the numbers are the same.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((4, 4, 1)), kerasnp.layers.Conv2D(2, 3), kerasnp.layers.MaxPooling2D(2)])
        >>> model.fuse = False  # to see each step by itself
        """
        return self._fuse

    @fuse.setter
    def fuse(self, value):
        object.__setattr__(self, "_fuse", bool(value))
        self._structure_changed()

    _fuse = True

    def _structure_changed(self):
        super()._structure_changed()
        object.__setattr__(self, "_steps", None)
        object.__setattr__(self, "_symbols", None)

    def __call__(self, inputs, training=None, mask=None):
        if not self._layers and self._input_layer is None:
            raise ValueError(f"Sequential model '{self.name}' has no layers: add some before calling it.")
        y = self._direct_calls(self, inputs, training, mask)
        if y is not None:
            return y
        kwargs = {} if mask is None else {"mask": mask}
        if self._build_shape is not None and self._input_layer is not None:
            inputs = self._fit_rank(inputs)
        return super().__call__(inputs, training=training, **kwargs)

    def only_input(self, x):
        """`x`, or the one input in a list; several are refused by a stack that was built for one."""
        if isinstance(x, (list, tuple)) and len(x) == 1 and len(getattr(x[0], "shape", ())) > 1:
            return x[0]
        if self._input_layer is None:
            return x
        if isinstance(x, dict) or (isinstance(x, (list, tuple)) and len(x) > 1 and all(getattr(v, "shape", ()) for v in x)):
            raise ValueError(
                f"Sequential model '{self.name}' takes one input. Received: {len(x)} of them, as a {type(x).__name__}; "
                "join them into one array, or subclass Model."
            )
        return x

    def _fit_rank(self, x):
        """Check an input against the declared shape; a missing or extra last axis of size one is mended, as in Keras."""
        shape = getattr(x, "shape", None)
        if shape is None:
            x = ops.convert_to_tensor(self.only_input(x))
            shape = x.shape
        declared = self._build_shape
        if tuple(shape[1:]) == declared[1:] or (self._shape_seen and len(shape) == len(declared)):
            return x
        if len(shape) == len(declared) - 1 and declared[-1] == 1:
            x = ops.expand_dims(x, -1)
        elif len(shape) == len(declared) + 1 and shape[-1] == 1:
            x = ops.squeeze(x, -1)
        if len(x.shape) != len(declared) or any(d is not None and d != n for d, n in zip(declared[1:], x.shape[1:])):
            raise ValueError(
                f'Input 0 of model "{self.name}" is incompatible with its first layer "{self._layers[0].name}": expected shape '
                f"{declared}. Received: an input of shape {tuple(shape)}; reshape the data, or build the model for this shape."
            )
        return x

    # The first layer knows whether integers are numbers (Dense) or keys (Embedding).
    @property
    def casts_integers(self):
        """Whether integer inputs are converted to floats, as the first layer wants it."""
        return self._layers[0].casts_integers if self._layers else True

    supports_masking = True

    def compute_mask(self, inputs, previous_mask=None):
        """Each layer attaches the mask of its output itself."""
        return None

    def compute_output_shape(self, input_shape):
        """The shape of the last layer's output.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.layers.Conv2D(8, 3), kerasnp.layers.Flatten()])
        >>> model.compute_output_shape((None, 5, 5, 1))
        (None, 72)
        """
        shape = tuple(input_shape) if nest.is_shape(input_shape) else input_shape
        for layer in self._layers:
            shape = layer.compute_output_shape(shape)
        return shape

    @property
    def input_shape(self):
        """The shape of the input, with None for the batch.

        >>> import kerasnp
        >>> kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)]).input_shape
        (None, 2)

        Raises: AttributeError before the model is built.
        """
        if self._input_layer is None:
            raise AttributeError(
                f"Sequential model '{self.name}' has no defined input shape before it is called or begins with an Input."
            )
        return self._build_shape

    @property
    def output_shape(self):
        """The shape of the output, with None for the batch.

        >>> import kerasnp
        >>> kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)]).output_shape
        (None, 3)

        Raises: AttributeError before the model is built.
        """
        if self._output_shape is None:
            raise AttributeError(
                f"Sequential model '{self.name}' has no defined output shape before it is called or begins with an Input."
            )
        return self._output_shape

    @property
    def inputs(self):
        """The symbolic input, in a list.

        >>> import kerasnp
        >>> kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)]).inputs[0].shape
        (None, 2)

        Raises: AttributeError before the input shape is known.
        """
        if self._input_layer is None:
            raise AttributeError(
                f"Sequential model '{self.name}' has no defined inputs before it is called or begins with an Input."
            )
        return [self._input_layer.output]

    @property
    def outputs(self):
        """The symbolic output, in a list.

        >>> import kerasnp
        >>> kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)]).outputs[0].shape
        (None, 3)

        Raises: AttributeError before the input shape is known.
        """
        if self._symbols is None:
            x = self.inputs[0]
            for layer in self._layers:
                x = layer(x)
            object.__setattr__(self, "_symbols", [x])
        return list(self._symbols)

    # The outputs, once somebody asked for them.
    _symbols = None

    @property
    def input(self):
        """The symbolic input."""
        return self.inputs[0]

    @property
    def output(self):
        """The symbolic output."""
        return self.outputs[0]

    @property
    def input_names(self):
        """The name of the input, in a list."""
        return [self._input_layer.name] if self._input_layer is not None else []

    @property
    def output_names(self):
        """The name of the last layer, in a list."""
        return [self._layers[-1].name] if self._layers else []

    def __getstate__(self):
        return {k: v for k, v in super().__getstate__().items() if k != "_symbols"}

    def __setstate__(self, state):
        self.__dict__.update(state)
        for layer in self._layers:
            object.__setattr__(layer, "_stack", weakref.ref(self))

    @property
    def input_dtype(self):
        """The type that the input layer declares.

        >>> import kerasnp
        >>> kerasnp.Sequential([kerasnp.Input((2,), dtype="int32"), kerasnp.layers.Embedding(5, 3)]).input_dtype
        'int32'
        """
        return self._input_layer.dtype if self._input_layer is not None else None

    def get_config(self):
        """Name, type policy and the configuration of every layer, as Keras writes them.

        >>> import kerasnp
        >>> config = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)]).get_config()
        >>> [layer["class_name"] for layer in config["layers"]]
        ['InputLayer', 'Dense']
        """
        layers = ([self._input_layer] if self._input_layer is not None else []) + self._layers
        config = {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": self._policy_config(),
            "layers": [serialize_keras_object(layer) for layer in layers],
        }
        if self._input_layer is not None:
            config["build_input_shape"] = self._build_shape
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model that `get_config` described, with new weights.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)])
        >>> kerasnp.Sequential.from_config(model.get_config()).output_shape
        (None, 3)
        """
        if not isinstance(config, dict) or "layers" not in config:
            raise ValueError(
                "Sequential.from_config: config must be a dictionary of a name and a list of layers. Received: "
                f"config={config!r}"
            )
        for entry in config["layers"]:
            if not isinstance(entry, dict) or "config" not in entry:
                raise ValueError(
                    "Each entry of 'layers' describes a layer. Expected a dictionary containing a 'config' key and a "
                    f"'class_name'. Received: {entry!r}"
                )
        layers = [deserialize_keras_object(c, custom_objects, family="layers") for c in config["layers"]]
        model = cls(layers, name=config.get("name"))
        if config.get("trainable") is False:
            model._trainable = False
        shape = config.get("build_input_shape")
        if shape is not None and not model.built and model._layers and all(isinstance(d, (int, type(None))) for d in shape):
            model.build(tuple(shape))
        return model


def _input_dtype(layer):
    """The type of data that a first layer expects when nobody says."""
    return layer.compute_dtype
