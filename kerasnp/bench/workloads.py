"""The workloads: data, and a model that reads the same whether `keras` is kerasnp or Keras itself."""

from kerasnp import datasets

# Images per epoch and batch size.
SIZES = {
    "mlp": (12_000, 128),
    "mlp_small": (12_000, 32),
    "lenet": (12_000, 128),
    "convnet": (12_000, 128),
    "vggbn": (2_000, 64),
    "lstm": (12_000, 128),
    "gru": (12_000, 128),
}
SEQUENCES = ("lstm", "gru")  # they read an image row by row
PREDICTED = 2_000  # rows
PREDICT_BATCH = 256


def images(workload):
    """Images in 0..1, shaped for the workload, and their labels: of MNIST, or of the embedded digits without its file."""
    n, _ = SIZES[workload]
    try:
        (x, y), _ = datasets.mnist.load_data()
    except OSError:
        (x, y), _ = datasets.digits.load_data(n, 10)
    x, y = x[:n].astype("float32"), y[:n].astype("int32")
    x /= 255
    if workload in SEQUENCES:
        return x, y
    return (x.reshape(n, 784) if workload.startswith("mlp") else x[..., None]), y


def model(keras, workload):
    """The workload as a compiled Sequential of `keras`."""
    L = keras.layers  # noqa: N806

    def conv(filters, size, **kwargs):
        return L.Conv2D(filters, size, activation="relu", **kwargs)

    def dense(units):
        return L.Dense(units, activation="relu")

    def normalized(filters):
        return [L.Conv2D(filters, 3, padding="same"), L.BatchNormalization(), L.ReLU()]

    stacks = {
        "mlp": lambda: [dense(512), L.Dropout(0.2), dense(512), L.Dropout(0.2)],
        "mlp_small": lambda: [dense(32)],
        "lenet": lambda: [
            *[conv(6, 5, padding="same"), L.MaxPooling2D(), conv(16, 5), L.MaxPooling2D()],
            *[L.Flatten(), dense(120), dense(84)],
        ],
        "convnet": lambda: [
            *[conv(32, 3), L.MaxPooling2D(), conv(64, 3), L.MaxPooling2D(), L.Flatten(), L.Dropout(0.5)],
        ],
        "vggbn": lambda: [
            *[*normalized(32), *normalized(32), L.MaxPooling2D(), *normalized(64), *normalized(64), L.MaxPooling2D()],
            *[L.Flatten(), dense(128)],
        ],
        "lstm": lambda: [L.LSTM(128)],
        "gru": lambda: [L.GRU(128)],
    }
    shape = (784,) if workload.startswith("mlp") else (28, 28) if workload in SEQUENCES else (28, 28, 1)
    stack = keras.Sequential([keras.Input(shape), *stacks[workload](), L.Dense(10, activation="softmax")])
    stack.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return stack
