"""What is known while a file is being loaded: its version, what it may ask for, and what was ignored in it."""

import contextlib
import contextvars
import math

import numpy as np

from kerasnp.saving import limits

_current: contextvars.ContextVar = contextvars.ContextVar("kerasnp_loading", default=None)

# The version whose spellings and numbers are kerasnp's own.
THIS = (3, 15, 1)
# The same as files state it.
WRITTEN = "3.15.1"


class Loading:
    """One load of a file.

    Args:
        name: the file's name, for messages.
        version: the Keras version that wrote it, a tuple; (2,) where a file names none.
        elements: how many numbers the file holds; a model that needs more cannot be this file's.
    """

    def __init__(self, name, version=THIS, elements=None):
        self.name, self.version = name, version
        # Wrappers build copies of a layer that they then put aside; nothing is filled, so the slack costs no memory.
        self.elements = None if elements is None else 4 * elements + 4096
        self.ignored: list[str] = []
        # By id of a layer: its class name in the file, where ours is another.
        self.written_as: dict[int, str] = {}
        self.layers: list = []
        self.cudnn: dict[str, str] = {}
        self.number_of_layers = 0
        self.waiting: dict[int, object] = {}

    @property
    def keras2(self):
        """Whether Keras 2 wrote the file."""
        return self.version < (3,)

    def note(self, layer, class_name):
        """Remember that `layer` stands in the file as `class_name`."""
        self.written_as[id(layer)] = class_name
        self.layers.append(layer)
        if class_name.startswith("CuDNN"):
            # Bidirectional makes two layers of one, and names them after it.
            self.cudnn.update({f"{prefix}{layer.name}": class_name for prefix in ("", "forward_", "backward_")})

    def count_layer(self):
        """Count one more layer."""
        self.number_of_layers += 1
        if self.number_of_layers > limits.MAX_LAYERS:
            raise ValueError(f"the model has more than {limits.MAX_LAYERS} layers, which no real model has.")

    def reserve(self, who, name, shape):
        """Count a weight against what the file holds, before any memory is taken."""
        size = math.prod(shape)
        if self.elements is None:
            return
        if size > self.elements:
            raise ValueError(
                f"{who}: its weight {name!r} of shape {tuple(shape)} needs more numbers than the file holds; "
                "the file is damaged, incomplete or made to do harm."
            )
        self.elements -= size

    def fill(self, variable):
        """The values of `variable` have been read."""
        self.waiting.pop(id(variable), None)


class Unset:
    """Stands for an initializer while a file is loaded: memory for values that the file will bring."""

    # The array belongs to nobody else, so a Variable may keep it.
    fresh = True

    def __call__(self, shape, dtype=None):
        from kerasnp import backend as K

        return np.empty(shape, K.storage_dtype(dtype))


UNSET = Unset()


def initializer_for(layer, name, shape):
    """What to make a weight of `layer` with, if a file is being loaded that will bring its values; else None."""
    state = _current.get()
    if state is None:
        return None
    state.reserve(layer._who, name, shape)
    return UNSET if state.elements is not None and type(layer).__module__.startswith("kerasnp.") else None


def made(variable):
    """Note a variable whose values are still missing."""
    state = _current.get()
    if state is not None:
        state.waiting[id(variable)] = variable


def current():
    """The Loading under way, or None."""
    return _current.get()


@contextlib.contextmanager
def loading(state):
    """`with loading(Loading(...)):` objects are made as that file wants them."""
    token = _current.set(state)
    try:
        yield state
    finally:
        _current.reset(token)


def parse_version(text):
    """(2, 4, 0) from "2.4.0-tf"; (2,) from nothing, since only old files name no version.

    >>> parse_version("2.2.4-tf")
    (2, 2, 4)
    """
    numbers = []
    for part in str(text or "2").split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits or len(digits) > 6:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers) or (2,)
