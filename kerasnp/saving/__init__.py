"""Objects to configurations and files, and back.

Configurations: `config` (objects and dictionaries), `versions` (spellings of every age), `functional` (graphs).
Files: `hdf5`, `hdf5_write` (the container), `weights` (`.weights.h5`), `legacy` (classic `.h5`), `keras_file`
(`.keras`), `training` (compile settings, optimizer state), `fingerprint`; `model_io` is the door to all of them.
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
from kerasnp.saving.model_io import load_model, load_weights, model_from_json, save_model, save_weights  # noqa: F401
