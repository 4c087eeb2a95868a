"""Pictures from which the ranges of an int8 file are taken, and those that it is judged by."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_lisr.data.image_folder import image_files, read_rgb

Pictures = str | Path | Sequence[np.ndarray]

COUNT = 32
SIDE = 64  # Larger patches take longer, and hold hardly anything that many small ones do not.
MOST_PIXELS = 2**26  # Of all pictures together: of many, a part of each is kept.


def read_pictures(pictures: Pictures, count: int = COUNT) -> tuple[list[np.ndarray], dict[str, str]]:
    """Reads so many of the representative pictures, chosen by chance, the same ones every time.

    Returns:
        uint8 arrays `(height, width, 3)`, and why a file could not be read, by its name.

    Raises:
        ValueError: If there are no pictures, none can be read, or an array is no picture of bytes.
    """
    random = np.random.default_rng(0)
    sources = image_files(pictures) if isinstance(pictures, str | Path) else list(pictures)
    read: list[np.ndarray] = []
    unread: dict[str, str] = {}
    side = math.isqrt(MOST_PIXELS // max(1, min(count, len(sources))))
    for source in (sources[i] for i in random.permutation(len(sources))):
        try:
            picture = read_rgb(source) if isinstance(source, Path) else check_picture(source)
            read.append(cut(picture, [min(side, length) for length in picture.shape[:2]], random))
        except (ValueError, OSError) as error:
            if not isinstance(source, Path):
                raise
            unread[source.name] = str(error)
        if len(read) == count:
            break
    if not read:
        why = "; ".join(unread.values()) or "an empty list"
        raise ValueError(f"`representative` must be a folder of images or a list of arrays. Received: {why}")
    return read, unread


def check_picture(picture: Any) -> np.ndarray:
    """The array itself if it is a picture; otherwise raises a ValueError."""
    dtype, shape = getattr(picture, "dtype", None), tuple(getattr(picture, "shape", ()))
    if dtype != np.uint8 or shape[2:] != (3,) or not picture.size:
        raise ValueError(
            "`representative` must be a folder of images, or uint8 arrays (height, width, 3). "
            f"Received: {type(picture).__name__} of dtype={dtype}, shape={shape}"
        )
    return picture


def hold_out(pictures: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Divides each picture: three quarters of its longer side to calibrate on, the rest to judge the file by."""
    parts = []
    for picture in pictures:
        axis = int(np.argmax(picture.shape[:2]))
        bound = picture.shape[axis] * 3 // 4
        parts.append(np.split(picture, [bound], axis) if bound else [picture, picture])
    calibration, held_out = (list(part) for part in zip(*parts, strict=True))
    return calibration, held_out


def calibration_patches(
    pictures: Sequence[np.ndarray], shape: tuple[int, int] = (SIDE, SIDE), count: int = COUNT
) -> list[np.ndarray]:
    """Cuts patches from pictures, and adds a ramp from black to white.

    The ramp makes the range of the input exactly [0, 1], so that bytes of a picture are the integers of the file.
    Patches are float32 in [0, 1].
    """
    patches = [patch.astype(np.float32) / 255 for patch in cut_patches(pictures, shape, count)]
    ramp = np.broadcast_to(np.linspace(0, 1, shape[0], dtype=np.float32)[:, None, None], (*shape, 3))
    return [*patches, ramp]


def cut_patches(pictures: Sequence[np.ndarray], shape: Sequence[int], count: int, seed: int = 0) -> list[np.ndarray]:
    """Cuts patches of one size from pictures, each as often as the others, the same ones every time."""
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(pictures))
    return [cut(pictures[chosen[i % len(chosen)]], shape, random) for i in range(count)]


def cut(picture: np.ndarray, shape: Sequence[int], random: np.random.Generator) -> np.ndarray:
    """A patch from anywhere in a picture; a smaller picture is continued by its mirror image."""
    missing = [max(0, wanted - side) for wanted, side in zip(shape, picture.shape[:2], strict=True)]
    if any(missing):
        picture = np.pad(picture, [*((0, surplus) for surplus in missing), (0, 0)], mode="symmetric")
    top, left = (int(random.integers(side - wanted + 1)) for wanted, side in zip(shape, picture.shape[:2], strict=True))
    return picture[top : top + shape[0], left : left + shape[1]]
