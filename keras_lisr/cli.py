"""The command `keras-lisr`: one function for each subcommand.

Arguments and files are checked before Keras is imported, which takes seconds. Modules that need it are therefore
imported where they are used.
"""

import argparse
import os
import runpy
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import keras_lisr
from keras_lisr.interruption import exit_code_of, raising_on_sigterm
from keras_lisr.preset_index import DEFAULT_PRESET, find_preset, presets


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        argv: Arguments, by default those of the process.

    Returns:
        Exit code: 0; 2 after an error, told in one line on standard error; 130 after Ctrl-C, 143 after SIGTERM; that of
        a training run.
    """
    try:
        arguments = make_parser().parse_args(argv)
        with raising_on_sigterm():
            return arguments.run(arguments) or 0
    except (ValueError, OSError) as error:
        print("keras-lisr: error:", " ".join(str(error).split()), file=sys.stderr)
        return 2
    except MemoryError as error:
        print("keras-lisr: error: out of memory;", " ".join(str(error).split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print("\nkeras-lisr: interrupted", file=sys.stderr)
        return exit_code_of(interrupt)


class Parser(argparse.ArgumentParser):
    """A parser that leaves it to `main` how errors are told."""

    def error(self, message: str) -> NoReturn:
        """Called by argparse with what is wrong."""
        raise ValueError(f"{message} (see `{self.prog} --help`)")


def make_parser() -> Parser:
    """Declares the subcommands and their arguments."""
    parser = Parser(prog="keras-lisr", description="Lightweight image super-resolution.")
    parser.add_argument("--version", action="version", version=f"keras-lisr {keras_lisr.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("upscale", help="upscale a picture")
    command.set_defaults(run=upscale)
    command.add_argument("picture", type=Path, metavar="IN", help="picture to upscale")
    command.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="file to write (default: IN_x4.png beside IN)"
    )
    command.add_argument(
        "-n", "--model", metavar="MODEL", help=f"preset, .npz preset file or .keras file (default: {DEFAULT_PRESET})"
    )
    command.add_argument("-s", "--scale", type=int, help="upscaling factor, which picks the preset")
    command.add_argument("-t", "--tile", type=int, help="side of a tile in pixels of IN (default: as memory allows)")
    command.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    command.add_argument("--compare", type=Path, metavar="FILE", help="also write the result beside bicubic's")

    command = commands.add_parser(
        "train", help="train a network by a recipe", usage="keras-lisr train RECIPE --data FOLDER --output RUN [...]"
    )
    command.set_defaults(run=train)
    command.add_argument("recipe", type=Path, metavar="RECIPE", help="file such as training/imdn.py")
    command.add_argument(
        "flags", nargs=argparse.REMAINDER, help="those of `python RECIPE`: see `keras-lisr train RECIPE --help`"
    )

    command = commands.add_parser("models", help="list the presets")
    command.set_defaults(run=list_models)
    return parser


def upscale(arguments: argparse.Namespace) -> None:
    """`keras-lisr upscale`: a picture in, a picture out."""
    from tqdm import tqdm

    from keras_lisr.inference.image_io import check_output_size, read_picture, write_picture

    model_name = choose_model(arguments.model, arguments.scale)
    if arguments.tile is not None and arguments.tile < 1:
        raise ValueError(f"`tile` must be a positive integer. Received: tile={arguments.tile}")
    picture = read_picture(arguments.picture)
    check_outputs(arguments.picture, arguments.output, arguments.compare)

    with silent_start():
        from keras_lisr.inference.upscaler import Upscaler

        upscaler = Upscaler(load_model(model_name), tile=arguments.tile, precision=arguments.precision)
    scale, (height, width, _) = upscaler.scale, picture.shape
    if arguments.scale not in (None, scale):
        raise ValueError(f"`scale` must be that of {model_name} ({scale}). Received: scale={arguments.scale}")
    output = arguments.output or arguments.picture.with_name(f"{arguments.picture.stem}_x{scale}.png")
    check_outputs(arguments.picture, output, arguments.compare)
    check_output_size(output, height * scale, width * scale)
    if not upscaler.exact and upscaler.count_tiles(height, width) > 1:
        print(
            "keras-lisr: note: this network pools over the whole picture; its tiles are blended and differ slightly "
            "from the picture computed at once",
            file=sys.stderr,
        )

    start = time.monotonic()
    with tqdm(total=upscaler.count_tiles(height, width), unit=" tiles", disable=None) as bar:  # None: on terminals.
        super_resolved = upscaler(picture, progress=lambda done, total: bar.update(done - bar.n))
    seconds = time.monotonic() - start
    write_picture(super_resolved, output)
    print(f"{output}: {width * scale} x {height * scale} pixels by {model_name} in {seconds:.1f} s")
    if arguments.compare:
        from keras_lisr.inference.comparison import side_by_side

        write_picture(side_by_side(picture, super_resolved, Path(model_name).name), arguments.compare)
        print(f"{arguments.compare}: beside bicubic")


def train(arguments: argparse.Namespace) -> int:
    """`keras-lisr train`: the same as `python RECIPE`."""
    recipe = arguments.recipe
    if not recipe.is_file() or recipe.suffix != ".py":
        raise ValueError(f"RECIPE must be a Python file such as training/imdn.py. Received: {str(recipe)!r}")
    with silent_start():
        from keras_lisr.training import main as train_by_recipe

    names = runpy.run_path(str(recipe), run_name="recipe")
    if not callable(names.get("recipe")):
        raise ValueError(f"RECIPE must define a function `recipe`. Received: {str(recipe)!r}, which does not")
    return train_by_recipe(names["recipe"], arguments.flags, prog=f"keras-lisr train {recipe}")


def list_models(arguments: argparse.Namespace) -> None:
    """`keras-lisr models`: a table of the presets."""
    known = presets()
    sets = list(dict.fromkeys(name for preset in known for name in preset.measured))
    rows = [["preset", "scale", "parameters", "multiply-accumulates", *(f"{name} (dB)" for name in sets)]]
    for preset in known:
        psnr = [f"{preset.measured[name][0]:.2f}" if name in preset.measured else "-" for name in sets]
        cost = f"{preset.multiply_accumulates / 1e9:.1f} G"
        rows.append([preset.name, f"x{preset.scale}", f"{preset.parameters:,}", cost, *psnr])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    print(
        "\nMultiply-accumulates for a result of 1280 x 720 pixels. PSNR: float luma (BT.601) of 8-bit RGB, as many "
        f"pixels shaved as the scale says, low resolution by MATLAB's bicubic. Default: {DEFAULT_PRESET}."
    )


def check_outputs(picture: Path, output: Path | None, comparison: Path | None) -> None:
    """Checks that the results can be written, and over nothing that is still needed.

    Raises:
        ValueError: If a suffix is unknown, or a result would replace the picture or the other result.
        OSError: If a file cannot be written where it is wanted.
    """
    from keras_lisr.inference.image_io import check_output

    for name, path in (("OUT", output), ("FILE", comparison)):
        if path:
            check_output(path)
            if path.exists() and path.samefile(picture):
                raise ValueError(f"{name} must be another file than IN. Received: {str(path)!r}")
    if output and comparison and output.resolve() == comparison.resolve():
        raise ValueError(f"FILE must be another file than OUT. Received: {str(comparison)!r}")


def choose_model(name: str | None, scale: int | None) -> str:
    """Checks, without Keras, what `-n` and `-s` ask for.

    Returns:
        Name of a preset, or the path that `name` is.

    Raises:
        ValueError: If there is no such preset, scale or file.
    """
    if name is None or not name.endswith((".keras", ".npz")):
        return find_preset(name, scale).name
    if not Path(name).is_file():
        raise ValueError(f"`model` must be an existing file. Received: model={name!r}")
    if not zipfile.is_zipfile(name):
        raise ValueError(f"`model` must be a .keras or .npz file. Received: model={name!r} (its content is another)")
    return name


def load_model(name: str):
    """The model of a preset, a `.npz` preset file or a `.keras` file."""
    if not name.endswith(".keras"):
        from keras_lisr.zoo.presets import from_preset

        return from_preset(name)
    import keras

    import keras_lisr.layers  # noqa: F401 Registers the layers that the file may hold.

    try:
        return keras.models.load_model(name, compile=False)
    except Exception as error:  # Whatever the file's layers and their configuration raise.
        raise ValueError(f"`model` must be a model that Keras can load. Received: model={name!r} ({error})") from error


@contextmanager
def silent_start() -> Iterator[None]:
    """Keeps the start of TensorFlow from writing to standard error.

    The environment silences its log from there on. What comes before the log is set up, about CUDA, heeds no setting,
    and is written by C++ to the file descriptor itself.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # Off by itself where there is no AVX-512.
    sys.stderr.flush()
    standard_error = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
