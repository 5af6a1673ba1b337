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
    try:
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".kerasnp-", suffix=".tmp")
    except OSError as error:
        raise _failure(path, error) from None
    try:
        with os.fdopen(handle, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno and error.filename in (None, temporary):
            raise _failure(path, error) from error
        raise
    _sync_folder(os.path.dirname(target))


def _failure(path, error):
    """What a full disk or a folder that may not be written says of the file at hand, as an error of the same kind."""
    kept = "the file that was there is whole" if os.path.exists(path) else "no part of it was left behind"
    return OSError(error.errno, f"Cannot write {path!r} ({reason(error)}); {kept}")


def reason(error):
    """What the system says of an error, such as `No space left on device`."""
    return os.strerror(error.errno) if error.errno else str(error)


@contextlib.contextmanager
def named(who, path, kept="the model in memory is whole"):
    """`with`: a system error inside says who could not write what, and what was not lost."""
    try:
        yield
    except OSError as error:
        raise type(error)(error.errno, f"{who} could not write {path!r} ({reason(error)}); {kept}") from error


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
