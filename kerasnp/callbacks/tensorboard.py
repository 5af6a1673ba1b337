"""TensorBoard: curves, histograms of weights and the model itself, as event files."""

import contextlib
import os
import time
import warnings

from kerasnp import backend as K
from kerasnp.callbacks.callback import Callback
from kerasnp.callbacks.schedule import rates_of
from kerasnp.saving.atomic import named
from kerasnp.utils import events

BUCKETS = 30


class TensorBoard(Callback):
    """Write event files for the TensorBoard program (`tensorboard --logdir logs`); nothing else needs to be installed.

    Training writes to `log_dir/train`, validation to `log_dir/validation`: `epoch_loss`, `epoch_learning_rate` and the
    metrics per epoch, `batch_loss` and so on per batch, `evaluation_loss_vs_iterations` per evaluation.

    >>> import kerasnp, os, tempfile
    >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> folder = tempfile.mkdtemp()
    >>> data = [[1.0]], [[2.0]]
    >>> history = model.fit(*data, verbose=0, validation_data=data, callbacks=[TensorBoard(folder, histogram_freq=1)])
    >>> sorted(os.listdir(folder))
    ['train', 'validation']

    Args:
        log_dir: the folder, for this run alone.
        histogram_freq: write histograms of the weights every so many epochs; 0 for never.
        write_graph: write the architecture, as a graph and as the text of `model.summary()`.
        write_images: write the weights as grey images too, together with the histograms.
        write_steps_per_second: write the pace.
        update_freq: `"epoch"`, `"batch"`, or every so many batches.
        profile_batch: must be 0; Python's own profilers see everything here.
        embeddings_freq: write the tables of Embedding layers for the projector every so many epochs; 0 for never.
        embeddings_metadata: a file of labels for the rows, or {layer name: file}.

    Raises: ValueError for another update_freq, a profile_batch, or metadata for a layer that does not exist.
    """

    state_names = ("_batches",)

    def __init__(
        self,
        log_dir="logs",
        histogram_freq=0,
        write_graph=True,
        write_images=False,
        write_steps_per_second=False,
        update_freq="epoch",
        profile_batch=0,
        embeddings_freq=0,
        embeddings_metadata=None,
    ):
        super().__init__()
        self.log_dir, self.histogram_freq, self.write_graph = os.fspath(log_dir), histogram_freq, write_graph
        self.write_images, self.write_steps_per_second = write_images, write_steps_per_second
        self.embeddings_freq, self.embeddings_metadata = embeddings_freq, embeddings_metadata
        self.update_freq = 1 if update_freq == "batch" else update_freq
        if self.update_freq != "epoch" and (not isinstance(self.update_freq, int) or self.update_freq < 1):
            raise ValueError(
                f"TensorBoard: update_freq must be 'epoch', 'batch' or a number of batches. Received: {update_freq!r}"
            )
        if profile_batch:
            raise ValueError(
                "TensorBoard: profile_batch must be 0, there is no device to trace; profile with `python -m cProfile`. "
                f"Received: {profile_batch!r}"
            )
        self._files = {}
        self._batches = 0
        self._in_fit = False

    def wants_batches(self, kind):
        return kind == "train" and self.update_freq != "epoch"

    def _write(self, part, step, *values):
        with named("TensorBoard", os.path.join(self.log_dir, part)):
            if part not in self._files:
                self._files[part] = events.EventFile(os.path.join(self.log_dir, part))
            self._files[part].write(step, *values)

    # -- hooks ------------------------------------------------------------------------------------------------------

    def on_train_begin(self, logs=None):
        self._close()
        self._in_fit, self._batches = True, 0
        self._embeddings = self._find_embeddings() if self.embeddings_freq else []
        if self.write_graph:
            self._write_graph()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_began = time.perf_counter()
        self._first_iteration = int(self.model.optimizer.iterations)

    def on_train_batch_begin(self, batch, logs=None):
        self._batch_began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self._batches += 1
        if self._batches % self.update_freq:
            return
        values = _scalars("batch_", logs)
        if self.write_steps_per_second:
            pace = 1 / max(time.perf_counter() - self._batch_began, 1e-9)
            values.append(events.scalar("batch_steps_per_second", pace))
        self._write("train", self._batches, *values)

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        train = {name: value for name, value in logs.items() if not name.startswith("val_")}
        validation = {name[4:]: value for name, value in logs.items() if name.startswith("val_")}
        train.update({name: float(optimizer.learning_rate) for name, optimizer in rates_of(self)})
        if self.write_steps_per_second:
            steps = int(self.model.optimizer.iterations) - self._first_iteration
            train["steps_per_second"] = steps / max(time.perf_counter() - self._epoch_began, 1e-9)
        self._write("train", epoch, *_scalars("epoch_", train))
        if validation:
            self._write("validation", epoch, *_scalars("epoch_", validation))
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self._embeddings and epoch % self.embeddings_freq == 0:
            self._write_embeddings()
        with named("TensorBoard", self.log_dir):
            for file in self._files.values():
                file.flush()

    def on_test_end(self, logs=None):
        optimizer = self.model.optimizer
        if optimizer is not None:
            named = {f"evaluation_{name}_vs_iterations": value for name, value in (logs or {}).items()}
            self._write("validation", int(optimizer.iterations), *_scalars("", named))
        if not self._in_fit:
            self._close()

    def on_train_end(self, logs=None):
        self._in_fit = False
        self._close()

    def on_train_interrupt(self, logs=None):
        self._in_fit = False
        with contextlib.suppress(OSError):  # the error that ends the run is on its way already
            self._close()

    def _close(self):
        files, self._files = self._files, {}
        with named("TensorBoard", self.log_dir), contextlib.ExitStack() as stack:
            for file in files.values():
                stack.callback(file.close)

    # -- the model --------------------------------------------------------------------------------------------------

    def _write_graph(self):
        lines = []
        self.model.summary(print_fn=lambda line, line_break=True: lines.append(line))
        fenced = "```\n" + "\n".join(lines) + "\n```"
        self._write("train", 0, events.text("model/summary", fenced))
        try:
            graph = self.model.to_json()
        except (NotImplementedError, TypeError, ValueError) as error:
            warnings.warn(f"TensorBoard: the graph is left out, since the model has no configuration: {error}")
        else:
            self._write("train", 0, events.text("keras", graph, "graph_keras_model", b"1"))

    def _write_weights(self, epoch):
        for weight in self.model.weights:
            values = K.asarray(weight.value, dtype="float64")
            finite = values[K.isfinite(values)]
            if finite.size:
                self._write("train", epoch, _histogram(f"{weight.path}/histogram", finite))
            if self.write_images and finite.size:
                self._write("train", epoch, _image(f"{weight.path}/image", values))

    # -- embeddings -------------------------------------------------------------------------------------------------

    def _find_embeddings(self):
        layers = [layer for layer in self.model.layers if type(layer).__name__ == "Embedding"]
        metadata = self.embeddings_metadata or {}
        if isinstance(metadata, (str, os.PathLike)):
            metadata = {layer.name: metadata for layer in layers}
        unknown = sorted(set(metadata) - {layer.name for layer in layers})
        if unknown:
            raise ValueError(
                f"TensorBoard: embeddings_metadata must name Embedding layers of the model, "
                f"{[layer.name for layer in layers]}. Received: {unknown}"
            )
        blocks = []
        for layer in layers:
            rows, columns = layer.embeddings.shape
            lines = [f'tensor_name: "{layer.name}"', f"tensor_shape: {rows}", f"tensor_shape: {columns}"]
            lines.append(f'tensor_path: "{layer.name}.tsv"')
            if layer.name in metadata:
                lines.append(f'metadata_path: "{os.fspath(metadata[layer.name])}"')
            blocks.append("embeddings {\n" + "".join(f"  {line}\n" for line in lines) + "}\n")
        os.makedirs(self.log_dir, exist_ok=True)
        with open(os.path.join(self.log_dir, "projector_config.pbtxt"), "w", encoding="utf-8") as file:
            file.write("".join(blocks))
        return layers

    def _write_embeddings(self):
        for layer in self._embeddings:
            with open(os.path.join(self.log_dir, f"{layer.name}.tsv"), "w", encoding="utf-8") as file:
                for row in layer.embeddings.value.tolist():
                    file.write("\t".join(f"{value:.6g}" for value in row) + "\n")


def _scalars(prefix, logs):
    return [
        events.scalar(f"{prefix}{name}", float(value))
        for name, value in (logs or {}).items()
        if not getattr(value, "ndim", 0) and not isinstance(value, str)
    ]


def _histogram(tag, values):
    """Counts in buckets of equal width between the least and the largest value."""
    low, high = float(values.min()), float(values.max())
    width = (high - low) / BUCKETS
    counts = [0] * BUCKETS
    if width > 0:
        numbers = K.minimum((values - low) / width, BUCKETS - 1).astype("int64")
        for number, count in zip(*K.unique(numbers, return_counts=True)):
            counts[int(number)] = int(count)
    else:
        counts[-1] = values.size
    limits = [low + width * (i + 1) for i in range(BUCKETS - 1)] + [high]
    return events.histogram(tag, low, high, float(values.sum()), float((values * values).sum()), limits, counts)


def _image(tag, values):
    """A weight as a matrix, its last axis along the columns, from black (least) to white (largest)."""
    matrix = values.reshape(-1, values.shape[-1]) if values.ndim > 1 else values.reshape(1, -1)
    matrix = K.where(K.isfinite(matrix), matrix, 0.0)
    low, high = matrix.min(), matrix.max()
    pixels = ((matrix - low) * (255.0 / (high - low) if high > low else 0.0)).astype("uint8")
    return events.image(tag, pixels.tobytes(), matrix.shape[1])
