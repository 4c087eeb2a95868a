"""`keras-lisr upscale`: pictures in, larger pictures out."""

import argparse
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from keras_lisr.basics.preset_index import DEFAULT_PRESET, LITERT, choose_model, find_preset, presets
from keras_lisr.cli.files import check_targets
from keras_lisr.cli.memory_size import parse_memory
from keras_lisr.cli.silent_start import silent_start
from keras_lisr.cli.standard_streams import STREAM, Files, streams_as_files
from keras_lisr.cli.upscale_request import Request

if TYPE_CHECKING:
    from keras_lisr.batch import Job, Plan
    from keras_lisr.batch.jobs import Source
    from keras_lisr.tiling.upscaler import TiledUpscaler


def add_to(commands) -> None:
    """Declares the command."""
    command = commands.add_parser("upscale", help="upscale pictures")
    command.set_defaults(run=upscale)
    command.add_argument(
        "pictures", nargs="*", metavar="IN", help="pictures, folders of some, or URLs; - is standard input"
    )
    command.add_argument("-i", "--input", nargs="+", action="extend", default=[], metavar="IN", help="the same")
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
        help=f"preset, .npz preset file, .keras file or exported .tflite file (default: {DEFAULT_PRESET})",
    )
    command.add_argument("-t", "--tile", type=int, help="side of a tile in pixels of IN (default: as memory allows)")
    command.add_argument("--precision", choices=("auto", "float32", "bfloat16"), help="not for .tflite (default: auto)")

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
    folders.add_argument("--dry-run", action="store_true", help="only say what it would take")
    log = "append a line for each picture, and one for all; - is standard output"
    folders.add_argument("--json", type=Path, metavar="FILE", help=log)

    files = command.add_argument_group("files")
    files.add_argument("--ext", help="png, jpg, webp, tif, avif, or auto: as IN (default: as OUT's name says, or png)")
    files.add_argument("--quality", type=int, help="of JPEG, WebP and AVIF, 1 to 100 (default: 95)")
    files.add_argument("--alpha", choices=("network", "bicubic"), default="network", help="what enlarges transparency")
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


def upscale(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    from keras_lisr.batch.jobs import find_sources
    from keras_lisr.cli.upscale_stored import check_stored_options, is_stored, upscale_stored
    from keras_lisr.pictures.read import picture_size

    model_name, scale = choose(arguments)
    check_options(arguments, model_name)
    check_stored_options(arguments)
    plan = plan_of(arguments)
    network = None
    inputs = [*arguments.input, *arguments.pictures]
    with streams_as_files(inputs, arguments.output, arguments.ext, arguments.max_pixels) as files:
        sources = find_sources(files.inputs, files.output, recursive=arguments.recursive)
        tells_more = arguments.json or arguments.skip_existing
        is_single = len(sources) == 1 and not sources[0].found
        if is_single and isinstance(sources[0].path, Path) and not tells_more:
            picture_size(sources[0].path)  # What is no picture is told before Keras starts.
        suffix = choose_suffix(arguments, files, scale)
        if suffix is None:
            network = load(model_name, plan)
            suffix = f"_x{network.scale}"
        jobs = name_results(sources, files, arguments, suffix)
        files = check_log(arguments.json, jobs, arguments.compare, files)
        request = Request(arguments, jobs, plan, model_name, files, is_single)
        if arguments.ray or is_stored(jobs):
            return upscale_stored(request, network)
        return upscale_all(request, network or load(model_name, plan))


def upscale_all(request: Request, network: "TiledUpscaler") -> int:
    """Does what is to be done, or says what it would take.

    Returns:
        Exit code: 1 if a picture failed that was one of several, or found in a folder.

    Raises:
        ValueError: If the only picture failed.
    """
    from keras_lisr.batch import run_jobs
    from keras_lisr.batch.forecast import forecast
    from keras_lisr.cli.comparison import write_comparison
    from keras_lisr.cli.upscale_report import Report, tell_forecast

    arguments, jobs, plan = request.arguments, request.jobs, request.plan
    worker = plan.worker(network, skip_existing=arguments.skip_existing)
    if arguments.dry_run:
        return tell_forecast(forecast(jobs, worker), request.files.lines)
    with Report(request) as report:
        with closing(run_jobs(jobs, worker, report.progress)) as tasks:
            for task in tasks:
                report.tell(task)
        code = report.end()
    if arguments.compare:
        write_comparison(jobs[0], arguments.compare, Path(request.model_name).name, plan.max_pixels)
        print(f"{arguments.compare}: beside bicubic", file=request.files.lines)
    return code


def plan_of(arguments: argparse.Namespace) -> "Plan":
    """How the arguments say that pictures are to be upscaled.

    Raises:
        ValueError: If the size of the result is out of its range.
    """
    from keras_lisr.batch import Plan
    from keras_lisr.pictures import Size
    from keras_lisr.pictures.read import DEFAULT_MAX_PIXELS

    return Plan(
        tile=arguments.tile,
        precision=arguments.precision or "auto",
        size=Size(arguments.scale, arguments.width, arguments.height, arguments.max_megapixels),
        alpha=arguments.alpha,
        memory=arguments.memory,
        max_pixels=arguments.max_pixels or DEFAULT_MAX_PIXELS,
        quality=arguments.quality,
        strip_metadata=arguments.strip_metadata,
        replaces=arguments.overwrite,
    )


def load(model_name: str, plan: "Plan") -> "TiledUpscaler":
    """What upscales with the model, loaded without a word of TensorFlow.

    Raises:
        ValueError: If the model cannot be loaded, or what it needs is not installed.
    """
    with silent_start():
        return plan.load(model_name)


def choose(arguments: argparse.Namespace) -> tuple[str, int | None]:
    """The model's name, and its scale where that is known without loading it.

    A scale alone picks the preset of the nearest one that is not smaller, or of the largest.

    Raises:
        ValueError: If there is no such model.
    """
    scales = {preset.name: preset.scale for preset in presets()}
    if arguments.model is None and arguments.scale is not None:
        enough = [scale for scale in scales.values() if scale >= arguments.scale]
        name = find_preset(scale=min(enough) if enough else max(scales.values())).name
    else:
        name = choose_model(arguments.model, exported=True)
    return name, scales.get(name)


def check_options(arguments: argparse.Namespace, model_name: str) -> None:
    """Checks what can be told from the arguments alone.

    Raises:
        ValueError: If an option is out of its range, or does not go with another.
    """
    arguments.tile = arguments.tile or None  # 0 is automatic, as in Real-ESRGAN's command.
    if arguments.output == "":
        raise ValueError("OUT must be a file or a folder. Received: ''")
    for name in ("tile", "max_pixels"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value}")
    if arguments.quality is not None and not 1 <= arguments.quality <= 100:
        raise ValueError(f"`quality` must be from 1 to 100. Received: quality={arguments.quality}")
    if model_name.endswith(LITERT) and arguments.precision:
        raise ValueError(
            "`precision` must be absent for a .tflite file, which has its own. "
            f"Received: precision={arguments.precision!r}"
        )
    if arguments.compare and (is_resized(arguments) or (arguments.scale or 1) % 1):
        raise ValueError(
            "`compare` must come with a whole `scale`, and with no other size of the result. "
            f"Received: scale={arguments.scale}, width={arguments.width}, height={arguments.height}, "
            f"max_megapixels={arguments.max_megapixels}"
        )
    if arguments.json and arguments.dry_run:
        raise ValueError(f"`json` must be absent in a dry run. Received: json={str(arguments.json)!r}")
    if arguments.json and str(arguments.json) == STREAM:
        return
    check_targets(arguments.json)
    if arguments.json and arguments.json.exists():
        with arguments.json.open("rb") as file:
            if file.read(1) not in (b"", b"{"):  # A picture, named by mistake, would be spoilt.
                raise ValueError(f"`json` must be a new file or a log. Received: json={str(arguments.json)!r}")


def check_log(log: Path | None, jobs: "list[Job]", comparison: Path | None, files: Files) -> Files:
    """Checks that no picture is written over the log, and none that is read gets lines behind it.

    Returns:
        The files; where the log is standard output, what was done is told on standard error.

    Raises:
        ValueError: If one would.
    """
    from keras_lisr.batch.jobs import identity

    if log and str(log) == STREAM:
        if files.output in files.names:
            raise ValueError("`json` must be a file where OUT is -, standard output. Received: json='-'")
        return files._replace(lines=sys.stderr)
    pictures = [path for job in jobs for path in (job.source, job.target)] + ([comparison] if comparison else [])
    if log and identity(log) in map(identity, pictures):
        raise ValueError(f"`json` must be another file than IN, OUT and that of `compare`. Received: json={str(log)!r}")
    return files


def is_resized(arguments: argparse.Namespace) -> bool:
    """Whether the size of the results is asked for otherwise than by a scale."""
    return any(value is not None for value in (arguments.width, arguments.height, arguments.max_megapixels))


def choose_suffix(arguments: argparse.Namespace, files: Files, scale: int | None) -> str | None:
    """What is added to names; None if the model's scale is, and is not known yet."""
    if arguments.suffix is not None:
        return arguments.suffix
    if files.output is not None:
        return ""
    if is_resized(arguments):
        return "_resized"
    scale = arguments.scale or scale
    return f"_x{scale:g}" if scale else None


def name_results(sources: "list[Source]", files: Files, arguments: argparse.Namespace, suffix: str) -> "list[Job]":
    """What is to be done, checked against what is there.

    Raises:
        ValueError: If a result cannot have its name, or would replace what is there.
        OSError: If the results cannot be written where they are wanted.
    """
    from keras_lisr.batch.jobs import check_free, name_targets
    from keras_lisr.cli.comparison import check_comparison
    from keras_lisr.pictures.formats import format_of

    jobs = name_targets(sources, files.inputs, files.output, suffix=suffix, ext=files.ext)
    if not (arguments.overwrite or arguments.skip_existing):
        check_free(jobs)
    if arguments.quality and not any(format_of(job.target).quality for job in jobs):
        names = ", ".join(sorted({Path(job.target).suffix for job in jobs}))
        raise ValueError(
            f"`quality` must be absent where no result is JPEG, WebP or AVIF. "
            f"Received: quality={arguments.quality}, for {names}"
        )
    if arguments.compare:
        check_comparison(arguments.compare, jobs, arguments.overwrite)
    return jobs
