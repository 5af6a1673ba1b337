"""Text in arrays: strings, bytes and objects, as lists of Python strings; and how a vocabulary is written down."""

import re

# What text is split at; str.split() knows more kinds of white space, which Keras does not.
_WORD = re.compile(r"[^ \t\n\v\f\r]+")
_PUNCTUATION = str.maketrans("", "", "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def is_text(array):
    """Whether an array holds nothing but text."""
    if array.dtype.kind == "O":
        return all([isinstance(v, (str, bytes)) for v in array.reshape(-1).tolist()])
    return array.dtype.kind in "US"


def strings(array, who, encoding="utf-8"):
    """The elements of an array of text in a row, as Python strings.

    Raises: TypeError for an array of anything else.
    """
    if not is_text(array):
        raise TypeError(f"{who}: expected text, an array of strings. Received: an array of dtype {array.dtype}")
    return [v.decode(encoding) if isinstance(v, bytes) else v for v in array.reshape(-1).tolist()]


def lower(text):
    """The letters A to Z in lower case; others stay, as in Keras."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def without_punctuation(text):
    """The text without ASCII punctuation.

    >>> without_punctuation("it's (so): a-b")
    'its so ab'
    """
    return text.translate(_PUNCTUATION)


def words(text):
    """What stands between white space."""
    return _WORD.findall(text)


def ngrams(tokens, widths):
    """Every `width` neighbours joined by a space, for each of the widths in turn.

    >>> ngrams(["a", "b", "c"], (1, 2))
    ['a', 'b', 'c', 'a b', 'b c']
    """
    return [" ".join(tokens[i : i + n]) for n in widths for i in range(len(tokens) - n + 1)]


def vocabulary_lines(data, where):
    """The tokens of a vocabulary file, one a line, the empty ones at its end left out.

    Raises: ValueError where it is not UTF-8.
    """
    try:
        lines = data.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as e:
        raise ValueError(f"{where} is not UTF-8 text: {e.reason} at byte {e.start}.") from None
    while lines and lines[-1] == "":
        lines.pop()
    return lines
