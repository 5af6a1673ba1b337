"""Batches from files, folders and functions; `kerasnp.utils` lists what Keras has there."""

import importlib

_HOMES = {
    "PyDataset": "py_dataset",
    "Sequence": "py_dataset",
    "ArrayDataset": "arrays",
    "prefetch": "loading",
    "split_dataset": "arrays",
    "pad_sequences": "windows",
    "timeseries_dataset_from_array": "windows",
    "audio_dataset_from_directory": "audio",
    "image_dataset_from_directory": "folders",
    "text_dataset_from_directory": "folders",
}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'kerasnp.data' has no attribute {name!r}")
