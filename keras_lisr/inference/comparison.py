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
    crop, enlarged_crop = [], []
    for side in low_resolution.shape[:2]:
        start = max(0, side - LARGEST_SIDE) // 2
        stop = min(side, start + LARGEST_SIDE)
        crop.append(slice(start, stop))
        enlarged_crop.append(slice(start * scale, stop * scale))
    halves = {
        "bicubic": imresize(low_resolution[tuple(crop)], scale),
        label: super_resolved[tuple(enlarged_crop)],
    }
    return np.concatenate([labelled(half, text) for text, half in halves.items()], axis=1)


def labelled(image: np.ndarray, text: str) -> np.ndarray:
    """The picture with a line of text above it."""
    strip = Image.new("RGB", (image.shape[1], LABEL_HEIGHT), "white")
    ImageDraw.Draw(strip).text((6, 4), text, fill="black", font=ImageFont.load_default(16))
    return np.concatenate([np.array(strip), image])
