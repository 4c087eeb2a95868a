"""Carries out `keras-lisr upscale` once its arguments are parsed: here or on a cluster, for files or URLs."""

import argparse
import math
from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import cached_property

from keras_lisr.basics.engines import AUTO, KERAS
from keras_lisr.basics.preset_index import Preset, choose_model, find_preset, presets
from keras_lisr.basics.silent_start import silent_start
from keras_lisr.batch import Job, Plan, Task, Url, Worker, connect, find_jobs, run_jobs, run_on_ray
from keras_lisr.batch.engines import KERAS_PAYS, choose_engine
from keras_lisr.batch.jobs import Jobs, check_free
from keras_lisr.batch.ray_jobs import find_nodes
from keras_lisr.batch.storage import find_existing, kind_of, parse
from keras_lisr.batch.worker import SKIPPED
from keras_lisr.cli.comparison import write_comparison
from keras_lisr.cli.files import check_targets
from keras_lisr.cli.start import start_keras
from keras_lisr.cli.upscale_report import STREAM, Report
from keras_lisr.pictures import Size
from keras_lisr.pictures.formats import format_of
from keras_lisr.pictures.read import DEFAULT_MAX_PIXELS, picture_size
from keras_lisr.tiling.tiles import DEFAULT_MEMORY
from keras_lisr.tiling.upscaler import TiledUpscaler


@dataclass(frozen=True)
class Request:
    """Arguments of the command, with the model and the plan that they ask for.

    Args:
        arguments: Parsed arguments.
        model_name: Name of a preset or path of a file.
        plan: Options for the pictures.
    """

    arguments: argparse.Namespace
    model_name: str
    plan: Plan

    @cached_property
    def preset(self) -> Preset | None:
        """Preset of that name, if there is one."""
        return next((preset for preset in presets() if preset.name == self.model_name), None)

    @cached_property
    def network(self) -> TiledUpscaler:
        """Network, loaded at first use. Its engine prints nothing."""
        with start_keras() if self.plan.engine == KERAS else silent_start():
            return self.plan.load(self.model_name)

    @property
    def suffix(self) -> str:
        """Text that is added to names. By default, it says the scale of results that lie beside their sources."""
        arguments = self.arguments
        if arguments.suffix is not None:
            return arguments.suffix
        if arguments.output is not None:
            return ""
        if arguments.width or arguments.height or arguments.max_megapixels:
            return "_resized"
        return f"_x{arguments.scale or (self.preset or self.network).scale:g}"

    def with_engine(self, jobs: Iterable[Job] = (), *, on_gpus: bool = False) -> "Request":
        """Chooses one engine for all pictures, or for GPUs of a cluster."""
        plan, preset = self.plan, self.preset
        engine = KERAS if preset and on_gpus and plan.engine == AUTO else plan.engine
        work = estimate_work(jobs, preset, plan.size) if preset and engine == AUTO else 0
        with silent_start():  # It may look for GPUs.
            chosen = choose_engine(self.model_name, engine, plan.precision, work=work)
        return replace(self, plan=replace(plan, engine=chosen.name, precision=chosen.precision))


def make_request(arguments: argparse.Namespace) -> Request:
    """Makes a request of the arguments. A scale without a model chooses the preset of the next larger scale.

    Raises:
        ValueError: If the model does not exist, or an option is out of range or has no effect.
    """
    if arguments.output == "":
        raise ValueError("OUT must be a file or a folder. Received: ''")
    if arguments.workers is not None and not arguments.ray:
        raise ValueError(f"`workers` must be absent without --ray. Received: workers={arguments.workers!r}")
    if arguments.model is None and arguments.scale is not None:
        scales = sorted({preset.scale for preset in presets()})
        name = find_preset(scale=next((scale for scale in scales if scale >= arguments.scale), scales[-1])).name
    else:
        name = choose_model(arguments.model, exported=True)
    plan = Plan(
        tile=arguments.tile or None,  # 0 is automatic, as in Real-ESRGAN's command.
        engine=arguments.engine,
        precision=arguments.precision,
        size=Size(arguments.scale, arguments.width, arguments.height, arguments.max_megapixels),
        memory=arguments.memory or DEFAULT_MEMORY,
        max_pixels=arguments.max_pixels or DEFAULT_MAX_PIXELS,
        quality=arguments.quality,
        strip_metadata=arguments.strip_metadata,
        overwrite=arguments.overwrite,
    )
    return Request(arguments, name, plan)


def upscale_pictures(request: Request) -> int:
    """Upscales the pictures, or prints what would be written.

    Returns:
        Exit code: 1 if a picture failed that was one of several or found in a folder.

    Raises:
        ValueError: If an option cannot be met, or the only picture failed.
        OSError: If files, a storage or the cluster cannot be reached.
    """
    arguments = request.arguments
    if request.preset is None:
        request = request.with_engine()
    jobs = find_jobs(
        arguments.pictures,
        arguments.output,
        recursive=arguments.recursive,
        suffix=request.suffix,
        ext=arguments.ext,
    )
    check_files(request, jobs)
    if request.preset and not arguments.ray:
        request = request.with_engine(jobs)
    is_single = len(arguments.pictures) == 1 and kind_of(parse(arguments.pictures[0])) == "file"
    with Report(request.model_name, jobs, is_single, arguments.json) as report:
        if arguments.dry_run:
            worker = Worker(request.network, request.plan)
            report.set_engine(request.network)
            for job in jobs:
                report.add(worker.examine(job))
        else:
            upscale_all(request, jobs, report)
        code = report.end()
        if arguments.compare and not arguments.dry_run:
            if arguments.skip_existing and arguments.compare.exists():
                report.print(f"{arguments.compare}: exists, skipped")
            elif not code:
                scale = int(arguments.scale or request.network.scale)
                write_comparison(jobs[0], arguments.compare, scale, request.plan.max_pixels)
                report.print(f"{arguments.compare}: beside bicubic")
    return code


def upscale_all(request: Request, jobs: Jobs, report: Report) -> None:
    """Upscales pictures, on the cluster if there is one, and reports each."""
    arguments = request.arguments
    existing = find_existing(job.target for job in jobs) if arguments.skip_existing else set()
    for job in jobs:
        if job.target in existing:
            report.add(Task(job, SKIPPED))
    left = [job for job in jobs if job.target not in existing]
    if not left:
        return
    with ExitStack() as stack:
        if arguments.ray:
            with silent_start():  # If the port is another one of Ray's, C++ prints errors.
                stack.enter_context(connect(arguments.ray))
            request = request.with_engine(left, on_gpus=any(node.get("GPU") for node in find_nodes()))
            engine, precision = request.plan.engine, request.plan.precision
            report.engine, report.precisions = engine, (precision, "float32" if precision == "bfloat16" else precision)
            model = choose_engine(request.model_name, engine, precision).model
            tasks = run_on_ray(left, model, request.plan, workers=arguments.workers)
        else:
            report.set_engine(request.network)
            tasks = run_jobs(left, Worker(request.network, request.plan), report.show_progress)
        for task in stack.enter_context(closing(tasks)):
            report.add(task)


def estimate_work(jobs: Iterable[Job], preset: Preset, size: Size) -> float:
    """Estimates the multiply-accumulates of pictures, up to those that decide the choice of an engine.

    A picture in storage counts as a megapixel, one that cannot be read as nothing.
    """
    of_a_pixel = preset.multiply_accumulates * preset.scale**2 / (1280 * 720)
    work = 0.0
    for job in jobs:
        try:
            header = None if isinstance(job.source, Url) else picture_size(job.source)
            sides, frames = (header[:2], header.frames) if header else ((1024, 1024), 1)
            passes = size.passes(*sides, preset.scale)
        except (OSError, ValueError):  # It is reported at its turn.
            continue
        work += of_a_pixel * frames * sum(math.prod(sides) * preset.scale ** (2 * i) for i in range(passes))
        if work >= KERAS_PAYS:
            break
    return work


def check_files(request: Request, jobs: Jobs) -> None:
    """Raises a ValueError if a source or an existing file would be overwritten, or an option does not suit them."""
    arguments, quality = request.arguments, request.plan.quality
    comparison, log, size = arguments.compare, arguments.json, request.plan.size
    files = [file for job in jobs for file in (job.source, job.target)]
    if (comparison or arguments.dry_run) and (urls := [file for file in files if isinstance(file, Url)]):
        raise ValueError(f"`compare` and `dry_run` must be absent where files are URLs. Received: {str(urls[0])!r}")
    if comparison:
        if size != Size(size.scale) or (size.scale or 1) % 1:
            raise ValueError(f"`compare` must come with a whole `scale`, and no other size. Received: {size}")
        if len(jobs) > 1:
            raise ValueError(f"`compare` must come with a single picture. Received: {len(jobs)} pictures")
        format_of(comparison)
    if quality is not None and not any(format_of(job.target).quality for job in jobs):
        raise ValueError(f"`quality` must be absent where no result is JPEG, WebP or AVIF. Received: quality={quality}")
    log = None if log == STREAM else log
    check_targets(comparison, log, inputs=files)
    if log and log.exists() and log.read_bytes()[:1] not in (b"", b"{"):  # A picture, given by mistake.
        raise ValueError(f"`json` must be a new file or a log. Received: json={str(log)!r}")
    if not (request.plan.overwrite or arguments.skip_existing):
        check_free([*jobs, Job(jobs[0].source, comparison)] if comparison else jobs)
