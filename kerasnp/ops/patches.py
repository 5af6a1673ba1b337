"""Arrays taken apart and put together: axes renamed and joined, images as columns of patches and back."""

import re

from kerasnp import backend as K
from kerasnp.ops.arrange import Scatter
from kerasnp.ops.elementwise import convert
from kerasnp.ops.shape import GetItem, pad, reshape, transpose
from kerasnp.utils import check


def _pair(name, value, who, least=1):
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or any(not isinstance(n, int) or n < least for n in pair):
        raise ValueError(f"{who}: {name} must be an integer of at least {least} or two of them. Received: {value!r}")
    return pair


def _places(size, kernel_size, dilation, padding, stride, who):
    """Rows and columns of every element of every patch, to be broadcast to (kh, kw, patches down, patches across)."""
    axes = []
    for n, k, d, p, s in zip(size, kernel_size, dilation, padding, stride):
        count = (n + 2 * p - d * (k - 1) - 1) // s + 1
        if count < 1:
            raise ValueError(
                f"{who}: a patch of kernel_size={kernel_size} and dilation={dilation} must fit into the padded image. "
                f"Received: an image of size {tuple(size)} with padding={padding}"
            )
        axes.append(K.arange(k)[:, None] * d + K.arange(count) * s)
    rows, columns = axes
    return rows[:, None, :, None], columns[None, :, None, :]


def _window(kernel_size, dilation, padding, stride, who):
    return (
        _pair("kernel_size", kernel_size, who),
        _pair("dilation", dilation, who),
        _pair("padding", padding, who, least=0),
        _pair("stride", stride, who),
    )


def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """The patches of images as columns (im2col): (n, channels, h, w) becomes (n, channels * kh * kw, patches).

    >>> unfold(K.arange(16.0).reshape(1, 1, 4, 4), 2, stride=2)[0, :, 0]
    array([0., 1., 4., 5.])

    Args:
        x: images with the channels first.
        kernel_size, dilation, stride: of the window that is moved, an integer or two.
        padding: rows and columns of zeros added on each side.

    Raises: ValueError for images of another rank, or smaller than a patch.
    """
    x = convert(x)
    if len(x.shape) != 4:
        raise ValueError(f"unfold: expected images (n, channels, h, w). Received: an array of shape {tuple(x.shape)}")
    k, d, p, s = _window(kernel_size, dilation, padding, stride, "unfold")
    n, channels, *size = x.shape
    rows, columns = _places(size, k, d, p, s, "unfold")
    if max(p):
        x = pad(x, [(0, 0), (0, 0), (p[0], p[0]), (p[1], p[1])])
    patches = GetItem((slice(None), slice(None), rows, columns))(x)
    return reshape(patches, (n, channels * k[0] * k[1], rows.shape[2] * columns.shape[3]))


def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Images from columns of patches (col2im), which are added where they overlap; the transpose of `unfold`.

    >>> fold(K.ones((1, 4, 9)), 4, 2)[0, 0]
    array([[1., 2., 2., 1.],
           [2., 4., 4., 2.],
           [2., 4., 4., 2.],
           [1., 2., 2., 1.]])

    Args:
        x: patches `(n, channels * kh * kw, patches)`.
        output_size: height and width of the images.
        kernel_size, dilation, padding, stride: as they were for `unfold`.

    Raises: ValueError where the patches do not fit the images.
    """
    x = convert(x)
    size = _pair("output_size", output_size, "fold")
    k, d, p, s = _window(kernel_size, dilation, padding, stride, "fold")
    rows, columns = _places(size, k, d, p, s, "fold")
    down, across = rows.shape[2], columns.shape[3]
    if len(x.shape) != 3 or x.shape[1] % (k[0] * k[1]) or x.shape[2] != down * across:
        raise ValueError(
            f"fold: expected patches (n, channels * {k[0] * k[1]}, {down * across}) for images of size {size}. "
            f"Received: an array of shape {tuple(x.shape)}"
        )
    n, channels = x.shape[0], x.shape[1] // (k[0] * k[1])
    patches = reshape(x, (n, channels, *k, down, across))
    whole = (n, channels, size[0] + 2 * p[0], size[1] + 2 * p[1])
    images = Scatter((slice(None), slice(None), rows, columns), whole)(patches)
    inner = tuple(slice(q, q + m) for q, m in zip(p, size))
    return GetItem((slice(None), slice(None), *inner))(images) if max(p) else images


def _groups(side, pattern):
    """`"b (h w) c"` as [["b"], ["h", "w"], ["c"]]."""
    groups = []
    for text in re.findall(r"\([^()]*\)|[^\s()]+", side):
        names = text.strip("()").split()
        if not all(n.isidentifier() for n in names):
            raise ValueError(f"rearrange: axes have names, such as h or h1. Received: {text!r} in pattern {pattern!r}")
        groups.append(names)
    return groups


def rearrange(tensor, pattern, **axes_lengths):
    """Axes split, moved and joined as a pattern says (the notation of einops, Rogozhnikov, 2022).

    >>> rearrange(K.ones((2, 6, 8, 3)), "b (h p) (w q) c -> b (h w) (p q c)", p=2, q=2).shape
    (2, 12, 12)

    Args:
        tensor: the array.
        pattern: the names of its axes, `->`, and those of the result; names in parentheses are one axis together.
        **axes_lengths: the lengths of names within parentheses; one of each pair of parentheses may be left out.

    Raises: ValueError for a pattern that does not fit the array.
    """
    x = convert(tensor)
    left, arrow, right = pattern.partition("->")
    before, after = _groups(left, pattern), _groups(right, pattern)
    names, wanted = sum(before, []), sum(after, [])
    if not arrow or sorted(names) != sorted(wanted) or len(set(names)) != len(names):
        raise ValueError(f"rearrange: both sides of the pattern must have the same names, once. Received: {pattern!r}")
    if len(before) != len(x.shape):
        raise ValueError(
            f"rearrange: the pattern {pattern!r} is for arrays of {len(before)} axes. Received: shape {tuple(x.shape)}"
        )
    lengths = {n: check.positive_int(n, v, "rearrange") for n, v in axes_lengths.items()}
    for group, size in zip(before, x.shape):
        open_names = [n for n in group if n not in lengths]
        known = K.prod([lengths[n] for n in group if n in lengths], dtype=int)
        if len(open_names) == 1 and size % known == 0:
            lengths[open_names[0]] = int(size // known)
        elif open_names or known != size:
            raise ValueError(
                f"rearrange: an axis of length {size} cannot be ({' '.join(group)}) in pattern {pattern!r}. "
                f"Received: axes_lengths={axes_lengths}"
            )
    x = transpose(reshape(x, tuple(lengths[n] for n in names)), [names.index(n) for n in wanted])
    return reshape(x, tuple(int(K.prod([lengths[n] for n in group], dtype=int)) for group in after))
