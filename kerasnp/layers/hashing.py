"""Layers that put categories into bins by their hash, without a vocabulary."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.layers.categories import encode, refuse_sparse
from kerasnp.layers.index_lookup import hash_bucket, salt_pair
from kerasnp.layers.layer import Layer
from kerasnp.utils import check
from kerasnp.utils.hashing import farm_hash, joined_hash
from kerasnp.utils.text import is_text, strings

# Where TensorFlow, and with it Keras, begins to hash a cross of features.
_CROSS_KEY = 0xDECAFCAFFE


class Hashing(Layer):
    """Text or integers as the number of a bin, chosen by a hash.

    >>> Hashing(num_bins=3)([["A"], ["B"], ["C"], ["D"], ["E"]]).ravel()
    array([1, 0, 1, 1, 2])

    Args:
        num_bins: how many bins there are, that of the mask included.
        mask_value: what goes to bin 0, which nothing else shares; or None.
        salt: one or two integers: SipHash with this key instead of FarmHash.
        output_mode: `"int"`, or vectors over the bins: `"one_hot"`, `"multi_hot"`, `"count"`.
        sparse: must be False.

    Shapes: inputs any; outputs the same, or with an axis of bins.

    Raises: ValueError for num_bins below one, another output_mode, or a float dtype with `"int"`.
    """

    casts_integers = False

    def __init__(self, num_bins, mask_value=None, salt=None, output_mode="int", sparse=False, **kwargs):
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else K.floatx()
        super().__init__(**kwargs)
        if num_bins is None or num_bins <= 0:
            raise ValueError(
                f"{self._who}: The `num_bins` for `Hashing` cannot be `None` or non-positive: so many hashes there are. "
                f"Received: num_bins={num_bins}."
            )
        if output_mode == "int" and self.dtype not in ("int32", "int64"):
            raise ValueError(
                f'{self._who}: When `output_mode="int"`, `dtype` should be an integer type, `"int32"` or `"int64"`. '
                f"Received: dtype={self.dtype}"
            )
        modes = ("int", "one_hot", "multi_hot", "count")
        if output_mode not in modes:
            raise ValueError(
                f"{self._who}: Invalid value for argument `output_mode`. Expected one of {modes}. "
                f"Received: output_mode={output_mode}"
            )
        if sparse and output_mode == "int":
            raise ValueError(
                f"{self._who}: `sparse` may only be true if `output_mode` is 'one_hot', 'multi_hot' or 'count'. "
                f"Received: sparse={sparse} and output_mode={output_mode}"
            )
        refuse_sparse(sparse, self._who)
        self.output_mode = output_mode
        self.num_bins, self.mask_value, self.sparse = num_bins, mask_value, sparse
        self.salt = salt_pair(salt, self._who)
        self.autocast = False

    def call(self, inputs):
        array = K.asarray(ops.convert_to_numpy(inputs)) if not isinstance(inputs, K.ndarray) else inputs
        tokens = _texts(array, self._who)
        masked = self.mask_value is not None and self.num_bins > 1
        mask = str(self.mask_value)
        bins, bucket = [], {}
        for token in tokens:
            if token not in bucket:
                number = hash_bucket(token, self.num_bins - masked, self.salt) + masked
                bucket[token] = 0 if masked and token == mask else number
            bins.append(bucket[token])
        indices = K.array(bins, K.int64).reshape(array.shape)
        if self.output_mode == "int":
            return indices.astype(self.dtype)
        return encode(indices, self.output_mode, self.num_bins, self.dtype)

    def compute_output_shape(self, input_shape):
        if self.output_mode == "int":
            return tuple(input_shape)
        return (*input_shape[:-1], self.num_bins)


class HashedCrossing(Layer):
    """Pairs of categories as the number of a bin, chosen by a hash of both.

    >>> HashedCrossing(5)((["A", "B", "A", "B", "A"], [101, 101, 101, 102, 102]))
    array([1, 4, 1, 1, 3])

    Args:
        num_bins: how many bins there are.
        output_mode: `"int"` or `"one_hot"`.
        sparse: must be False.

    Call arguments:
        inputs: two or more arrays of text or integers, each (), (batch,) or (batch, 1).

    Shapes: outputs as one of the inputs, or with an axis of bins.

    Raises: ValueError for another output_mode, or inputs that do not go together.
    """

    casts_integers = False

    def __init__(self, num_bins, output_mode="int", sparse=False, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype="int64" if output_mode == "int" and dtype is None else dtype)
        refuse_sparse(sparse, self._who)
        self.output_mode = check.one_of("output_mode", output_mode, ("int", "one_hot"), self._who)
        self.num_bins, self.sparse = num_bins, sparse
        self.autocast = False

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError(
                f"{self._who}: it should be called on a list of at least two inputs. Received: inputs={inputs}"
            )
        arrays = [K.asarray(ops.convert_to_numpy(v)) for v in inputs]
        shape = arrays[0].shape
        if len(shape) > 2 or (len(shape) == 2 and shape[-1] != 1) or any(a.shape != shape for a in arrays):
            raise ValueError(
                f"{self._who}: all inputs should have shape (), (batch,) or (batch, 1), the same one. Received: inputs of "
                f"shapes {[a.shape for a in arrays]}"
            )
        if not all(a.dtype.kind in "iu" or is_text(a) for a in arrays):
            raise ValueError(
                f"{self._who}: each input should have an integer or string type. Received: inputs of dtypes "
                f"{[a.dtype.name for a in arrays]}"
            )
        features = [
            [farm_hash(t.encode()) for t in strings(a, self._who)] if a.dtype.kind not in "iu" else a.reshape(-1).tolist()
            for a in arrays
        ]
        bins = []
        for row in zip(*features):
            key = _CROSS_KEY
            for feature in row:
                key = joined_hash(key, feature & (1 << 64) - 1)
            bins.append(key % self.num_bins)
        indices = K.array(bins, K.int64).reshape(shape)
        if self.output_mode == "int":
            return indices.astype(self.dtype)
        return encode(indices, "one_hot", self.num_bins, self.compute_dtype)

    def _convert(self, x):
        """Lists of several inputs stay lists: text and integers make no common array."""
        return [super(HashedCrossing, self)._convert(v) for v in x] if isinstance(x, (list, tuple)) else x

    def compute_output_shape(self, input_shape):
        if len(input_shape) != 2 or not all(isinstance(s, (list, tuple)) for s in input_shape):
            raise ValueError(f"HashedCrossing takes two inputs, hence a list of two shapes. Received input_shape={input_shape}")
        first, second = (tuple(s) for s in input_shape)
        if first[-1:] != second[-1:]:
            raise ValueError(
                f"HashedCrossing: both inputs must be of one shape. Received input_shape={input_shape}"
            )
        if self.output_mode == "int":
            return first
        return (*(first[:-1] if first[-1:] == (1,) else first), self.num_bins)

    def get_config(self):
        """The constructor arguments."""
        return {name: getattr(self, name) for name in ("num_bins", "output_mode", "sparse", "name", "dtype")}


def _texts(array, who):
    """The elements of an array as text; numbers in digits."""
    if array.dtype.kind in "iubf":
        return [str(int(v)) for v in array.reshape(-1).tolist()]
    return strings(array, who)
