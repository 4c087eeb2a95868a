"""Divides pictures into tiles, and joins the results."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from keras_lisr.tiling.rows import Progress, Rows

DEFAULT_MEMORY = 2**30


class Window(NamedTuple):
    """Part of one side of a picture that a network sees at once.

    Args:
        start: First pixel.
        cut: First pixel whose result is kept, up to the cut of the next window.
    """

    start: int
    cut: int


def windows(side: int, tile: int, halo: int, fixed: bool = False, multiple: int = 1) -> tuple[int, list[Window]]:
    """Divides one side of a picture into as few windows as possible, of the same length.

    Neighbours overlap by at least twice the halo, so that every kept pixel has `halo` pixels of the picture around it,
    or the border of the picture. With a `multiple`, the last window may reach beyond the end of the picture.

    Args:
        side: Pixels along the side.
        tile: Largest distance between windows, in pixels.
        halo: Pixels on each side of an inner tile that only give context.
        fixed: Whether windows have exactly `tile + 2 * halo` pixels, instead of at most; `side` must have as many.
        multiple: Pixels between possible starts of windows, for a network with strides.

    Returns:
        Length of the windows, and the windows from first to last.

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
    """Upscales a picture window by window. One row of windows is in memory at a time.

    Args:
        upscale: Function that enlarges a window, `(1, height, width, channels)`, by `scale`.
        image: `(height, width, channels)`.
        scale: Integer upscaling factor.
        tile: Largest distance between windows, in pixels; height and width if they differ.
        halo: Pixels on each side of an inner tile that only give context.
        fixed: Whether `upscale` takes windows of `tile + 2 * halo` pixels only; the image has at least as many.
        blend: Whether neighbours fade into one another over twice the halo instead of meeting at a cut.
        multiple: As for `windows`.
        progress: Called with the number of finished windows, from 0, and that of all windows.

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
    # Windows are joined to a band as wide as the picture, then bands to the picture, so that corners blend evenly.
    for i, (top, top_cut) in enumerate(rows):
        strip = image[top : top + window_height]
        # Rows of the windows up to `first` are finished; those from `last` on need the next windows.
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

    Over `fade` rows on either side of the cut, `target` blends linearly into `source`.
    """
    if cut and fade:
        around = target[cut - fade : cut + fade]
        around[:] = _fade(around, source[cut - fade - start : cut + fade - start])
        cut += fade
    target[cut : start + len(source)] = source[cut - start :]


def _fade(before: np.ndarray, entering: np.ndarray) -> np.ndarray:
    """Blends rows linearly into others."""
    weights = (np.arange(len(entering), dtype=np.float32)[:, None, None] + 0.5) / len(entering)
    mixed = before * (1 - weights) + entering * weights
    return np.rint(mixed) if entering.dtype.kind == "u" else mixed


def largest_tile(memory: float, pixel_memory: int, row_memory: int, halo: int, height: int, width: int) -> int:
    """Returns the side of the largest tile that fits approximately into memory.

    It is that of the whole picture if this fits, and less than 1 if the halo alone does not. Each pixel of a window
    takes memory, and so does each of its rows, for the bands of the result, which are as wide as the picture.
    """
    if height * (width * pixel_memory + row_memory) <= memory:
        return max(height, width)
    # The largest side with pixel_memory * side^2 + row_memory * side <= memory.
    side = (math.isqrt(row_memory**2 + 4 * pixel_memory * int(memory)) - row_memory) // (2 * pixel_memory)
    return side - 2 * halo


def check_image(image: Rows, smallest_side: int = 1) -> None:
    """Raises a ValueError if a picture is not uint8 or uint16 RGB, or too small for a network."""
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
