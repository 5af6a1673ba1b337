"""Objects to configurations and files, and back.

Configurations: `config` (objects and dictionaries), `registration` (what users add), `sharing`, `versions` (spellings of
every age), `functional` (graphs). Files: `hdf5`, `hdf5_write` (the container), `weights` (`.weights.h5`), `sharded` (the
same in parts), `legacy` (classic `.h5`), `keras_file` (`.keras`), `keras_folder` (the same unpacked), `training` (compile
settings, optimizer state), `fingerprint`. `model_io`, `weights_io` and `editor` are the doors to all of them, `inspection`
and `commands` those from the shell.
"""

from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object  # noqa: F401
from kerasnp.saving.model_io import load_model, model_from_json, save_model  # noqa: F401
from kerasnp.saving.registration import (  # noqa: F401
    CustomObjectScope, custom_object_scope, get_custom_objects, get_registered_name, get_registered_object,
    register_keras_serializable,
)  # fmt: skip
from kerasnp.saving.weights_io import load_weights, save_weights  # noqa: F401


def __getattr__(name):
    if name == "KerasFileEditor":  # on first touch, since few programs want it and every one imports this
        from kerasnp.saving.editor import KerasFileEditor

        return KerasFileEditor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), "KerasFileEditor"})
