"""Writes the picture of `--compare`: the result beside that of bicubic."""

from pathlib import Path

import numpy as np

from keras_lisr.batch import Job
from keras_lisr.pictures import Picture, write_picture
from keras_lisr.pictures.picture import round_to_8_bits
from keras_lisr.pictures.read import ANY_SIZE, open_picture, picture_size
from keras_lisr.pictures.vips import to_array

LARGEST_SIDE = 256


def write_comparison(job: Job, comparison: Path, scale: int, max_pixels: int) -> None:
    """Writes a job's source, enlarged by bicubic, at the left, and its result at the right, both as 8-bit RGB.

    If a side has more than 256 pixels, only the middle is shown: the whole would be too large to see the
    difference. An animation is compared by its first frame.

    Args:
        job: Source and result.
        comparison: File to write.
        scale: Scale of the result.
        max_pixels: Largest number of pixels of the source.

    Raises:
        ValueError: If a file cannot be read, or the result has another scale, as one of an earlier run may.
        OSError: If the comparison cannot be written.
    """
    from keras_lisr.data.imresize import imresize  # Its package imports Keras.

    sides, enlarged = picture_size(job.source, max_pixels=max_pixels)[:2], picture_size(job.target)[:2]
    if enlarged != tuple(side * scale for side in sides):
        raise ValueError(
            f"`compare` must come with a result of {scale} times the size. Received: {str(job.target)!r} with "
            f"{enlarged[1]} x {enlarged[0]} pixels of {sides[1]} x {sides[0]}"
        )
    shown = [min(side, LARGEST_SIDE) for side in sides]
    top, left = ((side - part) // 2 for side, part in zip(sides, shown, strict=True))
    box = (left, top, shown[1], shown[0])
    with open_picture(job.source, max_pixels) as source, open_picture(job.target, ANY_SIZE) as target:
        small = to_rgb(to_array(source.image.crop(*box)))
        large = to_rgb(to_array(target.image.crop(*(value * scale for value in box))))
    write_picture(Picture(np.concatenate([imresize(small, scale), large], axis=1)), comparison)


def to_rgb(pixels: np.ndarray) -> np.ndarray:
    """Returns the colours of a picture in 8 bits, without its transparency."""
    colours = round_to_8_bits(pixels[..., : 1 if pixels.shape[2] <= 2 else 3])
    return np.repeat(colours, 3 // colours.shape[2], axis=2)
