"""What layers, models and callbacks cost: training steps against the same kernels called by hand, and a call on one row against
the same NumPy."""

import numpy as np

import kerasnp
from kerasnp import backend as K
from kerasnp.bench.timing import timed
from kerasnp.bench.workloads import SIZES, images, model
from kerasnp.optimizers.storage import for_blocks

RELU = K.fused["relu"]
PADDING = {"lenet": (2, 0), "convnet": (0, 0)}  # of their convolutions
DROPOUT = {"mlp": 0.2, "convnet": 0.5}  # of what Dense layers get from other layers
STACKS = ("mlp", "mlp_small", "lenet", "convnet")  # that are told here
DENSE = ("mlp", "mlp_small")


class ByHand:
    """A stack of convolutions with their pooling, and Dense layers, trained with Adam by nothing but calls to kernels.

    It begins with the weights of `stack`, a model of that workload.
    """

    def __init__(self, workload, stack):
        values = stack.get_weights()
        starts, self.size = K.offsets([v.shape for v in values], "float32")
        self.flat = [K.flat(self.size, "float32") for _ in range(4)]  # weights, gradients, and the moments of Adam
        self.weights, gradients = (K.segments(a, starts, [v.shape for v in values]) for a in self.flat[:2])
        for weight, value in zip(self.weights, values):
            weight[...] = value
        layers = list(zip(self.weights[::2], self.weights[1::2], gradients[::2], gradients[1::2]))
        pads = [((p, p), (p, p)) for p in PADDING.get(workload, ())]
        self.convolutions, self.dense = list(zip(layers, pads)), layers[len(pads) :]
        self.rate, self.steps, self.adam = DROPOUT.get(workload), 0, kerasnp.optimizers.Adam()

    def epoch(self, x, y, batch):
        """Train once over the data in random order; returns the mean loss and the accuracy."""
        order, loss, right = np.random.default_rng().permutation(len(x)), 0.0, 0
        with K.threads.quiet_blas():
            for start in range(0, len(x), batch):
                rows = order[start : start + batch]
                one, hits = self.step(x.take(rows, axis=0), y.take(rows))
                loss, right = loss + float(one) * len(rows), right + hits
        return loss / len(x), right / len(x)

    def step(self, x, y):
        """Forward, backward and update; returns the loss and the number of right answers."""
        mapped, joined, last = [], [], self.dense[-1]
        for (w, b, *_), padding in self.convolutions:
            z, won = K.conv_pool(x, w, b, RELU, padding=padding)
            mapped.append((x, z, won))
            x = z
        shape, x = x.shape, x.reshape(len(x), -1)
        for i, layer in enumerate(self.dense):
            mask = None
            if self.rate and (mapped or joined):
                mask = K.random.dropout_mask(K.random.generator(i, self.steps), x.shape, self.rate, x.dtype, x)
                x = x * mask
            z = K.dense(x, *layer[:2], None if layer is last else RELU)
            joined.append((x, mask, z))
            x = z
        loss, p, places = K.softmax_mean_cross_entropy(x, y)
        d = K.softmax_mean_cross_entropy_grad(p, places, loss.dtype.type(1))
        for layer, (x, mask, z) in zip(reversed(self.dense), reversed(joined)):
            w, _, dw, db = layer
            d = d if layer is last else RELU.backward(z, d)
            K.sum_rows(d, out=db)
            K.matmul(x.T, d, out=dw)
            if mapped or layer is not self.dense[0]:
                d = K.matmul(w, d.T).T if K.layout.is_turned(x) else K.matmul(d, w.T)
                d = d if mask is None else d * mask
        for i in reversed(range(len(mapped))):
            ((w, _, dw, db), padding), (x, z, won) = self.convolutions[i], mapped[i]
            dz = d.reshape(shape) if z is mapped[-1][1] else d
            d, dw[...], db[...] = K.conv_pool_grad(x, w, z, won, dz, RELU, padding=padding, wants=(i > 0, True, True))
        self.steps += 1
        for_blocks(self.adam.update, self.flat, self.adam.step(1e-3, self.steps, float))
        return loss, (p.argmax(axis=-1) == y).sum()


def numpy_of(stack):
    """The function of a stack of Dense layers, in plain NumPy."""
    values = stack.get_weights()
    layers = list(zip(values[::2], values[1::2]))

    def run(x):
        for w, b in layers[:-1]:
            x = x @ w
            x += b
            np.maximum(x, 0, out=x)
        x = x @ layers[-1][0]
        x += layers[-1][1]
        x -= x.max(axis=1, keepdims=True)
        np.exp(x, out=x)
        x /= x.sum(axis=1, keepdims=True)
        return x

    return run


def measure(workloads, rounds=9, calls=2000):
    """Rows (workload, microseconds by hand, of the product, their ratio, the difference by layers), of a training step and, for
    Dense stacks, of a call on one row; medians of epochs in turn, and of calls."""
    steps, single = [], []
    for workload in [name for name in workloads if name in STACKS]:
        (x, y), (n, batch) = images(workload), SIZES[workload]
        y = y.astype("int64")
        stack = model(kerasnp, workload)
        by_hand = ByHand(workload, stack)
        ways = (lambda: by_hand.epoch(x, y, batch), lambda: stack.fit(x, y, batch_size=batch, verbose=0))  # noqa: B023
        steps.append(_row(workload, ways, rounds, -(-n // batch), stack))
        if workload in DENSE:
            run, row = numpy_of(stack), x[:1]
            ways = (lambda: run(row), lambda: stack(row))  # noqa: B023
            single.append(_row(workload, ways, calls, 1, stack))
    return steps, single


def _row(workload, ways, rounds, parts, stack):
    for way in ways:
        way()
    found = [[timed(way) for way in ways] for _ in range(rounds)]
    by_hand, product = (sorted(seconds)[rounds // 2] * 1e6 / parts for seconds in zip(*found))
    return workload, by_hand, product, product / by_hand, (product - by_hand) / (len(stack.weights) // 2)
