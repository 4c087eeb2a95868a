"""Pictures from which the ranges of an int8 file are taken."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_lisr.data.image_folder import image_files, read_rgb

Pictures = str | Path | Sequence[np.ndarray]

COUNT = 32
SIDE = 64  # Larger patches take longer, and hold hardly anything that many small ones do not.


def calibration_patches(
    pictures: Pictures, shape: tuple[int, int] = (SIDE, SIDE), count: int = COUNT
) -> list[np.ndarray]:
    """Cuts patches from pictures, and adds a ramp from black to white.

    The ramp makes the range of the input exactly [0, 1], so that bytes of a picture are the integers of the file.

    Args:
        pictures: As for `cut_patches`.
        shape: Height and width of a patch.
        count: Number of patches without the ramp.

    Returns:
        float32 arrays `(height, width, 3)` in [0, 1].

    Raises:
        ValueError: As `cut_patches`.
    """
    patches = [patch.astype(np.float32) / 255 for patch in cut_patches(pictures, shape, count)]
    ramp = np.broadcast_to(np.linspace(0, 1, shape[0], dtype=np.float32)[:, None, None], (*shape, 3))
    return [*patches, ramp]


def cut_patches(pictures: Pictures, shape: tuple[int, int], count: int, seed: int = 0) -> list[np.ndarray]:
    """Cuts patches of one size from pictures, the same ones every time.

    Args:
        pictures: Folder of images, or uint8 RGB arrays `(height, width, 3)`: what a device will give the network.
        shape: Height and width of a patch; smaller pictures are continued by their mirror images.
        count: Number of patches: of as many pictures, chosen by chance, if there are more, or else several of one.
        seed: Start of the random numbers.

    Returns:
        uint8 arrays `(height, width, 3)`.

    Raises:
        ValueError: If there are no pictures, or one of those chosen is broken or no such array.
    """
    random = np.random.default_rng(seed)
    sources = image_files(pictures) if isinstance(pictures, str | Path) else list(pictures)
    if not sources:
        raise ValueError("`pictures` must be a folder of images or a list of arrays. Received: an empty list")
    chosen = random.permutation(len(sources))
    return [cut(to_picture(sources[chosen[i % len(chosen)]]), shape, random) for i in range(count)]


def to_picture(source: Path | np.ndarray) -> np.ndarray:
    """A picture of a file, or the array itself if it is one."""
    if isinstance(source, Path):
        return read_rgb(source)
    if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3 or not source.size:
        raise ValueError(
            "`pictures` must be a folder of images, or uint8 arrays (height, width, 3). "
            f"Received: an array of dtype={source.dtype}, shape={source.shape}"
        )
    return source


def cut(picture: np.ndarray, shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """A patch from anywhere in a picture."""
    missing = [max(0, wanted - side) for wanted, side in zip(shape, picture.shape[:2], strict=True)]
    if any(missing):
        picture = np.pad(picture, [*((0, surplus) for surplus in missing), (0, 0)], mode="symmetric")
    top, left = (int(random.integers(side - wanted + 1)) for wanted, side in zip(shape, picture.shape[:2], strict=True))
    return picture[top : top + shape[0], left : left + shape[1]]
