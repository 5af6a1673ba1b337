"""Linear algebra, as in `keras.ops.linalg`."""

from kerasnp.utils import lazy as _lazy

_NAMES = (
    "cholesky cholesky_inverse det eig eigh inv jvp lstsq lu_factor matrix_rank norm pinv qr solve solve_triangular "
    "svd"
)

__getattr__, __dir__, __all__ = _lazy.attach(__name__, {"kerasnp.ops": _NAMES})
