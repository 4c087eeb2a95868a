"""Pictures in, files out: written whole or not at all."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
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

LARGEST_CLASSIC_TIFF = 3 * 2**30  # It ends at 4 GiB, of which deflating may need some for what it cannot make smaller.
READ_AT_ONCE = 2**16


@dataclass(frozen=True)
class Encoder:
    """How a picture is written to a file.

    Args:
        path: The file, in the format of its suffix.
        quality: From 1 to 100, for formats that have one.
        strip_metadata: Whether to write nothing but the pixels.

    Raises:
        ValueError: If the suffix is unknown, or the format has no such quality.
    """

    path: Path
    quality: int | None = None
    strip_metadata: bool = False

    def __post_init__(self):
        check_quality(self.path, self.quality)

    @property
    def format(self) -> Format:
        """What the file is."""
        return format_of(self.path)

    def prepare(self, image: pyvips.Image, metadata: Metadata) -> pyvips.Image:
        """A picture as the file will hold it: its depth, the colours of its profile, and what is known of it."""
        if metadata.icc_profile and (self.strip_metadata or PROFILE not in self.format.holds):
            image = to_srgb(image, metadata.icc_profile)
        if self.format.depth == 8 and DTYPES[image.format].itemsize == 2:
            image = interpret(image.linear(1 / 257, 0.5, uchar=True))  # Rounded to the nearest.
        return add_metadata(image, Metadata() if self.strip_metadata else metadata)

    def options(self, image: pyvips.Image) -> dict[str, Any]:
        """How libvips is to save a picture."""
        options = self.format.options | {"keep": flags_of(image)}
        if self.format.quality:
            options["Q"] = self.quality or self.format.quality
        if self.format.name == "TIFF":
            size = image.width * image.height * image.bands * DTYPES[image.format].itemsize
            options["bigtiff"] = size > LARGEST_CLASSIC_TIFF
        if self.format.name == "AVIF":
            options["bitdepth"] = 8 if image.format == "uchar" else self.format.depth
        return options

    def save(self, image: pyvips.Image, stream: BinaryIO) -> None:
        """Writes a picture to a file that is open for reading and writing.

        Raises:
            OSError: If it cannot be written.
        """
        saver = "heif" if self.format.name == "AVIF" else self.format.name.lower()
        # Not a name: libvips would take what stands in brackets for options.
        target = pyvips.Target.new_to_descriptor(stream.fileno())
        try:
            getattr(image, f"{saver}save_target")(target, **self.options(image))
        except pyvips.Error as error:
            raise OSError(one_line(error)) from error


def write_picture(
    picture: Picture, file: str | Path, *, quality: int | None = None, strip_metadata: bool = False
) -> None:
    """Writes a picture under a temporary name beside `file` and renames it, so that there is never half a file.

    An existing file is replaced. JPEG, WebP and AVIF have quality 95 if not asked otherwise, JPEG and AVIF without
    chroma subsampling. Colours whose profile is not written are converted to sRGB, and 16 bits are rounded where the
    format has no more. Of metadata, libvips writes what the format has room for. An alpha channel that hides nothing is
    left out where the format has none.

    Args:
        picture: Any.
        file: File to write, in the format of its suffix.
        quality: From 1 to 100, for formats that have one.
        strip_metadata: Whether to write nothing but the pixels.

    Raises:
        ValueError: If the suffix is unknown, the format cannot hold the picture, or has no quality.
        OSError: If the file cannot be written.
    """
    write_animation(Animation([picture], [0]), file, quality=quality, strip_metadata=strip_metadata)


def write_animation(
    animation: Animation, file: str | Path, *, quality: int | None = None, strip_metadata: bool = False
) -> None:
    """Writes an animation as GIF or WebP, whole or not at all; one with a single frame as the picture that it is.

    Args:
        animation: Frames and their timing.
        file: File to write, in the format of its suffix.
        quality: As for `write_picture`.
        strip_metadata: Likewise.

    Raises:
        ValueError: As `write_picture`, or if the format cannot hold several frames.
        OSError: If the file cannot be written.
    """
    encoder = Encoder(Path(file), quality, strip_metadata)
    frames = animation.frames
    height, width, channels = frames[0].pixels.shape
    check_fits(encoder.path, height, width, len(frames))
    pixels = np.concatenate([frame.pixels for frame in frames]) if len(frames) > 1 else frames[0].pixels
    if channels in (2, 4) and not encoder.format.alpha:
        if not is_opaque(pixels):
            check_transparency(encoder.path)
        pixels = pixels[..., :-1]
    image = encoder.prepare(from_array(pixels), frames[0].metadata)
    if len(frames) > 1:
        image.set_type(pyvips.GValue.gint_type, "page-height", height)
        image.set_type(pyvips.GValue.gint_type, "loop", animation.loop)
        image.set_type(pyvips.GValue.array_int_type, "delay", list(animation.durations))
    with write_whole(encoder.path) as partial, partial.open("w+b") as stream:
        encoder.save(image, stream)


def write_rows(
    rows: Rows, metadata: Metadata, file: str | Path, *, quality: int | None = None, strip_metadata: bool = False
) -> None:
    """Writes a picture of which some rows at a time are asked for, whole or not at all.

    The encoders of WebP, AVIF and GIF hold it as a whole nevertheless.

    Args:
        rows: Its pixels.
        metadata: What is known of it.
        file: As for `write_picture`.
        quality: Likewise.
        strip_metadata: Likewise.

    Raises:
        ValueError: As `write_picture`; transparency is refused even if it hides nothing.
        OSError: If the file cannot be written.
    """
    encoder = Encoder(Path(file), quality, strip_metadata)
    check_fits(encoder.path, *rows.shape[:2])
    if rows.shape[2] in (2, 4):
        check_transparency(encoder.path)
    with write_whole(encoder.path) as partial, partial.open("w+b") as stream, ThreadPoolExecutor(1) as thread:
        read_end, write_end = os.pipe()

        def encode() -> None:
            with open(read_end, "rb", buffering=0) as pipe:
                feed = Feed(iter(lambda: pipe.read(READ_AT_ONCE), b""))
                encoder.save(encoder.prepare(interpret(feed.image()), metadata), stream)

        # This thread makes the rows, so that Ctrl-C, which it gets, stops them at once.
        encoding = thread.submit(encode)
        with suppress(BrokenPipeError), open(write_end, "wb") as pipe:  # Why it is broken, the encoder tells.
            for part in png_parts(rows):
                pipe.write(part)
        encoding.result()
