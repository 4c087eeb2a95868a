"""What `keras-lisr upscale` does once its arguments are read: here or on a cluster, for files or URLs."""

import math
from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from keras_lisr.basics.engines import AUTO, KERAS
from keras_lisr.basics.preset_index import Preset, presets
from keras_lisr.basics.silent_start import silent_start
from keras_lisr.batch import Job, Plan, ShippedModel, Task, Url, connect, find_jobs, run_jobs, run_on_ray
from keras_lisr.batch.engines import KERAS_PAYS, choose_engine
from keras_lisr.batch.jobs import Jobs, check_free
from keras_lisr.batch.ray_jobs import find_nodes
from keras_lisr.batch.storage import find_existing, kind_of, parse
from keras_lisr.batch.worker import SKIPPED
from keras_lisr.cli.comparison import write_comparison
from keras_lisr.cli.files import check_targets
from keras_lisr.cli.standard_streams import STREAM, streams_as_files
from keras_lisr.cli.start import start_keras
from keras_lisr.cli.upscale_report import Report
from keras_lisr.pictures import Size
from keras_lisr.pictures.formats import format_of
from keras_lisr.pictures.read import picture_size
from keras_lisr.tiling.upscaler import TiledUpscaler


@dataclass(frozen=True)
class Request:
    """Pictures to be upscaled.

    Args:
        inputs: Files and folders.
        output: File or folder for the results.
        model_name: The model's name: a preset or a file.
        plan: How they are upscaled.
        recursive: Whether folders within folders are searched, too.
        suffix: What is added to names; None for the model's scale, which is not known before it is loaded.
        ext: Format of the results, as for `find_jobs`.
        skips_existing: Whether results that are there are left alone.
        dry_run: Whether to say only what would be done.
        log: File to which a line for each picture is appended.
        comparison: File for the result beside bicubic's.
        cluster: Address of a Ray cluster.
        workers: How many pictures at a time there.
    """

    inputs: list[str]
    output: str | None
    model_name: str
    plan: Plan
    recursive: bool
    suffix: str | None
    ext: str | None
    skips_existing: bool
    dry_run: bool
    log: Path | None
    comparison: Path | None
    cluster: str | None
    workers: int | None

    @cached_property
    def network(self) -> TiledUpscaler:
        """What upscales with the model, loaded without a word of its engine when it is first asked for.

        Raises:
            ValueError: If the model cannot be loaded.
        """
        with start_keras() if self.plan.engine == KERAS else silent_start():
            return self.plan.load(self.model_name)

    @cached_property
    def preset(self) -> Preset | None:
        """The preset that is asked for, if one is."""
        return next((preset for preset in presets() if preset.name == self.model_name), None)

    def with_engine(self, jobs: Iterable[Job] = (), *, on_gpus: bool = False) -> "Request":
        """The same with an engine for all pictures, which does not change between them.

        Args:
            jobs: The pictures.
            on_gpus: Whether GPUs do the work.

        Raises:
            ValueError: If the model does not run on the one that is asked for.
        """
        plan, preset = self.plan, self.preset
        engine = KERAS if preset and on_gpus and plan.engine == AUTO else plan.engine
        work = estimate_work(jobs, preset, plan.size) if preset and engine == AUTO else 0
        with silent_start():  # GPUs are looked for.
            chosen = choose_engine(self.model_name, engine, plan.precision, work=work)
        return replace(self, plan=replace(plan, engine=chosen.name, precision=chosen.precision))


def upscale_pictures(request: Request) -> int:
    """Does what is asked for, or says what it would do.

    Returns:
        Exit code: 1 if a picture failed that was one of several, or found in a folder.

    Raises:
        ValueError: If something asked for cannot be done, or the only picture failed.
        OSError: If files, a storage or the cluster cannot be reached.
    """
    if request.preset is None:
        request = request.with_engine()
    suffix = f"_x{request.network.scale}" if request.suffix is None else request.suffix
    with streams_as_files(request.inputs, request.output, request.ext) as files:
        jobs = find_jobs(files.inputs, files.output, recursive=request.recursive, suffix=suffix, ext=files.ext)
        check_files(request, jobs)
        if request.preset and not request.cluster:
            request = request.with_engine(jobs)
        is_single = len(files.inputs) == 1 and kind_of(parse(files.inputs[0])) == "file"
        with Report(request.model_name, jobs, is_single, request.log, files.lines) as report:
            if request.dry_run:
                worker = request.plan.worker(request.network, skip_existing=request.skips_existing)
                report.tell_engine(request.network)
                for job in jobs:
                    report.tell(worker.examine(job))
                return report.end()
            upscale_all(request, jobs, report)
            code = report.end()
        comparison = request.comparison
        if comparison and request.skips_existing and comparison.exists():
            print(f"{comparison}: exists, skipped", file=files.lines)
        elif comparison and not code:
            scale = int(request.plan.size.scale or request.network.scale)
            write_comparison(jobs[0], comparison, scale, request.plan.max_pixels)
            print(f"{comparison}: beside bicubic", file=files.lines)
        return code


def upscale_all(request: Request, jobs: Jobs, report: Report) -> None:
    """Upscales pictures, on the cluster if there is one, and tells of each."""
    there = find_existing(job.target for job in jobs) if request.skips_existing else set()
    for job in jobs:
        if job.target in there:
            report.tell(Task(job, SKIPPED))
    left = [job for job in jobs if job.target not in there]
    if not left:
        return
    with ExitStack() as stack:
        if request.cluster:
            with silent_start():  # A port that is another one of Ray's is told by C++, too.
                stack.enter_context(connect(request.cluster))
            request = request.with_engine(left, on_gpus=any(node.get("GPU") for node in find_nodes()))
            engine, precision = request.plan.engine, request.plan.precision
            report.engine, report.precisions = engine, (precision, "float32" if precision == "bfloat16" else precision)
            model = ShippedModel.of(choose_engine(request.model_name, engine, precision).model)
            tasks = run_on_ray(left, model, request.plan, workers=request.workers)
        else:
            worker = request.plan.worker(request.network)
            report.tell_engine(request.network)
            tasks = run_jobs(left, worker, report.progress)
        for task in stack.enter_context(closing(tasks)):
            report.tell(task)


def estimate_work(jobs: Iterable[Job], preset: Preset, size: Size) -> float:
    """Multiply-accumulates that pictures take, as far as it matters for the choice of an engine.

    Args:
        jobs: The pictures. One in storage counts as one of a megapixel, one that cannot be read as nothing.
        preset: The network.
        size: Size of the results.
    """
    of_a_pixel = preset.multiply_accumulates * preset.scale**2 / (1280 * 720)
    work = 0.0
    for job in jobs:
        sides, frames = (1024, 1024), 1
        try:
            if not isinstance(job.source, Url):
                header = picture_size(job.source)
                sides, frames = (header.height, header.width), header.frames
            passes = size.passes(*sides, preset.scale)
        except (OSError, ValueError):  # When its turn comes, that is told.
            continue
        work += of_a_pixel * frames * sum(math.prod(sides) * preset.scale ** (2 * i) for i in range(passes))
        if work >= KERAS_PAYS:
            break
    return work


def check_files(request: Request, jobs: Jobs) -> None:
    """Checks that nothing would be written over what is read, or was there before.

    Raises:
        ValueError: If something would, or there is no comparison or dry run of such files.
        OSError: If a storage cannot be reached.
    """
    comparison, log, size = request.comparison, request.log, request.plan.size
    if comparison and (size != Size(size.scale) or (size.scale or 1) % 1):
        raise ValueError(f"`compare` must come with a whole `scale`, and no other size. Received: {size}")
    if comparison and len(jobs) > 1:
        raise ValueError(f"`compare` must come with a single picture. Received: {len(jobs)} pictures")
    files = [file for job in jobs for file in (job.source, job.target)]
    if (comparison or request.dry_run) and (urls := [file for file in files if isinstance(file, Url)]):
        raise ValueError(f"`compare` and `dry_run` must be absent where files are URLs. Received: {str(urls[0])!r}")
    if comparison:
        format_of(comparison)
    quality = request.plan.quality
    if quality is not None and not any(format_of(job.target).quality for job in jobs):
        raise ValueError(f"`quality` must be absent where no result is JPEG, WebP or AVIF. Received: quality={quality}")
    log = None if log == Path(STREAM) else log
    check_targets(comparison, log, inputs=files)
    if log and log.exists() and log.read_bytes()[:1] not in (b"", b"{"):  # A picture, named by mistake.
        raise ValueError(f"`json` must be a new file or a log. Received: json={str(log)!r}")
    if not (request.plan.replaces or request.skips_existing):
        check_free([*jobs, Job(jobs[0].source, comparison)] if comparison else jobs)
