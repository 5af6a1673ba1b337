"""Paths and open files of all kinds as streams, and what kind of file they hold."""

import contextlib
import io
import os

from kerasnp.saving import hdf5


class MissingFile(FileNotFoundError, ValueError):
    """There is no such file: an OSError by its nature, a ValueError in Keras."""


@contextlib.contextmanager
def opened(source):
    """(stream, name) of a path or an open binary file."""
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        name = name if isinstance(name, str) else type(source).__name__
        if isinstance(source, io.TextIOBase):
            raise ValueError(f"{name} was opened as text: open it with mode 'rb'.")
        if not (hasattr(source, "seek") and hasattr(source, "readinto") and source.seekable()):
            source = io.BytesIO(source.read())
        place = source.tell()
        try:
            yield source, name
        finally:
            source.seek(place)
        return
    try:
        path = os.fspath(source)
    except TypeError:
        raise ValueError(f"filepath must be a path or an open binary file. Received: {source!r}") from None
    path = os.fsdecode(path)
    if os.path.isdir(path):
        saved_model = os.path.exists(os.path.join(path, "saved_model.pb"))
        raise ValueError(
            f"{path} is a folder"
            + (
                ", a TensorFlow SavedModel, which only TensorFlow can read: save the model as .keras or .h5."
                if saved_model
                else "."
            )
        )
    if not os.path.exists(path):
        strange = "" if path.endswith((".keras", ".h5", ".hdf5")) else " File format not supported by this name either."
        raise MissingFile(
            f"File not found: filepath={path}. Please ensure the file is an accessible one; the current folder is "
            f"{os.getcwd()}.{strange}"
        )
    with open(path, "rb") as stream:
        yield stream, path


def content(stream, name):
    """ "zip" or "hdf5", by the first bytes."""
    stream.seek(0)
    head = stream.read(8)
    if head == hdf5.SIGNATURE:
        return "hdf5"
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    kind = "it is empty" if not head else f"it begins with {head!r}"
    raise ValueError(
        f"{name} is neither a .keras file (a ZIP) nor an HDF5 file: {kind}. It may be cut off, or of another kind, "
        "such as a "
        "page that was downloaded instead of the file."
    )
