"""Runs the command `keras-lisr`, with one module for each subcommand.

Arguments and files are checked before Keras is imported, which takes seconds. Modules that need Keras are therefore
imported where they are used.
"""

import os
import sys
from collections.abc import Sequence

import keras_lisr
from keras_lisr.basics.interruption import exit_code_of, raise_on_signals
from keras_lisr.basics.log_lines import show_log
from keras_lisr.basics.parser import Parser
from keras_lisr.cli import analyse, evaluate, export, import_checkpoint, models, train, upscale


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        argv: Arguments; by default, those of the process.

    Returns:
        Exit code: 0; 1 if a picture was skipped; 2 after an error, in one line on standard error; 130 after Ctrl-C, 143
        after SIGTERM; that of a training run.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # It is closed.
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        if hasattr(getattr(sys, name), "reconfigure"):  # File names may not be Unicode, or not in its encoding.
            getattr(sys, name).reconfigure(errors="backslashreplace")
    try:
        arguments = make_parser().parse_args(argv)
        with raise_on_signals(), show_log("keras-lisr"):
            return arguments.run(arguments) or 0
    except (ValueError, OSError, ModuleNotFoundError, MemoryError) as error:
        message = str(error)
        if isinstance(error, ModuleNotFoundError):
            message = f"{error.name} must be installed for this. Received: {error}"
        elif isinstance(error, MemoryError):
            message = f"out of memory; {error}"
        print("keras-lisr: error:", " ".join(message.split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print("\nkeras-lisr: interrupted", file=sys.stderr)
        return exit_code_of(interrupt)


def make_parser() -> Parser:
    """Makes the parser of the command and its subcommands."""
    parser = Parser(prog="keras-lisr", description="Lightweight image super-resolution.")
    parser.add_argument("--version", action="version", version=f"keras-lisr {keras_lisr.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (upscale, train, evaluate, export, import_checkpoint, analyse, models):
        command.add_to(commands)
    return parser
