"""A picture that shows a network's result beside bicubic's."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_lisr.data.imresize import imresize

LARGEST_SIDE = 256
LABEL_HEIGHT = 28


def side_by_side(low_resolution: np.ndarray, super_resolved: np.ndarray, label: str) -> np.ndarray:
    """Puts bicubic at the left and a network's result at the right, labelled.

    Of a picture with a side above 256 low-resolution pixels only the middle is shown: at its full size, the comparison
    would be too large to see the difference.

    Args:
        low_resolution: uint8 RGB, `(height, width, 3)`.
        super_resolved: What a network made of it, uint8 RGB, an integer number of times as large.
        label: Name of the network.

    Returns:
        uint8 RGB, `(height, width, 3)`.
    """
    scale = len(super_resolved) // len(low_resolution)
    height, width, _ = low_resolution.shape
    halves = {
        "bicubic": imresize(low_resolution[middle(height, width)], scale),
        label: super_resolved[middle(height, width, scale)],
    }
    return np.concatenate([labelled(half, text) for text, half in halves.items()], axis=1)


def middle(height: int, width: int, scale: int = 1) -> tuple[slice, slice]:
    """Rows and columns that are shown of a picture of that size, where it is so many times as large."""
    starts = [max(0, side - LARGEST_SIDE) // 2 for side in (height, width)]
    stops = [min(side, start + LARGEST_SIDE) for side, start in zip((height, width), starts, strict=True)]
    rows, columns = (slice(start * scale, stop * scale) for start, stop in zip(starts, stops, strict=True))
    return rows, columns


def labelled(image: np.ndarray, text: str) -> np.ndarray:
    """The picture with a line of text above it."""
    strip = Image.new("RGB", (image.shape[1], LABEL_HEIGHT), "white")
    ImageDraw.Draw(strip).text((6, 4), text, fill="black", font=ImageFont.load_default(16))
    return np.concatenate([np.array(strip), image])
