"""Trees within one array, the form in which a model takes batches of them."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.layers.embedding import Embedding
from kerasnp.layers.layer import Layer
from kerasnp.layers.tree import TreeCell, children_of
from kerasnp.saving.config import deserialize_keras_object


def parents_of(tree, leaves):
    """A tree of nested pairs as the parents of its nodes, in the 2 * leaves - 1 places that `Tree` looks at.

    >>> parents_of(((0, 1), 2), 3)
    [3, 3, 4, 4, -1]
    >>> parents_of((0, 2), 3)
    [3, -2, 3, -1, -2]
    """
    parents, first = [-2] * (2 * leaves - 1), list(range(leaves))
    pairs = children_of(tree, leaves)
    for k, (left, right) in enumerate(pairs):
        if first[left] >= first[right]:
            raise ValueError(
                "Tree.pack: of two children the left one must have the first leaf, since parents do not tell left from "
                f"right. Received: {tree!r}; give the leaves in the order of the tree."
            )
        parents[left] = parents[right] = leaves + k
        first.append(first[left])
    parents[leaves + len(pairs) - 1 if pairs else tree] = -1
    return parents


class Tree(Layer):
    """A recursive network as one layer of a stack: a cell run over trees that come with the inputs.

    A sample is an array of nodes, `leaves` of them first, then `leaves - 1` places for inner nodes: the most that a
    binary tree has. The last number of each row is the node's parent, -1 for the root and -2 where there is no node;
    those before it are the features of a leaf. `Tree.pack` makes such arrays.

    >>> import kerasnp
    >>> x = Tree.pack([[1, 2, 0], [0, 2, 2]], [(0, 1), ((0, 1), 2)])
    >>> model = kerasnp.Sequential([
    ...     kerasnp.Input(x.shape[1:], dtype="int32"),
    ...     Tree(kerasnp.layers.TreeLSTMCell(4), embedding=kerasnp.layers.Embedding(3, 8)),
    ...     kerasnp.layers.Dense(2, activation="softmax"),
    ... ])
    >>> model(x).shape
    (2, 2)

    Args:
        cell: a `TreeRNNCell`, a `TreeLSTMCell`, or a subclass of their base.
        embedding: an `Embedding` that makes the features of a leaf from its only number, a word; or None.

    Shapes: inputs `(batch, 2 * leaves - 1, features + 1)`, output: the states of the roots, `(batch, units)`.

    Raises: ValueError for another cell or embedding, an even number of nodes, or what are no trees.
    """

    casts_integers = False

    def __init__(self, cell, embedding=None, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(cell, TreeCell):
            raise ValueError(f"{self._who}: expected `cell` to be a TreeRNNCell or TreeLSTMCell. Received: cell={cell!r}")
        if embedding is not None and not isinstance(embedding, Embedding):
            raise ValueError(
                f"{self._who}: expected `embedding` to be an Embedding layer or None. Received: embedding={embedding!r}"
            )
        self.cell, self.embedding = cell, embedding
        # The numbers of nodes stay what they are, however imprecise the type of the layer.
        self.autocast = False

    @staticmethod
    def pack(x, trees):
        """Leaves and their trees as one array.

        Args:
            x: features `(batch, leaves, features)`, or words `(batch, leaves)`, filled up behind the last leaf.
            trees: for each sample nested pairs of leaf numbers, such as `((0, 1), 2)`, in rising order.

        Returns: an array `(batch, 2 * leaves - 1, features + 1)` of the type of x.

        Raises: ValueError for trees that do not fit x, or leaves out of order.
        """
        x = K.asarray(ops.convert_to_tensor(x))
        x = x[:, :, None] if x.ndim == 2 else x
        if x.ndim != 3 or len(x) != len(trees):
            raise ValueError(
                "Tree.pack: expected x of shape (batch, leaves) or (batch, leaves, features) and a tree for each sample. "
                f"Received: x of shape {x.shape} and {len(trees)} trees"
            )
        n, leaves, features = x.shape
        packed = K.zeros((n, 2 * leaves - 1, features + 1), x.dtype)
        packed[:, :leaves, :-1] = x
        packed[:, :, -1] = [parents_of(tree, leaves) for tree in trees]
        return packed

    def _leaves(self, shape):
        nodes = shape[1] if len(shape) == 3 else None
        if len(shape) != 3 or shape[2] is None or shape[2] < 2 or (nodes is not None and nodes % 2 == 0):
            raise ValueError(
                f"{self._who}: expected inputs (batch, 2 * leaves - 1, features + 1), the parent of each node last. "
                f"Received: shape {tuple(shape)}; Tree.pack(x, trees) makes them."
            )
        return None if nodes is None else (nodes + 1) // 2

    def build(self, input_shape):
        leaves, features = self._leaves(input_shape), input_shape[2] - 1
        if self.embedding is not None:
            if features != 1:
                raise ValueError(
                    f"{self._who}: with an embedding a node has two numbers, its word and its parent. "
                    f"Received: shape {tuple(input_shape)}"
                )
            if not self.embedding.built:
                self.embedding.build((input_shape[0], leaves))
                self.embedding.built = True
            features = self.embedding.output_dim
        if not self.cell.built:
            self.cell.build((input_shape[0], leaves, features))
            self.cell.built = True

    def call(self, inputs):
        leaves = self._leaves(inputs.shape)
        parents = ops.stop_gradient(inputs)[:, :, -1].astype(K.int64)
        features = inputs[:, :leaves, :-1]
        if self.embedding is not None:
            features = self.embedding(ops.stop_gradient(features)[:, :, 0])
        return self.cell(features, parents)

    def compute_output_shape(self, input_shape):
        self._leaves(input_shape)
        return (input_shape[0], self.cell.units)

    @classmethod
    def from_config(cls, config):
        """The layer, cell and embedding that `get_config` described."""
        parts = {name: config.get(name) for name in ("cell", "embedding")}
        made = {n: c and deserialize_keras_object(c, family="layers") for n, c in parts.items()}
        return cls(**{**config, **made})
