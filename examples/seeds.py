"""The experiments of five students who wrote networks in NumPy, each as one command.

python examples/seeds.py NAME [--quick] [--out DIR]
python examples/seeds.py --list

Each prints a table and writes NAME.json with its figures and NAME.png (with matplotlib) to DIR. The images are the real
MNIST where it is on the machine (`$KERASNP_HOME`, `~/.kerasnp/datasets`, `~/.keras/datasets`), digits drawn from strokes
otherwise. examples/RESULTS.md has the figures beside those of the students.
"""

import argparse
import importlib
import sys
from pathlib import Path

# name: (file, function) in the package `experiments`
EXPERIMENTS = {
    "cnn-activations": ("cnn", "activations"),
    "cnn-optimizers": ("cnn", "optimizers_compared"),
    "convolutions": ("convolutions", "convolutions"),
    "mlp-vs-cnn": ("images", "mlp_vs_cnn"),
    "four-classes": ("images", "four_classes"),
    "avgpool-scale": ("convolutions", "avgpool_scale"),
    "rnn-lstm": ("recurrent", "rnn_lstm"),
    "embedding-text": ("recurrent", "embedding_text"),
    "recursive": ("recurrent", "recursive"),
    "cifar100-coarse": ("cifar", "coarse"),
    "lenet5": ("lenet", "lenet5_ways"),
    "perceptron-gates": ("basics", "perceptron_gates"),
    "numerical-gradient": ("basics", "numerical_gradient"),
    "weight-init": ("training", "weight_init"),
    "overfit": ("training", "overfit"),
    "hyperparameters": ("training", "hyperparameters"),
    "best-cnn": ("lenet", "best_cnn"),
}


def experiment(name):
    """The function of an experiment."""
    module, function = EXPERIMENTS[name]
    return getattr(importlib.import_module(f"experiments.{module}"), function)


def main(argv=None):
    """Run an experiment; returns the record that its JSON holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", choices=EXPERIMENTS, metavar="NAME", help="which experiment; see --list")
    parser.add_argument("--list", action="store_true", help="the experiments there are")
    parser.add_argument("--quick", action="store_true", help="small settings, some seconds, to see that it runs")
    parser.add_argument("--out", type=Path, default=Path("seeds"), help="where the results go (default ./%(default)s)")
    args = parser.parse_args(argv)
    if args.list or args.name is None:
        for name in EXPERIMENTS:
            print(f"{name:20s} {experiment(name).__doc__.splitlines()[0]}")
        return None
    from experiments.common import Lab

    return Lab(args.name, args.out, args.quick).run(experiment(args.name))


if __name__ == "__main__":
    main(sys.argv[1:])
