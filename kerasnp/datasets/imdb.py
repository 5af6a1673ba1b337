"""50,000 film reviews, liked or not (Maas et al., 2011)."""

import numpy as np

from kerasnp.datasets import cache, words

ORIGIN = cache.KERAS + "imdb.npz"
SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"


def load_data(
    path="imdb.npz", num_words=None, skip_top=0, maxlen=None, seed=113, start_char=1, oov_char=2, index_from=3, **kwargs
):
    """Return `(x_train, y_train), (x_test, y_test)`: arrays of lists of word numbers, labels 1 for liked, 0 for not.

    `kerasnp.utils.pad_sequences` makes an array of one length of them.

    Args:
        path: the name of the file in the cache, or an absolute path.
        num_words: words beyond the commonest `num_words` are marked; None: none are.
        skip_top: so many of the commonest words are marked too.
        maxlen: reviews as long as this or longer are left out.
        seed: of the order of the reviews.
        start_char: the number each review begins with, None for none.
        oov_char: the number that marks a word; None: it is left out instead.
        index_from: added to the number of each word.

    Raises: FileNotFoundError without file and network; ValueError for a damaged file, or when no review is left.
    """
    if kwargs:
        raise TypeError(f"imdb.load_data: unknown arguments. Received: {', '.join(kwargs)}")
    file = cache.fetch("imdb.load_data", path, ORIGIN, SHA256)
    names = ("x_train", "y_train", "x_test", "y_test")
    x_train, y_train, x_test, y_test = cache.read_npz("imdb.load_data", file, *names)
    rng = np.random.RandomState(seed)
    orders = []
    for x in (x_train, x_test):
        orders.append(np.arange(len(x)))
        rng.shuffle(orders[-1])
    xs = [*x_train[orders[0]], *x_test[orders[1]]]
    labels = np.concatenate([y_train[orders[0]], y_test[orders[1]]])
    xs, labels, stays = words.prepare(xs, labels, num_words, skip_top, maxlen, start_char, oov_char, index_from)
    end = int(stays[: len(x_train)].sum())
    if not 0 < end < len(xs):
        raise ValueError(f"imdb.load_data: no review is shorter than maxlen={maxlen}; increase maxlen.")
    return (words.ragged(xs[:end]), labels[:end]), (words.ragged(xs[end:]), labels[end:])


def get_word_index(path="imdb_word_index.json"):
    """The dictionary from words to numbers, to which `load_data` adds `index_from`."""
    return words.index("imdb.get_word_index", path, "imdb_word_index.json", "bfafd718b763782e994055a2d397834f")
