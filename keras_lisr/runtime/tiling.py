"""Pictures in tiles: where they lie, how large they may be, and how their results are put together."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

DEFAULT_MEMORY = 2**30
BLENDED_HALO = 16  # Where no halo makes tiles exact.

Progress = Callable[[int, int], Any]


class Window(NamedTuple):
    """A stretch of one side of a picture that a network sees at once.

    Args:
        start: First pixel.
        cut: First pixel whose result is kept; the kept stretch ends where the next window's begins.
    """

    start: int
    cut: int


def windows(side: int, tile: int, halo: int, fixed: bool = False) -> tuple[int, list[Window]]:
    """Divides one side of a picture into windows of one length, evenly and as few as possible.

    Neighbours overlap by at least twice the halo, so that every kept pixel has `halo` pixels of the picture around it,
    or the picture's own border.

    Args:
        side: Pixels along the side.
        tile: Pixels, at most, by which a window moves on.
        halo: Pixels on each side of an inner tile that only give context.
        fixed: Whether a window has exactly `tile + 2 * halo` pixels, which `side` must have too, instead of at most.

    Returns:
        The windows' length and the windows from first to last.

    Example:

    >>> windows(100, tile=50, halo=4)
    (54, [Window(start=0, cut=0), Window(start=46, cut=50)])
    >>> windows(100, tile=50, halo=4, fixed=True)
    (58, [Window(start=0, cut=0), Window(start=42, cut=50)])
    """
    longest = tile + 2 * halo
    if side <= longest:
        return side, [Window(0, 0)]
    count = math.ceil((side - 2 * halo) / tile)
    stride = math.ceil((side - 2 * halo) / count)
    length = longest if fixed else stride + 2 * halo
    return length, [Window(min(i * stride, side - length), i * stride + halo if i else 0) for i in range(count)]


def upscale_in_tiles(
    upscale: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    *,
    scale: int,
    tile: int | tuple[int, int],
    halo: int,
    fixed: bool = False,
    blend: bool = False,
    progress: Progress | None = None,
) -> np.ndarray:
    """Upscales a picture window by window, every window of one shape.

    Args:
        upscale: Function from a window, `(1, height, width, 3)`, to the window `scale` times as large, of one type.
        image: `(height, width, 3)`.
        scale: Integer upscaling factor.
        tile: Pixels, at most, by which a window moves on; height and width if they differ.
        halo: Pixels on each side of an inner tile that only give context.
        fixed: Whether `upscale` takes windows of `tile + 2 * halo` pixels only; the image has at least as many.
        blend: Whether neighbours fade into one another over twice the halo instead of meeting at a cut.
        progress: Called with the number of finished windows and that of all, first with none finished.

    Returns:
        `(height * scale, width * scale, 3)`, of the type of `image`.
    """
    height, width, channels = image.shape
    tile_height, tile_width = tile if isinstance(tile, tuple) else (tile, tile)
    window_height, rows = windows(height, tile_height, halo, fixed)
    window_width, columns = windows(width, tile_width, halo, fixed)
    fade = halo * scale if blend else 0
    super_resolved = np.empty((height * scale, width * scale, channels), image.dtype)
    # Windows are joined to a band as wide as the picture, and bands to the picture: only so do corners blend evenly.
    band = np.empty((window_height * scale, width * scale, channels), image.dtype)
    for i, (top, top_cut) in enumerate(rows):
        for j, (left, left_cut) in enumerate(columns):
            if progress:
                progress(i * len(columns) + j, len(rows) * len(columns))
            window = image[None, top : top + window_height, left : left + window_width]
            _join(band.swapaxes(0, 1), upscale(window)[0].swapaxes(0, 1), left * scale, left_cut * scale, fade)
        _join(super_resolved, band, top * scale, top_cut * scale, fade)
    if progress:
        progress(len(rows) * len(columns), len(rows) * len(columns))
    return super_resolved


def _join(target: np.ndarray, source: np.ndarray, start: int, cut: int, fade: int) -> None:
    """Writes `source`, which begins at row `start` of `target`, into `target` from row `cut` on.

    With `fade`, the rows that far on either side of the cut go over linearly from what was there.
    """
    if cut and fade:
        weights = (np.arange(2 * fade, dtype=np.float32)[:, None, None] + 0.5) / (2 * fade)
        faded, entering = target[cut - fade : cut + fade], source[cut - fade - start : cut + fade - start]
        mixed = faded * (1 - weights) + entering * weights
        faded[:] = np.rint(mixed) if target.dtype == np.uint8 else mixed
        cut += fade
    target[cut : start + len(source)] = source[cut - start :]


def tile_for_pixels(pixels: int, halo: int, height: int, width: int) -> int:
    """The largest tile whose window holds no more than so many pixels.

    Args:
        pixels: Most pixels of a window.
        halo: Pixels on each side of a tile that only give context.
        height: Pixels of the picture.
        width: Pixels of the picture.

    Returns:
        Side of the tile; that of the whole picture if it fits, and less than 1 if the halo alone does not.
    """
    return max(height, width) if height * width <= pixels else math.isqrt(pixels) - 2 * halo


def tile_for_memory(memory: int, pixel_memory: int, halo: int, height: int, width: int) -> int:
    """The largest tile whose window takes no more than so much memory.

    Args:
        memory: Bytes for a window.
        pixel_memory: Bytes that each pixel of it takes.
        halo: Pixels on each side of a tile that only give context.
        height: Pixels of the picture.
        width: Pixels of the picture.

    Returns:
        As `tile_for_pixels`, and at least 1.

    Raises:
        ValueError: If the memory is too little for the halo.
    """
    tile = tile_for_pixels(memory // pixel_memory, halo, height, width)
    if tile < 1:
        raise ValueError(
            f"`memory` must be at least {(2 * halo + 1) ** 2 * pixel_memory} bytes for tiles of this network, or "
            f"`tile` be chosen. Received: memory={memory}"
        )
    return tile


def check_tile(tile: int | None) -> None:
    """Checks the side of a tile that is asked for.

    Raises:
        ValueError: If it is no positive integer.
    """
    if tile is not None and (not isinstance(tile, int) or tile < 1):
        raise ValueError(f"`tile` must be a positive integer or None. Received: tile={tile!r}")


def check_image(image: np.ndarray, smallest_side: int = 1) -> None:
    """Checks a picture that is to be upscaled.

    Args:
        image: What must be uint8 RGB, `(height, width, 3)`.
        smallest_side: Pixels that the network needs on each side.

    Raises:
        ValueError: If `image` has another type or shape, no pixels, or fewer than the network needs.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(
            "`image` must be a uint8 array (height, width, 3). "
            f"Received: image.dtype={image.dtype}, image.shape={image.shape}"
        )
    if min(image.shape[:2]) < smallest_side:
        raise ValueError(
            f"`image` must be at least {smallest_side} pixels on each side for this network. "
            f"Received: image.shape={image.shape}"
        )
