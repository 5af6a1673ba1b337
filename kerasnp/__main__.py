"""`python -m kerasnp COMMAND`."""

import argparse
import importlib
import sys

# Where the other commands are described: only that of the one that is asked for is imported.
HOMES = {
    "bench": "kerasnp.bench.command",
    "doctor": "kerasnp.doctor",
    **dict.fromkeys(("inspect", "convert", "predict"), "kerasnp.saving.commands"),
}


def demo(args):
    """Train LeNet-5 on the embedded digits, save and reload its weights, and draw a few predictions."""
    import kerasnp
    from kerasnp import layers

    kerasnp.utils.set_random_seed(args.seed)
    (x_train, y_train), (x_test, y_test) = kerasnp.datasets.digits.load_data()
    x_train, x_test = (x[..., None].astype("float32") / 255 for x in (x_train, x_test))

    def lenet5():
        return kerasnp.Sequential(
            [
                kerasnp.Input((28, 28, 1)),
                layers.Conv2D(6, 5, padding="same", activation="relu"),
                layers.MaxPooling2D(),
                layers.Conv2D(16, 5, activation="relu"),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(120, activation="relu"),
                layers.Dense(84, activation="relu"),
                layers.Dense(10, activation="softmax"),
            ],
            name="lenet5",
        )

    model = lenet5()
    steps = args.epochs * -(-len(x_train) // 64)
    learning_rate = kerasnp.optimizers.schedules.CosineDecay(3e-3, decay_steps=steps, alpha=0.02)
    model.compile(kerasnp.optimizers.Adam(learning_rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    print(f"Training on {len(x_train):,} digits drawn from strokes, testing on {len(x_test):,} others.")
    model.fit(x_train, y_train, batch_size=64, epochs=args.epochs, validation_data=(x_test, y_test))
    model.save_weights(args.weights)
    fresh = lenet5()
    fresh.load_weights(args.weights)
    predicted = fresh.predict(x_test, batch_size=256, verbose=0).argmax(axis=1)
    accuracy = (predicted == y_test).mean()
    print(f"Weights saved to {args.weights} and loaded into a fresh model: {accuracy:.2%} of the test digits are right.")
    draw_predictions(x_test, y_test, predicted, args.picture)


def draw_predictions(x, y, predicted, path, count=24):
    """Draw some digits with their predictions, mistakes first, to a PNG; a sentence instead where matplotlib is absent."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("For a picture of the predictions: pip install matplotlib")
        return
    wrong = [i for i in range(len(y)) if predicted[i] != y[i]][: count // 3]
    chosen = wrong + [i for i in range(len(y)) if predicted[i] == y[i]][: count - len(wrong)]
    figure = Figure(figsize=(8, 4.6))
    for axes, i in zip(figure.subplots(3, count // 3).flat, chosen):
        axes.imshow(x[i].reshape(28, 28), cmap="gray_r")
        right = predicted[i] == y[i]
        axes.set_title(
            f"{predicted[i]}" if right else f"{predicted[i]} (is {y[i]})", color="black" if right else "red", size=10
        )
        axes.axis("off")
    figure.suptitle(
        f"Predictions on test digits (red: the first {len(wrong)} of {int((predicted != y).sum())} mistakes)", size=11
    )
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    print(f"Picture of {len(chosen)} predictions written to {path}")


def main(argv=None):
    """Run a command; returns the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="python -m kerasnp", description="The Keras Sequential API in pure NumPy.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("demo", help=demo.__doc__, description=demo.__doc__)
    command.add_argument("--epochs", type=int, default=4, help="passes over the digits (default 4)")
    command.add_argument("--seed", type=int, default=7, help="seed of weights, shuffling and dropout (default 7)")
    command.add_argument("--weights", default="kerasnp_demo.weights.h5", help="where the weights go (default %(default)s)")
    command.add_argument("--picture", default="kerasnp_demo.png", help="where the picture goes (default %(default)s)")
    command.set_defaults(run=demo)
    asked = argv[0] if argv else None
    for home in [HOMES[asked]] if asked in HOMES else dict.fromkeys(HOMES.values()) if asked != "demo" else ():
        importlib.import_module(home).add_commands(commands)
    args = parser.parse_args(argv)
    args.run(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
