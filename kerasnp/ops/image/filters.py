"""Images seen through a small window: blurred, differentiated, cut into patches, compared."""

import functools

from kerasnp import backend as K
from kerasnp.ops.elementwise import add, convert, floating, multiply, square, subtract
from kerasnp.ops.image.layout import Layout, array_of, back_to, check_rank
from kerasnp.ops.reduce import mean
from kerasnp.ops.resample import Resample
from kerasnp.ops.shape import expand_dims, moveaxis, pad, reshape, squeeze, stack, take, transpose
from kerasnp.utils import check


def _gaussian(size, sigma):
    """`size` weights of a bell of standard deviation `sigma` that sum to one."""
    x = K.arange(size) - (size - 1) / 2
    w = K.exp(-0.5 * (x / sigma) ** 2)
    return w / w.sum()


@functools.lru_cache(maxsize=64)
def _sliding(weights, size, same=True):
    """The matrix that lets a window of `weights` slide over `size` pixels, with zeros outside, or inside only."""
    before = (len(weights) - 1) // 2 if same else 0
    m = K.zeros((size if same else size - len(weights) + 1, size))
    for i, w in enumerate(weights):
        m += w * K.eye(*m.shape, k=i - before)
    return m


def gaussian_blur(images, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    """The images blurred with a Gaussian window; outside of them are zeros.

    >>> gaussian_blur(K.ones((3, 3, 1), "float32"), sigma=(1e-3, 1e-3)).ravel()[:3]
    array([1., 1., 1.], dtype=float32)

    Args:
        images: one image or a batch.
        kernel_size: the sizes of the window, two integers. The second is that over the height, as in Keras on JAX.
        sigma: the standard deviations in pixels, likewise.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`. (Keras 3.15 takes None for
            channels first here, against its documentation.)
    """
    layout = Layout(images, data_format)
    sizes = check.int_tuple("kernel_size", [int(k) for k in kernel_size], 2, "gaussian_blur")
    sigmas = [float(array_of(convert(s))) for s in sigma]
    x = layout.batch
    matrices = [
        _sliding(tuple(_gaussian(k, s)), n) for k, s, n in zip(reversed(sizes), reversed(sigmas), x.shape[1:3])
    ]
    y = Resample(matrices, (1, 2))(floating(x))
    return layout.restore(back_to(y, array_of(x).dtype))


def sobel_edges(images, data_format=None):
    """How fast brightness changes downwards and to the right (Sobel, 1968), by differences over 3x3 pixels.

    >>> from kerasnp import ops
    >>> rising = ops.reshape([0.0, 1.0, 2.0] * 3, (1, 3, 3, 1))
    >>> ops.image.sobel_edges(rising)[0, 1, 1, 0]
    array([0., 8.], dtype=float32)

    Args:
        images: a batch of images.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Returns: `images.shape + (2,)`, the last axis [dy, dx]; outside of the images are zeros.
    """
    layout = Layout(images, data_format)
    x = floating(layout.batch)
    slope, smooth = (-1.0, 0.0, 1.0), (1.0, 2.0, 1.0)
    edges = [
        layout.restore(Resample([_sliding(w, n) for w, n in zip(pair, x.shape[1:3])], (1, 2))(x))
        for pair in ((slope, smooth), (smooth, slope))
    ]
    return stack(edges, axis=-1)


def extract_patches(images, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """The patches that a window sees on its way over images or volumes, each a row of channels.

    >>> extract_patches(K.zeros((2, 20, 20, 3)), (5, 5)).shape
    (2, 4, 4, 75)

    Args:
        images: (height, width, channels), or a batch; with three sizes volumes (depth, height, width, channels).
        size: of the window: an integer, or two or three of them.
        strides: how far the window moves; default `size`.
        dilation_rate: the distance of neighbours within a patch.
        padding: `"valid"`, or `"same"` with zeros outside.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Returns: (..., positions, window * channels).

    Raises: TypeError or ValueError for another size.
    """
    if not isinstance(size, (int, tuple, list)):
        raise TypeError(
            f"Invalid `size` argument: Expected an int or a tuple of them. Received: size={size} of type {type(size).__name__}"
        )
    if not isinstance(size, int) and len(size) not in (2, 3):
        raise ValueError(
            f"Invalid `size` argument: Expected a tuple of length 2 or 3, an entry for each axis. Received: size={size} with "
            f"length {len(size)}"
        )
    return _patches(images, size, strides, dilation_rate, padding, data_format, 2 if isinstance(size, int) else len(size))


def extract_patches_3d(volumes, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """`extract_patches` of volumes, for which `size` may be one integer.

    >>> from kerasnp import ops
    >>> ops.image.extract_patches_3d(ops.ones((1, 8, 8, 8, 2)), 4).shape
    (1, 2, 2, 2, 128)

    Raises: TypeError for a size of another length than 3.
    """
    if not isinstance(size, int) and len(size) != 3:
        raise TypeError(f"Invalid `size` argument: Expected an int or a tuple with three of them. Received: size={size}")
    return _patches(volumes, size, strides, dilation_rate, padding, data_format, 3)


def _patches(images, size, strides, dilation_rate, padding, data_format, rank):
    x = convert(images)
    if len(x.shape) not in (rank + 1, rank + 2):
        raise ValueError(
            f"Invalid images rank: expected rank {rank + 1} or {rank + 2}. "
            f"Received input with shape: images.shape={tuple(x.shape)}"
        )
    size = check.int_tuple("size", size, rank, "extract_patches")
    strides = size if not strides else check.int_tuple("strides", strides, rank, "extract_patches")
    dilation = check.int_tuple("dilation_rate", dilation_rate, rank, "extract_patches")
    check.one_of("padding", padding, ("valid", "same"), "extract_patches")
    first = K.standardize_data_format(data_format) == "channels_first"
    single = len(x.shape) == rank + 1
    x = expand_dims(x, 0) if single else x
    x = moveaxis(x, 1, -1) if first else x
    if padding == "same":
        margins = [K.same_padding(*each) for each in zip(x.shape[1:-1], size, strides, dilation)]
        x = pad(x, [(0, 0), *margins, (0, 0)])
    # Each axis becomes two, positions and window: (n, p, i, q, j, c), then (n, p, q, i, j, c).
    for a, (k, s, d) in enumerate(zip(size, strides, dilation)):
        count = K.output_size(x.shape[1 + 2 * a], k, s, d)
        x = take(x, s * K.arange(count)[:, None] + d * K.arange(k), 1 + 2 * a)
    x = transpose(x, (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1))
    y = reshape(x, (*x.shape[: rank + 1], -1))
    y = moveaxis(y, -1, 1) if first else y
    return squeeze(y, 0) if single else y


def ssim(
    image1, image2, max_val=1.0, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03, data_format=None
):  # fmt: skip
    """How alike two images look, from -1 to 1 for equal ones (Wang et al., 2004).

    The mean over all windows of (2 m1 m2 + c1) (2 s12 + c2) / ((m1^2 + m2^2 + c1) (s1^2 + s2^2 + c2)) with Gaussian means m,
    variances s^2, covariance s12, c1 = (k1 max_val)^2 and c2 = (k2 max_val)^2.

    >>> from kerasnp import ops
    >>> x = ops.reshape(ops.arange(256.0) / 255, (16, 16, 1))
    >>> ops.round([ops.image.ssim(x, x), ops.image.ssim(x, 1 - x)], 2)
    array([ 1.  , -0.83], dtype=float32)

    Args:
        image1, image2: images, or batches, of one shape.
        max_val: the largest value a pixel can have.
        filter_size, filter_sigma: size and standard deviation of the window.
        k1, k2: small constants.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Returns: one number per image.
    """
    for name, image in (("image1", convert(image1)), ("image2", convert(image2))):
        check_rank(image, name)
    dtype = array_of(convert(image1)).dtype
    layout = Layout(floating(image1), data_format)
    x, y = layout.batch, Layout(floating(image2), data_format).batch
    weights = tuple(_gaussian(filter_size, filter_sigma))
    matrices = [_sliding(weights, n, same=False) for n in x.shape[1:3]]

    def local(values):
        return Resample(matrices, (1, 2))(values)

    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mx, my = local(x), local(y)
    mxx, myy, mxy = square(mx), square(my), multiply(mx, my)
    sxx, syy, sxy = local(square(x)) - mxx, local(square(y)) - myy, subtract(local(multiply(x, y)), mxy)
    alike = (2.0 * mxy + c1) * (2.0 * sxy + c2) / ((add(mxx, myy) + c1) * (add(sxx, syy) + c2))
    y = mean(alike, axis=(1, 2, 3))
    return back_to(squeeze(y, 0) if layout.single else y, dtype)
