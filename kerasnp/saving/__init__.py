"""Objects to configurations and files, and back.

Configurations: `config` (objects and dictionaries), `registration` (what users add), `sharing`, `versions` (spellings of
every age), `functional` (graphs). Files: `hdf5`, `hdf5_write` (the container), `weights` (`.weights.h5`), `sharded` (the
same in parts), `legacy` (classic `.h5`), `keras_file` (`.keras`), `keras_folder` (the same unpacked), `training` (compile
settings, optimizer state), `fingerprint`. `model_io`, `weights_io` and `editor` are the doors to all of them, `inspection`
and `commands` those from the shell.
"""

from kerasnp.utils import lazy as _lazy

_HOMES = {
    ".config": "deserialize_keras_object serialize_keras_object",
    ".editor": "KerasFileEditor",
    ".model_io": "load_model model_from_json save_model",
    ".registration": (
        "CustomObjectScope custom_object_scope get_custom_objects get_registered_name get_registered_object "
        "register_keras_serializable"
    ),
    ".weights_io": "load_weights save_weights",
}

__getattr__, __dir__, __all__ = _lazy.attach(__name__, _HOMES)
