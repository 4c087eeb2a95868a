"""Colours that stay what they were: a network may add details, but not tint an area."""

import numpy as np
from PIL import Image

from keras_lisr.runtime.rows import Rows, Stream

CELL = 8  # Pixels of the original, along a side, over which details are averaged out.
BAND = 4 * CELL  # Rows of the original that are corrected at once.
PASSES = 8  # What is clipped at black or white is missing from a mean, and added in the next.
MOST = 0.5 / 255  # Drift that may be left, where white is 1: half a step of 8 bits.


def working_memory(row: int, scale: int) -> int:
    """Bytes that are held at most while a picture is corrected.

    Args:
        row: Bytes of a row of the enlarged picture.
        scale: As for `without_drift`.
    """
    return 7 * (BAND + 2 * CELL) * scale * row  # The strip, its cells, a copy of them in signed integers, and steps.


def without_drift(enlarged: Rows, original: Rows, scale: int) -> Stream:
    """An enlarged picture whose colours are those of the original, on the average of small areas.

    By what the means of cells of 8 x 8 pixels differ is added in whole steps, with linear interpolation between the
    cells' centres, until it is less than half a step of 8 bits. Everything finer is what the picture was enlarged for.

    Args:
        enlarged: uint8 or uint16, `(height * scale, width * scale, channels)`.
        original: Of the same type, `(height, width, channels)`.
        scale: Integer factor between the two.
    """
    height, width, _ = original.shape

    def bands():
        for start in range(0, height, BAND):
            stop = min(start + BAND, height)
            # A row of cells more on each side, for the interpolation.
            first, last = max(0, start - CELL), min(stop + CELL, height)
            strip = corrected(enlarged[first * scale : last * scale], original[first:last], scale)
            yield strip[(start - first) * scale : (stop - first) * scale, : width * scale]

    return Stream(bands(), enlarged.shape, enlarged.dtype)


def corrected(enlarged: np.ndarray, original: np.ndarray, scale: int) -> np.ndarray:
    """A strip of an enlarged picture with the colours of the original, and up to whole cells of any pixels more.

    Args:
        enlarged: `(height * scale, width * scale, channels)`.
        original: `(height, width, channels)`.
        scale: Integer factor between the two.
    """
    white = np.iinfo(enlarged.dtype).max
    signed = np.result_type(enlarged, np.int8)
    cells = in_cells(enlarged, CELL * scale)
    means, wanted = cell_means(cells), cell_means(in_cells(original, CELL))
    for _ in range(PASSES):
        steps = interpolated(wanted - means)
        rows, columns = np.nonzero(steps.any((1, 3, 4)))  # In photographs of 8 bits few.
        shifted = steps[rows, :, columns].astype(signed).repeat(scale, axis=1).repeat(scale, axis=2)
        shifted += cells[rows, :, columns]
        cells[rows, :, columns] = shifted.clip(0, white, out=shifted)
        means[rows, columns] = shifted.mean((1, 2))
        if (np.abs(wanted - means) < MOST * white).all():
            break
    return cells.reshape(cells.shape[0] * cells.shape[1], -1, cells.shape[4])


def in_cells(pixels: np.ndarray, side: int) -> np.ndarray:
    """A copy, `(rows, side, columns, side, channels)`; the picture is continued by its mirror image to whole cells."""
    height, width, channels = pixels.shape
    pixels = np.pad(pixels, [(0, -height % side), (0, -width % side), (0, 0)], mode="symmetric")
    return pixels.reshape(len(pixels) // side, side, -1, side, channels)


def cell_means(cells: np.ndarray) -> np.ndarray:
    """The mean of each cell, `(rows, columns, channels)`."""
    return cells.sum(1, dtype=np.uint32).mean(2) / cells.shape[1]


def interpolated(drift: np.ndarray) -> np.ndarray:
    """Values at the centres of cells as whole steps for each pixel of the original.

    Args:
        drift: `(rows, columns, channels)`.

    Returns:
        int32 `(rows, CELL, columns, CELL, channels)`.
    """
    rows, columns, channels = drift.shape
    size = (columns * CELL, rows * CELL)
    images = [Image.fromarray(values) for values in np.moveaxis(drift.astype(np.float32), 2, 0)]
    values = np.stack([np.array(image.resize(size, Image.Resampling.BILINEAR)) for image in images], axis=-1)
    return np.rint(values).astype(np.int32).reshape(rows, CELL, columns, CELL, channels)
