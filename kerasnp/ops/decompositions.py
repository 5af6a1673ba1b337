"""Linear algebra: decompositions and solvers of (..., n, n) matrices, with their gradients.

Formulas: M. Giles, "Collected matrix derivative results" (2008); for QR, S. Walter and L. Lehmann, "Algorithmic
differentiation of linear algebra functions" (2010); for SVD, J. Townsend, "Differentiating the singular value
decomposition" (2016).
"""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.ops.elementwise import abs as abs_
from kerasnp.ops.elementwise import floating, operands, power, sqrt, square, stop_gradient
from kerasnp.ops.linear import matmul
from kerasnp.ops.reduce import max as max_
from kerasnp.ops.reduce import min as min_
from kerasnp.ops.reduce import sum as sum_
from kerasnp.ops.shape import expand_dims, moveaxis, reshape, swapaxes



def _t(x):
    return K.swapaxes(x, -1, -2)


def _symmetric(x):
    return (x + _t(x)) * x.dtype.type(0.5)


def _half(x):
    """The lower triangle with half of the diagonal."""
    return K.tril(x) - K.eye(x.shape[-1], dtype=x.dtype) * x * x.dtype.type(0.5)


class Cholesky(Operator):
    """y = the lower triangle L of (x + x.T) / 2 = L @ L.T.     x (..., n, n), positive definite"""

    def forward(self, x):
        y = K.linalg.cholesky(_symmetric(x))
        self.save(y)
        return y

    def backward(self, dy):
        (y,) = self.saved
        inverse = K.linalg.inv(y)
        s = _t(inverse) @ _half(_t(y) @ dy) @ inverse
        return _symmetric(s)


class Inverse(Operator):
    """y = x^-1.     x (..., n, n)"""

    def forward(self, x):
        y = K.linalg.inv(x)
        self.save(y)
        return y

    def backward(self, dy):
        (y,) = self.saved
        return -(_t(y) @ dy @ _t(y))


class SignLogDet(Operator):
    """The sign of det(x), and log |det(x)|.     x (..., n, n)   ->   (...), (...)"""

    def forward(self, x):
        sign, log_size = (K.asarray(v) for v in K.linalg.slogdet(x))
        self.save(x)
        return sign, log_size

    def backward(self, dsign, dlog):
        (x,) = self.saved
        return dlog[..., None, None] * _t(K.linalg.inv(x))


class Determinant(Operator):
    """y = det(x).     x (..., n, n)   ->   (...)"""

    def forward(self, x):
        y = K.asarray(K.linalg.det(x))
        self.save(x, y)
        return y

    def backward(self, dy):
        x, y = self.saved
        return (dy * y)[..., None, None] * _t(K.linalg.inv(x))


class Solve(Operator):
    """y with a @ y = b.     a (..., n, n)   b (..., n, k)   ->   y (..., n, k)"""

    # Which triangle of a is read: "lower", "upper" or None for all of it.
    def __init__(self, triangle=None):
        self.part = {"lower": K.tril, "upper": K.triu, None: lambda a: a}[triangle]

    def forward(self, a, b):
        a = self.part(a)
        y = K.linalg.solve(a, b)
        self.save(a, y, b.shape)
        return y

    def backward(self, dy):
        a, y, shape = self.saved
        db = K.linalg.solve(_t(a), dy)
        da = self.part(K.unbroadcast(-(db @ _t(y)), a.shape)) if self.wants(0) else None
        return da, (K.unbroadcast(db, shape) if self.wants(1) else None)


class Qr(Operator):
    """q with orthonormal columns and an upper triangle r, x = q @ r.     x (..., m, n)"""

    def __init__(self, mode="reduced"):
        self.mode = mode

    def forward(self, x):
        q, r = K.linalg.qr(x, mode=self.mode)
        self.save(q, r)
        return q, r

    def backward(self, dq, dr):
        q, r = self.saved
        if r.shape[-1] != r.shape[-2] or q.shape[-2] < q.shape[-1]:
            raise NotImplementedError(
                "qr: the gradient needs mode='reduced' and at least as many rows as columns. "
                f"Received: q.shape={q.shape}, r.shape={r.shape}"
            )
        m = r @ _t(dr) - _t(dq) @ q
        lower = K.tril(m, -1)
        g = dq + q @ (lower + _t(lower) + K.eye(m.shape[-1], dtype=m.dtype) * m)
        return _t(K.linalg.solve(r, _t(g)))


class Eigh(Operator):
    """The eigenvalues w, rising, and eigenvectors (the columns of v) of (x + x.T) / 2.     x (..., n, n)"""

    def forward(self, x):
        w, v = K.linalg.eigh(_symmetric(x))
        self.save(w, v)
        return w, v

    def backward(self, dw, dv):
        w, v = self.saved
        g = _inverse_differences(w) * (_t(v) @ dv)
        g = g + K.eye(w.shape[-1], dtype=w.dtype) * dw[..., None, :]
        return _symmetric(v @ g @ _t(v))


class Svd(Operator):
    """u, s and v with x = u @ diag(s) @ v, s falling.     x (..., m, n)   ->   (..., m, k), (..., k), (..., k, n)"""

    def forward(self, x):
        u, s, v = K.linalg.svd(x, full_matrices=False)
        self.save(u, s, v)
        return u, s, v

    def backward(self, du, ds, dv):
        u, s, vt = self.saved
        v, dv, k = _t(vt), _t(dv), s.shape[-1]
        f = _inverse_differences(s * s)
        su, sv = f * (_t(u) @ du), f * (_t(v) @ dv)
        row = s[..., None, :]
        g = (su + _t(su)) * row + row[..., 0, :, None] * (sv + _t(sv)) + K.eye(k, dtype=s.dtype) * ds[..., None, :]
        dx = u @ g @ vt
        if u.shape[-2] > k:
            dx = dx + (du / row - u @ (_t(u) @ du / row)) @ vt
        if v.shape[-2] > k:
            dx = dx + u @ _t(dv / row - v @ (_t(v) @ dv / row))
        return dx


def _inverse_differences(w):
    """f[i, j] = 1 / (w[j] - w[i]), 0 on the diagonal and between equals."""
    d = w[..., None, :] - w[..., :, None]
    return K.divide(1, d, out=K.zeros_like(d), where=d != 0)


def _square(x, who):
    x = floating(x)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{who} expects square matrices (..., n, n). Received: x.shape={x.shape}")
    return x


def cholesky(x, upper=False):
    """The lower triangle L with L @ L.T = x, or its transpose for `upper=True`.

    >>> from kerasnp import ops
    >>> ops.cholesky([[4.0, 2.0], [2.0, 5.0]])
    array([[2., 0.],
           [1., 2.]], dtype=float32)

    Raises: ValueError for an x that is not positive definite.
    """
    x = _square(x, "cholesky")
    try:
        y = Cholesky()(x)
    except K.linalg.LinAlgError:
        raise ValueError(
            "cholesky: the matrix must be positive definite; add a small multiple of the identity."
        ) from None
    return swapaxes(y, -1, -2) if upper else y


def cholesky_inverse(x, upper=False):
    """The inverse of the matrix that has the Cholesky factor x.

    >>> from kerasnp import ops
    >>> ops.cholesky_inverse([[2.0, 0.0], [0.0, 1.0]])
    array([[0.25, 0.  ],
           [0.  , 1.  ]], dtype=float32)

    Raises: ValueError for an x that is not square.
    """
    inverse = Inverse()(_square(x, "cholesky_inverse"))
    turned = swapaxes(inverse, -1, -2)
    return matmul(inverse, turned) if upper else matmul(turned, inverse)


def inv(x):
    """The inverse of square matrices.     x (..., n, n)   ->   (..., n, n)

    >>> from kerasnp import ops
    >>> ops.inv([[2.0, 0.0], [0.0, 4.0]])
    array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)

    Raises: ValueError for an x that is not square.
    """
    return Inverse()(_square(x, "inv"))


def det(x):
    """The determinant of square matrices.     x (..., n, n)   ->   (...)

    >>> from kerasnp import ops
    >>> ops.det([[[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]]]).round(3)
    array([-2.,  1.], dtype=float32)

    Raises: ValueError for an x that is not square.
    """
    return Determinant()(_square(x, "det"))


def slogdet(x):
    """The sign of the determinant and the logarithm of its size, which neither over- nor underflows.     x (..., n, n)

    >>> from kerasnp import ops
    >>> sign, log = ops.slogdet([[[1.0, 0.0], [0.0, -2.0]]])
    >>> sign, log.round(3)
    (array([-1.], dtype=float32), array([0.693], dtype=float32))

    Raises: ValueError for an x that is not square.
    """
    return SignLogDet()(_square(x, "slogdet"))


def logdet(x):
    """log(det(x)) of positive definite matrices, which neither over- nor underflows.     x (..., n, n)   ->   (...)

    >>> from kerasnp import ops
    >>> ops.logdet([[[1e-30, 0.0], [0.0, 1e-30]]]).round(2)
    array([-138.16], dtype=float32)

    Raises: ValueError for an x that is not square.
    """
    return slogdet(x)[1]


def solve(a, b):
    """x with a @ x = b; b is a vector or a matrix.

    >>> from kerasnp import ops
    >>> ops.solve([[2.0, 0.0], [1.0, 1.0]], [4.0, 5.0])
    array([2., 3.], dtype=float32)

    Raises: ValueError for an a that is not square.
    """
    return _solve(a, b, None)


def solve_triangular(a, b, lower=False):
    """x with a @ x = b, where only the upper (or lower) triangle of a counts.

    >>> from kerasnp import ops
    >>> ops.solve_triangular([[2.0, 0.0], [1.0, 1.0]], [4.0, 5.0], lower=True)
    array([2., 3.], dtype=float32)

    Raises: ValueError for an a that is not square.
    """
    return _solve(a, b, "lower" if lower else "upper")


def _solve(a, b, triangle):
    a, b = operands(_square(a, "solve"), floating(b))
    vector = b.ndim == a.ndim - 1
    y = Solve(triangle)(a, expand_dims(b, -1) if vector else b)
    return reshape(y, y.shape[:-1]) if vector else y


def _matrices(x, who):
    x = floating(x)
    if x.ndim < 2:
        raise ValueError(f"{who}: Input should have rank >= 2, (..., m, n). Received: x.shape={tuple(x.shape)}")
    return x


def qr(x, mode="reduced"):
    """q with orthonormal columns and the upper triangle r, x = q @ r; `mode` is `"reduced"` or `"complete"`.

    x (..., m, n)   ->   q (..., m, k), r (..., k, n), k = min(m, n), or m with `mode="complete"`.

    >>> from kerasnp import ops
    >>> q, r = ops.qr([[0.0, 1.0], [2.0, 3.0], [0.0, 0.0]])
    >>> q.shape, ops.matmul(q, r).round(3)
    ((3, 2), array([[0., 1.],
           [2., 3.],
           [0., 0.]], dtype=float32))

    Raises: ValueError for another mode, or an x of fewer than two axes.
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(
            f"`mode` argument value not supported. Expected one of {{'reduced', 'complete'}}. Received: mode={mode}"
        )
    return Qr(mode)(_matrices(x, "qr"))


def eigh(x):
    """Eigenvalues w, rising, and eigenvectors v of symmetric matrices: x @ v[:, i] = w[i] * v[:, i].

    >>> from kerasnp import ops
    >>> w, v = ops.eigh([[2.0, 1.0], [1.0, 2.0]])
    >>> w.round(3)
    array([1., 3.], dtype=float32)

    Raises: ValueError for an x that is not square.
    """
    return Eigh()(_square(x, "eigh"))


def eig(x):
    """Eigenvalues w and eigenvectors v of square matrices, complex: x @ v[:, i] = w[i] * v[:, i]; no gradient passes.

    >>> from kerasnp import ops
    >>> w, v = ops.eig([[0.0, -1.0], [1.0, 0.0]])
    >>> sorted(w.imag.tolist())
    [-1.0, 1.0]

    Raises: ValueError for an x that is not square.
    """
    w, v = K.linalg.eig(stop_gradient(_square(x, "eig")))
    return w.astype("complex64"), v.astype("complex64")


def svd(x, full_matrices=True, compute_uv=True):
    """u, s, v with x = u @ diag(s) @ v, the singular values s falling; s alone for `compute_uv=False`.

    With `full_matrices=True` the bases u and v are completed, and no gradient passes unless x is square.

    >>> from kerasnp import ops
    >>> u, s, v = ops.svd([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]])
    >>> u.shape, s, v.shape
    ((3, 3), array([4., 3.], dtype=float32), (2, 2))
    """
    x = floating(x)
    if compute_uv and full_matrices and x.shape[-1] != x.shape[-2]:
        return tuple(K.linalg.svd(stop_gradient(x), full_matrices=True))
    return Svd()(x) if compute_uv else Svd()(x)[1]


def pinv(x, rcond=None):
    """The pseudo-inverse (Moore and Penrose), singular values below `rcond` times the largest taken as zero.

    >>> from kerasnp import ops
    >>> ops.pinv([[2.0], [0.0]])
    array([[0.5, 0. ]], dtype=float32)
    """
    x = floating(x)
    u, s, v = Svd()(x)
    rcond = 10 * max(x.shape[-2:]) * float(K.finfo(stop_gradient(x).dtype).eps) if rcond is None else rcond
    values = stop_gradient(s)
    keep = values > rcond * values.max(axis=-1, keepdims=True, initial=0)
    inverse = keep / (s + (1 - keep).astype(values.dtype))
    return matmul(swapaxes(v, -1, -2) * expand_dims(inverse, -2), swapaxes(u, -1, -2))


def lstsq(a, b, rcond=None):
    """The x of least length that makes |a @ x - b| least.

    >>> from kerasnp import ops
    >>> ops.lstsq([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [[1.0], [3.0], [5.0]]).round(3)
    array([[1.],
           [2.]], dtype=float32)
    """
    a, b = operands(floating(a), floating(b))
    return matmul(pinv(a, rcond), b)


def matrix_rank(x, tol=None):
    """The number of singular values above `tol`, int32.

    >>> from kerasnp import ops
    >>> ops.matrix_rank([[[1.0, 2.0], [2.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]]])
    array([1, 2], dtype=int32)
    """
    s = stop_gradient(svd(x, compute_uv=False))
    x = stop_gradient(x)
    tol = s.max(axis=-1, keepdims=True, initial=0) * max(x.shape[-2:]) * K.finfo(s.dtype).eps if tol is None else tol
    return K.asarray((s > tol).sum(axis=-1), K.int32)


def lu_factor(x):
    """The triangles L (without its diagonal of ones) and U in one matrix, and the row exchanged at each step, int32.

    No gradient passes.

    >>> from kerasnp import ops
    >>> ops.lu_factor([[1.0, 2.0], [2.0, 6.0]])
    (array([[ 2. ,  6. ],
           [ 0.5, -1. ]], dtype=float32), array([1, 1], dtype=int32))

    Raises: ValueError for an x of fewer than two axes.
    """
    lu = K.array(stop_gradient(_matrices(x, "lu_factor")))
    m, n = lu.shape[-2:]
    steps = min(m, n)
    matrices, pivots = lu.reshape(-1, m, n), K.zeros((*lu.shape[:-2], steps), K.int32)
    for a, p in zip(matrices, pivots.reshape(-1, steps)):
        for i in range(steps):
            p[i] = j = i + int(K.argmax(K.abs(a[i:, i])))
            a[[i, j]] = a[[j, i]]
            if a[i, i] != 0:
                a[i + 1 :, i] /= a[i, i]
                a[i + 1 :, i + 1 :] -= a[i + 1 :, i, None] * a[i, i + 1 :]
    return lu, pivots


def norm(x, ord=None, axis=None, keepdims=False):
    """The length of vectors along one axis, or the norm of matrices in two; of all elements by default.

    >>> from kerasnp import ops
    >>> ops.norm([[3.0, 4.0], [6.0, 8.0]], axis=1), ops.norm([[3.0, 4.0]], ord=1, axis=1)
    (array([ 5., 10.], dtype=float32), array([7.], dtype=float32))

    Args:
        ord: vectors: a number p for sum(|x|^p)^(1/p), infinities for the largest and smallest |x|, 0 to count;
            matrices: `"fro"`, `"nuc"`, 1, -1, 2, -2 or an infinity.

    Raises: ValueError for another `ord`.
    """
    x = floating(x)
    if axis is None and ord is None:
        y = sqrt(sum_(square(x)))
        return reshape(y, (1,) * x.ndim) if keepdims else y
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) != 2:
        raise ValueError(
            f"norm: axis must name one axis (vectors) or two (matrices). Received: axis={axis}, x.shape={x.shape}"
        )
    y = _matrix_norm(moveaxis(x, axes, (-2, -1)), ord)
    return expand_dims(y, tuple(sorted(a % x.ndim for a in axes))) if keepdims else y


def _vector_norm(x, p, axis, keepdims):
    if p in (None, 2):
        return sqrt(sum_(square(x), axis, keepdims))
    if p == K.inf:
        return max_(abs_(x), axis, keepdims)
    if p == -K.inf:
        return min_(abs_(x), axis, keepdims)
    if p == 0:
        values = stop_gradient(x)
        return (values != 0).sum(axis=axis, keepdims=keepdims).astype(values.dtype)
    if p == 1:
        return sum_(abs_(x), axis, keepdims)
    if isinstance(p, str):
        raise ValueError(f"norm: ord of a vector must be a number or None. Received: ord={p!r}")
    return power(sum_(power(abs_(x), p), axis, keepdims), 1 / p)


def _matrix_norm(x, p):
    if p in (None, "fro"):
        return sqrt(sum_(square(x), (-2, -1)))
    if p == "nuc":
        return sum_(Svd()(x)[1], -1)
    if p in (2, -2):
        return (max_ if p == 2 else min_)(Svd()(x)[1], -1)
    if p in (1, -1):
        return (max_ if p == 1 else min_)(sum_(abs_(x), -2), -1)
    if p in (K.inf, -K.inf):
        return (max_ if p == K.inf else min_)(sum_(abs_(x), -1), -1)
    raise ValueError(
        f"norm: ord of a matrix must be None, 'fro', 'nuc', 1, -1, 2, -2 or an infinity. Received: ord={p!r}"
    )
