"""Representative pictures of an int8 file: to calibrate its ranges, and to judge the file by."""

import math
import reprlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_lisr.data.image_folder import image_files, read_rgb

Pictures = str | Path | Sequence[np.ndarray]

COUNT = 32
SIDE = 64  # Of patches; larger ones take longer and add little.
MOST_PIXELS = 2**26  # Of all pictures together; larger pictures are cropped.


def read_pictures(pictures: Pictures, count: int = COUNT) -> tuple[list[np.ndarray], dict[str, str]]:
    """Reads at most `count` of the representative pictures, drawn with a fixed seed.

    Returns:
        uint8 arrays `(height, width, 3)`, and the reasons why files could not be read, by their names.

    Raises:
        ValueError: If there are no pictures, none can be read, or an array is not a uint8 RGB picture.
    """
    random = np.random.default_rng(0)
    sources = image_files(pictures) if isinstance(pictures, str | Path) else list(pictures)
    read: list[np.ndarray] = []
    unread: dict[str, str] = {}
    side = math.isqrt(MOST_PIXELS // count)
    for i in random.permutation(len(sources)):
        picture = sources[i]
        if isinstance(picture, Path):
            try:
                picture = read_rgb(picture)
            except (ValueError, OSError) as error:
                unread[sources[i].name] = str(error)
                continue
        elif getattr(picture, "dtype", None) != np.uint8 or picture.shape[2:] != (3,) or not picture.size:
            raise ValueError(
                "`representative` must be a folder of images, or uint8 arrays (height, width, 3). "
                f"Received: {reprlib.repr(picture)}"
            )
        read.append(crop(picture, [min(side, length) for length in picture.shape[:2]], random))
        if len(read) == count:
            break
    if not read:
        reason = "; ".join(unread.values()) or "an empty list"
        raise ValueError(f"`representative` must be a folder of images or a list of arrays. Received: {reason}")
    return read, unread


def hold_out(pictures: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Splits each picture: three quarters of its longer side for calibration, the rest to judge the file by."""
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
    """Cuts float32 patches in [0, 1] from pictures, and adds a ramp from black to white.

    The ramp makes the range of the input exactly [0, 1], so that a picture's bytes are the integers of the file.
    """
    patches = [patch.astype(np.float32) / 255 for patch in cut_patches(pictures, shape, count)]
    ramp = np.broadcast_to(np.linspace(0, 1, shape[0], dtype=np.float32)[:, None, None], (*shape, 3))
    return [*patches, ramp]


def cut_patches(pictures: Sequence[np.ndarray], shape: Sequence[int], count: int, seed: int = 0) -> list[np.ndarray]:
    """Cuts patches of one size, the same number from each picture."""
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(pictures))
    return [crop(pictures[chosen[i % len(chosen)]], shape, random) for i in range(count)]


def crop(picture: np.ndarray, shape: Sequence[int], random: np.random.Generator) -> np.ndarray:
    """Cuts a patch at a random place; a smaller picture is padded with its mirror image."""
    missing = [max(0, wanted - side) for wanted, side in zip(shape, picture.shape[:2], strict=True)]
    if any(missing):
        picture = np.pad(picture, [*((0, surplus) for surplus in missing), (0, 0)], mode="symmetric")
    top, left = (int(random.integers(side - wanted + 1)) for wanted, side in zip(shape, picture.shape[:2], strict=True))
    return picture[top : top + shape[0], left : left + shape[1]]
