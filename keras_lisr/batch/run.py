"""Upscales pictures on this machine: while one is computed, the next is read and the last is written."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from keras_lisr.batch.jobs import Job
from keras_lisr.batch.worker import FOLDER, Task, Worker


def run_jobs(
    jobs: Iterable[Job], worker: Worker, progress: Callable[[Job, int, int], Any] | None = None
) -> Generator[Task, None, None]:
    """Upscales pictures, one after the other.

    At most three are in memory: one is read, one computed and one written. A large picture has the memory for itself. A
    picture that fails does not stop the others.

    If the iterator is closed or Ctrl-C interrupts it, the picture that is being computed is discarded, and the one that
    is being written is finished and yielded first: there is never half a file.

    Args:
        jobs: Pictures to upscale.
        worker: Does one job.
        progress: Called with the current job, the number of its finished tiles and the number of all its tiles.

    Yields:
        The outcome of each job, in their order.

    Example:
        worker = Worker(Upscaler(from_preset("imdn_x4")))
        for task in run_jobs(find_jobs(["photos"], "large", recursive=True), worker):
            print(task.job.target, task.status, task.error)
    """
    with (
        TemporaryDirectory(prefix=FOLDER, ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(1, "reader") as reader,
        ThreadPoolExecutor(1, "writer") as writer,
    ):
        reading: Iterator[Future[Task]] = (reader.submit(worker.read, job, Path(folder)) for job in jobs)
        writing: Future[Task] | None = None
        upcoming = next(reading, None)
        try:
            while upcoming:
                task = upcoming.result()
                upcoming = None if task.is_alone else next(reading, None)
                if task.is_alone and writing:
                    yield writing.result()
                    writing = None
                worker.compute(task, progress)
                upcoming = upcoming or next(reading, None)
                if writing:
                    yield writing.result()
                writing = writer.submit(worker.write, task)
        except KeyboardInterrupt:
            if writing:
                yield writing.result()
            raise
        if writing:
            yield writing.result()
