"""Files that are either complete or not there, whatever happens while they are written."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial_*"  # What a process that was killed leaves behind.


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Gives a new name beside `path` to write to; what was written there then takes the name `path`, or is removed.

    It is on the disk before it is renamed, and so is the name afterwards: a machine that loses its power has the old
    file or the new one.

    Args:
        path: File that is wanted; an existing one is replaced.

    Raises:
        OSError: If it cannot be written; what was there before is left.

    Example:
        with write_whole(Path("run.json")) as partial:
            partial.write_text("{}")
    """
    path = path.resolve()  # What a link points to is replaced, not the link.
    partial = path.with_name(f"{PARTIAL[:-1]}{uuid.uuid4().hex}{path.suffix}")
    try:
        yield partial
        flush(partial)
        partial.replace(path)
        if os.name == "posix":  # Elsewhere a folder cannot be opened.
            flush(path.parent)
    except OSError as error:
        raise OSError(f"`path` could not be written. Received: path={str(path)!r} ({reason(error)})") from error
    finally:
        partial.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Waits until a file or a folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)  # Windows writes only what may be written.
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reason(error: Exception) -> str:
    """What went wrong, without the number and the path that the system adds."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
