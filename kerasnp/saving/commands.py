"""`python -m kerasnp inspect | convert | predict`: model files from the shell."""

import os
import sys
import warnings

import numpy as np

from kerasnp.saving import limits, model_io, weights_io


def inspect(args):
    """List what a model file holds: version, layers, shapes, parameters, settings, ignored keys and risks; nothing is run."""
    from kerasnp.saving import inspection

    report = inspection.inspect_file(args.file)
    if args.json:
        import json

        print(json.dumps(report, indent=1, default=str))
    else:
        print("\n".join(inspection.describe(report)))


def convert(args):
    """Write a model in another format: .keras, classic .h5, or its weights alone as .weights.h5."""
    model = model_io.load_model(args.source)
    if args.target.endswith(".weights.h5"):
        weights_io.save_weights(model, args.target)
    else:
        model_io.save_model(model, args.target)
    print(f"{args.target}: {os.path.getsize(args.target):,} bytes, {model.count_params():,} parameters")


def predict(args):
    """Predict for the samples in a .npy or .npz file and write the outputs to a .npy file."""
    samples = read_samples(args.input)
    model = model_io.load_model(args.model, compile=False)
    outputs = model.predict(samples, batch_size=args.batch_size, verbose=0)
    from kerasnp.saving.atomic import atomic_write

    with atomic_write(args.output) as stream:
        np.lib.format.write_array(stream, np.asarray(outputs), allow_pickle=False)
    print(f"{args.output}: {len(outputs):,} outputs of shape {outputs.shape[1:]}")


def read_samples(path):
    """The array in a .npy file, or the only one (or the one called x) in a .npz file; never an object array."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"File not found: {path}. Give a .npy or .npz file of samples.")
    with limits.place(path):
        try:
            found = np.load(path, allow_pickle=False)
        except (ValueError, EOFError):
            raise ValueError("it is not a .npy or .npz file of numbers or text; numpy.save(path, array) makes one.") from None
        if isinstance(found, np.ndarray):
            return found
        name = "x" if "x" in found else found.files[0] if len(found.files) == 1 else None
        if name is None:
            raise ValueError(f"it holds the arrays {', '.join(found.files) or '(none)'}; call the one to predict for 'x'.")
        return found[name]


def add_commands(commands):
    """Add the three to the subparsers of `python -m kerasnp`."""
    command = commands.add_parser("inspect", help=inspect.__doc__, description=inspect.__doc__)
    command.add_argument("file", help="a .keras or .h5 file")
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=guarded(inspect))
    command = commands.add_parser("convert", help=convert.__doc__, description=convert.__doc__)
    command.add_argument("source", help="a .keras or .h5 file")
    command.add_argument("target", help="the file to write; its suffix names the format")
    command.set_defaults(run=guarded(convert))
    command = commands.add_parser("predict", help=predict.__doc__, description=predict.__doc__)
    command.add_argument("model", help="a .keras or .h5 file")
    command.add_argument("input", help="a .npy or .npz file of samples")
    command.add_argument("-o", "--output", required=True, help="the .npy file to write")
    command.add_argument("--batch-size", type=int, default=32, help="samples at a time (default 32)")
    command.set_defaults(run=guarded(predict))


def guarded(command):
    """The command, with warnings and errors about files as a sentence each, and exit status 1 instead of a traceback."""

    def run(args):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = lambda message, *where: tell(message)
            try:
                command(args)
            except (ValueError, TypeError, OSError) as error:
                tell(error)
                raise SystemExit(1) from None

    run.__doc__ = command.__doc__
    return run


def tell(message):
    """A message on the error stream, in one line and without the control characters that a file may have put into it."""
    print(f"kerasnp: {limits.printable(str(message))}", file=sys.stderr)
