"""`keras-lisr upscale`: upscales pictures."""

import argparse
import re
from pathlib import Path

from keras_lisr.basics.engines import AUTO, ENGINES, PRECISIONS
from keras_lisr.basics.preset_index import DEFAULT_PRESET


def add_to(commands) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser("upscale", help="upscale pictures")
    command.set_defaults(run=run)
    command.add_argument("pictures", nargs="*", metavar="IN", help="pictures, folders of pictures, or their URLs")
    command.add_argument(
        "-o", "--output", metavar="OUT", help="file, folder or URL to write (default: IN_x4.png beside IN)"
    )
    command.add_argument(
        "-n",
        "--model",
        metavar="MODEL",
        help=f"preset, .keras or .npz file, or exported .tflite, .onnx or .xml file (default: {DEFAULT_PRESET})",
    )
    command.add_argument("-t", "--tile", type=int, help="side of a tile in pixels of IN (default: as memory allows)")
    command.add_argument("--engine", default=AUTO, choices=ENGINES, help="engine (default: the fastest)")
    command.add_argument(
        "--precision",
        default=AUTO,
        choices=PRECISIONS,
        help="int8 is fastest, 0.1 to 0.5 dB below (default: auto)",
    )

    size = command.add_argument_group("size of the result")
    size.add_argument("-s", "--scale", type=float, help="scale factor, such as 1.5; chooses the preset, too")
    size.add_argument("--width", type=int, metavar="PIXELS", help="exact width; the height follows unless given")
    size.add_argument("--height", type=int, metavar="PIXELS", help="exact height; the width follows unless given")
    size.add_argument("--max-megapixels", type=float, metavar="MP", help="largest result, in millions of pixels")

    folders = command.add_argument_group("folders")
    folders.add_argument(
        "-r", "--recursive", action="store_true", help="search folders within folders, and keep their tree"
    )
    folders.add_argument("--suffix", help="added to names (default: such as _x4 beside IN, nothing in a folder)")
    existing = folders.add_mutually_exclusive_group()
    existing.add_argument("--skip-existing", action="store_true", help="skip pictures with a result: resume a run")
    existing.add_argument("--overwrite", action="store_true", help="replace existing results")
    folders.add_argument("--dry-run", action="store_true", help="only print what would be written")
    log = "append a line for each picture and a summary to FILE; - is standard output"
    folders.add_argument("--json", type=Path, metavar="FILE", help=log)

    files = command.add_argument_group("files")
    files.add_argument("--ext", help="png, jpg, webp, tif, avif, gif, or auto: as IN (default: as OUT, or png)")
    files.add_argument("--quality", type=int, help="of JPEG, WebP and AVIF, 1 to 100 (default: 95)")
    files.add_argument("--strip-metadata", action="store_true", help="write no EXIF, XMP or resolution")
    files.add_argument("--compare", type=Path, metavar="FILE", help="also write the result beside that of bicubic")

    machines = command.add_argument_group(
        "many machines", "Every node must see the files under the same paths, or they are URLs (s3://, gs://, ...)."
    )
    machines.add_argument(
        "--ray", metavar="ADDRESS", help="use a Ray cluster: auto, local (this machine), host:port, ray://host:port"
    )
    machines.add_argument(
        "--workers", type=int, metavar="N", help="pictures at a time (default: one for 2 processors of a node)"
    )

    limits = command.add_argument_group("limits")
    limits.add_argument(
        "--memory", type=parse_memory, metavar="SIZE", help="approximate memory for tiles, such as 2GiB"
    )
    limits.add_argument("--max-pixels", type=int, metavar="PIXELS", help="largest picture to open")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    from keras_lisr.cli.upscale_pictures import make_request, upscale_pictures

    return upscale_pictures(make_request(arguments))


def parse_memory(text: str) -> int:
    """Reads an amount of memory, for argparse.

    Args:
        text: A number with a unit: 2GiB, 1.5G, 800 MB. Without a unit, bytes.

    Raises:
        argparse.ArgumentTypeError: If it is not such a number.

    Example:

    >>> parse_memory("1.5 KiB"), parse_memory("2GB")
    (1536, 2000000000)
    """
    found = re.fullmatch(r"(\d{1,15}(?:\.\d+)?)\s*(?:([kmgt])(i?))?b?", text.strip().lower())
    if not found:
        raise argparse.ArgumentTypeError(f"must be a size such as 2GiB or 800MB. Received: {text!r}")
    number, unit, binary = found.groups(default="")
    return int(float(number) * (1024 if binary else 1000) ** " kmgt".index(unit or " "))
