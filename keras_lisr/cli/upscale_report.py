"""What `keras-lisr upscale` tells: bars on terminals, a line for each picture, a log."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from keras_lisr.batch import Job, Task
from keras_lisr.batch.storage import File
from keras_lisr.cli.standard_streams import STREAM


class Report:
    """Tells of pictures as they are done, and of all in the end; a context manager.

    Args:
        model_name: What they are upscaled with.
        count: How many there are.
        is_single: Whether one picture was asked for, itself: its failure is then that of the command.
        log: File to which a line for each picture is appended; `-` is standard output.
        lines: Where to tell what was done; errors and bars go to standard error.
    """

    def __init__(self, model_name: str, count: int, is_single: bool, log: Path | None, lines: TextIO):
        self._model_name = model_name
        self._count = count
        self._is_single = is_single
        self._log_path = log
        self._log: TextIO | None = None
        self._lines = sys.stderr if log == Path(STREAM) else lines
        self._failed: list[str] = []
        self._statuses: Counter[str] = Counter()
        self._noted: set[str] = set()
        self._start = time.monotonic()
        self._close = ExitStack()

    def __enter__(self) -> "Report":
        if self._log_path == Path(STREAM):
            self._log = sys.stdout
        elif self._log_path:
            self._log = self._close.enter_context(self._log_path.open("a", encoding="utf-8"))
        bars: dict[str, Any] = {"disable": None}  # None: on terminals.
        self._pictures = self._close.enter_context(tqdm(total=self._count, unit=" pictures", **bars))
        self._tiles = self._close.enter_context(tqdm(unit=" tiles", leave=self._is_single, **bars))
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
        self._pictures.update()
        for note in task.notes:
            if note not in self._noted:
                self._noted.add(note)
                self._error(f"note: {note}")
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
        tqdm.write(text, file=self._lines)

    def _error(self, text: str) -> None:
        tqdm.write(f"keras-lisr: {text}", file=sys.stderr)

    def _write_log(self, record: dict[str, Any]) -> None:
        if self._log:
            self._log.write(json.dumps(record) + "\n")
            self._log.flush()  # What a killed run did stays known.


def printable(path: File) -> str:
    """A file's name as one line."""
    name = str(path)
    return name if name.isprintable() else repr(name)


def tell_dry_run(tasks: Iterable[Task], lines: TextIO) -> int:
    """Prints what would become of pictures.

    Returns:
        Exit code: 1 if one would fail.
    """
    statuses: Counter[str] = Counter()
    for task in tasks:
        statuses[task.status] += 1
        fate = f"would fail: {task.error}" if task.error else "exists, would be skipped"
        if task.header and task.target_size and not task.status:
            header, (height, width) = task.header, task.target_size
            frames = f", {header.frames} frames" if header.frames > 1 else ""
            described = f" ({task.description})" if task.description else ""
            fate = f"{header.width} x {header.height} -> {width} x {height} pixels{frames}{described}"
        print(f"{printable(task.job.source)} -> {printable(task.job.target)}: {fate}", file=lines)
    print(f"{statuses['']} of {statuses.total()} pictures", file=lines)
    return 1 if statuses["failed"] else 0
