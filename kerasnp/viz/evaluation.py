"""What a classifier gets right and wrong."""

from kerasnp import backend as K
from kerasnp.utils import check
from kerasnp.viz import inputs
from kerasnp.viz.figures import BAD, GOOD, INK, blank, finish, grid_of, picture, subplots


def show_misclassified(model, x, y, count=25, class_names=None, title=None, path=None):
    """The images that a classifier gets wrong, those it was surest of first: "predicted (its confidence), true class".

    >>> import kerasnp
    >>> x = kerasnp.ops.zeros((3, 8, 8))
    >>> figure = show_misclassified([0, 1, 1], x, [0, 1, 0])
    >>> figure.get_suptitle()
    '1 of 3 misclassified (33.3 %)'

    Args:
        model: a classifier, or its predictions for x: classes, or one row of scores per image.
        x: images (n, height, width) or (n, height, width, channels).
        y: their true classes, as numbers or one-hot.
        count: how many to show at most.
        class_names: a name for each class.
        title: replaces the count above the images.
        path: a file to write.

    Returns: a matplotlib Figure.

    Raises: ValueError for arrays that do not fit each other.
    """
    who = "show_misclassified"
    count = check.positive_int("count", count, who)
    x, pictures, y, predicted, confidence = _classified(model, x, y, who)
    wrong = [int(i) for i in K.nonzero(predicted != y)[0]]
    if confidence is not None:
        wrong.sort(key=lambda i: -float(confidence[i]))
    name = inputs.names_of([*y, *predicted], class_names, who)
    shown = wrong[:count]
    rows, columns = grid_of(max(1, len(shown)), 5 if len(shown) > 4 else max(3, len(shown)))
    share = 100 * len(wrong) / max(1, len(y))
    text = title or f"{len(wrong):,} of {len(y):,} misclassified ({share:.3g} %)"
    figure, axes = subplots(rows, columns, (max(4.0, 1.5 * columns + 0.2), 1.72 * rows + 0.7), text)
    places = [a for row in axes for a in row]
    for place, i in zip(places, shown):
        sure = "" if confidence is None else f" ({100 * float(confidence[i]):.0f} %)"
        picture(place, pictures[i], f"{name(predicted[i])}{sure}, is {name(y[i])}", BAD)
    for place in places[len(shown) :]:
        blank(place)
    if not shown:
        places[0].text(0.5, 0.5, "none", ha="center", va="center", size=10, color=GOOD)
    return finish(figure, path)


def show_classes(x, y, classes=None, model=None, count=8, class_names=None, title=None, path=None):
    """Some images of each class, a row each; with a model, what it says of each image, mistakes in red.

    >>> import kerasnp
    >>> figure = show_classes(kerasnp.ops.zeros((6, 8, 8)), [0, 1, 2, 0, 1, 2], classes=[1, 2], count=2)
    >>> len(figure.axes)
    4

    Args:
        x: images (n, height, width) or (n, height, width, channels).
        y: their classes, as numbers or one-hot.
        classes: the classes to show; all of them by default.
        model: a classifier, or its predictions for x.
        count: how many images of each class, the first ones.
        class_names: a name for each class.
        title: above the images.
        path: a file to write.

    Returns: a matplotlib Figure.

    Raises: ValueError for arrays that do not fit each other, or a class that does not occur.
    """
    who = "show_classes"
    count = check.positive_int("count", count, who)
    labels = inputs.labels("y", y, who)
    pictures = inputs.images("x", x, who)
    check.same_length(who, x=pictures, y=labels)
    known = [int(c) for c in K.unique(labels)]
    chosen = known if classes is None else [check.integer("classes", c, who) for c in classes]
    absent = [c for c in chosen if c not in known]
    if absent or not chosen:
        raise ValueError(f"{who}: classes must be among {known}. Received: classes={classes!r}")
    members = {c: [int(i) for i in K.nonzero(labels == c)[0][:count]] for c in chosen}
    told = {}
    if model is not None:
        shown = [i for group in members.values() for i in group]
        if isinstance(model, inputs.Layer):
            predicted, confidence = inputs.predictions(model, inputs.array("x", x, who)[shown], who)
        else:
            predicted, confidence = inputs.predictions(inputs.array("predictions", model, who)[shown], None, who)
        for j, i in enumerate(shown):
            told[i] = int(predicted[j]), None if confidence is None else float(confidence[j])
    name = inputs.names_of([*chosen, *(p for p, _ in told.values())], class_names, who)
    columns = max(map(len, members.values()))
    height = 1.3 + 0.22 * bool(told)
    size = (max(4.0, 1.3 * columns + 0.5), height * len(chosen) + 0.6)
    figure, axes = subplots(len(chosen), columns, size, title or _heading(told, labels))
    for row, (c, group) in zip(axes, members.items()):
        for place, i in zip(row, group):
            text = None
            if i in told:
                p, sure = told[i]
                text = name(p) + ("" if sure is None else f" ({100 * sure:.0f} %)")
            picture(place, pictures[i], text, GOOD if i in told and told[i][0] == c else BAD)
        for place in row[len(group) :]:
            blank(place)
        row[0].set_ylabel(name(c), rotation=0, ha="right", va="center", size=10, color=INK, labelpad=8)
    return finish(figure, path)


def _heading(told, labels):
    if not told:
        return None
    right = sum(p == labels[i] for i, (p, _) in told.items())
    return f"Predictions: {right} of the {len(told)} shown are right"


def confusion_matrix(model, x, y, class_names=None, normalize=False, title=None, path=None):
    """How often each class was taken for which: true classes down, predicted ones across.

    >>> figure = confusion_matrix([0, 1, 1, 1], None, [0, 0, 1, 1])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '1', '0', '2']

    Args:
        model: a classifier, or its predictions: classes, or one row of scores per sample.
        x: the samples; None where predictions are given.
        y: the true classes, as numbers or one-hot.
        class_names: a name for each class.
        normalize: per cent of each true class instead of counts.
        title: replaces the accuracy above the matrix.
        path: a file to write.

    Returns: a matplotlib Figure.

    Raises: ValueError for arrays that do not fit each other.
    """
    who = "confusion_matrix"
    predicted, _ = inputs.predictions(model, None if x is None else inputs.array("x", x, who), who)
    y = inputs.labels("y", y, who)
    check.same_length(who, predictions=predicted, y=y)
    if len(y) == 0:
        raise ValueError(f"{who}: there are no samples to count.")
    if min(int(y.min()), int(predicted.min())) < 0:
        raise ValueError(f"{who}: classes must not be negative. Received: {int(min(y.min(), predicted.min()))}")
    size = max(int(y.max()), int(predicted.max()), len(class_names) - 1 if class_names is not None else 0) + 1
    name = inputs.names_of([size - 1], class_names, who)
    counts = K.bincount(y * size + predicted, minlength=size * size).reshape(size, size)
    shares = counts / K.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(3.6, 0.52 * size + 1.7) if size <= 20 else 8.0
    accuracy = f"accuracy {100 * counts.trace() / counts.sum():.4g} % of {counts.sum():,}"
    figure, [[axes]] = subplots(size=(side + 0.9, side), title=title or f"Confusion matrix, {accuracy}")
    image = axes.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100)
    for i in range(size):
        for j in range(size):
            if size <= 20:
                text = f"{100 * shares[i, j]:.0f}" if normalize else f"{counts[i, j]:,}"
                faint = counts[i, j] == 0
                color = "#BBBBBB" if faint else "white" if shares[i, j] > 0.55 else BAD if i != j else INK
                axes.text(j, i, text, ha="center", va="center", size=8 if size > 4 else 10, color=color)
    step = 1 if size <= 20 else -(-size // 20)
    ticks = list(range(0, size, step))
    long = class_names is not None and max(len(name(c)) for c in ticks) > 3
    axes.set_xticks(ticks, [name(c) for c in ticks], rotation=45 if long else 0, ha="right" if long else "center", size=9)
    axes.set_yticks(ticks, [name(c) for c in ticks], size=9)
    axes.set_xlabel("predicted class", size=9.5)
    axes.set_ylabel("true class", size=9.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
    bar.set_label("per cent of the true class", size=9)
    bar.outline.set_visible(False)
    return finish(figure, path)


def _classified(model, x, y, who):
    pictures = inputs.images("x", x, who)
    y = inputs.labels("y", y, who)
    predicted, confidence = inputs.predictions(model, inputs.array("x", x, who), who)
    check.same_length(who, x=pictures, y=y, predictions=predicted)
    return x, pictures, y, predicted, confidence
