"""Calls of attention and merging layers, compared with numbers of Keras in golden/attention.npz.

A case names the layer and its arguments, the shapes of the inputs, and, where it has them: `call`, further arguments of
the call; `carried`, the masks that travel with the inputs. Layers in `SPREAD` take inputs one by one, others a list.
"""

import numpy as np

SPREAD = ("MultiHeadAttention", "GroupQueryAttention")
Q, V = (3, 4, 6), (3, 5, 6)
MASK = np.random.default_rng(3).random((3, 4, 5)) < 0.6
MASK[:, :, 0] = True
# With a query that may see nothing.
HARD = MASK & (np.arange(4) != 2)[:, None]
SEEN = [[True, True, True, False], [True, False, False, False], [True] * 4]
KNOWN = [[True, True, False, True, False], [False, True, True, False, False], [True] * 5]
SCORES = {"return_attention_scores": True}


def _cases():
    heads = {"num_heads": 2, "key_dim": 3}
    grouped = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
    for name, arguments in (("MultiHeadAttention", heads), ("GroupQueryAttention", grouped)):
        layer = (name, arguments)
        yield f"{name}/plain", {"layer": layer, "shapes": [Q, V]}
        yield f"{name}/key", {"layer": layer, "shapes": [Q, V, V]}
        yield f"{name}/scores", {"layer": layer, "shapes": [Q, V], "call": {**SCORES, "attention_mask": HARD}}
        yield f"{name}/mask", {"layer": layer, "shapes": [Q, V], "call": {"attention_mask": HARD}}
        causal = {"use_causal_mask": True}
        yield f"{name}/causal", {"layer": layer, "shapes": [Q, Q], "call": causal}
        both = {**causal, **SCORES, "attention_mask": MASK[:, :, :4]}
        yield f"{name}/causal_mask", {"layer": layer, "shapes": [Q, Q], "call": both}
        yield f"{name}/carried", {"layer": layer, "shapes": [Q, V], "carried": [SEEN, KNOWN]}
        yield f"{name}/value_mask", {"layer": layer, "shapes": [Q, V], "call": {"value_mask": np.array(KNOWN)}}
        more = {**arguments, "dropout": 0.3, "use_bias": False, "use_gate": True, "sliding_window": 2}
        yield f"{name}/options", {"layer": (name, more), "shapes": [Q, V], "call": {"attention_mask": HARD}}
    sizes = {**heads, "value_dim": 2, "output_shape": (2, 5), "use_gate": True}
    # The weights too, since Keras on JAX computes values of another size than keys only with them.
    sizes = {"layer": ("MultiHeadAttention", sizes), "shapes": [Q, (3, 5, 2), (3, 5, 3)], "call": SCORES}
    yield "MultiHeadAttention/sizes", sizes
    for key, axes, shapes, mask in (
        ("axes", (2,), [(2, 3, 4, 5), (2, 3, 2, 5)], (2, 4, 2)),
        ("axes_all", None, [(2, 3, 4, 5), (2, 3, 2, 5)], (3, 4, 3, 2)),
        ("axes_negative", -2, [(2, 3, 4, 5), (2, 3, 2, 5)], (4, 2)),
        ("axes_first", 1, [(2, 3, 4, 5), (2, 5, 4, 5)], (3, 5)),
        ("axes_two", (2, 3), [(2, 2, 3, 4, 5), (2, 2, 3, 2, 5)], (2, 3, 4, 3, 2)),
    ):
        allowed = np.random.default_rng(4).random(mask) < 0.7
        layer = ("MultiHeadAttention", {**heads, "attention_axes": axes})
        yield f"MultiHeadAttention/{key}", {"layer": layer, "shapes": shapes, "call": {**SCORES, "attention_mask": allowed}}
    causal_call = {"call": {"use_causal_mask": True}}
    for name in ("Attention", "AdditiveAttention"):
        yield f"{name}/plain", {"layer": (name, {}), "shapes": [Q, V]}
        yield f"{name}/unscaled", {"layer": (name, {"use_scale": False}), "shapes": [Q, V, V]}
        scaled = (name, {"use_scale": True, "dropout": 0.3})
        yield f"{name}/scores", {"layer": scaled, "shapes": [Q, V, V], "call": {**SCORES, "use_causal_mask": True}}
        yield f"{name}/masks", {"layer": scaled, "shapes": [Q, V], "carried": [SEEN, KNOWN]}
        yield f"{name}/value_mask", {**causal_call, "layer": scaled, "shapes": [Q, V], "carried": [None, KNOWN]}
    concat = {"score_mode": "concat", "use_scale": True}
    yield "Attention/concat", {"layer": ("Attention", concat), "shapes": [Q, V, V]}
    yield "Attention/concat_plain", {"layer": ("Attention", {"score_mode": "concat"}), "shapes": [Q, V], "call": SCORES}
    same, wide = [(3, 4, 2)] * 3, [(3, 4, 2), (3, 1, 2), (3, 2)]
    for name in ("Add", "Multiply", "Average", "Maximum", "Minimum"):
        yield f"{name}/same", {"layer": (name, {}), "shapes": same}
        yield f"{name}/broadcast", {"layer": (name, {}), "shapes": wide}
        yield f"{name}/one", {"layer": (name, {}), "shapes": same[:1]}
        other = np.flip(np.array(SEEN), 1).tolist()
        yield f"{name}/masks", {"layer": (name, {}), "shapes": same[:2], "carried": [SEEN, other]}
        yield f"{name}/mask_first", {"layer": (name, {}), "shapes": same[:2], "carried": [SEEN, None]}
        yield f"{name}/mask_last", {"layer": (name, {}), "shapes": same[:2], "carried": [None, SEEN]}
    yield "Subtract/same", {"layer": ("Subtract", {}), "shapes": same[:2]}
    yield "Subtract/broadcast", {"layer": ("Subtract", {}), "shapes": [(3, 2), (3, 4, 2)]}
    yield "Concatenate/last", {"layer": ("Concatenate", {}), "shapes": [(3, 4, 2), (3, 4, 1), (3, 4, 3)]}
    steps = {"layer": ("Concatenate", {"axis": 1}), "shapes": [(3, 4, 2), (3, 5, 2)]}
    yield "Concatenate/steps", {**steps, "carried": [SEEN, KNOWN]}
    yield "Concatenate/mask", {**steps, "carried": [SEEN, None]}
    yield "Concatenate/mask_features", {"layer": ("Concatenate", {}), "shapes": same[:2], "carried": [SEEN, SEEN[::-1]]}
    for key, axes, shapes in (
        ("vectors", 1, [(3, 4), (3, 4)]),
        ("last", -1, [(3, 4, 5), (3, 2, 5)]),
        ("pair", (1, 2), [(3, 4, 5), (3, 2, 4)]),
        ("negative", (-2, -1), [(3, 4, 5), (3, 2, 4)]),
        ("vector", (2, 1), [(3, 4, 5), (3, 5)]),
        ("vector_first", (1, 2), [(3, 5), (3, 4, 5)]),
        ("four", (2, 3), [(3, 2, 4, 2), (3, 2, 3, 4)]),
    ):
        for normalize in (False, True):
            layer = ("Dot", {"axes": axes, "normalize": normalize})
            yield f"Dot/{key}{'/normalize' * normalize}", {"layer": layer, "shapes": shapes}


CASES = dict(_cases())


def make(package, case):
    """The layer of a case, of kerasnp or Keras."""
    name, options = case["layer"]
    return getattr(package.layers, name)(**options)


def call(layer, case, inputs, **options):
    """The outputs as a list."""
    options = {**case.get("call", {}), **options}
    y = layer(*inputs, **options) if case["layer"][0] in SPREAD else layer(list(inputs), **options)
    return list(y) if isinstance(y, (list, tuple)) else [y]
