"""Pictures in tiles: where they lie, how large they may be, and how their results are put together."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_lisr.zoo.graph import calls

Progress = Callable[[int, int], Any]

# Measured peak of TensorFlow's memory over `bytes_per_pixel`, windows of 200 to 1,187 pixels a side: 0.7 (FSRCNN), 1.4
# (MemNet), 1.7 (IMDN), 2.2 (IDN, RCAN), 2.4 (EDSR, CARN).
MEMORY_OVERHEAD = 2.4
# TensorFlow 2.21 with oneDNN (AVX2, float32) convolves 1447 x 1447 x 64 values in 3 s; of 1450 x 1450 x 64, which are
# more than 2^29 bytes, nothing had come back after 25.
MOST_VALUES = 2**27 - 1


class Window(NamedTuple):
    """A stretch of one side of a picture that a network sees at once.

    Args:
        start: First pixel.
        cut: First pixel whose result is kept; the kept stretch ends where the next window's begins.
    """

    start: int
    cut: int


def windows(side: int, tile: int, halo: int) -> tuple[int, list[Window]]:
    """Divides one side of a picture into windows of one length, evenly and as few as possible.

    Neighbours overlap by at least twice the halo, with the cut half way, so that every kept pixel has `halo` pixels of
    the picture around it, or the picture's own border.

    Args:
        side: Pixels along the side.
        tile: Pixels, at most, by which a window moves on.
        halo: Pixels on each side of an inner tile that only give context.

    Returns:
        The windows' length, at most `tile + 2 * halo`, and the windows from first to last.

    Example:

    >>> windows(100, tile=50, halo=4)
    (54, [Window(start=0, cut=0), Window(start=46, cut=50)])
    """
    count = max(1, math.ceil((side - 2 * halo) / tile))
    if count == 1:
        return side, [Window(0, 0)]
    stride = math.ceil((side - 2 * halo) / count)
    length = stride + 2 * halo
    return length, [Window(min(i * stride, side - length), i * stride + halo if i else 0) for i in range(count)]


def upscale_in_tiles(
    upscale: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    *,
    scale: int,
    tile: int,
    halo: int,
    blend: bool = False,
    progress: Progress | None = None,
) -> np.ndarray:
    """Upscales a picture window by window, every window of one shape.

    Args:
        upscale: Function from a window, `(1, height, width, 3)`, to the window `scale` times as large, of one type.
        image: `(height, width, 3)`.
        scale: Integer upscaling factor.
        tile: Pixels, at most, by which a window moves on.
        halo: Pixels on each side of an inner tile that only give context.
        blend: Whether neighbours fade into one another over twice the halo instead of meeting at a cut.
        progress: Called with the number of finished windows and that of all, first with none finished.

    Returns:
        `(height * scale, width * scale, 3)`, of the type of `image`.
    """
    height, width, channels = image.shape
    window_height, rows = windows(height, tile, halo)
    window_width, columns = windows(width, tile, halo)
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


def values_per_pixel(model: keras.Model) -> int:
    """Values that the largest of a network's tensors holds for each pixel of a window.

    Args:
        model: Functional model with one input and one output.

    Raises:
        ValueError: If the graph holds an operation that is not known, as `zoo.graph.calls` says.
    """
    return max(call.output_resolution**2 * tensor.shape[-1] for call in calls(model) for tensor in call.outputs)


def bytes_per_pixel(model: keras.Model) -> int:
    """Bytes that a network's tensors take for each pixel of a window, without `MEMORY_OVERHEAD`.

    The most that they hold at once, if each is kept from the call that makes it to the last one that takes it.

    Args:
        model: Functional model with one input and one output.

    Raises:
        ValueError: If the graph holds an operation that is not known, as `zoo.graph.calls` says.
    """
    graph = list(calls(model))
    last_call = {id(tensor): i for i, call in enumerate(graph) for tensor in call.inputs}
    held: dict[int, int] = {}
    most = 0
    for i, call in enumerate(graph):
        for tensor in call.outputs:
            held[id(tensor)] = call.output_resolution**2 * tensor.shape[-1] * np.dtype(tensor.dtype).itemsize
        most = max(most, sum(held.values()))
        held = {tensor: size for tensor, size in held.items() if last_call.get(tensor, 0) > i}
    return most
