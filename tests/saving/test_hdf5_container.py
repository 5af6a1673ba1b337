"""The HDF5 reader and writer: against h5py, and against files made to do harm."""

import io
import struct

import numpy as np
import pytest

from kerasnp.saving import hdf5, limits
from kerasnp.saving.hdf5_write import Node, Writer


def written(root):
    stream = io.BytesIO()
    Writer(root).write(stream)
    return stream


def opened(data, name="test.h5"):
    return hdf5.open_file(io.BytesIO(data) if isinstance(data, bytes) else data, name)


def sample():
    root = Node()
    rng = np.random.default_rng(0)
    root.attributes.update(text="ü" * 70_000, number=3, real=2.5, names=["a", "bc", ""], none=np.zeros(0))
    for dtype in ("float16", "float32", "float64", "int8", "int32", "int64", "uint8", ">f4", ">i8"):
        root.put(f"types/{dtype}", rng.normal(size=(3, 5)).astype(dtype))
    root.put("scalar", np.float32(1.5))
    root.put("empty", np.zeros((0, 3)))
    root.put("flags", np.array([True, False]))
    root.put("transposed", rng.normal(size=(4, 6)).T)
    root.put("ä/ö", np.arange(3))
    for i in range(300):
        root.put(f"many/{i}", np.int64(i))
    return root


def arrays(node, path=""):
    for name, child in node.children.items():
        if isinstance(child, Node):
            yield from arrays(child, f"{path}{name}/")
        else:
            yield f"{path}{name}", child.value


def test_what_is_written_is_read():
    root = opened(written(sample()))
    assert root.attributes["text"] == "ü" * 70_000
    assert [root.attributes[k] for k in ("number", "real", "names", "none")] == [3, 2.5, ["a", "bc", ""], []]
    for path, value in arrays(sample()):
        got = root[path].read()
        np.testing.assert_array_equal(got, value)
        assert got.dtype == (value.dtype.newbyteorder("=") if value.dtype != bool else np.uint8)


def test_the_stream_may_hold_something_before():
    stream = io.BytesIO(b"x" * 100)
    stream.seek(100)
    Writer(sample()).write(stream)
    np.testing.assert_array_equal(hdf5.open_file(stream, "x", start=100)["ä/ö"].read(), np.arange(3))


def test_bfloat16_is_rounded_to_nearest():
    root = Node()
    root.put("x", np.float32([1.0, 1.00390625, 1.01171875, -3e38, np.inf, np.nan]), dtype="bfloat16")
    got = opened(written(root))["x"].read()
    np.testing.assert_array_equal(got, np.float32([1.0, 1.0, 1.015625, -3.0040553e38, np.inf, np.nan]))


def test_a_long_list_of_names_is_split_as_keras_does():
    root = Node()
    root.attributes["layer_names"] = [f"layer_{i}" for i in range(9000)]
    attributes = opened(written(root)).attributes
    assert list(attributes) == ["layer_names0", "layer_names1", "layer_names2"]
    assert sum((attributes[n] for n in attributes), []) == [f"layer_{i}" for i in range(9000)]


def test_a_name_cannot_be_group_and_array():
    root = Node()
    root.put("a", np.zeros(2))
    with pytest.raises(ValueError, match="is an array"):
        root.put("a/b", np.zeros(2))
    with pytest.raises(ValueError, match="share the name 'a'"):
        root.put("a", np.zeros(2))


def test_read_into_an_array_takes_no_other_memory():
    value = np.random.default_rng(0).normal(size=(50, 40)).astype("float32")
    root = Node()
    root.put("w", value)
    out = np.empty_like(value)
    assert opened(written(root))["w"].read(out=out) is out
    np.testing.assert_array_equal(out, value)
    wide = np.empty(value.shape, "float64")
    opened(written(root))["w"].read(out=wide)
    np.testing.assert_array_equal(wide, value)


# -- h5py as the judge ----------------------------------------------------------------------------------------------


def test_h5py_reads_what_is_written(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.h5"
    path.write_bytes(written(sample()).getvalue())
    with h5py.File(path) as file:
        assert file.attrs["text"] == "ü" * 70_000
        assert list(file.attrs["names"]) == ["a", "bc", ""]
        for name, value in arrays(sample()):
            np.testing.assert_array_equal(file[name][()], value)


def test_h5py_may_change_what_is_written(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.h5"
    path.write_bytes(written(sample()).getvalue())
    with h5py.File(path, "a") as file:
        del file["many/7"]
        file["new/x"] = np.ones(4)
        file.attrs["text"] = "short"
    root = opened(path.read_bytes())
    assert root.attributes["text"] == "short" and "many/7" not in root
    np.testing.assert_array_equal(root["new/x"].read(), np.ones(4))
    np.testing.assert_array_equal(root["many/8"].read(), 8)


@pytest.mark.parametrize("track_order", [False, True])
@pytest.mark.parametrize("libver", ["earliest", "v108", "latest"])
def test_what_h5py_writes_is_read(tmp_path, libver, track_order):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver=libver, track_order=track_order) as file:
        file.attrs["text"] = "x" * 60_000
        file.attrs["names"] = ["a", "bc"]
        file.attrs["fixed"] = np.array([b"a", b"bcd"])
        for i in range(20):
            file.attrs[f"k{i}"] = f"v{i}"
        for i in range(400):  # enough for several nodes in every kind of index
            file.create_dataset(f"many/{i}", data=np.float32(i))
        file.create_dataset("x/y", data=np.arange(12.0).reshape(3, 4))
        file.create_dataset("bool", data=np.array([True, False]))
    root = opened(path.read_bytes())
    assert root.attributes["text"] == "x" * 60_000
    assert root.attributes["names"] == ["a", "bc"] and root.attributes["fixed"] == [b"a", b"bcd"]
    assert [root.attributes[f"k{i}"] for i in range(20)] == [f"v{i}" for i in range(20)]
    assert [float(root[f"many/{i}"].read()) for i in range(400)] == list(range(400))
    np.testing.assert_array_equal(root["x/y"].read(), np.arange(12.0).reshape(3, 4))
    np.testing.assert_array_equal(root["bool"].read(), [1, 0])


@pytest.mark.parametrize(
    "options", [{}, {"compression": "gzip"}, {"compression": "gzip", "shuffle": True}, {"fletcher32": True}]
)
def test_chunks_and_compression_are_read(tmp_path, options):
    h5py = pytest.importorskip("h5py")
    value = np.random.default_rng(0).normal(size=(33, 17)).astype("float32")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=value, chunks=(8, 5), **options)
    np.testing.assert_array_equal(opened((tmp_path / "a.h5").read_bytes())["x"].read(), value)


# -- refusals -------------------------------------------------------------------------------------------------------


def refused(data, match):
    with pytest.raises(ValueError, match=match) as caught:
        root = opened(data, "bad.h5")
        for dataset in root.datasets():
            dataset.read()
    assert str(caught.value).startswith(("bad.h5: ", "/"))


def test_links_to_elsewhere_are_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["x"] = np.ones(3)
    makers = {
        "external": lambda f: f.__setitem__("x", h5py.ExternalLink(str(secret), "/x")),
        "soft": lambda f: f.__setitem__("x", h5py.SoftLink("/y")),
        "circle": lambda f: f.__setitem__("x", f),
        "twice": lambda f: f.__setitem__("x", f["y"]),
    }
    for kind, make in makers.items():
        path = tmp_path / f"{kind}.h5"
        with h5py.File(path, "w") as file:
            file["y"] = np.zeros(3)
            make(file)
        refused(path.read_bytes(), "link")


def test_values_kept_elsewhere_are_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    raw = tmp_path / "secret.bin"
    raw.write_bytes(b"secret" * 8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (48,), "uint8", external=[(str(raw), 0, 48)])
    refused((tmp_path / "a.h5").read_bytes(), "another file, which is never opened")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["y"] = np.ones(4)
        layout = h5py.VirtualLayout((4,), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "c.h5"), "y", (4,))
        file.create_virtual_dataset("x", layout)
    refused((tmp_path / "b.h5").read_bytes(), "virtual dataset")


def test_compression_that_needs_a_library_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.zeros(100), compression="lzf")
    refused((tmp_path / "a.h5").read_bytes(), "compressed with lzf")


def test_a_shape_larger_than_the_file_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (1 << 40,), "float32")  # never allocated
    refused((tmp_path / "a.h5").read_bytes(), r"declares the shape \(1099511627776,\)")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("x", (1 << 40,), "float32", chunks=(1 << 20,), compression="gzip")
    refused((tmp_path / "b.h5").read_bytes(), "no real model does")


def test_a_chunk_that_expands_beyond_its_shape_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.zeros(64, "float32"), chunks=(64,), compression="gzip")
        import zlib

        file["x"].id.write_direct_chunk((0,), zlib.compress(bytes(1 << 24)))
    refused((tmp_path / "a.h5").read_bytes(), "expands to more than its shape allows")


def test_a_file_cut_off_anywhere_is_refused():
    data = written(sample()).getvalue()
    for length in (0, 5, 8, 40, 95, 96, 1000, len(data) // 2, len(data) - 1):
        refused(data[:length], ".")


def test_parts_that_refer_to_each_other_in_circles_are_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a/x"] = np.zeros(2)
        file["a/root"] = file["/"]
    refused((tmp_path / "a.h5").read_bytes(), "seen before|circles")


def test_amplification_by_shared_strings_is_bounded():
    root = Node()
    root.attributes["names"] = ["x" * 200_000] + ["y"] * 3000
    data = bytearray(written(root).getvalue())
    # A reference is the length, the address of a heap and the number of the string in it.
    long, short = struct.pack("<I", 200_000), struct.pack("<I", 1)
    at = next(i for i in range(len(data) - 32) if data[i : i + 4] == long and data[i + 16 : i + 20] == short)
    reference = bytes(data[at : at + 16])
    for i in range(3001):  # 3000 references to one long string
        data[at + 16 * i : at + 16 * (i + 1)] = reference
    with pytest.raises(ValueError, match="circles"):
        opened(bytes(data)).attributes["names"]


def test_deep_nesting_is_refused():
    root = Node()
    root.put("/".join("a" * 200), np.zeros(1))
    refused(written(root).getvalue(), "too deep")


def test_json_is_bounded_in_size_and_depth():
    with pytest.raises(ValueError, match="x.json is not readable JSON: it is nested more than"):
        limits.parse_json("[" * 100_000 + "]" * 100_000, "x.json")
    with pytest.raises(ValueError, match="bytes of JSON are more than"):
        limits.parse_json(" " * (limits.MAX_JSON_BYTES + 1), "x.json")
    with pytest.raises(ValueError, match="not readable JSON"):
        limits.parse_json(b"\xff{", "x.json")
    assert limits.parse_json(b'{"a": "[[[[\\"["}', "x.json") == {"a": '[[[["['}
