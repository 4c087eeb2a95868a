"""Writes picture files, whole or not at all."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyvips

from keras_lisr.basics.whole_files import write_whole
from keras_lisr.pictures.formats import Format, check_fits, check_quality, check_transparency, format_of
from keras_lisr.pictures.metadata import add_metadata, flags_of
from keras_lisr.pictures.picture import PROFILE, Animation, Metadata, Picture, is_opaque
from keras_lisr.pictures.vips import DTYPES, Feed, from_array, interpret, one_line, png_parts, to_srgb
from keras_lisr.tiling.rows import Rows

LARGEST_CLASSIC_TIFF = 3 * 2**30  # The format ends at 4 GiB; deflating may need some for data that it cannot shrink.
READ_AT_ONCE = 2**16


def prepare(image: pyvips.Image, metadata: Metadata, known: Format, strip_metadata: bool = False) -> pyvips.Image:
    """Converts a picture to the depth and colours of a format, and adds its metadata."""
    if metadata.icc_profile and (strip_metadata or PROFILE not in known.holds):
        image = to_srgb(image, metadata.icc_profile)
    if known.depth == 8 and DTYPES[image.format].itemsize == 2:
        image = interpret(image.linear(1 / 257, 0.5, uchar=True))  # Rounded to the nearest.
    return add_metadata(image, Metadata() if strip_metadata else metadata)


def save(image: pyvips.Image, stream: BinaryIO, known: Format, quality: int | None = None) -> None:
    """Writes a picture to a file that is open for reading and writing, or raises an OSError."""
    options: dict[str, Any] = known.options | {"keep": flags_of(image)}
    if known.quality:
        options["Q"] = quality or known.quality
    if known.name == "TIFF":
        size = image.width * image.height * image.bands * DTYPES[image.format].itemsize
        options["bigtiff"] = size > LARGEST_CLASSIC_TIFF
    if known.name == "AVIF":
        options["bitdepth"] = 8 if image.format == "uchar" else known.depth
    saver = "heif" if known.name == "AVIF" else known.name.lower()
    # Not by the file's name, in which libvips would read brackets as options.
    target = pyvips.Target.new_to_descriptor(stream.fileno())
    try:
        getattr(image, f"{saver}save_target")(target, **options)
    except pyvips.Error as error:
        raise OSError(one_line(error)) from error


def write_picture(
    picture: Picture | Animation, file: str | Path, *, quality: int | None = None, strip_metadata: bool = False
) -> None:
    """Writes a picture under a temporary name beside `file` and renames it, so that there is never half a file.

    An existing file is replaced. JPEG, WebP and AVIF have quality 95 by default, JPEG and AVIF without chroma
    subsampling. Colours whose profile is not written are converted to sRGB, and 16 bits are rounded where the format
    has fewer. libvips writes the metadata that the format can hold. An opaque alpha channel is left out where the
    format has none.

    Args:
        picture: Picture or animation to write; an animation with a single frame is a picture.
        file: File to write, in the format of its suffix.
        quality: From 1 to 100, for formats that have one.
        strip_metadata: Whether to write pixels only.

    Raises:
        ValueError: If the suffix is unknown, or the format cannot hold the picture or has no quality.
        OSError: If the file cannot be written.
    """
    check_quality(file, quality)
    known = format_of(file)
    frames = [picture] if isinstance(picture, Picture) else picture.frames
    first, count = frames[0], len(frames)
    check_fits(file, first.pixels.shape[0], first.pixels.shape[1], count)
    pixels = np.concatenate([frame.pixels for frame in frames]) if count > 1 else first.pixels
    if first.has_alpha and not known.alpha:
        if not is_opaque(pixels):
            check_transparency(file)
        pixels = pixels[..., :-1]
    image = prepare(from_array(pixels), first.metadata, known, strip_metadata)
    if isinstance(picture, Animation) and count > 1:
        image.set_type(pyvips.GValue.gint_type, "page-height", image.height // count)
        image.set_type(pyvips.GValue.gint_type, "loop", picture.loop)
        image.set_type(pyvips.GValue.array_int_type, "delay", picture.durations)
    with write_whole(Path(file)) as partial, partial.open("w+b") as stream:
        save(image, stream, known, quality)


def write_rows(
    rows: Rows, metadata: Metadata, file: str | Path, *, quality: int | None = None, strip_metadata: bool = False
) -> None:
    """Writes a picture, of which only some rows at a time are in memory, whole or not at all.

    The encoders of WebP, AVIF and GIF hold it as a whole nevertheless. Options are those of `write_picture`.

    Raises:
        ValueError: As `write_picture`; an alpha channel is refused even if it is opaque.
        OSError: If the file cannot be written.
    """
    check_quality(file, quality)
    check_fits(file, *rows.shape[:2])
    if rows.shape[2] in (2, 4):
        check_transparency(file)
    known = format_of(file)
    with write_whole(Path(file)) as partial, partial.open("w+b") as stream, ThreadPoolExecutor(1) as thread:
        read_end, write_end = os.pipe()

        def encode() -> None:
            with open(read_end, "rb", buffering=0) as pipe:
                feed = Feed(iter(lambda: pipe.read(READ_AT_ONCE), b""))
                image = prepare(interpret(feed.image()), metadata, known, strip_metadata)
                save(image, stream, known, quality)

        # This thread makes the rows, so that Ctrl-C, which it receives, stops them at once.
        encoding = thread.submit(encode)
        with suppress(BrokenPipeError), open(write_end, "wb") as pipe:  # The encoder raises the reason.
            for part in png_parts(rows):
                pipe.write(part)
        encoding.result()
