"""`keras-lisr train`: runs a training recipe, as `python RECIPE` does."""

import argparse
import runpy
from pathlib import Path

from keras_lisr.cli.start import start_keras


def add_to(commands) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "train", help="train a network by a recipe", usage="keras-lisr train RECIPE --data FOLDER --output RUN [...]"
    )
    command.set_defaults(run=run)
    command.add_argument("recipe", type=Path, metavar="RECIPE", help="file such as training/imdn.py")
    command.add_argument(
        "flags", nargs=argparse.REMAINDER, help="those of `python RECIPE`: see `keras-lisr train RECIPE --help`"
    )


def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    recipe = arguments.recipe
    if not recipe.is_file() or recipe.suffix != ".py":
        raise ValueError(f"RECIPE must be a Python file such as training/imdn.py. Received: {str(recipe)!r}")
    with start_keras():
        from keras_lisr.training import main as train_by_recipe

    names = runpy.run_path(str(recipe), run_name="recipe")
    if not callable(names.get("recipe")):
        raise ValueError(f"RECIPE must define a function `recipe`. Received: {str(recipe)!r}, which does not")
    return train_by_recipe(names["recipe"], arguments.flags, prog=f"keras-lisr train {recipe}")
