"""A progress bar with the time left."""

import sys
import time
from typing import TextIO

WIDTH = 30


class ProgressBar:
    """Progress of long work as one line on a terminal; silent where the stream is none, such as a log file.

    Args:
        stream: Where to draw, standard error by default.

    Example:

        Upscaler(model)(image, progress=ProgressBar())
    """

    def __init__(self, stream: TextIO | None = None):
        self.stream = sys.stderr if stream is None else stream

    def __call__(self, done: int, total: int) -> None:
        """Draws the bar.

        Args:
            done: Finished parts of the work; the clock starts with none.
            total: All parts.
        """
        if not self.stream.isatty():
            return
        if not done:
            self.start = time.monotonic()
        elapsed = time.monotonic() - self.start
        bar = "#" * (WIDTH * done // total)
        left = f"{duration(elapsed / done * (total - done))} left" if done else ""
        end = "\n" if done == total else ""
        self.stream.write(f"\r[{bar:-<{WIDTH}}] {done}/{total}, {duration(elapsed)}, {left:<16}{end}")
        self.stream.flush()


def duration(seconds: float) -> str:
    """Hours, minutes and seconds.

    Example:

    >>> duration(59.6), duration(3725)
    ('1:00', '1:02:05')
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
