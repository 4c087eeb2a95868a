"""Image files in a folder, read as 8-bit RGB."""

import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from mimetypes import guess_type
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageFile, ImageOps

from keras_lisr.basics.picture_suffixes import READABLE
from keras_lisr.basics.tiff import find_page

Name = TypeVar("Name", str, Path)


def image_files(folder: str | Path) -> list[Path]:
    """Lists the images in a folder and its subfolders.

    Args:
        folder: Folder to search.

    Returns:
        Files with the suffix of an image format, in either case, sorted by path; none that is hidden.

    Raises:
        ValueError: If there are none, or no such folder.
    """
    if not Path(folder).is_dir():
        raise ValueError(f"`folder` must be an existing folder. Received: folder={str(folder)!r}")
    files = images_below(folder)
    if not files:
        raise ValueError(f"`folder` must hold images ({', '.join(READABLE)}). Received: folder={folder}")
    return files


def images_below(folder: str | Path) -> list[Path]:
    """Lists images as `image_files` does, possibly none, and logs how many images of other formats there are."""
    below = [Path(parent, name) for parent, _, names in os.walk(folder, followlinks=True) for name in names]
    files = sorted(file for file in below if file.suffix.lower() in READABLE and file.name[0] != ".")
    others = [file for file in {*below} - {*files} if (guess_type(file.name)[0] or "").startswith("image/")]
    unread = ", ".join(f"{kind} {count}" for kind, count in Counter(file.suffix for file in others).most_common())
    if unread:
        logging.getLogger(__name__).warning("%s: not read, convert them to PNG first: %s", folder, unread)
    return files


def hold_out_photographs(files: Sequence[Name], every: int) -> tuple[list[Name], list[Name]]:
    """Splits files into those to train on and those to validate on, by whole photographs.

    Files whose names differ only in a last number of one or two digits after an underscore (`lake_1.png`,
    `lake_2.png`) show one photograph and stay together, so that nothing of a validation picture is seen in training.
    Cameras count with more digits.

    Args:
        files: Names or paths of image files.
        every: Of the photographs in the order of their names, the first and each `every`-th after it are held out.

    Returns:
        Files to train on and files to validate on, in the order given.
    """
    photographs = {file: re.sub(r"_\d{1,2}$", "", Path(file).stem) for file in files}
    held_out = set(sorted(set(photographs.values()))[::every])
    train = [file for file in files if photographs[file] not in held_out]
    validation = [file for file in files if photographs[file] in held_out]
    return train, validation


@contextmanager
def open_file(file: str | Path) -> Iterator[ImageFile.ImageFile]:
    """Opens an image with Pillow: of a TIFF its picture, before which smaller copies may come."""
    with Image.open(file, formats=sorted({*READABLE.values()})) as image:
        if image.format == "TIFF":
            with open(file, "rb") as stream:
                image.seek(find_page(stream)[0])
        yield image


def read_rgb(file: str | Path) -> np.ndarray:
    """Reads an image as RGB.

    The image is turned upright as EXIF says, grey is replicated to three channels, transparency is dropped, and a color
    profile is not applied.

    Args:
        file: Image with 8 bits per channel.

    Returns:
        `uint8` array `(height, width, 3)`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is broken, not an image, has several pages, or more than 8 bits per channel.
    """
    try:
        with open_file(file) as image:
            # Pillow reads RGB of 16 bits as of 8; its decoder's arguments tell.
            if image.mode.startswith(("I", "F")) or any(";16" in str(tile.args) for tile in image.tile):
                raise ValueError(f"mode {image.mode} has more than 8 bits per channel")
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except FileNotFoundError:
        raise
    # Pillow raises SyntaxError for a broken PNG, and takes a broken size in a header for a decompression bomb.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"`file` must be a readable 8-bit image. Received: file={file} ({error})") from error


def is_grey(file: Path) -> bool:
    """Checks whether an image is stored without colour."""
    with open_file(file) as image:
        return image.mode in ("1", "L", "LA")
