"""`-`: a picture from standard input, a picture to standard output."""

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, NamedTuple, TextIO, cast

STREAM = "-"


class Files(NamedTuple):
    """What a command reads and writes, when each `-` is a file.

    Args:
        inputs: What to read.
        output: What to write.
        ext: Format of what to write, if its name does not say it.
        lines: Where to tell what was done.
        names: What to call some of them, by path.
    """

    inputs: Sequence[str]
    output: str | None
    ext: str | None
    lines: TextIO
    names: Mapping[str, str]


@contextmanager
def streams_as_files(
    inputs: Sequence[str], output: str | None, ext: str | None, max_pixels: int | None = None
) -> Iterator[Files]:
    """Puts a temporary file in the place of each `-`: with what comes in, and for what goes out in the end.

    So a picture beyond memory goes through a pipe, too, and nothing goes out unless it is whole.

    Args:
        inputs: Files and folders; `-` is standard input, and then the only one.
        output: File or folder; `-` is standard output, where standard input goes by default.
        ext: Format of the output, PNG by default.
        max_pixels: Pixels of a picture, at most: more bytes than they could take are not taken in.

    Raises:
        ValueError: If `-` stands beside other inputs or is to take several pictures, standard output is a terminal, or
            standard input holds too much. In errors from within, `-` stands for the temporary files, too.
    """
    from keras_lisr.batch.jobs import AS_INPUT, result_ending
    from keras_lisr.pictures.read import ending_of

    if STREAM in inputs and len(inputs) > 1:
        raise ValueError(f"IN must be - alone, for standard input, or files. Received: {', '.join(inputs)}")
    to_stdout = output == STREAM or (output is None and STREAM in inputs)
    if to_stdout and (len(inputs) != 1 or is_folder(inputs[0])):
        received = ", ".join(inputs) or "nothing"
        raise ValueError(f"IN must be one file where OUT is -, standard output. Received: {received}")
    for given, stream, name in ((STREAM in inputs, sys.stdin, "input"), (to_stdout, sys.__stdout__, "output")):
        if given and stream is None:
            raise ValueError(f"Standard {name} must be open where it is named. Received: '-', and it is closed")
    if to_stdout and sys.stdout.isatty():
        raise ValueError("OUT must be a file where standard output is a terminal. Received: '-'")
    named: dict[str, str] = {}
    with TemporaryDirectory(prefix="keras-lisr-") as folder:
        if STREAM in inputs:
            stdin = Path(folder, "stdin")
            with stdin.open("wb") as file:
                take_in(file, max_pixels)
            stdin = stdin.rename(stdin.with_suffix(ending_of(stdin))) if ext == AS_INPUT else stdin
            inputs, named[str(stdin)] = [str(stdin)], STREAM
        try:
            if not to_stdout:
                yield Files(inputs, output, ext, sys.stdout, named)
                return
            sent = Path(folder, f"stdout{result_ending(Path(inputs[0]), ext)}")
            named[str(sent)] = STREAM
            yield Files(inputs, str(sent), None, cast(TextIO, Renamed(sys.stderr, named)), named)
        except (ValueError, OSError) as error:
            raise type(error)(renamed(str(error), named)) from error
        if sent.exists():
            with sent.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def is_folder(given: str) -> bool:
    """Whether an input is a folder, on a disk or in a storage."""
    from keras_lisr.batch.jobs import as_file
    from keras_lisr.batch.storage import kind_of

    return given != STREAM and kind_of(as_file(given)) == "directory"


def take_in(file: BinaryIO, max_pixels: int | None) -> None:
    """Copies standard input.

    Raises:
        ValueError: If it is longer than a picture can be.
    """
    from keras_lisr.pictures.read import DEFAULT_MAX_PIXELS, copy_picture

    try:
        copy_picture(sys.stdin.buffer, file, max_pixels or DEFAULT_MAX_PIXELS)
    except ValueError as error:
        raise ValueError(f"IN must be a readable picture. Received: {STREAM!r} ({error})") from error


class Renamed:
    """A text stream to which files are told by other names.

    Args:
        stream: Where the text goes.
        names: Other names, by path.
    """

    def __init__(self, stream: TextIO, names: Mapping[str, str]):
        self._stream = stream
        self._names = names

    def write(self, text: str) -> int:
        """Writes the text with the other names."""
        return self._stream.write(renamed(text, self._names))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def renamed(text: str, names: Mapping[str, str]) -> str:
    """The text with other names for some files."""
    for path, name in names.items():
        text = text.replace(path, name)
    return text
