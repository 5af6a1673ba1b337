"""load_weights, save_weights: one door for every file of weights, and for those in files of whole models."""

import contextlib
import os

from kerasnp.saving import hdf5, hdf5_write, keras_file, legacy, limits, loading, opening, training, weights
from kerasnp.saving.atomic import atomic_write
from kerasnp.utils import check


def save_weights(model, filepath, overwrite=True, max_shard_size=None):
    """Write the weights: to `*.weights.h5` in the layout of Keras 3, to any other `.h5` in the classic one.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)])
    >>> save_weights(model, "small.weights.h5")
    >>> save_weights(model, "small.npz")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: The filename must end in `.weights.h5` (or `.h5` for the classic layout). Received: ...

    Args:
        filepath: a path, or an open binary file, which receives the layout of Keras 3.
        overwrite: replace an existing file.

    Raises: ValueError before the model is built, or for another suffix.
    """
    check.unset("save_weights", max_shard_size=max_shard_size)
    stream = filepath if hasattr(filepath, "write") else None
    path = ".weights.h5" if stream is not None else os.fsdecode(os.fspath(filepath))
    if not path.endswith((".h5", ".hdf5")):
        raise ValueError(
            f"The filename must end in `.weights.h5` (or `.h5` for the classic layout). Received: filepath={filepath}"
        )
    if not model.built:
        raise ValueError(
            f"Model {model.name!r} has no weights yet: build it first, by calling it on data or "
            "model.build(input_shape)."
        )
    tree = hdf5_write.Node()
    if path.endswith(".weights.h5"):
        weights.put_tree(model, tree)
    else:
        legacy.put_layers(model, tree, loading.WRITTEN)
    with contextlib.nullcontext(stream) if stream is not None else atomic_write(path, overwrite) as target:
        hdf5_write.Writer(tree).write(target)


def load_weights(model, filepath, skip_mismatch=False, by_name=False, **kwargs):
    """Read the weights of a built model from any of Keras's files; nothing changes unless all of them fit.

    >>> import kerasnp
    >>> model, other = (kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)]) for _ in range(2))
    >>> save_weights(model, "small.weights.h5")
    >>> load_weights(other, "small.weights.h5")
    >>> bool((other.get_weights()[0] == model.get_weights()[0]).all())
    True

    Args:
        model: a built model.
        filepath: a path or an open binary file: `.weights.h5`, classic `.h5`, or a whole model.
        skip_mismatch: leave out layers that do not fit, with one warning that lists them.
        by_name: match layers by name (classic `.h5` only).

    Raises: ValueError listing each layer with what was expected and what the file has.
    """
    unknown = set(kwargs) - {"objects_to_skip"}
    if unknown:
        raise ValueError(f"Invalid keyword arguments: {sorted(unknown)}")
    with opening.opened(filepath) as (stream, name), limits.place(name):
        if not model.built:
            raise ValueError(
                f"model {model.name!r} has no weights yet, so there is nothing to load into. Call it on data or "
                "model.build(input_shape) first, or put an Input in front of its layers."
            )
        if opening.content(stream, name) == "zip":
            root = keras_file.KerasFile(stream, name).weights()
        else:
            root = hdf5.open_file(stream, name)
        classic = root.get("model_weights") or root
        state = ([], [])
        if "layer_names" in classic.attributes or "layer_names0" in classic.attributes:
            plan = legacy.plan_layers(model, classic, by_name)
        elif by_name:
            raise ValueError(
                "by_name=True needs a classic .h5 file, in which weights are filed under the names of layers."
            )
        else:
            plan = weights.plan_tree(model, root)
            state = ([], weights.optimizer_datasets(root))
            if not plan.pairs and not plan.custom and model.weights and "layers" not in root and not plan.extra:
                raise ValueError("it holds no weights of a Keras model.")
        plan.check(name, skip_mismatch)
        plan.read_and_assign()
        if state[1] and getattr(model, "compiled", False) and model.optimizer is not None:
            with limits.warned(name, "the state of its optimizer is not"):
                training.set_optimizer(model, *state)
