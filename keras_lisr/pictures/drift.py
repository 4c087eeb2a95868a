"""Corrects the colours of enlarged pictures: a network may add details, but not tint an area."""

import numpy as np

from keras_lisr.tiling.rows import Rows, Stream

CELL = 8  # Pixels of the original along a side; details are averaged out.
PASSES = 4
CELLS_AT_ONCE = 4  # Rows of cells that are corrected together.


def keep_colours(enlarged: Rows, original: Rows, scale: int) -> Stream:
    """Gives small areas of an enlarged picture the mean colours that they have in the original.

    Both pictures are divided into the same cells, of 8 x 8 pixels of the original, and their means are compared. The
    differences are interpolated linearly between the centres of the cells and added to the enlarged picture. Clipping
    at black and white takes some of that away, so it is repeated a few times, until cells are off by about half a step
    of 255. Finer details stay as the network made them.

    Args:
        enlarged: uint8 or uint16, `(height * scale, width * scale, channels)`.
        original: Of the same type, `(height, width, channels)`.
        scale: Integer factor between the two.
    """
    height = original.shape[0]

    def bands():
        for start in range(0, height, CELL * CELLS_AT_ONCE):
            stop = min(start + CELL * CELLS_AT_ONCE, height)
            # A row of cells more on each side, for the interpolation.
            first, last = max(0, start - CELL), min(stop + CELL, height)
            strip = correct(enlarged[first * scale : last * scale], original[first:last], scale)
            yield strip[(start - first) * scale : (stop - first) * scale]

    return Stream(bands(), enlarged.shape, enlarged.dtype)


def correct(enlarged: np.ndarray, original: np.ndarray, scale: int) -> np.ndarray:
    """Corrects a strip of an enlarged picture. Arguments are those of `keep_colours`."""
    white = np.iinfo(original.dtype).max
    height, width, _ = enlarged.shape
    wanted = mean_cells(original, CELL)
    for _ in range(PASSES):
        missing = wanted - mean_cells(enlarged, CELL * scale)
        if np.abs(missing).max() < 0.5:
            break
        across = stretch(sharpen(missing).swapaxes(0, 1), width, CELL * scale).swapaxes(0, 1)
        values = stretch(across, height, CELL * scale)
        values += enlarged
        values += 0.5
        enlarged = values.clip(0, white, out=values).astype(original.dtype)
    return enlarged


def mean_cells(pixels: np.ndarray, side: int) -> np.ndarray:
    """Returns the mean of each cell, `(rows, columns, channels)`; the last ones need not be whole."""
    height, width, _ = pixels.shape
    tops, lefts = range(0, height, side), range(0, width, side)
    rows = np.stack([pixels[top : top + side].sum(axis=0, dtype=np.uint32) for top in tops])
    heights, widths = np.diff([*tops, height]), np.diff([*lefts, width])
    sums = np.add.reduceat(rows, lefts, axis=1, dtype=np.uint64)
    return (sums / np.multiply.outer(heights, widths)[..., None]).astype(np.float32)


def sharpen(means: np.ndarray) -> np.ndarray:
    """Returns values at the centres of cells whose interpolation has these means, nearly.

    Along either axis, the mean of an interpolated cell is three quarters of its own value and an eighth of each
    neighbour's. Without this, photographs take all passes, and with it one or two.
    """
    values = means
    for _ in range(3):
        blurred = values
        for axis, length in enumerate(means.shape[:2]):
            at = np.arange(length)
            before = blurred.take(np.maximum(at - 1, 0), axis)
            after = blurred.take(np.minimum(at + 1, length - 1), axis)
            blurred = (before + 6 * blurred + after) / 8
        values = values + means - blurred
    return values


def stretch(cells: np.ndarray, length: int, side: int) -> np.ndarray:
    """Interpolates values at the centres of cells along the first axis. Beyond the outermost, they are constant."""
    around = np.pad(cells, [(1, 1), (0, 0), (0, 0)], mode="edge")
    weights = (np.arange(side, dtype=np.float32) + 0.5) / side
    values = np.diff(around, axis=0)[:, None] * weights[:, None, None]
    values += around[:-1, None]
    return values.reshape(-1, *cells.shape[1:])[side // 2 : side // 2 + length]
