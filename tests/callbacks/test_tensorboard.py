"""TensorBoard: the event files, read back by a decoder that knows protocol buffers but nothing of the writer."""

import os
import struct
import zlib

import numpy as np
import pytest

import kerasnp
from kerasnp.callbacks import TensorBoard
from kerasnp.utils import events

X, Y = np.linspace(-1, 1, 24, dtype="float32").reshape(12, 2), np.ones((12, 1), "float32")


def fields(data):
    """[(field number, value)] of a protocol buffer; what has a length stays bytes."""
    found, i = [], 0

    def varint():
        nonlocal i
        value = shift = 0
        while True:
            byte = data[i]
            i += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while i < len(data):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            found.append((number, varint()))
            continue
        size = {1: 8, 5: 4}.get(kind) or varint()
        value = data[i : i + size]
        i += size
        found.append((number, struct.unpack("<d" if kind == 1 else "<f", value)[0] if kind != 2 else value))
    return found


def read(folder):
    """{tag: [(step, {field: value})]} of all event files of a folder."""
    tags = {}
    for name in sorted(os.listdir(folder)):
        first, *rest = events.read_records(os.path.join(folder, name))
        assert dict(fields(first))[3] == b"brain.Event:2"
        for record in rest:
            event = dict(fields(record))
            assert event[1] > 1e9
            for number, value in fields(event[5]):
                assert number == 1
                message = dict(fields(value))
                tags.setdefault(message[1].decode(), []).append((event.get(2, 0), message))
    return tags


def compiled(*layers, **kwargs):
    model = kerasnp.Sequential([kerasnp.Input((2,)), *(layers or [kerasnp.layers.Dense(1, name="out")])])
    model.compile(**{"optimizer": "sgd", "loss": "mse", "metrics": ["mae"], **kwargs})
    return model


def fit(tmp_path, model=None, epochs=2, **kwargs):
    model = model or compiled()
    data = {"batch_size": 4, "verbose": 0, "validation_data": (X, Y)}
    history = model.fit(X, Y, epochs=epochs, callbacks=[TensorBoard(tmp_path, **kwargs)], **data)
    return model, history.history, read(tmp_path / "train"), read(tmp_path / "validation")


def numbers(tags, name):
    return [(step, message[2]) for step, message in tags[name]]


def rounded(values):
    return [(i, float(np.float32(v))) for i, v in enumerate(values)]


def test_scalars_of_epochs(tmp_path):
    model, history, train, validation = fit(tmp_path)
    assert numbers(train, "epoch_loss") == rounded(history["loss"])
    assert numbers(train, "epoch_mae") == rounded(history["mae"])
    assert numbers(train, "epoch_learning_rate") == rounded([0.01, 0.01])
    assert numbers(validation, "epoch_loss") == rounded(history["val_loss"])
    iterations = [(3, float(np.float32(history["val_loss"][0]))), (6, float(np.float32(history["val_loss"][1])))]
    assert numbers(validation, "evaluation_loss_vs_iterations") == iterations
    assert not any(name.startswith("batch_") for name in train)


@pytest.mark.parametrize("freq, steps", [("batch", [1, 2, 3, 4, 5, 6]), (1, [1, 2, 3, 4, 5, 6]), (4, [4])])
def test_scalars_of_batches(tmp_path, freq, steps):
    _, history, train, _ = fit(tmp_path, update_freq=freq, write_steps_per_second=True)
    assert [step for step, _ in numbers(train, "batch_loss")] == steps
    if len(steps) == 6:
        assert dict(numbers(train, "batch_loss"))[3] == np.float32(history["loss"][0])
    assert all(value > 0 for of in ("batch", "epoch") for _, value in numbers(train, f"{of}_steps_per_second"))


def test_histograms_count_the_weights(tmp_path):
    model = compiled(kerasnp.layers.Dense(50, name="wide"), kerasnp.layers.Dense(1, name="out"))
    _, _, train, _ = fit(tmp_path, model, histogram_freq=1, epochs=1)
    ((step, message),) = train["sequential/wide/kernel/histogram"]
    histogram = dict(fields(message[5]))
    weights = model.layers[0].kernel.numpy().astype("float64").ravel()
    limits, counts = (np.frombuffer(histogram[i], "<f8") for i in (6, 7))
    assert step == 0 and len(limits) == len(counts) == 30
    assert (histogram[1], histogram[2], histogram[3]) == (weights.min(), weights.max(), 100)
    np.testing.assert_allclose([histogram[4], histogram[5]], [weights.sum(), (weights**2).sum()])
    assert (np.diff(limits) > 0).all() and limits[-1] == weights.max()
    # A weight on the edge of two buckets may be rounded into either.
    np.testing.assert_allclose(counts.cumsum(), [(weights <= limit).sum() for limit in limits], atol=1)


def test_histogram_of_a_constant_and_of_nan(tmp_path):
    model = compiled()
    model.layers[0].bias.assign([np.nan])
    tensorboard = TensorBoard(tmp_path, histogram_freq=1, write_images=True)
    tensorboard.set_model(model)
    model.layers[0].kernel.assign(np.full((2, 1), 0.5))
    tensorboard._write_weights(0)
    tensorboard.on_train_end()
    train = read(tmp_path / "train")
    assert sorted(train) == ["sequential/out/kernel/histogram", "sequential/out/kernel/image"]
    assert np.frombuffer(dict(fields(train["sequential/out/kernel/histogram"][0][1][5]))[7], "<f8").sum() == 2


def test_images_are_valid_pngs(tmp_path):
    model, _, train, _ = fit(tmp_path, histogram_freq=1, write_images=True, epochs=1)
    image = dict(fields(train["sequential/out/kernel/image"][0][1][4]))
    assert (image[1], image[2], image[3]) == (2, 1, 1)
    png, i, chunks = image[4], 8, {}
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    while i < len(png):
        size = int.from_bytes(png[i : i + 4], "big")
        kind, data = png[i + 4 : i + 8], png[i + 8 : i + 8 + size]
        assert int.from_bytes(png[i + 8 + size : i + 12 + size], "big") == zlib.crc32(kind + data)
        chunks[kind], i = data, i + 12 + size
    assert struct.unpack(">IIB", chunks[b"IHDR"][:9]) == (1, 2, 8)
    pixels = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), "uint8").reshape(2, 2)[:, 1]
    assert sorted(pixels) == [0, 255] and pixels.argmax() == model.layers[0].kernel.numpy().ravel().argmax()


def test_the_graph_as_text_and_as_configuration(tmp_path):
    model, _, train, _ = fit(tmp_path, epochs=1)
    (_, summary), (_, graph) = train["model/summary"][0], train["keras"][0]
    tensor = dict(fields(summary[8]))
    assert tensor[1] == 7 and "out (Dense)" in tensor[8].decode()
    assert dict(fields(dict(fields(summary[9]))[1]))[1] == b"text"
    assert dict(fields(graph[8]))[8].decode() == model.to_json()
    assert dict(fields(dict(fields(graph[9]))[1])) == {1: b"graph_keras_model", 2: b"1"}
    _, _, train, _ = fit(tmp_path / "without", epochs=1, write_graph=False)
    assert "keras" not in train and "model/summary" not in train


def test_a_model_without_a_configuration_keeps_its_curves(tmp_path):
    class Own(kerasnp.Model):
        def __init__(self, secret):
            super().__init__()
            self.dense = kerasnp.layers.Dense(1)

        def call(self, inputs):
            return self.dense(inputs)

    model = Own(object())
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="TensorBoard: the graph is left out"):
        _, _, train, _ = fit(tmp_path, model, epochs=1)
    assert "epoch_loss" in train and "keras" not in train


def test_embeddings_for_the_projector(tmp_path):
    layers = kerasnp.layers
    words = layers.Embedding(5, 2, name="words")
    model = kerasnp.Sequential([kerasnp.Input((3,)), words, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    callback = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"words": "words.txt"})
    model.fit(np.ones((4, 3), "int32"), np.ones((4, 1)), verbose=0, callbacks=[callback])
    assert (tmp_path / "projector_config.pbtxt").read_text() == (
        'embeddings {\n  tensor_name: "words"\n  tensor_shape: 5\n  tensor_shape: 2\n'
        '  tensor_path: "words.tsv"\n  metadata_path: "words.txt"\n}\n'
    )
    np.testing.assert_allclose(np.loadtxt(tmp_path / "words.tsv"), model.layers[0].embeddings.numpy(), rtol=1e-5)
    with pytest.raises(ValueError, match=r"must name Embedding layers .* \['words'\]. Received: \['other'\]"):
        callback = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"other": "words.txt"})
        model.fit(np.ones((4, 3), "int32"), np.ones((4, 1)), verbose=0, callbacks=[callback])


def test_an_evaluation_alone_is_written_and_closed(tmp_path):
    model, callback = compiled(), TensorBoard(tmp_path)
    loss = model.evaluate(X, Y, verbose=0, return_dict=True, callbacks=[callback])["loss"]
    tags = read(tmp_path / "validation")
    assert numbers(tags, "evaluation_loss_vs_iterations") == [(0, float(np.float32(loss)))]
    assert callback._files == {}


def test_files_are_closed_when_training_breaks(tmp_path):
    callback = TensorBoard(tmp_path)
    stop = kerasnp.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        compiled().fit(X, Y, verbose=0, callbacks=[callback, stop])
    assert callback._files == {} and "model/summary" in read(tmp_path / "train")


@pytest.mark.parametrize("kwargs", [{"update_freq": "step"}, {"update_freq": 0}, {"profile_batch": 2}])
def test_arguments(kwargs):
    with pytest.raises(ValueError, match="TensorBoard: (update_freq|profile_batch) must be"):
        TensorBoard(**kwargs)


def test_numbers_beyond_float32_become_infinite():
    assert dict(fields(dict(fields(events.scalar("x", 1e300)))[1]))[2] == float("inf")
    assert dict(fields(dict(fields(events.scalar("x", -1e300)))[1]))[2] == float("-inf")


def test_the_checksum_is_the_published_one_and_damage_is_found(tmp_path):
    # RFC 3720, B.4
    assert events.crc32c(bytes(32)) == 0x8A9136AA
    assert events.crc32c(bytes(range(32))) == 0x46DD794E
    file = tmp_path / "e"
    content = bytearray(events.record(b"hello"))
    file.write_bytes(content)
    assert list(events.read_records(file)) == [b"hello"]
    content[14] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match="the checksum of a record does not fit"):
        list(events.read_records(file))
