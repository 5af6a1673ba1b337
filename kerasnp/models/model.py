"""Model: a layer that trains and is saved."""

import json

from kerasnp import backend as K
from kerasnp import saving
from kerasnp.autodiff.symbolic import KerasTensor
from kerasnp.layers.layer import Layer
from kerasnp.models import state_tree
from kerasnp.models.state_tree import assign as assign_state_tree
from kerasnp.models.summary import summarize
from kerasnp.models.trainer import Trainer
from kerasnp.utils import nest
from kerasnp.utils.calling import calling


class Model(Trainer, Layer):
    """A graph of layers, `Model(inputs, outputs)`; or the base of models that write `call(inputs)`.

    >>> import kerasnp
    >>> image, age = kerasnp.Input((8, 8), name="image"), kerasnp.Input((1,), name="age")
    >>> both = kerasnp.layers.Concatenate()([kerasnp.layers.Flatten()(image), age])
    >>> kerasnp.Model([image, age], kerasnp.layers.Dense(1)(both)).output_shape
    (None, 1)

    What lies between the symbolic inputs and outputs is found from them, with branches, shared layers and functions of
    `kerasnp.ops`. A subclass makes layers in `__init__` and writes `call(inputs)`; `Sequential` is a stack.

    >>> import kerasnp
    >>> class Twice(Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = kerasnp.layers.Dense(1)
    ...     def call(self, inputs):
    ...         return self.dense(inputs) * 2.0
    >>> model = Twice()
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(K.ones((4, 2)), K.ones((4, 1)), verbose=0)
    """

    public_family = "models"
    _rematerializes = False

    def __new__(cls, *args, **kwargs):
        if cls is Model and _of_graph(args, kwargs):
            from kerasnp.models.functional import Functional

            return super().__new__(Functional)
        return super().__new__(cls)

    def __init__(self, *args, trainable=True, name=None, dtype=None, **kwargs):
        if _of_graph(args, kwargs):
            from kerasnp.models.functional import Functional, adopt

            adopt(type(self))
            Functional.__init__(self, *args, trainable=trainable, name=name, **kwargs)
            return
        if args:
            raise TypeError(
                f"{type(self).__name__}: expected inputs and outputs, or neither. Received: {len(args)} positional arguments; "
                "a subclass of Model makes its layers in __init__ and writes call(inputs)."
            )
        Layer.__init__(self, trainable=trainable, name=name, dtype=dtype, **kwargs)
        Trainer.__init__(self)

    def build(self, input_shape=None):
        """Make the weights of the layers inside, for inputs of `input_shape`, by calling the model on arrays of ones.

        >>> import kerasnp
        >>> class Small(kerasnp.Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.dense = kerasnp.layers.Dense(3)
        ...     def call(self, x):
        ...         return self.dense(x)
        >>> model = Small()
        >>> model.build((None, 2))
        >>> model.count_params()
        9

        Raises: ValueError without a shape, or where `call` does not take arrays of that shape.
        """
        if input_shape is None:
            raise ValueError(f"Model '{self.name}' needs an input shape to be built: call build(input_shape).")
        inputs = nest.map_shapes(lambda s: KerasTensor(s, dtype=self.compute_dtype), input_shape)
        try:
            self._try(inputs)
        except Exception as error:
            self.built = False
            raise ValueError(
                f"Model '{self.name}' cannot be built for input_shape={input_shape}: its call() fails on an array of ones "
                f"({error}); call the model on data instead."
            ) from error

    def build_from_config(self, config):
        """Build the model as `get_build_config` says; a `call` that takes no arrays of ones leaves that to the first call."""
        try:
            super().build_from_config(config)
        except ValueError:
            if type(self).build is not Model.build:
                raise

    def _build_for(self, args, kwargs):
        if type(self).build is not Model.build:
            super()._build_for(args, kwargs)
            return
        # The layers inside are built by the call that is about to come; its shape is noted for files.
        tensors = list(self._tensor_arguments(args, kwargs).values())
        if len(tensors) == 1 and self._build_shape is None:
            self._build_shape = nest.map_structure(lambda x: (None, *x.shape[1:]) if x.shape else (), tensors[0])
        self.built = True

    @property
    def layers(self):
        """The layers of the model, in order.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3), kerasnp.layers.ReLU()])
        >>> [layer.name for layer in model.layers]
        ['dense', 're_lu']
        """
        return list(self._layers)

    @layers.setter
    def layers(self, _):
        raise AttributeError(
            f"`Model.layers` attribute is reserved and should not be used: it lists the layers of '{self.name}'. Please use "
            "another name."
        )

    def get_layer(self, name=None, index=None):
        """A layer by its name or its position.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3, name="hidden"), kerasnp.layers.Dense(1)])
        >>> model.get_layer("hidden").units, model.get_layer(index=1).units
        (3, 1)

        Raises: ValueError where there is none, listing the names there are.
        """
        if (name is None) == (index is None):
            raise ValueError(f"Provide either a layer name or a layer index. Received: name={name}, index={index}")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"get_layer: there is no layer at index {index}; the model has {len(self.layers)} layers.")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name}. Existing layers are: {[layer.name for layer in self.layers]}.")

    def summary(
        self, line_length=None, positions=None, print_fn=None, expand_nested=False, show_trainable=False, layer_range=None
    ):
        """Print, and return, the table of layers with output shapes and parameter counts.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)])
        >>> text = model.summary(print_fn=lambda line: None)
        >>> "Total params: 9" in text
        True

        Args:
            print_fn: called with the text instead of `print`.
            expand_nested: show the layers inside nested models too.
            show_trainable: add a column that says which layers train.
            line_length, positions, layer_range: accepted; the table is as wide as it needs and never cut.
        """
        return summarize(self, line_length, print_fn, expand_nested, show_trainable)

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Write architecture, weights, compile settings and optimizer state to `.keras` or `.h5`.

        The file is written beside its place and moved there when complete, so an old file stays whole until then.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)])
        >>> model.save("small.keras")
        >>> kerasnp.saving.load_model("small.keras").output_shape
        (None, 3)
        """
        saving.save_model(self, filepath, overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath, overwrite=True, max_shard_size=None):
        """Write the weights: `*.weights.h5` in Keras 3's layout, any other `.h5` in the classic one.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)])
        >>> model.save_weights("small.weights.h5")
        >>> model.save_weights("small.npz")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        ValueError: save_weights: filepath must end in `.weights.h5` (or `.h5` for the classic layout). Received: ...

        With `max_shard_size`, in GB, a table `NAME.weights.json` and files of at most this size; `load_weights` reads the
        table.

        Raises: ValueError before the model is built, or for another suffix.
        """
        saving.save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(self, filepath, skip_mismatch=False, by_name=False, **kwargs):
        """Read weights from any of Keras's weight files; nothing changes unless every weight fits.

        >>> import kerasnp
        >>> model, other = (kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(n)]) for n in (3, 4))
        >>> model.save_weights("small.weights.h5")
        >>> model.load_weights("small.weights.h5")
        >>> other.load_weights("small.weights.h5")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        ValueError: small.weights.h5: the weights do not fit the model, which stays as it was. Dense ...

        Args:
            filepath: a path or an open binary file; its content decides the format.
            skip_mismatch: leave out layers whose weights do not fit, with a warning.
            by_name: match layers by name (classic `.h5` only).

        Raises: ValueError naming the layers and both shapes where something is missing or does not fit.
        """
        saving.load_weights(self, filepath, skip_mismatch=skip_mismatch, by_name=by_name, **kwargs)

    def get_state_tree(self, value_format="backend_tensor"):
        """The values of all variables of the model, its optimizer and its metrics, nested by their paths.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(1, kernel_initializer="ones")], name="m")
        >>> model.get_state_tree()["trainable_variables"]["m"]["dense"]["kernel"].tolist()
        [[1.0], [1.0]]

        Args:
            value_format: `"numpy_array"` for copies, `"backend_tensor"` for the arrays that the model works with.

        Raises: ValueError where two variables have one path.
        """
        return {part: state_tree.tree_of(state_tree.variables_of(self, part), value_format) for part in state_tree.PARTS}

    def set_state_tree(self, state_tree):
        """Set the variables that a tree as `get_state_tree` returns names, or a part of one; nothing changes unless all fit.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(1, name="d")], name="m")
        >>> model.set_state_tree({"trainable_variables": {"m": {"d": {"bias": [0.5]}}}})
        >>> model.layers[0].bias.tolist()
        [0.5]

        Raises: ValueError for a path that the model does not have, or a value of another shape.
        """
        assign_state_tree(self, state_tree)

    def to_json(self, **kwargs):
        """The architecture as JSON text, for `model_from_json`.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)])
        >>> kerasnp.models.model_from_json(model.to_json()).count_params()
        9
        """
        return json.dumps(saving.serialize_keras_object(self), **kwargs)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model that `get_config` described, with new weights: a graph, or what the constructor makes of its arguments.

        >>> import kerasnp
        >>> x = kerasnp.Input((3,))
        >>> model = kerasnp.Model(x, kerasnp.layers.Dense(3)(x) + x)
        >>> kerasnp.Model.from_config(model.get_config()).output_shape
        (None, 3)

        Raises: ValueError for calls that go round in a loop or name a layer that is not there.
        """
        if "input_layers" in config and "output_layers" in config:
            from kerasnp.models.graph_config import rebuild

            return rebuild(cls, config, custom_objects)
        with saving.custom_object_scope(custom_objects):
            return super().from_config(config)

    def activations_of(self, layer, x, batch_size=32):
        """What a layer of this model puts out for `x`, as an array.

        >>> import kerasnp
        >>> hidden = kerasnp.layers.Dense(3, activation="relu", name="hidden")
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), hidden, kerasnp.layers.Dense(1)])
        >>> model.activations_of("hidden", K.ones((5, 2))).shape
        (5, 3)

        Args:
            layer: a layer, its name or its index.
            x: input samples, an array.
        """
        if not isinstance(layer, Layer):
            layer = self.get_layer(index=layer) if isinstance(layer, int) else self.get_layer(layer)
        caught = []

        def listening(layer, call):
            def listen(*args, **kwargs):
                y = call(*args, **kwargs)
                caught.append(K.array(getattr(y, "value", y)))
                return y

            return listen

        # A layer whose work another one does in its own step would never be called.
        stacks = [m for m in self._flatten_layers() if getattr(m, "fuse", False)]
        for stack in stacks:
            stack.fuse = False
        try:
            with calling([layer], listening):
                self.predict(x, batch_size=batch_size, verbose=0)
        finally:
            for stack in stacks:
                stack.fuse = True
        return K.concatenate(caught)


def _of_graph(args, kwargs):
    """Whether the arguments of a constructor are the ends of a graph."""
    return len(args) > 1 or "outputs" in kwargs
