"""Antialiased resizing of pictures that need not be in memory."""

import math

import numpy as np
from PIL import Image

from keras_lisr.pictures.drift import CELL, Cells, with_means
from keras_lisr.runtime.rows import BAND, Rows, Stream
from keras_lisr.runtime.tiling import bands_in_tiles

FILTER = Image.Resampling.LANCZOS
SUPPORT = 3  # Pixels that the filter sees on each side, of the picture or of the result, whichever is coarser.
BICUBIC_TILE, BICUBIC_HALO = 128, 4  # It sees 2 pixels.


def resized(rows: Rows, height: int, width: int) -> Stream:
    """A picture at another size, by Pillow's Lanczos filter, which is wide enough to leave no aliasing.

    In floats, rounded once, so that 16 bits stay. If the last channel is alpha, colours are multiplied by it meanwhile:
    those that cannot be seen do not count. The picture goes on beyond its border as its mirror image does (as in
    MATLAB's `imresize`): a filter that ends there would let pixels at the border count more than others. What it makes
    of edges beyond black and white is clipped, and taken from the pixels around, so that means stay as far as these
    have room. Always in the same bands, whatever the memory, so that the same bytes come out.

    Args:
        rows: uint8 or uint16, grey, RGB, or either with alpha.
        height: Pixels of the result.
        width: Pixels of the result.

    Returns:
        The result, of the same type, `(height, width, channels)`.
    """

    def bands():
        step = rows.shape[0] / height
        beyond = reach(rows.shape[1] / width)
        for start in range(0, height, result_rows(step)):
            stop = min(start + result_rows(step), height)
            first, last = source_rows(start, stop, step)
            inside = max(first, 0), min(last, rows.shape[0])
            missing = [(inside[0] - first, last - inside[1]), (beyond, beyond), (0, 0)]
            strip = np.pad(rows[slice(*inside)], missing, mode="symmetric")
            box = (beyond, start * step - first, beyond + rows.shape[1], stop * step - first)
            yield resize_strip(strip, box, (width, stop - start), is_whole=stop - start == height)

    return Stream(bands(), (height, width, rows.shape[2]), rows.dtype)


def result_rows(step: float) -> int:
    """Rows of the result that are made at once, if each is made of so many rows of the picture."""
    return max(1, round(BAND / max(step, 1)))


def source_rows(start: int, stop: int, step: float) -> tuple[int, int]:
    """Rows from the first to the one behind the last that rows of the result are made of, some beyond the picture."""
    return math.floor(start * step) - reach(step), math.ceil(stop * step) + reach(step)


def reach(step: float) -> int:
    """Pixels of the picture that the filter sees on each side, if each of the result is made of so many."""
    return math.ceil(SUPPORT * max(step, 1)) + 1


def resize_strip(
    strip: np.ndarray, box: tuple[float, float, float, float], size: tuple[int, int], is_whole: bool
) -> np.ndarray:
    """A part of a strip, at another size; where it is the whole picture, the mean of all is kept.

    For a few pixels alone, the filter's weights do not add up to the same for each of them.
    """
    white = np.iinfo(strip.dtype).max
    left, top, right, bottom = map(round, box)

    def resize(values):
        resized = np.array(Image.fromarray(values.astype(np.float32)).resize(size, FILTER, box=box))
        if is_whole:
            resized += values[top:bottom, left:right].mean(dtype=float) - resized.mean(dtype=float)
        return resized

    def rounded(values):
        return np.floor(values.clip(0, white) + 0.5).astype(strip.dtype)

    channels = np.moveaxis(strip, 2, 0)
    if strip.shape[2] in (1, 3):
        values = np.stack([resize(channel) for channel in channels], axis=2)
        return with_means(rounded(values), Cells(values, CELL).means())
    alpha = channels[-1].astype(np.float32)
    seen = np.stack([resize(colour * alpha) for colour in channels[:-1]], axis=2)
    values = resize(alpha)[..., None]
    # Where less than half a step of alpha is left, nothing will be seen.
    colours = rounded(seen / np.maximum(values, 0.5))
    alpha = with_means(rounded(values), Cells(values, CELL).means())
    return np.concatenate([with_means(colours, Cells(seen, CELL).means() / white, CELL, alpha), alpha], axis=2)


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
