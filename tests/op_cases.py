"""What every operator is tried on: the sweep in tests/ops runs over the subclasses of Operator and looks here."""

import importlib
import pkgutil

import numpy as np

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.autodiff import Operator


class Case:
    """One way to call an operator.

    Args:
        make: `make(arrays)` makes the operator that these inputs are for.
        inputs: a shape, for normal numbers; `positive`, `unit`, ... of one; or an array, which is taken as it is.
            The first axis of each is the batch, unless it is wrapped in `whole`.
        batched: whether there is a batch that may be cut.
        mixes: whether samples of a batch influence each other.
        differentiable: whether a gradient flows to the inputs.
        random: whether it draws numbers, which are others for another dtype.
        twin: the same step composed of primitives: a function of the inputs.
    """

    def __init__(
        self, make, *inputs, batched=True, mixes=False, differentiable=True, random=False, twin=None, rtol=1e-5
    ):
        self.make, self.inputs, self.batched, self.mixes = make, inputs, batched, mixes
        self.differentiable, self.random, self.twin, self.rtol = differentiable, random, twin, rtol

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


def all_operators(cls=Operator):
    """Every operator of kerasnp. A class with members of its own is a family, such as Reduction, and is none."""
    if cls is Operator:
        for module in pkgutil.iter_modules(ops.__path__):
            importlib.import_module(f"kerasnp.ops.{module.name}")
    for sub in cls.__subclasses__():
        if sub.__module__.startswith("kerasnp."):
            yield from list(all_operators(sub)) or [sub]


def find(name):
    """The operator class called `name`."""
    return next(cls for cls in all_operators() if cls.__name__ == name)


def make(name, *options):
    """An operator by the name of its class."""
    return find(name)(*options)


def always(name, *options):
    """`make` for an operator whose options do not depend on the batch."""
    return lambda xs: make(name, *options)


def spd(*shape):
    """Symmetric positive definite matrices."""

    def draw(rng):
        a = rng.standard_normal((*shape, shape[-1]))
        return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])

    return draw


def _generator():
    return K.random.generator(7)


LABELS = np.array([2, 0, 1, 1])
SYMBOLS = np.array([[1, 1, 0], [3, 0, 0], [2, 3, 1]])
INDICES = np.array([[0, 2], [1, 1], [2, 0]])
FIXED = {"differentiable": False}
# Steps that are left out: at the beginning, in the middle, at the end, and all of them.
STEPS = np.array([[False, True, False, True], [True, True, False, False], [False] * 4])


def recurrent(name, gates, states, bias=None, activations=("tanh", "sigmoid"), **options):
    """A case of three sequences of four steps for a recurrent operator with two units."""
    kernels = tuple(K.HardSigmoid(0.2) if a == "hard_sigmoid" else K.fused[a] for a in activations)

    def build(xs):
        cut = {
            k: v[: len(xs[0])] if k == "mask" else v[:, : len(xs[0])] if "drop" in k else v for k, v in options.items()
        }
        return find(name)(kernels, **cut)

    weights = [whole(3, gates * 2), whole(2, gates * 2)]
    return Case(build, (3, 4, 3), *weights, *[(3, 2)] * states, *([] if bias is None else [whole(*bias)]))


def recurrent_cases(name, gates, states, bias):
    """The ways to call a recurrent operator."""
    rng = np.random.default_rng(5)
    drop_x, drop_h = 2.0 * rng.integers(0, 2, (gates, 3, 3)), 2.0 * rng.integers(0, 2, (gates, 3, 2))
    call = [name, gates, states, bias]
    return [
        recurrent(*call),
        recurrent(*call[:3], sequences=True, backwards=True),
        recurrent(*call, mask=STEPS, with_states=True),
        recurrent(*call, mask=STEPS, sequences=True, backwards=True, with_states=True),
        recurrent(*call, mask=STEPS, sequences=True, zero_masked=True),
        recurrent(*call, mask=STEPS, zero_masked=True),
        recurrent(*call, activations=("softplus", "hard_sigmoid"), sequences=True),
        recurrent(*call, drop_x=drop_x, drop_h=drop_h, with_states=True),
        recurrent(*call, drop_x=drop_x, sequences=True),
        recurrent(*call, drop_h=drop_h, mask=STEPS),
    ]


PLACES_2D = np.random.default_rng(4).uniform(-4, 7, (2, 2, 5))

CASES = {
    # --- elementwise
    "Where": [
        Case(always("Where"), np.array([[True], [False], [True]]), (3, 4), whole(4)),
        Case(always("Where"), np.array([True, False, True]), (3,), (3,)),
    ],
    "Clip": [Case(always("Clip", -0.5, 0.7), (3, 4)), Case(always("Clip", 0, 1), (5,))],
    "Cast": [Case(always("Cast", "float64"), (3, 4)), Case(always("Cast", "int32"), (3, 4), **FIXED)],
    "StopGradient": [Case(always("StopGradient"), (3, 4), **FIXED)],
    # --- activation
    "LeakyRelu": [
        Case(always("LeakyRelu", 0.2), (3, 4), twin=lambda x: ops.maximum(x, 0) + 0.2 * ops.minimum(x, 0)),
        Case(always("LeakyRelu", 0.0), (5,)),
    ],
    "PRelu": [
        Case(always("PRelu"), (3, 4), whole(4), twin=lambda x, a: ops.maximum(x, 0) + a * ops.minimum(x, 0)),
        Case(always("PRelu"), (3, 2, 4), whole(1, 4)),
    ],
    "Elu": [
        Case(always("Elu"), (3, 4), twin=lambda x: ops.maximum(x, 0) + ops.expm1(ops.minimum(x, 0))),
        Case(
            always("Elu", 0.7, 1.3),
            (3, 4),
            twin=lambda x: 1.3 * (ops.maximum(x, 0) + 0.7 * ops.expm1(ops.minimum(x, 0))),
        ),
    ],
    "Gelu": [
        Case(always("Gelu", False), (3, 4), twin=lambda x: x * 0.5 * (1 + ops.erf(x * 0.5**0.5))),
        Case(
            always("Gelu", True),
            (3, 4),
            twin=lambda x: x * 0.5 * (1 + ops.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * ops.power(x, 3)))),
        ),
    ],
    "Silu": [Case(always("Silu"), (3, 4), twin=lambda x: x * ops.sigmoid(x))],
    "Piecewise": [Case(always("Piecewise", 1 / 6, 0.5), (3, 4), twin=lambda x: ops.clip(x / 6 + 0.5, 0, 1))],
    "Softsign": [Case(always("Softsign"), (3, 4), twin=lambda x: x / (1 + ops.abs(x)))],
    "Softmax": [
        Case(always("Softmax"), (4, 5), twin=lambda x: ops.exp(x) / ops.sum(ops.exp(x), axis=-1, keepdims=True)),
        Case(always("Softmax", 1), (2, 3, 4), twin=lambda x: ops.exp(x) / ops.sum(ops.exp(x), axis=1, keepdims=True)),
        Case(always("Softmax", (1, 2)), (2, 3, 4)),
        Case(always("Softmax"), (2, 3, 4)),
    ],
    "LogSoftmax": [
        Case(always("LogSoftmax"), (4, 5), twin=lambda x: ops.log(ops.softmax(x))),
        Case(always("LogSoftmax", 1), (2, 3, 4), twin=lambda x: x - ops.logsumexp(x, axis=1, keepdims=True)),
    ],
    # --- shape
    "Reshape": [Case(always("Reshape", (-1, 6)), (4, 2, 3)), Case(always("Reshape", -1), (4, 3), batched=False)],
    "Transpose": [
        Case(always("Transpose"), (2, 3, 4), batched=False),
        Case(always("Transpose", (0, 2, 1)), (2, 3, 4)),
        Case(always("Transpose", (1, -1, 0)), (2, 3, 4), batched=False),
    ],
    "Concatenate": [
        Case(always("Concatenate", -1), (3, 2), (3, 1), (3, 4)),
        Case(always("Concatenate", 0), (3, 2), (2, 2), mixes=True),
    ],
    "Stack": [
        Case(always("Stack", 1), (3, 2), (3, 2)),
        Case(always("Stack", -1), (3, 2), (3, 2), (3, 2)),
        Case(always("Stack", 0), (3, 2), (3, 2), mixes=True),
    ],
    "Split": [Case(always("Split", [1, 3], -1), (3, 4)), Case(always("Split", [2], 1), (2, 5, 2))],
    "GetItem": [
        Case(always("GetItem", (slice(None), slice(1, None, 2))), (3, 4)),
        Case(always("GetItem", (..., None, -1)), (3, 4)),
        Case(always("GetItem", 1), (3, 4), batched=False),
        Case(always("GetItem", np.array([0, 2, 2])), (3, 4), batched=False),
        Case(always("GetItem", (slice(None), np.array([True, False, True, True]))), (3, 4)),
        Case(always("GetItem", [0, 0]), (3, 4), batched=False),
    ],
    "Take": [
        Case(always("Take", INDICES, 1), (4, 3)),
        Case(always("Take", INDICES, -2), (4, 3, 2)),
        Case(always("Take", INDICES, None), (4, 3), batched=False),
        Case(always("Take", np.array([-1, 0, -1]), 0), (4, 3), batched=False),
        Case(always("Take", np.array(2), 1), (4, 3)),
    ],
    "TakeAlongAxis": [
        Case(lambda xs: make("TakeAlongAxis", INDICES[: len(xs[0])], 1), (3, 4)),
        Case(always("TakeAlongAxis", np.array([[2, 0, 0, 1]]), 0), (3, 4), batched=False),
    ],
    "BroadcastTo": [
        Case(lambda xs: make("BroadcastTo", (len(xs[0]), 2, 3)), (4, 1, 3)),
        Case(always("BroadcastTo", (2, 3)), (3,), batched=False),
        Case(always("BroadcastTo", (2, 3)), (), batched=False),
    ],
    "Pad": [
        Case(always("Pad", [(0, 0), (1, 2)]), (3, 4)),
        Case(always("Pad", [(0, 0), (1, 0)], "constant", 3.0), (3, 4)),
        Case(always("Pad", [(0, 0), (2, 1)], "reflect"), (3, 4)),
        Case(always("Pad", [(0, 0), (2, 1)], "symmetric"), (3, 4)),
    ],
    "Repeat": [Case(always("Repeat", 3, 1), (3, 4)), Case(always("Repeat", np.array([1, 0, 2, 1]), -1), (3, 4))],
    "Flip": [Case(always("Flip", 1), (3, 4)), Case(always("Flip", None), (3, 4), mixes=True)],
    # --- reduce
    "Sum": [
        Case(always("Sum"), (3, 4), mixes=True),
        Case(always("Sum", -1), (3, 4)),
        Case(always("Sum", (1, -1), True), (3, 4, 2)),
        Case(always("Sum", 0), (3, 4), mixes=True),
    ],
    "Mean": [
        Case(always("Mean"), (3, 4), batched=False, twin=lambda x: ops.sum(x) / 12),
        Case(always("Mean", 1), (3, 4), twin=lambda x: ops.sum(x, axis=1) / 4),
        Case(always("Mean", [1, 2], True), (3, 4, 2)),
    ],
    "Max": [
        Case(always("Max"), (3, 4), batched=False),
        Case(always("Max", 1), (3, 4)),
        Case(always("Max", (1, 2), True), (3, 4, 2)),
    ],
    "Min": [Case(always("Min"), (3, 4), batched=False), Case(always("Min", -1), (3, 4))],
    "Prod": [
        Case(always("Prod"), (3, 4), mixes=True, twin=lambda x: ops.prod(ops.prod(x, 0), 0)),
        Case(always("Prod", (0, 2), True), (3, 4, 2), mixes=True),
        Case(always("Prod", 1), np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 1.0], [1.0, 2.0, 3.0]])),
    ],
    "LogSumExp": [
        Case(always("LogSumExp"), (3, 4), batched=False, twin=lambda x: ops.log(ops.sum(ops.exp(x)))),
        Case(always("LogSumExp", 1), (3, 4), twin=lambda x: ops.log(ops.sum(ops.exp(x), axis=1))),
        Case(always("LogSumExp", (1, 2), True), (3, 4, 2)),
    ],
    "CumSum": [Case(always("CumSum", 1), (3, 4)), Case(always("CumSum", 0), (3, 4), mixes=True)],
    # --- linear
    "Dense": [
        Case(always("Dense"), (3, 4), whole(4, 2), whole(2), twin=lambda x, w, b: ops.matmul(x, w) + b),
        Case(
            always("Dense", K.fused["relu"]),
            (2, 3, 4),
            whole(4, 2),
            whole(2),
            twin=lambda x, w, b: ops.relu(ops.matmul(x, w) + b),
        ),
        Case(always("Dense", K.fused["tanh"]), (3, 4), whole(4, 2), twin=lambda x, w: ops.tanh(ops.matmul(x, w))),
        Case(
            always("Dense", K.fused["softplus"]), (3, 4), whole(4, 2), twin=lambda x, w: ops.softplus(ops.matmul(x, w))
        ),
        Case(always("Dense", K.fused["selu"]), (3, 4), whole(4, 2), twin=lambda x, w: ops.selu(ops.matmul(x, w))),
        Case(always("Dense", K.fused["elu"]), (3, 4), whole(4, 2), twin=lambda x, w: ops.elu(ops.matmul(x, w))),
        Case(always("Dense", K.fused["sigmoid"]), (3, 4), whole(4, 2), twin=lambda x, w: ops.sigmoid(ops.matmul(x, w))),
        Case(always("Dense", K.fused["exponential"]), (3, 4), whole(4, 2), twin=lambda x, w: ops.exp(ops.matmul(x, w))),
    ],
    "Matmul": [
        Case(always("Matmul"), (3, 4), whole(4, 2)),
        Case(always("Matmul"), (5, 3, 4), (5, 4, 2)),
        Case(always("Matmul"), (5, 1, 3, 4), whole(2, 4, 2)),
        Case(always("Matmul"), (3, 4), whole(4)),
        Case(always("Matmul"), (4,), (5, 4, 2), batched=False),
        Case(always("Matmul"), (4,), (4,), batched=False),
    ],
    "Einsum": [
        Case(always("Einsum", "ij,jk->ik"), (3, 4), whole(4, 2), twin=ops.matmul),
        Case(always("Einsum", "bij,bkj->bik"), (2, 3, 4), (2, 5, 4)),
        Case(always("Einsum", "...j,jk->...k"), (2, 3, 4), whole(4, 2), twin=ops.matmul),
        Case(always("Einsum", "ijk->i"), (2, 3, 4), twin=lambda x: ops.sum(x, axis=(1, 2))),
        Case(always("Einsum", "ij,jk"), (3, 4), whole(4, 2)),
        Case(always("Einsum", "ii->i"), (3, 3), batched=False),
        Case(always("Einsum", "bi,bj,k->bk"), (3, 4), (3, 2), whole(5)),
    ],
    # --- convolution and pooling
    "Conv": [
        Case(always("Conv", (1, 1), ((0, 0), (0, 0)), (1, 1)), (2, 5, 4, 2), whole(3, 2, 2, 3), whole(3)),
        Case(
            always("Conv", (2, 1), ((1, 1), (0, 1)), (1, 2), 1, K.fused["tanh"]),
            (2, 7, 6, 1),
            whole(3, 2, 1, 4),
            whole(4),
        ),
        Case(always("Conv", (1, 1), ((1, 1), (1, 1)), (1, 1), 2), (2, 4, 4, 4), whole(3, 3, 2, 6)),
        Case(always("Conv", (2,), ((1, 0),), (1,)), (3, 7, 2), whole(2, 2, 3), whole(3)),
        Case(always("Conv", (1, 1, 2), ((0, 0), (1, 1), (0, 0)), (1, 1, 1)), (2, 3, 3, 4, 2), whole(2, 2, 2, 2, 3)),
    ],
    "ConvMaxPool": [
        Case(
            always("ConvMaxPool", (1, 1), ((0, 0), (0, 0)), (1, 1), 1, None, ((2, 2), (2, 2), ((0, 0), (0, 0)))),
            (2, 6, 5, 2),
            whole(3, 2, 2, 3),
        ),
        Case(
            always(
                "ConvMaxPool", (1, 1), ((1, 1), (1, 1)), (1, 1), 1, K.fused["tanh"], ((3, 2), (2, 1), ((1, 1), (0, 1)))
            ),
            (2, 6, 5, 2),
            whole(3, 3, 2, 3),
            whole(3),
        ),
    ],
    "ConvTranspose": [
        Case(
            always("ConvTranspose", (5, 6), (1, 2), ((0, 0), (0, 0)), (1, 1)), (2, 3, 3, 2), whole(3, 2, 3, 2), whole(3)
        ),
        Case(
            always("ConvTranspose", (6,), (2,), ((0, 1),), (1,), K.fused["tanh"]), (3, 3, 2), whole(3, 4, 2), whole(4)
        ),
    ],
    "MaxPool": [
        Case(always("MaxPool", (2, 2), (2, 2), ((0, 0), (0, 0))), (2, 5, 4, 3)),
        Case(always("MaxPool", (3, 2), (2, 1), ((1, 1), (0, 1))), (2, 6, 5, 2)),
        Case(always("MaxPool", (3,), (2,), ((1, 0),)), (3, 7, 2)),
    ],
    "AveragePool": [
        Case(always("AveragePool", (2, 2), (2, 2), ((0, 0), (0, 0))), (2, 5, 4, 3)),
        Case(always("AveragePool", (3, 2), (2, 1), ((1, 1), (0, 1))), (2, 6, 5, 2)),
    ],
    "Resample": [
        Case(always("Resample", [np.array([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]])], [1]), (2, 3, 4)),
        Case(
            always("Resample", [np.array([[1.0, 0.0, 0.5]]), np.array([[0.5, 0.5], [0.0, 1.0], [2.0, 0.0]])], [1, 2]),
            (2, 3, 2, 4),
        ),
    ],
    "Upsample": [
        Case(always("Upsample", (2,), (1,)), (2, 3, 4)),
        Case(always("Upsample", (2, 3), (1, 2)), (2, 3, 2, 4)),
    ],
    "Warp": [
        Case(lambda xs, mode=mode: make("Warp", PLACES_2D[: len(xs[0])], 1, mode, 0.4), (2, 3, 4, 2))
        for mode in ("constant", "nearest", "wrap", "mirror", "reflect")
    ]
    + [
        Case(lambda xs: make("Warp", PLACES_2D[: len(xs[0])], 0, "constant", 0.4), (2, 3, 4, 2)),
        Case(always("Warp", PLACES_2D[:1, :1], 1, "reflect"), (1, 3, 2), batched=False),
    ],
    # --- normalization
    "BatchNormTraining": [
        Case(
            always("BatchNormTraining", (0,), 1e-3),
            (6, 3),
            whole(3),
            whole(3),
            mixes=True,
            twin=lambda x, g, b: (
                (x - ops.mean(x, 0)) / ops.sqrt(ops.var(x, 0) + 1e-3) * g + b,
                ops.mean(x, 0),
                ops.var(x, 0),
            ),
        ),
        Case(always("BatchNormTraining", (0, 1, 2), 1e-3, True, False), (3, 2, 4, 3), whole(3), mixes=True),
        Case(always("BatchNormTraining", (0, 2), 1e-3, False, True), (3, 4, 2), whole(4), mixes=True),
        Case(always("BatchNormTraining", (0,), 1e-3, False, False), (4, 3), mixes=True),
        Case(
            always("BatchNormTraining", (0, 1, 2), 1e-3), (32, 16, 16, 12), whole(12), whole(12), mixes=True, rtol=1e-4
        ),
    ],
    "BatchNorm": [
        Case(
            always("BatchNorm", -1, 1e-3),
            (4, 3),
            whole(3),
            whole(positive(3)),
            whole(3),
            whole(3),
            twin=lambda x, m, v, g, b: (x - m) / ops.sqrt(v + 1e-3) * g + b,
        ),
        Case(always("BatchNorm", 1, 1e-3, True, False), (2, 3, 4), whole(3), whole(positive(3)), whole(3)),
        Case(always("BatchNorm", -1, 1e-3, False, False), (2, 3, 4), whole(4), whole(positive(4))),
    ],
    "LayerNorm": [
        Case(
            always("LayerNorm", (1,), 1e-3),
            (4, 5),
            whole(5),
            whole(5),
            twin=lambda x, g, b: (x - ops.mean(x, 1, True)) / ops.sqrt(ops.var(x, 1, True) + 1e-3) * g + b,
        ),
        Case(always("LayerNorm", (1, 2), 1e-3, True, False), (3, 4, 2), whole(4, 2)),
        Case(always("LayerNorm", (1,), 1e-3, False, False), (3, 4, 2)),
    ],
    "GroupNorm": [
        Case(always("GroupNorm", 2, 1e-3), (3, 4, 2, 6), whole(6), whole(6)),
        Case(always("GroupNorm", 3, 1e-3, True, False), (3, 6), whole(6)),
        Case(always("GroupNorm", 1, 0.1, False, True), (3, 5, 4), whole(4)),
    ],
    "RmsNorm": [
        Case(
            always("RmsNorm", (1,), 1e-6),
            (4, 5),
            whole(5),
            twin=lambda x, s: x / ops.sqrt(ops.mean(x * x, 1, True) + 1e-6) * s,
        ),
        Case(always("RmsNorm", (1, 2), 1e-6), (4, 5, 2)),
    ],
    "Normalize": [
        Case(always("Normalize", (1,), 1e-6), (4, 5), twin=lambda x: x / ops.sqrt(ops.sum(x * x, 1, True))),
        Case(always("Normalize", (1,), 100.0), (4, 5), twin=lambda x: x / 100),
    ],
    # --- noise, the same each time
    "Dropout": [
        Case(lambda xs: make("Dropout", 0.4, (len(xs[0]), 5), 5), (4, 5), random=True),
        Case(lambda xs: make("Dropout", 1, (len(xs[0]), 5), 5), (4, 5), random=True),
    ],
    "AlphaDropout": [Case(lambda xs: make("AlphaDropout", 0.4, (len(xs[0]), 5), _generator()), (4, 5), random=True)],
    "GaussianDropout": [Case(lambda xs: make("GaussianDropout", 0.4, _generator()), (4, 5), random=True, mixes=True)],
    "GaussianNoise": [Case(lambda xs: make("GaussianNoise", 0.4, _generator()), (4, 5), random=True, mixes=True)],
    # --- losses
    "SoftmaxCrossEntropy": [
        Case(
            lambda xs: make("SoftmaxCrossEntropy", LABELS[: len(xs[0])]),
            (4, 3),
            twin=lambda x: -ops.take_along_axis(ops.log_softmax(x), LABELS[:, None], 1)[:, 0],
        ),
    ],
    "SoftmaxCrossEntropyDense": [
        Case(
            always("SoftmaxCrossEntropyDense"),
            probabilities(4, 3),
            (4, 3),
            twin=lambda t, x: -ops.sum(t * ops.log_softmax(x), axis=-1),
        ),
    ],
    "SoftmaxCrossEntropyLent": [
        Case(
            lambda xs: make("SoftmaxCrossEntropyLent", LABELS[: len(xs[0])], K.softmax(xs[0])),
            (4, 3),
            twin=lambda x: make("SoftmaxCrossEntropy", LABELS)(x),
        ),
    ],
    "SoftmaxMeanCrossEntropy": [
        Case(
            always("SoftmaxMeanCrossEntropy"),
            (4, 3),
            LABELS,
            mixes=True,
            twin=lambda x, t: (ops.mean(make("SoftmaxCrossEntropy", t)(x)), ops.softmax(x)),
        ),
    ],
    "CrossEntropy": [Case(lambda xs: make("CrossEntropy", LABELS[: len(xs[0])]), positive(4, 3))],
    "CrossEntropyDense": [
        Case(
            always("CrossEntropyDense"),
            probabilities(4, 3),
            positive(4, 3),
            twin=lambda t, p: -ops.sum(t * ops.log(p / ops.sum(p, -1, True)), axis=-1),
        ),
    ],
    "SquaredError": [
        Case(always("SquaredError"), (4, 3), (4, 3), twin=lambda t, x: ops.mean(ops.square(x - t), axis=-1)),
        Case(always("SquaredError", None), (4, 1), (4, 3)),
    ],
    "AbsoluteError": [
        Case(always("AbsoluteError"), (4, 3), (4, 3), twin=lambda t, x: ops.mean(ops.abs(x - t), axis=-1))
    ],
    "SigmoidCrossEntropy": [
        Case(
            always("SigmoidCrossEntropy", None),
            positive(4, 3),
            (4, 3),
            twin=lambda t, x: -t * ops.log(ops.sigmoid(x)) - (1 - t) * ops.log(1 - ops.sigmoid(x)),
        ),
        Case(always("SigmoidCrossEntropy"), positive(4, 3), (4, 3)),
    ],
    "BinaryCrossEntropy": [
        Case(
            always("BinaryCrossEntropy"),
            probabilities(4, 3),
            probabilities(4, 3),
            twin=lambda t, p: ops.mean(-t * ops.log(p) - (1 - t) * ops.log(1 - p), axis=-1),
        ),
    ],
    "AbsolutePercentageError": [Case(always("AbsolutePercentageError"), positive(4, 3), (4, 3))],
    "SquaredLogarithmicError": [
        Case(
            always("SquaredLogarithmicError"),
            positive(4, 3),
            positive(4, 3),
            twin=lambda t, x: ops.mean(ops.square(ops.log1p(x) - ops.log1p(t)), axis=-1),
        ),
    ],
    "HuberError": [Case(always("HuberError", 0.8), (4, 3), (4, 3))],
    "LogCoshError": [
        Case(always("LogCoshError"), (4, 3), (4, 3), twin=lambda t, x: ops.mean(ops.log(ops.cosh(x - t)), axis=-1)),
    ],
    "PoissonError": [Case(always("PoissonError"), positive(4, 3), positive(4, 3))],
    "HingeError": [
        Case(always("HingeError"), (4, 3), (4, 3), twin=lambda t, x: ops.mean(ops.relu(1 - t * x), axis=-1)),
    ],
    "SquaredHingeError": [
        Case(
            always("SquaredHingeError"),
            (4, 3),
            (4, 3),
            twin=lambda t, x: ops.mean(ops.square(ops.relu(1 - t * x)), axis=-1),
        ),
    ],
    "Divergence": [
        Case(
            always("Divergence"),
            probabilities(4, 3),
            probabilities(4, 3),
            twin=lambda t, x: ops.sum(t * ops.log(t / x), axis=-1),
        ),
    ],
    "CosineProximity": [
        Case(
            always("CosineProximity"),
            (4, 3),
            (4, 3),
            twin=lambda t, x: -ops.sum(ops.normalize(t) * ops.normalize(x), axis=-1),
        ),
    ],
    "Ctc": [
        Case(
            lambda xs: make("Ctc", *(a[: len(xs[0])] for a in (SYMBOLS, np.array([2, 1, 3]), np.array([6, 4, 5]))), 0),
            (3, 6, 4),
        ),
    ],
    "SimpleRnn": recurrent_cases("SimpleRnn", 1, 1, (2,)),
    "Lstm": recurrent_cases("Lstm", 4, 2, (8,)),
    "Gru": recurrent_cases("Gru", 3, 1, (2, 6)),
    "GruResetBefore": recurrent_cases("GruResetBefore", 3, 1, (6,)),
    "Total": [Case(always("Total", 3), (4, 3), mixes=True, twin=lambda x: ops.sum(x) / 3)],
}

CASES |= {
    # --- arrange and sorting
    "Scatter": [
        Case(lambda xs: make("Scatter", (LABELS[: len(xs[0])],), (3, 2)), (4, 2), mixes=True),
        Case(always("Scatter", (np.array([0, 1]), np.array([1, 1])), (2, 3)), (2,), batched=False),
    ],
    "Update": [
        Case(always("Update", (slice(None), slice(1, 3))), (3, 4), (3, 2)),
        Case(always("Update", (np.array([0, 2, 0]),)), (3, 4), (3, 4), batched=False),
    ],
    "SegmentMax": [Case(lambda xs: make("SegmentMax", LABELS[: len(xs[0])], 3), (4, 2), batched=False)],
    "SegmentMin": [Case(lambda xs: make("SegmentMin", LABELS[: len(xs[0])], 3), (4, 2), batched=False)],
    "SegmentProd": [Case(lambda xs: make("SegmentProd", LABELS[: len(xs[0])], 4), (4, 2), mixes=True)],
    "CumProd": [
        Case(always("CumProd", 1), (3, 4)),
        Case(always("CumProd", 0), (3, 4), mixes=True),
        Case(always("CumProd", -1), np.array([[2.0, 0.0, 3.0, 0.0, 1.0]])),
    ],
    "CustomGradient": [
        Case(
            always("CustomGradient", lambda x, y: (x * y * y, lambda dy: (dy * y * y, 2 * dy * x * y))), (3, 4), (3, 4)
        ),
    ],
    "Remat": [
        Case(always("Remat", lambda x, y: ops.sin(x) * y + x), (3, 4), (3, 4)),
        Case(always("Remat", lambda x, y: (ops.sin(x) * y, y * y)), (3, 4), (3, 4)),
    ],
    # --- linear algebra
    "Cholesky": [Case(always("Cholesky"), spd(2, 3)), Case(always("Cholesky"), spd(3), batched=False)],
    "Inverse": [Case(always("Inverse"), spd(2, 3))],
    "SignLogDet": [Case(always("SignLogDet"), (2, 3, 3)), Case(always("SignLogDet"), (3, 3), batched=False)],
    "Determinant": [Case(always("Determinant"), (2, 3, 3)), Case(always("Determinant"), (3, 3), batched=False)],
    "Solve": [
        Case(always("Solve"), spd(2, 3), (2, 3, 2)),
        Case(always("Solve", "lower"), spd(2, 3), (2, 3, 2)),
        Case(always("Solve", "upper"), spd(3), (3, 2), batched=False),
    ],
    "Qr": [Case(always("Qr"), (2, 4, 3)), Case(always("Qr"), (3, 3), batched=False)],
    "Eigh": [Case(always("Eigh"), spd(2, 4)), Case(always("Eigh"), spd(3), batched=False)],
    "Svd": [Case(always("Svd"), (2, 4, 3)), Case(always("Svd"), (2, 3, 4)), Case(always("Svd"), (3, 3), batched=False)],
    # --- Fourier
    "Fourier": [
        Case(always("Fourier"), (2, 5), (2, 5)),
        Case(always("Fourier", 2), (2, 4, 3), (2, 4, 3)),
        Case(always("Fourier", 2, True), (2, 4, 3), (2, 4, 3)),
    ],
    "RealFourier": [
        Case(always("RealFourier", None), (2, 6)),
        Case(always("RealFourier", 9), (2, 6)),
        Case(always("RealFourier", 4), (2, 7)),
    ],
    "InverseRealFourier": [
        Case(always("InverseRealFourier", None), (2, 4), (2, 4)),
        Case(always("InverseRealFourier", 7), (2, 4), (2, 4)),
        Case(always("InverseRealFourier", 9), (2, 3), (2, 3)),
        Case(always("InverseRealFourier", 4), (2, 5), (2, 5)),
    ],
}


def attention(*shapes, mask=None, rate=0.0, **options):
    """A case of attention: the mask is True where it is allowed, and belongs to the batch if it is as long."""

    def build(xs):
        given = dict(options)
        if rate:
            given |= {"rate": rate, "generator": _generator()}
        if mask is not None:
            lowest = 0.5 * np.finfo("float32").min
            given["mask"] = np.where(mask[: len(xs[0])] if len(mask) > 1 else mask, 0.0, lowest)
        return find("Attention")(0.6, **given)

    return Case(build, *shapes, random=bool(rate), mixes=bool(rate))


def attention_twin(q, k, v, bias=None):
    """What attention means, for as many heads as groups."""
    scores = ops.einsum("bthd,bshd->bhts", q, k) * 0.6
    return ops.einsum("bhts,bshe->bthe", ops.softmax(scores if bias is None else scores + bias), v)


ALLOWED = np.random.default_rng(5).random((3, 2, 4, 5)) < 0.6
CASES["Attention"] = [
    Case(always("Attention", 0.6), (3, 4, 2, 3), (3, 5, 2, 3), (3, 5, 2, 2), twin=attention_twin),
    Case(always("Attention", 0.6), (3, 4, 2, 3), (3, 5, 2, 3), (3, 5, 2, 2), whole(1, 2, 4, 5), twin=attention_twin),
    # Heads that share keys; weights returned; rows that the mask leaves nothing of.
    attention((3, 4, 4, 3), (3, 5, 2, 3), (3, 5, 2, 2), mask=np.tril(np.ones((1, 1, 4, 5), bool)), scores=True),
    attention((3, 4, 2, 3), (3, 5, 2, 3), (3, 5, 2, 2), mask=ALLOWED & (np.arange(4) > 0)[:, None], empty=-1e38),
    attention((3, 4, 2, 3), (3, 5, 2, 3), (3, 5, 2, 2), (3, 1, 1, 5), mask=ALLOWED[:, :1, :1], cap=0.8),
    attention((3, 4, 4, 3), (3, 5, 2, 3), (3, 5, 2, 2), rate=0.4, scores=True),
    Case(lambda xs: make("Attention", 0.6, np.full((1, 1, 4, 5), -1e30), None, 0.0, None, None, np.full((1, 1, 4, 1), True)),
         (3, 4, 2, 3), (3, 5, 2, 3), (3, 5, 2, 2)),
    attention((3, 4, 2, 3), (3, 5, 2, 3), (3, 5, 2, 2), rate=1),
    # More than one piece: parts of the heads of a sample, and whole samples.
    attention((2, 230, 4, 2), (2, 210, 4, 2), (2, 210, 4, 2), mask=np.tri(230, 210, dtype=bool)[None, None]),
    attention((5, 90, 4, 2), (5, 100, 2, 2), (5, 100, 2, 2), mask=np.arange(5)[:, None, None, None] < np.arange(100)),
]

# The operators driven by a table have a case for each entry; what is not listed takes normal numbers.
UNARY = {
    **dict.fromkeys(("log", "sqrt", "rsqrt", "reciprocal", "log2", "log10", "cbrt"), positive(3, 4)),
    **dict.fromkeys(("arccos", "arcsin", "arctanh", "erfinv", "log1p"), unit(3, 4)),
    "arccosh": above_one(3, 4),
}
BINARY = {"power": (positive(3, 4), (3, 4)), "divide": ((3, 4), positive(3, 4)), "mod": ((3, 4), positive(3, 4))}
FLAT = {"ceil", "floor", "rint", "sign", "trunc"}


def _tables():
    for name in find("Unary").table:
        yield f"Unary[{name}]", [Case(always("Unary", name), UNARY.get(name, (3, 4)), differentiable=name not in FLAT)]
    for name in find("Binary").table:
        a, b = BINARY.get(name, ((3, 4), (3, 4)))
        row = whole(positive(1, 4) if name in BINARY else (4,))
        yield f"Binary[{name}]", [Case(always("Binary", name), a, b), Case(always("Binary", name), a, row)]


CASES.update(_tables())
