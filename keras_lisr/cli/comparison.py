"""`--compare`: the result beside bicubic's."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_lisr.batch import Job
from keras_lisr.pictures import Picture, write_picture
from keras_lisr.pictures.read import ANY_SIZE, read_strips

LARGEST_SIDE = 256
LABEL_HEIGHT = 28


def write_comparison(job: Job, comparison: Path, label: str, max_pixels: int) -> None:
    """Writes a job's result beside its source as bicubic enlarges it, both as 8-bit RGB.

    Of a picture with a side above 256 pixels only the middle is shown: at its full size, the comparison would be too
    large to see the difference.

    Args:
        job: What was done.
        comparison: File to write.
        label: Name of the network.
        max_pixels: Of the source.

    Raises:
        ValueError: If one of the files cannot be read.
        OSError: If the comparison cannot be written.
    """
    source, _ = read_strips(job.source, max_pixels)
    target, _ = read_strips(job.target, ANY_SIZE)
    height, width, _ = source.shape
    halves = []
    for picture in (source, target):
        rows, columns = middle(height, width, picture.shape[0] // height)
        halves.append(rgb(picture[rows][:, columns]))
    write_picture(Picture(side_by_side(halves[0], halves[1], label)), comparison)


def rgb(pixels: np.ndarray) -> np.ndarray:
    """The colours of a picture in 8 bits, without its transparency."""
    colours = pixels[..., : 1 if pixels.shape[2] <= 2 else 3]
    if colours.dtype == np.uint16:
        colours = ((colours.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.repeat(colours, 3 // colours.shape[2], axis=2)


def side_by_side(low_resolution: np.ndarray, super_resolved: np.ndarray, label: str) -> np.ndarray:
    """Puts bicubic at the left and a network's result at the right, labelled.

    Args:
        low_resolution: uint8 RGB, `(height, width, 3)`.
        super_resolved: What a network made of it, uint8 RGB, an integer number of times as large.
        label: Name of the network.

    Returns:
        uint8 RGB, `(height, width, 3)`.
    """
    from keras_lisr.data.imresize import imresize

    bicubic = imresize(low_resolution, len(super_resolved) // len(low_resolution))
    return np.concatenate([add_label(bicubic, "bicubic"), add_label(super_resolved, label)], axis=1)


def middle(height: int, width: int, scale: int = 1) -> tuple[slice, slice]:
    """Rows and columns that are shown of a picture of that size, where it is so many times as large."""
    starts = [max(0, side - LARGEST_SIDE) // 2 for side in (height, width)]
    stops = [min(side, start + LARGEST_SIDE) for side, start in zip((height, width), starts, strict=True)]
    rows, columns = (slice(start * scale, stop * scale) for start, stop in zip(starts, stops, strict=True))
    return rows, columns


def add_label(image: np.ndarray, text: str) -> np.ndarray:
    """The picture with a line of text above it."""
    strip = Image.new("RGB", (image.shape[1], LABEL_HEIGHT), "white")
    ImageDraw.Draw(strip).text((6, 4), text, fill="black", font=ImageFont.load_default(16))
    return np.concatenate([np.array(strip), image])
