"""What `keras-lisr upscale` tells: bars on terminals, a line for each picture, a log."""

import json
import sys
import time
from collections import Counter
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from keras_lisr.batch import Job, Task
from keras_lisr.batch.forecast import Forecast, pixels_of_picture, pixels_of_result
from keras_lisr.batch.storage import File
from keras_lisr.cli.memory_size import format_memory
from keras_lisr.cli.standard_streams import STREAM, renamed
from keras_lisr.cli.upscale_request import Request


def printable(path: File) -> str:
    """A file's name as one line of any encoding."""
    name = str(path)
    return name if name.isprintable() else repr(name)


class Report:
    """Tells of pictures as they are done, and of all in the end; a context manager.

    Args:
        request: What was asked for.
    """

    def __init__(self, request: Request):
        self._count = len(request.jobs)
        self._is_single = request.is_single
        self._model_name = request.model_name
        self._log_path = request.arguments.json
        self._lines, self._names = request.files.lines, request.files.names
        self._shows_tiles = not request.arguments.ray  # Those of several workers would say nothing.
        self._failed: list[str] = []
        self._statuses: Counter[str] = Counter()
        self._noted: set[str] = set()
        self._start = time.monotonic()
        self._close = ExitStack()

    def __enter__(self) -> "Report":
        self._log = self._close.enter_context(opened_log(self._log_path)) if self._log_path else None
        bars: dict[str, Any] = {"disable": None if self._shows_tiles else True, "leave": self._is_single}
        # With several pictures, the bar of all of them stands above.
        self._bar = self._close.enter_context(
            # None: on terminals.
            tqdm(total=self._count, unit=" pictures", disable=True if self._is_single and self._shows_tiles else None)
        )
        self._tiles = self._close.enter_context(tqdm(unit=" tiles", **bars))
        return self

    def __exit__(self, *exception) -> None:
        self._close.close()

    def progress(self, job: Job, done: int, total: int) -> None:
        """Moves the bar of the tiles."""
        if done == 0:
            self._tiles.reset(total)
            self._tiles.set_description(printable(job.source))
        self._tiles.update(done - self._tiles.n)

    def tell(self, task: Task) -> None:
        """Tells of one picture."""
        self._statuses[task.status] += 1
        self._bar.update()
        for note in task.notes:
            if note not in self._noted:
                self._noted.add(note)
                self.note(note)
        target = printable(task.job.target)
        if task.status == "written":
            height, width = task.target_size or (0, 0)
            described = f" ({task.description})" if task.description else ""
            took = f"{task.seconds:.1f} s{described}"
            self._line(f"{target}: {width} x {height} pixels by {self._model_name} in {took}")
        elif task.status == "skipped":
            self._line(f"{target}: exists, skipped")
        else:
            self._failed.append(task.error if self._is_single else f"{printable(task.job.source)}: {task.error}")
            if not self._is_single:
                self._error(f"failed: {self._failed[-1]}")
        self._write_log(task.record())

    def note(self, text: str) -> None:
        """Tells of something that is no picture's failure."""
        self._error(f"note: {text}")

    def end(self) -> int:
        """Tells of all pictures.

        Returns:
            Exit code: 1 if one failed that was not the only one asked for.

        Raises:
            ValueError: If the only picture failed.
        """
        seconds = time.monotonic() - self._start
        counts = {status: self._statuses[status] for status in ("written", "skipped", "failed")}
        self._write_log({"pictures": self._count, **counts, "seconds": round(seconds, 3), "model": self._model_name})
        if self._is_single:
            if self._failed:
                raise ValueError(self._failed[0])
            return 0
        said = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        self._line(f"{self._count} picture{'s' * (self._count != 1)} in {seconds:.1f} s: {said}")
        if self._failed:
            self._error("\n  ".join([f"{len(self._failed)} of {self._count} pictures failed:", *self._failed]))
        return 1 if self._failed else 0

    def _line(self, text: str) -> None:
        tqdm.write(encodable(text, self._lines), file=self._lines)

    def _error(self, text: str) -> None:
        tqdm.write(encodable(f"keras-lisr: {text}", sys.stderr), file=sys.stderr)

    def _write_log(self, record: dict[str, Any]) -> None:
        if self._log:
            self._log.write(renamed(json.dumps(record), self._names) + "\n")
            self._log.flush()  # What a killed run did stays known.


def opened_log(path: Path) -> AbstractContextManager[TextIO]:
    """A log to which lines are appended."""
    return nullcontext(sys.stdout) if str(path) == STREAM else path.open("a", encoding="utf-8")


def encodable(text: str, stream: TextIO) -> str:
    """The text with escapes for what a stream cannot take: names that are no Unicode, above all."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def tell_forecast(found: Forecast, lines: TextIO) -> int:
    """Prints what upscaling would take.

    Returns:
        Exit code: 1 if a picture would fail.
    """
    left = [task for task in found.tasks if not task.status]
    texts = [f"{printable(task.job.source)} -> {printable(task.job.target)}: {fate(task)}" for task in found.tasks]
    given, made = (sum(map(pixels, left)) / 1e6 for pixels in (pixels_of_picture, pixels_of_result))
    texts.append(
        f"{len(left)} of {len(found.tasks)} pictures"
        + (f", {given:.3g} -> {made:.3g} megapixels" if left else "")
        + f"; about {found.seconds:.3g} s, {format_memory(found.disk)} of disk"
    )
    for text in texts:
        print(encodable(text, lines), file=lines)
    return 1 if any(task.error for task in found.tasks) else 0


def fate(task: Task) -> str:
    """What would become of a picture."""
    if task.status == "skipped":
        return "exists, would be skipped"
    if task.error:
        return f"would fail: {task.error}"
    assert task.header and task.target_size
    header, (height, width) = task.header, task.target_size
    frames = f", {header.frames} frames" if header.frames > 1 else ""
    described = f" ({task.description})" if task.description else ""
    return f"{header.width} x {header.height} -> {width} x {height} pixels{frames}{described}"
