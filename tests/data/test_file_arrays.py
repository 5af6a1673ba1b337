"""Arrays in files, frames and dictionaries: what fit reads, in which order, and how much of it at a time."""

import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.models.data import ArrayData, make_data

N = 1000


def model(width=3):
    m = kerasnp.Sequential([kerasnp.Input((width,)), layers.Dense(1)])
    m.compile("sgd", "mse")
    return m


@pytest.fixture(params=["hdf5", "memmap", "float64 memmap"])
def files(request, tmp_path):
    """x whose first column counts the rows, and y, in a file."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 3)).astype("float64" if "float64" in request.param else "float32")
    x[:, 0] = np.arange(N)
    y = np.arange(N, dtype="int32")
    if request.param == "hdf5":
        with h5py.File(tmp_path / "data.h5", "w") as file:
            file["x"], file["y"] = x, y
        with h5py.File(tmp_path / "data.h5", "r") as file:
            yield file["x"], file["y"]
    else:
        np.save(tmp_path / "x.npy", x)
        np.save(tmp_path / "y.npy", y)
        yield np.load(tmp_path / "x.npy", mmap_mode="r"), np.load(tmp_path / "y.npy", mmap_mode="r")


def test_batches_come_in_the_order_of_the_file(files):
    data = make_data(*files, batch_size=32)
    batches = list(data.batches())
    assert len(batches) == data.num_batches == 32 and not data.in_memory
    for x, y, weight in batches:
        assert x.dtype == np.float32 and weight is None and type(x) is np.ndarray
        np.testing.assert_array_equal(x[:, 0], y)
    np.testing.assert_array_equal(np.concatenate([y for _, y, _ in batches]), np.arange(N))


def test_shuffled_in_blocks(files, monkeypatch):
    monkeypatch.setattr(ArrayData, "BLOCK", 4)
    data = make_data(*files, batch_size=25, shuffle=True)
    orders = []
    for seed in (1, 1, 2):
        order = []
        for x, y, _ in data.batches(rng=np.random.default_rng(seed)):
            np.testing.assert_array_equal(x[:, 0], y)
            order.append(y)
        assert len({len(y) for y in order}) == 1
        for y in order:  # four batches are read together, one after the other in the file
            assert len(set(y // 100)) == 1
        orders.append(np.concatenate(order))
        assert sorted(orders[-1]) == list(range(N)) != list(orders[-1])
    np.testing.assert_array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])


def test_a_block_is_no_larger_than_allowed(files, monkeypatch):
    monkeypatch.setattr(ArrayData, "BLOCK_BYTES", 2000)
    largest, read = [], ArrayData._read
    monkeypatch.setattr(ArrayData, "_read", lambda self, a, b: largest.append(b - a) or read(self, a, b))
    list(make_data(*files, batch_size=10, shuffle=True).batches(rng=np.random.default_rng(0)))
    assert 10 <= max(largest) <= 125


@pytest.mark.parametrize("in_file", [True, False])
def test_shuffle_batch_mixes_each_batch_by_itself(files, in_file):
    arrays = files if in_file else tuple(np.array(a) for a in files)
    batches = [y for _, y, _ in make_data(*arrays, batch_size=32, shuffle="batch").batches(rng=np.random.default_rng(0))]
    assert [sorted(y) for y in batches] == [list(range(i, min(i + 32, N))) for i in range(0, N, 32)]
    assert not any((np.diff(y) == 1).all() for y in batches)


def test_fit_evaluate_predict_equal_those_in_memory(files):
    def scaled():
        m = kerasnp.Sequential([kerasnp.Input((3,)), layers.Rescaling(1 / 500), layers.Dense(1)])
        m.compile(kerasnp.optimizers.SGD(1e-4), "mse")
        return m

    a, b = scaled(), scaled()
    b.set_weights(a.get_weights())
    x, y = (np.array(array) for array in files)
    np.testing.assert_array_equal(b.predict(files[0], verbose=0), a.predict(x, verbose=0))
    options = {"shuffle": False, "verbose": 0, "validation_split": 0.1, "epochs": 2}
    assert a.fit(x, y, **options).history == b.fit(*files, **options).history
    for v, w in zip(a.get_weights(), b.get_weights()):
        np.testing.assert_array_equal(v, w)
    assert a.evaluate(x, y, verbose=0) == b.evaluate(*files, verbose=0)


def test_class_weights_and_sample_weights_from_files(files):
    x, y = files
    _, _, weight = next(make_data(x, np.arange(N) % 2, sample_weight=y, batch_size=50).batches())
    np.testing.assert_array_equal(weight, np.arange(50))
    _, _, weight = next(make_data(x, y, batch_size=50, class_weight={0: 3.0, 49: 2.0}).batches())
    np.testing.assert_array_equal(weight, [3.0] + 48 * [1.0] + [2.0])


def test_train_on_batch_of_a_file(files):
    assert np.isfinite(model().train_on_batch(files[0][:8], np.zeros((8, 1))))


def test_labels_of_text_in_a_file_are_refused(tmp_path):
    with h5py.File(tmp_path / "text.h5", "w") as file:
        file["y"] = np.array([b"a", b"b"])
        with pytest.raises(TypeError, match="y must hold numbers"):
            model().fit(np.ones((2, 3)), file["y"], verbose=0)


def test_predict_into_an_array(files, tmp_path):
    m, x = model(), files[0]
    expected = m.predict(x, verbose=0)
    mapped = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", "f4", (N, 1))
    for out in (np.zeros((N, 1), "float32"), np.zeros((N, 1)), mapped):
        assert m.predict(x, verbose=0, out=out) is out
        np.testing.assert_array_equal(out, expected.astype(out.dtype))
    with h5py.File(tmp_path / "out.h5", "w") as file:
        out = file.create_dataset("y", (N, 1), "float32")
        assert m.predict(x, verbose=0, out=out) is out
        np.testing.assert_array_equal(out[:], expected)
    larger = np.full((N + 2, 1), 7, "float32")
    m.predict(iter([np.array(x[:600]), np.array(x[600:])]), verbose=0, out=larger)
    np.testing.assert_array_equal(larger[:N], expected)
    assert (larger[N:] == 7).all()
    np.testing.assert_array_equal(np.concatenate(list(m.predict_batches(x, batch_size=64))), expected)


@pytest.mark.parametrize("out", [np.zeros((N, 2), "float32"), np.zeros((N, 1), "int32"), np.zeros((N, 1), "float16")])
def test_an_out_that_does_not_fit(out):
    with pytest.raises(ValueError, match=r"the shape \(1000, 1\) and a type that holds float32.*nothing was written"):
        model().predict(np.ones((N, 3)), verbose=0, out=out)
    assert not out.any()


def test_an_out_that_is_too_short_or_no_array():
    with pytest.raises(ValueError, match="out must have 1000 rows"):
        model().predict(np.ones((N, 3)), verbose=0, out=np.zeros((N - 1, 1), "float32"))
    with pytest.raises(ValueError, match="out must be an array to write to. Received: list"):
        model().predict(np.ones((N, 3)), verbose=0, out=[])


def test_memory_does_not_grow_with_the_number_of_samples(tmp_path):
    """200,000 rows of 64 numbers, 51 MB in a file: predicted into another, and trained on, in a few megabytes."""
    if sys.platform != "linux":
        pytest.skip("memory is read from /proc")
    code = """
    import sys
    import numpy as np
    import kerasnp
    from kerasnp import layers

    def anonymous():
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) / 1024

    n = 200_000
    x = np.lib.format.open_memmap("x.npy", "w+", "f4", (n, 64))
    out = np.lib.format.open_memmap("out.npy", "w+", "f4", (n, 1))
    model = kerasnp.Sequential([kerasnp.Input((64,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.predict(x[:20_000], batch_size=1000, out=out, verbose=0)
    model.fit(x[:20_000], out[:20_000], batch_size=1000, verbose=0)
    before = anonymous()
    model.predict(x, batch_size=1000, out=out, verbose=0)
    model.fit(x, out, batch_size=1000, verbose=0)
    print(anonymous() - before)
    """
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(code))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # A block is at most 32 MB; two of them are at hand.
    assert float(done.stdout) < 40


def test_a_dictionary_of_one_input():
    x = np.ones((8, 3), "float32")
    m = model()
    np.testing.assert_array_equal(m.predict({"in": x}, verbose=0), m.predict(x, verbose=0))
    m.fit({"in": x}, np.ones((8, 1)), verbose=0)
    with pytest.raises(ValueError, match="one input. Received: 2 of them, as a dict"):
        m.predict({"a": x, "b": x}, verbose=0)


class Frame:
    """What a pandas frame or series shows of itself."""

    def __init__(self, columns):
        self.columns = columns
        self.ndim = 2 if isinstance(columns, dict) else 1

    def to_numpy(self):
        if self.ndim == 1:
            return np.array(self.columns)
        columns = [np.array(c, None if len({type(v) for v in c}) == 1 else object) for c in self.columns.values()]
        kinds = {c.dtype.kind for c in columns}
        return np.stack([c.astype(object) if len(kinds) > 1 else c for c in columns], axis=1)

    def items(self):
        return ((name, Frame(column)) for name, column in self.columns.items())

    def __array__(self, dtype=None, copy=None):
        return self.to_numpy()

    def __len__(self):
        return len(self.to_numpy())


class TestFrames:
    def test_columns_of_several_types(self):
        x = Frame({"age": [1, 2, 3], "tall": [True, False, True], "size": [0.5, 1.5, 2.5]})
        data = make_data(x, Frame([1, 2, 3]))
        assert data.x.tolist() == [[1, 1, 0.5], [2, 0, 1.5], [3, 1, 2.5]] and data.x.dtype == np.float32
        assert data.y.tolist() == [[1], [2], [3]]

    def test_a_column_of_text_is_named(self):
        with pytest.raises(TypeError, match="no numbers in name; encode or drop"):
            make_data(Frame({"age": [1, 2], "name": ["a", 3]}))

    def test_pandas_itself(self):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"a": [1, 2, 3, 4], "b": [True, False, True, False], "c": [0.5, 1.0, 1.5, 2.0]})
        y = pandas.Series([0.0, 1.0, 0.0, 1.0], index=[9, 8, 7, 6])
        m = model()
        m.fit(frame, y, verbose=0, validation_split=0.5, sample_weight=pandas.Series([1.0, 2.0, 1.0, 2.0]))
        np.testing.assert_array_equal(m.predict(frame, verbose=0), m.predict(frame.to_numpy().astype("float32"), verbose=0))
        with pytest.raises(TypeError, match="no numbers in d; encode or drop"):
            m.predict(frame.assign(d=["x", "y", "z", "u"]), verbose=0)
        nullable = frame.astype({"a": "Int64"})
        np.testing.assert_array_equal(m.predict(nullable, verbose=0), m.predict(frame, verbose=0))


@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "coo_array"])
def test_sparse_matrices_become_dense_batch_by_batch(form):
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.random.default_rng(1).standard_normal((50, 3)).astype("float32")
    dense[dense < 0.5] = 0
    x, y = getattr(sparse, form)(dense), dense.sum(1, keepdims=True)
    a, b, c = model(), model(), model()
    b.set_weights(a.get_weights()), c.set_weights(a.get_weights())
    options = {"shuffle": False, "verbose": 0, "validation_split": 0.2}
    expected = a.fit(dense, y, **options).history
    assert b.fit(x, y, **options).history == expected
    np.testing.assert_array_equal(b.predict(x, verbose=0), a.predict(dense, verbose=0))
    assert b.evaluate(x, y, verbose=0) == a.evaluate(dense, y, verbose=0)
    batches = ((sparse.csr_matrix(dense[i : i + 32]), y[i : i + 32]) for i in (0, 32))
    c.fit(batches, verbose=0)
    assert c.test_on_batch(x, y) == c.test_on_batch(dense, y)
