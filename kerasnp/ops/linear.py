"""Matrix products and the affine layer."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.autodiff.variable import install_arithmetic
from kerasnp.ops.activation import activate, fused_activation
from kerasnp.ops.elementwise import alike, convert, operands
from kerasnp.ops.shape import reshape, transpose


class Dense(Operator):
    """y = act(x @ w + b).     x (..., i)   w (i, o)   b (o,)   ->   y (..., o)"""

    def __init__(self, activation=None):
        self.activation = activation

    def forward(self, x, w, b=None):
        y = K.dense(x, w, b, self.activation)
        self.save(x, w, y)
        return y

    def backward(self, dy):
        x, w, y = self.saved
        for_x, for_w, for_b = (*self.wanted, False)[:3]
        dz = dy if self.activation is None else self.activation.backward(y, dy)
        # dx lies in memory as x does: behind a flattened convolution with the batch innermost.
        dx = None if not for_x else K.matmul(w, dz.T).T if K.layout.is_turned(x) else K.matmul(dz, w.T)
        db = K.sum_rows(dz, out=self.out(2)) if for_b else None
        if not for_w:
            return dx, None, db
        if x.ndim != 2:
            x, dz = x.reshape(-1, x.shape[-1]), dz.reshape(-1, dz.shape[-1])
        return dx, K.matmul(x.T, dz, out=self.out(1)), db


class Matmul(Operator):
    """y = a @ b, over the last two axes, others broadcast.     a (..., n, k)   b (..., k, m)   ->   y (..., n, m)"""

    def forward(self, a, b):
        self.save(a, b)
        return K.asarray(K.matmul(a, b))

    def backward(self, dy):
        a, b = self.saved
        row, column = a.ndim == 1, b.ndim == 1
        a2, b2 = (a[None, :] if row else a), (b[:, None] if column else b)
        dy = dy[..., None] if column else dy
        dy = dy[..., None, :] if row else dy
        da = db = None
        if self.wants(0):
            da = K.unbroadcast(K.matmul(dy, K.swapaxes(b2, -1, -2)), a2.shape).reshape(a.shape)
        if self.wants(1):
            db = K.unbroadcast(K.matmul(K.swapaxes(a2, -1, -2), dy), b2.shape).reshape(b.shape)
        return da, db


class Einsum(Operator):
    """y = einsum(subscripts, ...); the gradient of an operand is the einsum that swaps it with the output."""

    def __init__(self, subscripts):
        self.subscripts = subscripts

    def forward(self, *xs):
        self.save(*xs)
        return K.asarray(K.einsum(self.subscripts, *xs, optimize=len(xs) > 1))

    def backward(self, dy):
        xs = self.saved
        inputs, output = _expand_ellipsis(self.subscripts, [x.ndim for x in xs], dy.ndim)
        return tuple(self._gradient(i, xs, inputs, output, dy) if self.wants(i) else None for i in range(len(xs)))

    @staticmethod
    def _gradient(i, xs, inputs, output, dy):
        own, shape = inputs[i], xs[i].shape
        letters = "".join(dict.fromkeys(own))
        others = [(s, x) for j, (s, x) in enumerate(zip(inputs, xs)) if j != i]
        available = set(output).union(*(s for s, _ in others))
        kept = [c for c in letters if c in available]
        g = K.einsum(
            ",".join([output, *(s for s, _ in others)]) + "->" + "".join(kept),
            dy,
            *(x for _, x in others),
            optimize=True,
        )
        sizes = dict(zip(own, shape))
        # Axes that occur nowhere else were summed over: every element of them has the same gradient.
        g = K.broadcast_to(g.reshape([sizes[c] if c in available else 1 for c in letters]), [sizes[c] for c in letters])
        if letters == own:
            return g
        # A letter twice reads a diagonal; einsum gives a view of it to write to.
        dx = K.zeros(shape, dy.dtype)
        K.einsum(f"{own}->{letters}", dx)[...] = g
        return dx


def _expand_ellipsis(subscripts, ndims, out_ndim):
    """The subscripts with `...` spelled as capital letters that nothing else uses, and the output made explicit."""
    subscripts = subscripts.replace(" ", "")
    left, arrow, output = subscripts.partition("->")
    inputs = left.split(",")
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in subscripts]
    dots = [n - len(s.replace("...", "")) if "..." in s else 0 for s, n in zip(inputs, ndims)]
    widest = free[: max(dots, default=0)]
    inputs = [s.replace("...", "".join(widest[len(widest) - d :])) for s, d in zip(inputs, dots)]
    if arrow:
        return inputs, output.replace(
            "...",
            "".join(widest[len(widest) - (out_ndim - len(output.replace("...", ""))) :] if "..." in output else ""),
        )
    letters = "".join(inputs)
    return inputs, "".join(widest) + "".join(sorted(c for c in set(letters) - set(widest) if letters.count(c) == 1))


def dense(x, w, b=None, activation=None):
    """activation(x @ w + b), the affine step of a Dense layer.

    >>> from kerasnp import ops
    >>> x, w, b = ops.array([[1.0, 2.0]]), ops.array([[1.0, 0.0], [0.0, -1.0]]), ops.array([10.0, 0.0])
    >>> ops.dense(x, w, b, activation=ops.relu)
    array([[11.,  0.]], dtype=float32)

    Args:
        x: (..., inputs).  w: (inputs, outputs).  b: (outputs,) or None.
        activation: a function of `kerasnp.activations` or None.
    """
    fused = fused_activation(activation)
    y = Dense(fused)(x, w) if b is None else Dense(fused)(x, w, b)
    return y if fused is not None or activation is None else activate(activation, y)


_INT8 = K.zeros(0, K.int8).dtype


def _wide(*xs):
    """The inputs, in 32 bits if all of them have eight."""
    return [x.astype(K.int32) for x in xs] if all(getattr(x, "dtype", None) == _INT8 for x in xs) else xs


def matmul(x1, x2):
    """The matrix product of the last two axes, (..., m, k) and (..., k, n); the axes before them are broadcast.

    >>> from kerasnp import ops
    >>> ops.matmul([[1, 2], [3, 4]], [[0, 1], [1, 0]])
    array([[2, 1],
           [4, 3]], dtype=int32)
    >>> ops.matmul(ops.ones((8, 2, 3)), ops.ones((3, 5))).shape
    (8, 2, 5)
    """
    if isinstance(x1, K.ndarray) and x1.dtype is _INT8:
        # Products of so small numbers are summed in 32 bits, as in Keras.
        x1, x2 = _wide(x1, x2)
    return Matmul()(*operands(x1, x2))


def einsum(subscripts, *operands):
    """A sum of products by Einstein's convention, such as `"ij,jk->ik"`.

    >>> from kerasnp import ops
    >>> ops.einsum("ij,ij->i", [[1, 2], [3, 4]], [[1, 1], [10, 10]])
    array([ 3, 70], dtype=int32)
    """
    return Einsum(subscripts)(*alike(_wide(*operands) if len(operands) > 1 else operands))


def tensordot(x1, x2, axes=2):
    """Contract axes of x1 with axes of x2: so many last and first ones, or the two lists given.

    >>> from kerasnp import ops
    >>> ops.tensordot(ops.ones((2, 3, 4)), ops.ones((3, 4, 5)), axes=2).shape
    (2, 5)
    """
    x1, x2 = alike((x1, x2))
    n1, n2 = len(x1.shape), len(x2.shape)
    if isinstance(axes, int):
        first, second = list(range(n1 - axes, n1)), list(range(axes))
    else:
        first, second = ([a % n for a in ([v] if isinstance(v, int) else v)] for v, n in zip(axes, (n1, n2)))
    free1, free2 = ([a for a in range(n) if a not in used] for n, used in ((n1, first), (n2, second)))
    shape = [x1.shape[a] for a in free1] + [x2.shape[a] for a in free2]
    inner = 1
    for a in first:
        inner *= x1.shape[a]
    left = reshape(transpose(x1, free1 + first), (-1, inner))
    right = reshape(transpose(x2, second + free2), (inner, -1))
    return reshape(Matmul()(left, right), shape)


def dot(x1, x2):
    """The inner product of vectors, product of matrices; in general over x1's last and x2's second to last axis.

    >>> from kerasnp import ops
    >>> ops.dot([1, 2, 3], [1, 10, 100])
    array(321, dtype=int32)
    """
    x1, x2 = convert(x1), convert(x2)
    if len(x1.shape) == 0 or len(x2.shape) == 0:
        return x1 * x2
    return tensordot(x1, x2, ([len(x1.shape) - 1], [max(len(x2.shape) - 2, 0)]))


def outer(x1, x2):
    """All products of an element of x1 and one of x2.     (m,), (n,)   ->   (m, n)

    >>> from kerasnp import ops
    >>> ops.outer([1, 2], [1, 10, 100])
    array([[  1,  10, 100],
           [  2,  20, 200]], dtype=int32)
    """
    a, b = alike((x1, x2))
    return reshape(a, (-1, 1)) * reshape(b, (1, -1))


install_arithmetic(
    {"__matmul__": matmul, "__rmatmul__": lambda a, b: matmul(b, a)},
    {f.__name__: f for f in (matmul, einsum, tensordot, dot, outer)},
)
