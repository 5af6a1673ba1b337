"""Helpers around training: seeds, labels, files.

The names below live where their imports allow, and are found here because Keras has them here.
"""

from kerasnp.utils import lazy as _lazy

_HOMES = {
    ".file_utils": "get_file",
    ".io_utils": "disable_interactive_logging enable_interactive_logging is_interactive_logging_enabled",
    ".progress": "Progbar",
    "kerasnp.autodiff.symbolic": "is_keras_tensor",
    "kerasnp.backend": "clear_session standardize_dtype",
    "kerasnp.data": (
        "PyDataset Sequence audio_dataset_from_directory image_dataset_from_directory pad_sequences split_dataset "
        "text_dataset_from_directory timeseries_dataset_from_array"
    ),
    "kerasnp.data.images": "array_to_img img_to_array load_img save_img",
    "kerasnp.models.data": "pack_x_y_sample_weight unpack_x_y_sample_weight",
    "kerasnp.models.graph": "get_source_inputs",
    "kerasnp.ops.labels": "to_categorical normalize",
    "kerasnp.random": "set_random_seed",
    "kerasnp.saving": (
        "custom_object_scope CustomObjectScope get_custom_objects get_registered_name get_registered_object "
        "register_keras_serializable serialize_keras_object deserialize_keras_object"
    ),
    "kerasnp.viz.keras_plot": "plot_model",
}

__getattr__, __dir__, __all__ = _lazy.attach(__name__, _HOMES)
