"""LeNet-5 on the real MNIST: at least 98.9 % on the test images within 6 epochs.

python examples/mnist_lenet5.py [--epochs 6] [--quick]

The data come from `$KERASNP_HOME`, `~/.kerasnp/datasets` or `~/.keras/datasets`, or are downloaded once.
"""

import argparse

import kerasnp
from kerasnp import layers


def lenet5():
    """LeNet-5 (LeCun et al., 1998) with ReLU and max-pooling, its first convolution padded to keep 28 x 28."""
    return kerasnp.Sequential(
        [
            kerasnp.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 5, activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(120, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(84, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(10, activation="softmax"),
        ],
        name="lenet5",
    )


def main(argv=None):
    """Train, evaluate, and return the accuracy on the test images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--quick", action="store_true", help="2,000 images and one epoch, to see that it runs")
    args = parser.parse_args(argv)

    kerasnp.utils.set_random_seed(7)
    (x_train, y_train), (x_test, y_test) = kerasnp.datasets.mnist.load_data()
    x_train, x_test = (x[..., None].astype("float32") / 255 for x in (x_train, x_test))
    if args.quick:
        x_train, y_train, args.epochs = x_train[:2000], y_train[:2000], 1

    model = lenet5()
    steps = -(-len(x_train) // 64)
    schedule = kerasnp.optimizers.schedules.CosineDecay(2e-3, decay_steps=args.epochs * steps, alpha=0.01)
    model.compile(optimizer=kerasnp.optimizers.Adam(schedule), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    model.fit(x_train, y_train, batch_size=64, epochs=args.epochs)
    loss, accuracy = model.evaluate(x_test, y_test, batch_size=500, verbose=0)
    print(f"Test loss {loss:.4f}, accuracy {accuracy:.2%} on {len(x_test):,} images")
    return accuracy


if __name__ == "__main__":
    main()
