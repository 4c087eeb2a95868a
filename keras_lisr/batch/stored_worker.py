"""What is done to a picture that lies elsewhere: fetched, read, upscaled, written, put."""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_lisr.batch.jobs import Job, check_target
from keras_lisr.batch.storage import Url, existing, fetch, put, remove_leftovers
from keras_lisr.batch.worker import SKIPPED, WRITTEN, Task, Worker
from keras_lisr.pictures import PictureUpscaler


@dataclass(frozen=True)
class Copies(Job):
    """The local files that stand for those of a job.

    Args:
        of: The job.
    """

    of: Job


class StoredWorker(Worker):
    """Upscales pictures of which source and target may be URLs; the steps are those of a `Worker`.

    A source is copied into a local folder, unless it is local itself, and so is the result before it is put where it
    belongs: as a whole or not at all.

    Args:
        upscaler: As for `Worker`.
        folder: Where the copies lie, each until its picture is done. Other processes must not use it.
        replaces: Whether results may replace what was there before the run.
        run: Name of the run, which other workers share that do again what this one leaves when it is killed.
        options: As for `Worker`.

    Example:
        with TemporaryDirectory() as folder:
            worker = StoredWorker(PictureUpscaler(Upscaler(from_preset("imdn_x4"))), Path(folder), quality=90)
            task = worker(Job(Url("s3://bucket/photo.jpg"), Url("s3://bucket/large.jpg")))
    """

    def __init__(
        self, upscaler: PictureUpscaler, folder: Path, *, replaces: bool = False, run: str = "", **options: Any
    ):
        super().__init__(upscaler, **options)
        self.folder = folder
        self.replaces = replaces
        self.run = run
        self.redoing = False  # Whether what comes was begun by a worker that was killed, and perhaps finished.

    def read(self, job: Job) -> Task:
        """The first step: fetches the picture and reads it, unless it is to be alone."""
        task = Task(job)
        with task.step():
            if self.skip_existing and existing([job.target]):
                task.status = SKIPPED
                return task
            copies = self._copies(job)
            try:
                return self._read(copies)
            except BaseException:
                self._remove(copies)
                raise
        return task

    def _read(self, copies: Copies) -> Task:
        """Fetches a picture and reads it, unless another worker finished it."""
        job = copies.of
        if self.redoing:
            remove_leftovers(job.target, mark_of(self.run, job))
        if isinstance(job.source, Url):
            fetch(job.source, Path(copies.source))
        # It was not there when the run began, so it is this picture's result; and what is there is whole.
        if not (self.redoing and not self.replaces and existing([job.target])):
            return super().read(copies)
        task = self.examine(copies)
        if task.status:
            return task
        task.status = WRITTEN
        return self._told(task)

    def compute(self, task: Task, progress: Callable[[Job, int, int], Any] | None = None) -> None:
        """The second step, as a `Worker`'s; progress is told of the job itself."""

        def tell(job: Job, done: int, total: int) -> None:
            if progress:
                progress(job.of if isinstance(job, Copies) else job, done, total)

        super().compute(task, tell)

    def write(self, task: Task) -> Task:
        """The last step: writes the result and puts it where it belongs."""
        if not isinstance(task.job, Copies):
            return task
        super().write(task)
        with task.step():
            if task.status == WRITTEN:
                put(Path(task.job.target), task.job.of.target, mark_of(self.run, task.job.of))
        return self._told(task)

    def _copies(self, job: Job) -> Copies:
        """Where the copies of a job's files are to lie."""
        if isinstance(job.target, Path):
            job.target.parent.mkdir(parents=True, exist_ok=True)
            check_target(job.target)
        name = uuid.uuid4().hex
        source = self.folder / name if isinstance(job.source, Url) else job.source
        # Of its name only the ending matters, and the name may be too long for what is added to it.
        return Copies(source, self.folder / f"{name}_large{Path(job.target).suffix}", of=job)

    def _told(self, task: Task) -> Task:
        """The task as one of the job itself; the copies are removed."""
        copies = task.job
        assert isinstance(copies, Copies)
        job = copies.of
        for text, name in ((copies.source, job.source), (copies.target, job.target)):
            task.error = task.error.replace(str(text), str(name))
        self._remove(copies)
        task.job = job
        return task

    @staticmethod
    def _remove(copies: Copies) -> None:
        """Removes the copies."""
        for path in {copies.source, copies.target} - {copies.of.source}:
            Path(path).unlink(missing_ok=True)


def mark_of(run: str, job: Job) -> str:
    """What the names have in common that a job's result has while it is put, in all workers of a run."""
    return hashlib.sha256(f"{run}\0{job.target}".encode(errors="surrogateescape")).hexdigest()[:16]
