"""Lookups and TextVectorization: vocabularies, files, models that take text, and what is refused."""

import copy
import io
import json
import zipfile
from pathlib import Path

import cases
import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.saving import limits
from kerasnp.saving.inspection import inspect_file
from kerasnp.utils.hashing import farm_hash, sip_hash
from kerasnp.utils.text import lower, words

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
DOCUMENTS = np.array(cases.DOCUMENTS)


def vectorizer(**arguments):
    layer = layers.TextVectorization(**arguments)
    layer.adapt(DOCUMENTS)
    return layer


def text_model(**arguments):
    kerasnp.utils.set_random_seed(1)
    return kerasnp.Sequential(
        [
            kerasnp.Input((1,), dtype="string"), vectorizer(output_sequence_length=5, **arguments), layers.Embedding(30, 4),
            layers.GlobalAveragePooling1D(), layers.Dense(1),
        ]
    )  # fmt: skip


# -- vocabularies -----------------------------------------------------------------------------------------------------


def test_adapting_by_batches_equals_adapting_at_once():
    for arguments in ({}, {"output_mode": "tf_idf"}):
        whole, parts = vectorizer(**arguments), layers.TextVectorization(**arguments)
        parts.adapt(DOCUMENTS[i : i + 2] for i in range(0, len(DOCUMENTS), 2))
        assert parts.get_vocabulary() == whole.get_vocabulary()
        np.testing.assert_array_equal(parts(DOCUMENTS), whole(DOCUMENTS))


def test_inverse_lookup_undoes_the_lookup():
    layer = layers.StringLookup()
    layer.adapt(["b", "a", "b", "c"])
    back = layers.StringLookup(vocabulary=layer.get_vocabulary(), invert=True)
    assert back(layer(["a", "c", "z"])).tolist() == ["a", "c", "[UNK]"]


def test_set_vocabulary_takes_special_tokens_or_none():
    one, other = layers.StringLookup(mask_token=""), layers.StringLookup(mask_token="")
    one.set_vocabulary(["x", "y"])
    other.set_vocabulary(["", "[UNK]", "x", "y"])
    assert one.get_vocabulary() == other.get_vocabulary() == ["", "[UNK]", "x", "y"]
    assert one.get_vocabulary(include_special_tokens=False) == ["x", "y"]
    assert one.vocabulary_size() == 4


def test_text_may_be_strings_bytes_or_objects():
    layer = layers.StringLookup(vocabulary=["a", "é"])
    for x in (["é", "b"], np.array(["é", "b"]), np.array(["é", "b"], object), np.array(["é".encode(), b"b"], object)):
        np.testing.assert_array_equal(layer(x), [2, 0])
    np.testing.assert_array_equal(layer(np.array([b"a", b"b"])), [1, 0])


def test_functions_of_the_user():
    layer = layers.TextVectorization(
        standardize=lambda x: np.char.replace(x, "-", " "), split=lambda x: [t.split("|") for t in x], vocabulary=["a b", "c"]
    )
    np.testing.assert_array_equal(layer(["a-b|c", "c"]), [[2, 3], [3, 0]])


def test_only_ascii_is_lowered_and_only_ascii_space_splits():
    assert lower("ÉA") == "Éa"
    assert words("a\u00a0b c\td") == ["a\u00a0b", "c", "d"]


def test_hashes_of_their_papers():
    key = [int.from_bytes(bytes(range(8)), "little"), int.from_bytes(bytes(range(8, 16)), "little")]
    assert sip_hash(bytes(range(15)), key) == 0xA129CA6149BE45E5
    assert len({farm_hash(b"x" * n) for n in range(300)}) == 300


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: layers.StringLookup(vocabulary="words.txt"), ValueError, "files are never opened"),
        (lambda: layers.StringLookup(vocabulary=Path("words.txt")), ValueError, "files are never opened"),
        (lambda: layers.TextVectorization(vocabulary="words.txt"), ValueError, "files are never opened"),
        (lambda: layers.StringLookup().set_vocabulary("words.txt"), ValueError, "files are never opened"),
        (lambda: layers.StringLookup(vocabulary=["a", "b", "a"]), ValueError, "repeated"),
        (lambda: layers.StringLookup(vocabulary=["a", ""], mask_token=""), ValueError, "reserved mask token"),
        (lambda: layers.StringLookup(vocabulary=["a", "[UNK]"], invert=True), ValueError, "reserved OOV token"),
        (lambda: layers.StringLookup(vocabulary=["a", "b"], max_tokens=2), ValueError, "allows no more than that"),
        (lambda: layers.StringLookup(vocabulary=[]), ValueError, "empty vocabulary"),
        (lambda: layers.StringLookup(vocabulary=["a"]).adapt(["b"]), ValueError, "Cannot adapt"),
        (lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["b"]), ValueError, "found OOV values"),
        (lambda: layers.StringLookup(max_tokens=1), ValueError, "greater than 1"),
        (lambda: layers.StringLookup(pad_to_max_tokens=True), ValueError, "must set `max_tokens`"),
        (lambda: layers.StringLookup(num_oov_indices=-1), ValueError, "num_oov_indices"),
        (lambda: layers.StringLookup(output_mode="vector"), ValueError, "output_mode"),
        (lambda: layers.StringLookup(invert=True, output_mode="count"), ValueError, "invert"),
        (lambda: layers.StringLookup(sparse=True), ValueError, "sparse"),
        (lambda: layers.StringLookup(idf_weights=[1.0]), ValueError, "idf_weights"),
        (lambda: layers.StringLookup(output_mode="tf_idf", vocabulary=["a"]), ValueError, "idf_weights"),
        (lambda: layers.StringLookup(output_mode="tf_idf", vocabulary=["a"], idf_weights=[1, 2]), ValueError, "for each token"),
        (lambda: layers.StringLookup(output_mode="count")(["a"]), RuntimeError, "this must be there first"),
        (lambda: layers.StringLookup(vocabulary=["a"])([1]), TypeError, "expected text"),
        (lambda: layers.IntegerLookup(vocabulary_dtype="int32"), ValueError, "vocabulary_dtype"),
        (lambda: layers.IntegerLookup(salt=3), ValueError, "farmhash"),
        (lambda: layers.IntegerLookup(vocabulary=[1])(["a"]), TypeError, "expected integers"),
        (lambda: layers.TextVectorization(standardize="upper"), ValueError, "standardize"),
        (lambda: layers.TextVectorization(split="comma"), ValueError, "split"),
        (lambda: layers.TextVectorization(ngrams=[1, 2]), ValueError, "ngrams"),
        (lambda: layers.TextVectorization(output_sequence_length=2.5), ValueError, "output_sequence_length"),
        (lambda: layers.TextVectorization(output_mode="count", output_sequence_length=2), ValueError, "must not be set"),
        (lambda: layers.TextVectorization(ragged=True), ValueError, "ragged"),
        (lambda: layers.TextVectorization(vocabulary=["a"])([["a", "b"]]), ValueError, "row by row"),
        (lambda: layers.Hashing(0), ValueError, "num_bins"),
        (lambda: layers.Hashing(3, dtype="float32"), ValueError, "integer type"),
        (lambda: layers.Hashing(3, salt="x"), ValueError, "salt"),
        (lambda: layers.HashedCrossing(3)((["a"],)), ValueError, "at least two"),
        (lambda: layers.HashedCrossing(3)((["a"], ["b", "c"])), ValueError, "the same one"),
        (lambda: layers.HashedCrossing(3)((["a"], [0.5])), ValueError, "integer or string"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_vectors_keep_their_length_once_promised():
    layer = vectorizer(output_mode="count")
    before = layer.get_vocabulary()
    with pytest.raises(RuntimeError, match="must keep its 13 entries"):
        layer.adapt(["one two"])
    assert layer.get_vocabulary() == before


# -- models that take text ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [DOCUMENTS, DOCUMENTS[:, None], DOCUMENTS.astype(object), DOCUMENTS.tolist()])
def test_a_model_takes_text(x):
    model = text_model()
    model.compile("adam", "mse", metrics=["mae"])
    y = np.arange(len(DOCUMENTS), dtype="float32")
    history = model.fit(x, y, epochs=30, batch_size=4, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    model.evaluate(x, y, verbose=0)
    assert model.predict(x, verbose=0).shape == (len(DOCUMENTS), 1)


def test_a_model_without_an_input_is_built_from_text():
    model = kerasnp.Sequential([vectorizer(output_mode="tf_idf"), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(DOCUMENTS, np.ones(len(DOCUMENTS)), validation_split=0.4, verbose=0)
    assert model.input_dtype == "string"
    assert model.predict(DOCUMENTS[:2], verbose=0).shape == (2, 1)


def test_numeric_models_refuse_text():
    model = kerasnp.Sequential([layers.Dense(1)])
    model.compile("adam", "mse")
    with pytest.raises(TypeError, match="TextVectorization"):
        model.fit(np.array([["a"], ["b"]]), np.ones(2), verbose=0)
    with pytest.raises(TypeError, match="y must hold numbers"):
        model.fit(np.ones((2, 1)), np.array(["a", "b"]), verbose=0)


# -- files --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sequence", "tf_idf", "integer"])
def test_files_of_keras(name, tmp_path):
    path = GOLDEN / f"{name}_model.keras"
    with zipfile.ZipFile(path) as archive:
        expected = json.loads(archive.read("predictions.json"))
        members = {n: archive.read(n) for n in archive.namelist() if n.startswith("assets")}
    x = np.array(expected["x"])
    model = kerasnp.models.load_model(path)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected["y"], rtol=1e-5, atol=1e-6)
    for ours in ("m.keras", "m.h5"):
        model.save(tmp_path / ours)
        twin = kerasnp.models.load_model(tmp_path / ours)
        np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert {n: archive.read(n) for n in archive.namelist() if n.startswith("assets")} == members
    assert not [r for r in inspect_file(tmp_path / "m.keras")["risks"] if "not used" in r]


def test_a_given_vocabulary_is_part_of_the_configuration(tmp_path):
    model = kerasnp.Sequential([kerasnp.Input((2,), dtype="string"), layers.StringLookup(vocabulary=["a", "b\n"])])
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert not [n for n in archive.namelist() if n.startswith("assets")]
    assert kerasnp.models.load_model(tmp_path / "m.keras").layers[0].get_vocabulary() == ["[UNK]", "a", "b\n"]


def test_copies_keep_the_vocabulary():
    model = text_model()
    np.testing.assert_array_equal(copy.deepcopy(model).predict(DOCUMENTS, verbose=0), model.predict(DOCUMENTS, verbose=0))


def saved_with(vocabulary, layer=None):
    """A `.keras` file whose vocabulary is replaced by the given bytes."""
    model = kerasnp.Sequential([kerasnp.Input((1,), dtype="string"), layer or vectorizer()])
    first, second = io.BytesIO(), io.BytesIO()
    model.save(first)
    with zipfile.ZipFile(first) as source, zipfile.ZipFile(second, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            if not name.startswith("kerasnp_"):
                target.writestr(name, vocabulary if name.endswith("vocabulary.txt") else source.read(name))
    return second


@pytest.mark.parametrize(
    "vocabulary, message",
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"\n[UNK]\na\na", "repeated"),
        (b"\n[UNK]\na\n\nb", "reserved mask token"),
        (b"", "repeated"),
    ],
)
def test_damaged_vocabularies_are_refused(vocabulary, message):
    with pytest.raises(ValueError, match=message):
        kerasnp.models.load_model(saved_with(vocabulary))


def test_vocabularies_are_bounded(monkeypatch):
    monkeypatch.setattr(limits, "MAX_VOCABULARY_BYTES", 1000)
    with pytest.raises(ValueError, match="at most 1000 are allowed"):
        kerasnp.models.load_model(saved_with(b"\n[UNK]\n" + b"a\n" * 1000))


def test_weights_that_do_not_fit_the_vocabulary_are_refused():
    stream = saved_with(b"[UNK]\n" + b"\n".join(b"t%d" % i for i in range(99)), vectorizer(output_mode="tf_idf"))
    with pytest.raises(ValueError, match="for each token"):
        kerasnp.models.load_model(stream)


def test_tokens_with_line_breaks_are_not_written(tmp_path):
    layer = layers.StringLookup()
    layer.adapt(["a\nb"])
    with pytest.raises(ValueError, match="line break"):
        kerasnp.Sequential([kerasnp.Input((1,), dtype="string"), layer]).save(tmp_path / "m.keras")
    assert not list(tmp_path.iterdir())


def test_a_vocabulary_file_named_in_a_configuration_is_not_opened_but_reported():
    model = kerasnp.Sequential([kerasnp.Input((1,), dtype="string"), layers.StringLookup(name="s")])
    first, second = io.BytesIO(), io.BytesIO()
    model.save(first)
    with zipfile.ZipFile(first) as source, zipfile.ZipFile(second, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(b'"vocabulary": null', b'"vocabulary": "/etc/passwd"'))
    assert "layer 's': StringLookup names a vocabulary file, which is never opened" in inspect_file(second)["risks"]
    with pytest.raises(ValueError, match="files are never opened"):
        kerasnp.models.load_model(second)
