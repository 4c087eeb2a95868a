"""`--compare`: the result beside bicubic's."""

from pathlib import Path

import numpy as np

from keras_lisr.batch import Job
from keras_lisr.pictures import Picture, write_picture
from keras_lisr.pictures.picture import round_to_8_bits
from keras_lisr.pictures.read import ANY_SIZE, read_strips

LARGEST_SIDE = 256


def write_comparison(job: Job, comparison: Path, max_pixels: int) -> None:
    """Writes a job's source as bicubic enlarges it, at the left, and its result, at the right, both as 8-bit RGB.

    Of a picture with a side above 256 pixels only the middle is shown: at its full size, the comparison would be too
    large to see the difference.

    Args:
        job: What was done, at a whole scale.
        comparison: File to write.
        max_pixels: Of the source.

    Raises:
        ValueError: If one of the files cannot be read.
        OSError: If the comparison cannot be written.
    """
    from keras_lisr.data.imresize import imresize  # Its package imports Keras.

    source, _ = read_strips(job.source, max_pixels)
    target, _ = read_strips(job.target, ANY_SIZE)
    height, width, _ = source.shape
    scale = target.shape[0] // height
    rows, columns = middle(height), middle(width)
    left = imresize(rgb(source[rows][:, columns]), scale)
    right = rgb(target[enlarge(rows, scale)][:, enlarge(columns, scale)])
    write_picture(Picture(np.concatenate([left, right], axis=1)), comparison)


def middle(side: int) -> slice:
    """What is shown of a side of so many pixels."""
    start = max(0, side - LARGEST_SIDE) // 2
    return slice(start, min(side, start + LARGEST_SIDE))


def enlarge(part: slice, scale: int) -> slice:
    """The same part of a side that is so many times as long."""
    return slice(part.start * scale, part.stop * scale)


def rgb(pixels: np.ndarray) -> np.ndarray:
    """The colours of a picture in 8 bits, without its transparency."""
    colours = round_to_8_bits(pixels[..., : 1 if pixels.shape[2] <= 2 else 3])
    return np.repeat(colours, 3 // colours.shape[2], axis=2)
