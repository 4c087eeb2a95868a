"""Colours that stay what they were: a network may add details, but not tint an area."""

import numpy as np
from PIL import Image

from keras_lisr.runtime.rows import Rows, Stream

CELL = 8  # Pixels of the original, along a side, over which details are averaged out.
PASSES = 8  # What is clipped at black or white is missing from a mean, and added in the next.
MOST = 0.5 / 255  # Drift that may be left, where white is 1: half a step of 8 bits.


def working_memory(row: int, scale: int) -> int:
    """Bytes that are held at most while a picture is corrected.

    Args:
        row: Bytes of a row of the enlarged picture.
        scale: As for `without_drift`.
    """
    # The strip, its cells, and copies of them as signed integers; measured at most 12.4 where all are levelled.
    return 13 * (band_height(scale) + 2 * CELL) * scale * row


def band_height(scale: int) -> int:
    """Rows of the original that are corrected at once: fewer where each becomes many."""
    return CELL * min(4, max(1, 16 // scale))


def without_drift(enlarged: Rows, original: Rows, scale: int) -> Stream:
    """An enlarged picture whose colours are those of the original, on the average of small areas.

    By what the means of cells of 8 x 8 pixels differ is added in whole steps, with linear interpolation between the
    cells' centres, until it is less than half a step of 8 bits; where most is black or white, to what has room.
    Everything finer is what the picture was enlarged for.

    Args:
        enlarged: uint8 or uint16, `(height * scale, width * scale, channels)`.
        original: Of the same type, `(height, width, channels)`.
        scale: Integer factor between the two.
    """
    height, width, _ = original.shape
    rows = band_height(scale)

    def bands():
        for start in range(0, height, rows):
            stop = min(start + rows, height)
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
    wanted = Cells(original, CELL).means()
    cells = Cells(enlarged, CELL * scale)
    means = cells.means()
    for _ in range(PASSES):
        steps = interpolated(wanted - means)
        rows, columns = np.nonzero(steps.any((1, 3, 4)))  # Where it rounds to nothing, nothing is touched.
        chosen = steps[rows, :, columns].astype(cells.signed).repeat(scale, axis=1).repeat(scale, axis=2)
        means[rows, columns] = cells.add(chosen, rows, columns)
        if (np.abs(wanted - means) < MOST * white).all():
            break
    else:
        cells.level(wanted, means)
    return cells.joined()


def with_means(pixels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Pixels with the means of what they were rounded from, on the average of small areas, where that was clipped.

    Args:
        pixels: uint8 or uint16, `(height, width, channels)`.
        values: What they are the nearest to, of the same shape; some beyond black and white.
    """
    cells = Cells(pixels, CELL)
    cells.level(Cells(values, CELL).means(), cells.means())
    return cells.joined()[: len(pixels), : pixels.shape[1]]


class Cells:
    """A copy of a picture in squares; those of the last row and column need not be whole.

    Args:
        pixels: `(height, width, channels)`.
        side: Pixels of a cell along each side.
    """

    def __init__(self, pixels: np.ndarray, side: int):
        height, width, _ = pixels.shape

        def in_cells(values):
            values = np.pad(values, [(0, -height % side), (0, -width % side), (0, 0)])
            return values.reshape(len(values) // side, side, -1, side, values.shape[2])

        self.values = in_cells(pixels)
        self.inside = in_cells(np.ones((height, width, 1), bool))
        self.areas = self.inside.sum((1, 3))
        self.signed = np.result_type(self.values, np.int8)  # What a difference of two pixels is.

    def means(self) -> np.ndarray:
        """The mean of each cell, `(rows, columns, channels)`."""
        kind = np.uint32 if self.values.dtype.kind == "u" else None
        return self.values.sum(1, dtype=kind).sum(2) / self.areas

    def joined(self) -> np.ndarray:
        """The picture, and what its last cells lack of whole ones."""
        rows, side, _, _, channels = self.values.shape
        return self.values.reshape(rows * side, -1, channels)

    def add(self, steps: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Adds integers to the pixels of some cells, as far as black and white leave room, and returns their means.

        Args:
            steps: What is added, of type `signed`, `(cells, side, side, channels)`.
            rows: Where each of the cells lies.
            columns: Likewise.
        """
        shifted = steps + self.values[rows, :, columns]
        shifted.clip(0, np.iinfo(self.values.dtype).max, out=shifted)
        shifted *= self.inside[rows, :, columns]
        self.values[rows, :, columns] = shifted
        return shifted.sum((1, 2)) / self.areas[rows, columns]

    def level(self, wanted: np.ndarray, means: np.ndarray) -> None:
        """Brings means to what is wanted by what is added to those pixels of a cell that have room.

        Args:
            wanted: `(rows, columns, channels)`.
            means: Those that are, likewise.
        """
        white = np.iinfo(self.values.dtype).max
        for _ in range(PASSES):
            missing = wanted - means
            missing[np.abs(missing) < MOST * white] = 0
            rows, columns = np.nonzero(missing.any(2))
            if not rows.size:
                break
            pixels, more = self.values[rows, :, columns], missing[rows, columns][:, None, None]
            has_room = np.where(more > 0, pixels < white, pixels > 0) & self.inside[rows, :, columns]
            share = has_room.sum((1, 2), keepdims=True) / self.areas[rows, columns][:, None, None]
            steps = np.rint(np.divide(more, share, out=np.zeros_like(more), where=share > 0)).clip(-white, white)
            means[rows, columns] = self.add(has_room * steps.astype(self.signed), rows, columns)


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
