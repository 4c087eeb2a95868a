"""The command line of a recipe: `python training/imdn.py --scale 4 --ggas --data photos --output runs/imdn`."""

import argparse
import dataclasses
import inspect
import logging
import math
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from keras_lisr.basics.interruption import exit_code_of, raise_on_signals
from keras_lisr.basics.log_lines import show_log
from keras_lisr.basics.parser import Parser
from keras_lisr.basics.preset_index import choose_model
from keras_lisr.data.degradation import Degradation
from keras_lisr.data.image_folder import hold_out_photographs
from keras_lisr.data.image_pairs import ImagePairs
from keras_lisr.training.checkpoints import checkpoints
from keras_lisr.training.distribution import SEVERAL_HOSTS
from keras_lisr.training.fit import fit, remove_folder_on_error, warm_start
from keras_lisr.training.recipe import OPTIMIZERS, Recipe
from keras_lisr.training.sources import VALIDATED_SIDE, find_store, progress_bar, read_folder
from keras_lisr.training.teacher import label_pairs
from keras_lisr.zoo import SuperResolutionModel, load_model

# Fields of a recipe that flags may change.
CHANGEABLE = ("steps", "batch_size", "patch_size", "optimizer", "learning_rate")
HOLD_OUT_EVERY = 24
MOST_HELD_OUT = 32  # More images make validation slow and tell little.


def main(recipe: Callable[..., Recipe], argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Trains a recipe from the command line.

    Args:
        recipe: Function such as `recipe(scale=4, *, ggas=False)`; each argument becomes a flag.
        argv: Command-line arguments, those of the process by default.
        prog: Name of the program in messages, that of the recipe's file by default.

    Returns:
        Exit code, see `run_program`.
    """
    return run_program(argument_parser(recipe, prog), partial(run, recipe), argv)


def run_program(parser: Parser, run: Callable[[argparse.Namespace], None], argv: Sequence[str] | None = None) -> int:
    """Runs a program that can be interrupted and resumed.

    Args:
        parser: Parser of its flags.
        run: The program, called with the parsed flags.
        argv: Command-line arguments, those of the process by default.

    Returns:
        Exit code: 0; 1 if the run failed; 2 if the flags, the images or the folder are invalid; 130 after Ctrl-C, 143
        after SIGTERM. One line on standard error says why.
    """
    exit_code, message = 0, ""
    try:
        with raise_on_signals(), show_log(parser.prog, logging.INFO):
            run(parser.parse_args(argv))
    except (ConnectionError, FloatingPointError) as error:
        exit_code, message = 1, f"error: {error}"
    except (OSError, ValueError) as error:
        exit_code, message = 2, f"error: {error}"
    except KeyboardInterrupt as interrupt:
        exit_code = exit_code_of(interrupt)
        message = "stopped; the same command resumes from the last checkpoint"
    if message:
        sys.stderr.write(f"{parser.prog}: {' '.join(message.split())}\n")  # Keras's messages have several lines.
    if exit_code and SEVERAL_HOSTS in os.environ:
        os._exit(exit_code)  # JAX would wait minutes for the other processes, then abort.
    return exit_code


def run(recipe: Callable[..., Recipe], flags: argparse.Namespace) -> None:
    """Reads the images and trains."""
    done = max(checkpoints(flags.output / "checkpoints"), default=0)
    if flags.teacher:
        choose_model(flags.teacher)  # Fails before the images are decoded.
    builder, built_with = "", {}
    if flags.start_from and isinstance(trained := load_model(flags.start_from), SuperResolutionModel):
        builder, built_with = trained.builder, trained.arguments
    given = built_with | vars(flags)
    options = {name: given[name] for name in inspect.signature(recipe).parameters if name in given}
    made = recipe(**options)
    if isinstance(made.build, partial) and made.build.func.__name__ == builder:
        size = {name: value for name, value in built_with.items() if name not in options}
        made = dataclasses.replace(made, build=partial(made.build, **size))
    changes: dict[str, Any] = {"degradation": Degradation()} if flags.degrade else {}
    changes |= {name: value for name in CHANGEABLE if (value := getattr(flags, name)) is not None}
    changed = dataclasses.replace(made, **changes)
    if done >= changed.steps and SEVERAL_HOSTS not in os.environ:  # Of several processes, all must reach `fit`.
        sys.stderr.write(f"{flags.output} has made its {done} steps; --steps asks for more\n")
        return
    if flags.start_from and not done:
        warm_start(changed.build(), flags.start_from)  # Fails before the images are decoded.
    cache = flags.cache or flags.output / "cache"
    with remove_folder_on_error(flags.output):
        training, validation = read_data(
            flags.data, changed.scale, changed.patch_size, cache, flags.validation, low_resolution=flags.low
        )
        if flags.teacher is not None:
            training = label_pairs(
                training,
                flags.teacher,
                changed.scale,
                self_ensemble=flags.self_ensemble,
                store=find_store(cache, flags.data),
                progress=progress_bar(),
            )
        fit(
            changed,
            training,
            flags.output,
            validation=validation,
            precision=flags.precision,
            seed=flags.seed,
            steps_per_epoch=flags.steps_per_epoch,
            start_from=flags.start_from,
            hours=flags.hours,
            distribute=flags.distribute,
        )


def argument_parser(recipe: Callable[..., Recipe], prog: str | None = None) -> Parser:
    """Makes the parser: the recipe's own arguments, then those of every run."""
    description = recipe.__globals__.get("__doc__") or inspect.getdoc(recipe)
    parser = Parser(
        prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    for name, parameter in inspect.signature(recipe).parameters.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(parameter.default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS)
        else:
            is_number = isinstance(parameter.default, int)
            kind = int if is_number else lambda text: None if text.lower() in ("none", "") else text
            default = f"default: {parameter.default or 'none'}, or what --from has"
            parser.add_argument(flag, type=kind, default=argparse.SUPPRESS, help=default)
    parser.add_argument("--data", type=Path, required=True, help="folder of images, or of pairs")
    parser.add_argument(
        "--validation", type=Path, help=f"the same to validate on; else every {HOLD_OUT_EVERY}th photograph of --data"
    )
    parser.add_argument(
        "--low", type=Path, metavar="FOLDER", help="low resolution of --data, where names and sizes do not tell it"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the run; an interrupted one goes on")
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="decode the images there, once for all runs (default: OUTPUT/cache)",
    )
    parser.add_argument("--steps", type=positive_integer, help="rounded up to whole --steps-per-epoch")
    parser.add_argument("--batch-size", type=positive_integer)
    parser.add_argument("--patch-size", type=positive_integer, help="side of the high-resolution patches")
    parser.add_argument("--optimizer", choices=sorted(OPTIMIZERS), help="muon learns at 1e-3 to 3e-3")
    parser.add_argument("--learning-rate", type=amount, help="the highest of the run")
    parser.add_argument(
        "--degrade", action="store_true", help="blur, noise and JPEG in the low-resolution patches, for real photos"
    )
    parser.add_argument("--precision", default="auto", choices=["auto", "float32", "mixed_bfloat16", "mixed_float16"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--steps-per-epoch", type=positive_integer, default=1000, help="steps between checkpoints and validations"
    )
    parser.add_argument(
        "--from",
        dest="start_from",
        metavar="MODEL",
        help="preset or .keras file of this network, of any scale, to start from",
    )
    parser.add_argument(
        "--teacher", metavar="MODEL", help="preset or .keras file whose output is learned in place of the originals"
    )
    parser.add_argument(
        "--self-ensemble", action="store_true", help="average the teacher over flips and quarter turns, 8 times slower"
    )
    parser.add_argument("--hours", type=amount, help="stop after this time; the same command goes on later")
    parser.add_argument("--distribute", action="store_true", help="use all devices of this host; see docs/scaling.md")
    return parser


def positive_integer(text: str) -> int:
    """Parses a positive integer."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer. Received: {text}")
    return number


def amount(text: str) -> float:
    """Parses a finite number that is not negative."""
    number = float(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number from 0 up. Received: {text}")
    return number


def read_data(
    data: Path,
    scale: int,
    patch_size: int,
    cache: Path,
    validation: Path | None = None,
    low_resolution: Path | None = None,
) -> tuple[ImagePairs, ImagePairs]:
    """Reads images to train on and to validate on; without a validation folder, some photographs are held out."""
    images = read_folder(data, cache, scale, smallest_side=patch_size, low_resolution=low_resolution)
    if validation is not None:
        return images, read_folder(validation, cache, scale, smallest_side=VALIDATED_SIDE * scale, part="valid")
    names, held_out = hold_out_photographs(images.names, max(HOLD_OUT_EVERY, math.ceil(len(images) / MOST_HELD_OUT)))
    if not names:
        raise ValueError(
            "`data` must hold at least two photographs, one of them to validate on, unless --validation is given; "
            "lake_1 and lake_2 count as parts of one. "
            f"Received: data={str(data)!r} with {len(images)} images of one photograph"
        )
    return dataclasses.replace(images.select(names), left_out=images.left_out), images.select(held_out)
