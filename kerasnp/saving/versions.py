"""Spellings and numbers of every age of Keras, turned into those of today.

`modernize` is called for each object of a configuration before its class sees it: renamed classes and keys, keys that
no longer exist, values that meant something else. A key that no longer exists is dropped when it holds its neutral
value and refused by name otherwise.
"""

import inspect
import warnings

from kerasnp.saving import loading
from kerasnp.utils import registry
from kerasnp.utils.registry import Registered, init_parameters

# Classes that Keras or TensorFlow once wrote under another name.
CLASS_NAMES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "CuDNNGRU": "GRU",
    "CuDNNLSTM": "LSTM",
    "UnifiedGRU": "GRU",
    "UnifiedLSTM": "LSTM",
    "GRUV2": "GRU",
    "LSTMV2": "LSTM",
    "ThresholdedReLU": "ReLU",
}

RENAMED = {
    "ELU": {},
    "InputLayer": {"batch_input_shape": "batch_shape", "input_dtype": "dtype"},
    "LeakyReLU": {"alpha": "negative_slope"},
    "ThresholdedReLU": {"theta": "threshold"},
    "Dropout": {"p": "rate"},
}

# What was so before a key of this name existed: the file does not say it, and today's default is another.
ABSENT = {"GRU": {"reset_after": False}}

ANY = object()
NOTHING: tuple = (None, False, [], {}, "none")
# Keys that today's classes do not have: the values that change nothing, or ANY.
NEUTRAL = {
    "implementation": ANY,  # how, not what, is computed
    "jit_compile": ANY,
    "is_legacy_optimizer": ANY,
    "use_legacy_config": ANY,
    "rng_type": ANY,
    "force_generator": ANY,
    "fused": ANY,
    "autocast": ANY,
    "input_length": ANY,  # an Embedding takes any length
    "renorm_momentum": ANY,  # counts with renorm only
    "ragged_rank": (0, 1),
    "time_major": (False,),
    "groups": (1,),
    "data_format": ("channels_last", "default", None),
    "trainable": (True,),
    "kernel_initializer": ANY,  # of SeparableConv, which has two kernels with initializers of their own
    "noise_shape": (None,),
    "axis": (-1,),
    "name": ANY,
    "dtype": ANY,
    "seed": ANY,
    "partition_info": ANY,
    "return_runtime_length": ANY,
    "warmup_steps": (0,),
    "l": (0, 0.0),
}

ACTIVATION_KEYS = ("activation", "recurrent_activation")


def rename_class(name):
    """Today's name of a class; prefixes such as `Custom>` say where it was registered, not what it is."""
    return CLASS_NAMES.get(name, name)


def modernize(cls, name, config):
    """The configuration of a built-in class `cls`, written as `name`, as its constructor takes it today.

    Raises: ValueError for a key that the class does not have and that would change what it computes.
    """
    state = loading.current()
    keras2 = state is not None and state.keras2
    config = dict(config)
    for old, new in RENAMED.get(name, {}).items():
        if old in config and new not in config:
            config[new] = config.pop(old)
    family = getattr(cls, "family", None)
    if keras2:
        for key, value in ABSENT.get(name, {}).items():
            config.setdefault(key, value)
        if name in ("GRU", "LSTM", "GRUCell", "LSTMCell", "ConvLSTM2D") and state.version < (2, 3):
            config.setdefault("recurrent_activation", "hard_sigmoid")
        for key in ACTIVATION_KEYS:
            if key in config:
                config[key] = activation_of_keras2(config[key])
    if family == "layers":
        _modernize_layer(name, config)
    elif family == "losses":
        _modernize_loss(config)
    elif family == "optimizers":
        _modernize_optimizer(name, config)
    elif family == "initializers" and name == "VarianceScaling" and config.get("distribution") == "normal":
        config["distribution"] = "truncated_normal"
    _drop_unknown(cls, config, state)
    return config


def follow_keras2(model):
    """Let layers from a Keras 2 file compute what they computed there, where a configuration cannot say it."""
    for layer in model._flatten_layers():
        if hasattr(layer, "sample_variance"):
            layer.sample_variance = True


def activation_of_keras2(value):
    """hard_sigmoid was clip(0.2 x + 0.5, 0, 1) before Keras 3 and is clip(x / 6 + 0.5, 0, 1) since."""
    name = value.get("config") if isinstance(value, dict) and value.get("class_name") == "function" else value
    return "hard_sigmoid_keras2" if name == "hard_sigmoid" else value


def shape_of_input(entry):
    """The batch shape of an InputLayer's configuration, whatever the key."""
    config = entry.get("config") or {}
    shape = config.get("batch_shape") or config.get("batch_input_shape")
    return tuple(shape) if shape else None


def _modernize_layer(name, config):
    dtype = config.get("dtype")
    if isinstance(dtype, dict) and dtype.get("class_name") != "DTypePolicyMap":
        inner = dtype.get("config")
        inner = inner.get("name") if isinstance(inner, dict) else None
        if dtype.get("class_name") not in ("DTypePolicy", "Policy", "PolicyV1", "FloatDTypePolicy", None) or not inner:
            raise ValueError(f"its dtype is a {dtype.get('class_name')!r}; only plain dtype policies are supported.")
        config["dtype"] = None if inner in ("infer", "_infer") else inner
    if name in ("CuDNNLSTM", "CuDNNGRU"):
        config.update({"activation": "tanh", "recurrent_activation": "sigmoid"})
        if name == "CuDNNGRU":
            config["reset_after"] = True
    if name in ("BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2", "LayerNormalization"):
        axis = config.get("axis")
        if isinstance(axis, (list, tuple)) and len(axis) == 1:
            config["axis"] = axis[0]
    if name == "Lambda":
        _modernize_lambda(config)
    for key in ("input_shape", "batch_input_shape"):
        if config.get(key, 0) is None:
            del config[key]


def _modernize_lambda(config):
    """Functions by their names; code is never run, but the caller may supply a function under the layer's name."""
    for key in ("function", "output_shape", "mask"):
        kind = config.pop(f"{key}_type", None)
        config.pop(f"{key}_module" if key != "function" else "module", None)
        value = config.get(key)
        is_code = kind == "lambda" or (isinstance(value, dict) and value.get("class_name") == "__lambda__")
        if key == "function" and isinstance(value, (list, tuple)) or is_code:
            supplied = registry.find_custom(str(config.get("name")))
            if not callable(supplied) or key != "function":
                raise ValueError(
                    f"its {key} is the code of a Python lambda, and code inside a file is never run; write it as a function "
                    f"and pass it under the layer's name: custom_objects={{{config.get('name')!r}: function}}."
                )
            config[key] = supplied
        elif kind == "function" and isinstance(value, str):
            config[key] = {"class_name": "function", "config": value, "registered_name": value}


def _modernize_loss(config):
    config.pop("fn", None)
    if config.get("reduction") in ("auto", "AUTO"):
        config["reduction"] = "sum_over_batch_size"


def _modernize_optimizer(name, config):
    if "lr" in config:
        config.setdefault("learning_rate", config["lr"])
        del config["lr"]
    if name == "Nadam" and (config.get("decay") or config.get("schedule_decay")):
        config.pop("decay", None)
        config.pop("schedule_decay", None)
        warnings.warn(
            "Nadam before Keras 2.11 let its momentum rise more slowly, which is not supported: training goes on with "
            "today's.",
            stacklevel=8,
        )
    decay = config.pop("decay", 0)
    if decay and "weight_decay" not in config and isinstance(config.get("learning_rate"), (int, float)):
        # rate / (1 + decay * step), the rule of the first optimizers
        schedule = {"initial_learning_rate": config["learning_rate"], "decay_steps": 1, "decay_rate": decay}
        config["learning_rate"] = {"class_name": "InverseTimeDecay", "config": schedule}
    elif decay:
        raise ValueError(f"decay={decay!r} beside a learning rate schedule is not supported.")
    if "epsilon" in config and config["epsilon"] is None:
        config["epsilon"] = 1e-7
    if isinstance(config.get("learning_rate"), dict):
        from kerasnp.saving.config import deserialize_keras_object

        config["learning_rate"] = deserialize_keras_object(config["learning_rate"], family="optimizers")


def _drop_unknown(cls, config, state):
    """Take keys out of `config` that the constructor does not have, if they hold a value that changes nothing."""
    if hasattr(cls, "layers") or _passes_on(cls):
        return
    # A class that reads configurations itself may know more keys than its constructor has arguments.
    reads_itself = cls.from_config.__func__ is not Registered.from_config.__func__
    known = {*init_parameters(cls), "input_shape", "batch_input_shape", "input_dim"}
    for key in [k for k in config if k not in known]:
        value, neutral = config[key], NEUTRAL.get(key, NOTHING)
        if key.startswith("experimental_") or neutral is ANY or _among(value, neutral) or _among(value, NOTHING):
            del config[key]
            if state is not None:
                state.ignored.append(f"{config.get('name') or cls.__name__}: {key}={value!r}")
        elif not reads_itself:
            raise ValueError(
                f"the configuration sets {key}={value!r}, which {cls.__name__} does not have here and which may "
                "change what it "
                f"computes; save the model with {key}={neutral[0]!r}, or pass a class of your own in custom_objects."
            )


def _among(value, values):
    return any(value == v and isinstance(value, bool) == isinstance(v, bool) for v in values)


def _passes_on(cls):
    """Whether the constructor hands arguments that it does not name to a function, as loss and metric wrappers do."""
    parameters = inspect.signature(cls.__init__).parameters
    return "fn" in parameters and any(p.kind is p.VAR_KEYWORD for p in parameters.values())
