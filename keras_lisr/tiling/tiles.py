"""Pictures in tiles: where they lie, how large they may be, and how their results are put together."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from keras_lisr.tiling.rows import Progress, Rows

DEFAULT_MEMORY = 2**30


class Window(NamedTuple):
    """A stretch of one side of a picture that a network sees at once.

    Args:
        start: First pixel.
        cut: First pixel whose result is kept; the kept stretch ends where the next window's begins.
    """

    start: int
    cut: int


def windows(side: int, tile: int, halo: int, fixed: bool = False, multiple: int = 1) -> tuple[int, list[Window]]:
    """Divides one side of a picture into windows of one length, evenly and as few as possible.

    With a `multiple`, the last may reach beyond the picture's end.

    Neighbours overlap by at least twice the halo, so that every kept pixel has `halo` pixels of the picture around it,
    or the picture's own border.

    Args:
        side: Pixels along the side.
        tile: Pixels, at most, by which a window moves on.
        halo: Pixels on each side of an inner tile that only give context.
        fixed: Whether a window has exactly `tile + 2 * halo` pixels, which `side` must have too, instead of at most.
        multiple: Pixels between the places where a window may begin, for a network with strides.

    Returns:
        The windows' length and the windows from first to last.

    Example:

    >>> windows(100, tile=50, halo=4)
    (54, [Window(start=0, cut=0), Window(start=46, cut=50)])
    >>> windows(100, tile=50, halo=4, fixed=True)
    (58, [Window(start=0, cut=0), Window(start=42, cut=50)])
    """
    tile = max(multiple, tile - tile % multiple)
    longest = tile + 2 * halo
    if side <= longest:
        return side, [Window(0, 0)]
    count = math.ceil((side - 2 * halo) / tile)
    stride = math.ceil((side - 2 * halo) / (count * multiple)) * multiple
    length = longest if fixed else stride + 2 * halo
    end = math.ceil((side - length) / multiple) * multiple
    return length, [Window(min(i * stride, end), i * stride + halo if i else 0) for i in range(count)]


def bands_in_tiles(
    upscale: Callable[[np.ndarray], np.ndarray],
    image: Rows,
    *,
    scale: int,
    tile: int | tuple[int, int],
    halo: int,
    fixed: bool = False,
    blend: bool = False,
    multiple: int = 1,
    progress: Progress | None = None,
) -> Iterator[np.ndarray]:
    """Upscales a picture window by window, of which it sees one row of windows at a time.

    Args:
        upscale: Function from a window, `(1, height, width, channels)`, to the window `scale` times as large, of one
            type.
        image: `(height, width, channels)`.
        scale: Integer upscaling factor.
        tile: Pixels, at most, by which a window moves on; height and width if they differ.
        halo: Pixels on each side of an inner tile that only give context.
        fixed: Whether `upscale` takes windows of `tile + 2 * halo` pixels only; the image has at least as many.
        blend: Whether neighbours fade into one another over twice the halo instead of meeting at a cut.
        multiple: As for `windows`.
        progress: Called with the number of finished windows and that of all, first with none finished.

    Yields:
        Finished rows of the result from top to bottom, `(rows, width * scale, channels)`, of the type of `image`.
    """
    height, width, channels = image.shape
    tile_height, tile_width = tile if isinstance(tile, tuple) else (tile, tile)
    window_height, rows = windows(height, tile_height, halo, fixed, multiple)
    window_width, columns = windows(width, tile_width, halo, fixed, multiple)
    fade = halo * scale if blend else 0
    total = len(rows) * len(columns)
    unfinished = np.empty((0, width * scale, channels), image.dtype)
    # Windows are joined to a band as wide as the picture, and bands to the picture: only so do corners blend evenly.
    for i, (top, top_cut) in enumerate(rows):
        strip = image[top : top + window_height]
        # Of the windows' rows, those from `first` on are not finished yet, and those from `last` on will not be.
        first = (top_cut - top) * scale - (fade if i else 0)
        last = (rows[i + 1].cut - top) * scale - fade if i + 1 < len(rows) else len(strip) * scale
        band = np.empty((min(last + 2 * fade, len(strip) * scale) - first, width * scale, channels), image.dtype)
        for j, (left, left_cut) in enumerate(columns):
            if progress:
                progress(i * len(columns) + j, total)
            window = upscale(strip[None, :, left : left + window_width])[0, first : first + len(band)]
            _join(band.swapaxes(0, 1), window.swapaxes(0, 1), left * scale, left_cut * scale, fade)
        if i and fade:
            band[: 2 * fade] = _fade(unfinished, band[: 2 * fade])
        if progress and i + 1 == len(rows):
            progress(total, total)
        yield band[: last - first]
        unfinished = band[last - first :]


def _join(target: np.ndarray, source: np.ndarray, start: int, cut: int, fade: int) -> None:
    """Writes `source`, which begins at row `start` of `target`, into `target` from row `cut` on.

    With `fade`, the rows that far on either side of the cut go over linearly from what was there.
    """
    if cut and fade:
        around = target[cut - fade : cut + fade]
        around[:] = _fade(around, source[cut - fade - start : cut + fade - start])
        cut += fade
    target[cut : start + len(source)] = source[cut - start :]


def _fade(before: np.ndarray, entering: np.ndarray) -> np.ndarray:
    """Makes rows that go over linearly from what was there to what enters."""
    weights = (np.arange(len(entering), dtype=np.float32)[:, None, None] + 0.5) / len(entering)
    mixed = before * (1 - weights) + entering * weights
    return np.rint(mixed) if entering.dtype.kind == "u" else mixed


def largest_tile(memory: float, pixel_memory: int, row_memory: int, halo: int, height: int, width: int) -> int:
    """Side of the largest tile that takes no more than about so much memory.

    It is that of the whole picture if this fits, and less than 1 if the halo alone does not. Each pixel of a window
    takes memory, and so does each of its rows, for the bands of the result, which are as wide as the picture.
    """
    if height * (width * pixel_memory + row_memory) <= memory:
        return max(height, width)
    # The largest side with pixel_memory * side^2 + row_memory * side <= memory.
    side = (math.isqrt(row_memory**2 + 4 * pixel_memory * int(memory)) - row_memory) // (2 * pixel_memory)
    return side - 2 * halo


def check_image(image: Rows, smallest_side: int = 1) -> None:
    """Raises a ValueError if a picture is no uint8 or uint16 RGB, or a side has fewer pixels than a network needs."""
    if image.dtype not in (np.uint8, np.uint16) or len(image.shape) != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(
            "`image` must be a uint8 or uint16 array (height, width, 3). "
            f"Received: image.dtype={image.dtype}, image.shape={image.shape}"
        )
    if min(image.shape[:2]) < smallest_side:
        raise ValueError(
            f"`image` must be at least {smallest_side} pixels on each side for this network. "
            f"Received: image.shape={image.shape}"
        )
