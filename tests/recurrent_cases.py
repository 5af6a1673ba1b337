"""Calls of recurrent layers with masks, states and memory, compared with numbers of Keras in golden/recurrent.npz.

No case has both initial states and a masked first step: its output is zero in Keras on TensorFlow and torch, as here,
and the initial state on JAX.
"""

MASK = [[True, True, False, True, False], [False, True, True, False, False], [True] * 5]
X = (3, 5, 4)
SIZES = {"SimpleRNN": [(3, 2)], "GRU": [(3, 2)], "LSTM": [(3, 2), (3, 2)]}


def _cases():
    for name, states in SIZES.items():
        yield f"{name}/plain", {"layer": (name, {"units": 2}), "shape": X}
        everything = {"units": 2, "return_sequences": True, "return_state": True}
        yield f"{name}/states", {"layer": (name, everything), "shape": X, "states": states}
        yield f"{name}/mask", {"layer": (name, everything), "shape": X, "mask": MASK}
        yield f"{name}/mask_last", {"layer": (name, {"units": 2, "go_backwards": True}), "shape": X, "mask": MASK}
        yield (
            f"{name}/activations",
            {
                "layer": (name, {"units": 2, "activation": "softsign", "return_sequences": True}),
                "shape": X,
                "mask": MASK,
            },
        )
        yield f"{name}/stateful", {"layer": (name, {"units": 2, "stateful": True}), "shape": X, "calls": 3}
        twice = {"layer": (name, everything)}
        for mode in ("concat", None):
            options = {**twice, "merge_mode": mode}
            yield f"Bidirectional/{name}/{mode}", {"layer": ("Bidirectional", options), "shape": X, "mask": MASK}
    before = {"units": 2, "reset_after": False, "return_sequences": True, "return_state": True}
    yield "GRU/reset_before", {"layer": ("GRU", before), "shape": X, "mask": MASK}
    yield (
        "GRU/hard_sigmoid",
        {"layer": ("GRU", {"units": 2, "recurrent_activation": "hard_sigmoid", "activation": "relu"}), "shape": X},
    )
    cells = [("LSTMCell", {"units": 2}), ("GRUCell", {"units": 3}), ("SimpleRNNCell", {"units": 2})]
    for key, more in {
        "plain": {}, "sequences": {"return_sequences": True, "return_state": True},
        "backwards": {"return_sequences": True, "go_backwards": True, "zero_output_for_mask": True},
    }.items():  # fmt: skip
        yield f"stack/{key}", {"layer": ("RNN", {"cell": cells, **more}), "shape": X, "mask": MASK}
    film = {"filters": 2, "kernel_size": 2, "return_sequences": True, "return_state": True}
    yield "ConvLSTM2D/plain", {"layer": ("ConvLSTM2D", film), "shape": (3, 4, 4, 3, 2)}
    same = {"filters": 2, "kernel_size": 3, "padding": "same", "strides": 2, "dilation_rate": 1}
    yield "ConvLSTM2D/same", {"layer": ("ConvLSTM2D", same), "shape": (2, 3, 5, 4, 2)}
    yield "ConvLSTM1D/plain", {"layer": ("ConvLSTM1D", film), "shape": (3, 4, 5, 2)}
    yield "ConvLSTM3D/plain", {"layer": ("ConvLSTM3D", film), "shape": (2, 3, 3, 2, 3, 2)}
    yield "TimeDistributed/dense", {"layer": ("TimeDistributed", {"layer": ("Dense", {"units": 3})}), "shape": X}
    yield "TimeDistributed/gru", {"layer": ("TimeDistributed", {"layer": ("GRU", {"units": 2})}), "shape": (2, 3, 4, 5)}


CASES = dict(_cases())


def make(package, case):
    """The layer of a case, of kerasnp or Keras."""

    def build(entry):
        name, options = entry
        options = dict(options)
        if "layer" in options:
            options["layer"] = build(options["layer"])
        if "cell" in options:
            options["cell"] = [build(c) for c in options["cell"]]
        return getattr(package.layers, name)(**options)

    return build(case["layer"])
