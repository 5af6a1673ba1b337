"""The implementations that are compared: each trains and predicts one workload, in a process of its own."""

import importlib.util
import os

from kerasnp.bench.timing import timed
from kerasnp.bench.workloads import PREDICT_BATCH, PREDICTED, SIZES, images, model

# What each needs to be installed.
NEEDS = {
    "kerasnp": (),
    "one-thread": (),  # kerasnp itself, to see what the threads are worth
    "data-parallel": (),  # and with each batch divided among processes
    "torch": ("torch",),
    "keras-jax": ("keras", "jax"),
    "keras-tensorflow": ("keras", "tensorflow"),
    "keras-torch": ("keras", "torch"),
}


# Of the files with a model, where they are not .keras files.
SUFFIXES = {"torch": ".pt"}


def missing(peer):
    """The packages that a peer lacks on this machine."""
    return [name for name in NEEDS[peer] if importlib.util.find_spec(name) is None]


def open_peer(peer):
    """The implementation called `peer`, imported now."""
    if peer == "torch":
        return Torch()
    if not NEEDS[peer]:
        import kerasnp

        if peer == "one-thread":
            kerasnp.config.set_num_threads(1)
        elif peer == "data-parallel":
            kerasnp.distribution.set_distribution(kerasnp.distribution.DataParallel())
        return Sequentials(kerasnp)
    os.environ["KERAS_BACKEND"] = peer.partition("-")[2]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    return Sequentials(keras)


class Sequentials:
    """kerasnp or Keras, as a user writes it."""

    def __init__(self, keras):
        # Names that are loaded at first touch count as part of the import.
        self.keras, self.first_names = keras, (keras.Sequential, keras.layers.Dense)

    def prepare(self, workload):
        """A compiled model."""
        self.model, self.batch = model(self.keras, workload), SIZES[workload][1]

    def epoch(self, x, y):
        """Train once over the data."""
        self.model.fit(x, y, batch_size=self.batch, verbose=0)

    def predict(self, x):
        """The outputs for all rows, as an array."""
        return self.model.predict(x, batch_size=PREDICT_BATCH, verbose=0)

    def call(self, x):
        """The outputs for one row, as directly as the framework allows."""
        return self.model(x)

    def save(self, path):
        """Write the model."""
        self.model.save(path)

    def load(self, path, workload):
        """Read it again, for `predict`."""
        self.model = self.keras.models.load_model(path)


class Torch:
    """A hand-written loop in torch, the shortest way there."""

    def __init__(self):
        import torch

        self.torch = torch

    def prepare(self, workload):
        """The layers, Adam and the loss."""
        torch, nn = self.torch, self.torch.nn
        relu, pool, flat, linear = nn.ReLU, nn.MaxPool2d, nn.Flatten, nn.Linear

        def normalized(inputs, filters):
            return [nn.Conv2d(inputs, filters, 3, padding=1), nn.BatchNorm2d(filters), relu()]

        class LastStep(nn.Module):
            def __init__(self, recurrent):
                super().__init__()
                self.recurrent = recurrent(28, 128, batch_first=True)

            def forward(self, x):
                return self.recurrent(x)[0][:, -1]

        stacks = {
            "mlp": lambda: [
                *[linear(784, 512), relu(), nn.Dropout(0.2), linear(512, 512), relu(), nn.Dropout(0.2), linear(512, 10)],
            ],
            "mlp_small": lambda: [linear(784, 32), relu(), linear(32, 10)],
            "lenet": lambda: [
                *[nn.Conv2d(1, 6, 5, padding=2), relu(), pool(2), nn.Conv2d(6, 16, 5), relu(), pool(2), flat()],
                *[linear(400, 120), relu(), linear(120, 84), relu(), linear(84, 10)],
            ],
            "convnet": lambda: [
                *[nn.Conv2d(1, 32, 3), relu(), pool(2), nn.Conv2d(32, 64, 3), relu(), pool(2), flat()],
                *[nn.Dropout(0.5), linear(1600, 10)],
            ],
            "vggbn": lambda: [
                *[*normalized(1, 32), *normalized(32, 32), pool(2), *normalized(32, 64), *normalized(64, 64), pool(2)],
                *[flat(), linear(3136, 128), relu(), linear(128, 10)],
            ],
            "lstm": lambda: [LastStep(nn.LSTM), linear(128, 10)],
            "gru": lambda: [LastStep(nn.GRU), linear(128, 10)],
        }
        self.model, self.batch = nn.Sequential(*stacks[workload]()), SIZES[workload][1]
        self.optimizer, self.loss = torch.optim.Adam(self.model.parameters()), nn.CrossEntropyLoss()

    def _tensor(self, x):
        return self.torch.from_numpy(x.transpose(0, 3, 1, 2).copy() if x.ndim == 4 else x)

    def epoch(self, x, y):
        """Train once over the data, with the running loss and accuracy that `fit` shows."""
        torch = self.torch
        x, y = self._tensor(x), torch.from_numpy(y.astype("int64"))
        self.model.train()
        order, total, right = torch.randperm(len(x)), 0.0, 0
        for i in range(0, len(x), self.batch):
            rows = order[i : i + self.batch]
            self.optimizer.zero_grad()
            out = self.model(x[rows])
            loss = self.loss(out, y[rows])
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(rows)
            right += (out.argmax(1) == y[rows]).sum().item()

    def predict(self, x):
        """The outputs for all rows, as an array."""
        torch = self.torch
        self.model.eval()
        with torch.no_grad():
            parts = [self.call(x[i : i + PREDICT_BATCH]) for i in range(0, len(x), PREDICT_BATCH)]
        return torch.cat(parts).numpy()

    def call(self, x):
        """The probabilities for some rows."""
        with self.torch.no_grad():
            return self.torch.softmax(self.model(self._tensor(x)), 1)

    def save(self, path):
        """Write the weights."""
        self.torch.save(self.model.state_dict(), path)

    def load(self, path, workload):
        """Build the model and read its weights, for `predict`."""
        self.prepare(workload)
        self.model.load_state_dict(self.torch.load(path))


def measure(peer, workload, epochs):
    """{what: figure} of one workload in this process: seconds per epoch, of predicting, of one call; memory in MB."""
    x, y = images(workload)
    implementation = open_peer(peer)
    implementation.prepare(workload)
    batch = implementation.batch
    implementation.epoch(x[: 8 * batch], y[: 8 * batch])
    found = {"epoch": min(timed(lambda: implementation.epoch(x, y)) for _ in range(epochs)), "memory": _peak_memory(peer)}
    rows, row = x[:PREDICTED], x[:1]
    implementation.predict(rows)
    found["predict"] = min(timed(lambda: implementation.predict(rows)) for _ in range(5))
    for _ in range(20):
        implementation.call(row)
    found["call"] = sorted(timed(lambda: implementation.call(row)) for _ in range(200))[100]
    return found


def save_sample(peer, path):
    """A LeNet of that implementation in a file, for `first_prediction`."""
    implementation = open_peer(peer)
    implementation.prepare("lenet")
    implementation.save(path)


def first_prediction(peer, path):
    """Load a LeNet and predict one row, without reading any data set."""
    import numpy as np

    implementation = open_peer(peer)
    implementation.load(path, "lenet")
    implementation.predict(np.zeros((1, 28, 28, 1), "float32"))


def _peak_memory(peer):
    """The largest resident size of the process so far in MB, where a batch is divided with that of another; or None."""
    try:
        import resource
    except ImportError:
        return None
    import sys

    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if peer == "data-parallel":
        size += resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)
