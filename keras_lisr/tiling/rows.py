"""Streams pictures as rows from top to bottom, so that neither source nor result has to be in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np

BAND = 64  # Default number of rows of a band.

Progress = Callable[[int, int], Any]


class Rows(Protocol):
    """A picture that is read row by row; an array is one.

    `rows[start:stop]` returns `(stop - start, width, channels)`. Rows above an earlier `start` may be gone.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels."""

    @property
    def dtype(self) -> np.dtype:
        """Type of the pixels."""

    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


class Stream:
    """Rows of a picture that comes band by band. Each band is requested when it is needed, and dropped afterwards.

    Args:
        bands: Bands from top to bottom.
        shape: Height, width and channels of the picture.
        dtype: Type of its pixels.

    Example:

    >>> rows = Stream(iter([np.zeros((5, 8, 3), np.uint8), np.ones((5, 8, 3), np.uint8)]), (10, 8, 3), np.uint8)
    >>> rows[3:7].mean(axis=(1, 2))
    array([0., 0., 1., 1.])
    """

    def __init__(self, bands: Iterable[np.ndarray], shape: tuple[int, ...], dtype: Any):
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._bands = iter(bands)
        self._held: deque[np.ndarray] = deque()
        self._first = self._end = 0  # First row that is held, and the one after the last.

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        """Returns some rows; they may be a view of a band.

        Raises:
            IndexError: If rows were dropped already, or the bands end too soon.
        """
        start, stop, _ = rows.indices(self.shape[0])
        if start < self._first:
            raise IndexError(f"`rows` must not start above {self._first}: those rows were dropped. Received: {start}")
        self._drop(start)
        while self._end < stop:
            band = next(self._bands, None)
            if band is None:
                raise IndexError(f"`rows` must end where the bands do, at {self._end}. Received: {stop}")
            self._held.append(band)
            self._end += len(band)
            del band
            self._drop(start)
        if self._end == self.shape[0]:
            self._bands = iter(())  # Frees their source.
        parts, first = [], self._first
        for band in self._held:
            parts.append(band[max(0, start - first) : max(0, stop - first)])
            first += len(band)
        parts = [part for part in parts if len(part)]
        if not parts:
            return np.empty((0, *self.shape[1:]), self.dtype)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _drop(self, start: int) -> None:
        """Drops the bands above a row."""
        while self._held and self._first + len(self._held[0]) <= start:
            self._first += len(self._held.popleft())


def bands_of(rows: Rows) -> Iterator[np.ndarray]:
    """Yields the bands of a picture from top to bottom."""
    for start in range(0, rows.shape[0], BAND):
        yield rows[start : start + BAND]


def tee_rows(rows: Rows, count: int) -> list[Stream]:
    """Splits a picture into several streams. A band is held until all of them have read it, and no longer.

    `itertools.tee` would hold up to 57 bands and free them together.
    """
    bands = bands_of(rows)
    waiting: list[deque[np.ndarray]] = [deque() for _ in range(count)]

    def read_on(own: deque[np.ndarray]) -> Iterator[np.ndarray]:
        while True:
            if not own:
                band = next(bands, None)
                if band is None:
                    return
                for others in waiting:
                    others.append(band)
                del band
            yield own.popleft()

    return [Stream(read_on(own), rows.shape, rows.dtype) for own in waiting]


def map_rows(function: Callable[[np.ndarray], np.ndarray], rows: Rows, channels: int) -> Stream:
    """Applies a function to the bands of a picture; its results have `channels` channels."""
    return Stream(map(function, bands_of(rows)), (*rows.shape[:2], channels), rows.dtype)


def join_bands(bands: Iterable[np.ndarray], shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Joins bands from top to bottom to an array `(height, width, channels)`."""
    pixels = np.empty(shape, dtype)
    end = 0
    for band in bands:
        pixels[end : end + len(band)] = band
        end += len(band)
    return pixels
