"""`-`: a picture from standard input, a picture to standard output."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple, TextIO

STREAM = "-"


class Files(NamedTuple):
    """What a command reads and writes, when each `-` is a file.

    Args:
        inputs: What to read.
        output: What to write.
        ext: Format of what to write, if its name does not say it.
        lines: Where to tell what was done.
    """

    inputs: Sequence[str]
    output: str | None
    ext: str | None
    lines: TextIO


@contextmanager
def streams_as_files(inputs: Sequence[str], output: str | None, ext: str | None) -> Iterator[Files]:
    """Puts a temporary file in the place of each `-`: with what comes in, and for what goes out in the end.

    So a picture beyond memory goes through a pipe, too, and nothing goes out unless it is whole.

    Args:
        inputs: Files and folders; `-` is standard input, and then the only one.
        output: File or folder; `-` is standard output, where standard input goes by default.
        ext: Format of the output, PNG by default.

    Raises:
        ValueError: If `-` stands beside other inputs or is to take several pictures, or standard output is a terminal.
    """
    from keras_lisr.batch.jobs import result_ending
    from keras_lisr.batch.storage import kind_of, parse

    if STREAM in inputs and len(inputs) > 1:
        raise ValueError(f"IN must be - alone, for standard input, or files. Received: {', '.join(inputs)}")
    to_stdout = goes_to_stdout(inputs, output)
    if to_stdout and (len(inputs) != 1 or (inputs[0] != STREAM and kind_of(parse(inputs[0])) == "directory")):
        received = ", ".join(inputs) or "nothing"
        raise ValueError(f"IN must be one file where OUT is -, standard output. Received: {received}")
    if to_stdout and sys.stdout.isatty():
        raise ValueError("OUT must be a file where standard output is a terminal. Received: '-'")
    with TemporaryDirectory(prefix="keras-lisr-", ignore_cleanup_errors=True) as folder:
        if STREAM in inputs:
            inputs = [str(Path(folder, "stdin"))]
            with open(inputs[0], "wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        if not to_stdout:
            yield Files(inputs, output, ext, sys.stdout)
            return
        sent = Path(folder, f"stdout{result_ending(PurePosixPath(inputs[0]), ext)}")
        yield Files(inputs, str(sent), None, sys.stderr)
        if sent.exists():
            with sent.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def goes_to_stdout(inputs: Sequence[str], output: str | None) -> bool:
    """Whether the result is sent to standard output."""
    return output == STREAM or (output is None and STREAM in inputs)
