"""Model(inputs, outputs): graphs of layers, what is found in them, how they are called, and what is refused."""

import collections
import warnings

import numpy as np
import pytest

import kerasnp
from kerasnp import layers, ops


def array(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def forked():
    """Two inputs, a shared layer, a function, two outputs."""
    a, b = kerasnp.Input((3,), name="a"), kerasnp.Input((3,), name="b")
    shared = layers.Dense(4, name="shared")
    joined = layers.Concatenate(name="join")([shared(a), shared(b)])
    return kerasnp.Model([a, b], [layers.Dense(2, name="left")(joined), ops.sum(joined, axis=1)], name="forked")


# -- what a model tells of itself -----------------------------------------------------------------------------------


def test_layers_names_and_shapes():
    model = forked()
    assert [layer.name for layer in model.layers] == ["a", "b", "shared", "join", "left"]
    assert model.input_names == ["a", "b"] and model.output_names == ["left", "sum"]
    assert model.input_shape == [(None, 3), (None, 3)] and model.output_shape == [(None, 2), (None,)]
    assert [x.name for x in model.inputs] == ["a", "b"] and model.built
    assert len(model.operations) == 6 and model.count_params() == 16 + 18, "a shared layer counts once"
    assert model.get_layer("shared") is model.layers[2] and model.get_layer(index=0).name == "a"
    assert model.compute_output_shape([(5, 3), (5, 3)]) == [(5, 2), (5,)]
    with pytest.raises(AttributeError, match="`Model.layers` attribute is reserved"):
        model.layers = []


def test_a_row_of_layers_is_as_it_was_in_a_stack():
    x = kerasnp.Input((6, 6, 1), name="x")
    h = layers.MaxPooling2D(2)(layers.Conv2D(2, 3, activation="relu")(x))
    model = kerasnp.Model(x, layers.Dense(2, name="out")(layers.Flatten()(h)), name="chain")
    assert model.is_stack() and not forked().is_stack()
    data = array(6, 6, 6, 1)
    stack = kerasnp.Sequential(model.layers[1:])
    np.testing.assert_array_equal(model.predict(data, verbose=0), stack.predict(data, verbose=0))
    fused = [call for call, *_ in model._planned().steps]
    assert len(fused) == 3, "the pooling is done within the convolution"
    model.fuse = False
    np.testing.assert_array_equal(model.predict(data, verbose=0), stack.predict(data, verbose=0))
    text = model.summary(print_fn=lambda line: None)
    assert "InputLayer" in text and "Connected to" not in text


def test_the_summary_of_a_graph_tells_connections():
    text = forked().summary(print_fn=lambda line: None, show_trainable=True)
    rows = {line.split()[1]: line for line in text.splitlines() if line.startswith("│")}
    assert "a[0][0], b[0][0]" in rows["shared"] and "shared[0][0], shared[1][0]" in rows["join"]
    assert rows["a"].rstrip("│ Y").endswith("-") and "Total params: 34" in text


def test_the_table_shows_functions_and_counts_what_the_optimizer_keeps():
    x = kerasnp.Input((2,))
    model = kerasnp.Model(x, kerasnp.ops.mean(kerasnp.layers.Dense(4)(x), axis=-1, keepdims=True))
    rows = [line for line in model.summary(print_fn=lambda line: None, show_trainable=True).split("\n") if "mean" in line]
    assert len(rows) == 1 and "(None, 1)" in rows[0] and "dense" in rows[0]
    model.compile("adam", "mse")
    model.fit(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0)
    text = model.summary(print_fn=lambda line: None)
    assert "Total params: 38" in text and "Trainable params: 12" in text and "Optimizer params: 26" in text


def test_layers_tell_their_first_ends():
    model = forked()
    shared = model.get_layer("shared")
    assert shared.input is model.inputs[0] and shared.output.shape == (None, 4)
    assert [x.shape for x in model.get_layer("join").input] == [(None, 4), (None, 4)]
    with pytest.raises(AttributeError, match="never been called"):
        _ = layers.Dense(2).output


# -- calls ----------------------------------------------------------------------------------------------------------


def test_inputs_in_lists_tuples_and_by_name():
    model = forked()
    a, b = array(5, 3), array(5, 3, seed=1)
    y = model([a, b])
    for given in ((a, b), {"a": a, "b": b}, {"b": b, "a": a}, [a.astype("float64"), b]):
        for got, expected in zip(model(given), y):
            np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert [p.shape for p in model.predict({"b": b, "a": a}, batch_size=2, verbose=0)] == [(5, 2), (5,)]
    single = kerasnp.Model(model.inputs[0], model.inputs[0] * 2)
    np.testing.assert_array_equal(single({"a": a}), single(a))


def test_nested_inputs_and_outputs():
    Pair = collections.namedtuple("Pair", "first second")
    a, b, c = (kerasnp.Input((2,), name=n) for n in "abc")
    model = kerasnp.Model({"z": a, "rest": [b, (c,)]}, Pair({"sum": a + b}, [c * 2]))
    x = np.ones((1, 2), "float32")
    y = model({"z": x, "rest": [2 * x, (3 * x,)]})
    assert type(y) is Pair and y.first["sum"].tolist() == [[3, 3]] and y.second[0].tolist() == [[6, 6]]
    assert model.output_shape == Pair({"sum": (None, 2)}, [(None, 2)])
    again = kerasnp.Model.from_config(kerasnp.Model({"z": a, "rest": [b, (c,)]}, {"y": [a + b, c]}).get_config())
    assert again({"z": x, "rest": [2 * x, [3 * x]]})["y"][0].tolist() == [[3, 3]]


def test_what_does_not_fit_is_told():
    model = forked()
    a = array(5, 3)
    with pytest.raises(ValueError, match=r"forked' expects 2 input.s., but received 1"):
        model(a)
    with pytest.raises(ValueError, match="structure of `inputs` doesn't match"):
        model({"a": a, "c": a})
    with pytest.raises(ValueError, match=r"name 'b' and path '1'.*expected shape=\(None, 3\), found shape=\(5, 4\)"):
        model([a, array(5, 4)])
    with pytest.raises(ValueError, match="name 'a'.*expected 2 axes"):
        model([array(5, 3, 2), a])
    with pytest.raises(ValueError, match="input 'b' is not optional"):
        model([a, None])
    with pytest.warns(UserWarning, match="structure of `inputs` doesn't match"):
        kerasnp.Model({"a": model.inputs[0], "b": model.inputs[1]}, model.outputs)([a, a])


def test_ranks_and_types_are_mended_as_the_inputs_declare():
    x, i = kerasnp.Input((3, 1), name="x"), kerasnp.Input((2,), dtype="int32", name="i")
    model = kerasnp.Model([x, i], [x + 1.0, i + 1])
    y, j = model([array(4, 3).astype("float64"), np.ones((4, 2, 1))])
    assert y.shape == (4, 3, 1) and y.dtype == "float32" and j.shape == (4, 2) and j.dtype == "int32"


def test_an_input_may_be_optional():
    class Maybe(layers.Layer):
        def call(self, x, y=None):
            return x if y is None else x + y

    a, b = kerasnp.Input((2,)), kerasnp.Input((2,), optional=True)
    model = kerasnp.Model([a, b], Maybe()(a, b))
    x = np.ones((1, 2), "float32")
    assert model([x, None]).tolist() == [[1, 1]] and model([x, x]).tolist() == [[2, 2]]


def test_training_reaches_the_layers_that_ask():
    seen = []

    class Asks(layers.Layer):
        def call(self, x, training=None):
            seen.append(training)
            return x

    x = kerasnp.Input((2,))
    model = kerasnp.Model(x, Asks()(x) + x)
    outer = kerasnp.Model(x, model(x))
    data = np.ones((1, 2), "float32")
    seen.clear()
    model(data)
    model(data, training=True)
    outer(data, training=True)
    assert seen == [False, True, True]
    # As in Keras: a call with training=True keeps it, until the model is told otherwise.
    always = kerasnp.Model(x, layers.Dropout(0.9)(x, training=True))
    noise = [float(always(data).sum()) for _ in range(20)]
    assert len(set(noise)) > 1 and always(data, training=False).sum() == 2 and always.predict(data, verbose=0).sum() == 2


def test_masks_go_through_a_graph():
    words = kerasnp.Input((4,), dtype="int32")
    x = layers.Embedding(5, 3, mask_zero=True)(words)
    model = kerasnp.Model(words, layers.LSTM(2)(layers.Add()([x, layers.Dropout(0.5)(x)])))
    short, long = np.array([[1, 2, 0, 0]]), np.array([[1, 2, 0, 3]])
    cell = model.layers[-1]
    by_hand = cell(model.layers[1](short)[:, :2] * 2)
    np.testing.assert_allclose(model(short), by_hand, rtol=1e-5)
    assert not np.allclose(model(long), by_hand)


def test_memory_of_steps_is_let_go():
    import weakref

    held: list = []
    alive: list = []

    class Noted(layers.Layer):
        def call(self, x):
            y = x + 1.0
            held.append(weakref.ref(y))
            return y

    class Counts(layers.Layer):
        def call(self, x):
            alive.append(sum(ref() is not None for ref in held))
            return x * 1.0

    x = y = kerasnp.Input((3,))
    for _ in range(6):
        y = Noted()(y)
    model = kerasnp.Model(x, Counts()(y))
    held.clear()
    model(np.ones((2, 3), "float32"))
    assert alive[-1] == 1, "only the last output is alive when the last step runs"


# -- models of models -----------------------------------------------------------------------------------------------


def test_two_models_may_share_the_beginning():
    x = kerasnp.Input((3,))
    h = layers.Dense(4)(x)
    whole, part = kerasnp.Model(x, layers.Dense(1)(h)), kerasnp.Model([x], [h])
    assert whole.layers[1] is part.layers[1]
    assert part.predict(np.ones((2, 3)), verbose=0).shape == (2, 4)


def test_a_model_of_what_lies_between():
    x = kerasnp.Input((3,), name="x")
    h = layers.Dense(4, name="first")(x)
    y = layers.Dense(2, name="second")(ops.relu(h))
    whole, front, back = kerasnp.Model(x, y), kerasnp.Model(x, h), kerasnp.Model(h, y)
    data = array(5, 3)
    np.testing.assert_array_equal(back(front(data)), whole(data))
    assert [layer.name for layer in back.layers[1:]] == ["second"] and isinstance(back.layers[0], layers.InputLayer)
    assert back.get_layer("second") is whole.get_layer("second")
    again = kerasnp.Model.from_config(back.get_config())
    again.set_weights(back.get_weights())
    np.testing.assert_array_equal(again(front(data)), whole(data))


def test_features_of_a_stack():
    stack = kerasnp.Sequential([kerasnp.Input((3,)), layers.Dense(4), layers.Dense(2)])
    features = kerasnp.Model(stack.inputs, [stack.layers[0].output, stack.output])
    first, last = features(np.ones((1, 3)))
    np.testing.assert_array_equal(last, stack(np.ones((1, 3))))
    assert first.shape == (1, 4) and features.layers[1:] == stack.layers
    with pytest.raises(AttributeError, match="has no defined inputs before"):
        _ = kerasnp.Sequential([layers.Dense(2)]).inputs


def test_a_model_is_a_layer():
    inner = forked()
    x = kerasnp.Input((3,), name="x")
    left, total = inner([x, x * 2])
    again, _ = inner({"a": x, "b": x})
    model = kerasnp.Model(x, [left - again, total])
    assert model.layers == [model.layers[0], inner] and model.count_params() == inner.count_params()
    data = array(4, 3)
    expected = inner([data, data * 2])[0] - inner([data, data])[0]
    np.testing.assert_allclose(model(data)[0], expected, atol=1e-6)
    stack = kerasnp.Sequential([kerasnp.Model(x, x + layers.Dense(3)(x)), layers.Dense(1)])
    assert stack.built and stack.output_shape == (None, 1)


def test_a_subclass_may_be_made_of_a_graph():
    class Twins(kerasnp.Model):
        def __init__(self, units, **kwargs):
            x = kerasnp.Input((3,))
            super().__init__(inputs=x, outputs=layers.Dense(units)(x) + layers.Dense(units)(x), **kwargs)
            self.units = units
            self.calls = 0

        def call(self, inputs, training=None):
            self.calls += 1
            return super().call(inputs, training=training) * 2.0

    model = Twins(4, name="twins")
    assert len(model.layers) == 3 and model.output_shape == (None, 4) and len(model.weights) == 4
    np.testing.assert_array_equal(model(np.ones((1, 3))).shape, (1, 4))
    assert model.calls == 1 and model.get_config()["units"] == 4
    again = Twins.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(np.ones((1, 3))), model(np.ones((1, 3))))

    class Plain(kerasnp.Model):
        pass

    x = kerasnp.Input((3,))
    plain = Plain(x, layers.Dense(2)(x))
    assert type(Plain.from_config(plain.get_config())) is Plain and plain(np.ones((1, 3))).shape == (1, 2)


# -- training -------------------------------------------------------------------------------------------------------


def test_a_graph_learns_from_lists_and_dictionaries():
    a, b = kerasnp.Input((2,), name="a"), kerasnp.Input((2,), name="b")
    model = kerasnp.Model([a, b], layers.Dense(1)(layers.Multiply()([a, b]) + a))
    x, z = array(64, 2), array(64, 2, seed=1)
    y = (x * z + x).sum(axis=1, keepdims=True)
    model.compile(kerasnp.optimizers.Adam(0.1), "mse", metrics=["mae"])
    for given in ([x, z], {"b": z, "a": x}):
        history = model.fit(given, y, epochs=20, verbose=0, validation_data=(given, y))
    assert history.history["loss"][-1] < 1e-3 and history.history["val_mae"][-1] < 0.1
    assert model.evaluate({"a": x, "b": z}, y, verbose=0, return_dict=True)["loss"] < 1e-3

    def batches():
        while True:
            yield {"a": x[:8], "b": z[:8]}, y[:8]

    model.fit(batches(), steps_per_epoch=3, verbose=0)


def test_freezing_and_regularizers_of_shared_layers_count_once():
    x, z = kerasnp.Input((3,)), kerasnp.Input((3,))
    shared = layers.Dense(2, kernel_regularizer="l2")
    model = kerasnp.Model([x, z], shared(x) - shared(z))
    assert len(model.losses) == 1 and len(model.trainable_weights) == 2
    shared.trainable = False
    assert not model.trainable_weights
    frozen = kerasnp.Model(x, layers.Dense(2)(x), trainable=False)
    assert not frozen.trainable and not frozen.trainable_weights


# -- what is refused ------------------------------------------------------------------------------------------------


def test_graphs_that_are_not_connected():
    x, z = kerasnp.Input((3,), name="x"), kerasnp.Input((3,), name="z")
    y = layers.Dense(3)(x) + z
    with pytest.raises(ValueError, match="path `deep.0` is not connected to `inputs`: it is computed from the input 'z'"):
        kerasnp.Model(x, {"deep": [y]})
    with pytest.raises(ValueError, match="the symbolic tensor 'loose', which is no Input"):
        kerasnp.Model(x, x + kerasnp.KerasTensor((None, 3), name="loose"))
    with pytest.raises(ValueError, match="must come from kerasnp.Input"):
        kerasnp.Model(kerasnp.KerasTensor((None, 3)), y)
    unused = kerasnp.Model([x, z], layers.Dense(1)(x))
    assert unused([np.ones((1, 3)), np.ones((1, 3))]).shape == (1, 1)


def test_ends_that_are_none():
    x = kerasnp.Input((3,))
    for inputs, outputs, message in (
        (np.ones(3), x, "All `inputs` values must be KerasTensors"),
        (x, [x, None], "All `outputs` values must be KerasTensors"),
        ("x", x, "All `inputs` values must be KerasTensors"),
    ):
        with pytest.raises(ValueError, match=message):
            kerasnp.Model(inputs, outputs)
    with pytest.raises(TypeError, match="expected inputs and outputs, or neither"):
        kerasnp.Model(x)


def test_two_layers_of_one_name():
    x = kerasnp.Input((3,))
    with pytest.raises(ValueError, match='name "same" is used 2 times'):
        kerasnp.Model(x, layers.Dense(2, name="same")(layers.Dense(2, name="same")(x)))


def test_keys_and_names_of_inputs_should_agree():
    x = kerasnp.Input((3,), name="x")
    with pytest.warns(UserWarning, match="the key 'y' of `inputs` stands for the Input named 'x'"):
        kerasnp.Model({"y": x}, x + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kerasnp.Model({"x": x}, x + 1)


def test_a_stack_trains_directly_as_a_sequential_does():
    def of(graph):
        kerasnp.utils.set_random_seed(3)
        parts = [layers.Dense(8, activation="relu"), layers.Dense(3, activation="softmax")]
        if not graph:
            return kerasnp.Sequential([kerasnp.Input((5,)), *parts])
        x = y = kerasnp.Input((5,))
        for layer in parts:
            y = layer(y)
        return kerasnp.Model(x, y)

    data, labels = array(40, 5), np.arange(40) % 3
    found = []
    for graph in (True, False):
        model = of(graph)
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(data, labels, epochs=3, shuffle=False, verbose=0)
        assert model._training_parts()[3] is not None, "both take the direct step"
        found.append(model.get_weights())
    for a, b in zip(*found):
        np.testing.assert_array_equal(a, b)
    joined = kerasnp.Model(model.inputs, model.outputs[0] + 0.0)
    joined.compile("adam", "sparse_categorical_crossentropy")
    assert joined._training_parts()[3] is None


def test_warnings_see_the_end_of_a_graph():
    from kerasnp.warnings import last_activation

    x = kerasnp.Input((4,))
    probabilities = layers.Dense(3, activation="softmax")(x + 1.0)
    assert last_activation(kerasnp.Model(x, layers.Dropout(0.5)(probabilities))) == "softmax"
    assert last_activation(kerasnp.Model(x, kerasnp.Model(x, layers.Dense(2)(x))(x))) == "linear"
    assert last_activation(kerasnp.Model(x, ops.sigmoid(x))) is None
    assert last_activation(kerasnp.Model(x, [x, probabilities])) is None


def test_an_optional_input_may_be_left_out_of_training():
    class Maybe(layers.Layer):
        def call(self, x, y=None):
            return x if y is None else x + y

    a, b = kerasnp.Input((2,), name="a"), kerasnp.Input((2,), name="b", optional=True)
    model = kerasnp.Model({"a": a, "b": b}, layers.Dense(1)(Maybe()(a, b)))
    model.compile("sgd", "mse")
    x, y = array(8, 2), array(8, 1)
    for given in ({"a": x, "b": None}, {"a": x, "b": x}):
        model.fit(given, y, batch_size=4, verbose=0, validation_split=0.25)
        assert model.predict(given, batch_size=3, verbose=0).shape == (8, 1)
        model.evaluate(given, y, verbose=0)
    with pytest.raises(ValueError, match="input 'a' is not optional"):
        model.predict({"a": None, "b": x}, verbose=0)
    with pytest.raises(ValueError, match="fit: x holds no array; an input that is not optional"):
        model.fit([None, None], y, verbose=0)
