"""Picture in, picture out, by a LiteRT file."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from keras_lisr.runtime.litert_memory import MEMORY_OVERHEAD, bytes_per_pixel
from keras_lisr.runtime.litert_network import LiteRTNetwork
from keras_lisr.runtime.sidecar import read_sidecar
from keras_lisr.runtime.tiling import (
    BLENDED_HALO,
    DEFAULT_MEMORY,
    Progress,
    check_image,
    check_tile,
    tile_for_memory,
    upscale_in_tiles,
    windows,
)


class LiteRTUpscaler:
    """Upscales pictures of any size with a LiteRT file that `keras-lisr export` wrote, in tiles.

    The sidecar beside the file says what halo makes the tiles exact, as those of `keras_lisr.inference.Upscaler` are.
    For a network that pools over the picture none does: `exact` is False then, and neighbouring tiles fade into one
    another over 32 pixels.

    A file for one size sees windows of that size. A picture that is smaller is filled up at its right and lower edge
    with its own reflection, which is cut off again. That is an approximation, which `fills_up` tells beforehand: the
    network itself sees zeros beyond the edges, so that within the halo of these two the result differs from its own,
    and everywhere if it pools over the picture.

    Args:
        path: The `.tflite` file, with its sidecar beside it.
        tile: Side of a tile, at most, in low-resolution pixels and without the halo; by default, the whole picture
            where it fits into `memory`, and else the largest tile that does. A file for one size takes no other.
        memory: Bytes for the network's tensors, beside the pictures. A file for one size takes what it takes.
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
        self._numbers = numbers_of_bytes(sidecar.input)
        self._output = sidecar.output

    def __call__(self, image: np.ndarray, progress: Progress | None = None) -> np.ndarray:
        """Upscales a picture.

        Args:
            image: uint8 RGB, `(height, width, 3)`.
            progress: Called with the number of finished tiles and that of all.

        Returns:
            uint8 RGB, `(height * scale, width * scale, 3)`.

        Raises:
            ValueError: If `image` has another type or shape, no pixels, or fewer than a layer of the network needs, or
                there are no tiles for it: `memory`, or the file's size, is too little for the halo.
        """
        check_image(image, self.smallest_side)
        height, width, _ = image.shape
        filled_up = [
            (0, max(0, least - side)) for least, side in zip(self.shape or (0, 0), (height, width), strict=True)
        ]
        super_resolved = upscale_in_tiles(
            self._upscale,
            np.pad(image, [*filled_up, (0, 0)], mode="reflect"),
            scale=self.scale,
            tile=self._tile(height, width),
            halo=self.halo,
            fixed=self.shape is not None,
            blend=not self.exact,
            progress=progress,
        )
        return super_resolved[: height * self.scale, : width * self.scale]

    def count_tiles(self, height: int, width: int) -> int:
        """Number of tiles in which a picture of that size is upscaled; a single one is the whole picture."""
        sides = zip((height, width), self._tile(height, width), strict=True)
        return math.prod(len(windows(side, tile, self.halo)[1]) for side, tile in sides)

    def fills_up(self, height: int, width: int) -> bool:
        """Whether a picture of that size is smaller than the file's, so that its result is an approximation."""
        return self.shape is not None and (height < self.shape[0] or width < self.shape[1])

    def _tile(self, height: int, width: int) -> tuple[int, int]:
        """Sides of the tiles for a picture of that size."""
        if self.shape is None:
            tile = self.tile or tile_for_memory(self.memory, self._pixel_memory, self.halo, height, width)
            return tile, tile
        for side, length in zip((height, width), self.shape, strict=True):
            if side > length and length <= 2 * self.halo:
                raise ValueError(
                    f"`image` must be at most {self.shape[1]} x {self.shape[0]} pixels for this file, which is too "
                    f"small for tiles: each needs {self.halo} pixels around it. Received: {width} x {height} pixels"
                )
        return self.shape[0] - 2 * self.halo, self.shape[1] - 2 * self.halo

    def _upscale(self, window: np.ndarray) -> np.ndarray:
        """The function on bytes that is run on each window."""
        return bytes_of_numbers(self._network(self._numbers[window]), self._output)


def numbers_of_bytes(tensor: dict[str, Any]) -> np.ndarray:
    """What each of a picture's 256 bytes is in a tensor of which a sidecar says so much."""
    pixels = np.arange(256, dtype=np.float32) / 255
    dtype = np.dtype(tensor["dtype"])
    if dtype.kind == "f":
        return pixels.astype(dtype)
    limits = np.iinfo(dtype)
    integers = np.rint(pixels / tensor["scale"]) + tensor["zero_point"]
    return integers.clip(limits.min, limits.max).astype(dtype)


def bytes_of_numbers(numbers: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """A picture's bytes, clipped and rounded half up, from the numbers of a tensor of which a sidecar says so much."""
    if numbers.dtype.kind == "f":
        return np.floor(numbers.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    every = np.arange(2 ** (8 * numbers.itemsize)).astype(f"u{numbers.itemsize}")
    pixels = tensor["scale"] * (every.view(numbers.dtype).astype(np.float64) - tensor["zero_point"])
    return bytes_of_numbers(pixels, tensor)[numbers.view(every.dtype)]
