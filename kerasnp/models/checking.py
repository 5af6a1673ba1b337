"""gradcheck for layers and models: in float64, gate by gate and step by step, without a trace."""

import contextlib

from kerasnp import backend as K
from kerasnp.autodiff.gradcheck import GradientError, Part, examine
from kerasnp.autodiff.tape import current, stop_recording
from kerasnp.autodiff.variable import Variable
from kerasnp.dtype_policies import DTypePolicy
from kerasnp.layers.recurrent_cells import GRUCell, LSTMCell
from kerasnp.layers.rnn import RNN, flatten
from kerasnp.losses.outputs import several
from kerasnp.models.probe import snapshot
from kerasnp.ops.recurrent import GATES
from kerasnp.utils import nest
from kerasnp.utils.calling import calling

# For inputs that are not given: samples, and entries along an axis of any length.
SAMPLES, LENGTH = 5, 4


def check_layer(layer, inputs, training, rng, **options):
    """Check the gradients of a layer or model; see `kerasnp.gradcheck`.

    Args:
        layer: a layer or a model.
        inputs: the arguments of its call; or x, y and sample weights of a compiled model; or none.
        training: whether it runs as in training.
        rng: for inputs and directions.
        options: further arguments of `examine`.

    Raises: GradientError; ValueError where nothing can be checked.
    """
    arrays = [_arrays(x) for x in inputs] or [_random_input(layer, rng)]
    # A graph takes several inputs in a list.
    count = len(layer.inputs) if hasattr(layer, "_graph") else 1
    targets = []
    if getattr(layer, "compiled", False) and len(arrays) > count:
        arrays, targets = arrays[:count], arrays[count:]
    if not layer.built:
        with stop_recording():
            layer(*arrays)
    if targets:
        # The optimizer lays out the weights at its first step, and must see them in their own type.
        layer._training_parts()
    with _in_float64(layer):
        arguments = nest.map_structure(
            lambda a: Variable(a, dtype="float64", trainable=False) if a.dtype.kind == "f" else a, arrays
        )
        flat = nest.flatten(arguments)
        targets = nest.map_structure(lambda a: a.astype(K.float64) if a.dtype.kind == "f" else a, targets)
        restore = snapshot(layer)

        def evaluate():
            restore()
            y = layer(*([arguments] if count > 1 else arguments), training=training)
            if targets:
                y = layer.compute_loss(arguments if count > 1 else arguments[0], targets[0], y, *targets[1:], training=training)
            # What hands its input on leaves no step to differentiate.
            return [v * 1.0 if any(v is a for a in flat) else v for v in nest.flatten(y)]

        owners: dict = {}
        with _steps_of(layer, evaluate) as shifts, _owning(layer, owners):
            parts = [*_weight_parts(layer), *_step_parts(shifts)]
            names = ["x"] if len(flat) == 1 else [f"input {i}" for i in range(len(flat))]
            if not shifts or layer not in [owner for owner, _ in shifts]:
                parts += [Part(name, v) for name, v in zip(names, flat) if isinstance(v, Variable)]
            if not parts:
                raise ValueError(f"gradcheck: '{layer.name}' has neither trainable weights nor float inputs to check.")
            options = {"batch": len(nest.flatten(arrays)[0]), "owners": owners, **options}
            try:
                return examine(evaluate, parts, rng, causes=False, **options)
            except GradientError as error:
                if error.causes or not error.errors:
                    raise
                # Zeros of images and biases lie right on the kink of a ReLU, where a slope is a matter of taste, and tie in
                # a max-pooling; an error has to stand up at a point in general position.
                _move(parts, rng)
                owners.clear()
                return examine(evaluate, parts, rng, **options)
            finally:
                restore()


def _arrays(x):
    """An array, or several inputs, or the labels or weights of several outputs, as arrays."""
    if several(x):
        return nest.map_structure(K.asarray, x)
    return K.asarray(getattr(x, "value", x))


def _move(parts, rng):
    """Move all weights and inputs by a tenth of their size at random."""
    for v in {id(p.variable): p.variable for p in parts}.values():
        size = max(float(K.sqrt(K.square(v.value).mean())), 0.1) if v.size else 0.0
        v.value[...] = v.value + 0.1 * size * rng.standard_normal(v.shape)


def _random_input(layer, rng):
    shape = getattr(layer, "_build_shape", None)
    if shape is None or not isinstance(shape, (tuple, list)) or not shape or isinstance(shape[0], (tuple, list)):
        raise ValueError(f"gradcheck: '{layer.name}' has no input shape yet; give an input: gradcheck(layer, x).")
    shape = (SAMPLES, *(LENGTH if d is None else d for d in shape[1:]))
    first = layer
    while getattr(first, "layers", None):
        first = first.layers[0]
    if hasattr(first, "input_dim") and not first.casts_integers:
        return rng.integers(0, first.input_dim, shape)
    return rng.standard_normal(shape)


@contextlib.contextmanager
def _in_float64(layer):
    """Inside, the layer keeps its weights and computes in float64."""
    layers = list(layer._flatten_layers())
    policies = [(inner, inner._policy) for inner in layers]
    held = list(layer.variables)
    for inner in layers:
        held += [s for s in flatten([getattr(inner, "states", None)]) if isinstance(s, Variable)]
    held = [(v, v.value, v.__dict__.get("dtype")) for v in held if v.value.dtype.kind == "f"]
    floatx = K.floatx()
    try:
        K.set_floatx("float64")
        for inner in layers:
            inner._set_policy(DTypePolicy("float64"))
        for v, value, _ in held:
            v.value, v.dtype = value.astype(K.float64), "float64"
        yield
    finally:
        K.set_floatx(floatx)
        for inner, policy in policies:
            inner._set_policy(policy)
        for v, value, dtype in held:
            v.value, v.dtype = value, dtype


@contextlib.contextmanager
def _steps_of(layer, evaluate):
    """[(recurrent layer, zeros added to its input)]: what to move to see the gradient at each step."""
    shifts: list = []

    def make(inner, call):
        if not isinstance(inner, RNN):
            return None

        def shifted(sequences, *args, **kwargs):
            known = [shift for owner, shift in shifts if owner is inner]
            if not known and sequences.dtype == "float64":
                known = [Variable(K.zeros(sequences.shape), dtype="float64", trainable=False)]
                shifts.append((inner, known[0]))
            # Another call of a shared layer, with sequences of another length, goes by untouched.
            if known and known[0].shape == tuple(sequences.shape):
                sequences = sequences + known[0]
            return call(sequences, *args, **kwargs)

        return shifted

    with calling(layer._flatten_layers(), make):
        with stop_recording():
            evaluate()
        yield shifts


def _owning(layer, owners):
    """Note in `owners` which layer ran each operator: the innermost one."""

    def make(inner, call):
        def noted(*args, **kwargs):
            tape = current()
            before = 0 if tape is None else len(tape.operators)
            y = call(*args, **kwargs)
            if tape is not None:
                for op in tape.operators[before:]:
                    owners.setdefault(id(op), inner.name)
            return y

        return noted

    return calling([inner for inner in layer._flatten_layers() if not hasattr(inner, "layers")], make)


def _inside(model, weight):
    """The path of a weight, from the model on; whole for a layer."""
    return model._path_inside(weight) if hasattr(model, "layers") else weight.path


def _weight_parts(layer):
    gates = {}
    for inner in layer._flatten_layers():
        names = GATES["lstm"] if isinstance(inner, LSTMCell) else GATES["gru"] if isinstance(inner, GRUCell) else None
        names = names or (GATES["lstm"] if "ConvLSTMCell" in type(inner).__name__ else None)
        if names:
            gates.update({id(w): names for w in inner._own_weights()})
    for w in layer.trainable_weights:
        if w.value.dtype.kind != "f":
            continue
        if id(w) not in gates:
            yield Part(_inside(layer, w), w)
            continue
        width = w.shape[-1] // len(gates[id(w)])
        for k, gate in enumerate(gates[id(w)]):
            yield Part(f"{_inside(layer, w)} of the {gate} gate", w, (..., slice(k * width, (k + 1) * width)))


def _step_parts(shifts):
    for owner, shift in shifts:
        for t in range(shift.shape[1]):
            yield Part(f"{owner.name}: input at step {t}", shift, (slice(None), t))
