"""What every operator is tried on: the sweep in tests/ops runs over the subclasses of Operator and looks here by name."""

import numpy as np

from kerasnp import backend as K
from kerasnp import ops


class Case:
    """One way to call an operator.

    Args:
        make: `make(n)` makes the operator for a batch of n samples.
        inputs: a shape, for normal numbers; `positive`, `unit` or `uniform` of one; or an array, which is taken as it is.
            The first axis of each is the batch, unless it is wrapped in `whole`.
        batched: whether there is a batch that may be cut.
        mixes: whether samples of a batch influence each other.
        differentiable: whether a gradient flows to the inputs.
        outputs: which outputs the gradient check covers, all by default.
        twin: the same step composed of primitives: a function of the inputs.
    """

    def __init__(self, make, *inputs, batched=True, mixes=False, differentiable=True, twin=None, rtol=1e-5):
        self.make, self.inputs, self.batched, self.mixes = make, inputs, batched, mixes
        self.differentiable, self.twin, self.rtol = differentiable, twin, rtol

    def arrays(self, dtype=np.float64, batch=None, seed=0):
        """Fresh inputs, the batch cut to so many samples."""
        rng = np.random.default_rng(seed)
        arrays = []
        for spec in self.inputs:
            cut = batch is not None and not isinstance(spec, whole)
            spec = spec.spec if isinstance(spec, whole) else spec
            if isinstance(spec, np.ndarray):
                a = spec.copy()
            else:
                a = (spec(rng) if callable(spec) else rng.standard_normal(spec)).astype(dtype)
            arrays.append(a[:batch].copy() if cut else a)
        return arrays

    def operator(self, arrays):
        """A fresh operator for these inputs."""
        n = next((len(a) for a, s in zip(arrays, self.inputs) if not isinstance(s, whole) and a.ndim), 0)
        return self.make(n)


class whole:
    """An input without a batch axis, such as a weight."""

    def __init__(self, *spec):
        self.spec = spec[0] if len(spec) == 1 and not isinstance(spec[0], int) else spec


def positive(*shape):
    """Numbers in (0.3, 2)."""
    return lambda rng: rng.uniform(0.3, 2.0, shape)


def unit(*shape):
    """Numbers in (-0.9, 0.9)."""
    return lambda rng: rng.uniform(-0.9, 0.9, shape)


def above_one(*shape):
    """Numbers in (1.2, 3)."""
    return lambda rng: rng.uniform(1.2, 3.0, shape)


def probabilities(*shape):
    """Positive numbers that sum to one along the last axis."""

    def draw(rng):
        p = rng.uniform(0.1, 1.0, shape)
        return p / p.sum(axis=-1, keepdims=True)

    return draw


def always(operator, *options, **named):
    """`make` for an operator whose options do not depend on the batch."""
    return lambda n: operator(*options, **named)


def _generator():
    return K.random.generator(7)


E, L, N, S, R = (__import__(f"kerasnp.ops.{name}", fromlist=["_"]) for name in "elementwise linear norm shape reduce".split())
A, C, P, X, D, Z = (
    __import__(f"kerasnp.ops.{name}", fromlist=["_"]) for name in "activation conv pool losses noise resample".split()
)

LABELS = np.array([2, 0, 1, 1])
INDICES = np.array([[0, 2], [1, 1], [2, 0]])
FIXED = {"differentiable": False}

CASES = {
    # --- elementwise
    "Where": [
        Case(always(E.Where), np.array([[True], [False], [True]]), (3, 4), whole(4)),
        Case(always(E.Where), np.array([True, False, True]), (3,), (3,)),
    ],
    "Clip": [Case(always(E.Clip, -0.5, 0.7), (3, 4)), Case(always(E.Clip, 0, 1), (5,))],
    "Cast": [Case(always(E.Cast, "float64"), (3, 4)), Case(always(E.Cast, "int32"), (3, 4), **FIXED)],
    "StopGradient": [Case(always(E.StopGradient), (3, 4), **FIXED)],
    # --- activation
    "LeakyRelu": [
        Case(always(A.LeakyRelu, 0.2), (3, 4), twin=lambda x: ops.maximum(x, 0) + 0.2 * ops.minimum(x, 0)),
        Case(always(A.LeakyRelu, 0.0), (5,)),
    ],
    "PRelu": [
        Case(always(A.PRelu), (3, 4), whole(4), twin=lambda x, a: ops.maximum(x, 0) + a * ops.minimum(x, 0)),
        Case(always(A.PRelu), (3, 2, 4), whole(1, 4)),
    ],
    "Elu": [
        Case(always(A.Elu), (3, 4), twin=lambda x: ops.maximum(x, 0) + ops.expm1(ops.minimum(x, 0))),
        Case(always(A.Elu, 0.7, 1.3), (3, 4), twin=lambda x: 1.3 * (ops.maximum(x, 0) + 0.7 * ops.expm1(ops.minimum(x, 0)))),
    ],
    "Gelu": [
        Case(always(A.Gelu, False), (3, 4), twin=lambda x: x * 0.5 * (1 + ops.erf(x * 0.5**0.5))),
        Case(
            always(A.Gelu, True),
            (3, 4),
            twin=lambda x: x * 0.5 * (1 + ops.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * ops.power(x, 3)))),
        ),
    ],
    "Silu": [Case(always(A.Silu), (3, 4), twin=lambda x: x * ops.sigmoid(x))],
    "Piecewise": [Case(always(A.Piecewise, 1 / 6, 0.5), (3, 4), twin=lambda x: ops.clip(x / 6 + 0.5, 0, 1))],
    "Softsign": [Case(always(A.Softsign), (3, 4), twin=lambda x: x / (1 + ops.abs(x)))],
    "Softmax": [
        Case(always(A.Softmax), (4, 5), twin=lambda x: ops.exp(x) / ops.sum(ops.exp(x), axis=-1, keepdims=True)),
        Case(always(A.Softmax, 1), (2, 3, 4), twin=lambda x: ops.exp(x) / ops.sum(ops.exp(x), axis=1, keepdims=True)),
        Case(always(A.Softmax, (1, 2)), (2, 3, 4)),
        Case(always(A.Softmax), (2, 3, 4)),
    ],
    "LogSoftmax": [
        Case(always(A.LogSoftmax), (4, 5), twin=lambda x: ops.log(ops.softmax(x))),
        Case(always(A.LogSoftmax, 1), (2, 3, 4), twin=lambda x: x - ops.logsumexp(x, axis=1, keepdims=True)),
    ],
    # --- shape
    "Reshape": [Case(always(S.Reshape, (-1, 6)), (4, 2, 3)), Case(always(S.Reshape, -1), (4, 3), batched=False)],
    "Transpose": [
        Case(always(S.Transpose), (2, 3, 4), batched=False),
        Case(always(S.Transpose, (0, 2, 1)), (2, 3, 4)),
        Case(always(S.Transpose, (1, -1, 0)), (2, 3, 4), batched=False),
    ],
    "Concatenate": [
        Case(always(S.Concatenate, -1), (3, 2), (3, 1), (3, 4)),
        Case(always(S.Concatenate, 0), (3, 2), (2, 2), mixes=True),
    ],
    "Stack": [
        Case(always(S.Stack, 1), (3, 2), (3, 2)),
        Case(always(S.Stack, -1), (3, 2), (3, 2), (3, 2)),
        Case(always(S.Stack, 0), (3, 2), (3, 2), mixes=True),
    ],
    "Split": [Case(always(S.Split, [1, 3], -1), (3, 4)), Case(always(S.Split, [2], 1), (2, 5, 2))],
    "GetItem": [
        Case(always(S.GetItem, (slice(None), slice(1, None, 2))), (3, 4)),
        Case(always(S.GetItem, (..., None, -1)), (3, 4)),
        Case(always(S.GetItem, 1), (3, 4), batched=False),
        Case(always(S.GetItem, np.array([0, 2, 2])), (3, 4), batched=False),
        Case(always(S.GetItem, (slice(None), np.array([True, False, True, True]))), (3, 4)),
        Case(always(S.GetItem, [0, 0]), (3, 4), batched=False),
    ],
    "Take": [
        Case(always(S.Take, INDICES, 1), (4, 3)),
        Case(always(S.Take, INDICES, -2), (4, 3, 2)),
        Case(always(S.Take, INDICES, None), (4, 3), batched=False),
        Case(always(S.Take, np.array([-1, 0, -1]), 0), (4, 3), batched=False),
        Case(always(S.Take, np.array(2), 1), (4, 3)),
    ],
    "TakeAlongAxis": [
        Case(lambda n: S.TakeAlongAxis(INDICES[:n], 1), (3, 4)),
        Case(always(S.TakeAlongAxis, np.array([[2, 0, 0, 1]]), 0), (3, 4), batched=False),
    ],
    "BroadcastTo": [
        Case(lambda n: S.BroadcastTo((n, 2, 3)), (4, 1, 3)),
        Case(always(S.BroadcastTo, (2, 3)), (3,), batched=False),
        Case(always(S.BroadcastTo, (2, 3)), (), batched=False),
    ],
    "Pad": [
        Case(always(S.Pad, [(0, 0), (1, 2)]), (3, 4)),
        Case(always(S.Pad, [(0, 0), (1, 0)], "constant", 3.0), (3, 4)),
        Case(always(S.Pad, [(0, 0), (2, 1)], "reflect"), (3, 4)),
        Case(always(S.Pad, [(0, 0), (2, 1)], "symmetric"), (3, 4)),
    ],
    "Repeat": [Case(always(S.Repeat, 3, 1), (3, 4)), Case(always(S.Repeat, np.array([1, 0, 2, 1]), -1), (3, 4))],
    "Flip": [Case(always(S.Flip, 1), (3, 4)), Case(always(S.Flip, None), (3, 4), mixes=True)],
    # --- reduce
    "Sum": [
        Case(always(R.Sum), (3, 4), mixes=True),
        Case(always(R.Sum, -1), (3, 4)),
        Case(always(R.Sum, (1, -1), True), (3, 4, 2)),
        Case(always(R.Sum, 0), (3, 4), mixes=True),
    ],
    "Mean": [
        Case(always(R.Mean), (3, 4), batched=False, twin=lambda x: ops.sum(x) / 12),
        Case(always(R.Mean, 1), (3, 4), twin=lambda x: ops.sum(x, axis=1) / 4),
        Case(always(R.Mean, [1, 2], True), (3, 4, 2)),
    ],
    "Max": [Case(always(R.Max), (3, 4), batched=False), Case(always(R.Max, 1), (3, 4)), Case(always(R.Max, (1, 2), True), (3, 4, 2))],
    "Min": [Case(always(R.Min), (3, 4), batched=False), Case(always(R.Min, -1), (3, 4))],
    "Prod": [
        Case(always(R.Prod), (3, 4), mixes=True, twin=lambda x: ops.prod(ops.prod(x, 0), 0)),
        Case(always(R.Prod, (0, 2), True), (3, 4, 2), mixes=True),
        Case(always(R.Prod, 1), np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 1.0], [1.0, 2.0, 3.0]])),
    ],
    "LogSumExp": [
        Case(always(R.LogSumExp), (3, 4), batched=False, twin=lambda x: ops.log(ops.sum(ops.exp(x)))),
        Case(always(R.LogSumExp, 1), (3, 4), twin=lambda x: ops.log(ops.sum(ops.exp(x), axis=1))),
        Case(always(R.LogSumExp, (1, 2), True), (3, 4, 2)),
    ],
    "CumSum": [Case(always(R.CumSum, 1), (3, 4)), Case(always(R.CumSum, 0), (3, 4), mixes=True)],
    # --- linear
    "Dense": [
        Case(always(L.Dense), (3, 4), whole(4, 2), whole(2), twin=lambda x, w, b: ops.matmul(x, w) + b),
        Case(always(L.Dense, K.fused["relu"]), (2, 3, 4), whole(4, 2), whole(2), twin=lambda x, w, b: ops.relu(ops.matmul(x, w) + b)),
        Case(always(L.Dense, K.fused["tanh"]), (3, 4), whole(4, 2), twin=lambda x, w: ops.tanh(ops.matmul(x, w))),
        Case(always(L.Dense, K.fused["softplus"]), (3, 4), whole(4, 2), twin=lambda x, w: ops.softplus(ops.matmul(x, w))),
        Case(always(L.Dense, K.fused["selu"]), (3, 4), whole(4, 2), twin=lambda x, w: ops.selu(ops.matmul(x, w))),
        Case(always(L.Dense, K.fused["elu"]), (3, 4), whole(4, 2), twin=lambda x, w: ops.elu(ops.matmul(x, w))),
        Case(always(L.Dense, K.fused["sigmoid"]), (3, 4), whole(4, 2), twin=lambda x, w: ops.sigmoid(ops.matmul(x, w))),
        Case(always(L.Dense, K.fused["exponential"]), (3, 4), whole(4, 2), twin=lambda x, w: ops.exp(ops.matmul(x, w))),
    ],
    "Matmul": [
        Case(always(L.Matmul), (3, 4), whole(4, 2)),
        Case(always(L.Matmul), (5, 3, 4), (5, 4, 2)),
        Case(always(L.Matmul), (5, 1, 3, 4), whole(2, 4, 2)),
        Case(always(L.Matmul), (3, 4), whole(4)),
        Case(always(L.Matmul), (4,), (5, 4, 2), batched=False),
        Case(always(L.Matmul), (4,), (4,), batched=False),
    ],
    "Einsum": [
        Case(always(L.Einsum, "ij,jk->ik"), (3, 4), whole(4, 2), twin=ops.matmul),
        Case(always(L.Einsum, "bij,bkj->bik"), (2, 3, 4), (2, 5, 4)),
        Case(always(L.Einsum, "...j,jk->...k"), (2, 3, 4), whole(4, 2), twin=ops.matmul),
        Case(always(L.Einsum, "ijk->i"), (2, 3, 4), twin=lambda x: ops.sum(x, axis=(1, 2))),
        Case(always(L.Einsum, "ij,jk"), (3, 4), whole(4, 2)),
        Case(always(L.Einsum, "ii->i"), (3, 3), batched=False),
        Case(always(L.Einsum, "bi,bj,k->bk"), (3, 4), (3, 2), whole(5)),
    ],
    # --- convolution and pooling
    "Conv": [
        Case(always(C.Conv, (1, 1), ((0, 0), (0, 0)), (1, 1)), (2, 5, 4, 2), whole(3, 2, 2, 3), whole(3)),
        Case(
            always(C.Conv, (2, 1), ((1, 1), (0, 1)), (1, 2), 1, K.fused["tanh"]), (2, 7, 6, 1), whole(3, 2, 1, 4), whole(4)
        ),
        Case(always(C.Conv, (1, 1), ((1, 1), (1, 1)), (1, 1), 2), (2, 4, 4, 4), whole(3, 3, 2, 6)),
        Case(always(C.Conv, (2,), ((1, 0),), (1,)), (3, 7, 2), whole(2, 2, 3), whole(3)),
        Case(always(C.Conv, (1, 1, 2), ((0, 0), (1, 1), (0, 0)), (1, 1, 1)), (2, 3, 3, 4, 2), whole(2, 2, 2, 2, 3)),
    ],
    "ConvTranspose": [
        Case(always(C.ConvTranspose, (5, 6), (1, 2), ((0, 0), (0, 0)), (1, 1)), (2, 3, 3, 2), whole(3, 2, 3, 2), whole(3)),
        Case(always(C.ConvTranspose, (6,), (2,), ((0, 1),), (1,), K.fused["tanh"]), (3, 3, 2), whole(3, 4, 2), whole(4)),
    ],
    "MaxPool": [
        Case(always(P.MaxPool, (2, 2), (2, 2), ((0, 0), (0, 0))), (2, 5, 4, 3)),
        Case(always(P.MaxPool, (3, 2), (2, 1), ((1, 1), (0, 1))), (2, 6, 5, 2)),
        Case(always(P.MaxPool, (3,), (2,), ((1, 0),)), (3, 7, 2)),
    ],
    "AveragePool": [
        Case(always(P.AveragePool, (2, 2), (2, 2), ((0, 0), (0, 0))), (2, 5, 4, 3)),
        Case(always(P.AveragePool, (3, 2), (2, 1), ((1, 1), (0, 1))), (2, 6, 5, 2)),
    ],
    "Resample": [
        Case(always(Z.Resample, [np.array([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]])], [1]), (2, 3, 4)),
        Case(
            always(Z.Resample, [np.array([[1.0, 0.0, 0.5]]), np.array([[0.5, 0.5], [0.0, 1.0], [2.0, 0.0]])], [1, 2]),
            (2, 3, 2, 4),
        ),
    ],
    "Upsample": [Case(always(Z.Upsample, (2,), (1,)), (2, 3, 4)), Case(always(Z.Upsample, (2, 3), (1, 2)), (2, 3, 2, 4))],
    # --- normalization
    "BatchNormTraining": [
        Case(
            always(N.BatchNormTraining, (0,), 1e-3), (6, 3), whole(3), whole(3), mixes=True,
            twin=lambda x, g, b: (
                (x - ops.mean(x, 0)) / ops.sqrt(ops.var(x, 0) + 1e-3) * g + b, ops.mean(x, 0), ops.var(x, 0)
            ),
        ),
        Case(always(N.BatchNormTraining, (0, 1, 2), 1e-3, True, False), (3, 2, 4, 3), whole(3), mixes=True),
        Case(always(N.BatchNormTraining, (0, 2), 1e-3, False, True), (3, 4, 2), whole(4), mixes=True),
        Case(always(N.BatchNormTraining, (0,), 1e-3, False, False), (4, 3), mixes=True),
        Case(always(N.BatchNormTraining, (0, 1, 2), 1e-3), (32, 16, 16, 12), whole(12), whole(12), mixes=True, rtol=1e-4),
    ],
    "BatchNorm": [
        Case(
            always(N.BatchNorm, -1, 1e-3), (4, 3), whole(3), whole(positive(3)), whole(3), whole(3),
            twin=lambda x, m, v, g, b: (x - m) / ops.sqrt(v + 1e-3) * g + b,
        ),
        Case(always(N.BatchNorm, 1, 1e-3, True, False), (2, 3, 4), whole(3), whole(positive(3)), whole(3)),
        Case(always(N.BatchNorm, -1, 1e-3, False, False), (2, 3, 4), whole(4), whole(positive(4))),
    ],
    "LayerNorm": [
        Case(
            always(N.LayerNorm, (1,), 1e-3), (4, 5), whole(5), whole(5),
            twin=lambda x, g, b: (x - ops.mean(x, 1, True)) / ops.sqrt(ops.var(x, 1, True) + 1e-3) * g + b,
        ),
        Case(always(N.LayerNorm, (1, 2), 1e-3, True, False), (3, 4, 2), whole(4, 2)),
        Case(always(N.LayerNorm, (1,), 1e-3, False, False), (3, 4, 2)),
    ],
    "RmsNorm": [
        Case(
            always(N.RmsNorm, (1,), 1e-6), (4, 5), whole(5),
            twin=lambda x, s: x / ops.sqrt(ops.mean(x * x, 1, True) + 1e-6) * s,
        ),
        Case(always(N.RmsNorm, (1, 2), 1e-6), (4, 5, 2)),
    ],
    "Normalize": [
        Case(always(N.Normalize, (1,), 1e-6), (4, 5), twin=lambda x: x / ops.sqrt(ops.sum(x * x, 1, True))),
        Case(always(N.Normalize, (1,), 100.0), (4, 5), twin=lambda x: x / 100),
    ],
    # --- noise, the same each time
    "Dropout": [Case(lambda n: D.Dropout(0.4, (n, 5), _generator()), (4, 5)), Case(lambda n: D.Dropout(1, (n, 5), _generator()), (4, 5))],
    "AlphaDropout": [Case(lambda n: D.AlphaDropout(0.4, (n, 5), _generator()), (4, 5))],
    "GaussianDropout": [Case(lambda n: D.GaussianDropout(0.4, _generator()), (4, 5), mixes=True)],
    "GaussianNoise": [Case(lambda n: D.GaussianNoise(0.4, _generator()), (4, 5), mixes=True)],
    # --- losses
    "SoftmaxCrossEntropy": [
        Case(lambda n: X.SoftmaxCrossEntropy(LABELS[:n]), (4, 3), twin=lambda x: -ops.take_along_axis(ops.log_softmax(x), LABELS[:, None], 1)[:, 0]),
    ],
    "SoftmaxCrossEntropyDense": [
        Case(
            always(X.SoftmaxCrossEntropyDense), probabilities(4, 3), (4, 3),
            twin=lambda t, x: -ops.sum(t * ops.log_softmax(x), axis=-1),
        ),
    ],
    "CrossEntropy": [Case(lambda n: X.CrossEntropy(LABELS[:n]), positive(4, 3))],
    "CrossEntropyDense": [
        Case(
            always(X.CrossEntropyDense), probabilities(4, 3), positive(4, 3),
            twin=lambda t, p: -ops.sum(t * ops.log(p / ops.sum(p, -1, True)), axis=-1),
        ),
    ],
    "SquaredError": [
        Case(always(X.SquaredError), (4, 3), (4, 3), twin=lambda t, x: ops.mean(ops.square(x - t), axis=-1)),
        Case(always(X.SquaredError, None), (4, 1), (4, 3)),
    ],
    "AbsoluteError": [Case(always(X.AbsoluteError), (4, 3), (4, 3), twin=lambda t, x: ops.mean(ops.abs(x - t), axis=-1))],
    "SigmoidCrossEntropy": [
        Case(
            always(X.SigmoidCrossEntropy, None), positive(4, 3), (4, 3),
            twin=lambda t, x: -t * ops.log(ops.sigmoid(x)) - (1 - t) * ops.log(1 - ops.sigmoid(x)),
        ),
        Case(always(X.SigmoidCrossEntropy), positive(4, 3), (4, 3)),
    ],
    "BinaryCrossEntropy": [
        Case(
            always(X.BinaryCrossEntropy), probabilities(4, 3), probabilities(4, 3),
            twin=lambda t, p: ops.mean(-t * ops.log(p) - (1 - t) * ops.log(1 - p), axis=-1),
        ),
    ],
    "Total": [Case(always(X.Total, 3), (4, 3), mixes=True, twin=lambda x: ops.sum(x) / 3)],
}  # fmt: skip

# The operators driven by a table have a case for each entry; what is not listed takes normal numbers.
UNARY = {
    **dict.fromkeys(("log", "sqrt", "rsqrt", "reciprocal", "log2", "log10", "cbrt"), positive(3, 4)),
    **dict.fromkeys(("arccos", "arcsin", "arctanh", "log1p"), unit(3, 4)),
    "arccosh": above_one(3, 4),
}
BINARY = {"power": (positive(3, 4), (3, 4)), "divide": ((3, 4), positive(3, 4)), "mod": ((3, 4), positive(3, 4))}
FLAT = {"ceil", "floor", "rint", "sign", "trunc"}


def _tables():
    for name in E.Unary.table:
        yield f"Unary[{name}]", [Case(always(E.Unary, name), UNARY.get(name, (3, 4)), differentiable=name not in FLAT)]
    for name in E.Binary.table:
        a, b = BINARY.get(name, ((3, 4), (3, 4)))
        row = whole(positive(1, 4) if name in BINARY else (4,))
        yield f"Binary[{name}]", [Case(always(E.Binary, name), a, b), Case(always(E.Binary, name), a, row)]


CASES.update(_tables())
