"""`keras-lisr upscale`: a picture in, a picture out."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from keras_lisr.cli.silent_start import silent_start
from keras_lisr.preset_index import DEFAULT_PRESET, LITERT, choose_model


def add_to(commands) -> None:
    """Declares the command."""
    command = commands.add_parser("upscale", help="upscale a picture")
    command.set_defaults(run=upscale)
    command.add_argument("picture", type=Path, metavar="IN", help="picture to upscale")
    command.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="file to write (default: IN_x4.png beside IN)"
    )
    command.add_argument(
        "-n",
        "--model",
        metavar="MODEL",
        help=f"preset, .npz preset file, .keras file or exported .tflite file (default: {DEFAULT_PRESET})",
    )
    command.add_argument("-s", "--scale", type=int, help="upscaling factor, which picks the preset")
    command.add_argument("-t", "--tile", type=int, help="side of a tile in pixels of IN (default: as memory allows)")
    command.add_argument("--precision", choices=("auto", "float32", "bfloat16"), help="not for .tflite (default: auto)")
    command.add_argument("--compare", type=Path, metavar="FILE", help="also write the result beside bicubic's")


def upscale(arguments: argparse.Namespace) -> None:
    """Runs the command."""
    from tqdm import tqdm

    from keras_lisr.inference.image_io import check_output_size, read_picture, write_picture

    model_name = choose_model(arguments.model, arguments.scale, exported=True)
    if arguments.tile is not None and arguments.tile < 1:
        raise ValueError(f"`tile` must be a positive integer. Received: tile={arguments.tile}")
    if model_name.endswith(LITERT) and arguments.precision:
        raise ValueError(
            "`precision` must be absent for a .tflite file, which has its own. "
            f"Received: precision={arguments.precision!r}"
        )
    picture = read_picture(arguments.picture)
    check_outputs(arguments.picture, arguments.output, arguments.compare)

    with silent_start():
        upscaler = load_upscaler(model_name, arguments)
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

    if model_name.endswith(LITERT) and upscaler.fills_up(height, width):
        print(
            "keras-lisr: note: the picture is smaller than the one size of this file and was filled up; its result is "
            "an approximation, at the right and lower edge above all",
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


def load_upscaler(model_name: str, arguments: argparse.Namespace) -> Any:
    """What upscales with the model: without Keras if it is exported.

    Raises:
        ValueError: If the model cannot be loaded, or what it needs is not installed.
    """
    if model_name.endswith(LITERT):
        from keras_lisr.runtime import LiteRTUpscaler

        return LiteRTUpscaler(model_name, tile=arguments.tile)
    try:
        from keras_lisr.inference.upscaler import Upscaler
        from keras_lisr.zoo import load_model
    except ModuleNotFoundError as error:
        raise ValueError(
            f"Keras and its backend must be installed for this model, or an exported .tflite file be given by -n. "
            f"Received: model={model_name!r} ({error})"
        ) from error
    return Upscaler(load_model(model_name), tile=arguments.tile, precision=arguments.precision or "auto")


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
