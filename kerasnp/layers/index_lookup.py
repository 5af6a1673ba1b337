"""What lookups share: a vocabulary, how it is learned, kept in files, and used."""

import collections

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.layers.categories import batches_of, encode, refuse_sparse
from kerasnp.layers.layer import Layer
from kerasnp.utils import check
from kerasnp.utils.hashing import farm_hash, sip_hash
from kerasnp.utils.text import strings, vocabulary_lines


class Vocabulary:
    """Tokens in order, and the index of each."""

    def __init__(self, tokens=(), start=0):
        self.tokens = list(tokens)
        self.index = {token: i for i, token in enumerate(self.tokens, start)}


class IndexLookup(Layer):
    """Base of the lookups: a mask token, then `num_oov_indices` places for unknown tokens, then the vocabulary.

    Vocabularies are lists in memory. They are part of the configuration where they were given to the constructor, and a
    member of the `.keras` file where `adapt` or `set_vocabulary` brought them; no other file is ever opened.
    """

    casts_integers = False
    encoding = "utf-8"

    def __init__(
        self,
        max_tokens,
        num_oov_indices,
        mask_token,
        oov_token,
        vocabulary_dtype,
        vocabulary=None,
        idf_weights=None,
        invert=False,
        output_mode="int",
        sparse=False,
        pad_to_max_tokens=False,
        oov_method="floormod",
        name=None,
        salt=None,
        vocabulary_size=None,
        has_input_vocabulary=None,
        trainable=True,
        dtype=None,
        **kwargs,
    ):
        if kwargs:
            raise ValueError(f"Unrecognized keyword argument(s): {kwargs}")
        super().__init__(name=name, trainable=trainable)
        self.vocabulary_dtype = check.one_of("vocabulary_dtype", vocabulary_dtype, ("string", "int64"), self._who)
        self.oov_method = check.one_of("oov_method", oov_method, ("floormod", "farmhash"), self._who)
        if salt is not None and vocabulary_dtype != "string" and oov_method != "farmhash":
            raise ValueError(
                f"{self._who}: salt belongs to oov_method='farmhash'. Received: oov_method={oov_method}"
            )
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(
                f"{self._who}: If set, `max_tokens` must be greater than 1, since masks and unknown words are counted too. "
                f"Received: max_tokens={max_tokens}"
            )
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(
                f"{self._who}: If pad_to_max_tokens is True, must set `max_tokens`, the width that is padded to. Received: "
                f"max_tokens={max_tokens}"
            )
        if num_oov_indices < 0:
            raise ValueError(
                f"{self._who}: `num_oov_indices` must be greater than or equal to 0, being a count. Received: "
                f"num_oov_indices={num_oov_indices}"
            )
        output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)
        if sparse and output_mode == "int":
            raise ValueError(
                f"{self._who}: `sparse` may only be true if `output_mode` is `'one_hot'` or another that gives vectors. "
                f"Received: sparse={sparse} and output_mode={output_mode}"
            )
        check.one_of("output_mode", output_mode, ("int", "one_hot", "multi_hot", "count", "tf_idf"), self._who)
        if invert and output_mode != "int":
            raise ValueError(
                f"{self._who}: `output_mode` must be `'int'` when `invert` is true, since only indices can be turned back. "
                f"Received: output_mode={output_mode}"
            )
        refuse_sparse(sparse, self._who)
        if idf_weights is not None and output_mode != "tf_idf":
            raise ValueError(
                f"{self._who}: `idf_weights` should only be set if `output_mode` is `'tf_idf'`, which alone uses them. "
                f"Received: idf_weights={idf_weights} and output_mode={output_mode}"
            )
        if output_mode == "tf_idf" and vocabulary is not None and idf_weights is None:
            raise ValueError(
                f"{self._who}: a vocabulary for output_mode='tf_idf' comes with its idf_weights; give both."
            )
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token, self.invert = mask_token, oov_token, invert
        self.output_mode, self.sparse, self.pad_to_max_tokens = output_mode, sparse, pad_to_max_tokens
        self.salt = salt_pair(salt, self._who)
        self.autocast = False
        self.input_vocabulary, self.input_idf_weights = vocabulary, idf_weights
        self._has_input_vocabulary = vocabulary is not None if has_input_vocabulary is None else has_input_vocabulary
        self._frozen_vocab_size = vocabulary_size
        self._vocabulary = Vocabulary(start=self._token_start)
        self._idf = None
        self.reset_state(force=True)
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # -- tokens -----------------------------------------------------------------------------------------------------

    def _tokens(self, data):
        """The tokens of an array in a row, as Python values."""
        if self.vocabulary_dtype == "string":
            return strings(data, self._who, self.encoding)
        if data.dtype.kind not in "iub":
            if data.dtype.kind != "f" or not (data == K.floor(data)).all():
                raise TypeError(f"{self._who}: expected integers. Received: an array of dtype {data.dtype}")
            data = data.astype(K.int64)
        return data.reshape(-1).tolist()

    def _to_token(self, line):
        """A token from its line in a file."""
        return line if self.vocabulary_dtype == "string" else int(line)

    # -- the vocabulary ---------------------------------------------------------------------------------------------

    @property
    def _oov_start(self):
        return 1 if self.mask_token is not None and self.output_mode == "int" else 0

    @property
    def _token_start(self):
        return self._oov_start + self.num_oov_indices

    @property
    def _special_tokens(self):
        return [self.mask_token] * self._oov_start + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens=True):
        """The tokens in the order of their indices; with the mask and the out-of-vocabulary token in front, or without.

        >>> import kerasnp
        >>> layer = kerasnp.layers.StringLookup(vocabulary=["b", "a"])
        >>> layer.get_vocabulary(), layer.get_vocabulary(include_special_tokens=False)
        (['[UNK]', 'b', 'a'], ['b', 'a'])
        """
        return (self._special_tokens if include_special_tokens else []) + list(self._vocabulary.tokens)

    def vocabulary_size(self):
        """How many indices there are, those of the mask and of unknown tokens included.

        >>> import kerasnp
        >>> kerasnp.layers.StringLookup(vocabulary=["b", "a"]).vocabulary_size()
        3
        """
        return self._token_start + len(self._vocabulary.tokens)

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """Replace the vocabulary.

        >>> import kerasnp
        >>> layer = kerasnp.layers.StringLookup()
        >>> layer.set_vocabulary(["b", "a"])
        >>> layer(["a", "b", "c"]).tolist()  # 0 is for what is not known
        [2, 1, 0]

        Args:
            vocabulary: a list, tuple or array of tokens, with the special tokens in front or without any.
            idf_weights: for `output_mode="tf_idf"`: a weight for each entry of the vocabulary.

        Raises: ValueError for a path, repeated tokens, misplaced special tokens, or too many tokens.
        """
        if self.output_mode == "tf_idf" and idf_weights is None:
            raise ValueError(f"{self._who}: output_mode='tf_idf' takes a vocabulary with its idf_weights; give both.")
        if self.output_mode != "tf_idf" and idf_weights is not None:
            raise ValueError(
                f"{self._who}: `idf_weights` should only be set if `output_mode` is `'tf_idf'`, which alone uses them. "
                f"Received: output_mode={self.output_mode} and idf_weights={idf_weights}"
            )
        if isinstance(vocabulary, (str, bytes)) or hasattr(vocabulary, "__fspath__"):
            raise ValueError(
                f"{self._who}: a vocabulary must be a list of tokens; vocabulary files are never opened, so read the file "
                f"yourself and pass its lines. Received: vocabulary={vocabulary!r}"
            )
        given = self._tokens(vocabulary if isinstance(vocabulary, K.ndarray) else K.asarray(vocabulary, self._array_type))
        if not given:
            raise ValueError(f"{self._who}: Cannot set an empty vocabulary. Received: vocabulary={vocabulary}")
        specials = self._special_tokens
        found = given[: len(specials)] == specials
        tokens = given[len(specials) :] if found else given
        self._check_tokens(tokens, given)
        idf = None
        if self.output_mode == "tf_idf":
            idf = self._padded_idf(K.asarray(idf_weights, K.floatx()), len(given), 0 if found else self._token_start)
        self._keep(tokens)
        self._idf = idf

    def _check_tokens(self, tokens, given):
        repeated = [token for token, n in collections.Counter(tokens).items() if n > 1]
        if repeated:
            raise ValueError(
                f"{self._who}: The passed vocabulary has at least one repeated term, and each may stand in it once: "
                f"{repeated[:20]}"
            )
        known = set(tokens)
        for what, token in (("mask", self.mask_token), ("OOV", self.oov_token if self.invert else None)):
            if token is not None and token in known:
                raise ValueError(
                    f"{self._who}: Found reserved {what} token at unexpected location in `vocabulary`. Tokens for masks and "
                    f"unknown words stand in front, all of them and in this order, or are left out: {self._special_tokens}. "
                    f"Received: {what.lower()}_token={token!r} at vocabulary index {given.index(token)}"
                )
        size = self._token_start + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f"{self._who}: the vocabulary has {size} entries, and max_tokens={self.max_tokens} allows no more than that."
            )

    def _keep(self, tokens):
        """Make `tokens` the vocabulary, unless vectors of another length were promised."""
        size = self._token_start + len(tokens)
        if self._fixed_length and self._frozen_vocab_size not in (None, size):
            raise RuntimeError(
                f"{self._who}: it has been called, and with output_mode={self.output_mode} and pad_to_max_tokens=False its "
                f"output is as wide as the vocabulary, which must keep its {self._frozen_vocab_size} entries. Received: {size} "
                "entries"
            )
        self._vocabulary = Vocabulary(tokens, self._token_start)
        self._frozen_vocab_size = size

    @property
    def _fixed_length(self):
        return self.output_mode != "int" and not self.pad_to_max_tokens

    def _padded_idf(self, weights, count, front):
        """Weights of all indices: unknown tokens weigh as the average, unused places nothing."""
        if weights.ndim != 1 or len(weights) != count:
            raise ValueError(
                f"{self._who}: idf_weights must hold one number for each token. Received: idf_weights of shape {weights.shape} "
                f"for {count} tokens"
            )
        back = self.max_tokens - front - count if self.pad_to_max_tokens else 0
        return K.concatenate([K.full(front, weights.mean(), weights.dtype), weights, K.zeros(back, weights.dtype)])

    # -- adapt ------------------------------------------------------------------------------------------------------

    def adapt(self, data, steps=None):
        """Take the vocabulary from data: the most frequent tokens first, those equally frequent in falling order.

        >>> import kerasnp
        >>> layer = kerasnp.layers.StringLookup()
        >>> layer.adapt(["b", "a", "b"])
        >>> layer.get_vocabulary()
        ['[UNK]', 'b', 'a']

        Args:
            data: an array or list of tokens, or an iterable of batches.
            steps: how many batches to take; default all.

        Raises: ValueError for a layer that was given its vocabulary.
        """
        self.reset_state()
        for batch in batches_of(data, steps):
            array = batch if batch is not data else _column(K.asarray(_plain(data), self._array_type_of(data)))
            self.update_state(array)
        self.finalize_state()

    @property
    def _array_type(self):
        return object if self.vocabulary_dtype == "string" else K.int64

    def _array_type_of(self, data):
        return None if isinstance(data, K.ndarray) else self._array_type

    def reset_state(self, force=False):
        """Forget the data seen so far."""
        if force or not self._has_input_vocabulary:
            self._counts, self._documents, self._number_of_documents = Counts(), Counts(), 0

    def update_state(self, data):
        """Count the tokens of a batch; each row is a document.

        >>> import kerasnp
        >>> layer = kerasnp.layers.StringLookup()
        >>> for batch in (["b", "a"], ["b"]):
        ...     layer.update_state(batch)
        >>> layer.finalize_state()
        >>> layer.get_vocabulary()
        ['[UNK]', 'b', 'a']
        """
        array = K.asarray(_plain(data), self._array_type_of(data))
        self._count([self._tokens(row) for row in (array.reshape(1, -1) if array.ndim < 2 else array)])

    def _count(self, documents):
        if self._has_input_vocabulary:
            raise ValueError(
                f"Cannot adapt layer '{self.name}': its vocabulary was given, by `vocabulary` or set_vocabulary()."
            )
        for tokens in documents:
            self._counts.update(tokens)
            if self.output_mode == "tf_idf":
                self._documents.update(set(tokens))
        self._number_of_documents += len(documents)

    def finalize_state(self):
        """Make a vocabulary of the tokens counted."""
        if self._has_input_vocabulary or not self._counts:
            self._keep(self._vocabulary.tokens)
            return
        for token in (self.mask_token, self.oov_token):
            self._counts.pop(token, None)
        order = sorted(self._counts.items(), key=lambda entry: (entry[1], entry[0]), reverse=True)
        tokens = [token for token, _ in order][: self.max_tokens - self._token_start if self.max_tokens else None]
        idf = None
        if self.output_mode == "tf_idf":
            seen = K.array([self._documents[token] for token in tokens], K.float64)
            weights = K.log(1 + self._number_of_documents / (1 + seen)).astype(K.floatx())
            idf = self._padded_idf(weights, len(tokens), self._token_start)
        self._keep(tokens)
        self._idf = idf
        self.reset_state()

    # -- the call ---------------------------------------------------------------------------------------------------

    def call(self, inputs):
        array = K.asarray(ops.convert_to_numpy(inputs)) if not isinstance(inputs, K.ndarray) else inputs
        if self.invert:
            return self._tokens_at(array)
        return self._finish(self._indices(self._tokens(array)).reshape(array.shape))

    def _indices(self, tokens):
        """The index of each of a list of tokens; -1 for those that vectors do not count."""
        index, unknown = self._vocabulary.index, self._oov_start
        found = [index.get(token, -1) for token in tokens]
        masked = 0 if self.output_mode == "int" else -1
        for i, place in enumerate(found):
            if place < 0:
                if self.mask_token is not None and tokens[i] == self.mask_token:
                    found[i] = masked
                elif self.num_oov_indices == 1:
                    found[i] = unknown
                elif self.num_oov_indices == 0:
                    raise ValueError(
                        f"{self._who}: num_oov_indices=0 leaves no index for unknown tokens, found OOV values "
                        f"{[t for t in dict.fromkeys(tokens) if t not in index][:20]}; set it to 1 or more."
                    )
                else:
                    found[i] = unknown + self._bucket(tokens[i])
        return K.array(found, K.int64)

    def _bucket(self, token):
        """Which of the places for unknown tokens a token has."""
        if self.vocabulary_dtype != "string" and self.oov_method != "farmhash":
            return token % self.num_oov_indices
        return hash_bucket(str(token), self.num_oov_indices, self.salt)

    def _finish(self, indices):
        """Indices in the output mode."""
        if self.output_mode == "int":
            return indices
        if self._fixed_length and self._frozen_vocab_size is None:
            raise RuntimeError(
                f"{self._who}: with output_mode={self.output_mode} and pad_to_max_tokens=False the output is as wide as the "
                "vocabulary, so this must be there first: give `vocabulary`, or call adapt(data)."
            )
        depth = self.max_tokens if self.pad_to_max_tokens else self._frozen_vocab_size
        if self.output_mode != "tf_idf":
            return encode(indices, self.output_mode, depth, "int64")
        if self._idf is None:
            raise ValueError(f"{self._who}: output_mode='tf_idf' needs idf_weights, one number for each token.")
        return encode(indices, "count", depth, K.floatx()) * self._idf

    def _tokens_at(self, indices):
        names = {i: token for i, token in enumerate(self._vocabulary.tokens, self._token_start)}
        if self.mask_token is not None:
            names[0] = self.mask_token
        found = [names.get(int(i), self.oov_token) for i in indices.reshape(-1)]
        return K.array(found, self._array_type).reshape(indices.shape)

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape)
        if self.output_mode == "int":
            return shape
        depth = self.max_tokens if self.pad_to_max_tokens else self._frozen_vocab_size
        if self.output_mode == "one_hot" and not (len(shape) > 1 and shape[-1] == 1):
            return (*shape, depth)
        return (*shape[:-1], depth)

    @property
    def compute_dtype(self):
        """The type of the tokens."""
        return self.vocabulary_dtype

    # -- configuration and files ------------------------------------------------------------------------------------

    def get_config(self):
        """The constructor arguments; a vocabulary that came later is not among them."""
        names = ("invert", "max_tokens", "num_oov_indices", "oov_token", "mask_token", "output_mode", "sparse")
        config = {"name": self.name, "trainable": self._trainable, "dtype": self._policy_config()}
        config |= {name: self._config_value(name) for name in (*names, "pad_to_max_tokens", "vocabulary_dtype")}
        config["idf_weights"] = _listed(self.input_idf_weights)
        config["vocabulary"] = _listed(self.input_vocabulary)
        return {**config, "vocabulary_size": self._frozen_vocab_size, "oov_method": self.oov_method, "salt": self.salt}

    def get_build_config(self):
        """Nothing: a lookup has no weights."""
        return {}

    @property
    def idf_weights(self):
        """The weight of each index for tf-idf, or None."""
        return self._idf

    def save_own_variables(self, store):
        """Put the weights of tf-idf into `store`."""
        if self.output_mode == "tf_idf" and self._idf is not None:
            store["idf_weights"] = self._idf

    def load_own_variables(self, store):
        """Take the weights of tf-idf from `store`."""
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            weights = K.asarray(store["idf_weights"], K.floatx())
            if weights.ndim != 1 or (self._idf is not None and weights.shape != self._idf.shape):
                raise ValueError(
                    f"{self._who}: its idf_weights have the shape {weights.shape}, which does not fit its vocabulary of "
                    f"{self.vocabulary_size()} entries; restore the file, or save the model again."
                )
            self._idf = weights

    def vocabulary_bytes(self):
        """What a file keeps beside the configuration: a token a line, or None where the configuration has them.

        Raises: ValueError for a token with a line break.
        """
        tokens = self.get_vocabulary()
        if self.input_vocabulary is not None or not tokens:
            return None
        broken = next((t for t in tokens if isinstance(t, str) and ("\n" in t or "\r" in t)), None)
        if broken is not None:
            raise ValueError(
                f"{self._who}: the token {broken!r} contains a line break, which a vocabulary file cannot hold; pass the "
                "vocabulary to the constructor, which puts it into the configuration."
            )
        return "\n".join(map(str, tokens)).encode("utf-8")

    def vocabulary_arguments(self):
        """The vocabulary as arguments of the constructor."""
        tokens = self.get_vocabulary()
        if not tokens:
            return {}
        return {"vocabulary": tokens, "idf_weights": None if self._idf is None else self._idf[: len(tokens)].tolist()}

    def read_vocabulary(self, data, where):
        """Take the vocabulary that `vocabulary_bytes` wrote."""
        if self.input_vocabulary is not None:
            return
        lines = vocabulary_lines(data, where)
        # A vocabulary that ends in empty tokens, such as a mask token alone, lost them.
        lines += [""] * (self._token_start - len(lines))
        if self.output_mode == "tf_idf" and self._idf is None:
            raise ValueError(f"{where} comes without the idf_weights of {self._who}.")
        idf = self._idf[: len(lines)] if self.output_mode == "tf_idf" else None
        self.set_vocabulary([self._to_token(line) for line in lines], idf)


class Counts(collections.Counter):
    """How often each token occurred; a class of its own, so that layers do not go through its entries."""


def salt_pair(salt, who):
    """A salt as two integers, or None.

    Raises: ValueError for anything else.
    """
    if salt is None:
        return None
    if isinstance(salt, (tuple, list)) and len(salt) == 2:
        return list(salt)
    if isinstance(salt, int):
        return [salt, salt]
    raise ValueError(
        f"{who}: The `salt` argument can only be a tuple of size 2, or one integer. Received: salt={salt}."
    )


def hash_bucket(text, buckets, salt=None):
    """Which of the buckets a text falls into."""
    data = text.encode("utf-8")
    return (farm_hash(data) if salt is None else sip_hash(data, salt)) % buckets


def _plain(data):
    """Data without a Variable around them."""
    return data.value if hasattr(data, "creator") else data


def _column(array):
    """An array of tokens as one document per token."""
    return array.reshape(-1, 1) if array.ndim == 1 else array


def _listed(value):
    return value.tolist() if isinstance(value, K.ndarray) else list(value) if isinstance(value, tuple) else value
