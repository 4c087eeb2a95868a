"""Pictures in files: read whole or refused, written whole or not at all."""

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from keras_lisr.data.image_folder import is_deep
from keras_lisr.whole_files import reason, written_whole


class Format(NamedTuple):
    """A format that pictures are written in: Pillow's name for it, its largest side in pixels, options for saving."""

    name: str
    largest_side: int
    options: dict[str, Any]


JPEG = Format("JPEG", 65_500, {"quality": 95, "subsampling": 0})
TIFF = Format("TIFF", 2**31 - 1, {"compression": "tiff_adobe_deflate"})
FORMATS = {
    ".png": Format("PNG", 2**31 - 1, {}),
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".webp": Format("WEBP", 16_383, {"quality": 95}),
    ".tif": TIFF,
    ".tiff": TIFF,
    ".bmp": Format("BMP", 2**31 - 1, {}),
}


def read_picture(path: str | Path) -> np.ndarray:
    """Reads a picture as 8-bit RGB, turned upright as its EXIF orientation says.

    Grey, palette and CMYK pictures are converted, and an alpha channel that is opaque everywhere is dropped. What would
    be lost without a word is refused: transparency, more than 8 bits per channel, and all frames but the first.

    Args:
        path: File in any format that Pillow reads, at most 178 megapixels.

    Returns:
        uint8 array `(height, width, 3)`.

    Raises:
        ValueError: If there is no such file, it is broken or no picture, or holds what is refused.
    """
    try:
        if not os.path.getsize(path):
            raise ValueError("the file is empty")
        with warnings.catch_warnings():
            # Pillow warns at half the size at which it refuses, 178 megapixels.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path)
        with image:
            if image.mode.startswith(("I", "F")) or any(map(is_deep, image.tile)):
                raise ValueError("it has more than 8 bits per channel")
            # The further frames of a phone's MPO are depth maps and the like, those of a PSD layers of the first one.
            if image.format not in ("MPO", "PSD") and getattr(image, "is_animated", False):
                raise ValueError("it has several frames")
            if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
                raise ValueError("it is transparent in places")
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except Exception as error:  # Pillow's decoders raise a dozen types for broken files.
        raise ValueError(
            f"`path` must be a readable 8-bit picture without transparency. Received: path={str(path)!r} "
            f"({reason(error)})"
        ) from error


def check_output(path: str | Path) -> None:
    """Checks, before long work, that a picture can be written there.

    Args:
        path: File to write: PNG, JPEG, WebP, TIFF or BMP, as its suffix says.

    Raises:
        ValueError: If the suffix is another.
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
        ValueError: If one side is too long for it.
    """
    picture_format = FORMATS[Path(path).suffix.lower()]
    if max(height, width) > picture_format.largest_side:
        raise ValueError(
            f"`path` must have a format for {width} x {height} pixels, such as .png; {picture_format.name} ends at "
            f"{picture_format.largest_side} a side. Received: path={str(path)!r}"
        )


def write_picture(image: np.ndarray, path: str | Path) -> None:
    """Writes a picture under a temporary name beside `path` and renames it, so that there is never half a file.

    An existing file is replaced. JPEG and WebP have quality 95, JPEG without chroma subsampling.

    Args:
        image: uint8 RGB, `(height, width, 3)`.
        path: File to write, in the format of its suffix.

    Raises:
        ValueError: If the suffix is unknown or the picture is too large for the format.
        OSError: If the file cannot be written.
    """
    path = Path(path)
    check_output(path)
    check_output_size(path, *image.shape[:2])
    name, _, options = FORMATS[path.suffix.lower()]
    with written_whole(path) as partial:
        Image.fromarray(image).save(partial, name, **options)
