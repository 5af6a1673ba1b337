"""Writing files whole or not at all."""

import contextlib
import os
import tempfile


@contextlib.contextmanager
def atomic_write(path, overwrite=True):
    """A binary stream whose content becomes the file `path` when the block ends well.

    Until then an old file stays as it is; after a failure nothing is left behind. The data have reached the disk
    before the old file is replaced.

    Raises: OSError where the folder is missing, or the file exists and `overwrite` is False.
    """
    path = os.fsdecode(os.fspath(path))
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"Cannot write {path!r}: the folder {folder!r} does not exist; make it first.")
    if os.path.isdir(path):
        raise IsADirectoryError(f"Cannot write {path!r}: it is a folder; give the name of a file.")
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{path!r} exists already: pass overwrite=True to replace it, or give another name.")
    target = os.path.realpath(path)  # a symbolic link goes on pointing to where it points
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".kerasnp-", suffix=".tmp")
    try:
        with os.fdopen(handle, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(os.path.dirname(target))


def _mode(path):
    """The permissions of the file that is replaced, or those a new file gets."""
    try:
        return os.stat(path).st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _sync_folder(folder):
    """Make the rename itself last, where the system can."""
    with contextlib.suppress(OSError, AttributeError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
