"""Helpers around training: seeds, labels, files.

The names below live where their imports allow, and are found here because Keras has them here.
"""

import importlib

_HOMES = {
    "set_random_seed": "kerasnp.random",
    "to_categorical": "kerasnp.ops.labels",
    "normalize": "kerasnp.ops.labels",
    "get_file": "kerasnp.utils.file_utils",
    "Progbar": "kerasnp.utils.progress",
    "plot_model": "kerasnp.viz.keras_plot",
    "PyDataset": "kerasnp.data",
    "Sequence": "kerasnp.data",
    "array_to_img": "kerasnp.data.images",
    "img_to_array": "kerasnp.data.images",
    "load_img": "kerasnp.data.images",
    "save_img": "kerasnp.data.images",
    "clear_session": "kerasnp.backend",
    "standardize_dtype": "kerasnp.backend",
    "get_source_inputs": "kerasnp.models.graph",
    "is_keras_tensor": "kerasnp.autodiff.symbolic",
    "pack_x_y_sample_weight": "kerasnp.models.data",
    "unpack_x_y_sample_weight": "kerasnp.models.data",
    "disable_interactive_logging": "kerasnp.utils.io_utils",
    "enable_interactive_logging": "kerasnp.utils.io_utils",
    "is_interactive_logging_enabled": "kerasnp.utils.io_utils",
    "audio_dataset_from_directory": "kerasnp.data",
    "image_dataset_from_directory": "kerasnp.data",
    "pad_sequences": "kerasnp.data",
    "split_dataset": "kerasnp.data",
    "text_dataset_from_directory": "kerasnp.data",
    "timeseries_dataset_from_array": "kerasnp.data",
    "custom_object_scope": "kerasnp.saving",
    "CustomObjectScope": "kerasnp.saving",
    "get_custom_objects": "kerasnp.saving",
    "get_registered_name": "kerasnp.saving",
    "get_registered_object": "kerasnp.saving",
    "register_keras_serializable": "kerasnp.saving",
    "serialize_keras_object": "kerasnp.saving",
    "deserialize_keras_object": "kerasnp.saving",
}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'kerasnp.utils' has no attribute {name!r}")
