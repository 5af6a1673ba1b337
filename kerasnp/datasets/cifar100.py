"""CIFAR-100, 60,000 small photographs in a hundred classes, which make twenty groups (Krizhevsky, 2009)."""

from kerasnp.datasets.cifar10 import find, read
from kerasnp.utils import check

ORIGIN = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
SHA256 = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"


def load_data(label_mode="fine"):
    """Return `(x_train, y_train), (x_test, y_test)`: uint8 images (n, 32, 32, 3) and labels (n, 1).

    Args:
        label_mode: "fine" for the hundred classes, "coarse" for the twenty groups.

    Raises: FileNotFoundError without files and network; ValueError for a damaged file or another mode.
    """
    who = "cifar100.load_data"
    check.one_of("label_mode", label_mode, ("fine", "coarse"), who)
    folder = find(who, "cifar-100-python", ["train", "test"], ORIGIN, SHA256)
    return tuple(read(who, folder, [name], f"{label_mode}_labels") for name in ("train", "test"))
