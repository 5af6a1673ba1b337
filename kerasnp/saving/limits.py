"""What a file may ask for, and how a refusal is worded.

A model file is data from somewhere else. These limits are far above what Keras writes and far below what hurts a
machine.
"""

import contextlib
import json
import re
import struct
import warnings
import zlib

MAX_JSON_BYTES = 16 << 20
MAX_JSON_DEPTH = 200
MAX_VOCABULARY_BYTES = 64 << 20
MAX_OBJECTS = 200_000  # groups and datasets of an HDF5 file
MAX_LAYERS = 4000
MAX_TRIAL = 1 << 28  # numbers in the array that a function is tried on to learn the shape of its output
MAX_RANK = 32
MAX_NAME = 4096
MAX_ZIP_ENTRIES = 10_000
# Compressed data may be this many times larger than the file that holds it (zeros compress a thousandfold, weights do
# not) ...
MAX_RATIO = 20
# ... but that much is always allowed.
FREE_BYTES = 128 << 20


def expanded_limit(stored):
    """The most bytes that `stored` compressed bytes may become."""
    return max(FREE_BYTES, MAX_RATIO * stored)


class Misfit(ValueError, TypeError):
    """A class of the user's does not fit its configuration: a ValueError, as all that is wrong with a file, and a TypeError."""


@contextlib.contextmanager
def place(where):
    """Turn whatever goes wrong inside into a ValueError or OSError whose sentence begins with `where`."""
    try:
        yield
    except OSError as e:
        if str(e).startswith(where) or (e.filename is not None and str(e.filename) == where):
            raise
        raise OSError(f"{where}: {e}") from e
    except ValueError as e:
        if type(e) not in (ValueError, Misfit):  # such as UnicodeDecodeError, whose message is made of parts
            raise ValueError(f"{where}: {_sentence(e)}") from e
        if not str(e).startswith(where):
            e.args = (f"{where}: {e}",)
        raise
    except (MemoryError, RecursionError) as e:
        what = "more memory than there is" if isinstance(e, MemoryError) else "too many levels of nesting"
        raise ValueError(f"{where}: it asks for {what}; the file is damaged or made to do harm.") from None
    except Exception as e:
        refused = e.__cause__  # what `from_config` says of arguments is the sentence of the constructor
        if isinstance(e, TypeError) and type(refused) is ValueError and str(refused) == str(e):
            raise ValueError(str(e) if str(e).startswith(where) else f"{where}: {e}") from refused
        raise ValueError(f"{where}: {_sentence(e)}") from e


def _sentence(e):
    """What an exception of whatever kind says about the file."""
    text = str(e).strip()
    if isinstance(e, (struct.error, IndexError, EOFError)):
        return "it is damaged: a part is cut off or empty."
    if isinstance(e, KeyError):
        return f"the entry {text} is missing."
    import zipfile  # here, since every import of kerasnp comes past this module

    if isinstance(e, (zipfile.BadZipFile, zlib.error)):
        return f"it is damaged: {text}."
    if isinstance(e, (ValueError, NotImplementedError)) and text:
        return text
    return f"it is not in the expected form ({text or type(e).__name__})."


@contextlib.contextmanager
def warned(name, what):
    """Turn an error into a warning that the model is loaded but `what`."""
    try:
        yield
    except Exception as e:
        warnings.warn(f"{name}: the model is loaded, but {what}: {e}", stacklevel=5)


def printable(text):
    """`text` in one line, its control characters escaped: what a file says must not command a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def parse_json(text, what):
    """The value of a JSON text of bounded size and depth; `what` names it in the error."""
    if len(text) > MAX_JSON_BYTES:
        raise ValueError(f"{what}: {len(text)} bytes of JSON are more than the {MAX_JSON_BYTES} that a model may have.")
    try:
        text = text.decode() if isinstance(text, (bytes, bytearray)) else text
        depth = 0
        for match in _BRACKETS.finditer(text):
            first = match.group()[0]
            depth += (first in "[{") - (first in "]}")
            if depth > MAX_JSON_DEPTH:
                raise ValueError(f"it is nested more than {MAX_JSON_DEPTH} levels deep")
        return json.loads(text)
    except (ValueError, RecursionError) as e:
        raise ValueError(f"{what} is not readable JSON: {e}") from None
