"""What a layer holds: weights, layers inside, seed generators and metrics, found by assignment."""

from kerasnp import backend as K
from kerasnp import constraints, initializers, regularizers
from kerasnp.autodiff.variable import Variable
from kerasnp.layers.calls import _training
from kerasnp.random import SeedGenerator
from kerasnp.saving import loading
from kerasnp.utils import check
from kerasnp.utils.registry import Registered

_UNTRACKED = {"_weights", "_layers", "_nodes", "_graph", "_plans", "_gates",
              "_seed_generators", "_losses", "_metrics", "_containers", "_build_shape",
              "_build_shapes", "_checked", "_parts", "_compile_config", "_compile_metrics", "_loss_tracker",
              "loss"}  # fmt: skip

_changes = 0
_NOTHING = object()


def changes():
    """How often attributes of layers have become others: what was found out about layers holds while this number stands."""
    return _changes


class Weights:
    """The part of `Layer` that knows its weights and those of the layers inside."""

    def add_variable(
        self,
        shape,
        initializer,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        name=None,
    ):
        """Make a weight of this layer: `add_weight`, with a shape and an initializer always.

        >>> import kerasnp
        >>> layer = kerasnp.layers.Layer()
        >>> layer.add_variable((), "zeros", trainable=False, name="steps").path
        'layer/steps'

        Args:
            shape, initializer, dtype, trainable, autocast, regularizer, constraint, name: as in `add_weight`.

        Returns: the Variable.

        Raises: ValueError for a shape with None in it.
        """
        return self.add_weight(
            shape, initializer, dtype, trainable=trainable, autocast=autocast, regularizer=regularizer, constraint=constraint,
            name=name,
        )  # fmt: skip

    def add_weight(
        self,
        *args,
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

        >>> import kerasnp
        >>> class Shift(kerasnp.layers.Layer):
        ...     def build(self, input_shape):
        ...         self.shift = self.add_weight((input_shape[-1],), "ones", name="shift")
        ...     def call(self, x):
        ...         return x + self.shift
        >>> layer = Shift()
        >>> layer([[1.0, 2.0]])
        array([[2., 3.]], dtype=float32)
        >>> [w.path for w in layer.weights]
        ['shift/shift']

        Args:
            shape: its shape, `()` by default; this and the next two may be given by position.
            initializer: a name or initializer; Glorot uniform for floats by default, zeros for other types.
            dtype: its type, the layer's variable type by default.
            trainable: whether the optimizer may change it.
            regularizer: added to the loss.
            constraint: applied after each update.
            name: its name in files and messages.

        Returns: the Variable.

        Raises: ValueError for a shape with None in it, or a name in its place.
        """
        given = {"shape": shape, "initializer": initializer, "dtype": dtype}
        if args:
            given.update(self._positional(args, given))
        if self._called:
            self._refuse_in_call(f"the weight {name!r}" if name else "a weight")
        shape, initializer, dtype = given.values()
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

    def _positional(self, args, named):
        """The first arguments of `add_weight` by name."""
        if isinstance(args[0], str):
            raise ValueError(
                f"{self._who}: the first argument of add_weight is the shape; pass the name by the keyword argument, "
                f"as in add_weight(shape=..., name={args[0]!r})."
            )
        if len(args) > len(named):
            raise TypeError(
                f"{self._who}: add_weight() takes at most 3 positional arguments: {', '.join(named)}. Received: {len(args)}; "
                "pass the others by keyword."
            )
        found = dict(zip(named, args))
        for name in found:
            if named[name] is not None:
                raise ValueError(
                    f"{self._who}: `{name}` was passed both positionally and as a keyword argument of add_weight. "
                    f"Received: {found[name]!r} and {named[name]!r}"
                )
        return found

    def _track(self, value, inside=()):
        """Note a weight, layer, seed generator or metric that became part of this layer; `inside` holds the ids of the
        containers around it."""
        if isinstance(value, Variable):
            if value.creator is None and not any(value is w for w in self._weights):
                self._weights.append(value)
                value.__dict__.setdefault("_made_trainable", value.trainable)
                if not self._trainable:
                    value.trainable = False
        elif isinstance(value, Weights):
            if not any(value is layer for layer in self._layers):
                self._layers.append(value)
                self._adopt(value)
        elif isinstance(value, SeedGenerator):
            if not any(value is g for g in self._seed_generators):
                self._seed_generators.append(value)
        elif getattr(value, "family", None) == "metrics":
            if not any(value is m for m in self._metrics):
                self._metrics.append(value)
        elif isinstance(value, (list, tuple, dict)) and id(value) not in inside:
            for item in value.values() if isinstance(value, dict) else value:
                self._track(item, (*inside, id(value)))

    def _refuse_in_call(self, value):
        """Refuse what each call would make anew, so that it would never be trained."""
        if _training.get() is not None:
            raise ValueError(
                f"{self._who}: its `call` cannot add new elements of state, such as {value}; make weights and layers in "
                "__init__() or build(), which run once."
            )

    # Where the layer is in a model, which its weights tell: its name until it is part of another one.
    path = ""

    def _path_inside(self, weight):
        """The path of a weight, from this layer or model on."""
        return weight.path.removeprefix(f"{self.path}/")

    def _adopt(self, layer):
        """Have the paths of a layer without weights yet begin with this one's."""
        if self.path and layer.path == layer.name and not layer.weights:
            layer._set_path(f"{self.path}/{layer.name}")

    def _enter_scope(self, scope):
        """Build under the open scopes, unless that is where the layer is anyway."""
        if scope and self.path != scope and not self.path.startswith(f"{scope}/") and not self._weights:
            self._set_path(f"{scope}/{self.path}")

    def _set_path(self, path):
        before, self.path = self.path, path
        self._resolve_policy()
        for layer in self._layers:
            if layer.path == f"{before}/{layer.name}":
                layer._set_path(f"{path}/{layer.name}")

    def __setattr__(self, name, value):
        global _changes
        if self.__dict__.get(name, _NOTHING) is not value:
            _changes += 1
        if isinstance(value, (Variable, Registered, SeedGenerator, list, tuple, dict)) and name not in _UNTRACKED:
            if self._called and isinstance(value, Weights) and not any(value is layer for layer in self._layers):
                self._refuse_in_call(f"the layer {value.name!r}")
            self._track_containers()  # what was appended before this one comes before it, in `layers` and in `weights`
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
        """Every weight of the layer and the layers inside, its own first.

        >>> import kerasnp
        >>> layer = kerasnp.layers.BatchNormalization()
        >>> layer.build((None, 2))
        >>> [w.name for w in layer.weights]
        ['gamma', 'beta', 'moving_mean', 'moving_variance']
        """
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
        """The weights and, after each layer's own, the states of its seed generators.

        >>> import kerasnp
        >>> layer = kerasnp.layers.Dropout(0.5)
        >>> len(layer.weights), len(layer.variables)
        (0, 1)
        """
        found = {}
        for layer in self._flatten_layers():
            for v in (*layer._own_weights(), *(g.state for g in layer._seed_generators)):
                found[id(v)] = v
        return list(found.values())

    @property
    def trainable_weights(self):
        """The weights that training changes; none if the layer is not trainable.

        >>> import kerasnp
        >>> layer = kerasnp.layers.BatchNormalization()
        >>> layer.build((None, 2))
        >>> [w.name for w in layer.trainable_weights]
        ['gamma', 'beta']
        """
        return [w for w in self.weights if w.trainable] if self._trainable else []

    @property
    def non_trainable_weights(self):
        """The weights that training leaves alone.

        >>> import kerasnp
        >>> layer = kerasnp.layers.BatchNormalization()
        >>> layer.build((None, 2))
        >>> [w.name for w in layer.non_trainable_weights]
        ['moving_mean', 'moving_variance']
        """
        return [w for w in self.weights if not w.trainable] if self._trainable else self.weights

    @property
    def trainable_variables(self):
        """The variables that training changes.

        >>> import kerasnp
        >>> layer = kerasnp.layers.BatchNormalization()
        >>> layer.build((None, 2))
        >>> [v.name for v in layer.trainable_variables]
        ['gamma', 'beta']
        """
        return [v for v in self.variables if v.trainable] if self._trainable else []

    @property
    def non_trainable_variables(self):
        """The variables that training leaves alone, states of seed generators among them.

        >>> import kerasnp
        >>> [v.path for v in kerasnp.layers.Dropout(0.5).non_trainable_variables]
        ['seed_generator_state']
        """
        return [v for v in self.variables if not v.trainable] if self._trainable else self.variables

    @property
    def metrics(self):
        """The metrics that are attributes of the layer or of the layers inside.

        >>> import kerasnp
        >>> class Watched(kerasnp.layers.Layer):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.mean = kerasnp.metrics.Mean(name="mean_input")
        ...     def call(self, x):
        ...         self.mean.update_state(x)
        ...         return x
        >>> [metric.name for metric in Watched().metrics]
        ['mean_input']
        """
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
        """Whether the weights take part in training; setting it reaches the layers inside.

        >>> import kerasnp
        >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(4), kerasnp.layers.Dense(1)])
        >>> model.layers[0].trainable = False
        >>> [w.path for w in model.trainable_weights]
        ['sequential/dense_1/kernel', 'sequential/dense_1/bias']
        """
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
        """Copies of all weights, in the order of `weights`.

        >>> import kerasnp
        >>> layer = kerasnp.layers.Dense(3)
        >>> layer.build((None, 2))
        >>> [w.shape for w in layer.get_weights()]
        [(2, 3), (3,)]
        """
        return [w.numpy() for w in self.weights]

    def set_weights(self, weights):
        """Set all weights from a list of arrays in the order of `weights`; nothing changes if one does not fit.

        >>> import kerasnp
        >>> layer = kerasnp.layers.Dense(1)
        >>> layer.build((None, 2))
        >>> layer.set_weights([[[1.0], [2.0]], [0.5]])
        >>> layer([[1.0, 1.0]])
        array([[3.5]], dtype=float32)

        Raises: ValueError for another number of arrays, or another shape.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(
                f"set_weights: layer '{self.name}' takes {len(own)} arrays. Received: a list of length {len(weights)}"
            )
        arrays = [K.asarray(getattr(w, "value", w)) for w in weights]
        for variable, array in zip(own, arrays):
            if variable.shape != array.shape:
                raise ValueError(
                    f"Layer {self.name}: {variable.path!r} has shape {variable.shape}, which is not compatible with that of "
                    f"the array. Received: shape {array.shape}"
                )
        for variable, array in zip(own, arrays):
            variable.assign(array)

    def count_params(self):
        """The number of elements in all weights.

        >>> import kerasnp
        >>> layer = kerasnp.layers.Dense(3)
        >>> layer.build((None, 2))
        >>> layer.count_params()  # 2 * 3 + 3
        9

        Raises: ValueError before the layer is built.
        """
        if not self.built:
            raise ValueError(
                f"count_params: layer '{self.name}' isn't built; call `layer.build(input_shape)`, or the layer on some data, "
                "first."
            )
        return sum(w.size for w in self.weights)
