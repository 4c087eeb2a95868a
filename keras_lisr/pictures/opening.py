"""Opening files of which nothing is known: their content says what they are, and bounds hold before it is decoded."""

import ctypes
import functools
import io
import logging
import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import PIL
from PIL import Image, UnidentifiedImageError

from keras_lisr.pictures.png_chunks import Chunk, read_chunks
from keras_lisr.whole_files import reason

File = str | Path | BinaryIO

DEFAULT_MAX_PIXELS = 200_000_000  # What the largest sensors of phones have.
# Not all that Pillow knows: EPS would be run by Ghostscript, and a few are only recognized, or drawings of text.
DECODERS = (
    *("PNG", "JPEG", "WEBP", "TIFF", "BMP", "AVIF", "GIF", "PSD", "PPM", "JPEG2000", "TGA", "ICO", "ICNS"),
    *("DIB", "PCX", "SGI", "QOI", "DDS"),
)
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Pillow allocates all pixels of a GIF to read its header, those of an animated one twice.
GIF_MAGIC = b"GIF8"
GIF_HEADER_BYTES = 2
# A progressive picture has about ten. Each takes time for all pixels, even if it is a few bytes long.
MOST_SCANS = 500
MOST_SEGMENTS = 10_000
# A marker of a JPEG that is no restart within a scan; in a scan, 0 stands behind a byte of 255 that is none.
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
CODESTREAM = b"\xff\x4f"  # What a JPEG 2000 begins with.
FILLED_UP = 64  # With zeros behind its end, at most.
START_OF_IMAGE, END_OF_IMAGE, START_OF_SCAN = 0xD8, 0xD9, 0xDA
# Bytes of a value, by the type that a tag of a TIFF says.
TYPE_SIZES = np.array([0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8, 0], float)
MOST_TAGS = 2**16
MOST_DIRECTORIES = 1000  # Pages of a TIFF; each may ask for all of its tags to be read.
# A stream that cannot be searched is copied: pixels in 16 bits without compression, and what stands beside.
BYTES_PER_PIXEL, BYTES_BESIDE = 8, 2**26
COPIED_AT_ONCE = 2**20
SEARCHED_AT_ONCE = 2**16


class Opened(NamedTuple):
    """A file of which the header was read.

    Args:
        stream: Its content.
        image: Pillow's image of it; None if it is a TIFF of a kind that Pillow does not know.
        chunks: Of a PNG: those that Pillow does not hand on.
        scans: Of a JPEG.
    """

    stream: BinaryIO
    image: Any
    chunks: tuple[Chunk, ...] = ()
    scans: int = 1


class TooManyPixels(Image.DecompressionBombError):
    """More pixels than were allowed, by a limit of ours; the message begins with their number."""


class PillowLimits:
    """Bounds what Pillow opens, and keeps its warnings to itself; several threads may be within.

    Both are global to Pillow and Python, so the first one in changes and the last one out restores them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside: list[int] = []
        self._restore = ExitStack()

    @contextmanager
    def __call__(self, max_pixels: int) -> Iterator[None]:
        """Lets Pillow raise for more pixels than that."""
        with self._lock:
            if not self._inside:
                self._restore.enter_context(warnings.catch_warnings())
                warnings.filterwarnings("ignore", module=r"PIL\b")
                self._restore.callback(setattr, Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
            self._inside.append(max_pixels)
            self._set()
        try:
            yield
        finally:
            with self._lock:
                self._inside.remove(max_pixels)
                if self._inside:
                    self._set()
                else:
                    self._restore.close()

    def _set(self) -> None:
        # Pillow warns from this number on, and raises above twice as many.
        Image.MAX_IMAGE_PIXELS = max(self._inside) / 2  # type: ignore[assignment]


pillow_limits = PillowLimits()
logging.getLogger("PIL").addHandler(logging.NullHandler())  # Without one, what it logs of broken files is printed.


@contextmanager
def opened(file: File, max_pixels: int, max_gif_pixels: int = DEFAULT_MAX_PIXELS) -> Iterator[Opened]:
    """Opens a file as what its content says. Whatever goes wrong meanwhile is one error of one line.

    Args:
        file: Path, or stream from its beginning.
        max_pixels: Pixels of a picture in it, at most.
        max_gif_pixels: Likewise, if it is a GIF: what reading its header takes grows with them.

    Raises:
        ValueError: If it is no picture, is broken, or too large.
    """
    name = file if isinstance(file, str | Path) else getattr(file, "name", "stream")
    try:
        with ExitStack() as stack:
            if isinstance(file, str | Path):
                stream = stack.enter_context(open_file(file))
            else:
                stream = seekable(file, max_pixels)
            start = stream.read(4)
            if start == GIF_MAGIC:
                max_pixels = min(max_pixels, max_gif_pixels)
            if start in TIFF_MAGIC:
                silence_libtiff()
                check_tags(stream)
            stack.enter_context(pillow_limits(max_pixels))
            stream.seek(0)
            try:
                image = Image.open(stream, formats=DECODERS)
            except UnidentifiedImageError as error:
                if start not in TIFF_MAGIC:
                    raise ValueError("it is no picture of a known kind, or a broken one") from error
                image = None
            scans = scans_of(stream) if image and image.format in ("JPEG", "MPO") else 1
            if image and image.format == "JPEG2000":
                check_end(stream)
            chunks: tuple[Chunk, ...] = ()
            if image and image.format == "PNG":
                chunks, late = read_chunks(stream)
                image.info.update(late)
            stream.seek(0)
            yield Opened(stream, image, chunks, scans)
    except Image.DecompressionBombError as error:
        pixels = int(re.search(r"\d+", str(error)).group())  # type: ignore[union-attr]
        # What Pillow itself refuses of a GIF stays refused.
        is_fixed = start == GIF_MAGIC and pixels > max_gif_pixels and not isinstance(error, TooManyPixels)
        raise ValueError(too_large(name, pixels, max_pixels, is_fixed)) from error
    except Exception as error:  # Decoders raise a dozen types for broken files.
        raise unreadable(name, error) from error


def unreadable(name: object, error: Exception) -> ValueError:
    """What to raise for a file that is no picture, or a broken one."""
    return ValueError(f"`file` must be a readable picture. Received: file={str(name)!r} ({one_line(error)})")


@functools.cache
def silence_libtiff() -> None:
    """Lets the libtiff of Pillow print nothing: what is wrong with a file, the exception says."""
    packages = Path(PIL.__file__).parents[1]
    for library in (*packages.glob("pillow.libs/libtiff*"), *packages.glob("PIL/.dylibs/libtiff*")):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(str(library)).TIFFSetErrorHandler(None)


def open_file(path: str | Path) -> BinaryIO:
    """Opens a file, but no folder, pipe or device, from which nothing or too much might come.

    Raises:
        OSError: If it cannot be opened.
        ValueError: If it is none, or empty.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError("it is a folder" if os.path.isdir(path) else "it is no file")
    if not os.path.getsize(path):
        raise ValueError("the file is empty")
    return open(path, "rb")


def seekable(stream: BinaryIO, max_pixels: int) -> BinaryIO:
    """A stream, or what it holds if it cannot be searched.

    Raises:
        ValueError: If it holds more than a picture could take.
    """
    if stream.seekable():
        return stream
    content = io.BytesIO()
    copy_picture(stream, content, max_pixels)
    content.seek(0)
    return content


def copy_picture(stream: BinaryIO, target: BinaryIO, max_pixels: int) -> None:
    """Copies what a stream holds, if a picture can be that long.

    Raises:
        ValueError: If it holds more.
    """
    most = left = max_pixels * BYTES_PER_PIXEL + BYTES_BESIDE
    while content := stream.read(min(COPIED_AT_ONCE, left + 1)):
        left -= len(content)
        if left < 0:
            raise ValueError(f"it is longer than {most} bytes")
        target.write(content)


def rewind(stream: BinaryIO) -> None:
    """Goes to the beginning of a file that libvips may have read: it moves the position under the stream's buffer."""
    stream.seek(0, io.SEEK_END)  # Unlike a position within the buffer, this is asked of the system.
    stream.seek(0)


def scans_of(stream: BinaryIO) -> int:
    """How many scans a JPEG has, which must not ask for endless work in a few bytes.

    Only what a decoder follows is counted: neither what segments hold, such as thumbnails, nor what stands behind the
    end, such as a phone's video.

    Raises:
        ValueError: If it has too many scans or segments.
    """
    scans = position = 0
    for _ in range(MOST_SEGMENTS):
        marker, position = next_marker(stream, position)
        if marker in (None, END_OF_IMAGE):
            return scans
        scans += marker == START_OF_SCAN
        if scans > MOST_SCANS:
            raise ValueError(f"it has more than {MOST_SCANS} scans")
        if marker != START_OF_IMAGE:
            stream.seek(position)
            position += int.from_bytes(stream.read(2), "big")
    raise ValueError(f"it has more than {MOST_SEGMENTS} segments")


def check_end(stream: BinaryIO) -> None:
    """Checks that a JPEG 2000 is there to its end marker: tiles that are missing would be black without an error.

    Raises:
        ValueError: If it is cut off.
    """
    end = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if stream.read(len(CODESTREAM)) != CODESTREAM:  # It stands in one of several boxes.
        position = 0
        for _ in range(MOST_SEGMENTS):
            stream.seek(position)
            length, kind = int.from_bytes(stream.read(4), "big"), stream.read(4)
            if length == 1:  # What is longer than 4 GiB says it behind.
                length = int.from_bytes(stream.read(8), "big")
            position += length or end - position  # 0 is the rest of the file.
            if kind == b"jp2c" or length < 8:
                break
        end = position
    stream.seek(max(0, end - FILLED_UP))
    if not stream.read(min(end, FILLED_UP)).rstrip(b"\0").endswith(bytes([0xFF, END_OF_IMAGE])):
        raise ValueError("it is cut off")


def next_marker(stream: BinaryIO, position: int) -> tuple[int | None, int]:
    """The next marker of a JPEG, None if there is none, and the position behind it.

    A file that is mapped into memory would be part of the process wherever it was searched.
    """
    stream.seek(position)
    content = b""
    while read := stream.read(SEARCHED_AT_ONCE):
        content = content[-1:] + read
        if marker := MARKER.search(content):
            return marker[0][1], stream.tell() - len(content) + marker.end()
    return None, position


def check_tags(stream: BinaryIO) -> None:
    """Checks that the tags of a TIFF do not say the same bytes many times over, which Pillow below 13 would all keep.

    Raises:
        ValueError: If they are longer than the file, together.
    """
    length = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    header = stream.read(16).ljust(16, b"\0")
    order, is_big = "<" if header.startswith(b"I") else ">", 43 in header[2:4]
    integer, count_type = f"{order}u{8 if is_big else 4}", f"{order}u{8 if is_big else 2}"
    entry = np.dtype([("tag", f"{order}u2"), ("type", f"{order}u2"), ("count", integer), ("value", integer)])
    position = int(np.frombuffer(header, integer, 1, 8 if is_big else 4)[0])
    total, seen = 0.0, set()
    while position not in seen and 0 < position < length:
        seen.add(position)
        if len(seen) > MOST_DIRECTORIES:
            raise ValueError(f"it has more than {MOST_DIRECTORIES} pages")
        stream.seek(position)
        count = np.frombuffer(stream.read(np.dtype(count_type).itemsize).ljust(8, b"\0"), count_type, 1)[0]
        content = stream.read(min(int(count), MOST_TAGS) * entry.itemsize)
        tags = np.frombuffer(content, entry, len(content) // entry.itemsize)
        total += float((tags["count"] * TYPE_SIZES[np.minimum(tags["type"], len(TYPE_SIZES) - 1)]).sum())
        if total > length:
            raise ValueError("its tags are longer than the file")
        position = int(np.frombuffer(stream.read(8).ljust(8, b"\0"), integer, 1)[0])


def too_large(name: object, pixels: int, max_pixels: int, is_fixed: bool) -> str:
    """What to say of a picture with too many pixels, where the limit can be lifted and where not."""
    within = ", as a GIF within that `memory`" if max_pixels < DEFAULT_MAX_PIXELS else ", as a GIF"
    return (
        f"`file` must be a picture of at most {max_pixels / 1e6:g} megapixels{within if is_fixed else ''}. "
        f"Received: file={str(name)!r}, {pixels / 1e6:g} megapixels"
        f"{'' if is_fixed else f'; --max-pixels {pixels} lifts the limit'}"
    )


def one_line(error: Exception) -> str:
    """What went wrong, in printable characters; libvips says the same again and again."""
    lines = (" ".join(line.split()) for line in reason(error).splitlines())
    text = " ".join(dict.fromkeys(lines))
    return "".join(character if character.isprintable() else "?" for character in text)[:300]
