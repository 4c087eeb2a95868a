"""Files in, pictures out: read as what they are, whole or refused."""

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
from keras_lisr.pictures.kinds import HEAD, kind_of, load
from keras_lisr.pictures.metadata import read_metadata
from keras_lisr.pictures.picture import PROFILE, Animation, Metadata, Picture
from keras_lisr.pictures.vips import DTYPES, TO_SRGB, interpret, one_line, to_array, to_rows
from keras_lisr.tiling.rows import Stream, bands_of

File = str | Path | BinaryIO

DEFAULT_MAX_PIXELS = 200_000_000  # What the largest sensors of phones have.
ANY_SIZE = 2**62
MOST_FRAMES = 10_000  # Of an animation: each takes its time, even if it is a few bytes long.
ANIMATED = ("GIF", "WEBP")
SERIES = ("AVIF", "HEIC")  # Of pictures, one of which is the main one.
REORDERED = range(3, 9)  # Orientations whose rows come in another order, or as columns.
OTHER_COLOURS = ("lab", "labs", "labq", "multiband")  # What libvips calls those that are neither grey, RGB nor CMYK.


class Header(NamedTuple):
    """What the header of a file says.

    Args:
        height: Of the upright picture, in pixels.
        width: Likewise.
        channels: 1 for grey, 3 for RGB, and 1 more with alpha.
        depth: 8 or 16 bits of each channel.
        frames: 1 unless it is animated.
        format: As `LOADERS` names it.
    """

    height: int
    width: int
    channels: int
    depth: int
    frames: int
    format: str


class OpenPicture(NamedTuple):
    """A file of which the header was read.

    Args:
        image: The picture, upright, grey or RGB, of which nothing is decoded yet; the frames of an animation one below
            the other.
        header: What the file says of it.
        metadata: Likewise.
        others: How many pictures it holds beside: smaller copies, masks, or more of a series.
    """

    image: pyvips.Image
    header: Header
    metadata: Metadata
    others: int = 0


def picture_size(file: File, *, max_pixels: int = ANY_SIZE) -> Header:
    """Reads the header of a picture, or of an animation.

    Args:
        file: Path, or stream from its beginning.
        max_pixels: Height times width times frames, at most.

    Raises:
        ValueError: If it cannot be read, is too large, has several pages, or holds values that are not of 8 or 16 bits.
    """
    with open_picture(file, max_pixels) as found:
        return found.header


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
    with open_picture(file, max_pixels) as found:
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
    with open_picture(file, max_pixels, all_frames=True) as found:
        count = found.header.frames
        pixels = to_array(found.image)
        frames = [Picture(frame, found.metadata) for frame in pixels.reshape(count, -1, *pixels.shape[1:])]
        if count == 1:
            return Animation(frames, [0], 1)
        return Animation(frames, found.image.get("delay"), found.image.get("loop"))


def read_strips(file: str | Path, max_pixels: int = DEFAULT_MAX_PIXELS) -> tuple[Stream, Metadata]:
    """Opens a picture whose rows are decoded when they are asked for.

    They are those of `read_picture`. WebP, AVIF, progressive JPEG and interlaced PNG are decoded as a whole in libvips,
    and pictures that have to be turned are unpacked to a temporary file.

    Args:
        file: Path.
        max_pixels: Height times width, at most.

    Returns:
        The rows, and what the file says of the picture.

    Raises:
        ValueError: As `read_picture`; where the file turns out to be broken further down, when that is read.

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
        with open_file(file) if isinstance(file, str | Path) else io.BytesIO(file.read()) as stream:
            kind = kind_of(stream.read(HEAD))
            if kind == "PNG":
                check_png(stream)
            page, others = find_page(stream) if kind == "TIFF" else (0, 0)
            options: dict[str, Any] = {"page": page} if page else {}
            stored = load(stream, kind, **options)
            pages = stored.get("n-pages") if stored.get_typeof("n-pages") else 1
            frames = pages if kind in ANIMATED else 1
            if kind in SERIES:
                others = pages - 1
            elif kind == "JPEG XL" and pages > 1:
                raise ValueError("it is an animated JPEG XL; of animations, GIF and WebP can be read")
            if frames > MOST_FRAMES:
                raise ValueError(f"it has {frames} frames; {MOST_FRAMES} can be read")
            pixels = stored.height * stored.width * frames
            if pixels > max_pixels:
                raise ValueError(
                    f"it has {pixels / 1e6:g} megapixels, more than {max_pixels / 1e6:g}; "
                    f"--max-pixels {pixels} lifts the limit"
                )
            if all_frames and frames > 1:
                stored = load(stream, kind, n=-1)
            orientation = stored.get("orientation") if stored.get_typeof("orientation") else 1
            if orientation in REORDERED and kind not in ANIMATED:
                stored = load(stream, kind, access="random", **options)
            image = to_grey_or_rgb(stored.autorot() if orientation > 1 else stored)
            height = image.height // frames if all_frames else image.height
            depth = 8 * DTYPES[image.format].itemsize
            header = Header(height, image.width, image.bands, depth, frames, kind)
            yield OpenPicture(image, header, read_metadata(image), others)
    except (pyvips.Error, ValueError, OSError, OverflowError) as error:
        raise read_error(name, error) from error


def read_error(name: object, error: Exception) -> ValueError:
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
        ValueError: If it is none.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError("it is a folder" if os.path.isdir(path) else "it is no file")
    return open(path, "rb")


def to_grey_or_rgb(image: pyvips.Image) -> pyvips.Image:
    """A picture as grey or RGB, with alpha or without: CMYK goes through its profile.

    Raises:
        ValueError: If it has other than 8 or 16 bits, or none of these colours.
    """
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
    """Checks that a PNG is not animated, of which libvips would see a single frame.

    Raises:
        ValueError: If it is.
    """
    stream.seek(8)
    while len(start := stream.read(8)) == 8 and start[4:] != b"IDAT":
        if start[4:] == b"acTL":
            raise ValueError("it is an animated PNG; of animations, GIF and WebP can be read")
        stream.seek(struct.unpack(">I", start[:4])[0] + 4, io.SEEK_CUR)
