"""Complex numbers: arrays in, arrays out; no gradient passes but through the pairs of ops/fourier.py.

Arithmetic of other files keeps complex arrays complex; a tape that would have to differentiate them says so.
"""

from kerasnp import backend as K
from kerasnp.ops.elementwise import floating, operands, stop_gradient


def angle(x):
    """The angle of complex numbers in (-pi, pi]; of real ones 0, and pi for negative ones.

    >>> from kerasnp import ops
    >>> ops.rad2deg(ops.angle([1 + 1j, -1 + 0j, -1j])).round(3)
    array([ 45., 180., -90.])
    """
    values = stop_gradient(x)
    return K.angle(values) if values.dtype.kind == "c" else K.angle(stop_gradient(floating(values)))


def conjugate(x):
    """Complex numbers with the sign of their imaginary parts turned; real ones as they are.

    >>> from kerasnp import ops
    >>> ops.conj([1 + 2j, 3j])
    array([1.-2.j, 0.-3.j])
    """
    values = stop_gradient(x)
    return K.conj(values) if values.dtype.kind == "c" else values


conj = conjugate


def polar(abs_, angle):
    """The complex numbers abs_ * (cos(angle) + i sin(angle)).

    >>> polar([1.0, 2.0], [0.0, K.pi]).real
    array([ 1., -2.], dtype=float32)
    """
    length, turn = (stop_gradient(v) for v in operands(floating(abs_), floating(angle)))
    y = K.empty(K.broadcast_shapes(length.shape, turn.shape), K.wider(length, K.complex64))
    y.real, y.imag = length * K.cos(turn), length * K.sin(turn)
    return y
