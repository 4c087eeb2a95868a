"""Reads picture files of any supported format, whole or not at all."""

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyvips

from keras_lisr.basics.tiff import find_page
from keras_lisr.pictures.formats import ANIMATIONS
from keras_lisr.pictures.kinds import ANIMATED, HEAD, kind_of, load
from keras_lisr.pictures.metadata import read_metadata
from keras_lisr.pictures.picture import PROFILE, Animation, Metadata, Picture
from keras_lisr.pictures.vips import DTYPES, TO_SRGB, interpret, one_line, to_array, to_rows
from keras_lisr.tiling.rows import Stream, bands_of

File = str | Path | BinaryIO

DEFAULT_MAX_PIXELS = 200_000_000  # As many as the largest sensors of phones have.
ANY_SIZE = 2**62
SERIES = ("AVIF", "HEIC")  # A file holds several pictures, one of which is the main one.
REORDERED = range(3, 9)  # Orientations that change the order of rows, or swap rows and columns.
OTHER_COLOURS = ("lab", "labs", "labq", "multiband")  # libvips' names of what is not grey, RGB or CMYK.


class Header(NamedTuple):
    """Header of a file.

    Args:
        height: Height of the upright picture, in pixels.
        width: Width of the upright picture, in pixels.
        channels: 1 for grey, 3 for RGB, and 1 more with alpha.
        depth: 8 or 16 bits of each channel.
        frames: Number of frames; 1 unless it is animated.
        format: Format as in `LOADERS`.
    """

    height: int
    width: int
    channels: int
    depth: int
    frames: int
    format: str


class OpenPicture(NamedTuple):
    """A file whose header was read.

    Args:
        image: The picture, upright, grey or RGB, not decoded yet; all frames one below the other, or the first.
        header: Header of the file.
        metadata: Metadata of the file.
        others: Number of other pictures in it: smaller copies, masks, or more of a series.
    """

    image: pyvips.Image
    header: Header
    metadata: Metadata
    others: int = 0


def picture_size(file: File, *, max_pixels: int = ANY_SIZE) -> Header:
    """Reads the header of a picture or an animation. Arguments and errors are those of `read_animation`."""
    with open_picture(file, max_pixels) as found:
        return found.header


def read_picture(file: File, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Reads a picture as it is meant to be seen, at the bit depth of its file.

    It is turned upright as EXIF says. Palettes become RGB, and so does CMYK, through its profile if it has one. RGB and
    grey values stay as they are and keep their profile. An alpha channel stays even if it is opaque.

    Args:
        file: Path, or stream from its beginning.
        max_pixels: Largest number of pixels.

    Returns:
        The picture: 8 bits, or 16 where the file has more than 8.

    Raises:
        ValueError: If the file does not exist, is broken, not a picture or too large, is animated, has several pages,
            or its values are not integers of 8 or 16 bits.

    Example:
        picture = read_picture("photo.jpg")
        picture.pixels.shape, picture.metadata.dpi
    """
    with open_picture(file, max_pixels) as found:
        check_single(found.header)
        return Picture(to_array(found.image), found.metadata)


def read_animation(file: File, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Animation:
    """Reads every frame of an animated GIF or WebP as it is seen, or the one frame of another picture.

    Args:
        file: Path, or stream from its beginning.
        max_pixels: Largest number of pixels, of all frames together.

    Raises:
        ValueError: As `read_picture`, but only for animations in other formats.
    """
    with open_picture(file, max_pixels, all_frames=True) as found:
        count, pixels = found.header.frames, to_array(found.image)
        frames = [Picture(frame, found.metadata) for frame in pixels.reshape(count, -1, *pixels.shape[1:])]
        timing = (found.image.get("delay"), found.image.get("loop")) if count > 1 else ([0], 1)
        return Animation(frames, *timing)


def read_strips(file: str | Path, max_pixels: int = DEFAULT_MAX_PIXELS) -> tuple[Stream, Metadata]:
    """Opens a picture, and returns its rows, which are decoded on demand, and its metadata: those of `read_picture`.

    libvips decodes WebP, AVIF, progressive JPEG and interlaced PNG as a whole, and unpacks pictures that have to be
    turned to a temporary file.

    Raises:
        ValueError: As `read_picture`; where the file is broken further down, when those rows are read.

    Example:
        rows, metadata = read_strips("large.tif")
        top, below = rows[:64], rows[64:128]
    """
    with open_picture(file, max_pixels) as found:
        check_single(found.header)
        rows = to_rows(found.image)

    def bands() -> Iterator[np.ndarray]:
        try:
            yield from bands_of(rows)
        except pyvips.Error as error:
            raise read_error(file, error) from error

    return Stream(bands(), rows.shape, rows.dtype), found.metadata


@contextmanager
def open_picture(file: File, max_pixels: int, all_frames: bool = False) -> Iterator[OpenPicture]:
    """Opens a file by its content. Any error inside the block becomes an error of the file, in one line.

    Args:
        file: Path, or stream from its beginning.
        max_pixels: Largest number of pixels, of all frames together.
        all_frames: Whether to decode all frames rather than the first.

    Raises:
        ValueError: As `read_animation`.
    """
    name = file if isinstance(file, str | Path) else getattr(file, "name", "stream")
    try:
        with open_file(file) if isinstance(file, str | Path) else io.BytesIO(file.read()) as stream:
            kind = kind_of(stream.read(HEAD))
            if kind == "PNG":
                check_png(stream)
            page, others = find_page(stream) if kind == "TIFF" else (0, 0)
            options: dict[str, Any] = {"page": page} if page else {}
            stored = load(stream, kind, **options)
            pages = stored.get("n-pages") if stored.get_typeof("n-pages") else 1
            frames = pages if kind in ANIMATIONS else 1
            if kind in SERIES:
                others = pages - 1
            elif kind != "TIFF" and pages > frames:
                raise ValueError(ANIMATED)
            pixels = stored.height * stored.width * frames
            if pixels > max_pixels:
                raise ValueError(
                    f"it has {pixels / 1e6:g} megapixels, more than {max_pixels / 1e6:g}; "
                    f"--max-pixels {pixels} lifts the limit"
                )
            if all_frames and frames > 1:
                options["n"] = -1
                stored = load(stream, kind, **options)
            orientation = stored.get("orientation") if stored.get_typeof("orientation") else 1
            if orientation in REORDERED:
                stored = load(stream, kind, access="random", **options)
            if orientation > 1 and "n" in options:
                stored = pyvips.Image.arrayjoin([page.autorot() for page in stored.pagesplit()], across=1)
            image = to_grey_or_rgb(stored.autorot() if orientation > 1 else stored)
            depth = 8 * DTYPES[image.format].itemsize
            height = image.height // (frames if all_frames else 1)
            header = Header(height, image.width, image.bands, depth, frames, kind)
            yield OpenPicture(image, header, read_metadata(image), others)
    except (pyvips.Error, ValueError, OSError, OverflowError) as error:
        raise read_error(name, error) from error


def read_error(name: object, error: Exception) -> ValueError:
    """Returns the error for a file that cannot be read."""
    return ValueError(f"`file` must be a readable picture. Received: file={str(name)!r} ({one_line(error)})")


def check_single(header: Header) -> None:
    """Raises a ValueError if a file is an animation."""
    if header.frames > 1:
        raise ValueError(f"it is animated, with {header.frames} frames; `read_animation` reads them")


def open_file(path: str | Path) -> BinaryIO:
    """Opens a regular file, or raises a ValueError. Pipes and devices might yield nothing, or too much."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError("it is a folder" if os.path.isdir(path) else "it is not a regular file")
    return open(path, "rb")


def to_grey_or_rgb(image: pyvips.Image) -> pyvips.Image:
    """Converts a picture to grey or RGB: CMYK through its profile. Raises a ValueError for other values and colours."""
    if image.interpretation == "cmyk":
        depth = 16 if image.format == "ushort" else 8
        image = image.icc_transform("srgb", input_profile="cmyk", depth=depth, **TO_SRGB)
        image = image.copy()
        image.remove(PROFILE)
    if image.format not in DTYPES:
        raise ValueError(f"its values are of type {image.format}; integers of 8 or 16 bits can be read")
    if image.interpretation in OTHER_COLOURS:
        raise ValueError(f"its colours are {image.interpretation}; grey, RGB and CMYK can be read")
    most = 2 if image.interpretation in ("b-w", "grey16") else 4
    return interpret(image[:most] if image.bands > most else image)


def check_png(stream: BinaryIO) -> None:
    """Raises a ValueError if a PNG is animated: libvips would read its first frame."""
    stream.seek(8)
    while len(start := stream.read(8)) == 8 and start[4:] != b"IDAT":
        if start[4:] == b"acTL":
            raise ValueError(ANIMATED)
        stream.seek(struct.unpack(">I", start[:4])[0] + 4, io.SEEK_CUR)
