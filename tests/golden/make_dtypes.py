"""Record the types of what functions of real Keras return for arrays of each type, and of two types.

    KERAS_BACKEND=jax python tests/golden/make_dtypes.py     (writes dtypes.json; needs Keras 3 and JAX)

A call is an expression of x, y (2, 2), z, w (2, 3), a number n, and f, i, b of float32, int32 and bool; "-" is a refusal.
"""

import itertools
import json
import pathlib

TYPES = ["bool", "uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32"]
INTEGERS = TYPES[:7]
NUMBERS = [True, 1, 1.0]

CALLS = {
    "pairs": """
        add(x, y) | subtract(x, y) | multiply(x, y) | divide(x, y) | true_divide(x, y) | floor_divide(x, y) | mod(x, y)
        fmod(x, y) | power(x, y) | maximum(x, y) | minimum(x, y) | fmax(x, y) | fmin(x, y) | arctan2(x, y) | hypot(x, y)
        logaddexp(x, y) | logaddexp2(x, y) | heaviside(x, y) | nextafter(x, y) | where(b, x, y) | matmul(x, y)
        dot(x, y) | outer(x, y) | inner(x, y) | vdot(x, y) | tensordot(x, y, 1) | einsum("ij,jk->ik", x, y)
        einsum("ij,jk,kl->il", x, y, x) | kron(x, y) | cross(z, w) | append(x, y) | concatenate([x, y]) | stack([x, y])
        hstack([x, y]) | vstack([x, y]) | dstack([x, y]) | average(x, weights=y) | correlate(x[0], y[0])
        digitize(x[0], y[0]) | searchsorted(y[0], x[0]) | isclose(x, y) | equal(x, y) | not_equal(x, y) | greater(x, y)
        greater_equal(x, y) | less(x, y) | less_equal(x, y) | logical_and(x, y) | logical_or(x, y) | logical_xor(x, y)
        divide_no_nan(x, y) | linspace(x, y) | logspace(x, y) | isin(x, y) | meshgrid(x[0], y[0])[0] | trapezoid(x, y)
    """,
    "any and integer": """
        take(x[0], y[0]) | take_along_axis(x, y, 0) | ldexp(f, y) | ldexp(x, i) | bincount(y[0], weights=x[0])
    """,
    "integers": """
        bitwise_and(x, y) | bitwise_or(x, y) | bitwise_xor(x, y) | bitwise_left_shift(x, y) | bitwise_right_shift(x, y)
        left_shift(x, y) | right_shift(x, y) | gcd(x, y) | lcm(x, y)
        unravel_index(x, (9, 9))[0]
    """,
    "with a number": """
        add(x, n) | subtract(x, n) | multiply(x, n) | divide(x, n) | floor_divide(x, n) | mod(x, n) | power(x, n)
        maximum(x, n) | minimum(x, n) | where(b, x, n) | equal(x, n) | clip(x, 0, n) | nextafter(x, n) | hypot(x, n)
        append(x, [n])
    """,
    "alone": """
        abs(x) | absolute(x) | all(x) | any(x) | amax(x) | amin(x) | angle(x) | arange(3, dtype=x.dtype) | arccos(x)
        arccosh(x) | arcsin(x) | arcsinh(x) | arctan(x) | arctanh(x) | argmax(x) | argmin(x) | argpartition(x, 0)
        argsort(x) | array(x) | average(x) | bartlett(x[0, 0]) | cbrt(x) | ceil(x) | clip(x, 0, 1) | clip(x, 0.0, 1.0)
        conjugate(x) | copy(x) | corrcoef(x) | cos(x) | cosh(x) | count_nonzero(x) | cumprod(x) | cumsum(x) | deg2rad(x)
        diag(x) | diagflat(x) | diagonal(x) | diff(x) | empty_like(x) | exp(x) | exp2(x) | expand_dims(x, 0) | expm1(x)
        fabs(x) | flip(x) | floor(x) | full_like(x, 2) | i0(x) | imag(x) | isfinite(x) | isinf(x) | isnan(x)
        isneginf(x) | isposinf(x) | isreal(x) | log(x) | log10(x) | log1p(x) | log2(x) | logical_not(x) | max(x)
        mean(x) | median(x) | min(x) | moveaxis(x, 0, 1) | nan_to_num(x) | nanargmax(x) | nanargmin(x) | nancumprod(x)
        nancumsum(x) | nanmax(x) | nanmean(x) | nanmedian(x) | nanmin(x) | nanpercentile(x, 50) | nanprod(x)
        nanquantile(x, 0.5) | nanstd(x) | nansum(x) | nanvar(x) | negative(x) | nonzero(x)[0] | ones_like(x) | pad(x, 1)
        percentile(x, 50) | prod(x) | ptp(x) | quantile(x, 0.5) | rad2deg(x) | ravel(x) | real(x) | reciprocal(x)
        repeat(x, 2) | reshape(x, (4,)) | roll(x, 1) | rot90(x) | round(x) | sign(x) | signbit(x) | sin(x) | sinc(x)
        sinh(x) | sort(x) | split(x, 2)[0] | sqrt(x) | square(x) | squeeze(x) | std(x) | sum(x) | swapaxes(x, 0, 1)
        tan(x) | tanh(x) | tile(x, 2) | trace(x) | transpose(x) | trapezoid(x) | tril(x) | triu(x) | trunc(x)
        vander(x[0]) | var(x) | where(x)[0] | zeros_like(x) | top_k(x, 1)[0]
        top_k(x, 1)[1] | unique(x) | relu(f) | relu6(x) | sigmoid(x) | softplus(x) | softsign(x) | silu(x)
        log_sigmoid(x) | leaky_relu(x) | hard_sigmoid(x) | hard_silu(x) | hard_tanh(x) | elu(x) | selu(x) | celu(x)
        gelu(x) | glu(x) | tanh_shrink(x) | soft_shrink(x) | hard_shrink(x) | threshold(x, 0, 0) | squareplus(x)
        sparse_plus(x) | sparse_sigmoid(x) | sparsemax(x) | softmax(x) | log_softmax(x) | erf(x) | erfinv(x) | erfc(x)
        logsumexp(x) | rsqrt(x) | one_hot(i, 3) | one_hot(i, 3, dtype=x.dtype) | in_top_k(i[0], f, 1)
        segment_sum(x, i[0], 2) | segment_max(x, i[0], 2) | cdist(x, x) | norm(x) | linalg.norm(x) | normalize(x)
        moments(x, 0)[0] | average_pool(x[None, :, :], 2) | bincount(x[0]) | saturate_cast(f, x.dtype)
        cast(f, x.dtype) | eye(2, dtype=x.dtype) | full((2,), 2, dtype=x.dtype) | tri(2, dtype=x.dtype)
        identity(2, dtype=x.dtype)
    """,
}
CALLS = {
    kind: [call.strip() for line in text.split("\n") for call in line.split(" | ") if call.strip()]
    for kind, text in CALLS.items()
}
ARGUMENTS = {
    "pairs": list(itertools.product(TYPES, TYPES)),
    "any and integer": list(itertools.product(TYPES, INTEGERS)),
    "integers": list(itertools.product(INTEGERS, INTEGERS)),
    "with a number": list(itertools.product(TYPES, NUMBERS)),
    "alone": [(t,) for t in TYPES],
}


def names(ops, first, second=None):
    """What the expressions are evaluated in."""

    def ones(dtype, *shape):
        return ops.ones(shape, dtype=dtype)

    found = {name: getattr(ops, name) for name in dir(ops)}
    found = {**found, "f": ones("float32", 2, 2), "i": ones("int32", 2, 2), "b": ones("bool", 2, 2)}
    found.update(x=ones(first, 2, 2), z=ones(first, 2, 3))
    if isinstance(second, str):
        found.update(y=ones(second, 2, 2), w=ones(second, 2, 3))
    return {**found, "n": second}


def main():
    import jax
    import keras

    def answer(call, arguments):
        try:
            return str(jax.eval_shape(lambda: eval(call, names(keras.ops, *arguments))).dtype)
        except Exception:
            try:  # a result whose shape depends on the values
                return str(keras.ops.dtype(eval(call, names(keras.ops, *arguments))))
            except Exception:
                return "-"

    answers = {
        call: " ".join(answer(call, arguments) for arguments in ARGUMENTS[kind])
        for kind, calls in CALLS.items()
        for call in calls
    }
    metadata = {"made_by": "tests/golden/make_dtypes.py", "keras": keras.__version__, "backend": keras.backend.backend()}
    path = pathlib.Path(__file__).with_name("dtypes.json")
    path.write_text(json.dumps({"metadata": metadata, "answers": answers}, indent=0) + "\n")


if __name__ == "__main__":
    main()
