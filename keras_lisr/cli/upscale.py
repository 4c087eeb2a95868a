"""`keras-lisr upscale`: pictures in, larger pictures out."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from keras_lisr.basics.engines import AUTO, ENGINES, PRECISIONS
from keras_lisr.basics.preset_index import DEFAULT_PRESET, choose_model, find_preset, presets
from keras_lisr.cli.memory_size import parse_memory
from keras_lisr.cli.standard_streams import STREAM, goes_to_stdout

if TYPE_CHECKING:
    from keras_lisr.cli.upscale_pictures import Request


def add_to(commands) -> None:
    """Declares the command."""
    command = commands.add_parser("upscale", help="upscale pictures")
    command.set_defaults(run=run)
    command.add_argument(
        "pictures", nargs="*", metavar="IN", help="pictures, folders of some, or URLs; - is standard input"
    )
    command.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="file, folder or URL to write; - is standard output (default: IN_x4.png beside IN)",
    )
    command.add_argument(
        "-n",
        "--model",
        metavar="MODEL",
        help=f"preset, .keras or .npz file, or exported .tflite, .onnx or .xml file (default: {DEFAULT_PRESET})",
    )
    command.add_argument("-t", "--tile", type=int, help="side of a tile in pixels of IN (default: as memory allows)")
    command.add_argument("--engine", default=AUTO, choices=ENGINES, help="what computes (default: the fastest)")
    command.add_argument(
        "--precision",
        default=AUTO,
        choices=PRECISIONS,
        help="int8 is fastest, 0.1 to 0.5 dB below (default: auto)",
    )

    size = command.add_argument_group("size of the result")
    size.add_argument("-s", "--scale", type=float, help="how many times as large, which picks the preset; 1.5 will do")
    size.add_argument("--width", type=int, metavar="PIXELS", help="exact width; the height in proportion if not given")
    size.add_argument("--height", type=int, metavar="PIXELS", help="exact height; the width likewise")
    size.add_argument("--max-megapixels", type=float, metavar="MP", help="no more millions of pixels than these")

    folders = command.add_argument_group("folders")
    folders.add_argument("-r", "--recursive", action="store_true", help="search folders within, and keep their tree")
    folders.add_argument("--suffix", help="added to names, such as _x4 (default: _x4 beside IN, and none in a folder)")
    existing = folders.add_mutually_exclusive_group()
    existing.add_argument("--skip-existing", action="store_true", help="leave what is there: go on where a run ended")
    existing.add_argument("--overwrite", action="store_true", help="replace results that are there")
    folders.add_argument("--dry-run", action="store_true", help="only say what would be made of each picture")
    log = "append a line for each picture, and one for all; - is standard output"
    folders.add_argument("--json", type=Path, metavar="FILE", help=log)

    files = command.add_argument_group("files")
    files.add_argument("--ext", help="png, jpg, webp, tif, avif, or auto: as IN (default: as OUT's name says, or png)")
    files.add_argument("--quality", type=int, help="of JPEG, WebP and AVIF, 1 to 100 (default: 95)")
    files.add_argument("--strip-metadata", action="store_true", help="write no EXIF, XMP and resolution")
    files.add_argument("--compare", type=Path, metavar="FILE", help="also write the result beside bicubic's")

    machines = command.add_argument_group(
        "many machines", "Every node must see the files under the same paths, or they are URLs (s3://, gs://, ...)."
    )
    machines.add_argument(
        "--ray", metavar="ADDRESS", help="work on a Ray cluster: auto, local (this machine), host:port, ray://host:port"
    )
    machines.add_argument("--workers", type=int, metavar="N", help="how many (default: one for 2 processors of a node)")

    limits = command.add_argument_group("limits")
    limits.add_argument("--memory", type=parse_memory, metavar="SIZE", help="what tiles may take, such as 2GiB, about")
    limits.add_argument("--max-pixels", type=int, metavar="PIXELS", help="largest picture to open")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    from keras_lisr.cli.upscale_pictures import upscale_pictures

    return upscale_pictures(make_request(arguments))


def make_request(arguments: argparse.Namespace) -> "Request":
    """What the arguments ask for.

    Raises:
        ValueError: If there is no such model, or an option is out of its range or would change nothing.
    """
    from keras_lisr.batch import Plan
    from keras_lisr.cli.upscale_pictures import Request
    from keras_lisr.pictures import Size
    from keras_lisr.pictures.read import DEFAULT_MAX_PIXELS
    from keras_lisr.tiling.tiles import DEFAULT_MEMORY

    model_name, scale = choose(arguments.model, arguments.scale)
    if arguments.output == "":
        raise ValueError("OUT must be a file or a folder. Received: ''")
    if arguments.workers is not None and not arguments.ray:
        raise ValueError(f"`workers` must be absent without --ray. Received: workers={arguments.workers!r}")
    if arguments.json == Path(STREAM) and goes_to_stdout(arguments.pictures, arguments.output):
        raise ValueError("`json` must be a file where OUT is -, standard output. Received: json='-'")
    plan = Plan(
        tile=arguments.tile or None,  # 0 is automatic, as in Real-ESRGAN's command.
        engine=arguments.engine,
        precision=arguments.precision,
        size=Size(arguments.scale, arguments.width, arguments.height, arguments.max_megapixels),
        memory=arguments.memory or DEFAULT_MEMORY,
        max_pixels=arguments.max_pixels or DEFAULT_MAX_PIXELS,
        quality=arguments.quality,
        strip_metadata=arguments.strip_metadata,
        replaces=arguments.overwrite,
    )
    return Request(
        inputs=arguments.pictures,
        output=arguments.output,
        model_name=model_name,
        plan=plan,
        recursive=arguments.recursive,
        suffix=choose_suffix(arguments, scale),
        ext=arguments.ext,
        skips_existing=arguments.skip_existing,
        dry_run=arguments.dry_run,
        log=arguments.json,
        comparison=arguments.compare,
        cluster=arguments.ray,
        workers=arguments.workers,
    )


def choose(model: str | None, scale: float | None) -> tuple[str, int | None]:
    """The model's name, and its scale where that is known without loading it.

    A scale alone picks the preset of the nearest one that is not smaller, or of the largest.

    Raises:
        ValueError: If there is no such model.
    """
    scales = {preset.name: preset.scale for preset in presets()}
    if model is None and scale is not None:
        enough = [known for known in scales.values() if known >= scale]
        name = find_preset(scale=min(enough) if enough else max(scales.values())).name
    else:
        name = choose_model(model, exported=True)
    return name, scales.get(name)


def choose_suffix(arguments: argparse.Namespace, scale: int | None) -> str | None:
    """What is added to names; None if the model's scale is, and is not known yet."""
    if arguments.suffix is not None:
        return arguments.suffix
    if arguments.output is not None or goes_to_stdout(arguments.pictures, arguments.output):
        return ""
    if arguments.width or arguments.height or arguments.max_megapixels:
        return "_resized"
    scale = arguments.scale or scale
    return f"_x{scale:g}" if scale else None
