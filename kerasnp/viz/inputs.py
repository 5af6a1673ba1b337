"""What users hand to pictures: images, labels, models or predictions."""

from kerasnp import backend as K
from kerasnp.layers.layer import Layer


def array(name, value, who):
    """`value` as an array of numbers.

    Raises: ValueError for anything else.
    """
    found = K.asarray(getattr(value, "value", value))
    if found.dtype.kind not in "fiub":
        raise ValueError(f"{who}: {name} must be an array of numbers. Received: {type(value).__name__} of dtype {found.dtype}")
    return found


def images(name, value, who):
    """Images (n, height, width, channels), with values in [0, 1], from (n, height, width) or with 1, 3 or 4 channels.

    Raises: ValueError for another shape.
    """
    x = array(name, value, who)
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim == 4 and x.shape[-1] not in (1, 3, 4) and x.shape[1] in (1, 3, 4):
        x = K.moveaxis(x, 1, -1)
    if x.ndim != 4 or x.shape[-1] not in (1, 3, 4):
        raise ValueError(
            f"{who}: {name} must be images, (n, height, width) or (n, height, width, channels) with 1, 3 or 4 channels. "
            f"Received: shape {x.shape}"
        )
    return unit(x)


def unit(x):
    """Values brought to [0, 1]: bytes by 255, others by their own range where they leave it."""
    if x.dtype.kind in "iu":
        return x / K.float32(max(255, int(x.max(initial=0))))
    x = x.astype("float32") if x.dtype.kind == "b" else x
    low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 1.0)
    if low >= 0 and high <= 1:
        return x
    if low >= 0 and high <= 255 and high > 2:
        return x / 255
    return (x - low) / (high - low or 1.0)


def labels(name, value, who):
    """Class numbers (n,) from class numbers, (n, 1), or one row of probabilities per sample."""
    y = array(name, value, who)
    if y.ndim == 2 and y.shape[1] > 1:
        return y.argmax(axis=1)
    y = y.reshape(-1) if y.ndim == 2 else y
    if y.ndim != 1:
        raise ValueError(f"{who}: {name} must hold a class per sample, as numbers or one-hot rows. Received: shape {y.shape}")
    return y.astype("int64")


def predictions(model, x, who):
    """(classes, confidence) of a model on x, or of predictions given in its place; confidence is None for bare classes.

    One output is read as the probability of class 1, several as one score per class; scores that are no probabilities
    (logits) are put through a sigmoid or softmax for the confidence.
    """
    if isinstance(model, Layer):
        scores = model.predict(x, verbose=0) if hasattr(model, "predict") else array("output", model(x), who)
    else:
        scores = array("predictions", model, who)
        if scores.dtype.kind in "iub" and (scores.ndim == 1 or scores.shape[1:] == (1,)):
            return scores.reshape(-1).astype("int64"), None
    if scores.ndim == 1:
        scores = scores[:, None]
    if scores.ndim != 2:
        raise ValueError(f"{who}: expected one row of scores per sample. Received: predictions of shape {scores.shape}")
    if scores.shape[1] == 1:
        p = scores[:, 0] if _within(scores) else K.sigmoid(scores[:, 0])
        return (p > 0.5).astype("int64"), K.maximum(p, 1 - p)
    p = scores if _within(scores) and K.isclose(scores.sum(axis=1), 1, atol=1e-2).all() else K.softmax(scores)
    return scores.argmax(axis=1), p.max(axis=1)


def _within(p):
    return bool((p >= 0).all() and (p <= 1).all())


def names_of(classes, class_names, who):
    """A function from class number to name.

    Raises: ValueError where there are fewer names than classes.
    """
    if class_names is None:
        return lambda c: str(int(c))
    class_names = list(class_names)
    highest = int(max(classes, default=-1))
    if highest >= len(class_names):
        raise ValueError(f"{who}: class_names must name every class up to {highest}. Received: {len(class_names)} names")
    return lambda c: str(class_names[int(c)])
