"""House prices in California's districts, 20,640 rows (Pace and Barry, 1997)."""

from kerasnp.datasets import cache
from kerasnp.utils import check

ORIGIN = cache.KERAS + "california_housing.npz"
SHA256 = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"


def load_data(version="large", path="california_housing.npz", test_split=0.2, seed=113):
    """Return `(x_train, y_train), (x_test, y_test)`: 8 columns of floats, median prices in dollars.

    Args:
        version: "large", or "small" for the first 600 rows.
        path: the name of the file in the cache, or an absolute path.
        test_split: the share of rows for the test.
        seed: of the order of the rows.

    Raises: FileNotFoundError without file and network; ValueError for a damaged file or another version.
    """
    check.one_of("version", version, ("small", "large"), "california_housing.load_data")
    file = cache.fetch("california_housing.load_data", path, ORIGIN, SHA256)
    x, y = cache.read_npz("california_housing.load_data", file, "x", "y")
    rows = 600 if version == "small" else len(x)
    return cache.part(x[:rows], y[:rows], test_split, seed, "california_housing.load_data")
