"""What is done to one picture: read, upscaled, written."""

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
from keras_lisr.batch.storage import File, Url, fetch, find_existing, put
from keras_lisr.pictures import Animation, Picture, PictureUpscaler
from keras_lisr.pictures.formats import (
    check_output,
    check_output_animation,
    check_output_channels,
    check_output_size,
    check_quality,
    duration_losses,
    format_of,
    losses,
    metadata_losses,
)
from keras_lisr.pictures.picture import Metadata, is_opaque
from keras_lisr.pictures.read import (
    DEFAULT_MAX_PIXELS,
    Header,
    StripReader,
    picture_size,
    read_animation,
    read_picture,
)
from keras_lisr.pictures.write import write_animation, write_picture

FOLDER = "keras-lisr-"  # What the names of temporary folders begin with.
WRITTEN, SKIPPED, FAILED = "written", "skipped", "failed"
LONGEST_SURPRISE = 300  # Of TensorFlow's errors, the rest is where in its graph.


@dataclass
class Task:
    """A job on its way, and what became of it.

    Args:
        job: What is to be done.
        status: "" on the way; then "written", "skipped" (its target existed), or "failed".
        header: What the source's first bytes say of it.
        target_size: Height and width of the result.
        is_alone: Whether no other picture is to be at work, because this one or its result is too large for it.
        picture: What was read, then what became of it; None where it was to be alone from the beginning.
        seconds: What upscaling took; reading and writing too, where the picture is alone.
        error: Why it failed, in one line.
        description: What happens besides one pass of the network, such as "resized to 300 x 200 pixels".
        notes: What is worth knowing of the result, one sentence each.
        folder: A folder of its own, for copies of those of its files that lie in storage.
    """

    job: Job
    status: str = ""
    header: Header | None = None
    target_size: tuple[int, int] | None = None
    is_alone: bool = False
    picture: Picture | Animation | None = field(default=None, repr=False)
    seconds: float = 0.0
    error: str = ""
    description: str = ""
    notes: tuple[str, ...] = ()
    folder: Path | None = field(default=None, repr=False)

    @property
    def source(self) -> Path:
        """The local file to read."""
        return self._find_local(self.job.source, "source")

    @property
    def target(self) -> Path:
        """The local file to write. Of a copy's name only the ending matters."""
        return self._find_local(self.job.target, f"target{Path(self.job.target).suffix}")

    def _find_local(self, file: File, name: str) -> Path:
        if not isinstance(file, Url):
            return file
        assert self.folder is not None
        return self.folder / name

    @contextmanager
    def step(self) -> Iterator[None]:
        """Keeps what goes wrong as the task's own failure, so that other pictures go on."""
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
        """What became of it, as JSON takes it."""
        height, width = (self.header.height, self.header.width) if self.header else (None, None)
        target_height, target_width = self.target_size or (None, None)
        return {
            "source": str(self.job.source),
            "target": str(self.job.target),
            "status": self.status,
            "height": height,
            "width": width,
            "target_height": target_height,
            "target_width": target_width,
            "seconds": round(self.seconds, 3),
            "error": self.error or None,
            "notes": [note for note in (self.description, *self.notes) if note],
        }


class Worker:
    """Upscales pictures from file to file; one after the other when called, or in steps that may overlap.

    What lies in storage is copied from there, or put there when it is written: as a whole or not at all.

    Args:
        upscaler: What upscales one picture. Large ones go from file to file in strips.
        max_pixels: Pixels of a source, at most.
        quality: Of results that are JPEG, WebP or AVIF, from 1 to 100.
        strip_metadata: Whether results get nothing but their pixels.
        skip_existing: Whether a picture whose target exists is left alone.

    Example:
        worker = Worker(PictureUpscaler(Upscaler(from_preset("imdn_x4"))), quality=90)
        task = worker(Job(Path("photo.jpg"), Path("large.jpg")))
        task.status, task.target_size
    """

    def __init__(
        self,
        upscaler: PictureUpscaler,
        *,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        quality: int | None = None,
        strip_metadata: bool = False,
        skip_existing: bool = False,
    ):
        self.upscaler = upscaler
        self.max_pixels = max_pixels
        self.skip_existing = skip_existing
        self.quality = quality
        self.strip_metadata = strip_metadata

    def __call__(self, job: Job) -> Task:
        """Does a job from beginning to end."""
        with TemporaryDirectory(prefix=FOLDER) as folder:
            task = self.read(job, Path(folder))
            self.compute(task)
            return self.write(task)

    def examine(self, job: Job, folder: Path | None = None) -> Task:
        """Reads a picture's header, and checks what can be told from it.

        Args:
            job: What is to be done.
            folder: Where a picture from storage is copied to.
        """
        task = Task(job)
        with task.step():
            if self.skip_existing and find_existing([job.target]):
                task.status = SKIPPED
                return task
            if isinstance(job.source, Url) or isinstance(job.target, Url):
                task.folder = Path(mkdtemp(dir=folder))
            if isinstance(job.source, Url):
                fetch(job.source, task.source)
            task.header = header = picture_size(task.source, max_pixels=self.max_pixels)
            if header.frames > 1:
                check_output_animation(task.target)
            check_quality(task.target, self._options(task)["quality"])
            size, network = self.upscaler.size, self.upscaler.network
            sides = header.height, header.width
            task.target_size = size.of(*sides, network.scale)
            check_output_size(task.target, *task.target_size)
            task.description = size.note(*sides, network.scale)
            task.notes = (*self._notes(*sides, size.passes(*sides, network.scale)), *losses(task.target, header.depth))
            task.is_alone = self.upscaler.is_large(*sides, header.frames)
        return task

    def read(self, job: Job, folder: Path | None = None) -> Task:
        """The first step: reads the picture, unless it is to be alone. Arguments are those of `examine`."""
        task = self.examine(job, folder)
        with task.step():
            if not task.status:
                task.target.parent.mkdir(parents=True, exist_ok=True)
                check_output(task.target)
                if not task.is_alone:
                    task.picture = self.load(task)
        return task

    def compute(self, task: Task, progress: Callable[[Job, int, int], Any] | None = None) -> None:
        """The second step: upscales the picture; writes it to a local file, too, if it is alone."""

        def tell(done: int, total: int) -> None:
            if progress:
                progress(task.job, done, total)

        start = time.monotonic()
        with task.step():
            if task.status:
                return
            if task.is_alone:
                self._compute_alone(task, tell)
            else:
                task.picture = enlarge(task.picture, self.upscaler, tell)
        task.seconds = time.monotonic() - start

    def write(self, task: Task) -> Task:
        """The last step: writes the result, whole or not at all."""
        with task.step():
            if not task.status:
                self._save(task)
                if isinstance(task.job.target, Url):
                    put(task.target, task.job.target)
                task.status = WRITTEN
        task.picture = None
        if task.folder:
            shutil.rmtree(task.folder, ignore_errors=True)
            task.folder = None
        return task

    def _save(self, task: Task) -> None:
        """Writes a result that is in memory to its local file."""
        if isinstance(task.picture, Animation):
            write_animation(task.picture, task.target, **self._options(task))
        elif task.picture:
            write_picture(task.picture, task.target, **self._options(task))
        task.picture = None

    def _compute_alone(self, task: Task, tell: Callable[[int, int], Any]) -> None:
        """From file to file: a picture in strips, an animation in memory."""
        header = task.header
        assert header is not None
        if header.frames > 1:
            task.picture = enlarge(self.load(task), self.upscaler, tell)
            self._save(task)
            return
        with StripReader(task.source, self.max_pixels) as reader:
            self._note_losses(task, reader.metadata)
        self.upscaler.upscale_file(
            task.source, task.target, max_pixels=self.max_pixels, progress=tell, **self._options(task)
        )

    def load(self, task: Task) -> Picture | Animation:
        """What the source holds, if the target can hold it too."""
        load = read_animation if task.header and task.header.frames > 1 else read_picture
        found = load(task.source, max_pixels=self.max_pixels)
        frames = found.frames if isinstance(found, Animation) else [found]
        if isinstance(found, Animation):
            task.notes += duration_losses(task.target, found.durations)
        if not all(is_opaque(frame.pixels) for frame in frames):
            check_output_channels(task.target, frames[0].pixels.shape[2])
        self._note_losses(task, frames[0].metadata)
        return found

    def _note_losses(self, task: Task, metadata: Metadata) -> None:
        """Tells what the target cannot keep of what is known of a picture."""
        task.notes += metadata_losses(task.target, metadata, strip_metadata=self.strip_metadata)

    def _options(self, task: Task) -> dict[str, Any]:
        """How a result is to be written: with a quality, if its format has one."""
        quality = self.quality if format_of(task.target).quality else None
        return {"quality": quality, "strip_metadata": self.strip_metadata}

    def _notes(self, height: int, width: int, passes: int) -> Iterator[str]:
        """What is worth knowing of the result of a picture of that size."""
        network = self.upscaler.network
        if not passes:
            return
        if not network.exact and network.count_tiles(height, width) > 1:
            yield (
                "this network pools over the whole picture; its tiles are blended and differ slightly from the picture "
                "computed at once"
            )
        fills_up = getattr(network, "fills_up", None)
        if fills_up and fills_up(height, width):
            yield (
                "the picture is smaller than the one size of this file and was filled up; its result is an "
                "approximation, at the right and lower edge above all"
            )


def enlarge(
    picture: Picture | Animation | None, upscaler: PictureUpscaler, tell: Callable[[int, int], Any]
) -> Picture | Animation:
    """Upscales a picture, or every frame of an animation."""
    if isinstance(picture, Animation):
        count = len(picture.frames)

        def tell_from(i: int) -> Callable[[int, int], Any]:
            return lambda done, total: tell(i * total + done, count * total)

        frames = [upscaler(frame, tell_from(i)) for i, frame in enumerate(picture.frames)]
        return replace(picture, frames=frames)
    assert picture is not None
    return upscaler(picture, tell)
