"""11,228 newswires of 1987 in 46 topics, from Reuters-21578 (Lewis, 1997)."""

import numpy as np

from kerasnp.datasets import cache, words

ORIGIN = cache.KERAS + "reuters.npz"
SHA256 = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
TOPICS = tuple(
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass crude "
    "nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi iron-steel "
    "rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead".split()
)


def load_data(
    path="reuters.npz", num_words=None, skip_top=0, maxlen=None, test_split=0.2, seed=113, start_char=1, oov_char=2,
    index_from=3,
):  # fmt: skip
    """Return `(x_train, y_train), (x_test, y_test)`: arrays of lists of word numbers, labels from 0 to 45.

    Args:
        test_split: the share of newswires for the test.
        path, num_words, skip_top, maxlen, seed, start_char, oov_char, index_from: see `imdb.load_data`.

    Raises: FileNotFoundError without file and network; ValueError for a damaged file.
    """
    file = cache.fetch("reuters.load_data", path, ORIGIN, SHA256)
    xs, labels = cache.read_npz("reuters.load_data", file, "x", "y")
    order = np.arange(len(xs))
    np.random.RandomState(seed).shuffle(order)
    xs, labels, _ = words.prepare(
        xs[order], labels[order], num_words, skip_top, maxlen, start_char, oov_char, index_from
    )
    end = int(len(xs) * (1 - test_split))
    return (words.ragged(xs[:end]), labels[:end]), (words.ragged(xs[end:]), labels[end:])


def get_word_index(path="reuters_word_index.json"):
    """The dictionary from words to numbers, to which `load_data` adds `index_from`."""
    return words.index("reuters.get_word_index", path, "reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921")


def get_label_names():
    """The topics, in the order of their labels."""
    return TOPICS
