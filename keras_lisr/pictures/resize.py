"""Antialiased resizing of pictures that need not be in memory."""

import math

import numpy as np
from PIL import Image

from keras_lisr.pictures.drift import with_means
from keras_lisr.runtime.rows import BAND, Rows, Stream
from keras_lisr.runtime.tiling import bands_in_tiles

FILTER = Image.Resampling.LANCZOS
SUPPORT = 3  # Pixels that the filter sees on each side, of the picture or of the result, whichever is coarser.
BICUBIC_TILE, BICUBIC_HALO = 128, 4  # It sees 2 pixels.


def resized(rows: Rows, height: int, width: int) -> Stream:
    """A picture at another size, by Pillow's Lanczos filter, which is wide enough to leave no aliasing.

    In floats, rounded once, so that 16 bits stay. If the last channel is alpha, colours are multiplied by it meanwhile:
    those that cannot be seen do not count. What the filter makes of edges beyond black and white is clipped, and taken
    from the pixels around, so that means stay. Always in the same bands, whatever the memory, so that the same bytes
    come out.

    Args:
        rows: uint8 or uint16, grey, RGB, or either with alpha.
        height: Pixels of the result.
        width: Pixels of the result.

    Returns:
        The result, of the same type, `(height, width, channels)`.
    """

    def bands():
        step = rows.shape[0] / height
        for start in range(0, height, result_rows(step)):
            stop = min(start + result_rows(step), height)
            first, last = source_rows(start, stop, step, rows.shape[0])
            strip = rows[first:last]
            box = (0, start * step - first, strip.shape[1], min(stop * step - first, len(strip)))
            yield resize_strip(strip, box, (width, stop - start))

    return Stream(bands(), (height, width, rows.shape[2]), rows.dtype)


def result_rows(step: float) -> int:
    """Rows of the result that are made at once, if each is made of so many rows of the picture."""
    return max(1, round(BAND / max(step, 1)))


def source_rows(start: int, stop: int, step: float, height: int) -> tuple[int, int]:
    """The rows of the picture, from the first to the one behind the last, that rows of the result are made of."""
    support = math.ceil(SUPPORT * max(step, 1)) + 1
    return max(0, math.floor(start * step) - support), min(height, math.ceil(stop * step) + support)


def resize_strip(strip: np.ndarray, box: tuple[float, float, float, float], size: tuple[int, int]) -> np.ndarray:
    """A part of a strip, at another size."""
    white = np.iinfo(strip.dtype).max

    def resize(values):
        image = Image.fromarray(values.astype(np.float32))
        return np.array(image.resize(size, FILTER, box=box))

    colours, alpha = np.moveaxis(strip, 2, 0), None
    if strip.shape[2] in (2, 4):
        colours, alpha = colours[:-1], colours[-1].astype(np.float32)
    channels = [resize(colour if alpha is None else colour * alpha) for colour in colours]
    if alpha is not None:
        resized_alpha = resize(alpha)
        # Where less than half a step of alpha is left, nothing will be seen.
        channels = [channel / np.maximum(resized_alpha, 0.5) for channel in channels] + [resized_alpha]
    values = np.stack(channels, axis=2)
    pixels = np.floor(values.clip(0, white) + 0.5).astype(strip.dtype)
    # Colours that alpha hides would count as much as others.
    leveled = slice(0 if alpha is None else -1, None)
    pixels[..., leveled] = with_means(pixels[..., leveled], values[..., leveled])
    return pixels


def bicubic(rows: Rows, scale: int) -> Stream:
    """A picture enlarged by Pillow's bicubic filter.

    Args:
        rows: uint8 or uint16, `(height, width, 1)`.
        scale: Integer upscaling factor.
    """

    def enlarge(window):
        white = np.iinfo(window.dtype).max
        image = Image.fromarray(window[0, ..., 0].astype(np.float32))
        values = np.array(image.resize((image.width * scale, image.height * scale), Image.Resampling.BICUBIC))
        return np.floor(values.clip(0, white) + 0.5).astype(window.dtype)[None, ..., None]

    height, width, channels = rows.shape
    bands = bands_in_tiles(enlarge, rows, scale=scale, tile=BICUBIC_TILE, halo=BICUBIC_HALO)
    return Stream(bands, (height * scale, width * scale, channels), rows.dtype)
