"""Objects to configurations and files, and back.

Configurations: `config` (objects and dictionaries), `versions` (spellings of every age), `functional` (graphs).
Files: `hdf5`, `hdf5_write` (the container), `weights` (`.weights.h5`), `legacy` (classic `.h5`), `keras_file`
(`.keras`), `training` (compile settings, optimizer state), `fingerprint`. `model_io` and `weights_io` are the doors to all
of them, `inspection` and `commands` those from the shell.
"""

from kerasnp.saving.config import (  # noqa: F401
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)  # fmt: skip
from kerasnp.saving.model_io import load_model, model_from_json, save_model  # noqa: F401
from kerasnp.saving.weights_io import load_weights, save_weights  # noqa: F401
