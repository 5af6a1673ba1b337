"""Convolution kernels: the fast ones against their definitions, in every shape they know."""

import numpy as np
import pytest

from kerasnp import backend as K
from kerasnp.backend import conv_batch_last, conv_schemes, reference, threads
from kerasnp.backend.conv import conv_grad
from kerasnp.backend.conv_fused import conv_pool, conv_pool_grad

TOLERANCE = {"float64": {"rtol": 1e-9, "atol": 1e-10}, "float32": {"rtol": 2e-4, "atol": 2e-4}}


def normal(*shape, dtype="float64", seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def orders(x):
    """The same images in four orders in memory: plain, batch last, channels first, and with gaps."""
    yield x
    yield np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)
    yield np.moveaxis(np.ascontiguousarray(np.moveaxis(x, -1, 1)), 1, -1)
    gaps = np.full((*(2 * n for n in x.shape),), np.nan, x.dtype)[tuple(slice(1, None, 2) for _ in x.shape)]
    gaps[...] = x
    yield gaps


def check(x, kernel, strides, padding, dilation, groups):
    """Forward and both gradients, and that nothing given was written to."""
    options = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    tolerance = TOLERANCE[x.dtype.name]
    bias = normal(kernel.shape[-1], dtype=x.dtype)
    given = [x.copy(), kernel.copy(), bias.copy()]
    expected = reference.conv(x, kernel, bias, K.fused["tanh"], **options)
    y = K.conv(x, kernel, bias, K.fused["tanh"], **options)
    assert y.dtype == x.dtype and y.shape == expected.shape
    np.testing.assert_allclose(y, expected, **tolerance, err_msg="forward")
    dz = normal(*y.shape, dtype=x.dtype, seed=1)
    kept = dz.copy()
    dw = K.conv_grad_kernel(x, dz, kernel.shape, **options)
    expected = reference.conv_grad_kernel(x, dz, kernel.shape, **options)
    assert dw.dtype == x.dtype
    np.testing.assert_allclose(dw, expected, **tolerance, err_msg="gradient of the kernel")
    out = np.full(kernel.shape, np.nan, x.dtype)
    assert K.conv_grad_kernel(x, dz, kernel.shape, **options, out=out) is out
    np.testing.assert_array_equal(out, dw)
    dx = K.conv_grad_input(dz, kernel, x.shape, **options)
    assert dx.dtype == x.dtype and dx.shape == x.shape
    np.testing.assert_allclose(
        dx, reference.conv_grad_input(dz, kernel, x.shape, **options), **tolerance, err_msg="gradient of the input"
    )
    for now, before in zip((x, kernel, bias, dz), (*given, kept)):
        np.testing.assert_array_equal(now, before)


STRIDES_PADDING = [  # per axis, in turn
    ([1, 1, 1], [(0, 0), (0, 0), (0, 0)]),
    ([1, 1, 1], [(1, 1), (0, 1), (1, 0)]),
    ([2, 1, 3], [(1, 0), (2, 2), (0, 2)]),
    ([1, 3, 2], [(3, 1), (0, 0), (2, 1)]),
]


@pytest.mark.parametrize("options", STRIDES_PADDING, ids=str)
@pytest.mark.parametrize("window", [(1, 1, 1), (3, 3, 3), (2, 4, 1), (5, 2, 3)], ids=str)
@pytest.mark.parametrize("space", [(9,), (7, 6), (13, 2), (4, 5, 6)], ids=str)
def test_sizes_strides_and_padding(space, window, options):
    rank = len(space)
    strides, padding = (tuple(values[:rank]) for values in options)
    for n in (1, 3, 17):
        for c, filters in ((1, 3), (3, 2), (16, 17)):
            check(normal(n, *space, c), normal(*window[:rank], c, filters), strides, padding, (1,) * rank, 1)


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("space", [(12,), (8, 9), (7, 8, 9)], ids=str)
def test_dilation_and_groups(space, groups, dilation):
    rank = len(space)
    for n in (2, 16):
        for stride in (1, 2):
            check(
                normal(n, *space, 4), normal(*(3,) * rank, 4 // groups, 8),
                (stride,) * rank, ((1, 2),) * rank, (dilation,) * rank, groups,
            )  # fmt: skip


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("n", [1, 3, 17])
def test_depthwise(n, multiplier):
    for strides, dilation in (((1, 1), (1, 1)), ((2, 3), (1, 1)), ((1, 1), (2, 1))):
        for x in orders(normal(n, 8, 9, 5)):
            check(x, normal(3, 2, 1, 5 * multiplier), strides, ((1, 1), (0, 1)), dilation, 5)
    check(normal(n, 9, 3), normal(4, 1, 3 * multiplier), (2,), ((2, 1),), (1,), 3)
    check(normal(n, 4, 5, 6, 2), normal(2, 2, 3, 1, 2 * multiplier), (1, 2, 1), ((0, 1),) * 3, (1, 1, 1), 2)


@pytest.mark.parametrize("n", [2, 16])
@pytest.mark.parametrize("c, filters", [(2, 3), (20, 16)])
def test_any_order_in_memory(n, c, filters):
    kernel = normal(3, 3, c, filters)
    for x in orders(normal(n, 9, 6, c)):
        check(x, kernel, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    x, dzs = normal(n, 9, 6, c), normal(n, 9, 6, filters)
    options = {"strides": (1, 1), "padding": ((1, 1), (1, 1))}
    for dz in orders(dzs):
        np.testing.assert_allclose(
            K.conv_grad_kernel(x, dz, kernel.shape, **options),
            reference.conv_grad_kernel(x, dzs, kernel.shape, **options),
        )
        np.testing.assert_allclose(
            K.conv_grad_input(dz, kernel, x.shape, **options),
            reference.conv_grad_input(dzs, kernel, x.shape, **options),
            atol=1e-12,
        )


@pytest.mark.parametrize("n", [0, 1, 20])
@pytest.mark.parametrize("space", [(2, 9), (9, 2), (0, 4)], ids=str)
def test_no_images_and_kernels_larger_than_the_image(n, space):
    check(normal(n, *space, 3), normal(3, 3, 3, 4), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    check(normal(n, *space, 4), normal(3, 3, 1, 4), (1, 1), ((0, 0), (0, 0)), (1, 1), 4)
    check(normal(n, 4, 4, 3), normal(3, 3, 3, 4), (1, 1), ((0, 0), (0, 0)), (3, 1), 1)


@pytest.mark.parametrize("activation", [None, "relu", "tanh"])
@pytest.mark.parametrize("n, c, filters, space, groups", [
    (3, 2, 4, (7, 6), 1), (17, 2, 4, (9, 8), 1), (16, 17, 16, (9, 12), 1), (18, 4, 4, (9,), 1), (16, 4, 4, (9, 8), 4),
    (0, 2, 3, (7, 6), 1),
])  # fmt: skip
def test_all_gradients_at_once(n, c, filters, space, groups, activation):
    rank = len(space)
    activation = K.fused.get(activation)
    x, kernel, bias = normal(n, *space, c), normal(*(3,) * rank, c // groups, filters), normal(filters)
    options = {"strides": (1,) * rank, "padding": ((1, 0),) * rank, "dilation": (1,) * rank, "groups": groups}
    y = K.conv(x, kernel, bias, activation, **options)
    for dy in orders(normal(*y.shape, seed=1)):
        given = [a.copy() for a in (x, kernel, y, dy)]
        expected = reference.conv_grad(x, kernel, y, dy, activation, **options)
        for wants in ((True, True, True), (False, True, True), (True, False, False), (False, False, True)):
            found = conv_grad(x, kernel, y, dy, activation, **options, wants=wants)
            for gradient, definition, wanted in zip(found, expected, wants, strict=True):
                assert (gradient is not None) == wanted
                if wanted:
                    np.testing.assert_allclose(gradient, definition, rtol=1e-9, atol=1e-10)
        for now, before in zip((x, kernel, y, dy), given):
            np.testing.assert_array_equal(now, before)


@pytest.mark.parametrize("activation", [None, "relu", "tanh"])
@pytest.mark.parametrize("n, c, filters, space, size", [
    (3, 2, 4, (7, 6), (2, 2)), (17, 2, 4, (9, 8), (2, 2)), (16, 17, 16, (9, 12), (2, 2)), (18, 4, 4, (9,), (2,)),
    (20, 16, 16, (13, 13), (3, 2)), (16, 16, 20, (14, 11), (5, 3)), (18, 3, 4, (30, 30), (2, 3)),
    (16, 2, 2, (4, 4), (5, 5)), (2, 2, 3, (5, 6, 7), (2, 2, 2)), (0, 2, 3, (7, 6), (2, 2)),
])  # fmt: skip
@pytest.mark.parametrize("overlap", [0, 1])
def test_convolution_and_pooling_in_one(n, c, filters, space, size, activation, overlap):
    rank = len(space)
    activation = K.fused.get(activation)
    x, kernel, bias = normal(n, *space, c), normal(*(3,) * rank, c, filters), normal(filters)
    pool = size, tuple(k - overlap for k in size), ((0, overlap),) * rank
    options = {"strides": (1,) * rank, "padding": ((1, 0),) * rank, "dilation": (1,) * rank, "pool": pool}
    expected, z = reference.conv_pool(x, kernel, bias, activation, **options)
    y, won = conv_pool(x, kernel, bias, activation, **options)
    np.testing.assert_allclose(y, expected, rtol=1e-9, atol=1e-10)
    np.testing.assert_array_equal(conv_pool(x, kernel, bias, activation, **options, winners=False)[0], y)
    dy = normal(*y.shape, seed=1)
    definitions = reference.conv_pool_grad(x, kernel, expected, z, dy, activation, **options)
    for wants in ((True, True, True), (False, True, True), (True, False, False)):
        found = conv_pool_grad(x, kernel, y, won, dy, activation, **options, wants=wants)
        for gradient, definition, wanted in zip(found, definitions, wants, strict=True):
            assert (gradient is not None) == wanted
            if wanted:
                np.testing.assert_allclose(gradient, definition, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("n", [1, 32])
@pytest.mark.parametrize(
    "side, c, filters, window, pad",
    [(28, 1, 6, 5, 2), (14, 6, 16, 5, 0), (28, 1, 32, 3, 0), (13, 32, 64, 3, 0), (28, 32, 32, 3, 1)],
)
def test_layers_of_known_networks_in_float32(n, side, c, filters, window, pad):
    scale = np.float32(1 / np.sqrt(c) / window)
    x, kernel = normal(n, side, side, c, dtype="float32"), scale * normal(window, window, c, filters, dtype="float32")
    dz = scale * normal(n, *(side + 2 * pad - window + 1,) * 2, filters, dtype="float32")
    options = {"strides": (1, 1), "padding": ((pad, pad),) * 2}
    for name, arguments, wide in (
        ("conv", (x, kernel), (x.astype("float64"), kernel.astype("float64"))),
        ("conv_grad_kernel", (x, dz, kernel.shape), (x.astype("float64"), dz.astype("float64"), kernel.shape)),
        ("conv_grad_input", (dz, kernel, x.shape), (dz.astype("float64"), kernel.astype("float64"), x.shape)),
    ):
        exact = getattr(reference, name)(*wide, **options)
        error = np.abs(getattr(K, name)(*arguments, **options) - exact).max() / np.abs(exact).max()
        assert error < 2e-6, (name, error)


@pytest.mark.parametrize("n, c, filters, groups", [(1, 3, 8, 1), (5, 8, 8, 2), (20, 3, 8, 1), (33, 16, 24, 1), (20, 8, 8, 8)])
def test_the_same_bits_with_any_number_of_threads(n, c, filters, groups):
    x, kernel = normal(n, 40, 30, c, dtype="float32"), normal(3, 3, c // groups, filters, dtype="float32")
    options = {"strides": (1, 1), "padding": ((1, 1), (1, 1)), "groups": groups}
    dz = normal(n, 40, 30, filters, dtype="float32", seed=1)
    before, found = threads.get_num_threads(), []
    try:
        for count in (1, 2, 5):
            threads.set_num_threads(count)
            found.append(
                [
                    K.conv(x, kernel, normal(filters, dtype="float32"), K.fused["relu"], **options),
                    K.conv_grad_kernel(x, dz, kernel.shape, **options),
                    K.conv_grad_input(dz, kernel, x.shape, **options),
                    *conv_grad(x, kernel, dz, dz, K.fused["relu"], **options),
                    conv_pool(x, kernel, **options)[0],
                ]
            )
    finally:
        threads.set_num_threads(before)
    for others in found[1:]:
        for first, other in zip(found[0], others):
            np.testing.assert_array_equal(first, other)


@pytest.mark.parametrize("strides", [(1, 1), (2, 1), (1, 2), (3, 2)], ids=str)
@pytest.mark.parametrize("c, filters, window", [(3, 4, (5, 3)), (2, 5, (2, 2)), (16, 16, (3, 3))], ids=str)
def test_many_bands(monkeypatch, c, filters, window, strides):
    """As large images are cut: rows of a gradient that reach from one band into the next."""
    monkeypatch.setattr(conv_schemes, "PIECE", 1e-3)
    scheme = conv_schemes.scheme.__wrapped__  # which remembers nothing from before
    monkeypatch.setattr(conv_batch_last, "scheme", scheme)
    padding = ((1, 0), (0, 1))
    x, kernel = normal(16, 25, 9, c), normal(*window, c, filters)
    plan = scheme((25, 9, c, 16), kernel.shape, strides, padding)
    assert len(plan.bands) > 1
    check(x, kernel, strides, padding, (1, 1), 1)


def test_float16_is_computed_in_float32():
    x, kernel = normal(20, 6, 6, 3, dtype="float16"), normal(3, 3, 3, 4, dtype="float16")
    y = K.conv(x, kernel, normal(4, dtype="float16"), K.fused["relu"])
    assert y.dtype == np.float16
    exact = reference.conv(*(a.astype("float64") for a in (x, kernel, normal(4, dtype="float16"))), K.fused["relu"])
    np.testing.assert_allclose(y, exact, rtol=2e-3, atol=2e-3)
    assert K.conv_grad_kernel(x, y, kernel.shape).dtype == K.conv_grad_input(y, kernel, x.shape).dtype == np.float16


@pytest.mark.parametrize("m, taps", [(m, taps) for m in range(1, 6) for taps in range(2, 6) if m + taps <= 7])
def test_cook_toom_filters(m, taps):
    back, kernel_transform, image_transform = conv_schemes.cook_toom(m, taps, np.dtype("float64"))
    d, g = normal(m + taps - 1), normal(taps)
    y = back @ ((kernel_transform @ g) * (image_transform @ d))
    np.testing.assert_allclose(y, np.correlate(d, g, "valid"), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize("kernel, stride, dilation", [(1, 1, 1), (3, 1, 1), (4, 2, 1), (3, 3, 2), (2, 5, 1)])
def test_same_padding_gives_one_position_per_stride(size, kernel, stride, dilation):
    before, after = K.same_padding(size, kernel, stride, dilation)
    assert 0 <= before <= after <= before + 1
    assert K.output_size(size, kernel, stride, dilation, (before, after)) == -(-size // stride)
