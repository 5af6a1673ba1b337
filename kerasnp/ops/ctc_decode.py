"""Label sequences read off the scores that a CTC loss trained."""

import math

from kerasnp import backend as K
from kerasnp.ops.elementwise import floating, stop_gradient
from kerasnp.utils import check

NOTHING = -float("inf")


def ctc_decode(
    inputs, sequence_lengths, strategy="greedy", beam_width=100, top_paths=1, merge_repeated=True, mask_index=0
):
    """The most likely label sequences: blanks taken out, a label that lasts several time steps counted once.

    Greedy: the best class of each time step. Beam search: of the prefixes the `beam_width` likeliest are kept at each
    step, each with the sum over its alignments (Graves, 2012; Hannun et al., 2014).

    >>> scores = K.array([[[0.0, 5.0, 1.0], [0.0, 5.0, 1.0], [9.0, 0.0, 0.0], [0.0, 1.0, 6.0]]])
    >>> ctc_decode(scores, [4])[0]
    array([[[ 1,  2, -1, -1]]], dtype=int32)

    Args:
        inputs: scores `(batch, time, classes)` before the softmax.
        sequence_lengths: how many time steps of each sequence count, `(batch,)`.
        strategy: "greedy" or "beam_search".
        beam_width: prefixes kept by the beam search.
        top_paths: how many sequences the beam search returns, the best first.
        merge_repeated: whether the greedy search counts equal labels in a row once.
        mask_index: the class that stands for "no label".

    Returns:
        Sequences `(paths, batch, time)`, filled up with -1, and their scores: `(batch, 1)`, minus the sum of the scores
        chosen, or `(batch, paths)`, logarithms of probabilities.

    Raises: ValueError for another strategy or other shapes.
    """
    x, lengths = stop_gradient(floating(inputs)), stop_gradient(sequence_lengths).astype(K.int64)
    if strategy not in ("greedy", "beam_search"):
        raise ValueError(f"ctc_decode: Invalid strategy {strategy!r}. Expected 'greedy' or 'beam_search'.")
    if x.ndim != 3 or lengths.shape != x.shape[:1]:
        raise ValueError(
            "ctc_decode: expected inputs (batch, time, classes) and one length per sequence. "
            f"Received: inputs.shape={x.shape}, sequence_lengths.shape={lengths.shape}"
        )
    mask_index = x.shape[-1] - 1 if mask_index is None else mask_index
    if strategy == "greedy":
        return _greedy(x, lengths, merge_repeated, mask_index)
    check.positive_int("beam_width", beam_width, "ctc_decode")
    check.positive_int("top_paths", top_paths, "ctc_decode")
    log_p = K.log_softmax(x, -1)
    paths = K.full((top_paths, len(x), x.shape[1]), -1, K.int32)
    scores = K.full((len(x), top_paths), NOTHING, x.dtype)
    for i, (steps, length) in enumerate(zip(log_p, lengths)):
        # Keras looks at the first step whatever the length.
        for k, (labels, score) in enumerate(_search(steps[: max(int(length), 1)], beam_width, mask_index)[:top_paths]):
            paths[k, i, : len(labels)], scores[i, k] = labels, score
    return paths, scores


def _greedy(x, lengths, merge_repeated, blank):
    best = x.argmax(-1)
    outside = K.arange(x.shape[1]) >= lengths[:, None]
    best[outside] = blank
    keep = best != blank
    if merge_repeated:
        keep[:, 1:] &= best[:, 1:] != best[:, :-1]
    paths = K.full(best.shape, -1, K.int32)
    for row, classes, kept in zip(paths, best, keep):
        row[: kept.sum()] = classes[kept]
    return paths[None], -K.where(outside, 0, x.max(-1)).sum(-1, keepdims=True).astype(x.dtype)


def _search(log_p, beam_width, blank):
    """(labels, log of the probability) of the likeliest prefixes, the best first.

    Each prefix has two logs of probabilities: of the alignments that end with its last label, and with a blank.
    """
    beam = {(): (NOTHING, 0.0)}
    for step in log_p.tolist():
        grown: dict = {}

        def add(prefix, end, log):
            both = grown.setdefault(prefix, [NOTHING, NOTHING])  # noqa: B023
            both[end] = _log_add(both[end], log)

        for prefix, (label, pause) in beam.items():
            total = _log_add(label, pause)
            for c, log in enumerate(step):
                if c == blank:
                    add(prefix, 1, total + log)
                elif prefix and prefix[-1] == c:
                    add(prefix, 0, label + log)
                    add((*prefix, c), 0, pause + log)
                else:
                    add((*prefix, c), 0, total + log)
        # Of equal ones, that whose labels come first.
        order = sorted(grown, key=lambda p: (-_log_add(*grown[p]), p))  # noqa: B023
        beam = {p: tuple(grown[p]) for p in order[:beam_width]}
    return [(p, _log_add(*both)) for p, both in beam.items() if _log_add(*both) > NOTHING]


def _log_add(a, b):
    if a < b:
        a, b = b, a
    return a if b == NOTHING else a + math.log1p(math.exp(b - a))
