"""`keras-lisr import`: turns an official PyTorch checkpoint into a Keras model."""

import argparse
from pathlib import Path

from keras_lisr.basics.whole_files import write_whole
from keras_lisr.cli.files import check_targets
from keras_lisr.cli.start import start_keras
from keras_lisr.interop import ARCHITECTURES


def add_to(commands) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser("import", help="turn an official PyTorch checkpoint into a Keras model")
    command.set_defaults(run=run)
    command.add_argument("file", type=Path, metavar="FILE", help="checkpoint such as IMDN_x4.pth")
    command.add_argument("--architecture", required=True, choices=ARCHITECTURES)
    command.add_argument("-s", "--scale", type=int, required=True, choices=(2, 3, 4))
    command.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=".keras file to write")


def run(arguments: argparse.Namespace) -> None:
    """Runs the command."""
    output = arguments.output
    if output.suffix != ".keras":
        raise ValueError(f"OUT must be a .keras file. Received: {str(output)!r}")
    if output.parent.exists():  # Otherwise it is made before writing.
        check_targets(output, inputs=[arguments.file])
    with start_keras():
        from keras_lisr import interop

        unwrapped: list[str] = []
        model = interop.load(arguments.file, arguments.architecture, arguments.scale, say=unwrapped.append)
    output.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(output) as partial:
        model.save(partial)
    source = " ".join([str(arguments.file), *(f"({line})" for line in unwrapped)])
    print(f"{output}: {model.name} x{arguments.scale}, {model.count_params():,} parameters from {source}")
