"""Layers that look tokens up in a vocabulary: text or integers as indices, and back."""

from kerasnp.layers.index_lookup import IndexLookup


class StringLookup(IndexLookup):
    """Text tokens as indices, or as vectors over the vocabulary.

    >>> StringLookup(vocabulary=["a", "b"])(["b", "a", "z"])
    array([2, 1, 0])

    Args:
        max_tokens: the largest size of the vocabulary, special tokens included.
        num_oov_indices: how many indices unknown tokens share, by their hash where there are several.
        mask_token: the token that gets the index 0, or None.
        oov_token: what stands for unknown tokens with `invert`, and in `get_vocabulary`.
        vocabulary: a list of tokens; None: call `adapt` or `set_vocabulary`. Files are never opened.
        idf_weights: for `"tf_idf"`: a weight for each token of the vocabulary.
        invert: map indices to tokens.
        output_mode: `"int"`, or vectors: `"one_hot"`, `"multi_hot"`, `"count"`, `"tf_idf"`.
        pad_to_max_tokens: vectors are `max_tokens` long, however large the vocabulary is.
        sparse: must be False.
        encoding: of bytes among the inputs.
        salt: one or two integers that change the hash of unknown tokens.

    Shapes: inputs any; outputs the same, or (..., vocabulary size) for vectors.

    Raises: ValueError for arguments that do not go together, or a vocabulary that is a path.
    """

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token="[UNK]",
        vocabulary=None,
        idf_weights=None,
        invert=False,
        output_mode="int",
        pad_to_max_tokens=False,
        sparse=False,
        encoding="utf-8",
        name=None,
        salt=None,
        oov_method="floormod",
        **kwargs,
    ):
        self.encoding = encoding
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, "string", vocabulary, idf_weights, invert, output_mode, sparse,
            pad_to_max_tokens, oov_method, name, salt, **kwargs,
        )  # fmt: skip

    def get_config(self):
        """The constructor arguments."""
        config = {**super().get_config(), "encoding": self.encoding}
        del config["vocabulary_dtype"]
        return config


class IntegerLookup(IndexLookup):
    """Integers as indices, or as vectors over a vocabulary of integers.

    >>> IntegerLookup(vocabulary=[12, 36])([36, 12, 7])
    array([2, 1, 0])

    Args:
        oov_token: what stands for unknown integers with `invert`.
        vocabulary_dtype: must be `"int64"`.
        oov_method: with several places for unknown integers: `"floormod"` takes the remainder, `"farmhash"` a hash.
        others: as for `StringLookup`.

    Raises: ValueError for arguments that do not go together, or a vocabulary that is a path.
    """

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token=-1,
        vocabulary=None,
        vocabulary_dtype="int64",
        idf_weights=None,
        invert=False,
        output_mode="int",
        sparse=False,
        pad_to_max_tokens=False,
        oov_method="floormod",
        salt=None,
        name=None,
        **kwargs,
    ):
        if vocabulary_dtype != "int64":
            raise ValueError(
                f"vocabulary_dtype must be 'int64'. Received: vocabulary_dtype={vocabulary_dtype}"
            )
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary_dtype, vocabulary, idf_weights, invert, output_mode,
            sparse, pad_to_max_tokens, oov_method, name, salt, **kwargs,
        )  # fmt: skip

    def get_config(self):
        """The constructor arguments."""
        config = super().get_config()
        for name in ("oov_token", "mask_token"):
            config[name] = None if config[name] is None else int(config[name])
        if config["vocabulary"] is not None:
            config["vocabulary"] = [int(v) for v in config["vocabulary"]]
        return config
