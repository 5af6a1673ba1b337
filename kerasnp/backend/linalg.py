"""numpy.linalg, with BLAS at one thread: LAPACK's routines are made of products, whose bits follow the number of threads."""

import functools

import numpy as np
from numpy.linalg import LinAlgError  # noqa: F401

from kerasnp.backend import threads


def quiet(function):
    """`function`, run with BLAS at one thread."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        with threads.quiet_blas():
            return function(*args, **kwargs)

    return wrapper


cholesky, det, eig, eigh, inv, qr, slogdet, solve, svd = map(
    quiet,
    (
        np.linalg.cholesky, np.linalg.det, np.linalg.eig, np.linalg.eigh, np.linalg.inv, np.linalg.qr, np.linalg.slogdet,
        np.linalg.solve, np.linalg.svd,
    ),
)  # fmt: skip
