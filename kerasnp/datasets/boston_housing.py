"""House prices in Boston's suburbs, 506 rows (Harrison and Rubinfeld, 1978).

One of the columns is the share of Black people; it is known for that, and not for much beyond examples of regression.
"""

from kerasnp.datasets import cache

ORIGIN = cache.KERAS + "boston_housing.npz"
SHA256 = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """Return `(x_train, y_train), (x_test, y_test)`: 13 columns of floats, prices in thousands of dollars.

    Args:
        path: the name of the file in the cache, or an absolute path.
        test_split: the share of rows for the test.
        seed: of the order of the rows.

    Raises: FileNotFoundError without file and network; ValueError for a damaged file or a share out of [0, 1).
    """
    file = cache.fetch("boston_housing.load_data", path, ORIGIN, SHA256)
    return cache.part(*cache.read_npz("boston_housing.load_data", file, "x", "y"), test_split, seed, "boston_housing")
