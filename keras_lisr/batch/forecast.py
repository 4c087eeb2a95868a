"""What upscaling many pictures will take, from a short run on a piece of one of them."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_lisr.batch.jobs import Job
from keras_lisr.batch.worker import Task, Worker
from keras_lisr.pictures import Animation, Picture, PictureUpscaler
from keras_lisr.pictures.write import encode_picture

SAMPLE_SIDE = 128


@dataclass(frozen=True)
class Forecast:
    """What is to be expected.

    Args:
        tasks: Every job with its sizes, or why it will fail or be skipped.
        seconds: Time of all pictures together.
        disk: Bytes of all results together.
    """

    tasks: list[Task]
    seconds: float
    disk: float


def forecast(jobs: Iterable[Job], worker: Worker) -> Forecast:
    """Estimates what jobs will take; nothing is written.

    The headers of all pictures are read, and the middle of one of them is upscaled and encoded: time goes with the
    pixels that the network computes, disk with those of the result.

    Args:
        jobs: What is to be done.
        worker: What would do it.
    """
    tasks = [worker.examine(job) for job in jobs]
    left = [task for task in tasks if not task.status]
    if not left:
        return Forecast(tasks, 0.0, 0.0)
    sample = sample_of(left, worker)
    upscaler = PictureUpscaler(worker.upscaler.network, alpha=worker.upscaler.alpha)
    upscaler(sample)  # The first run compiles.
    start = time.monotonic()
    result = upscaler(sample)
    seconds = time.monotonic() - start
    height, width, channels = sample.pixels.shape
    seconds /= upscaler.count_pixels(height, width, channels, 8 * sample.pixels.itemsize)
    disk = {suffix: bytes_per_pixel(result, suffix) for suffix in {suffix_of(task) for task in left}}
    return Forecast(
        tasks,
        seconds=seconds * sum(pixels_to_compute(task, worker) for task in left),
        disk=sum(disk[suffix_of(task)] * pixels_of_result(task) for task in left),
    )


def sample_of(tasks: Sequence[Task], worker: Worker) -> Picture:
    """The middle of the first picture that can be read and is not large, or noise."""
    for task in tasks:
        if task.is_alone:
            continue
        try:
            picture = worker.load(task)
        except (ValueError, OSError):
            continue
        pixels = (picture.frames[0] if isinstance(picture, Animation) else picture).pixels
        top, left = (max(0, side - SAMPLE_SIDE) // 2 for side in pixels.shape[:2])
        return Picture(np.ascontiguousarray(pixels[top : top + SAMPLE_SIDE, left : left + SAMPLE_SIDE]))
    shape = (SAMPLE_SIDE, SAMPLE_SIDE, 3)
    return Picture(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def bytes_per_pixel(picture: Picture, suffix: str) -> float:
    """What a picture takes in a file of that format, for each of its pixels; what a format refuses takes nothing."""
    try:
        return len(encode_picture(picture, suffix)) / picture.pixels[..., 0].size
    except ValueError:
        return 0.0


def suffix_of(task: Task) -> str:
    """The ending that says a result's format."""
    return Path(task.job.target).suffix.lower()


def pixels_to_compute(task: Task, worker: Worker) -> int:
    """Pixels that the network computes for a picture in all its frames."""
    header = task.header
    assert header is not None
    return header.frames * worker.upscaler.count_pixels(header.height, header.width, header.channels, header.depth)


def pixels_of_picture(task: Task) -> int:
    """Pixels of a picture, in all frames."""
    assert task.header is not None
    return task.header.frames * task.header.height * task.header.width


def pixels_of_result(task: Task) -> int:
    """Pixels of a result, in all frames."""
    assert task.header is not None and task.target_size is not None
    return task.header.frames * task.target_size[0] * task.target_size[1]
