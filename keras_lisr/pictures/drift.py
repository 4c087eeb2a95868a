"""Colours that stay what they were: a network may add details, but not tint an area."""

import numpy as np
from PIL import Image

from keras_lisr.runtime.rows import Rows, Stream

CELL = 8  # Pixels of the original, along a side, over which details are averaged out.
PASSES = 8  # What is clipped at black or white is missing from a mean, and added in the next.
MOST = 0.5 / 255  # Drift that may be left in a cell, where white is 1: half a step of 8 bits.
RUN, MOST_OF_RUN = 16, 0.15 / 255  # Cells in a row that may not all drift the same way, and what their mean may.


def working_memory(row: int, scale: int, has_alpha: bool = False) -> int:
    """Bytes that are held at most while a picture is corrected.

    Args:
        row: Bytes of a row of the enlarged picture.
        scale: As for `without_drift`.
        has_alpha: Whether colours and alpha are corrected alone before.
    """
    # The strip, its cells, and copies of some; measured at most 6.5. Alone, each waits as a strip and its cells.
    return (9 if has_alpha else 7) * (band_height(scale) + 2 * CELL) * scale * row


def band_height(scale: int) -> int:
    """Rows of the original that are corrected at once: fewer where each becomes many."""
    return CELL * min(4, max(1, 16 // scale))


def without_drift(enlarged: Rows, original: Rows, scale: int) -> Stream:
    """An enlarged picture whose colours are those of the original, on the average of small areas.

    By what the means of cells of 8 x 8 pixels differ is added in whole steps, with linear interpolation between the
    cells' centres, until it is less than half a step of 8 bits; where most is black or white, to what has room. If what
    is left is of one sign in many cells, some of their pixels get a step more. Everything finer is what the picture was
    enlarged for. Where the last channel is alpha, colours count as far as they are seen, and what is opaque or
    transparent stays so.

    Args:
        enlarged: uint8 or uint16, `(height * scale, width * scale, channels)`.
        original: Of the same type, `(height, width, channels)`.
        scale: Integer factor between the two.
    """
    height, width, channels = original.shape
    rows = band_height(scale)
    correct = corrected_as_seen if channels in (2, 4) else corrected

    def bands():
        for start in range(0, height, rows):
            stop = min(start + rows, height)
            # A row of cells more on each side, for the interpolation.
            first, last = max(0, start - CELL), min(stop + CELL, height)
            strip = correct(enlarged[first * scale : last * scale], original[first:last], scale)
            yield strip[(start - first) * scale : (stop - first) * scale, : width * scale]

    return Stream(bands(), enlarged.shape, enlarged.dtype)


def corrected(enlarged: np.ndarray, original: np.ndarray, scale: int) -> np.ndarray:
    """A strip of an enlarged picture with the colours of the original, and up to whole cells of any pixels more.

    Args:
        enlarged: `(height * scale, width * scale, channels)`.
        original: `(height, width, channels)`.
        scale: Integer factor between the two.
    """
    wanted = Cells(original, CELL).means()
    cells = Cells(enlarged, CELL * scale)
    means = cells.means()
    for _ in range(PASSES):
        steps = interpolated(wanted - means, cells.signed)
        if not steps.any():
            break
        for row, of_row in enumerate(steps):
            columns = np.flatnonzero(of_row.any((0, 2, 3)))  # Where it rounds to nothing, nothing is touched.
            chosen = of_row[:, columns].repeat(scale, axis=0).repeat(scale, axis=2)
            means[row, columns] = cells.add(chosen, row, columns)
    cells.level(wanted, means)
    cells.balance(wanted, means)
    return cells.joined()


def corrected_as_seen(enlarged: np.ndarray, original: np.ndarray, scale: int) -> np.ndarray:
    """A strip of an enlarged picture whose colours, times its alpha, are those of the original on the average.

    So is its alpha, but for what is opaque or transparent, which stays so. Arguments and result are those of
    `corrected`; the last channel is alpha.
    """
    side = CELL * scale
    wanted_alpha = Cells(original[..., -1:], CELL).means()
    wanted_colours = Cells(original[..., :-1], CELL, original[..., -1:]).means()
    alpha = with_means(enlarged[..., -1:], wanted_alpha, side, ends_stay=True)
    return np.concatenate([with_means(enlarged[..., :-1], wanted_colours, side, alpha), alpha], axis=2)


def with_means(
    pixels: np.ndarray,
    wanted: np.ndarray,
    side: int = CELL,
    alpha: np.ndarray | None = None,
    ends_stay: bool = False,
) -> np.ndarray:
    """Pixels whose means are what is wanted on the average of small areas.

    Args:
        pixels: uint8 or uint16, `(height, width, channels)`.
        wanted: The mean of each cell, `(rows, columns, channels)`; beyond black and white, it is had from cells around.
        side: Pixels of a cell along each side.
        alpha: As for `Cells`.
        ends_stay: As for `Cells`.
    """
    cells = Cells(pixels, side, alpha, ends_stay)
    wanted, means = cells.within_reach(wanted), cells.means()
    cells.level(wanted, means)
    cells.balance(wanted, means)
    return cells.joined()[: len(pixels), : pixels.shape[1]]


def dither(side: int) -> np.ndarray:
    """Thresholds from 0 to 1 that are spread evenly over each row, each column and the whole, `(side, side)`.

    The additive recurrence R2 of Martin Roberts, which steps by powers of the plastic number's inverse.
    """
    steps = 0.7548776662466927, 0.5698402909980532
    return (np.add.outer(*(np.arange(side) * step for step in steps)) % 1).astype(np.float32)


class Cells:
    """A copy of a picture in squares; those of the last row and column need not be whole.

    Args:
        pixels: `(height, width, channels)`.
        side: Pixels of a cell along each side.
        alpha: How much of each pixel is seen, an integer of the pixels' type, `(height, width, 1)`; where it is None,
            all of it.
        ends_stay: Whether black and white stay so when something is added where there is room.
    """

    def __init__(self, pixels: np.ndarray, side: int, alpha: np.ndarray | None = None, ends_stay: bool = False):
        height, width, _ = pixels.shape

        def in_cells(values):
            values = np.pad(values, [(0, -height % side), (0, -width % side), (0, 0)])
            return values.reshape(len(values) // side, side, -1, side, values.shape[2])

        self.values = in_cells(pixels)
        self.inside = in_cells(np.ones((height, width, 1), bool))
        self.areas = self.inside.sum((1, 3))
        self.ends_stay = ends_stay
        self.alpha = None if alpha is None else in_cells(alpha)
        self.signed = np.result_type(self.values, np.int8)  # What a difference of two pixels is.

    @property
    def white(self) -> int:
        """The largest value of a pixel."""
        return int(np.iinfo(self.values.dtype).max)

    def means(self) -> np.ndarray:
        """The mean of each cell, `(rows, columns, channels)`: of colours, as they are seen."""
        return self._means_of_all(self.values)

    def _means_of_all(self, values: np.ndarray) -> np.ndarray:
        every = slice(None)
        return np.stack([self._means_of(pixels, row, every) for row, pixels in enumerate(values)])

    def _means_of(self, pixels: np.ndarray, row: int, columns: np.ndarray | slice) -> np.ndarray:
        """Means of pixels, or of what is true of them, if they are those of some cells of a row."""
        if self.alpha is not None:
            pixels = pixels * (self.alpha[row][:, columns] / np.float32(self.white))
        kind = np.uint32 if pixels.dtype.kind == "u" else None
        return pixels.sum(0, dtype=kind).sum(1) / self.areas[row, columns]

    def joined(self) -> np.ndarray:
        """The picture, and what its last cells lack of whole ones."""
        rows, side, _, _, channels = self.values.shape
        return self.values.reshape(rows * side, -1, channels)

    def add(self, steps: np.ndarray, row: int, columns: np.ndarray) -> np.ndarray:
        """Adds integers to the pixels of some cells, as far as black and white leave room, and returns their means.

        Args:
            steps: What is added, of type `signed`, `(side, cells, side, channels)`.
            row: Where the cells lie.
            columns: Likewise, of each.
        """
        shifted = steps + self.values[row][:, columns]
        shifted.clip(0, self.white, out=shifted)
        shifted *= self.inside[row][:, columns]
        self.values[row][:, columns] = shifted
        return self._means_of(shifted, row, columns)

    def level(self, wanted: np.ndarray, means: np.ndarray) -> None:
        """Brings means to what is wanted by what is added to those pixels of a cell that have room.

        Args:
            wanted: `(rows, columns, channels)`.
            means: Those that are, likewise; they are brought up to date.
        """
        for _ in range(PASSES):
            missing = wanted - means
            missing[np.abs(missing) < MOST * self.white] = 0
            if not missing.any():
                break
            self._add_where_there_is_room(missing, means, np.float32(0.5))

    def within_reach(self, wanted: np.ndarray) -> np.ndarray:
        """Means that pixels can have: what cells would need beyond black and white, others around get."""
        most = self.white * self._means_of_all(self.inside)
        reached = wanted.clip(0, most)
        for _ in range(PASSES):
            missing = of_runs((wanted - reached) * self.areas).sum(0, keepdims=True)
            if not missing.any():
                break
            below, above = reached < most, reached > 0
            # At first those at an edge, and then what is flat.
            at_edges, anywhere = below & above, np.where(for_cells(missing, self.areas) > 0, below, above)
            rooms = [of_runs(cells * self.areas).sum(0, keepdims=True) for cells in (at_edges, anywhere)]
            has_room = np.where(for_cells(rooms[0], self.areas) > 0, at_edges, anywhere)
            room = np.where(rooms[0] > 0, *rooms)
            more = np.divide(missing, room, out=np.zeros_like(missing), where=room > 0)
            reached = (reached + has_room * for_cells(more, self.areas)).clip(0, most)
        return reached

    def balance(self, wanted: np.ndarray, means: np.ndarray) -> None:
        """Brings means of several cells in a row to what is wanted, where what each of them lacks adds up.

        A cell comes nearer to its own mean or stays as it is.

        Args:
            wanted: `(rows, columns, channels)`.
            means: Those that are, likewise; they are brought up to date.
        """
        thresholds = dither(self.values.shape[1])[:, None, :, None]
        # One pixel alone is rounded to the nearest.
        negligible = np.maximum(MOST_OF_RUN * self.white * of_runs(self.areas), 0.5)
        for _ in range(PASSES):
            missing = (wanted - means) * self.areas
            all_missing = of_runs(missing)
            all_missing[np.abs(all_missing) < negligible] = 0
            if not all_missing.any():
                break
            missing[missing * for_cells(all_missing, missing) <= 0] = 0
            same_way = of_runs(missing)
            share = np.divide(all_missing, same_way, out=np.zeros_like(same_way), where=same_way != 0)
            missing *= for_cells(share, missing) / self.areas
            self._add_where_there_is_room(missing, means, thresholds)

    def _add_where_there_is_room(
        self, missing: np.ndarray, means: np.ndarray, thresholds: np.ndarray | np.float32
    ) -> None:
        """Adds to the means of cells by whole steps of pixels that are not as black or white as can be.

        Args:
            missing: What is to be added, `(rows, columns, channels)`.
            means: As for `level`.
            thresholds: Fraction of a step, from 0 to 1, from which a pixel gets a whole one.
        """
        for row, of_row in enumerate(missing):
            columns = np.flatnonzero(of_row.any(1))
            pixels, more = self.values[row][:, columns], of_row[columns][None, :, None]
            below, above = pixels < self.white, pixels > 0
            has_room = below & above if self.ends_stay else np.where(more > 0, below, above)
            has_room &= self.inside[row][:, columns]
            share = self._means_of(has_room, row, columns)[None, :, None]
            steps = np.divide(more, share, out=np.zeros_like(more), where=share > 0).clip(-self.white, self.white)
            steps = (steps + 1).astype(np.float32) - thresholds
            steps = np.floor(steps, out=steps).astype(self.signed)
            means[row, columns] = self.add(has_room * steps, row, columns)


def of_runs(values: np.ndarray) -> np.ndarray:
    """Sums over the cells of each run, of `(rows, columns, channels)`."""
    return np.add.reduceat(values, range(0, values.shape[1], RUN), axis=1)


def for_cells(values: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Values of runs for each of their cells, which `cells` has in its columns."""
    return values.repeat(RUN, axis=1)[:, : cells.shape[1]]


def interpolated(drift: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values at the centres of cells as whole steps for each pixel of the original.

    Args:
        drift: `(rows, columns, channels)`.
        dtype: Type of the steps.

    Returns:
        `(rows, CELL, columns, CELL, channels)`.
    """
    rows, columns, channels = drift.shape
    steps = np.empty((rows * CELL, columns * CELL, channels), dtype)
    for channel, values in enumerate(np.moveaxis(drift.astype(np.float32), 2, 0)):
        image = Image.fromarray(values).resize((columns * CELL, rows * CELL), Image.Resampling.BILINEAR)
        steps[..., channel] = np.rint(np.array(image))
    return steps.reshape(rows, CELL, columns, CELL, channels)
