"""Writes files that are either complete or absent, whatever happens meanwhile."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial_*"  # Left behind by processes that are killed.


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; the file written there is then renamed to `path`, or removed on errors.

    The file is flushed to disk before it is renamed, and its folder afterwards: after a power failure there is the old
    file or the new one.

    Args:
        path: File to write; an existing one is replaced.

    Raises:
        OSError: If it cannot be written; an existing file stays.

    Example:
        with write_whole(Path("run.json")) as partial:
            partial.write_text("{}")
    """
    path = path.resolve()  # The target of a link is replaced, not the link.
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
    """Flushes a file or a folder to disk."""
    descriptor = os.open(
        path, os.O_RDONLY if path.is_dir() else os.O_RDWR
    )  # Windows flushes only files that are open for writing.
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reason(error: BaseException) -> str:
    """Returns the message of an error, without the number and the path that the system adds."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
