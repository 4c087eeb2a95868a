"""`keras-lisr upscale` with URLs, and on a cluster (`--ray`)."""

import argparse
from collections.abc import Generator
from contextlib import ExitStack, closing

from keras_lisr.batch import Job, Task, connect, run_jobs, run_on_ray
from keras_lisr.batch.cluster import check_address, check_ray
from keras_lisr.batch.shipped_model import ShippedModel
from keras_lisr.batch.storage import Url, find_existing, parse
from keras_lisr.batch.worker import SKIPPED
from keras_lisr.cli.silent_start import silent_start
from keras_lisr.cli.standard_streams import STREAM
from keras_lisr.cli.upscale_report import Report
from keras_lisr.cli.upscale_request import Request
from keras_lisr.tiling.upscaler import TiledUpscaler


def check_stored_options(arguments: argparse.Namespace) -> None:
    """Checks what can be told before anything is listed: above all that there is a cluster at that address.

    Raises:
        ValueError: If an option does not go with URLs or with a cluster, or Ray is not installed.
        OSError: If nothing answers at the cluster's address.
    """
    if arguments.workers is not None and (arguments.workers < 1 or not arguments.ray):
        raise ValueError(f"`workers` must be a positive integer beside --ray. Received: workers={arguments.workers}")
    given = [*arguments.input, *arguments.pictures, *([arguments.output] if arguments.output else [])]
    urls = [name for name in given if isinstance(parse(name), Url)]
    if not (urls or arguments.ray):
        return
    for name, value in (("compare", arguments.compare), ("dry_run", arguments.dry_run)):
        if value:
            raise ValueError(
                f"`{name}` must be absent where files are URLs or work is on a cluster. Received: "
                f"{urls[0] if urls else arguments.ray!r}"
            )
    if arguments.ray:
        if STREAM in given:
            raise ValueError(f"IN and OUT must be files that all nodes see. Received: - and ray={arguments.ray!r}")
        if own := [url for url in urls if url.startswith("memory://")]:
            raise ValueError(
                f"IN and OUT must be files that all nodes see; each has a memory of its own. Received: {own[0]}"
            )
        check_ray()
        check_address(arguments.ray)


def is_stored(jobs: list[Job]) -> bool:
    """Whether some files are not local."""
    return any(isinstance(file, Url) for job in jobs for file in (job.source, job.target))


def upscale_stored(request: Request, network: TiledUpscaler | None) -> int:
    """Does what is to be done.

    Returns:
        Exit code: 1 if a picture failed that was one of several, or found in a folder.

    Raises:
        ValueError: If the only picture failed, or the model cannot be loaded.
        OSError: If the cluster or a storage cannot be reached.
    """
    arguments, jobs, plan = request.arguments, request.jobs, request.plan
    there = find_existing(job.target for job in jobs) if arguments.skip_existing else set()
    left = [job for job in jobs if job.target not in there]
    with ExitStack() as stack:
        report = stack.enter_context(Report(request))
        for job in jobs:
            if job.target in there:
                report.tell(Task(job, SKIPPED))
        if left and arguments.ray:
            model = ShippedModel.of(request.model_name)
            with silent_start():  # A port that is another one of Ray's is told by C++, too.
                stack.enter_context(connect(arguments.ray))
            tasks = run_on_ray(left, model, plan, workers=arguments.workers)
            tell_all(tasks, report)
        elif left:
            with silent_start():
                network = network or plan.load(request.model_name)
            tell_all(run_jobs(left, plan.worker(network), report.progress), report)
        return report.end()


def tell_all(tasks: Generator[Task, None, None], report: Report) -> None:
    """Tells of pictures as they are done."""
    with closing(tasks):
        for task in tasks:
            report.tell(task)
