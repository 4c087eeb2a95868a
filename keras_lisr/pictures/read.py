"""Files in, pictures out: read as what they are, whole or refused."""

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

import numpy as np
import pyvips

from keras_lisr.pictures.formats import FORMATS
from keras_lisr.pictures.metadata import read_metadata
from keras_lisr.pictures.picture import PROFILE, Animation, Metadata, Picture
from keras_lisr.pictures.vips import DTYPES, TO_SRGB, interpret, one_line, to_array, to_rows
from keras_lisr.tiling.rows import Stream

File = str | Path | BinaryIO

DEFAULT_MAX_PIXELS = 200_000_000  # What the largest sensors of phones have.
ANY_SIZE = 2**62
MOST_FRAMES = 10_000  # Of an animation: each takes its time, even if it is a few bytes long.
# A stream is copied: pixels in 16 bits without compression, and what stands beside.
BYTES_PER_PIXEL, BYTES_BESIDE = 8, 2**26
COPIED_AT_ONCE = 2**20
HEAD = 64  # Bytes that tell what a file is.
LOADERS = {"PNG": "pngload", "JPEG": "jpegload", "WEBP": "webpload", "TIFF": "tiffload", "GIF": "gifload"} | {
    "AVIF": "heifload"
}
ANIMATED = ("GIF", "WEBP")
REORDERED = range(3, 9)  # Orientations whose rows come in another order, or as columns.
LAB = ("lab", "labs", "labq")  # What libvips calls it.
MOST_TAGS = 2**12
COMPRESSION, PHOTOMETRIC = 259, 262  # Tags of TIFF,
JPEG, YCBCR = 7, 6  # and what they may say.


class Header(NamedTuple):
    """What the header of a file says.

    Args:
        height: Of the upright picture, in pixels.
        width: Likewise.
        channels: 1 for grey, 3 for RGB, and 1 more with alpha.
        depth: 8 or 16 bits of each channel.
        frames: 1 unless it is animated.
        format: PNG, JPEG, WEBP, TIFF, GIF or AVIF.
    """

    height: int
    width: int
    channels: int
    depth: int
    frames: int
    format: str


class Opened(NamedTuple):
    """A file of which the header was read.

    Args:
        image: The picture, upright, grey or RGB, of which nothing is decoded yet; the frames of an animation one below
            the other.
        header: What the file says of it.
        metadata: Likewise.
    """

    image: pyvips.Image
    header: Header
    metadata: Metadata


class TooLargeError(ValueError):
    """A picture has more pixels than were allowed."""


def picture_size(file: File, *, max_pixels: int = ANY_SIZE) -> Header:
    """Reads the header of a picture, or of an animation.

    Args:
        file: Path, or stream from its beginning.
        max_pixels: Height times width times frames, at most.

    Raises:
        ValueError: If it cannot be read, is too large, has several pages, or holds values that are not of 8 or 16 bits.
    """
    with opened(file, max_pixels) as found:
        return found.header


def ending_of(file: File) -> str:
    """The ending that a picture in a file should have; empty if it is none."""
    try:
        kind = picture_size(file).format
    except ValueError:
        return ""
    return next(ending for ending, found in FORMATS.items() if found.name == kind)


def read_picture(file: File, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Reads a picture as it is meant to be seen, with the bits that its header says.

    It is turned upright as EXIF says. Palettes become RGB, and so does CMYK, through its profile if it has one. The
    numbers of RGB and grey stay as they are, and their profile is kept. Transparency is kept even if it hides nothing.

    Args:
        file: Path, or stream from its beginning.
        max_pixels: Height times width, at most.

    Returns:
        The picture: 8 bits, or 16 where the file has more than 8.

    Raises:
        ValueError: If there is no such file, it is broken, no picture, or too large, has several frames or pages, or
            values that are not of 8 or 16 bits.

    Example:
        picture = read_picture("photo.jpg")
        picture.pixels.shape, picture.metadata.dpi
    """
    with opened(file, max_pixels) as found:
        check_single(found.header)
        return Picture(to_array(found.image), found.metadata)


def read_animation(file: File, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Animation:
    """Reads every frame of an animated GIF or WebP, as it is seen; of another picture, its one frame.

    Args:
        file: Path, or stream from its beginning.
        max_pixels: Height times width times frames, at most.

    Raises:
        ValueError: As `read_picture`, but for frames.
    """
    with opened(file, max_pixels, all_frames=True) as found:
        count = found.header.frames
        pixels = to_array(found.image)
        frames = [Picture(frame, found.metadata) for frame in pixels.reshape(count, -1, *pixels.shape[1:])]
        if count == 1:
            return Animation(frames, [0], 1)
        return Animation(frames, found.image.get("delay"), found.image.get("loop"))


class StripReader:
    """Rows of a picture in a file, decoded when they are asked for; a context manager.

    They are those of `read_picture`. WebP, AVIF, progressive JPEG and interlaced PNG are decoded as a whole in libvips,
    and pictures that have to be turned are unpacked to a temporary file.

    Args:
        path: Any picture.
        max_pixels: Height times width, at most.

    Raises:
        ValueError: As `read_picture`.

    Example:
        with StripReader("large.tif") as rows:
            top, below = rows[:64], rows[64:128]
    """

    def __init__(self, path: str | Path, max_pixels: int = DEFAULT_MAX_PIXELS):
        with opened(path, max_pixels) as found:
            check_single(found.header)
            self.metadata = found.metadata
            self._rows: Stream | None = to_rows(found.image)
        self.shape, self.dtype = self._rows.shape, self._rows.dtype
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._rows = None  # With it go libvips' own handles of the file.

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        """Some rows, `(stop - start, width, channels)`; those above are let go.

        Raises:
            IndexError: If rows are asked for that were let go.
            ValueError: If the file is broken there, or was closed.
        """
        if self._rows is None:
            raise ValueError(f"`rows` must be asked for before the file is closed. Received: {str(self._path)!r}")
        try:
            return self._rows[rows]
        except pyvips.Error as error:
            raise unreadable(self._path, error) from error


@contextmanager
def opened(file: File, max_pixels: int, all_frames: bool = False) -> Iterator[Opened]:
    """Opens a file as what its content says. Whatever goes wrong meanwhile is one error of one line.

    Args:
        file: Path, or stream from its beginning.
        max_pixels: Pixels of all frames, at most.
        all_frames: Whether to decode all of them, or the first one.

    Raises:
        ValueError: If it is no picture, is broken, or too large.
    """
    name = file if isinstance(file, str | Path) else getattr(file, "name", "stream")
    try:
        with open_file(file) if isinstance(file, str | Path) else seekable(file, max_pixels) as stream:
            kind = kind_of(stream.read(HEAD))
            if kind == "PNG":
                check_png(stream)
            if kind == "TIFF":
                check_tiff(stream)
            stored = load(stream, kind)
            frames = stored.get("n-pages") if stored.get_typeof("n-pages") and kind != "AVIF" else 1
            if frames > 1 and kind not in ANIMATED:
                raise ValueError(f"it has {frames} pages")
            if frames > MOST_FRAMES:
                raise ValueError(f"it has {frames} frames; {MOST_FRAMES} can be read")
            pixels = stored.height * stored.width * frames
            if pixels > max_pixels:
                raise TooLargeError(
                    f"`file` must be a picture of at most {max_pixels / 1e6:g} megapixels. Received: "
                    f"file={str(name)!r}, {pixels / 1e6:g} megapixels; --max-pixels {pixels} lifts the limit"
                )
            if all_frames and frames > 1:
                stored = load(stream, kind, n=-1)
            image = in_grey_or_rgb(upright(stored, stream, kind))
            height = image.height // frames if all_frames else image.height
            depth = 8 * DTYPES[image.format].itemsize
            header = Header(height, image.width, image.bands, depth, frames, kind)
            yield Opened(image, header, read_metadata(stored, image))
    except TooLargeError:
        raise
    except (pyvips.Error, ValueError, OSError, OverflowError) as error:
        raise unreadable(name, error) from error


def unreadable(name: object, error: Exception) -> ValueError:
    """What to raise for a file that is no picture, or a broken one."""
    return ValueError(f"`file` must be a readable picture. Received: file={str(name)!r} ({one_line(error)})")


def check_single(header: Header) -> None:
    """Checks that a file is no animation.

    Raises:
        ValueError: If it is.
    """
    if header.frames > 1:
        raise ValueError(f"it has {header.frames} frames; they are read as an animation")


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


@contextmanager
def seekable(stream: BinaryIO, max_pixels: int) -> Iterator[BinaryIO]:
    """What a stream holds, which stays open.

    Raises:
        ValueError: If it holds more than a picture could take.
    """
    content = io.BytesIO()
    copy_picture(stream, content, max_pixels)
    content.seek(0)
    yield content


def copy_picture(stream: BinaryIO, target: BinaryIO, max_pixels: int) -> None:
    """Copies what a stream holds, if a picture can be that long.

    Raises:
        ValueError: If it holds more.
    """
    most = left = min(max_pixels, 2**40) * BYTES_PER_PIXEL + BYTES_BESIDE
    while content := stream.read(min(COPIED_AT_ONCE, left + 1)):
        left -= len(content)
        if left < 0:
            raise ValueError(f"it is longer than {most} bytes")
        target.write(content)


def kind_of(head: bytes) -> str:
    """The format of a file that begins so.

    Raises:
        ValueError: If it is none that can be read.
    """
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and b"avif" in head:
        return "AVIF"
    raise ValueError(f"it is none of {', '.join(LOADERS)}, or a broken one")


def load(stream: BinaryIO, kind: str, access: str = "sequential", **options: int) -> pyvips.Image:
    """A file as libvips opens it, which stops at the first error.

    Args:
        stream: The file.
        kind: Its format.
        access: "sequential", if the rows are to be read from top to bottom, or "random".
        **options: Of the loader.
    """
    stream.seek(0)
    try:
        source = pyvips.Source.new_from_descriptor(stream.fileno())
        loader = f"{LOADERS[kind]}_source"
    except OSError:  # A stream in memory.
        source, loader = stream.read(), f"{LOADERS[kind]}_buffer"
    # The loader by its name: libvips would also give files to others, which strangers' should not see.
    return getattr(pyvips.Image, loader)(source, access=access, fail_on="error", **options)


def upright(stored: pyvips.Image, stream: BinaryIO, kind: str) -> pyvips.Image:
    """A picture turned as its orientation says; its frames are not, which have none."""
    orientation = stored.get("orientation") if stored.get_typeof("orientation") else 1
    if orientation in REORDERED and kind not in ANIMATED:
        stored = load(stream, kind, access="random")
    return stored.autorot() if orientation > 1 else stored


def in_grey_or_rgb(image: pyvips.Image) -> pyvips.Image:
    """A picture as grey or RGB, with alpha or without: CMYK goes through its profile.

    Raises:
        ValueError: If it has other than 8 or 16 bits, or none of these colours.
    """
    depth = 16 if image.format in ("ushort", "short") else 8
    if image.interpretation == "cmyk":
        image = image.icc_transform("srgb", input_profile="cmyk", depth=depth, **TO_SRGB)
        image = image.copy()
        image.remove(PROFILE)
    elif image.interpretation in LAB:
        image = image.colourspace("rgb16" if depth == 16 else "srgb")
    if image.format not in DTYPES:
        raise ValueError(f"its values are of type {image.format}; integers of 8 or 16 bits can be read")
    if image.interpretation == "multiband":
        raise ValueError(f"it has {image.bands} channels that are no colours")
    most = 2 if image.interpretation in ("b-w", "grey16") else 4
    return interpret(image[:most] if image.bands > most else image)


def check_png(stream: BinaryIO) -> None:
    """Checks that a PNG is not animated, of which libvips would see a single frame.

    Raises:
        ValueError: If it is.
    """
    stream.seek(8)
    while len(start := stream.read(8)) == 8 and start[4:] != b"IDAT":
        if start[4:] == b"acTL":
            raise ValueError("it is an animated PNG; of animations, GIF and WebP can be read")
        stream.seek(struct.unpack(">I", start[:4])[0] + 4, io.SEEK_CUR)


def check_tiff(stream: BinaryIO) -> None:
    """Checks that a TIFF does not hold YCbCr beyond JPEG, which libvips would take for RGB.

    Raises:
        ValueError: If it does.
    """
    stream.seek(0)
    order = "<" if stream.read(2) == b"II" else ">"
    is_big = struct.unpack(f"{order}H", stream.read(2))[0] == 43
    stream.seek(8 if is_big else 4)
    wide, count_format, entry_format = ("Q", "Q", "HHQH6x") if is_big else ("I", "H", "HHIH2x")

    def read(fields: str) -> tuple[int, ...]:
        content = stream.read(struct.calcsize(f"={fields}"))
        return struct.unpack(f"{order}{fields}", content.ljust(struct.calcsize(f"={fields}"), b"\0"))

    stream.seek(read(wide)[0])
    (count,) = read(count_format)
    tags = {tag: value for tag, _, _, value in (read(entry_format) for _ in range(min(count, MOST_TAGS)))}
    if tags.get(PHOTOMETRIC) == YCBCR and tags.get(COMPRESSION) != JPEG:
        raise ValueError("it is a TIFF in YCbCr without JPEG")
