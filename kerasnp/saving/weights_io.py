"""load_weights, save_weights: one door for every file of weights, and for those in files of whole models."""

import contextlib
import os

from kerasnp.saving import hdf5, hdf5_write, keras_file, legacy, limits, loading, opening, sharded, training, weights
from kerasnp.saving.atomic import atomic_write


def save_weights(model, filepath, overwrite=True, max_shard_size=None, **kwargs):
    """Write the weights: to `*.weights.h5` in the layout of Keras 3, to any other `.h5` in the classic one.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)])
    >>> save_weights(model, "small.weights.h5")
    >>> save_weights(model, "small.weights.json", max_shard_size=1)
    >>> save_weights(model, "small.npz")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: save_weights: filepath must end in `.weights.h5` (or `.h5` for the classic layout). Received: ...

    Args:
        filepath: a path, or an open binary file, which receives the layout of Keras 3.
        overwrite: replace an existing file.
        max_shard_size: in GB; the weights are written to as many files of at most this size as it takes,
            `NAME_00000.weights.h5` and so on, beside the table `NAME.weights.json`, which is loaded.
        objects_to_skip: layers that are left out (not of the classic layout).

    Raises: ValueError before the model is built, or for another suffix.
    """
    skip = _skipped("save_weights", kwargs)
    stream = filepath if hasattr(filepath, "write") else None
    path = ".weights.h5" if stream is not None else os.fsdecode(os.fspath(filepath))
    if max_shard_size is not None:
        if isinstance(max_shard_size, bool) or not isinstance(max_shard_size, (int, float)) or not max_shard_size > 0:
            raise ValueError(f"save_weights: max_shard_size must be a size in GB. Received: max_shard_size={max_shard_size!r}")
        if stream is not None or not path.endswith((".weights.h5", sharded.SUFFIX)):
            raise ValueError(
                "save_weights: max_shard_size writes several files, and the name of their table must end in `.weights.json`. "
                f"Received: filepath={filepath}"
            )
        path = path.removesuffix(".weights.h5").removesuffix(sharded.SUFFIX) + sharded.SUFFIX
    elif not path.endswith((".h5", ".hdf5")):
        raise ValueError(
            "save_weights: filepath must end in `.weights.h5` (or `.h5` for the classic layout). "
            f"Received: filepath={filepath}"
        )
    if not model.built:
        raise ValueError(
            f"Model {model.name!r} has no weights yet: build it first, by calling it on data or "
            "model.build(input_shape)."
        )
    tree = hdf5_write.Node()
    if path.endswith((".weights.h5", sharded.SUFFIX)):
        weights.put_tree(model, tree, skip=skip)
    elif skip:
        raise ValueError("save_weights: objects_to_skip needs a file that ends in `.weights.h5`, in which objects have names.")
    else:
        legacy.put_layers(model, tree, loading.WRITTEN)
    if path.endswith(sharded.SUFFIX):
        sharded.write(path, tree, max_shard_size, overwrite)
        return
    with contextlib.nullcontext(stream) if stream is not None else atomic_write(path, overwrite) as target:
        hdf5_write.Writer(tree).write(target)


def _skipped(who, kwargs):
    """`objects_to_skip` among the keyword arguments, which may hold nothing else."""
    skip = kwargs.pop("objects_to_skip", None)
    if kwargs:
        raise ValueError(f"{who}: Invalid keyword arguments: {sorted(kwargs)}. Expected none but objects_to_skip.")
    return list(skip or ())


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
        objects_to_skip: layers that keep the weights they have (not with classic files).

    Raises: ValueError listing each layer with what was expected and what the file has.
    """
    skip = _skipped("load_weights", kwargs)
    with _opened(filepath) as (root, stream, name), limits.place(name):
        if not model.built:
            raise ValueError(
                f"model {model.name!r} has no weights yet, so there is nothing to load into. Call it on data or "
                "model.build(input_shape) first, or put an Input in front of its layers."
            )
        if root is not None:
            pass
        elif opening.content(stream, name) == "zip":
            root = keras_file.KerasFile(stream, name).weights()
        else:
            root = hdf5.open_file(stream, name)
        classic = root.get("model_weights") or root
        state = ([], [])
        if "layer_names" in classic.attributes or "layer_names0" in classic.attributes:
            if skip:
                raise ValueError("objects_to_skip only supports loading '.weights.h5' files; leave it out for classic ones.")
            plan = legacy.plan_layers(model, classic, by_name)
        elif by_name:
            raise ValueError(
                "by_name=True needs a classic .h5 file, in which weights are filed under the names of layers."
            )
        else:
            plan = weights.plan_tree(model, root, skip)
            state = ([], weights.optimizer_datasets(root))
            if plan.empty and model.weights and "layers" not in root and not plan.extra:
                raise ValueError("it holds no weights of a Keras model.")
        plan.check(name, skip_mismatch)
        plan.read_and_assign()
        if state[1] and getattr(model, "compiled", False) and model.optimizer is not None:
            with limits.warned(name, "the state of its optimizer is not"):
                training.set_optimizer(model, *state)


@contextlib.contextmanager
def _opened(source):
    """(root group or None, stream or None, name): a table of files has a root, everything else a stream to look at."""
    if isinstance(source, (str, bytes, os.PathLike)) and os.fsdecode(os.fspath(source)).endswith(sharded.SUFFIX):
        with sharded.opened(source) as root:
            yield root, None, os.fsdecode(os.fspath(source))
        return
    with opening.opened(source) as (stream, name):
        yield None, stream, name
