"""Upscales one picture from file to file: reads, computes, writes."""

import shutil
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from keras_lisr.basics.interruption import check_interruption
from keras_lisr.batch.jobs import Job
from keras_lisr.batch.plan import Plan
from keras_lisr.batch.storage import File, Url, fetch, find_existing, put
from keras_lisr.pictures import Animation, Picture, PictureUpscaler, read_animation, write_picture
from keras_lisr.pictures.formats import check_fits, check_output, check_quality, check_transparency, format_of, losses
from keras_lisr.pictures.picture import is_opaque
from keras_lisr.pictures.read import Header, open_picture
from keras_lisr.tiling.upscaler import TiledUpscaler

FOLDER = "keras-lisr-"  # Prefix of temporary folders.
WRITTEN, SKIPPED, FAILED = "written", "skipped", "failed"
LONGEST_SURPRISE = 300  # The rest of TensorFlow's errors says where in its graph.


@dataclass
class Task:
    """A job in progress and its outcome.

    Args:
        job: Source and target.
        status: "" in progress; then "written", "skipped" (the target existed) or "failed".
        header: Header of the source.
        target_size: Height and width of the result.
        is_alone: Whether no other picture may be in memory, because this one or its result is too large.
        picture: Source, then result; None where the picture goes from file to file.
        seconds: Time of upscaling; with reading and writing, where the picture is alone.
        error: Reason of the failure, in one line.
        description: Everything besides one pass of the network, such as "resized to 300 x 200 pixels".
        notes: Remarks on the result, one sentence each.
        folder: Temporary folder for copies of files that lie in storage.
    """

    job: Job
    status: str = ""
    header: Header | None = None
    target_size: tuple[int, int] | None = None
    is_alone: bool = False
    picture: Animation | None = field(default=None, repr=False)
    seconds: float = 0.0
    error: str = ""
    description: str = ""
    notes: tuple[str, ...] = ()
    folder: Path | None = field(default=None, repr=False)

    @property
    def source(self) -> Path:
        """Local file to read."""
        return self._find_local(self.job.source, "source")

    @property
    def target(self) -> Path:
        """Local file to write. Only the suffix of a copy's name matters."""
        return self._find_local(self.job.target, f"target{Path(self.job.target).suffix}")

    def _find_local(self, file: File, name: str) -> Path:
        if not isinstance(file, Url):
            return file
        assert self.folder is not None
        return self.folder / name

    @contextmanager
    def step(self) -> Iterator[None]:
        """Turns an error into the failure of this task, so that other pictures go on."""
        try:
            yield
        except Exception as error:  # TensorFlow and decoders raise types of their own.
            check_interruption()
            name = "" if isinstance(error, ValueError | OSError) else f"{type(error).__name__}: "
            name = "out of memory; " if isinstance(error, MemoryError) else name
            text = " ".join(f"{name}{error}".split())
            if self.folder:
                text = text.replace(str(self.source), str(self.job.source))
                text = text.replace(str(self.target), str(self.job.target))
            self.error = textwrap.shorten(text, LONGEST_SURPRISE, placeholder=" ...") if name else text
            self.status, self.picture = FAILED, None

    def record(self) -> dict[str, Any]:
        """Returns the outcome as a dictionary for JSON."""
        height, width = (self.header.height, self.header.width) if self.header else (None, None)
        target_height, target_width = self.target_size or (None, None)
        return {
            "source": str(self.job.source),
            "target": str(self.job.target),
            "status": self.status,
            "height": height,
            "width": width,
            "frames": self.header.frames if self.header else None,
            "target_height": target_height,
            "target_width": target_width,
            "seconds": round(self.seconds, 3),
            "error": self.error or None,
            "notes": [note for note in (self.description, *self.notes) if note],
        }


class Worker:
    """Upscales pictures from file to file: one at a time when called, or in steps that may overlap.

    Files in storage are copied to this machine first, and put there when they are whole.

    Args:
        network: `keras_lisr.inference.Upscaler` or `keras_lisr.exported.ExportedUpscaler`.
        plan: Options; those about the network were applied when it was loaded.

    Example:
        worker = Worker(Upscaler(from_preset("imdn_x4")), Plan(quality=90))
        task = worker(Job(Path("photo.jpg"), Path("large.jpg")))
        task.status, task.target_size
    """

    def __init__(self, network: TiledUpscaler, plan: Plan | None = None):
        self.plan = plan or Plan()
        self.upscaler = PictureUpscaler(network, size=self.plan.size)

    def __call__(self, job: Job) -> Task:
        """Does a job from beginning to end."""
        with TemporaryDirectory(prefix=FOLDER, ignore_cleanup_errors=True) as folder:
            task = self.read(job, Path(folder))
            self.compute(task)
            return self.write(task)

    def examine(self, job: Job, folder: Path | None = None) -> Task:
        """Reads the header of a picture and checks everything that can be checked by it.

        Args:
            job: Source and target.
            folder: Folder for copies of files that lie in storage.
        """
        task = Task(job)
        with task.step():
            if not self.plan.overwrite and find_existing([job.target]):
                task.status = SKIPPED
                return task
            if isinstance(job.source, Url) or isinstance(job.target, Url):
                task.folder = Path(mkdtemp(dir=folder))
            if isinstance(job.source, Url):
                fetch(job.source, task.source)
            with open_picture(task.source, self.plan.max_pixels) as found:
                task.header = header = found.header
            check_quality(task.target, self._options(task)["quality"])
            size, network = self.upscaler.size, self.upscaler.network
            sides = header.height, header.width
            task.target_size = size.of(*sides, network.scale)
            check_fits(task.target, *task.target_size, header.frames)
            task.description = size.note(*sides, network.scale)
            task.notes = losses(task.target, header.depth, () if self.plan.strip_metadata else found.metadata.names)
            if found.others:
                task.notes += ("smaller copies, masks and further pictures of a file are left out",)
            passes = size.passes(*sides, network.scale)
            if passes:
                network.check_depth(f"uint{header.depth}")
            if passes and not network.exact and network.count_tiles(*sides) > 1:
                task.notes += (
                    "this network pools over the whole picture; its tiles are blended and differ slightly from the "
                    "picture computed at once",
                )
            if passes and network.fills_up(*sides):
                task.notes += (
                    "the picture is smaller than the only size of this file and was padded; the result is approximate, "
                    "above all at the right and lower edges",
                )
            task.is_alone = self.upscaler.is_large(*sides, header.frames)
        return task

    def read(self, job: Job, folder: Path | None = None) -> Task:
        """Reads the picture, unless it goes from file to file. Arguments are those of `examine`."""
        task = self.examine(job, folder)
        with task.step():
            if not task.status:
                task.target.parent.mkdir(parents=True, exist_ok=True)
                check_output(task.target)
                if not task.is_alone or (task.header and task.header.frames > 1):
                    task.picture = read_animation(task.source, max_pixels=self.plan.max_pixels)
                    if not all(is_opaque(frame.pixels) for frame in task.picture.frames):
                        check_transparency(task.target)
        return task

    def compute(self, task: Task, progress: Callable[[Job, int, int], Any] | None = None) -> None:
        """Upscales the picture, every frame of it. One that is alone goes from file to file, but for animations."""
        frames: list[Picture] = []
        count = len(task.picture.frames) if task.picture else 1

        def report(done: int, total: int) -> None:
            if progress:
                progress(task.job, len(frames) * total + done, count * total)

        start = time.monotonic()
        with task.step():
            if task.picture:
                for frame in task.picture.frames:
                    frames.append(self.upscaler(frame, report))
                task.picture = replace(task.picture, frames=frames)
            elif not task.status:
                self.upscaler.upscale_file(
                    task.source, task.target, max_pixels=self.plan.max_pixels, progress=report, **self._options(task)
                )
        task.seconds = time.monotonic() - start

    def write(self, task: Task) -> Task:
        """Writes the result, whole or not at all."""
        with task.step():
            if not task.status:
                if task.picture:
                    write_picture(task.picture, task.target, **self._options(task))
                if isinstance(task.job.target, Url):
                    put(task.target, task.job.target)
                task.status = WRITTEN
        task.picture = None
        if task.folder:
            shutil.rmtree(task.folder, ignore_errors=True)
            task.folder = None
        return task

    def _options(self, task: Task) -> dict[str, Any]:
        """Returns the options of `write_picture`; the quality only for formats that have one."""
        quality = self.plan.quality if format_of(task.target).quality else None
        return {"quality": quality, "strip_metadata": self.plan.strip_metadata}
