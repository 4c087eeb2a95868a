"""Reports of `keras-lisr upscale`: bars on terminals, a line for each picture, a log."""

import json
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from keras_lisr.batch import Job, Task
from keras_lisr.batch.jobs import Jobs, describe_unused
from keras_lisr.tiling.upscaler import TiledUpscaler

STREAM = Path("-")
PLANNED = "planned"  # Status of a picture in a dry run that neither failed nor was skipped.


class Report:
    """Reports each picture when it is done, and a summary in the end; a context manager.

    Its `engine` and `precisions`, of 8 and 16 bits, are set once they are known.

    Args:
        model_name: Model that upscales.
        jobs: All pictures.
        is_single: Whether one picture was asked for by its name. Its failure is that of the command.
        log: File to which a line for each picture is appended; `-` is standard output, and what would otherwise be
            printed there goes to standard error.
    """

    def __init__(self, model_name: str, jobs: Jobs, is_single: bool, log: Path | None):
        self._model_name = model_name
        self._count = len(jobs)
        self._unused = jobs.unused
        self._is_single = is_single
        self.engine = ""
        self.precisions: tuple[str | None, str | None] = (None, None)
        self._used: set[str] = set()
        self._log_path = log
        self._log: TextIO | None = None
        self._failed: list[str] = []
        self._statuses: Counter[str] = Counter()
        self._noted: set[str] = set()
        self._start = time.monotonic()
        self._close = ExitStack()

    def __enter__(self) -> "Report":
        if self._log_path == STREAM:
            self._log = sys.stdout
        elif self._log_path:
            self._log = self._close.enter_context(self._log_path.open("a", encoding="utf-8"))
        bars: dict[str, Any] = {"disable": None}  # None: on terminals.
        self._pictures = self._close.enter_context(tqdm(total=self._count, unit=" pictures", **bars))
        self._tiles = self._close.enter_context(tqdm(unit=" tiles", leave=self._is_single, **bars))
        return self

    def __exit__(self, *exception) -> None:
        self._close.close()

    def show_progress(self, job: Job, done: int, total: int) -> None:
        """Moves the bar of the tiles."""
        if done == 0:
            self._tiles.reset(total)
            self._tiles.set_description(printable(job.source))
        self._tiles.update(done - self._tiles.n)

    def set_engine(self, network: TiledUpscaler) -> None:
        """Sets `engine` and `precisions` to those of a network."""
        self.engine = network.engine
        self.precisions = network.precision, network.deep_precision

    def add(self, task: Task) -> None:
        """Reports one picture: its outcome, or the plan for one that was only examined."""
        status = task.status or PLANNED
        self._statuses[status] += 1
        self._pictures.update()
        for note in task.notes:
            if note not in self._noted:
                self._noted.add(note)
                self._print_error(f"note: {note}")
        target = printable(task.job.target)
        height, width = task.target_size or (0, 0)
        described = f" ({task.description})" if task.description else ""
        if status == "written":
            precision = self.precisions[bool(task.header and task.header.depth > 8)]
            self._used |= {precision} if precision else set()
            engine = f", {self.engine} {precision}" if self._is_single else ""
            seconds = f"{task.seconds:.1f} s{described}"
            self.print(f"{target}: {width} x {height} pixels by {self._model_name} in {seconds}{engine}")
        elif status == PLANNED and task.header:
            header = task.header
            frames = f", {header.frames} frames" if header.frames > 1 else ""
            sizes = f"{header.width} x {header.height} -> {width} x {height} pixels{frames}"
            self.print(f"{printable(task.job.source)} -> {target}: {sizes}{described}")
        elif status == "skipped":
            self.print(f"{target}: exists, skipped")
        else:
            self._failed.append(task.error if self._is_single else f"{printable(task.job.source)}: {task.error}")
            if not self._is_single:
                self._print_error(f"failed: {self._failed[-1]}")
        self._write_log(task.record() | {"status": status})

    def end(self) -> int:
        """Reports the summary.

        Returns:
            Exit code: 1 if a picture failed that was not the only one asked for.

        Raises:
            ValueError: If the only picture failed.
        """
        seconds = time.monotonic() - self._start
        counts = {status: self._statuses[status] for status in ("written", PLANNED, "skipped", "failed")}
        precision = " and ".join(sorted(self._used))
        self._write_log(
            {"pictures": self._count, **counts, "not_tried": {**self._unused}, "seconds": round(seconds, 3)}
            | {"model": self._model_name, "engine": self.engine or None, "precision": precision or None}
        )
        if self._unused:
            self._print_error(printable(describe_unused(self._unused)))
        if self._is_single:
            if self._failed:
                raise ValueError(self._failed[0])
            return 0
        outcome = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        how = f" by {self.engine}" * bool(self.engine) + f" in {precision}" * bool(precision)
        self.print(f"{self._count} picture{'s' * (self._count != 1)} in {seconds:.1f} s{how}: {outcome}")
        if self._failed:
            self._print_error("\n  ".join([f"{len(self._failed)} of {self._count} pictures failed:", *self._failed]))
        return 1 if self._failed else 0

    def print(self, text: str) -> None:
        """Prints a line between the bars."""
        tqdm.write(text, file=sys.stderr if self._log_path == STREAM else sys.stdout)

    def _print_error(self, text: str) -> None:
        tqdm.write(f"keras-lisr: {text}", file=sys.stderr)

    def _write_log(self, record: dict[str, Any]) -> None:
        if self._log:
            self._log.write(json.dumps(record) + "\n")
            self._log.flush()  # The log of a killed run is complete up to there.


def printable(text: str | Path) -> str:
    """Returns a file name, or a text that holds some, in one line."""
    name = str(text)
    return name if name.isprintable() else repr(name)
