"""The graph by hand: build an expression, evaluate it, differentiate it, draw it, take a step; then see a layer do the same.

python examples/graph.py [--svg graph.svg]

A `Variable` is an array with a place in a graph, an `Operator` one step with a `forward` and a `backward`, a `Tape` the list
of steps in the order they ran. There is no global graph and nothing to register: a result knows the operator that made it,
and an operator the Variables it was given. Layers and models are made of the same three.
"""

import argparse

import numpy as np

import kerasnp
from kerasnp import Operator, Tape, Variable, gradcheck, layers, ops, viz

# The four rows of OR, and what it says of them.
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
T = np.array([[0], [1], [1], [1]], "float32")


class SquaredError(Operator):
    """loss = mean((y - t)^2).     y, t (n, 1)   ->   loss ()"""

    def forward(self, y, t):
        """Compute from bare arrays, and keep what backward needs."""
        self.save(y - t)
        return np.mean(np.square(y - t))

    def backward(self, dloss):
        """From d/dloss to d/dy and d/dt: the derivative of the mean of squares is 2 (y - t) / n."""
        (difference,) = self.saved
        dy = dloss * 2 * difference / difference.size
        return dy, -dy


def expression(w, b):
    """A neuron, y = sigmoid(x @ w + b), and how wrong it is."""
    return SquaredError()(ops.sigmoid(ops.matmul(X, w) + b), T)


def by_hand(w, b):
    """The gradient with pencil and paper: the chain rule from the loss back to w and b."""
    y = 1 / (1 + np.exp(-(X @ w + b)))
    dy = 2 * (y - T) / y.size
    dz = dy * y * (1 - y)
    return X.T @ dz, dz.sum(axis=0)


def name_of(x):
    """What to call an operator, a Variable, the result of an operator, or a bare array."""
    if getattr(x, "creator", None) is not None:
        return name_of(x.creator)
    return getattr(x, "name", None) or (type(x).__name__ if isinstance(x, Operator) else "constant")


def main(argv=None):
    """Walk through the six stations; returns what was found on the way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--svg", help="write the drawing of the expression to this file")
    args = parser.parse_args(argv)

    print("1. Build and evaluate. Under a tape every step is remembered, and the result knows what it came from:\n")
    w, b = Variable([[0.3], [-0.2]], name="w"), Variable([0.1], name="b")
    with Tape(persistent=True) as tape:
        loss = expression(w, b)
    for operator in tape.operators:
        print(f"   {name_of(operator)}({', '.join(map(name_of, operator.inputs))})")
    print(f"\n   loss = {float(loss):.4f}; without a tape the same call returns a bare number: {expression(w, b):.4f}\n")

    print("2. Differentiate: the tape is walked backwards, each operator handing its gradient to its inputs.\n")
    dw, db = tape.gradient(loss, [w, b])
    hand_dw, hand_db = by_hand(w.numpy(), b.numpy())
    print(f"   by the tape      dw = {np.round(dw.ravel(), 5)}  db = {np.round(db, 5)}")
    print(f"   by hand          dw = {np.round(hand_dw.ravel(), 5)}  db = {np.round(hand_db, 5)}\n")

    print("3. Check it: central differences must agree with backward.\n")
    errors = gradcheck(expression, w.numpy(), b.numpy(), names=["w", "b"])
    print("   " + str(errors).replace("\n", "\n   ") + "\n")

    print("4. Draw it:\n")
    loss.backward()  # puts the gradients into w.grad and b.grad, where the drawing shows them
    drawing = viz.plot_model(loss)
    print("   " + str(drawing).replace("\n", "\n   ") + "\n")
    if args.svg:
        drawing.save(args.svg)
        print(f"   The same as a picture: {args.svg}\n")

    print("5. Take a step against the gradient, and many more; nothing else is learning:\n")
    losses = [float(loss)]
    for _ in range(300):
        with Tape() as tape:
            loss = expression(w, b)
        for variable, gradient in zip([w, b], tape.gradient(loss, [w, b])):
            variable.assign_sub(2.0 * gradient)
        losses.append(float(expression(w, b)))
    learned = 1 / (1 + np.exp(-(X @ w.numpy() + b.numpy())))
    print(f"   loss {losses[0]:.4f} -> {losses[1]:.4f} after one step -> {losses[-1]:.4f} after {len(losses) - 1}")
    print(f"   OR of the four rows: {np.round(learned.ravel(), 2)}\n")

    print("6. A layer is made of the same objects: its weights are Variables, its call records Operators.\n")
    dense = layers.Dense(1, activation="sigmoid", name="neuron")
    dense.build((None, 2))
    dense.set_weights([[[0.3], [-0.2]], [0.1]])
    with Tape(persistent=True) as tape:
        loss = SquaredError()(dense(X), T)
    same = tape.gradient(loss, dense.trainable_weights)
    print("   " + str(viz.plot_model(loss)).replace("\n", "\n   "))
    print(f"\n   its gradient is the same: {np.allclose(same[0], dw) and np.allclose(same[1], db)}")
    kerasnp.optimizers.SGD(2.0).apply(same, dense.trainable_weights)
    print(f"   and SGD takes the same step: loss {float(SquaredError()(dense(X), T)):.4f}")
    return {"losses": losses, "errors": errors, "tape": (dw, db), "hand": (hand_dw, hand_db), "layer": same, "learned": learned}


if __name__ == "__main__":
    main()
