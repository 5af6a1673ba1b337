"""Text as sequences of token indices, or as vectors over a vocabulary."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.layers.categories import batches_of, refuse_sparse
from kerasnp.layers.layer import Layer
from kerasnp.layers.lookup import StringLookup
from kerasnp.saving.config import deserialize_keras_object
from kerasnp.utils import check, text

_STANDARDIZE = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
_SPLIT = ("whitespace", "character")


class TextVectorization(Layer):
    """Text as rows of token indices, or as one vector per text.

    Each text is standardized, split into tokens, the tokens joined to n-grams, looked up in a vocabulary, and the indices
    padded with zeros to one length, or counted.

    >>> layer = TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["red fish", "blue fish", "one fish"])
    >>> layer(["One fish, two fish!", "blue whale"])
    array([[4, 2, 1, 2],
           [5, 1, 0, 0]])

    Args:
        max_tokens: the largest size of the vocabulary, special tokens included.
        standardize: `"lower_and_strip_punctuation"`, `"lower"`, `"strip_punctuation"`, None, or a function of an array of
            strings. Only the letters A to Z are lowered, as in Keras.
        split: `"whitespace"`, `"character"`, None, or a function of an array of strings that returns lists of tokens.
        ngrams: None, n for all up to n neighbours, or a tuple of widths.
        output_mode: `"int"`, `"multi_hot"`, `"count"` or `"tf_idf"`.
        output_sequence_length: the length to pad and cut rows of `"int"` to; default the longest.
        pad_to_max_tokens: vectors are `max_tokens` long, however large the vocabulary is.
        vocabulary: a list of tokens; None: call `adapt` or `set_vocabulary`. Files are never opened.
        idf_weights: for `"tf_idf"`: a weight for each token of the vocabulary.
        sparse, ragged: must be False.
        encoding: of bytes among the inputs.

    Shapes: inputs (batch,) or (batch, 1); outputs (batch, length), or (batch, vocabulary size) for vectors.

    Raises: ValueError for arguments that do not go together, or a vocabulary that is a path.
    """

    casts_integers = False

    def __init__(
        self,
        max_tokens=None,
        standardize="lower_and_strip_punctuation",
        split="whitespace",
        ngrams=None,
        output_mode="int",
        output_sequence_length=None,
        pad_to_max_tokens=False,
        vocabulary=None,
        idf_weights=None,
        sparse=False,
        ragged=False,
        encoding="utf-8",
        name=None,
        vocabulary_size=None,
        has_input_vocabulary=None,
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        refuse_sparse(sparse, self._who, ragged)
        for argument, value, choices in (("standardize", standardize, _STANDARDIZE), ("split", split, _SPLIT)):
            if value is not None and not callable(value) and value not in choices:
                raise ValueError(
                    f"{self._who}: {argument} must be one of {', '.join(map(repr, choices))}, None, or a callable. "
                    f"Received: {argument}={value!r}"
                )
        output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)
        check.one_of("output_mode", output_mode, ("int", "one_hot", "multi_hot", "count", "tf_idf"), self._who)
        widths = ngrams if isinstance(ngrams, tuple) else (ngrams,)
        if ngrams is not None and not all(isinstance(n, int) for n in widths):
            raise ValueError(
                f"{self._who}: ngrams must be None, a length, or a tuple of lengths. Received: ngrams={ngrams}"
            )
        if output_mode == "int" and not isinstance(output_sequence_length, (int, type(None))):
            raise ValueError(
                f"{self._who}: output_mode='int' takes an output_sequence_length that is an integer or None. Received: "
                f"output_sequence_length={output_sequence_length}"
            )
        if output_mode != "int" and output_sequence_length is not None:
            raise ValueError(
                f"{self._who}: `output_sequence_length` must not be set if `output_mode` is not one of sequences, 'int'. "
                f"Received output_sequence_length={output_sequence_length}."
            )
        self.standardize, self.split, self.ngrams = standardize, split, ngrams
        self.output_mode, self.output_sequence_length, self.encoding = output_mode, output_sequence_length, encoding
        self.ragged = ragged
        self.autocast = False
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode,
            has_input_vocabulary=has_input_vocabulary,
            encoding=encoding,
            vocabulary_size=vocabulary_size,
        )

    @property
    def compute_dtype(self):
        """The type of the inputs."""
        return "string"

    # -- the vocabulary ---------------------------------------------------------------------------------------------

    def adapt(self, data, batch_size=None, steps=None):
        """Take the vocabulary from texts: the most frequent tokens first, those equally frequent in falling order.

        >>> layer = TextVectorization()
        >>> layer.adapt(["A cat.", "A dog, a cow!"])
        >>> layer.get_vocabulary()
        ['', '[UNK]', 'a', 'dog', 'cow', 'cat']

        Args:
            data: an array or list of texts, or an iterable of batches of them.
            steps: how many batches to take; default all.

        Raises: ValueError for a layer that was given its vocabulary.
        """
        self.reset_state()
        for batch in batches_of(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def reset_state(self):
        """Forget the texts seen so far."""
        self._lookup_layer.reset_state()

    def update_state(self, data):
        """Count the tokens of a batch of texts."""
        self._lookup_layer._count(self._split_up(data)[0])

    def finalize_state(self):
        """Make a vocabulary of the tokens counted."""
        self._lookup_layer.finalize_state()

    def get_vocabulary(self, include_special_tokens=True):
        """The tokens in the order of their indices; with the padding and unknown token in front, or without.

        >>> layer = TextVectorization(vocabulary=["cat", "dog"])
        >>> layer.get_vocabulary(), layer.get_vocabulary(include_special_tokens=False)
        (['', '[UNK]', 'cat', 'dog'], ['cat', 'dog'])
        """
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self):
        """How many indices there are, those of padding and of unknown tokens included.

        >>> TextVectorization(vocabulary=["cat", "dog"]).vocabulary_size()
        4
        """
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """Replace the vocabulary, a list of tokens; with `"tf_idf"` also the weight of each.

        >>> layer = TextVectorization()
        >>> layer.set_vocabulary(["cat", "dog"])
        >>> layer(["The dog!"]).tolist()  # 1 is for what is not known
        [[1, 3]]
        """
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights=idf_weights)

    # -- the call ---------------------------------------------------------------------------------------------------

    def call(self, inputs):
        documents, shape = self._split_up(inputs)
        lookup = self._lookup_layer
        flat = lookup._indices([token for tokens in documents for token in tokens])
        lengths = [len(tokens) for tokens in documents]
        width = self.output_sequence_length if self.output_mode == "int" else None
        width = max(lengths, default=0) if width is None else width
        rows = K.full((len(documents), width), 0 if self.output_mode == "int" else -1, K.int64)
        start = 0
        for row, n in zip(rows, lengths):
            row[: min(n, width)] = flat[start : start + min(n, width)]
            start += n
        return lookup._finish(rows.reshape(*shape, width))

    def _split_up(self, inputs):
        """(the tokens of each text, the shape of the texts)."""
        array = K.asarray(ops.convert_to_numpy(inputs)) if not isinstance(inputs, K.ndarray) else inputs
        texts = text.strings(array, self._who, self.encoding)
        shape = array.shape
        if callable(self.standardize):
            made = K.asarray(self.standardize(K.array(texts, str).reshape(shape)))
            texts, shape = text.strings(made, self._who, self.encoding), made.shape
        elif self.standardize is not None:
            if "lower" in self.standardize:
                texts = [text.lower(t) for t in texts]
            if "strip" in self.standardize:
                texts = [text.without_punctuation(t) for t in texts]
        if self.split is None:
            shape, length = (shape[:-1], shape[-1]) if len(shape) > 1 else (shape, 1)
            documents = [texts[i : i + length] for i in range(0, len(texts), length)]
        else:
            if len(shape) > 1:
                if shape[-1] != 1:
                    raise ValueError(
                        f"{self._who}: strings are cut into tokens row by row, so the inputs must be of shape (batch,) or "
                        f"(batch, 1). Received: inputs.shape={shape} with rank={len(shape)}"
                    )
                shape = shape[:-1]
            documents = self._tokens_of(texts)
        if self.ngrams is not None:
            widths = tuple(range(1, self.ngrams + 1)) if isinstance(self.ngrams, int) else self.ngrams
            documents = [text.ngrams(tokens, widths) for tokens in documents]
        return documents, shape

    def _tokens_of(self, texts):
        if self.split == "whitespace":
            return [text.words(t) for t in texts]
        if self.split == "character":
            return [list(t) for t in texts]
        made = self.split(K.array(texts, str))
        return [[t.decode(self.encoding) if isinstance(t, bytes) else str(t) for t in tokens] for tokens in made]

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape)
        if self.output_mode == "int":
            return (shape[0], self.output_sequence_length)
        if self.split is None:
            return self._lookup_layer.compute_output_shape((*shape, 1) if len(shape) <= 1 else shape)
        return self._lookup_layer.compute_output_shape((*(shape[:-1] if len(shape) > 1 else shape), None))

    # -- configuration and files ------------------------------------------------------------------------------------

    def get_config(self):
        """The constructor arguments; a vocabulary that came later is not among them."""
        lookup = self._lookup_layer.get_config()
        own = ("standardize", "split", "ngrams", "output_mode", "output_sequence_length", "ragged", "encoding")
        config = {"name": self.name, "trainable": self._trainable, "dtype": self._policy_config()}
        config |= {name: self._config_value(name) for name in own}
        config |= {name: lookup[name] for name in ("max_tokens", "pad_to_max_tokens", "sparse", "vocabulary", "idf_weights")}
        return {**config, "vocabulary_size": self.vocabulary_size()}

    @classmethod
    def from_config(cls, config):
        """The layer that `get_config` described."""
        config = dict(config)
        for name in ("standardize", "split"):
            if isinstance(config.get(name), dict):
                config[name] = deserialize_keras_object(config[name])
        if isinstance(config.get("ngrams"), list):
            config["ngrams"] = tuple(config["ngrams"])
        return cls(**config)

    def save_own_variables(self, store):
        """Put the weights of tf-idf into `store`."""
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store):
        """Take the weights of tf-idf from `store`."""
        self._lookup_layer.load_own_variables(store)

    def vocabulary_bytes(self):
        """What a file keeps beside the configuration, see `StringLookup`."""
        return self._lookup_layer.vocabulary_bytes()

    def vocabulary_arguments(self):
        """The vocabulary as arguments of the constructor."""
        return self._lookup_layer.vocabulary_arguments()

    def read_vocabulary(self, data, where):
        """Take the vocabulary that `vocabulary_bytes` wrote."""
        self._lookup_layer.read_vocabulary(data, where)
