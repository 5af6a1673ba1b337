"""Recursive networks: a state for each node of a binary tree, made of those of its two children."""

from kerasnp import activations, constraints, initializers, ops, regularizers
from kerasnp import backend as K
from kerasnp.layers.layer import Layer
from kerasnp.utils import check


def children_of(tree, leaves, who="tree"):
    """The inner nodes of a binary tree as (left, right) pairs, children before parents, numbered from `leaves` on.

    >>> children_of(((0, 1), 2), leaves=3)
    [(0, 1), (3, 2)]
    >>> children_of([3, 3, 4, 4, -1], leaves=3)
    [(0, 1), (3, 2)]

    Args:
        tree: nested pairs (tuples) of leaf numbers, a leaf number alone; or the parent of each node, an array in which
            the leaves come first, the root has -1, and entries below -1 are no nodes. The left child is that with the
            first leaf.
        leaves: how many leaves the input has; not all of them need to be used.

    Raises: ValueError for a leaf that does not exist, a node without exactly two children, or what is no tree.
    """
    if isinstance(tree, (list, K.ndarray)):
        return _from_parents([int(p) for p in tree], leaves, who)
    pairs, numbers, stack = [], [], [(tree, False)]
    while stack:
        node, visited = stack.pop()
        if visited:
            right, left = numbers.pop(), numbers.pop()
            pairs.append((left, right))
            numbers.append(leaves + len(pairs) - 1)
        elif isinstance(node, tuple):
            if len(node) != 2:
                raise ValueError(f"{who}: a node must have two children. Received: {node!r}")
            stack += [(node, True), (node[1], False), (node[0], False)]
        else:
            leaf = check.integer("a leaf", node, who)
            if not 0 <= leaf < leaves:
                raise ValueError(f"{who}: leaves are numbered from 0 to {leaves - 1}. Received: {leaf}")
            numbers.append(leaf)
    return pairs


def _from_parents(parents, leaves, who):
    children: dict = {}
    for node, parent in enumerate(parents):
        if parent >= 0:
            children.setdefault(parent, []).append(node)
    roots = [node for node, parent in enumerate(parents) if parent == -1]
    whole = len(roots) == 1 and all(len(c) == 2 and leaves <= p < len(parents) for p, c in children.items())
    if not whole:
        raise ValueError(
            f"{who}: parents must describe one binary tree whose {leaves} leaves come first: one root (-1), two "
            f"children for every inner node. Received: {parents}"
        )

    # Depth first with a stack of its own: trees may be deeper than Python lets functions call each other.
    # Beside each subtree stands its first leaf, by which the two of a node are put in order.
    done, stack = {}, [roots[0]]
    while stack:
        node = stack[-1]
        below = [c for c in children.get(node, ()) if c not in done]
        if not below:
            if node in children:
                (first, left), (_, right) = sorted((done[c] for c in children[node]), key=lambda subtree: subtree[0])
                done[node] = first, (left, right)
            elif node < leaves:
                done[node] = node, node
            else:
                raise ValueError(
                    f"{who}: node {node} is neither a leaf nor has it children. Received: parents {parents}"
                )
            stack.pop()
        stack += below
    return children_of(done[roots[0]][1], leaves, who)


def schedule(trees, leaves, who="tree"):
    """All nodes of a batch of trees, those of the same height together: (levels, roots).

    A level is (left, right), the places of the children among all states so far: leaf j of tree i is at i * leaves +
    j, and the nodes of each level follow. `roots` are the places of the roots.
    """
    levels: list = []
    trees_pairs, roots = [children_of(tree, leaves, who) for tree in trees], []
    entries = []
    for i, pairs in enumerate(trees_pairs):
        height = [0] * leaves
        for k, (left, right) in enumerate(pairs):
            height.append(1 + max(height[left], height[right]))
            while len(levels) < height[-1]:
                levels.append([])
            levels[height[-1] - 1].append((i, leaves + k, left, right))
    place = {(i, j): i * leaves + j for i in range(len(trees_pairs)) for j in range(leaves)}
    total = len(place)
    for level in levels:
        entries.append(
            tuple(K.array([place[i, child] for i, _, *both in level for child in (both[side],)]) for side in (0, 1))
        )
        for i, node, *_ in level:
            place[i, node] = total
            total += 1
    for i, (tree, pairs) in enumerate(zip(trees, trees_pairs)):
        roots.append(place[i, leaves + len(pairs) - 1 if pairs else _only_leaf(tree)])
    return entries, K.array(roots)


def _only_leaf(tree):
    return list(map(int, tree)).index(-1) if isinstance(tree, (list, K.ndarray)) else tree


class TreeCell(Layer, abstract=True):
    """Base: states of the leaves from the inputs, then level by level those of the nodes, for all trees at once."""

    casts_integers = False
    parts = 1  # how many vectors of `units` a state consists of
    leaf_gates = node_gates = 1

    def _set_options(self, units, use_bias, **options):
        self.units = check.positive_int("units", units, self._who)
        self.use_bias = use_bias
        families = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}
        for name, value in options.items():
            setattr(self, name, families.get(name.rpartition("_")[2], activations).get(value))

    def build(self, input_shape):
        u = self.units
        shapes = {"kernel": (input_shape[-1], self.leaf_gates * u), "recurrent_kernel": (2 * u, self.node_gates * u)}
        if self.use_bias:
            shapes.update(bias=(self.leaf_gates * u,), recurrent_bias=(self.node_gates * u,))
        self.bias = self.recurrent_bias = None
        for name, shape in shapes.items():
            kind = "bias" if "bias" in name else "recurrent" if "recurrent" in name else "kernel"
            initializer = self._bias_start() if name == "recurrent_bias" else getattr(self, f"{kind}_initializer")
            regularizer = getattr(self, f"{kind}_regularizer")
            setattr(self, name, self.add_weight(shape, initializer, regularizer=regularizer, name=name))

    def _bias_start(self):
        return self.bias_initializer

    def __call__(self, inputs, trees, **kwargs):
        return super().__call__(inputs, trees=trees, **kwargs)

    def call(self, inputs, trees):
        n, leaves = inputs.shape[:2]
        if len(inputs.shape) != 3 or len(trees) != n:
            raise ValueError(
                f"{self._who}: expected inputs (batch, leaves, features) and one tree for each sample. "
                f"Received: inputs of shape {tuple(inputs.shape)} and {len(trees)} trees"
            )
        levels, roots = schedule(trees, leaves, self._who)
        states = self.leaf(ops.reshape(inputs, (n * leaves, inputs.shape[2])))
        for left, right in levels:
            states = ops.concatenate([states, self.node(ops.take(states, left, 0), ops.take(states, right, 0))])
        return ops.take(states, roots, 0)[:, : self.units]

    def leaf(self, x):
        """States (leaves, parts * units) of the inputs (leaves, features)."""
        raise NotImplementedError

    def node(self, left, right):
        """States of nodes from those of their children, (nodes, parts * units) each."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.units)


class TreeRNNCell(TreeCell):
    """A recursive network over binary trees: the state of a node comes from its children's (Socher et al., 2011).

    h = activation(x @ kernel + bias) for leaves,  h = activation([h_left, h_right] @ recurrent_kernel + recurrent_bias)

    >>> cell = TreeRNNCell(4)
    >>> cell(ops.ones((2, 3, 5)), [((0, 1), 2), (0, (1, 2))]).shape
    (2, 4)

    Args:
        units: the size of a state, a positive integer.
        activation: of all nodes, a name or function.
        use_bias: whether biases are added.
        kernel_initializer, recurrent_initializer, bias_initializer: how the weights begin.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties added to the loss.

    Call arguments: inputs `(batch, leaves, features)`, and `trees`, for each sample nested tuples of leaf numbers such
    as `((0, 1), 2)`, or the parent of each node, leaves first and -1 for the root, such as `[3, 3, 4, 4, -1]`.

    Shapes: the states of the roots, `(batch, units)`; kernel `(features, units)`, recurrent_kernel
    `(2 * units, units)`.

    Raises: ValueError for anything but binary trees.
    """

    def __init__(
        self, units, activation="tanh", use_bias=True, kernel_initializer="glorot_uniform",
        recurrent_initializer="glorot_uniform", bias_initializer="zeros", kernel_regularizer=None,
        recurrent_regularizer=None, bias_regularizer=None, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self._set_options(
            units, use_bias, activation=activation, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
        )  # fmt: skip

    def leaf(self, x):
        """h of the leaves."""
        return ops.dense(x, self.kernel, self.bias, self.activation)

    def node(self, left, right):
        """h of the nodes."""
        return ops.dense(
            ops.concatenate([left, right], axis=-1), self.recurrent_kernel, self.recurrent_bias, self.activation
        )


class TreeLSTMCell(TreeCell):
    """An LSTM over binary trees: a node forgets what it does not need of either child (Tai et al., 2015).

    i, o, u = x @ kernel + bias,  c = s(i) * activation(u)  for leaves,
    i, f, f', o, u = [h_left, h_right] @ recurrent_kernel + recurrent_bias,
    c = s(i) * activation(u) + s(f) * c_left + s(f') * c_right  for nodes,
    h = s(o) * activation(c), where s is the gate activation

    >>> cell = TreeLSTMCell(4)
    >>> cell(ops.ones((2, 3, 5)), [[3, 3, 4, 4, -1], [4, 3, 3, 4, -1]]).shape
    (2, 4)

    Args:
        recurrent_activation: of the gates.
        unit_forget_bias: the biases of the forget gates begin at one.
        The others, and the call arguments, are those of `TreeRNNCell`.

    Shapes: kernel `(features, 3 * units)`, recurrent_kernel `(2 * units, 5 * units)`.
    """

    parts, leaf_gates, node_gates = 2, 3, 5

    def __init__(
        self, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
        kernel_initializer="glorot_uniform", recurrent_initializer="glorot_uniform", bias_initializer="zeros",
        unit_forget_bias=True, kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.unit_forget_bias = unit_forget_bias
        self._set_options(
            units, use_bias, activation=activation, recurrent_activation=recurrent_activation,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer,
        )  # fmt: skip

    def _bias_start(self):
        """Ones for both forget gates, if so wished."""
        if not self.unit_forget_bias:
            return self.bias_initializer
        u = self.units

        def start(shape, dtype=None):
            first, rest = self.bias_initializer((u,), dtype), self.bias_initializer((2 * u,), dtype)
            return K.concatenate([first, K.ones(2 * u, K.storage_dtype(dtype)), rest])

        return start

    def leaf(self, x):
        """[h, c] of the leaves."""
        i, o, new = ops.split(ops.dense(x, self.kernel, self.bias), 3, axis=-1)
        return self._state(o, self.recurrent_activation(i) * self.activation(new))

    def node(self, left, right):
        """[h, c] of the nodes."""
        (left, c), (right, d) = (ops.split(state, 2, axis=-1) for state in (left, right))
        z = ops.dense(ops.concatenate([left, right], axis=-1), self.recurrent_kernel, self.recurrent_bias)
        i, f, g, o, new = ops.split(z, 5, axis=-1)
        gate = self.recurrent_activation
        return self._state(o, gate(i) * self.activation(new) + gate(f) * c + gate(g) * d)

    def _state(self, o, c):
        return ops.concatenate([self.recurrent_activation(o) * self.activation(c), c], axis=-1)
