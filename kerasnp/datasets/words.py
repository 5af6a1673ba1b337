"""Texts as lists of word numbers, the commonest word first, as imdb and reuters have them."""

import json

import numpy as np

from kerasnp.datasets import cache


def prepare(xs, labels, num_words, skip_top, maxlen, start_char, oov_char, index_from):
    """Texts with a start, words that are too rare or too common marked or left out, and none too long.

    Returns: the texts as lists, their labels, and for each whether it stayed.
    """
    start = [] if start_char is None else [start_char]
    shift = index_from or 0
    xs = [start + [w + shift for w in x] for x in xs]
    stays = np.array([not maxlen or len(x) < maxlen for x in xs], bool)
    xs, labels = [x for x, stay in zip(xs, stays) if stay], labels[stays]
    limit = num_words or max((max(x, default=0) for x in xs), default=0)
    if oov_char is None:
        xs = [[w for w in x if skip_top <= w < limit] for x in xs]
    else:
        xs = [[w if skip_top <= w < limit else oov_char for w in x] for x in xs]
    return xs, labels, stays


def ragged(xs):
    """An array of lists."""
    array = np.empty(len(xs), object)
    array[:] = xs
    return array


def index(who, path, name, md5):
    """The dictionary from words to numbers."""
    file = cache.fetch(who, path, cache.KERAS + name, md5)
    try:
        with open(file, encoding="utf-8") as stream:
            return json.load(stream)
    except ValueError as error:
        raise ValueError(cache.damaged(who, file, error)) from error
