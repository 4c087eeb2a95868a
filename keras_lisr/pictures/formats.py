"""The formats that pictures are written in, and what each of them can hold."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_lisr.pictures.animation import in_steps
from keras_lisr.pictures.picture import Metadata, Picture
from keras_lisr.pictures.png_chunks import TEXTS, meaning_of
from keras_lisr.runtime.rows import BAND
from keras_lisr.whole_files import reason


class Format(NamedTuple):
    """What a format can hold.

    Args:
        name: Pillow's name for it.
        largest_side: Height and width, at most, in pixels.
        alpha: Whether it holds transparency.
        depth: Bits of each channel, at most.
        quality: From 1 to 100 if not asked otherwise; None if nothing is lost.
        longest_frame: Milliseconds for which a frame of an animation is shown, at most; 0 if it holds one picture.
        icc: Whether it holds a colour profile.
        strips: Whether it can be written without having the picture in memory.
        options: How Pillow is to save it.
    """

    name: str
    largest_side: int
    alpha: bool = True
    depth: int = 8
    quality: int | None = None
    longest_frame: int = 0
    icc: bool = True
    strips: bool = False
    options: dict[str, Any] = {}


PNG = Format("PNG", 2**31 - 1, depth=16, longest_frame=65_535_000, strips=True)
JPEG = Format("JPEG", 65_500, alpha=False, quality=95, strips=True, options={"subsampling": 0})
TIFF = Format("TIFF", 2**31 - 1, depth=16, strips=True, options={"compression": "tiff_adobe_deflate"})
FORMATS = {
    ".png": PNG,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".webp": Format("WEBP", 16_383, quality=95, longest_frame=2**24 - 1),
    ".tif": TIFF,
    ".tiff": TIFF,
    ".bmp": Format("BMP", 2**31 - 1, alpha=False, icc=False),
    ".avif": Format("AVIF", 16_384, quality=95, options={"subsampling": "4:4:4"}),
    ".gif": Format("GIF", 65_535, longest_frame=655_350, icc=False),
    ".apng": PNG,
}
# Suffixes that files with pictures usually have; what a file is, its content tells.
READABLE = (*FORMATS, ".jfif", ".mpo", ".dib", ".psd", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".tga", ".qoi")
# One segment of a JPEG, without what marks it as EXIF or as XMP.
LARGEST_EXIF, LARGEST_XMP = 65_533 - 6, 65_533 - 29
GIF_STEP = 10  # Milliseconds.
LARGEST_BMP = 2**32 - 2**10  # Bytes: its header counts them in 32 bits.


def format_of(path: str | Path) -> Format:
    """The format in which a file with that name, or that suffix alone, is written.

    Raises:
        ValueError: If the suffix is unknown.
    """
    suffix = (Path(path).suffix or Path(path).name).lower()
    if suffix not in FORMATS:
        raise ValueError(f"`path` must end in one of {', '.join(FORMATS)}. Received: path={str(path)!r}")
    return FORMATS[suffix]


def check_output(path: str | Path) -> None:
    """Checks, before long work, that a picture can be written there.

    Args:
        path: File to write, in the format that its suffix says.

    Raises:
        ValueError: If the suffix is unknown.
        OSError: If `path` is a folder, or its folder does not exist or cannot be written to.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"`path` must end in one of {', '.join(FORMATS)}. Received: path={str(path)!r}")
    try:
        if path.is_dir():
            raise OSError("it is a folder")
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise OSError(
            f"`path` must be a file in a folder that can be written to. Received: path={str(path)!r} ({reason(error)})"
        ) from error


def check_output_size(path: str | Path, height: int, width: int) -> None:
    """Checks that the format of a file can hold a picture of that size.

    Raises:
        ValueError: If one side is too long for it, or the suffix is unknown.
    """
    picture_format = format_of(path)
    if max(height, width) > picture_format.largest_side:
        raise ValueError(
            f"`path` must have a format for {width} x {height} pixels, such as .png; {picture_format.name} ends at "
            f"{picture_format.largest_side} a side. Received: path={str(path)!r}"
        )
    if picture_format.name == "BMP" and height * width * 3 > LARGEST_BMP:
        raise ValueError(
            f"`path` must have a format for {width} x {height} pixels, such as .png; BMP ends at 4 GiB. "
            f"Received: path={str(path)!r}"
        )


def check_output_channels(path: str | Path, channels: int) -> None:
    """Checks that the format of a file can hold transparency, if there is any.

    Args:
        path: File to write.
        channels: Of the picture: 2 and 4 are those with transparency.

    Raises:
        ValueError: If it cannot, or the suffix is unknown.
    """
    picture_format = format_of(path)
    if channels in (2, 4) and not picture_format.alpha:
        able = ", ".join(suffix for suffix, other in FORMATS.items() if other.alpha)
        raise ValueError(
            f"`path` must have a format for transparency ({able}); {picture_format.name} has none. "
            f"Received: path={str(path)!r}"
        )


def check_output_animation(path: str | Path) -> None:
    """Checks that the format of a file can hold several frames and their timing.

    Raises:
        ValueError: If it cannot, or the suffix is unknown.
    """
    picture_format = format_of(path)
    if not picture_format.longest_frame:
        raise ValueError(
            f"`path` must have a format for animations (.gif, .webp, .png); {picture_format.name} has none. "
            f"Received: path={str(path)!r}"
        )


def check_durations(path: str | Path, durations: Sequence[int]) -> None:
    """Checks that frames can be shown for so many milliseconds in the format of a file.

    Raises:
        ValueError: If one cannot.
    """
    picture_format = format_of(path)
    if max(durations) > picture_format.longest_frame:
        raise ValueError(
            f"`path` must have a format whose frames can be shown for {max(durations)} ms; {picture_format.name} has "
            f"{picture_format.longest_frame} at most. Received: path={str(path)!r}"
        )


def durations_in(path: str | Path, durations: Sequence[int]) -> list[int]:
    """How long frames are shown in the format of a file, in milliseconds: rounded where it has larger steps.

    Raises:
        ValueError: If the suffix is unknown.
    """
    match format_of(path).name:
        case "GIF":
            return in_steps(durations, GIF_STEP)
        case "PNG":
            # A fraction of two numbers of 16 bits: beyond a minute, whole seconds.
            return [time if time < 2**16 else 1000 * round(time / 1000) for time in durations]
    return list(durations)


def duration_losses(path: str | Path, durations: Sequence[int]) -> tuple[str, ...]:
    """What a file in that format cannot keep of the timing of an animation, one sentence each.

    Raises:
        ValueError: If the suffix is unknown.

    Example:

    >>> duration_losses("large.gif", [15, 20])
    ('GIF holds durations of frames in steps of 10 ms: they were rounded',)
    """
    if durations_in(path, durations) == list(durations):
        return ()
    name = format_of(path).name
    steps = f"in steps of {GIF_STEP} ms" if name == "GIF" else "beyond 65 s in seconds"
    return (f"{name} holds durations of frames {steps}: they were rounded",)


def check_output_picture(path: str | Path, picture: Picture) -> None:
    """Checks that the format of a file can hold a picture: its size, and its transparency if it hides anything.

    Raises:
        ValueError: If it cannot, or the suffix is unknown.
    """
    check_output_size(path, *picture.pixels.shape[:2])
    if not is_opaque(picture.pixels):
        check_output_channels(path, picture.pixels.shape[2])


def check_quality(path: str | Path, quality: int | None) -> None:
    """Checks that a quality makes sense for the format of a file.

    Raises:
        ValueError: If it is not from 1 to 100, or the format loses nothing.
    """
    picture_format = format_of(path)
    if quality is None:
        return
    if type(quality) is not int or not 1 <= quality <= 100:
        raise ValueError(f"`quality` must be from 1 to 100. Received: quality={quality!r}")
    if picture_format.quality is None:
        raise ValueError(
            f"`quality` must be absent for {picture_format.name}, which has none. Received: quality={quality}, "
            f"path={str(path)!r}"
        )


def losses(path: str | Path, depth: int) -> tuple[str, ...]:
    """What a file in that format cannot keep of the pixels of a picture that it can hold, one sentence each.

    Args:
        path: File to write.
        depth: Bits of each channel.

    Raises:
        ValueError: If the suffix is unknown.

    Example:

    >>> losses("large.jpg", depth=16)
    ('JPEG holds 8 bits per channel: 16 were rounded',)
    """
    picture_format = format_of(path)
    found = []
    if depth > picture_format.depth:
        found.append(f"{picture_format.name} holds {picture_format.depth} bits per channel: {depth} were rounded")
    if picture_format.name == "GIF":
        found.append("GIF holds 256 colours a frame, and pixels that are either opaque or transparent")
    return tuple(found)


def metadata_losses(path: str | Path, metadata: Metadata, *, strip_metadata: bool = False) -> tuple[str, ...]:
    """What a file in that format cannot keep of what is known of a picture, one sentence each.

    Args:
        path: File to write.
        metadata: What is known.
        strip_metadata: Whether nothing but the pixels is to be kept: then only losses of what is seen are told.

    Raises:
        ValueError: If the suffix is unknown.

    Example:

    >>> metadata_losses("large.bmp", Metadata(xmp=b"<x/>"))
    ('BMP holds no EXIF and no XMP: they were left out',)
    """
    picture_format = format_of(path)
    name = picture_format.name
    found = []
    if metadata.has_more_channels:
        found.append("channels beside the colours, alpha or spot colours of a TIFF, were left out")
    meaning = "" if metadata.icc_profile else meaning_of(metadata.chunks)
    if meaning and (strip_metadata or name != "PNG"):
        found.append(f"the colours are not those of sRGB ({meaning}), which was left out: they will be taken for sRGB")
    if strip_metadata:
        return tuple(found)
    if metadata.left_out:
        found.append(f"what else the file held was left out: {', '.join(metadata.left_out)}")
    if name != "PNG" and any(chunk.kind in TEXTS for chunk in metadata.chunks):
        found.append(f"{name} holds no texts of PNG: they were left out")
    if not picture_format.icc and (metadata.exif or metadata.xmp):
        found.append(f"{name} holds no EXIF and no XMP: they were left out")
    for kind, block, most in (("EXIF", metadata.exif, LARGEST_EXIF), ("XMP", metadata.xmp, LARGEST_XMP)):
        if picture_format is JPEG and len(block) > most:
            found.append(f"JPEG holds {most} bytes of {kind}: {len(block)} were left out")
    # EXIF holds it, too, and goes along.
    if name in ("WEBP", "AVIF", "GIF") and metadata.dpi and not (picture_format.icc and metadata.exif):
        found.append(f"{name} holds no resolution: it was left out")
    return tuple(found)


def held_by(picture_format: Format, metadata: Metadata) -> Metadata:
    """As much of the metadata as a format holds; `metadata_losses` tells the rest."""
    if not picture_format.icc:
        return Metadata(dpi=metadata.dpi)
    if picture_format.name != "PNG":
        metadata = replace(metadata, chunks=())
    if picture_format is JPEG:
        exif, xmp = metadata.exif, metadata.xmp
        metadata = replace(
            metadata,
            exif=exif if len(exif) <= LARGEST_EXIF else b"",
            xmp=xmp if len(xmp) <= LARGEST_XMP else b"",
        )
    return metadata


def is_opaque(pixels: np.ndarray) -> bool:
    """Whether nothing of a picture is transparent."""
    return pixels.shape[2] in (1, 3) or bool((pixels[..., -1] == np.iinfo(pixels.dtype).max).all())


def rounded_to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """The nearest values in 8 bits; 8 bits stay as they are."""
    if pixels.dtype == np.uint8:
        return pixels
    rounded = np.empty(pixels.shape, np.uint8)
    for start in range(0, len(pixels), BAND):  # Meanwhile, each value takes twelve bytes.
        rounded[start : start + BAND] = (pixels[start : start + BAND].astype(np.uint32) + 128) // 257
    return rounded
