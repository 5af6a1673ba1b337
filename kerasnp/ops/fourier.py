"""Fourier transforms of arrays given as a pair (real part, imaginary part), the form that keras.ops uses."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.ops.elementwise import convert, floating, operands, stop_gradient
from kerasnp.ops.shape import GetItem, pad, take
from kerasnp.utils import check


class Fourier(Operator):
    """y[k] = sum of x[j] exp(-2 pi i j k / n) over the last axes, or the inverse with 1 / n.     re, im -> re, im"""

    def __init__(self, axes=1, inverse=False):
        self.axes, self.inverse = tuple(range(-axes, 0)), inverse

    def forward(self, real, imag):
        self.save(real.dtype)
        transform = K.fft.ifftn if self.inverse else K.fft.fftn
        y = transform(real + 1j * imag, axes=self.axes)
        return K.ascontiguousarray(y.real, real.dtype), K.ascontiguousarray(y.imag, real.dtype)

    def backward(self, dreal, dimag):
        # The transposed matrix is conjugated in the real pair's terms, so the gradient is the other transform.
        transform = K.fft.fftn if self.inverse else K.fft.ifftn
        n = 1
        for a in self.axes:
            n *= dreal.shape[a]
        dx = transform(dreal + 1j * dimag, axes=self.axes) * (1 / n if self.inverse else n)
        return dx.real.astype(self.saved[0]), dx.imag.astype(self.saved[0])


class RealFourier(Operator):
    """The first n // 2 + 1 coefficients of the transform of a real x (..., n), cut or filled with zeros to length n."""

    def __init__(self, n):
        self.n = n

    def forward(self, x):
        self.save(x.shape[-1], x.dtype)
        y = K.fft.rfft(x, self.n)
        return K.ascontiguousarray(y.real, x.dtype), K.ascontiguousarray(y.imag, x.dtype)

    def backward(self, dreal, dimag):
        length, dtype = self.saved
        n = self.n or length
        spectrum = K.zeros((*dreal.shape[:-1], n), complex)
        spectrum[..., : dreal.shape[-1]] = dreal + 1j * dimag
        dx = (K.fft.ifft(spectrum) * n).real.astype(dtype)
        if n >= length:
            return dx[..., :length]
        return K.concatenate([dx, K.zeros((*dx.shape[:-1], length - n), dtype)], -1)


class InverseRealFourier(Operator):
    """The real x (..., n) whose transform begins with the given n // 2 + 1 coefficients.     real, imag -> x"""

    def __init__(self, n):
        self.n = n

    def forward(self, real, imag):
        self.save(real.shape[-1], real.dtype)
        return K.fft.irfft(real + 1j * imag, self.n).astype(real.dtype, copy=False)

    def backward(self, dy):
        length, dtype = self.saved
        n = dy.shape[-1]
        g = K.fft.rfft(dy) / n
        # Every coefficient but the first, and the last of an even n, stands for its mirror image as well.
        g[..., 1 : (n + 1) // 2] *= 2
        g = g[..., :length]
        if g.shape[-1] < length:
            g = K.concatenate([g, K.zeros((*g.shape[:-1], length - g.shape[-1]))], -1)
        return g.real.astype(dtype), g.imag.astype(dtype)


def _pair(x, who):
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(
            f"{who}: expected a tuple of two tensors, the real and the imaginary part. Received: {type(x).__name__}"
        )
    real, imag = operands(floating(x[0]), floating(x[1]))
    if real.shape != imag.shape:
        raise ValueError(
            f"{who}: both parts must have the same shape. Received: real.shape={real.shape}, imag.shape={imag.shape}"
        )
    return real, imag


def fft(x):
    """y[k] = sum over j of x[j] exp(-2 pi i j k / n), the discrete Fourier transform along the last axis.

    Complex arrays are pairs (real part, imaginary part), the result too.

    >>> from kerasnp import ops
    >>> ops.fft(([1.0, 0.0, -1.0, 0.0], [0.0] * 4))
    (array([0., 2., 0., 2.], dtype=float32), array([0., 0., 0., 0.], dtype=float32))

    Raises: ValueError for anything but two arrays of one shape.
    """
    return Fourier(1)(*_pair(x, "fft"))


def fft2(x):
    """The transform along the last two axes of a pair (real, imaginary).

    >>> from kerasnp import ops
    >>> re, im = ops.fft2((ops.ones((2, 2)), ops.zeros((2, 2))))
    >>> re
    array([[4., 0.],
           [0., 0.]], dtype=float32)

    Raises: ValueError for anything but two arrays of one shape.
    """
    return Fourier(2)(*_pair(x, "fft2"))


def ifft2(x):
    """The inverse of `fft2`.

    >>> from kerasnp import ops
    >>> re, im = ops.ifft2(ops.fft2(([[1.0, 2.0], [3.0, 4.0]], ops.zeros((2, 2)))))
    >>> re
    array([[1., 2.],
           [3., 4.]], dtype=float32)

    Raises: ValueError for anything but two arrays of one shape.
    """
    return Fourier(2, inverse=True)(*_pair(x, "ifft2"))


def rfft(x, fft_length=None):
    """The Fourier transform of a real array along the last axis, the n // 2 + 1 coefficients that determine the others.

    n is the length of the axis, or `fft_length`, to which x is cut or filled with zeros. The result is a pair (real part,
    imaginary part).

    >>> from kerasnp import ops
    >>> re, im = ops.rfft([1.0, 1.0, 1.0, 1.0])
    >>> re, im.shape
    (array([4., 0., 0.], dtype=float32), (3,))
    """
    return RealFourier(fft_length)(floating(x))


def irfft(x, fft_length=None):
    """The real array whose `rfft` is the pair x; its length is `fft_length`, by default twice that of the pair minus 2.

    >>> from kerasnp import ops
    >>> ops.irfft(ops.rfft([1.0, 2.0, 3.0, 4.0]))
    array([1., 2., 3., 4.], dtype=float32)

    Raises: ValueError for anything but two arrays of one shape.
    """
    return InverseRealFourier(fft_length)(*_pair(x, "irfft"))


def extract_sequences(x, sequence_length, sequence_stride):
    """Windows of the last axis, one every `sequence_stride`: (..., n) becomes (..., windows, sequence_length).

    >>> from kerasnp import ops
    >>> ops.extract_sequences([1, 2, 3, 4, 5], sequence_length=3, sequence_stride=2)
    array([[1, 2, 3],
           [3, 4, 5]], dtype=int32)

    Raises: ValueError for a length or stride that is not a positive integer.
    """
    check.positive_int("sequence_length", sequence_length, "extract_sequences")
    check.positive_int("sequence_stride", sequence_stride, "extract_sequences")
    x = convert(x)
    starts = K.arange(0, max(x.shape[-1] - sequence_length + 1, 0), sequence_stride)
    return take(x, starts[:, None] + K.arange(sequence_length), axis=-1)


def _window(window, length, n, dtype):
    """The window as `n` numbers, in the middle of a frame."""
    if window is None:
        values = K.ones(length)
    elif isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(
                f"stft: If a string is passed to `window`, it must be one of 'hann', 'hamming'. Received: window={window!r}"
            )
        values = K.window(window, length, periodic=True)
    else:
        values = stop_gradient(window)
        if values.shape != (length,):
            raise ValueError(
                f"stft: The shape of `window` must be equal to (sequence_length,), ({length},). Received: {values.shape}"
            )
    before = (n - length) // 2
    return K.pad(values, (before, n - length - before)).astype(dtype)


def _check_frames(who, sequence_length, sequence_stride, fft_length):
    check.positive_int("sequence_length", sequence_length, who)
    check.positive_int("sequence_stride", sequence_stride, who)
    if fft_length < sequence_length:
        raise ValueError(
            f"{who}: `fft_length` must equal or exceed `sequence_length`. "
            f"Received: fft_length={fft_length}, sequence_length={sequence_length}"
        )


def stft(x, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    """Spectra of windows of the last axis, as a pair (real, imaginary) of (..., windows, fft_length // 2 + 1).

    >>> from kerasnp import ops
    >>> re, im = ops.stft(ops.ones((1, 16)), sequence_length=8, sequence_stride=4, fft_length=8)
    >>> re.shape, re[0, 2, :2].round(3)
    ((1, 5, 5), array([ 4., -2.], dtype=float32))

    Args:
        window: `"hann"`, `"hamming"`, an array of `sequence_length` numbers, or None for ones.
        center: whether window i has its middle at i * sequence_stride, x being reflected at both ends.

    Raises: ValueError for an fft_length below sequence_length.
    """
    _check_frames("stft", sequence_length, sequence_stride, fft_length)
    x = floating(x)
    if center:
        x = pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2, fft_length // 2)], mode="reflect")
    frames = extract_sequences(x, fft_length, sequence_stride)
    return rfft(frames * _window(window, sequence_length, fft_length, stop_gradient(x).dtype))


def istft(x, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True):
    """The signal whose `stft` is the pair x: overlapping windows added, divided by the squared windows there.

    >>> from kerasnp import ops
    >>> x = ops.sin(ops.arange(0.0, 16.0))
    >>> y = ops.istft(ops.stft(x, 8, 4, 8), 8, 4, 8)
    >>> bool(ops.allclose(x, y, atol=1e-5))
    True

    Args:
        length: how many numbers of the signal are wanted, by default all.
        sequence_length, sequence_stride, fft_length, window, center: as for `stft`.

    Raises: ValueError as `stft` does.
    """
    from kerasnp.ops.arrange import Scatter

    _check_frames("istft", sequence_length, sequence_stride, fft_length)
    frames = irfft(x, fft_length)
    dtype = stop_gradient(frames).dtype
    w = _window(window, sequence_length, fft_length, dtype)
    count = frames.shape[-2]
    total = fft_length + sequence_stride * (count - 1)
    places = K.arange(count)[:, None] * sequence_stride + K.arange(fft_length)
    y = Scatter((..., places), (*frames.shape[:-2], total))(frames * w)
    cover = K.zeros(total, dtype)
    # Spelled out: numpy's add.at reads beyond values that it would have to broadcast.
    K.add.at(cover, places, K.ascontiguousarray(K.broadcast_to(w * w, places.shape)))
    y = y / K.where(cover > 1e-11, cover, 1)
    start = fft_length // 2 if center else 0
    stop = start + length if length is not None else total - start
    return GetItem((..., slice(start, stop)))(y)


def real(x):
    """The real part: of a complex array as an array, else x itself.

    >>> from kerasnp import ops
    >>> ops.real([1 + 2j, 3j])
    array([1., 0.])
    """
    values = stop_gradient(x)
    return K.real(values) if values.dtype.kind == "c" else convert(x)


def imag(x):
    """The imaginary part, zeros for a real array.

    >>> from kerasnp import ops
    >>> ops.imag([1 + 2j, 3j])
    array([2., 3.])
    """
    return K.imag(stop_gradient(x))


def view_as_real(x):
    """A complex array as (..., 2) real ones.

    >>> from kerasnp import ops
    >>> ops.view_as_real([1 + 2j, 3j])
    array([[1., 2.],
           [0., 3.]])
    """
    values = stop_gradient(x)
    return K.stack([values.real, values.imag], -1)


def view_as_complex(x):
    """An array (..., 2) of real and imaginary parts as a complex one (...); no gradient passes.

    >>> from kerasnp import ops
    >>> ops.view_as_complex([[1.0, 2.0], [0.0, 3.0]])
    array([1.+2.j, 0.+3.j], dtype=complex64)

    Raises: ValueError for a last axis of another length.
    """
    values = stop_gradient(x)
    if values.ndim < 1 or values.shape[-1] != 2:
        raise ValueError(f"view_as_complex: Last dimension of input must be size 2. Received: x.shape={values.shape}")
    return values[..., 0] + 1j * values[..., 1]
