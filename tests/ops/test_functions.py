"""The functions of kerasnp.ops: numbers like numpy's, gradients of what is composed, types and mistakes as in Keras."""

import numpy as np
import pytest

from kerasnp import Tape, Variable, gradcheck, ops
from kerasnp.ops import linear, noise

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((2, 3, 4))
V, W = rng.standard_normal(5), rng.standard_normal(6)
SQUARE = rng.standard_normal((4, 4))
SPD = SQUARE @ SQUARE.T + np.eye(4)
CUBE = rng.standard_normal((2, 3, 4))
HOLES = np.where(X > 0.9, np.nan, X)
PIXELS = rng.standard_normal((2, 4, 4, 8))

# name -> [(arguments, keywords)]: equal to numpy's function of that name.
LIKE_NUMPY = {
    **{
        name: [((X,), {}), ((X,), {"axis": 1})]
        for name in (
            "argmax argmin cumsum cumprod max mean median min prod ptp std sum var nanmax nanmean nanmedian nanmin "
            "nanprod nanstd nansum nanvar nancumsum nancumprod average count_nonzero"
        ).split()
    },
    "sort": [((X,), {}), ((X,), {"axis": 0})],
    "quantile": [((X, 0.3), {"axis": 1, "method": m}) for m in ("linear", "lower", "higher", "midpoint", "nearest")]
    + [((CUBE, np.array([0.1, 0.5])), {"axis": (0, 2), "keepdims": True})],
    "percentile": [((X, 30.0), {})],
    "nanquantile": [((HOLES, 0.3), {"axis": 1}), ((HOLES, 0.3), {})],
    "nan_to_num": [((np.array([1.0, np.nan, np.inf, -np.inf]),), {"nan": 2.0, "posinf": 3.0})],
    "roll": [((X, 1), {}), ((X, (1, -1)), {"axis": (0, 1)}), ((X, -7), {"axis": 1})],
    "rot90": [((X,), {}), ((CUBE,), {"k": 3, "axes": (1, 2)})],
    "fliplr": [((X,), {})],
    "flipud": [((X,), {})],
    "vstack": [(([V, V],), {}), (([X, Y],), {})],
    "hstack": [(([V, W],), {}), (([X, Y],), {})],
    "dstack": [(([X, Y],), {}), (([V, V],), {})],
    "append": [((X, Y), {}), ((X, Y), {"axis": 1})],
    "array_split": [((V, 3), {}), ((X, 3), {"axis": 1})],
    "diagonal": [((X,), {}), ((CUBE,), {"offset": -1, "axis1": 1, "axis2": 2})],
    "trace": [((X,), {"offset": 1})],
    "diag": [((X,), {"k": 1}), ((V,), {"k": -2})],
    "diagflat": [((X,), {})],
    "tri": [((3, 4), {"k": 1})],
    "tril": [((X,), {"k": -1}), ((CUBE,), {})],
    "triu": [((CUBE,), {"k": 1})],
    "meshgrid": [((V, W), {}), ((V, W), {"indexing": "ij"}), ((V, W, V), {})],
    "kron": [((X, SQUARE), {}), ((V, X), {})],
    "diff": [((X,), {}), ((X,), {"n": 2, "axis": 0})],
    "cross": [((X[:, :3], Y[:, :3]), {})],
    "inner": [((X, Y), {}), ((V, V), {})],
    "vdot": [((X, Y), {})],
    "corrcoef": [((X,), {})],
    "sinc": [((np.array([0.0, 0.3, -2.0]),), {})],
    "correlate": [((W, V[:k]), {"mode": m}) for k in (1, 3, 4) for m in ("valid", "same", "full")]
    + [((V[:3], W), {"mode": "same"})],
    "fmod": [((X, Y), {})],
    "fmax": [((HOLES, Y), {})],
    "fmin": [((HOLES, Y), {})],
    "heaviside": [((X, 0.5), {})],
    "isin": [((np.arange(5), np.array([1, 3])), {})],
    "isclose": [((X, X + 1e-9), {})],
    "searchsorted": [((np.sort(V), W), {}), ((np.sort(V), W), {"side": "right"})],
    "digitize": [((X, np.array([-1.0, 0.0, 1.0])), {})],
    "vander": [((V,), {"N": 3}), ((V,), {"increasing": True})],
    "eye": [((3, 4), {"k": 1})],
    "linspace": [((0, 1, 5), {})],
    "logspace": [((0, 2, 5), {})],
    "geomspace": [((1.0, 8.0, 4), {})],
    "hanning": [((6,), {})],
    "hamming": [((6,), {})],
    "blackman": [((6,), {})],
    "bartlett": [((6,), {})],
    "kaiser": [((6, 3.0), {})],
    "tile": [((X, (2, 1, 2)), {}), ((X, 2), {})],
    "repeat": [((X, 2), {}), ((X, 2), {"axis": 0})],
    "pad": [((X, 1), {"mode": "reflect"})],
    "outer": [((V, W), {})],
    "tensordot": [((CUBE, CUBE), {"axes": [[1], [1]]})],
    "dot": [((CUBE, SQUARE), {})],
}

# name -> arguments: differentiable with respect to the float arrays among them.
COMPOSED = {
    "glu": (X,),
    "celu": (X,),
    "hard_silu": (X,),
    "hard_tanh": (X,),
    "hard_shrink": (X,),
    "soft_shrink": (X,),
    "relu6": (X,),
    "tanh_shrink": (X,),
    "log_sigmoid": (X,),
    "squareplus": (X,),
    "sparse_plus": (X,),
    "sparse_sigmoid": (X,),
    "sparsemax": (X,),
    "sort": (X,),
    "median": (X,),
    "quantile": (X, 0.3),
    "nanmean": (HOLES,),
    "nanvar": (HOLES,),
    "nanmax": (HOLES,),
    "ptp": (X,),
    "roll": (X, 2),
    "rot90": (X,),
    "kron": (X, SQUARE),
    "diag": (V,),
    "trace": (X,),
    "tril": (X,),
    "meshgrid": (V, W),
    "space_to_depth": (PIXELS, 2),
    "depth_to_space": (PIXELS, 2),
    "slice": (X, (1, 1), (2, 2)),
    "slice_update": (X, (1, 1), SQUARE[:2, :2]),
    "scatter": (np.array([[0], [2], [0]]), X, (4, 4)),
    "scatter_update": (X, np.array([[0], [2], [0]]), Y),
    "average": (X, 1, Y),
    "trapezoid": (X,),
    "cross": (X[:, :3], Y[:, :3]),
    "inner": (X, Y),
    "cdist": (X, Y),
    "corrcoef": (X,),
    "correlate": (W, V[:3]),
    "sinc": (V,),
    "divide_no_nan": (X, Y),
    "fmod": (X, Y),
    "fmax": (X, Y),
    "nan_to_num": (X,),
    "var": (X,),
    "std": (X,),
    "pinv": (X,),
    "lstsq": (CUBE[0].T, SQUARE[:, :2]),
    "logdet": (SPD,),
    "cholesky_inverse": (SPD,),
    "solve": (SQUARE, SQUARE[0]),
    "stft": (rng.standard_normal((2, 20)), 8, 4, 10),
    "extract_sequences": (V, 3, 1),
    "psnr": (X, Y, 2.0),
    "normalize": (X,),
    "segment_sum": (X, np.array([0, 2, 2])),
    "segment_max": (X, np.array([0, 1, 1])),
    "append": (X, Y),
    "moments": (X, [0]),
    "tile": (X, 2),
    "split": (X, 2, 1),
    "dot": (CUBE, SQUARE),
    "tensordot": (CUBE, SQUARE, 1),
    "outer": (V, W),
    "batch_normalization": (X, V[:4], V[:4] ** 2 + 1, -1),
    "swapaxes": (CUBE, 0, 2),
    "squeeze": (X[None],),
    "gelu": (X,),
    "selu": (X,),
}


def plain(y):
    return [np.asarray(getattr(v, "value", v)) for v in (y if isinstance(y, (list, tuple)) else [y])]


@pytest.mark.parametrize("name", sorted(LIKE_NUMPY))
def test_like_numpy(name):
    for args, kwargs in LIKE_NUMPY[name]:
        expected = plain(getattr(np, name)(*args, **kwargs))
        found = plain(getattr(ops, name)(*args, **kwargs))
        assert [a.shape for a in found] == [a.shape for a in expected], (args, kwargs)
        for a, b in zip(found, expected):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7, err_msg=str(kwargs))


@pytest.mark.parametrize("name", sorted(COMPOSED))
def test_gradient_of_composed(name):
    arguments = COMPOSED[name]
    floats = [i for i, a in enumerate(arguments) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]

    def fn(*values):
        changed = list(arguments)
        for i, v in zip(floats, values):
            changed[i] = v
        return getattr(ops, name)(*changed)

    if name.startswith("nan") and name != "nan_to_num":
        # Central differences cannot move through a NaN: check the numbers only, beside fixed holes.
        known = ~np.isnan(arguments[0])

        def fn(x):  # noqa: F811
            return getattr(ops, name)(ops.where(known, x, np.nan))

        gradcheck(fn, np.where(known, arguments[0], 0.0))
        return
    gradcheck(fn, *(arguments[i] for i in floats))


@pytest.mark.parametrize("ord", [None, 2, 1, 3, np.inf, -np.inf])
def test_vector_norm(ord):
    np.testing.assert_allclose(ops.norm(X, ord, 1), np.linalg.norm(X, ord, 1))
    gradcheck(lambda x: ops.norm(x, ord, 1, keepdims=True), X)


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, np.inf])
def test_matrix_norm(ord):
    np.testing.assert_allclose(ops.norm(X, ord, (0, 1)), np.linalg.norm(X, ord, (0, 1)))
    gradcheck(lambda x: ops.norm(x, ord, (-2, -1)), CUBE)


def test_norm_mistakes():
    with pytest.raises(ValueError, match="ord of a matrix must be"):
        ops.norm(X, "l2", (0, 1))
    with pytest.raises(ValueError, match="one axis"):
        ops.norm(CUBE, 2, (0, 1, 2))


def test_decompositions_put_together_again():
    lower = ops.cholesky(SPD)
    np.testing.assert_allclose(lower @ lower.T, SPD)
    q, r = ops.qr(X.T)
    np.testing.assert_allclose(q @ r, X.T)
    u, s, v = ops.svd(X, full_matrices=False)
    np.testing.assert_allclose(u * s @ v, X)
    assert ops.svd(X)[2].shape == (4, 4)
    w, v = ops.eigh(SPD)
    np.testing.assert_allclose(v * w @ v.T, SPD)
    lu, pivots = ops.lu_factor(SQUARE)
    a = (np.tril(lu, -1) + np.eye(4)) @ np.triu(lu)
    for i, j in reversed(list(enumerate(pivots))):
        a[[i, j]] = a[[j, i]]
    np.testing.assert_allclose(a, SQUARE)
    np.testing.assert_allclose(ops.solve_triangular(SQUARE, X.T, lower=True), np.linalg.solve(np.tril(SQUARE), X.T))
    with pytest.raises(ValueError, match="positive definite"):
        ops.cholesky(-SPD)
    with pytest.raises(ValueError, match=r"inv expects square matrices.*\(3, 4\)"):
        ops.inv(X)


def test_fourier_there_and_back():
    x = rng.standard_normal((2, 40))
    np.testing.assert_allclose(ops.irfft(ops.rfft(x)), x)
    np.testing.assert_allclose(ops.ifft2(ops.fft2((X, Y)))[0], X)
    np.testing.assert_allclose(ops.istft(ops.stft(x, 8, 4, 10), 8, 4, 10), x, atol=1e-12)
    with pytest.raises(ValueError, match="a tuple of two tensors"):
        ops.fft(X)


def test_top_k_takes_the_first_of_equals():
    values, indices = ops.top_k(np.array([1.0, 3.0, 3.0, 2.0]), 3)
    assert values.tolist() == [3, 3, 2] and indices.tolist() == [1, 2, 3] and indices.dtype == np.int32
    assert ops.in_top_k(np.array([0, 3]), np.array([[0.1, 0.2, 0.1, 0.0], [0.3, 0.1, 0.2, 0.2]]), 2).tolist() == [
        True,
        True,
    ]


def test_segments():
    ids, x = np.array([0, 2, 2, 5]), np.array([1.0, 2.0, 3.0, 9.0], "float32")
    assert ops.segment_sum(x, ids, 4).tolist() == [1, 0, 5, 0]
    assert ops.segment_max(x, ids, 4).tolist() == [1, -np.inf, 3, -np.inf]
    assert ops.segment_prod(x, ids, 4).tolist() == [1, 1, 6, 1]


@pytest.mark.parametrize("reduction, expected", [(None, 7.0), ("add", 13.0), ("max", 7.0), ("min", 1.0), ("mul", 35.0)])
def test_scatter_update(reduction, expected):
    x, u = Variable([1.0, 2.0]), Variable([5.0, 7.0])
    with Tape() as tape:
        y = ops.scatter_update(x, np.array([[0], [0]]), u, reduction)
    assert y.tolist() == [expected, 2]
    assert all(g is not None for g in tape.gradient(y, [x, u]))


def test_control_flow_is_differentiated():
    x = Variable(2.0)
    with Tape(persistent=True) as tape:
        power = ops.fori_loop(0, 3, lambda i, y: y * x, ops.convert_to_tensor(1.0))
        grown = ops.while_loop(lambda y: ops.less(y, 50.0), lambda y: y * x, (x,))[0]
        chosen = ops.cond(ops.greater(x, 1.0), lambda: x * 3, lambda: x)
        carry, ys = ops.scan(lambda c, v: (c * x + v, c), ops.zeros(()), np.array([1.0, 1.0, 1.0], "float32"))
        mapped = ops.vectorized_map(lambda v: v * x, np.ones((3, 2), "float32"))
        switched = ops.switch(7, [lambda v: v, lambda v: v * v], x)
    assert [float(v) for v in (power, grown, chosen, carry, switched)] == [8, 64, 6, 7, 4]
    assert ys.tolist() == [0, 1, 3] and mapped.shape == (3, 2)
    assert [float(tape.gradient(v, x)) for v in (power, grown, chosen, carry, mapped, switched)] == [
        12,
        192,
        3,
        5,
        6,
        4,
    ]


def test_associative_scan_and_vectorize():
    assert ops.associative_scan(ops.add, np.array([1, 2, 3])).tolist() == [1, 3, 6]
    assert ops.associative_scan(ops.add, np.array([1, 2, 3]), reverse=True).tolist() == [6, 5, 3]
    f = ops.vectorize(lambda a, b: a * b + 1)
    assert f(np.ones((2, 1), "float32"), np.arange(3, dtype="float32")).tolist() == [[1, 2, 3], [1, 2, 3]]


def test_attention_equals_its_definition():
    q, k, v = rng.standard_normal((2, 5, 4, 3)), rng.standard_normal((2, 6, 2, 3)), rng.standard_normal((2, 6, 2, 3))
    mask = rng.random((2, 4, 5, 6)) < 0.7
    mask[..., 0] = True
    wide_k, wide_v = np.repeat(k, 2, axis=2), np.repeat(v, 2, axis=2)
    scores = np.where(mask, np.einsum("bthd,bshd->bhts", q, wide_k) / 3**0.5, -np.inf)
    p = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    expected = np.einsum("bhts,bshd->bthd", p, wide_v)
    np.testing.assert_allclose(ops.dot_product_attention(q, k, v, mask=mask), expected)
    gradcheck(lambda *a: ops.dot_product_attention(*a, mask=mask, is_causal=True, attn_logits_soft_cap=2.0), q, k, v)
    with pytest.raises(ValueError, match="4 axes"):
        ops.dot_product_attention(X, X, X)


@pytest.mark.parametrize(
    "make, dtype",
    [
        (lambda i: ops.add(i, 0.5), "float32"),
        (lambda i: ops.add(1.0, 2.0), "float32"),
        (lambda i: ops.add(i > 2, 1), "int32"),
        (lambda i: ops.divide(i, i + 1), "float32"),
        (lambda i: ops.divide(i, 2), "float32"),
        (lambda i: ops.multiply(i, np.float32(2)), "float32"),
        (lambda i: ops.multiply(np.ones(3, "float32"), np.float64(2)), "float32"),
        (lambda i: ops.where(i > 1, 1.0, 0.0), "float32"),
        (lambda i: ops.where(i > 1, 1, 0), "int32"),
        (lambda i: ops.exp(i), "float32"),
        (lambda i: ops.mean(i), "float32"),
        (lambda i: ops.sum(i), "int32"),
        (lambda i: ops.sum(i > 1), "int32"),
        (lambda i: ops.cumsum(i), "int32"),
        (lambda i: ops.argmax(i), "int32"),
        (lambda i: ops.relu(i), "int32"),
        (lambda i: ops.clip(i, 0.5, 2.5), "float32"),
        (lambda i: ops.convert_to_tensor([1, 2]), "int32"),
        (lambda i: ops.arange(3), "int32"),
        (lambda i: ops.saturate_cast(100 * i, "int8"), "int8"),
    ],
)
def test_types_follow_keras(make, dtype):
    assert make(np.arange(3, dtype="int32")).dtype == np.dtype(dtype)


def test_saturate_cast():
    assert ops.saturate_cast(np.array([1e20, -1e20, 5.0], "float32"), "int32").tolist() == [2**31 - 1, -(2**31), 5]
    assert ops.saturate_cast(np.array([-5, 300]), "uint8").tolist() == [0, 255]


def test_custom_gradient():
    @ops.custom_gradient
    def double(x):
        return 2 * x, lambda dy: 10 * dy

    x = Variable([1.0])
    assert double(x).tolist() == [2]
    with Tape() as tape:
        y = double(x)
    assert tape.gradient(y, x).tolist() == [10]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ops.unstack(X, num=5), "length of axis 0, 3. Received: num=5"),
        (lambda: ops.quantile(X, 0.5, method="cubic"), "method must be one of"),
        (lambda: ops.scatter_update(X, np.array([[0]]), Y[:1], "mean"), "reduction must be one of"),
        (lambda: ops.split(X, 3, axis=1), "3 equal parts"),
        (lambda: ops.where(X > 0, X), "both"),
        (lambda: ops.diag(CUBE), "one or two axes"),
        (lambda: ops.multi_hot(np.array([1])), "num_classes"),
        (lambda: ops.psnr(X, V, 1.0), "same shape"),
        (lambda: ops.scan(lambda c, x: (c, c), 0.0), "length"),
        (lambda: ops.one_hot(np.array([1]), 3, sparse=True), "no sparse tensors"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_small_integers_take_from_a_long_axis():
    """Indices of one byte reach rows whose number plus the length of the axis would not fit a byte."""
    table = Variable(np.zeros((256, 2), "float32"))
    with Tape() as tape:
        y = ops.sum(ops.take(table, np.array([0, 255], "uint8"), axis=0))
    gradient = tape.gradient(y, table)
    assert gradient.sum() == 4 and (gradient[[0, 255]] == 1).all()


def test_dense_and_dropout_leave_an_input_as_it_lies_in_memory():
    """Behind a flattened convolution the batch is innermost; the numbers are those of any other order."""
    rng = np.random.default_rng(0)
    plain, w, dy = (rng.normal(size=shape).astype("float32") for shape in ((6, 40), (40, 3), (6, 3)))
    found = []
    for x in (plain, np.asfortranarray(plain)):
        dense, dropout = linear.Dense(), noise.Dropout(0.5, plain.shape, 3)
        for operator, variables in ((dropout, ()), (dense, (None,))):
            operator.recorded, operator.inputs, operator.wanted = True, (None, *variables), (True, *[True for _ in variables])
        dropped = dropout.forward(x)
        y = dense.forward(dropped, w)
        dx, dw, _ = dense.backward(dy)
        assert dropped.flags.f_contiguous == dx.flags.f_contiguous == x.flags.f_contiguous
        found.append((dropped, y, dx, dw, dropout.backward(dx)))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
