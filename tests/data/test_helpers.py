"""pad_sequences, windows, folders, splits: numbers and orders are Keras's."""

import builtins
import os

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.utils import (
    PyDataset, Sequence, image_dataset_from_directory, pad_sequences, split_dataset, text_dataset_from_directory,
    timeseries_dataset_from_array,
)  # fmt: skip


class TestPadSequences:
    @pytest.mark.parametrize(
        "options, expected",
        [
            ({}, [[0, 0, 1], [0, 2, 3], [4, 5, 6]]),
            ({"padding": "post"}, [[1, 0, 0], [2, 3, 0], [4, 5, 6]]),
            ({"maxlen": 2}, [[0, 1], [2, 3], [5, 6]]),
            ({"maxlen": 2, "truncating": "post", "padding": "post", "value": 9}, [[1, 9], [2, 3], [4, 5]]),
            ({"maxlen": 0}, [[], [], []]),
            ({"maxlen": 4, "dtype": "float32", "value": -0.5}, [[-0.5, -0.5, -0.5, 1], [-0.5, -0.5, 2, 3], [-0.5, 4, 5, 6]]),
        ],
    )
    def test_numbers(self, options, expected):
        padded = pad_sequences([[1], [2, 3], [4, 5, 6]], **options)
        assert padded.tolist() == expected and padded.dtype == options.get("dtype", "int32")

    def test_vectors_empty_rows_and_text(self):
        assert pad_sequences([np.ones((2, 3)), np.ones((1, 3)), []]).shape == (3, 2, 3)
        assert pad_sequences([["a"], ["b", "c"]], dtype=object, value="-").tolist() == [["-", "a"], ["b", "c"]]

    @pytest.mark.parametrize(
        "arguments, message",
        [
            (([1, 2],), "entry 0 is 1"),
            ((7,), "must be a list of sequences"),
            (([[1]], 2, "int32", "before"), "padding must be one of 'pre', 'post'"),
            (([["a"]], 1, "int32", "pre", "pre", "x"), "`dtype` int32 is not compatible with text"),
            (([np.ones((2, 3)), np.ones((2, 4))],), r"one shape. Expected \(3,\). Received: \(4,\) at position 1"),
        ],
    )
    def test_mistakes(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            pad_sequences(*arguments)


class TestWindows:
    series = np.arange(20)

    def all(self, **options):
        found = list(timeseries_dataset_from_array(self.series, **options))
        return [x.tolist() for x in found] if options["targets"] is None else [(x.tolist(), y.tolist()) for x, y in found]

    def test_numbers(self):
        assert self.all(targets=None, sequence_length=4, sequence_stride=8, batch_size=2) == [
            [[0, 1, 2, 3], [8, 9, 10, 11]],
            [[16, 17, 18, 19]],
        ]
        assert self.all(targets=self.series * 10, sequence_length=3, sampling_rate=3, sequence_stride=6, batch_size=9) == [
            ([[0, 3, 6], [6, 9, 12], [12, 15, 18]], [0, 60, 120])
        ]
        assert self.all(targets=None, sequence_length=2, start_index=15, end_index=18) == [[[15, 16], [16, 17]]]
        assert self.all(targets=None, sequence_length=19, batch_size=None) == [list(range(19)), list(range(1, 20))]

    def test_shuffled_anew_for_each_pass(self):
        data = timeseries_dataset_from_array(self.series, self.series, 2, batch_size=4, shuffle=True, seed=3)
        twin = timeseries_dataset_from_array(self.series, self.series, 2, batch_size=4, shuffle=True, seed=3)
        first = np.concatenate([y for _, y in data])
        data.on_epoch_end()
        second = np.concatenate([y for _, y in data])
        np.testing.assert_array_equal(first, np.concatenate([y for _, y in twin]))
        assert sorted(first) == sorted(second) == list(range(19)) and not np.array_equal(first, second)

    def test_it_trains(self):
        series = np.sin(np.arange(200) / 5).astype("float32")[:, None]
        data = timeseries_dataset_from_array(series[:-8], series[8:], 8, batch_size=16)
        model = kerasnp.Sequential([kerasnp.Input((8, 1)), layers.Flatten(), layers.Dense(1)])
        model.compile(kerasnp.optimizers.Adam(0.05), "mse")
        assert model.fit(data, epochs=20, verbose=0).history["loss"][-1] < 1e-3

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"sequence_length": 0}, "`sequence_length` must be a positive integer"),
            ({"sequence_length": 21}, "a window spans 21 steps. Received: 20"),
            ({"sequence_length": 2, "start_index": 9, "end_index": 4}, "0 <= start_index < end_index <= 20"),
        ],
    )
    def test_mistakes(self, options, message):
        with pytest.raises(ValueError, match=message):
            timeseries_dataset_from_array(self.series, None, **options)


@pytest.fixture
def pets(tmp_path):
    """Images of one colour, whose red tells their number: 6 cats, 4 dogs."""
    image = pytest.importorskip("PIL.Image")
    for name, numbers in (("cat", range(6)), ("dog", range(6, 10))):
        (tmp_path / name).mkdir()
        for i in numbers:
            image.new("RGB", (6, 4), (i, 100, 200)).save(tmp_path / name / f"{i}.png")
    (tmp_path / "dog" / "notes.txt").write_text("no image")
    return tmp_path


def numbers(data):
    return [int(v) for batch in data for v in batch[0][:, 0, 0, 0]]


class TestImages:
    def test_batches(self, pets, capsys):
        data = image_dataset_from_directory(pets, image_size=(8, 10), batch_size=4, shuffle=False)
        assert capsys.readouterr().out == "Found 10 files belonging to 2 classes.\n"
        assert len(data) == 3 and data.class_names == ["cat", "dog"] and isinstance(data, PyDataset)
        x, y = data[1]
        assert x.shape == (4, 8, 10, 3) and x.dtype == np.float32 and y.tolist() == [0, 0, 1, 1] and y.dtype == np.int32
        assert x[0, 3, 3].tolist() == [4, 100, 200]
        assert numbers(data) == list(range(10))
        assert os.path.basename(data.file_paths[9]) == "9.png"

    def test_label_modes(self, pets):
        def y(**options):
            return image_dataset_from_directory(pets, shuffle=False, verbose=False, image_size=(4, 4), **options)[0]

        assert y(label_mode="categorical")[1][5:7].tolist() == [[1, 0], [0, 1]]
        assert y(label_mode="binary")[1][5:7].tolist() == [[0], [1]]
        assert y(label_mode=None).shape == y(labels=None).shape == (10, 4, 4, 3)
        assert y(class_names=["dog", "cat"])[1].tolist() == [0] * 4 + [1] * 6
        assert y(labels=list(range(10)))[1].tolist() == list(range(10))

    def test_colours_and_layout(self, pets):
        def x(**options):
            return image_dataset_from_directory(pets, labels=None, verbose=False, image_size=(4, 6), **options)[0]

        assert x(color_mode="grayscale").shape == (10, 4, 6, 1) and x(color_mode="rgba").shape == (10, 4, 6, 4)
        assert x(data_format="channels_first").shape == (10, 3, 4, 6)
        assert x(batch_size=None).shape == (4, 6, 3)
        assert x(crop_to_aspect_ratio=True).shape == x(pad_to_aspect_ratio=True).shape == (10, 4, 6, 3)

    def test_subsets_are_those_of_the_seed(self, pets, capsys):
        options = {"validation_split": 0.3, "seed": 5, "image_size": (4, 6)}
        training = numbers(image_dataset_from_directory(pets, subset="training", **options))
        validation = numbers(image_dataset_from_directory(pets, subset="validation", **options))
        assert "Using 7 files for training." in capsys.readouterr().out
        both = image_dataset_from_directory(pets, subset="both", **options)
        assert [training, validation] == [numbers(part) for part in both]
        # The order that Keras draws: RandomState(seed).shuffle of the sorted files.
        order = list(range(10))
        np.random.RandomState(5).shuffle(order)
        assert training == order[:7] and validation == order[7:]

    def test_it_trains_and_reads_on_threads(self, pets):
        data = image_dataset_from_directory(pets, image_size=(4, 4), batch_size=2, verbose=False)
        model = kerasnp.Sequential([kerasnp.Input((4, 4, 3)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(2)])
        model.compile("adam", kerasnp.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(data, epochs=2, validation_data=data, verbose=0)
        assert model.predict(data, verbose=0).shape == (10, 2) and data.workers == 2

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"color_mode": "cmyk"}, "`color_mode` must be one of 'grayscale', 'rgb', 'rgba'"),
            ({"label_mode": "one-hot"}, "`label_mode` argument must be 'int', "),
            ({"labels": [0, 1]}, "to match the number of files, sorted by path. Received: 2 labels and 10 files"),
            ({"class_names": ["cat", "bird"]}, "did not match the folders of .* which are .'cat', 'dog'."),
            ({"validation_split": 0.2}, "`validation_split` must be set, and so must `subset`"),
            ({"validation_split": 2.0, "subset": "training"}, "between 0 and 1"),
            ({"validation_split": 0.2, "subset": "training"}, "must provide a `seed`, the same one"),
            ({"subset": "training"}, "`validation_split` must be set"),
            ({"subset": "test", "validation_split": 0.2}, '`subset` must be either "training"'),
            ({"class_names": ["cat"], "label_mode": "binary"}, "exactly 2 classes"),
            ({"labels": [0] * 10, "class_names": ["cat"]}, 'only pass `class_names` if `labels="inferred"`'),
            ({"validation_split": 0.01, "subset": "both"}, "the validation subset of 10 files .* is empty"),
            ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "only one of"),
            ({"image_size": 0}, "image_size. argument must be"),
        ],
    )
    def test_mistakes(self, pets, options, message):
        with pytest.raises(ValueError, match=message):
            image_dataset_from_directory(pets, verbose=False, **options)

    def test_without_labels_files_beside_the_folders_count_too(self, pets):
        from PIL import Image

        Image.new("RGB", (4, 4)).save(os.path.join(pets, "beside.png"))
        for options, files in (({}, 10), ({"label_mode": None}, 11), ({"labels": None}, 11)):
            data = image_dataset_from_directory(pets, image_size=(4, 4), batch_size=99, verbose=False, **options)
            assert len(data[0] if files == 11 else data[0][0]) == files

    def test_no_folder_and_no_images(self, tmp_path):
        with pytest.raises(ValueError, match="directory must be a folder"):
            image_dataset_from_directory(tmp_path / "none")
        with pytest.raises(ValueError, match="No images found in .* ends in .bmp, .gif, .jpeg, .jpg, .png"):
            image_dataset_from_directory(tmp_path)

    def test_without_pillow(self, tmp_path, monkeypatch):
        real = builtins.__import__

        def fake(name, *args, **kwargs):
            if name.split(".")[0] == "PIL":
                raise ImportError(name)
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", fake)
        with pytest.raises(ImportError, match=r"Pillow, which is not installed: pip install kerasnp\[image\]"):
            image_dataset_from_directory(tmp_path)


def test_texts(tmp_path, capsys):
    for name in ("ham", "spam"):
        (tmp_path / name / "deeper").mkdir(parents=True)
        (tmp_path / name / "deeper" / "b.txt").write_text(f"größer {name}", encoding="utf-8")
        (tmp_path / name / "a.txt").write_text(name)
    data = text_dataset_from_directory(tmp_path, shuffle=False, max_length=9)
    x, y = data[0]
    assert x.tolist() == ["ham", "größer ha", "spam", "größer sp"] and y.tolist() == [0, 0, 1, 1]
    assert capsys.readouterr().out == "Found 4 files belonging to 2 classes.\n"


class TestSplit:
    def test_shares_and_counts(self):
        x, y = np.arange(10), np.arange(10) * 2
        left, right = split_dataset((x, y), left_size=0.7)
        assert len(left) == 7 and [int(b) for _, b in right] == [14, 16, 18]
        left, right = split_dataset([x, y], right_size=2)
        assert (len(left), len(right)) == (8, 2)
        left, right = split_dataset(x, left_size=3, right_size=3)
        assert [int(v) for v in left] == [0, 1, 2] and [int(v) for v in right] == [7, 8, 9]

    def test_shuffled(self):
        left, right = split_dataset(np.arange(100), 0.5, shuffle=True, seed=1)
        values = [int(v) for part in (left, right) for v in part]
        assert sorted(values) == list(range(100)) != values
        again, _ = split_dataset(np.arange(100), 0.5, shuffle=True, seed=1)
        assert [int(v) for v in again] == values[:50]

    def test_other_sources(self):
        windows = timeseries_dataset_from_array(np.arange(9), np.arange(9), 2, batch_size=3)
        left, right = split_dataset(windows, 6)
        assert next(iter(left.batch(6)))[0].shape == (6, 2) and len(right) == 2
        left, _ = split_dataset(((np.ones(2), i) for i in range(4)), 0.5)
        assert [int(y) for _, y in left] == [0, 1]

    def test_batched_it_trains(self):
        left, right = split_dataset((np.ones((20, 2), "float32"), np.ones((20, 1), "float32")), 0.8)
        model = kerasnp.Sequential([kerasnp.Input((2,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(left.batch(4), validation_data=right.batch(4), verbose=0)
        assert int(model.optimizer.iterations) == 4

    @pytest.mark.parametrize(
        "arguments, kind, message",
        [
            (([1, 2],), ValueError, "left_size, right_size or both"),
            (([1, 2], 1.5), ValueError, "left_size must be a share"),
            (([1, 2], "half"), TypeError, "Received: 'half'"),
            (([1, 2], 2, 1), ValueError, "2 and 1 samples were asked for, and there are 2"),
            ((7, 1), TypeError, "must be an array, a list or tuple"),
        ],
    )
    def test_mistakes(self, arguments, kind, message):
        with pytest.raises(kind, match=message):
            split_dataset(*arguments)


def test_the_older_name():
    assert Sequence is PyDataset


def test_kinds_of_datasets_of_other_frameworks():
    """Words that choose between them in Keras are taken, others refused."""
    windows = timeseries_dataset_from_array(np.arange(5), None, 2, format="grain")
    assert len(windows) == 1
    with pytest.raises(ValueError, match="format"):
        timeseries_dataset_from_array(np.arange(5), None, 2, format="torch")
    assert len(split_dataset(np.arange(4), 0.5, preferred_backend="numpy")[0]) == 2
    with pytest.raises(ValueError, match="preferred_backend"):
        split_dataset(np.arange(4), 0.5, preferred_backend="tensorflow")


@pytest.mark.parametrize("order", [1, 2, 3, np.inf])
def test_normalize_divides_by_the_norm_of_numpy(order):
    x = np.array([[3.0, -4.0, 1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 5.0]])
    norms = np.linalg.norm(x, order, axis=1, keepdims=True)
    np.testing.assert_allclose(kerasnp.utils.normalize(x, order=order), x / np.where(norms == 0, 1, norms), rtol=1e-12)
