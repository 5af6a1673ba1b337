"""Keras's older names of helpers that `kerasnp.utils` lists."""

from kerasnp.data.folders import image_dataset_from_directory, text_dataset_from_directory
from kerasnp.data.windows import timeseries_dataset_from_array
from kerasnp.preprocessing import image, sequence

__all__ = [
    "image", "image_dataset_from_directory", "sequence", "text_dataset_from_directory", "timeseries_dataset_from_array",
]  # fmt: skip
