"""Picture in, picture out, by a LiteRT file."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from keras_lisr.runtime.litert_memory import MEMORY_OVERHEAD, bytes_per_pixel
from keras_lisr.runtime.litert_network import LiteRTNetwork
from keras_lisr.runtime.rows import PictureNetwork, Progress, Rows, Stream, bands_of
from keras_lisr.runtime.sidecar import read_sidecar
from keras_lisr.runtime.tiling import (
    BLENDED_HALO,
    DEFAULT_MEMORY,
    bands_in_tiles,
    check_image,
    check_tile,
    pixels_in_windows,
    row_memory,
    tile_for_memory,
    windows,
)


class LiteRTUpscaler(PictureNetwork):
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
        check_tile(tile)
        sidecar = read_sidecar(path)
        self._network = LiteRTNetwork(path, threads=threads)
        self.shape = self._network.shape
        said = (sidecar.format, sidecar.scale, sidecar.shape, sidecar.input["dtype"], sidecar.output["dtype"])
        found = ("litert", self._network.scale, self.shape, self._network.input["dtype"], self._network.output["dtype"])
        if said != found:
            raise ValueError(
                "`path` must be a LiteRT file whose sidecar says its format, scale, shape and types as they are, "
                f"{found}. Received: path={str(path)!r} with {said}"
            )
        if tile and self.shape:
            raise ValueError(
                f"`tile` must be None for a file for {self.shape[1]} x {self.shape[0]} pixels. Received: tile={tile}"
            )
        self.scale = sidecar.scale
        self.exact = sidecar.halo is not None
        self.halo = BLENDED_HALO if sidecar.halo is None else sidecar.halo
        self.smallest_side = 1 if self.shape else sidecar.smallest_side  # Less is filled up to the file's size.
        self.tile = tile
        self.memory = memory
        self._pixel_memory = 0 if self.shape else math.ceil(MEMORY_OVERHEAD * bytes_per_pixel(path))
        self._input, self._output = sidecar.input, sidecar.output
        self._takes_16_bits = "float32" == sidecar.input["dtype"] == sidecar.output["dtype"]

    def bands(self, image: Rows, progress: Progress | None = None) -> Iterator[np.ndarray]:
        """Upscales a picture of which neither the rows nor the result's need be in memory at once.

        Args:
            image: uint8 or uint16 RGB, `(height, width, 3)`, of which some rows at a time are asked for.
            progress: Called with the number of finished tiles and that of all.

        Returns:
            Finished rows of the result from top to bottom, `(rows, width * scale, 3)`, of the same type; together, they
            are what `__call__` returns.

        Raises:
            ValueError: If `image` has another type or shape, no pixels, or fewer than a layer of the network needs, has
                16 bits where the file knows only bytes, or the file's size is too little for the halo.
        """
        check_image(image, self.smallest_side)
        if image.dtype == np.uint16 and not self._takes_16_bits:
            raise ValueError(
                f"`image` must have 8 bits for this file, which takes {self._input['dtype']} and returns "
                f"{self._output['dtype']}. Received: image.dtype={image.dtype}"
            )
        height, width, _ = image.shape
        numbers = numbers_of_pixels(self._input, image.dtype)
        filled_up = self._filled_up(image)
        bands = bands_in_tiles(
            lambda window: pixels_of_numbers(self._network(numbers[window]), self._output, image.dtype),
            filled_up,
            scale=self.scale,
            tile=self._tile(height, width, image.dtype),
            halo=self.halo,
            fixed=self.shape is not None,
            blend=not self.exact,
            progress=progress,
        )
        if filled_up.shape == image.shape:
            return bands
        enlarged = Stream(bands, (height * self.scale, filled_up.shape[1] * self.scale, 3), image.dtype)
        return (band[:, : width * self.scale] for band in bands_of(enlarged))

    def count_tiles(self, height: int, width: int, dtype: DTypeLike = np.uint8) -> int:
        """Number of tiles in which a picture of that size is upscaled; a single one is the whole picture."""
        sides = zip((height, width), self._tile(height, width, dtype), strict=True)
        return math.prod(len(windows(side, tile, self.halo)[1]) for side, tile in sides)

    def count_pixels(self, height: int, width: int, dtype: DTypeLike = np.uint8) -> int:
        """Number of pixels that are computed for a picture of that size, with those around each tile."""
        tile = self._tile(height, width, dtype)
        return pixels_in_windows(height, width, tile, self.halo, fixed=self.shape is not None)

    def fills_up(self, height: int, width: int) -> bool:
        """Whether a picture of that size is smaller than the file's, so that its result is an approximation."""
        return self.shape is not None and (height < self.shape[0] or width < self.shape[1])

    def _filled_up(self, image: Rows) -> Rows:
        """The picture, continued by its reflection where it is smaller than the file's size."""
        height, width, channels = image.shape
        if not self.shape or not self.fills_up(height, width):
            return image
        below, right = (max(0, least - side) for least, side in zip(self.shape, (height, width), strict=True))
        if right:
            bands = (np.pad(band, [(0, 0), (0, right), (0, 0)], mode="reflect") for band in bands_of(image))
            image = Stream(bands, (height, width + right, channels), image.dtype)
        return np.pad(image[0:height], [(0, below), (0, 0), (0, 0)], mode="reflect") if below else image

    def _tile(self, height: int, width: int, dtype: DTypeLike) -> tuple[int, int]:
        """Sides of the tiles for a picture of that size."""
        if self.shape is None:
            tile = self.tile or tile_for_memory(
                self.memory,
                self._pixel_memory,
                row_memory(width, self.scale, dtype),
                self.halo,
                height,
                width,
            )
            return tile, tile
        for side, length in zip((height, width), self.shape, strict=True):
            if side > length and length <= 2 * self.halo:
                raise ValueError(
                    f"`image` must be at most {self.shape[1]} x {self.shape[0]} pixels for this file, which is too "
                    f"small for tiles: each needs {self.halo} pixels around it. Received: {width} x {height} pixels"
                )
        return self.shape[0] - 2 * self.halo, self.shape[1] - 2 * self.halo


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
