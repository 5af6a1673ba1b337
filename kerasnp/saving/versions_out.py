"""Configurations in the words that both Keras 2 and Keras 3 understand, for the classic `.h5`."""

import warnings

from kerasnp.saving import functional
from kerasnp.saving.config import deserialize_keras_object
from kerasnp.saving.training import COMPILE_KEYS
from kerasnp.saving.versions import ACTIVATION_KEYS

# Keys that Keras 2 does not know, with the value that may be left out.
KERAS3_ONLY = {
    "quantization_config": None, "optional": False, "synchronized": False, "renorm": False, "renorm_clipping": None,
    "renorm_momentum": 0.99, "zero_output_for_mask": False, "seed": None, "input_axes": None, "output_axes": None,
    "noise_shape": None, "rms_scaling": False, "loss_scale_factor": None, "gradient_accumulation_steps": None,
    "build_input_shape": ...,
}  # fmt: skip
NEWEST = ("quantization_config", "input_axes", "output_axes")
# The same for single classes; ... stands for any value.
RANDOM_LAYERS = [f"Random{kind}" for kind in ("Brightness", "Contrast", "Crop", "Flip", "Rotation", "Translation", "Zoom")]
KERAS3_ONLY_IN: dict = {
    **{name: {"data_format": "channels_last"} for name in (*RANDOM_LAYERS, "CenterCrop", "Resizing", "ZeroPadding1D")},
    **{name: {"seed": ...} for name in ("ConvLSTM2D", "GRU", "GRUCell", "LSTM", "LSTMCell", "SimpleRNN", "SimpleRNNCell")},
}
KERAS3_ONLY_IN["RandomContrast"]["value_range"] = (0, 255)
KERAS3_ONLY_IN["Resizing"].update(pad_to_aspect_ratio=False, fill_mode="constant", fill_value=0.0, antialias=False)
RENAMED = {"LeakyReLU": {"negative_slope": "alpha"}, "InputLayer": {"batch_shape": "batch_input_shape"}}
# Keras 3 cannot read the short names back from a classic file.
LONG_NAMES = {
    "mse": "mean_squared_error", "mae": "mean_absolute_error", "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error", "bce": "binary_crossentropy", "kld": "kl_divergence",
}  # fmt: skip


def plain_model_config(config, version):
    """(`{"class_name", "config"}` of a model and of everything inside, the version of Keras that reads it aright)."""
    config = plain(config)
    used = set(activations(config))
    if "hard_sigmoid_keras2" not in used:
        return config, version
    if "hard_sigmoid" in used:
        raise ValueError(
            "the model uses hard_sigmoid both as Keras 2 and as Keras 3 defines it, which a classic .h5 cannot tell "
            "apart; "
            "save it as .keras."
        )
    warnings.warn(
        "hard_sigmoid of this model is that of Keras 2, clip(0.2 x + 0.5, 0, 1). The .h5 is written as a file of "
        "Keras 2; "
        "Keras 3 would load it with its own, different hard_sigmoid.",
        stacklevel=6,
    )
    return rename_activation(config), "2.21.0"


def for_older_keras3(value):
    """A configuration without the keys that Keras 3 learned last, where they say nothing: its earlier versions refuse them."""
    if isinstance(value, dict):
        return {k: for_older_keras3(v) for k, v in value.items() if v is not None or k not in NEWEST}
    return [*map(for_older_keras3, value)] if isinstance(value, (list, tuple)) else value


def activations(value):
    """Every string among the activations of a configuration."""
    if isinstance(value, dict):
        yield from (v for k, v in value.items() if k in ACTIVATION_KEYS and isinstance(v, str))
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for v in inner:
        yield from activations(v)


def rename_activation(value):
    if isinstance(value, dict):
        return {k: "hard_sigmoid" if v == "hard_sigmoid_keras2" else rename_activation(v) for k, v in value.items()}
    return [rename_activation(v) for v in value] if isinstance(value, list) else value


def plain(value, listed=True):
    """A configuration without what only Keras 3 writes; `listed`: it is one of a list of layers, not an argument."""
    if isinstance(value, (list, tuple)):
        return [plain(v, listed) for v in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {k: plain(v, k == "layers") for k, v in value.items()}
    name, config = value.get("registered_name") or value["class_name"], value.get("config")
    if value["class_name"] == "DTypePolicy":
        return config["name"]
    if value["class_name"] == "function":
        return config
    if value["class_name"] == "Lambda" and isinstance(config, dict):  # Keras 2 wants the caller to supply the function anyway
        return {"class_name": "Lambda", "config": {**plain(config), "function": config.get("function")}}
    if isinstance(config, dict):
        renamed = RENAMED.get(name, {})
        stack = name != "Pipeline"  # whose layers are arguments: Keras finds them by their modules
        if "input_layers" in config:
            config = functional.classic(config)
        if isinstance(config.get("dtype"), dict) and config["dtype"].get("class_name") == "DTypePolicyMap":
            policies = deserialize_keras_object(config["dtype"])
            config = {**config, "dtype": policies[config["name"]].name}
        config = {
            renamed.get(k, k): plain(v, stack and k == "layers") for k, v in config.items() if not left_out(name, k, v)
        }
    if "inbound_nodes" in value:  # a layer of a graph; an operation needs its module
        entry = {"class_name": name, "config": config, "name": value["name"], "inbound_nodes": value["inbound_nodes"]}
        return {"module": value["module"], **entry} if functional.is_operation(value) else entry
    if listed or value.get("module") in PLAIN_MODULES:
        return {"class_name": name, "config": config}
    return {k: value.get(k) for k in ("module", "class_name", "registered_name")} | {"config": config}


# Families that both find by the class name; a layer inside a layer needs its module, or Keras 3 does not find it.
PLAIN_MODULES = (
    "keras.initializers", "keras.regularizers", "keras.constraints", "keras.optimizers", "keras.losses",
    "keras.metrics",
)  # fmt: skip


def left_out(name, key, value):
    """Whether a key of the class `name` says nothing that Keras 2 would miss."""
    for table in (KERAS3_ONLY, KERAS3_ONLY_IN.get(name, {})):
        if key in table and (table[key] is ... or value == table[key]):
            return True
    return False


def training_config(config):
    """The `training_config` of a classic file from a compile configuration."""
    found = {k: plain(config.get(k)) for k in COMPILE_KEYS if k != "optimizer"}
    for key in ("loss", "metrics", "weighted_metrics"):
        found[key] = long_names(found.get(key))
    optimizer = plain_optimizer(plain(config["optimizer"]))
    schedule = config["optimizer"]["config"].get("learning_rate")
    if isinstance(schedule, dict):  # Keras 3 wants it in full
        optimizer["config"]["learning_rate"] = schedule
    return {**found, "optimizer_config": optimizer}


# Keys that optimizers before 2.11 did not have, with the values that may be left out.
NEW_IN_OPTIMIZERS = {"weight_decay": None, "use_ema": False, "ema_momentum": 0.99, "ema_overwrite_frequency": None}
OLD_OPTIMIZERS = ("Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "RMSprop", "SGD")


def plain_optimizer(optimizer):
    """An optimizer as every Keras 2 knows it, or, where it is newer than 2.10, marked as such.

    Keras 2 takes the state only from the latter, and with a schedule, since it has no variable for the learning rate.
    """
    config = {k: v for k, v in optimizer["config"].items() if v is not None or k == "epsilon"}
    plain_values = all(config.get(k, v) == v for k, v in NEW_IN_OPTIMIZERS.items())
    if plain_values and optimizer["class_name"] in OLD_OPTIMIZERS and not isinstance(config.get("learning_rate"), dict):
        config = {k: v for k, v in config.items() if k not in NEW_IN_OPTIMIZERS}
    else:
        # Keras 2 finds the class by this prefix, Keras 3 by the name.
        name = optimizer["class_name"]
        return {"class_name": f"Custom>{name}", "config": {**config, "name": name, "is_legacy_optimizer": False}}
    return {**optimizer, "config": config}


def long_names(value):
    if isinstance(value, list):
        return [long_names(v) for v in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {k: long_names(v) for k, v in value.items()}
    return LONG_NAMES.get(value.lower(), value) if isinstance(value, str) else value
