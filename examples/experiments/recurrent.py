"""Recurrent and recursive networks: what the third report (seed 002) lost a day on, and what it had left to do."""

import numpy as np

import kerasnp
from kerasnp import Tape, Variable, layers, ops
from kerasnp.autodiff.gradcheck import GradientError, gradcheck
from kerasnp.ops.recurrent import gradcheck_gates

GATES = ("input", "forget", "candidate", "output")


def rnn(x, w, r, b):
    """h[t] = tanh(x[t] @ w + h[t-1] @ r + b), at the last step."""
    h = np.zeros((len(x), r.shape[0]), x.dtype)
    for t in range(x.shape[1]):
        h = ops.tanh(ops.matmul(x[:, t], w) + ops.matmul(h, r) + b)
    return h


def lstm(x, w, r, b, path=True):
    """The LSTM equation by equation, h at the last step. Without `path` no gradient goes from c[t] back to c[t-1]."""
    h = c = np.zeros((len(x), r.shape[0]), x.dtype)
    for t in range(x.shape[1]):
        i, f, new, o = ops.split(ops.matmul(x[:, t], w) + ops.matmul(h, r) + b, 4, axis=-1)
        if not path:
            c = ops.stop_gradient(c)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(new)
        h = ops.sigmoid(o) * ops.tanh(c)
    return h


class HandLSTM(layers.Layer):
    """`lstm` as a layer."""

    def __init__(self, units, path=True, **kwargs):
        super().__init__(**kwargs)
        self.units, self.path = units, path

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], 4 * self.units), name="kernel")
        self.recurrent_kernel = self.add_weight((self.units, 4 * self.units), "orthogonal", name="recurrent_kernel")
        bias = np.zeros(4 * self.units, "float32")
        bias[self.units : 2 * self.units] = 1
        self.bias = self.add_weight((4 * self.units,), lambda shape, dtype=None: bias, name="bias")

    def call(self, inputs):
        return lstm(inputs, self.kernel, self.recurrent_kernel, self.bias, self.path)

    def compute_output_shape(self, input_shape):
        return input_shape[0], self.units


def recall(rng, n, length, symbols=4):
    """Sequences of one-hot symbols and a mark at the first (n, length, symbols + 1), and the marked symbol, to be recalled."""
    words = rng.integers(symbols, size=(n, length))
    x = np.eye(symbols + 1, dtype="float32")[words]
    x[:, 0, symbols] = 1
    return x, words[:, 0].astype("int32")


def rnn_lstm(lab):
    """BPTT and the LSTM's gates checked by numbers; the path from cell to cell that seed 002 lacked, on and off."""
    rng = np.random.default_rng(lab.seed)
    steps, inputs, units = 4, 4, 3
    lab.settings["gradient check"] = f"{units} units, {inputs} inputs, {steps} steps, as in the notebook"
    x = rng.standard_normal((5, steps, inputs))

    def weights(gates):
        return [rng.standard_normal(s) for s in ((inputs, gates * units), (units, gates * units), (gates * units,))]

    bptt = gradcheck_gates(lambda w, r, b: rnn(x, w, r, b), *weights(1), cell="simple_rnn")
    four, errors, told = weights(4), {}, ""
    for path in (True, False):
        try:
            errors[path] = gradcheck_gates(lambda w, r, b, path=path: lstm(x, w, r, b, path), *four)
        except GradientError as error:
            errors[path], told = error.errors, "; ".join(error.causes.values())
    builtin = layers.LSTM(units, dtype="float64", activation="tanh")
    builtin.build(x.shape)
    builtin.set_weights(four)
    same = float(np.abs(np.asarray(builtin(x)) - lstm(x, *four)).max())
    lab.say(f"Backpropagation through time of the simple RNN: largest error {max(bptt.values()):.1e}.")
    lab.say(f"The equations and layers.LSTM differ by {same:.1e}.")
    lab.table(
        ["gradient of", "path on", "path off"],
        [[n, f"{errors[True][n]:.1e}", f"{errors[False][n]:.1e}"] for n in errors[True]],
    )
    lab.say(f"With the path off gradcheck names the gates, and the likely cause: {told}.")

    # The gradient of the last state, by the step whose input it reaches.
    length = lab.pick(16, 8, "sequence length")
    long = rng.standard_normal((32, length, inputs)) * 0.5
    small = [0.4 * a for a in four]
    small[2][units : 2 * units] = 1.0
    reach = {}
    for name, run in {
        "LSTM": lambda v: lstm(v, *small), "LSTM, path off": lambda v: lstm(v, *small, path=False),
        "simple RNN": lambda v: rnn(v, small[0][:, :units], small[1][:, :units], small[2][:units]),
    }.items():  # fmt: skip
        watched = Variable(long, dtype="float64")
        with Tape() as tape:
            total = ops.sum(run(watched))
        reach[name] = np.sqrt(np.square(tape.gradient(total, watched)).mean(axis=(0, 2)))

    # Training: name the first symbol of a sequence.
    epochs, cells = lab.pick(25, 3, "epochs"), lab.pick(16, 8, "units")
    x_train, y_train = recall(rng, lab.pick(2_000, 200), length)
    x_test, y_test = recall(rng, lab.pick(500, 100), length)
    curves, accuracy, start = {}, {}, None
    ways = {
        "layers.LSTM": lambda: layers.LSTM(cells),
        "LSTM by hand": lambda: HandLSTM(cells),
        "LSTM by hand, path off": lambda: HandLSTM(cells, path=False),
        "layers.SimpleRNN": lambda: layers.SimpleRNN(cells),
    }
    for name, make in ways.items():
        kerasnp.utils.set_random_seed(lab.seed)
        model = kerasnp.Sequential([kerasnp.Input((length, 5)), make(), layers.Dense(4, activation="softmax")])
        start = start or model.get_weights()
        if "LSTM" in name:
            model.set_weights(start)  # the three begin alike, so that only the path can make a difference
        kerasnp.utils.set_random_seed(lab.seed)
        model.compile(kerasnp.optimizers.Adam(0.01, clipnorm=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(x_train, y_train, 50, epochs, verbose=0, validation_data=(x_test, y_test))
        curves[name] = history.history["val_accuracy"]
        accuracy[name] = curves[name][-1]
    lab.table(
        [f"recall the first of {length} symbols", f"right after {epochs} epochs", "best epoch"],
        [[n, accuracy[n], max(c)] for n, c in curves.items()],
    )

    def draw(figure, axes):
        left, middle, right = axes
        for i, (path, label) in enumerate(((True, "path on"), (False, "path off"))):
            values = [max(errors[path][f"{w} of the {g} gate"] for w in ("kernel", "recurrent_kernel", "bias")) for g in GATES]
            left.bar(np.arange(4) + 0.4 * i - 0.2, np.maximum(values, 1e-12), 0.38, label=label)
        left.axhline(1e-5, color="k", ls=":", lw=1)
        left.set(xticks=range(4), xticklabels=GATES, yscale="log", title="What gradcheck finds")
        left.set_ylabel("relative error (1e-12: none)")
        left.set_ylim(1e-13, 1e2)
        left.legend(loc="upper center", ncols=2)
        for name, values in reach.items():
            middle.plot(np.arange(1, length + 1), values, ".-", label=name)
        middle.set(yscale="log", xlabel="step", ylabel="gradient of the last state", title="How far back the gradient reaches")
        middle.xaxis.get_major_locator().set_params(integer=True)
        middle.legend()
        for name, values in curves.items():
            right.plot(np.arange(1, epochs + 1), values, "--" if name == "LSTM by hand" else "-", label=name)
        right.axhline(0.25, color="gray", ls=":", lw=1)
        right.set(xlabel="epoch", ylabel="right, unseen sequences", ylim=(0, 1.02))
        right.set_title(f"Recall the first of {length} symbols")
        right.legend(fontsize=8)

    lab.picture(draw, 1, 3, size=(13, 3.9))
    return {
        "bptt_error": max(bptt.values()), "errors_path_on": errors[True], "errors_path_off": errors[False],
        "gradcheck_says": told, "difference_from_layer": same, "accuracy": accuracy,
        "gradient_at_first_step": {n: v[0] for n, v in reach.items()},
    }  # fmt: skip


GOOD = "good great fine lovely clever warm moving funny".split()
BAD = "bad dull poor silly cold empty boring clumsy".split()
NOUNS = "film plot music cast ending story".split()
FILLERS = "really quite rather very so".split()
WORDS = ["", "the", "was", "is", "not", "never", "but", "and", *FILLERS, *NOUNS, *GOOD, *BAD]
LENGTH = 16


def clause(rng):
    """A few words about one thing, and whether they praise it."""
    praise = bool(rng.integers(2))
    turned = rng.random() < 0.4
    words = ["the", rng.choice(NOUNS), rng.choice(["was", "is"])]
    if turned:
        words.append(rng.choice(["not", "never"]))
    if rng.random() < 0.5:
        words.append(rng.choice(FILLERS))
    words.append(rng.choice(GOOD if praise != turned else BAD))
    return words, praise


def reviews(rng, n):
    """Sentences as numbers of WORDS (n, LENGTH), 0 after the end, and 1 where the writer liked it: the last clause decides."""
    x, y = np.zeros((n, LENGTH), "int32"), np.zeros(n, "int32")
    number = {word: i for i, word in enumerate(WORDS)}
    for i in range(n):
        words, praise = clause(rng)
        if rng.random() < 0.6:
            more, last = clause(rng)
            words = [*words, "and" if last == praise else "but", *more]
            praise = last
        x[i, : len(words)] = [number[word] for word in words]
        y[i] = praise
    return x, y


def embedding_text(lab):
    """Reviews made from a small grammar: Embedding with the mean of the words against Embedding with an LSTM."""
    rng = np.random.default_rng(lab.seed)
    epochs, size = lab.pick(12, 2, "epochs"), lab.pick(16, 8, "embedding")
    (x, y), (x_test, y_test) = reviews(rng, lab.pick(5_000, 300, "reviews")), reviews(rng, lab.pick(2_000, 200))
    lab.data = f"reviews made from a grammar of {len(WORDS) - 1} words"
    tops = {
        "mean of the words": lambda: [layers.GlobalAveragePooling1D()],
        "LSTM": lambda: [layers.LSTM(32)],
        "LSTM, both directions": lambda: [layers.Bidirectional(layers.LSTM(16))],
    }
    figures, curves, maps = {}, {}, {}
    for name, top in tops.items():
        kerasnp.utils.set_random_seed(lab.seed)
        embedding = layers.Embedding(len(WORDS), size, mask_zero=True)
        model = kerasnp.Sequential(
            [kerasnp.Input((LENGTH,), dtype="int32"), embedding, *top(), layers.Dense(1, activation="sigmoid")]
        )
        model.compile(kerasnp.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
        history = model.fit(x, y[:, None], 50, epochs, verbose=0, validation_data=(x_test, y_test[:, None]))
        curves[name], maps[name] = history.history["val_accuracy"], embedding.embeddings.numpy()
        right = (model.predict(x_test, 500, verbose=0)[:, 0] > 0.5) == y_test
        turned = np.isin(x_test, [WORDS.index("not"), WORDS.index("never")]).any(axis=1)
        figures[name] = {
            "accuracy": float(right.mean()), "with_not_or_never": float(right[turned].mean()),
            "without": float(right[~turned].mean()), "parameters": model.count_params(),
        }  # fmt: skip
    # The derivative of Embedding, which the report had no time for: each row gets the sum of what its word received.
    table, sample = rng.standard_normal((len(WORDS), 5)), x[:6]
    error = max(gradcheck(lambda t: ops.square(ops.take(t, sample, axis=0)), table, names=["embeddings"]).values())
    lab.table(
        ["on top of the Embedding", "accuracy", "with not, never", "without", "parameters"],
        [[n, f["accuracy"], f["with_not_or_never"], f["without"], f["parameters"]] for n, f in figures.items()],
    )
    lab.say(f"The gradient of the embeddings, checked by numbers: error {error:.1e}.")
    lab.say("Example: " + " ".join(WORDS[i] for i in x_test[0] if i) + f"  ->  {'liked' if y_test[0] else 'not liked'}")
    figures["embedding_gradient_error"] = error

    def draw(figure, axes):
        left, right = axes
        for name, values in curves.items():
            left.plot(np.arange(1, epochs + 1), values, ".-", label=name)
        left.set(xlabel="epoch", ylabel="right, unseen reviews", ylim=(0.45, 1.02), title="The order of words matters")
        left.legend(loc="lower right")
        vectors = maps["LSTM"] - maps["LSTM"][1:].mean(axis=0)
        plane = vectors @ np.linalg.svd(vectors[1:], full_matrices=False)[2][:2].T
        groups = {
            "praise: good, great, ...": GOOD, "blame: bad, dull, ...": BAD, "not, never": ["not", "never"],
            "degree: really, quite, ...": FILLERS, "things: film, plot, ...": NOUNS,
            "the, was, is, but, and": ["the", "was", "is", "but", "and"],
        }  # fmt: skip
        for (label, words), marker in zip(groups.items(), "o^sDvX"):
            right.plot(*plane[[WORDS.index(word) for word in words]].T, marker, ls="", alpha=0.7, label=label)
        right.legend(fontsize=8)
        right.margins(0.12)
        right.set(title="What the LSTM's Embedding learned", xlabel="first principal axis", ylabel="second principal axis")

    lab.picture(draw, 1, 2, size=(11, 4.6))
    return figures


SYMBOLS = ["false", "true", "and", "or", "xor"]


def formula(rng, depth, words):
    """(tree, value) of a random formula; the node of `a op b` is ((op, a), b), and its words are appended."""
    if depth == 0 or rng.random() < 0.15:
        words.append(int(rng.integers(2)))
        return len(words) - 1, words[-1]
    words.append(int(rng.integers(2, 5)))
    place, op = len(words) - 1, words[-1]
    left, a = formula(rng, depth - 1, words)
    right, b = formula(rng, depth - 1, words)
    return ((place, left), right), (a & b, a | b, a ^ b)[op - 2]


def formulas(rng, n, depth):
    """Formulas as rows of words and then parents (n, 2 * leaves + leaves - 1), and their values.

    Rows are as long as the longest; parents of -2 stand for places without a node, as `layers.TreeLSTMCell` takes them.
    """
    leaves = 2 ** (depth + 1) - 1
    x, y = np.zeros((n, 3 * leaves - 1), "int32"), np.zeros(n, "int32")
    for i in range(n):
        words = []
        tree, y[i] = formula(rng, depth, words)
        parents = np.full(2 * leaves - 1, -2)
        free = [leaves]

        def place(node, parents=parents, free=free):
            if not isinstance(node, tuple):
                return node
            children = [place(child) for child in node]
            number = free[0]
            free[0] += 1
            parents[children] = number
            return number

        parents[place(tree)] = -1
        x[i, : len(words)], x[i, leaves:] = words, parents
    return x, y


class FormulaNetwork(kerasnp.Model):
    """Embedding of the words, a cell climbing the tree, the value."""

    casts_integers = False

    def __init__(self, cell, **kwargs):
        super().__init__(**kwargs)
        self.embedding, self.cell, self.top = layers.Embedding(len(SYMBOLS), 8), cell, layers.Dense(2)

    def call(self, inputs):
        leaves = (inputs.shape[1] + 1) // 3
        return self.top(self.cell(self.embedding(inputs[:, :leaves]), trees=inputs[:, leaves:]))


def recursive(lab):
    """Networks over trees: the value of formulas of and, or, xor, deeper ones than they were trained on."""
    rng = np.random.default_rng(lab.seed)
    epochs, units = lab.pick(20, 4, "epochs"), lab.pick(24, 16, "units")
    depth = lab.pick(3, 2, "deepest formula in training")
    x, y = formulas(rng, lab.pick(3_000, 400, "formulas"), depth)
    tests = {d: formulas(rng, lab.pick(500, 60), d) for d in range(1, depth + 2)}
    lab.data = "random formulas"
    figures, curves = {}, {}
    loss = kerasnp.losses.SparseCategoricalCrossentropy(from_logits=True)
    for name, make in {"TreeRNNCell": layers.TreeRNNCell, "TreeLSTMCell": layers.TreeLSTMCell}.items():
        kerasnp.utils.set_random_seed(lab.seed)
        model = FormulaNetwork(make(units))
        model.compile(kerasnp.optimizers.Adam(0.01), loss, metrics=["accuracy"])
        history = model.fit(x, y, 100, epochs, verbose=0, validation_data=tests[depth]).history
        curves[name] = history["val_accuracy"]
        cell = make(3, dtype="float64")
        sample, trees = rng.standard_normal((4, 3, 2)), [((0, 1), 2), (0, (1, 2)), (1, 2), 0]
        cell.build(sample.shape)
        error = max(gradcheck(lambda v, *_, cell=cell, trees=trees: cell(v, trees=trees), sample, *cell.weights).values())
        by_depth = {d: model.evaluate(*test, 100, verbose=0)[1] for d, test in tests.items()}
        figures[name] = {"accuracy_by_depth": by_depth, "gradient_error": error, "parameters": model.count_params()}
    base = {d: max(t[1].mean(), 1 - t[1].mean()) for d, t in tests.items()}
    lab.table(
        ["cell", *(f"depth {d}" + (", never seen" if d > depth else "") for d in tests), "gradcheck", "parameters"],
        [*([n, *f["accuracy_by_depth"].values(), f"{f['gradient_error']:.0e}", f["parameters"]] for n, f in figures.items()),
         ["always the commoner value", *base.values(), "", ""]],
    )  # fmt: skip
    figures["commoner value"] = {"accuracy_by_depth": base}

    def draw(figure, axes):
        left, right = axes
        for name, values in curves.items():
            left.plot(np.arange(1, epochs + 1), values, ".-", label=name)
        left.set(xlabel="epoch", ylabel="right, unseen formulas", ylim=(0.45, 1.02), title=f"Formulas up to depth {depth}")
        left.legend(loc="lower right")
        for (name, f), style in zip(figures.items(), ("o-", "s--", "x:")):
            right.plot(list(f["accuracy_by_depth"]), list(f["accuracy_by_depth"].values()), style, label=name)
        right.axvline(depth + 0.5, color="gray", ls=":")
        right.text(depth + 0.53, 0.6, "deeper than\nin training", fontsize=8, color="gray")
        right.set(xlabel="depth", ylabel="right", ylim=(0.45, 1.02), xticks=list(tests), title="By depth of the formula")
        right.legend(loc="center left", fontsize=8)
        left.xaxis.get_major_locator().set_params(integer=True)

    lab.picture(draw, 1, 2, size=(10, 4))
    return figures
