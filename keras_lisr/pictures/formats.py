"""The formats that pictures are written in, and what each of them can hold."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_lisr.basics.whole_files import reason
from keras_lisr.pictures.metadata import EXIF, IPTC, NAMES, RESOLUTION, TEXTS, XMP
from keras_lisr.pictures.picture import PROFILE, Metadata, Picture, is_opaque
from keras_lisr.tiling.rows import BAND


class Format(NamedTuple):
    """What a format can hold.

    Args:
        name: What it is called.
        largest_side: Height and width, at most, in pixels.
        holds: What of metadata, by the beginnings of libvips' names.
        alpha: Whether it holds transparency.
        depth: Bits of each channel, at most.
        quality: From 1 to 100 if not asked otherwise; None if nothing is lost.
        animation: Whether it holds several frames.
        options: How libvips is to save it.
    """

    name: str
    largest_side: int
    holds: tuple[str, ...]
    alpha: bool = True
    depth: int = 8
    quality: int | None = None
    animation: bool = False
    options: dict[str, Any] = {}


PNG = Format("PNG", 2**31 - 1, (PROFILE, EXIF, XMP, TEXTS, RESOLUTION), depth=16)
JPEG = Format(
    "JPEG",
    65_500,
    (PROFILE, EXIF, XMP, IPTC, RESOLUTION),
    alpha=False,
    quality=95,
    options={"subsample_mode": "off"},
)
TIFF = Format(
    "TIFF",
    2**31 - 1,
    (PROFILE, XMP, IPTC, RESOLUTION),
    depth=16,
    options={"compression": "deflate", "predictor": "horizontal", "resunit": "inch"},
)
FORMATS = {
    ".png": PNG,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".webp": Format("WEBP", 16_383, (PROFILE, EXIF, XMP), quality=95, animation=True),
    ".tif": TIFF,
    ".tiff": TIFF,
    ".avif": Format(
        "AVIF",
        16_384,
        (PROFILE, EXIF, XMP),
        depth=12,
        quality=95,
        options={"compression": "av1", "subsample_mode": "off", "effort": 2},  # Of 4, 22 times the time for 0.5 dB.
    ),
    ".gif": Format("GIF", 65_535, (), animation=True, options={"effort": 1}),
}
READABLE = (*FORMATS, ".jfif")  # Suffixes that files with pictures usually have; what a file is, its content tells.
GIF_STEP = 10  # Milliseconds.


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


def check_output_channels(path: str | Path, channels: int) -> None:
    """Checks that the format of a file can hold transparency, if there is any.

    Args:
        path: File to write.
        channels: Of the picture: 2 and 4 are those with transparency.

    Raises:
        ValueError: If it cannot, or the suffix is unknown.
    """
    if channels in (2, 4) and not format_of(path).alpha:
        able = ", ".join(suffix for suffix, other in FORMATS.items() if other.alpha)
        raise ValueError(f"`path` must have a format for transparency ({able}). Received: path={str(path)!r}")


def check_output_animation(path: str | Path) -> None:
    """Checks that the format of a file can hold several frames and their timing.

    Raises:
        ValueError: If it cannot, or the suffix is unknown.
    """
    if not format_of(path).animation:
        raise ValueError(f"`path` must have a format for animations (.gif, .webp). Received: path={str(path)!r}")


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
            f"`quality` must be absent for {picture_format.name}. Received: quality={quality}, path={str(path)!r}"
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


def duration_losses(path: str | Path, durations: Sequence[int]) -> tuple[str, ...]:
    """What a file in that format cannot keep of the timing of an animation, one sentence each.

    Raises:
        ValueError: If the suffix is unknown.

    Example:

    >>> duration_losses("large.gif", [15, 20])
    ('GIF holds durations of frames in steps of 10 ms: they were rounded',)
    """
    if format_of(path).name != "GIF" or not any(duration % GIF_STEP for duration in durations):
        return ()
    return (f"GIF holds durations of frames in steps of {GIF_STEP} ms: they were rounded",)


def metadata_losses(path: str | Path, metadata: Metadata, *, strip_metadata: bool = False) -> tuple[str, ...]:
    """What a file in that format cannot keep of what is known of a picture, in one sentence at most.

    Args:
        path: File to write.
        metadata: What is known.
        strip_metadata: Whether nothing but the pixels is to be kept.

    Raises:
        ValueError: If the suffix is unknown.

    Example:

    >>> metadata_losses("large.gif", Metadata({"xmp-data": b"<x/>"}))
    ('GIF: XMP was left out',)
    """
    picture_format = format_of(path)
    if strip_metadata:
        return ()
    known = [name for start, name in NAMES.items() if start not in picture_format.holds and has(metadata, start)]
    left_out = [*known, *metadata.left_out]
    was = "was" if len(left_out) == 1 else "were"
    return (f"{picture_format.name}: {', '.join(left_out)} {was} left out",) if left_out else ()


def has(metadata: Metadata, kind: str) -> bool:
    """Whether something is known of a kind, which is a beginning of libvips' names."""
    if kind == RESOLUTION:
        return metadata.dpi is not None
    return any(name.startswith(kind) for name in metadata.fields)


def round_to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """The nearest values in 8 bits; 8 bits stay as they are."""
    if pixels.dtype == np.uint8:
        return pixels
    rounded = np.empty(pixels.shape, np.uint8)
    for start in range(0, len(pixels), BAND):  # Meanwhile, each value takes twelve bytes.
        rounded[start : start + BAND] = (pixels[start : start + BAND].astype(np.uint32) + 128) // 257
    return rounded
