"""Writes optimizers.npz: five steps of Keras's optimizers on given gradients, their configurations, and schedules.

Run with a Python that has Keras 3 and JAX: KERAS_BACKEND=jax python tests/golden/make_optimizers.py
"""

import json
import warnings
from pathlib import Path

import jax
import keras
import numpy as np

SHAPES = [(3, 5), (), (7,), (2, 3, 2, 4), (1, 1), (16, 4)]
STEPS = 5
EXPONENTIAL = {
    "class_name": "ExponentialDecay",
    "config": {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.5},
}

# name: (class, arguments, extras), where extras tell the names to `exclude` from weight decay, the variable to
# `constrain`, and the gradients `missing` in each step.
CASES = {
    "sgd": ("SGD", {}),
    "sgd_momentum": ("SGD", {"momentum": 0.9}),
    "sgd_nesterov": ("SGD", {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True}),
    "sgd_nesterov_without_momentum": ("SGD", {"nesterov": True}),
    "adagrad": ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.3}),
    "adadelta": ("Adadelta", {"learning_rate": 1.0, "rho": 0.9}),
    "rmsprop": ("RMSprop", {}),
    "rmsprop_momentum": ("RMSprop", {"momentum": 0.5, "rho": 0.8}),
    "rmsprop_centered": ("RMSprop", {"centered": True, "epsilon": 1e-4}),
    "rmsprop_all": ("RMSprop", {"learning_rate": 0.01, "rho": 0.85, "momentum": 0.5, "centered": True}),
    "adam": ("Adam", {}),
    "adam_betas": ("Adam", {"learning_rate": 0.02, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4}),
    "adam_amsgrad": ("Adam", {"learning_rate": 0.02, "amsgrad": True}),
    "adamw": ("AdamW", {"learning_rate": 0.02, "weight_decay": 0.05}),
    "adamax": ("Adamax", {"learning_rate": 0.02}),
    "nadam": ("Nadam", {"learning_rate": 0.02}),
    "ftrl": ("Ftrl", {"learning_rate": 0.05}),
    "ftrl_all": (
        "Ftrl",
        {
            "learning_rate": 0.05, "learning_rate_power": -0.3, "l1_regularization_strength": 0.01, "beta": 0.1,
            "l2_regularization_strength": 0.02, "l2_shrinkage_regularization_strength": 0.03,
        },
    ),
    "lion": ("Lion", {"learning_rate": 0.005}),
    "lamb": ("Lamb", {"learning_rate": 0.02}),
    "adafactor": ("Adafactor", {"learning_rate": 0.02}),
    "adafactor_absolute": ("Adafactor", {"learning_rate": 0.9, "relative_step": False, "clip_threshold": 0.5}),
    "muon": ("Muon", {"learning_rate": 0.02}),
    "muon_all": (
        "Muon",
        {
            "learning_rate": 0.05, "nesterov": False, "ns_steps": 3, "rms_rate": None, "adam_lr_ratio": 0.5,
            "exclude_layers": ["w5"], "weight_decay": 0.1, "adam_weight_decay": 0.2, "clipnorm": 1.0,
        },
    ),
    "schedule_free": ("ScheduleFreeAdamW", {"learning_rate": 0.02}),
    "schedule_free_all": (
        "ScheduleFreeAdamW",
        {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95, "warmup_steps": 3, "weight_decay": 0.1},
    ),
    "clipnorm": ("Adam", {"clipnorm": 0.5}),
    "clipvalue": ("SGD", {"clipvalue": 0.3, "momentum": 0.9}),
    "global_clipnorm": ("SGD", {"global_clipnorm": 1.3}),
    "global_clipnorm_not_reached": ("SGD", {"global_clipnorm": 1e6}),
    "decay": ("SGD", {"learning_rate": 0.1, "weight_decay": 0.2}),
    "decay_excluded": ("Adam", {"learning_rate": 0.1, "weight_decay": 0.2}, {"exclude": ["w1", "w[34]"]}),
    "decay_lamb": ("Lamb", {"weight_decay": 0.1}),
    "ema": ("Adam", {"use_ema": True, "ema_momentum": 0.9}),
    "ema_overwrite": ("SGD", {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 2}),
    "accumulation": ("Adam", {"gradient_accumulation_steps": 2}),
    "accumulation_all": (
        "Adam",
        {
            "gradient_accumulation_steps": 2, "use_ema": True, "clipnorm": 0.1, "weight_decay": 0.1,
            "learning_rate": EXPONENTIAL,
        },
    ),
    "loss_scale": ("SGD", {"loss_scale_factor": 8.0, "clipnorm": 1.0}),
    "schedule": ("Adam", {"learning_rate": EXPONENTIAL, "weight_decay": 0.1}),
    "constraint": ("SGD", {"learning_rate": 0.5}, {"constrain": 3}),
    "missing": ("Adam", {"learning_rate": 0.02}, {"missing": [[], [0], [2, 3], [0, 1, 2, 3, 4], [5]]}),
}

SCHEDULES = [
    ("ExponentialDecay", [0.1, 3, 0.7], {}),
    ("ExponentialDecay", [0.1, 3, 0.7], {"staircase": True}),
    ("InverseTimeDecay", [0.1, 3, 0.7], {}),
    ("InverseTimeDecay", [0.1, 3, 0.7], {"staircase": True}),
    ("PolynomialDecay", [0.1, 7], {}),
    ("PolynomialDecay", [0.1, 7], {"end_learning_rate": 0.02, "power": 2.0}),
    ("PolynomialDecay", [0.1, 7], {"cycle": True, "power": 0.5}),
    ("PiecewiseConstantDecay", [[3, 8], [1.0, 0.5, 0.1]], {}),
    ("CosineDecay", [0.1, 9], {}),
    ("CosineDecay", [0.1, 9], {"alpha": 0.2}),
    ("CosineDecay", [0.0, 9], {"alpha": 0.1, "warmup_target": 0.3, "warmup_steps": 4}),
    ("CosineDecayRestarts", [0.1, 4], {}),
    ("CosineDecayRestarts", [0.1, 4], {"t_mul": 1.0, "m_mul": 0.8}),
    ("CosineDecayRestarts", [0.1, 3], {"t_mul": 1.5, "m_mul": 0.9, "alpha": 0.1}),
]
LATER = 25


def optimizer(name, arguments, extras):
    arguments = dict(arguments)
    if isinstance(arguments.get("learning_rate"), dict):
        spec = arguments["learning_rate"]
        arguments["learning_rate"] = getattr(keras.optimizers.schedules, spec["class_name"])(**spec["config"])
    opt = getattr(keras.optimizers, name)(**arguments)
    if "exclude" in extras:
        opt.exclude_from_weight_decay(var_names=extras["exclude"])
    return opt


def _joined(arrays):
    return np.concatenate([np.ravel(a).astype("float32") for a in arrays])


def main():
    rng = np.random.default_rng(20261121)
    start = [rng.standard_normal(s).astype("float32") for s in SHAPES]
    gradients = [
        [(rng.standard_normal(s) * 10 ** rng.uniform(-3, 1)).astype("float32") for s in SHAPES] for _ in range(STEPS)
    ]
    out = {"start": _joined(start), "gradients": np.stack([_joined(g) for g in gradients])}
    cases = {}
    for key, (name, arguments, *extras) in CASES.items():
        extras = extras[0] if extras else {}
        opt = optimizer(name, arguments, extras)
        variables = [keras.Variable(w, name=f"w{i}") for i, w in enumerate(start)]
        if "constrain" in extras:
            variables[extras["constrain"]].constraint = keras.constraints.MaxNorm(0.7)
        for step in range(STEPS):
            left_out = extras.get("missing", [[]] * STEPS)[step]
            grads = [None if i in left_out else keras.ops.array(g) for i, g in enumerate(gradients[step])]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                opt.apply(grads, variables)
        out[f"{key}/end"] = _joined([v.numpy() for v in variables])
        out[f"{key}/state"] = _joined([v.numpy() for v in opt.variables])
        config = {k: v for k, v in opt.get_config().items() if k != "name"}
        shapes = [v.shape for v in opt.variables]
        cases[key] = {"class": name, "arguments": arguments, **extras, "config": config, "shapes": shapes}
    keras.utils.clear_session()
    names = sorted({name for name, *_ in CASES.values()})
    defaults = {name: keras.optimizers.serialize(getattr(keras.optimizers, name)()) for name in names}
    schedules = []
    for name, positional, named in SCHEDULES:
        schedule = getattr(keras.optimizers.schedules, name)(*positional, **named)
        values = [float(schedule(keras.ops.array(step))) for step in range(LATER)]
        config = keras.optimizers.schedules.serialize(schedule)
        schedules.append({"class": name, "args": positional, "kwargs": named, "values": values, "serialized": config})
    meta = {
        "made_by": "tests/golden/make_optimizers.py",
        "versions": {"keras": keras.__version__, "jax": jax.__version__, "numpy": np.__version__},
        "cases": cases, "defaults": defaults, "schedules": schedules, "shapes": SHAPES,
    }  # fmt: skip
    out["meta"] = json.dumps(meta)
    np.savez_compressed(Path(__file__).with_name("optimizers.npz"), **out)


if __name__ == "__main__":
    main()
