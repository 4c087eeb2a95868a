"""Picture in, picture out, by a LiteRT file."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from keras_lisr.litert.memory import MEMORY_OVERHEAD, bytes_per_pixel
from keras_lisr.litert.network import LiteRTNetwork
from keras_lisr.litert.sidecar import read_sidecar
from keras_lisr.tiling.rows import Progress, Rows
from keras_lisr.tiling.tiles import DEFAULT_MEMORY
from keras_lisr.tiling.upscaler import TiledUpscaler


class LiteRTUpscaler(TiledUpscaler):
    """Upscales pictures of any size with a LiteRT file that `keras-lisr export` wrote, in tiles.

    The sidecar beside the file says what halo makes the tiles exact, as those of `keras_lisr.inference.Upscaler` are.
    For a network that pools over the picture none does: `exact` is False then, and neighbouring tiles fade into one
    another over 32 pixels.

    A file for one size sees windows of that size. A picture that is smaller is filled up at its right and lower edge
    with its own reflection, which is cut off again. That is an approximation, which `fills_up` tells beforehand: the
    network itself sees zeros beyond the edges, so that within the halo of these two the result differs from its own,
    and everywhere if it pools over the picture.

    Pictures of 16 bits need a file that takes and returns floats.

    Threads that share an upscaler take turns: LiteRT keeps the tensors of a run in the network.

    Args:
        path: The `.tflite` file, with its sidecar beside it.
        tile: Side of a tile, at most, in low-resolution pixels and without the halo; by default, the whole picture
            where it fits into `memory`, and else the largest tile that does. A file for one size takes no other.
        memory: Bytes that tiles may take, approximately, and the rows of the result that they make. Tiles are never
            smaller than their halo, and a file for one size takes what it takes.
        threads: How many LiteRT uses; by default, one for each processor.

    Raises:
        ValueError: If there is no such file or no sidecar, they are others, ai-edge-litert is not installed, or `tile`
            or `threads` is not a positive integer.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        tile: int | None = None,
        memory: int = DEFAULT_MEMORY,
        threads: int | None = None,
    ):
        sidecar = read_sidecar(path)
        self._network = LiteRTNetwork(path, threads=threads)
        self.shape = self._network.shape
        if tile and self.shape:
            raise ValueError(
                f"`tile` must be None for a file for {self.shape[1]} x {self.shape[0]} pixels. Received: tile={tile}"
            )
        super().__init__(sidecar, tile=tile, memory=memory)
        self._bytes_per_pixel = 0 if self.shape else math.ceil(MEMORY_OVERHEAD * bytes_per_pixel(path))

    def bands(self, image: Rows, progress: Progress | None = None) -> Iterator[np.ndarray]:
        """As `TiledUpscaler.bands`.

        Raises:
            ValueError: As there, or if `image` has 16 bits where the file knows only bytes.
        """
        taken, returned = self._network.input["dtype"], self._network.output["dtype"]
        if image.dtype == np.uint16 and not taken == returned == "float32":
            raise ValueError(
                f"`image` must have 8 bits for this file, which takes {taken} and returns {returned}. "
                f"Received: image.dtype={image.dtype}"
            )
        return super().bands(image, progress)

    def _run(self, window: np.ndarray, dtype: np.dtype) -> np.ndarray:
        numbers = self._network(numbers_of_pixels(self._network.input, dtype)[window])
        return pixels_of_numbers(numbers, self._network.output, dtype)

    def _pixel_memory(self, dtype: DTypeLike) -> int:
        return self._bytes_per_pixel


def numbers_of_pixels(tensor: dict[str, Any], dtype: DTypeLike = np.uint8) -> np.ndarray:
    """What each value of a picture of that type is in a tensor of which a sidecar says so much."""
    white = np.iinfo(dtype).max
    pixels = np.arange(white + 1, dtype=np.float32) / white
    taken = np.dtype(tensor["dtype"])
    if taken.kind == "f":
        return pixels.astype(taken)
    limits = np.iinfo(taken)
    integers = np.rint(pixels / tensor["scale"]) + tensor["zero_point"]
    return integers.clip(limits.min, limits.max).astype(taken)


def pixels_of_numbers(numbers: np.ndarray, tensor: dict[str, Any], dtype: DTypeLike = np.uint8) -> np.ndarray:
    """Pixels of a type, clipped and rounded half up, from the numbers of a tensor of which a sidecar says so much."""
    if numbers.dtype.kind == "f":
        return np.floor(numbers.clip(0, 1) * np.iinfo(dtype).max + 0.5).astype(dtype)
    every = np.arange(2 ** (8 * numbers.itemsize)).astype(f"u{numbers.itemsize}")
    values = tensor["scale"] * (every.view(numbers.dtype).astype(np.float64) - tensor["zero_point"])
    return pixels_of_numbers(values, tensor, dtype)[numbers.view(every.dtype)]
