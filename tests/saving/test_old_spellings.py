"""Files of every age, made by hand, and the load failures that users report against Keras itself."""

import warnings

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.models import load_model
from kerasnp.saving import versions
from kerasnp.saving.loading import Loading, loading, parse_version


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def dense(random_array, n=4, units=3, seed=0):
    return {"k": random_array(n, units, seed=seed), "b": random_array(units, seed=seed + 1)}


# -- the architecture -----------------------------------------------------------------------------------------------


def test_keras_2_0_has_a_list_of_layers_and_no_input_layer(files, random_array):
    config = [
        {"class_name": "Dense", "config": {"name": "dense_1", "batch_input_shape": [None, 4], "dtype": "float32", "units": 3,
         "activation": "relu", "kernel_initializer": {"class_name": "VarianceScaling", "config":
         {"scale": 1.0, "mode": "fan_avg", "distribution": "normal", "seed": None}}, "kernel_constraint": None}},
        {"class_name": "Dropout", "config": {"name": "dropout_1", "rate": 0.5, "noise_shape": None, "seed": None}},
        {"class_name": "Dense", "config": {"name": "dense_2", "units": 2, "activation": "softmax"}},
    ]  # fmt: skip
    first, last = dense(random_array), dense(random_array, 3, 2, 2)
    path = files.classic(
        {"class_name": "Sequential", "config": config}, {"dense_1": first, "dropout_1": {}, "dense_2": last}, version="2.0.8"
    )
    model = load_model(path)
    assert model.input_shape == (None, 4)
    x = random_array(5, 4, seed=9)
    z = np.maximum(x @ first["k"] + first["b"], 0) @ last["k"] + last["b"]
    expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("key, value", [("batch_input_shape", [None, 4]), ("input_shape", [4]), ("input_dim", 4)])
def test_first_layer_with_its_input_shape(files, random_array, key, value):
    config = {"name": "s", "layers": [{"class_name": "Dense", "config": {"name": "d", "units": 3, key: value}}]}
    path = files.classic({"class_name": "Sequential", "config": config}, {"d": dense(random_array)})
    assert load_model(path).input_shape == (None, 4)


def test_attributes_may_be_bytes(files, sequential, random_array):
    import json

    config = sequential(("Dense", {"units": 3, "name": "d"}), keras2=True)
    weights = dense(random_array)
    tree = {
        "@": {"model_config": np.bytes_(json.dumps(config)), "keras_version": np.bytes_("2.1.6")},
        "model_weights": {
            "@": {"layer_names": np.array([b"d"])},
            "d": {"@": {"weight_names": np.array([b"d_1/kernel:0", b"d_1/bias:0"])},
                  "d_1": {"kernel:0": weights["k"], "bias:0": weights["b"]}},
        },
    }  # fmt: skip
    h5py = pytest.importorskip("h5py")
    path = files.folder / "m.h5"
    with h5py.File(path, "w") as file:
        fill(file, tree)
    np.testing.assert_array_equal(load_model(path).get_weights()[0], weights["k"])


def fill(group, tree):
    for name, value in tree.items():
        if name == "@":
            for k, v in value.items():
                group.attrs[k] = v
        elif isinstance(value, dict):
            fill(group.create_group(name), value)
        else:
            group[name] = value


def test_names_split_over_several_attributes(files, sequential, random_array):
    names = [f"layer_{i:05d}" for i in range(4100)]
    everything = {n: {} for n in names}
    everything[names[7]] = dense(random_array)
    path = files.classic_weights(everything)
    model = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(3)])
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[0], everything[names[7]]["k"])


# -- numbers that changed -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version, slope", [("2.2.4-tf", 0.2), (None, 0.2), ("3.0.0", 1 / 6)])
def test_hard_sigmoid_follows_the_version(files, sequential, version, slope):
    layer = ("Dense", {"units": 1, "name": "d", "activation": "hard_sigmoid", "use_bias": False})
    path = files.classic(sequential(layer, shape=(None, 1), keras2=True), {"d": {"k": np.eye(1, dtype="float32")}}, version)
    got = load_model(path).predict(np.float32([[1.0], [-9.0], [9.0]]), verbose=0)
    np.testing.assert_allclose(got, [[0.5 + slope], [0], [1]], rtol=1e-6)


def test_recurrent_activation_of_2017(files, sequential, random_array):
    u = 2
    config = {"units": u, "name": "l", "activation": "linear", "recurrent_activation": "hard_sigmoid", "implementation": 0}
    kernel, recurrent, bias = random_array(3, 4 * u), random_array(u, 4 * u, seed=1), random_array(4 * u, seed=2)
    weights = {"l": {"kernel": kernel, "recurrent_kernel": recurrent, "bias": bias}}
    path = files.classic(sequential(("LSTM", config), shape=(None, 5, 3), keras2=True), weights, "2.0.6")
    x = random_array(2, 5, 3, seed=3)
    h = c = np.zeros((2, u), "float32")
    hard = lambda z: np.clip(0.2 * z + 0.5, 0, 1)  # noqa: E731
    for t in range(5):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = hard(f) * c + hard(i) * g
        h = hard(o) * c
    np.testing.assert_allclose(load_model(path).predict(x, verbose=0), h, rtol=1e-4, atol=1e-5)


def test_gru_of_2017(files, sequential, random_array):
    """No reset_after, and a recurrent activation that the file need not name, since it was the only one then."""
    u = 2
    kernel, recurrent, bias = random_array(3, 3 * u), random_array(u, 3 * u, seed=1), random_array(3 * u, seed=2)
    weights = {"g": {"kernel": kernel, "recurrent_kernel": recurrent, "bias": bias}}
    path = files.classic(sequential(("GRU", {"units": u, "name": "g"}), shape=(None, 5, 3), keras2=True), weights, "2.0.8")
    x, h = random_array(2, 5, 3, seed=3), np.zeros((2, u), "float32")
    hard = lambda v: np.clip(0.2 * v + 0.5, 0, 1)  # noqa: E731
    for t in range(5):
        xz, xr, xh = np.split(x[:, t] @ kernel + bias, 3, axis=1)
        rz, rr, rh = np.split(recurrent, 3, axis=1)
        z, r = hard(xz + h @ rz), hard(xr + h @ rr)
        h = z * h + (1 - z) * np.tanh(xh + (r * h) @ rh)
    np.testing.assert_allclose(load_model(path).predict(x, verbose=0), h, rtol=1e-4, atol=1e-5)


def test_json_of_keras_2(sequential):
    """`to_json` names the version, and with it the numbers."""
    import json

    config = sequential(("Dense", {"units": 1, "name": "d", "activation": "hard_sigmoid", "use_bias": False}), shape=(None, 1),
                        keras2=True)  # fmt: skip
    for version, slope in (("2.4.0", 0.2), ("3.0.0", 1 / 6), (None, 1 / 6)):
        text = json.dumps({**config, "keras_version": version, "backend": "tensorflow"})
        model = kerasnp.models.model_from_json(text)
        model.set_weights([np.ones((1, 1))])
        np.testing.assert_allclose(model.predict(np.ones((1, 1)), verbose=0), [[0.5 + slope]], rtol=1e-6)


def test_from_config_takes_old_spellings(sequential):
    stack = sequential(
        ("LSTM", {"name": "l", "units": 2, "time_major": False, "implementation": 2}),
        ("Dense", {"name": "d", "units": 3, "quantization_config": None, "kernel_initializer": {"class_name": "Zeros",
         "config": {"dtype": "float32"}}}), shape=(None, 5, 3), keras2=True,
    )  # fmt: skip
    model = kerasnp.Sequential.from_config(stack["config"])
    assert model.input_shape == (None, 5, 3) and model.layers[1].get_weights()[0].any() == 0
    assert kerasnp.Sequential.from_config(model.get_config()).get_config() == model.get_config()


def test_gru_without_reset_after_is_the_old_gru(files, sequential, random_array):
    weights = {"g": {"kernel": random_array(3, 6), "recurrent_kernel": random_array(2, 6), "bias": random_array(6)}}
    config = {"units": 2, "name": "g", "recurrent_activation": "sigmoid"}
    model = load_model(files.classic(sequential(("GRU", config), shape=(None, 5, 3), keras2=True), weights))
    assert model.layers[0].reset_after is False


def test_cudnn_weights_are_turned(files, sequential, random_array):
    units, inputs = 2, 3
    kernel, recurrent = random_array(inputs, 4 * units), random_array(units, 4 * units, seed=1)
    two_biases = random_array(8 * units, seed=2)
    # cuDNN reads each gate's block as a (units, inputs) matrix in the same memory.
    packed = [np.concatenate([b.T.reshape(b.shape) for b in np.split(w, 4, axis=1)], axis=1) for w in (kernel, recurrent)]
    path = files.classic(
        sequential(("CuDNNLSTM", {"units": units, "name": "l"}), shape=(None, 5, inputs), keras2=True),
        {"l": {"kernel": packed[0], "recurrent_kernel": packed[1], "bias": two_biases}},
    )
    got = load_model(path).get_weights()
    np.testing.assert_array_equal(got[0], kernel)
    np.testing.assert_array_equal(got[1], recurrent)
    np.testing.assert_allclose(got[2], two_biases.reshape(2, -1).sum(axis=0), rtol=1e-6)


def test_cudnn_gru_keeps_both_biases(files, sequential, random_array):
    bias = random_array(12)
    weights = {"g": {"kernel": random_array(3, 6), "recurrent_kernel": random_array(2, 6), "bias": bias}}
    layer = ("CuDNNGRU", {"units": 2, "name": "g"})
    model = load_model(files.classic(sequential(layer, shape=(None, 5, 3), keras2=True), weights))
    assert model.layers[0].reset_after is True
    np.testing.assert_array_equal(model.get_weights()[2], bias.reshape(2, 6))


# -- training settings ----------------------------------------------------------------------------------------------


def trained(files, sequential, random_array, training, optimizer=None, version="2.2.4"):
    layer = ("Dense", {"units": 3, "name": "d"})
    weights = {"d": dense(random_array)}
    return load_model(files.classic(sequential(layer, keras2=True), weights, version, training, optimizer))


def test_lr_and_decay(files, sequential, random_array):
    config = {"lr": 0.5, "momentum": 0.0, "decay": 0.5, "nesterov": False}
    training = {"loss": "mse", "metrics": ["acc"], "sample_weight_mode": None, "loss_weights": None,
                "optimizer_config": {"class_name": "SGD", "config": config}}  # fmt: skip
    model = trained(files, sequential, random_array, training, {"SGD/iterations:0": np.int64(2)})
    np.testing.assert_allclose(float(model.optimizer.learning_rate), 0.5 / (1 + 0.5 * 2), rtol=1e-6)


def test_epsilon_null_and_slots_in_the_old_order(files, sequential, random_array):
    config = {"learning_rate": 0.1, "beta_1": 0.9, "beta_2": 0.999, "epsilon": None, "amsgrad": False, "decay": 0.0}
    training = {"loss": "mse", "metrics": [], "optimizer_config": {"class_name": "Adam", "config": config}}
    m = random_array(4, 3, seed=5), random_array(3, seed=6)
    v = abs(random_array(4, 3, seed=7)), abs(random_array(3, seed=8))
    stored = {
        "training/Adam/iter:0": np.int64(7),
        **{f"training/Adam/d/{w}/m:0": a for w, a in zip(("kernel", "bias"), m)},
        **{f"training/Adam/d/{w}/v:0": a for w, a in zip(("kernel", "bias"), v)},
    }
    model = trained(files, sequential, random_array, training, stored)
    assert int(model.optimizer.iterations.value) == 7
    got = [x.numpy() for x in model.optimizer.variables[2:]]
    for a, b in zip(got, (m[0], v[0], m[1], v[1])):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["MeanMetricWrapper", "SumOverBatchSizeMetricWrapper"])
def test_metrics_wrapped_around_functions(files, sequential, random_array, name):
    wrapped = {"class_name": name, "config": {"name": "accuracy", "dtype": "float32", "fn": "sparse_categorical_accuracy"}}
    own = {"class_name": name, "config": {"name": "mine", "dtype": "float32", "fn": "mean_absolute_error"}}
    optimizer = {"class_name": "Custom>RMSprop", "config": {"name": "RMSprop", "learning_rate": 0.01,
    "is_legacy_optimizer": False,
                 "jit_compile": False, "rho": 0.9}}  # fmt: skip
    loss = {"class_name": "SparseCategoricalCrossentropy", "config": {"reduction": "auto", "name": "x", "from_logits": True,
            "ignore_class": None, "fn": "sparse_categorical_crossentropy"}}  # fmt: skip
    training = {"loss": loss, "metrics": [[wrapped, own]], "weighted_metrics": None, "optimizer_config": optimizer}
    model = trained(files, sequential, random_array, training)
    model.train_on_batch(np.ones((2, 4)), np.zeros((2, 1)))
    assert model.metrics_names == ["loss", "accuracy", "mine"]
    assert type(model.optimizer).__name__ == "RMSprop"


# -- keys that no longer exist --------------------------------------------------------------------------------------


def modern(cls, config, version=(2, 4)):
    with loading(Loading("test", version)) as state:
        return versions.modernize(cls, cls.__name__, config), state.ignored


@pytest.mark.parametrize(
    "cls, config",
    [
        (layers.Dense, {"units": 2, "quantization_config": None, "experimental_autocast": True, "jit_compile": False}),
        (layers.Embedding, {"input_dim": 3, "output_dim": 2, "input_length": 9}),
        (layers.LSTM, {"units": 2, "time_major": False, "implementation": 2}),
        (layers.DepthwiseConv2D, {"kernel_size": 2, "groups": 1}),
        (layers.BatchNormalization, {"axis": [3], "renorm": False, "fused": True, "virtual_batch_size": None}),
        (layers.LeakyReLU, {"alpha": 0.3}),
        (layers.Dropout, {"rate": 0.1, "rng_type": "x"}),
        (kerasnp.initializers.GlorotUniform, {"seed": None, "dtype": "float32", "input_axes": None}),
        (kerasnp.losses.MeanSquaredError, {"reduction": "auto", "fn": "mse", "name": "x"}),
        (layers.InputLayer, {"batch_input_shape": [None, 3], "sparse": False, "ragged": False}),
    ],
)
def test_neutral_keys_are_dropped(cls, config):
    made, _ = modern(cls, config)
    cls.from_config(made)


@pytest.mark.parametrize(
    "cls, key, value",
    [(layers.LSTM, "time_major", True), (layers.DepthwiseConv2D, "groups", 2), (layers.Dense, "quantization_config", {"x": 1}),
     (layers.Dense, "sparsity", 0.5), (layers.BatchNormalization, "virtual_batch_size", 8)],
)  # fmt: skip
def test_other_values_are_refused_by_name(cls, key, value):
    known = {"units": 2} if cls in (layers.LSTM, layers.Dense) else {"kernel_size": 2} if "Conv" in cls.__name__ else {}
    with pytest.raises((ValueError, TypeError), match=key):
        cls.from_config(modern(cls, {**known, key: value})[0])


def test_versions_are_read_from_what_old_files_call_themselves():
    assert [parse_version(v) for v in ("2.2.4-tf", "3.15.1", "2.0.0-b1", None, "", "x")] == [
        (2, 2, 4), (3, 15, 1), (2, 0, 0), (2,), (2,), (2,),
    ]  # fmt: skip


def test_keras_1_is_refused_by_its_version(files, sequential):
    with pytest.raises(ValueError, match="written by Keras 1.2.2"):
        load_model(files.classic(sequential(keras2=True), {}, version="1.2.2"))


# -- what users report against Keras itself -------------------------------------------------------------------------


def reported(files, sequential, random_array, layer, weights, shape=(None, 8, 8, 3), version="2.10.0", training=None):
    path = files.classic(sequential(layer, shape=shape, keras2=True), {layer[1]["name"]: weights}, version, training)
    return load_model(path)


def test_depthwise_conv_with_groups(files, sequential, random_array):
    """keras 19441: Unrecognized keyword arguments passed to DepthwiseConv2D: {'groups': 1}."""
    layer = ("DepthwiseConv2D", {"name": "d", "kernel_size": [3, 3], "groups": 1, "depth_multiplier": 1})
    model = reported(files, sequential, random_array, layer, {"k": random_array(3, 3, 3, 1), "b": random_array(3)})
    assert model.output_shape == (None, 6, 6, 3)


def test_lstm_with_time_major(files, sequential, random_array):
    """Unrecognized keyword arguments passed to LSTM: {'time_major': False}."""
    layer = ("LSTM", {"name": "l", "units": 2, "time_major": False})
    weights = {"k": random_array(3, 8), "r": random_array(2, 8), "b": random_array(8)}
    assert reported(files, sequential, random_array, layer, weights, (None, 5, 3)).output_shape == (None, 2)


@pytest.mark.parametrize("loss, metric", [("mse", "mse"), ("mae", "mae"), ("mean_squared_error", "acc")])
def test_short_names_of_losses_and_metrics_in_h5(files, sequential, random_array, loss, metric):
    """Could not locate function 'mse'."""
    training = {"loss": loss, "metrics": [metric], "optimizer_config": {"class_name": "Adam", "config": {"lr": 0.001}}}
    layer = ("Dense", {"name": "d", "units": 3})
    model = reported(files, sequential, random_array, layer, dense(random_array), (None, 4), training=training)
    assert model.compiled
    model.evaluate(np.ones((2, 4)), np.ones((2, 3)), verbose=0)


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5"])
def test_names_with_a_slash(tmp_path, suffix):
    """A name with "/" made groups that could not be found again."""
    model = kerasnp.Sequential(name="net")
    model.add(kerasnp.Input((4,)))
    model.add(layers.Dense(3, name="block1/dense"))
    model.add(layers.Dense(2, name="block1/head"))
    if suffix == ".weights.h5":
        model.save_weights(tmp_path / f"m{suffix}")
        twin = model.from_config(model.get_config())
        twin.load_weights(tmp_path / f"m{suffix}")
    else:
        model.save(tmp_path / f"m{suffix}")
        twin = load_model(tmp_path / f"m{suffix}")
    x = np.ones((1, 4), "float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), twin.predict(x, verbose=0))


def test_batch_shape_and_dtype_policy_of_keras_3_in_any_file(files, random_array):
    """Unrecognized keyword arguments: ['batch_shape']; Unknown dtype policy 'DTypePolicy'."""
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
    config = {"name": "s", "layers": [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "i"}},
        {"class_name": "Dense", "config": {"units": 3, "name": "d", "dtype": policy}}]}  # fmt: skip
    path = files.classic({"class_name": "Sequential", "config": config}, {"d": dense(random_array)}, version="3.0.0")
    assert load_model(path).layers[0].dtype == "float32"


def test_a_dimension_is_not_lost_without_input_layer(files, random_array):
    """Keras 3 reads batch_input_shape of a first layer as the shape of a sample."""
    config = {"name": "s", "layers": [{"class_name": "Conv2D", "config": {
        "name": "c", "filters": 2, "kernel_size": [3, 3], "batch_input_shape": [None, 8, 8, 1]}}]}  # fmt: skip
    weights = {"c": {"k": random_array(3, 3, 1, 2), "b": random_array(2)}}
    path = files.classic({"class_name": "Sequential", "config": config}, weights)
    assert load_model(path).input_shape == (None, 8, 8, 1)


def test_str_without_decode(files, sequential, random_array):
    """AttributeError: 'str' object has no attribute 'decode': text attributes are str in some files and bytes in others."""
    path = files.classic(sequential(("Dense", {"units": 3, "name": "d"}), keras2=True), {"d": dense(random_array)})
    assert load_model(path).layers[0].name == "d"


def test_one_entry_of_a_wrong_kind_says_where(files, sequential):
    with pytest.raises(ValueError, match=r'model.keras: config.json: Sequential "sequential": Dense "d": `units` must be'):
        load_model(files.keras(sequential(("Dense", {"units": -3, "name": "d"}))))


def test_kernels_of_theano_are_turned_round(files, sequential, random_array):
    """Theano convolved, everything since correlates: files of that backend hold kernels the other way round."""
    kernel, bias = random_array(3, 2, 1, 4), random_array(4)
    layer = ("Conv2D", {"name": "c", "filters": 4, "kernel_size": [3, 2]})
    path = files.classic(sequential(layer, shape=(None, 8, 8, 1), keras2=True), {"c": {"k": kernel, "b": bias}}, "2.0.6")
    plain = load_model(path).get_weights()[0]
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "a") as file:
        file["model_weights"].attrs["backend"] = np.bytes_("theano")
    np.testing.assert_array_equal(plain, kernel)
    np.testing.assert_array_equal(load_model(path).get_weights()[0], kernel[::-1, ::-1])


def test_cudnn_inside_bidirectional(files, sequential, random_array):
    inner = {"class_name": "CuDNNLSTM", "config": {"name": "l", "units": 2}}
    weights = {f"{d}/{k}": random_array(*s) for d in "fb" for k, s in (("k", (3, 8)), ("r", (2, 8)), ("b", (16,)))}
    layer = ("Bidirectional", {"name": "both", "layer": inner, "merge_mode": "concat"})
    model = load_model(files.classic(sequential(layer, shape=(None, 5, 3), keras2=True), {"both": weights}))
    np.testing.assert_allclose(model.get_weights()[5], weights["b/b"].reshape(2, -1).sum(axis=0), rtol=1e-6)
