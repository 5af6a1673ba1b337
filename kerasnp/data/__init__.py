"""Batches from files, folders and functions; `kerasnp.utils` lists what Keras has there."""

from kerasnp.utils import lazy as _lazy

_HOMES = {
    ".arrays": "ArrayDataset split_dataset",
    ".audio": "audio_dataset_from_directory",
    ".folders": "image_dataset_from_directory text_dataset_from_directory",
    ".loading": "prefetch",
    ".py_dataset": "PyDataset Sequence",
    ".windows": "pad_sequences timeseries_dataset_from_array",
}

__getattr__, __dir__, __all__ = _lazy.attach(__name__, _HOMES)
