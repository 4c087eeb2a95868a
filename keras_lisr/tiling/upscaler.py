"""Upscales pictures in tiles: the base of the upscalers of Keras models and exported files."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from keras_lisr.tiling.rows import Progress, Rows, Stream, bands_of, join_bands
from keras_lisr.tiling.tiles import bands_in_tiles, check_image, largest_tile, windows
from keras_lisr.tiling.traits import Traits

# A band of the result is made while the last one is in use, and either may be copied.
BANDS_AT_ONCE = 4


class TiledUpscaler:
    """Enlarges RGB in tiles. Its subclasses run the network: `keras_lisr.inference.Upscaler` and `ExportedUpscaler`.

    Attributes: `scale` is the upscaling factor, `halo` the number of pixels around each tile that only give context,
    `smallest_side` the smallest side of a picture, and `exact` is True if tiles give the same result as the whole.

    Args:
        traits: Geometry of the network. With strides, windows begin and end on the coarsest grid, and the right and
            lower edges are padded with the last pixels.
        tile: Largest side of a tile, in low-resolution pixels and without the halo; by default, the whole picture if it
            fits into `memory`, or else the largest tile that does.
        memory: Approximate number of bytes for tiles and their rows of the result.
        most_pixels: Largest number of pixels of a window, where the halo leaves room.

    Raises:
        ValueError: If `tile` is not a positive integer.
    """

    shape: tuple[int, int] | None = None
    """Height and width of the only windows that the network takes; None if it takes any."""

    engine: str
    """Name of Keras's backend, or of the engine of an exported file."""

    precision: str | None
    """Precision for 8-bit pictures: "float32", "bfloat16" or "int8"; None for that of a Keras model."""

    deep_precision: str | None
    """Precision for 16-bit pictures."""

    def __init__(
        self,
        traits: Traits,
        *,
        tile: int | None,
        memory: int,
        most_pixels: float = math.inf,
    ):
        if tile is not None and (not isinstance(tile, int) or tile < 1):
            raise ValueError(f"`tile` must be a positive integer or None. Received: tile={tile!r}")
        self.scale = traits.scale
        self.exact = traits.halo is not None
        self._multiple = traits.multiple
        step = self._multiple // math.gcd(self._multiple, 2)  # There is a halo on either side.
        blended = min(traits.blended, min(self.shape) // 4 // step * step) if self.shape else traits.blended
        self.halo = blended if traits.halo is None else traits.halo
        self.halo += -self.halo % step
        self.smallest_side = 1 if self.shape else traits.smallest_side  # Smaller pictures are padded to the only size.
        self.tile = tile
        self.memory = memory
        self._most_pixels = most_pixels

    def __call__(self, image: np.ndarray, progress: Progress | None = None) -> np.ndarray:
        """Upscales a picture.

        Args:
            image: uint8 or uint16 RGB, `(height, width, 3)`: an array, or what NumPy makes one of, such as Pillow's.
            progress: Called with the number of finished tiles and that of all tiles.

        Returns:
            RGB of the same type, `(height * scale, width * scale, 3)`.

        Raises:
            ValueError: As `bands`.
        """
        image = np.asarray(image)
        bands = self.bands(image, progress)
        return join_bands(bands, (image.shape[0] * self.scale, image.shape[1] * self.scale, 3), image.dtype)

    def bands(self, image: Rows, progress: Progress | None = None) -> Iterator[np.ndarray]:
        """Upscales a picture that need not fit into memory, and neither its result.

        Args:
            image: uint8 or uint16 RGB, `(height, width, 3)`, read row by row.
            progress: Called with the number of finished tiles and that of all tiles.

        Returns:
            Finished rows of the result from top to bottom, `(rows, width * scale, 3)`, of the same type. Together
            they are the result of `__call__`.

        Raises:
            ValueError: If `image` has another type or shape, no pixels, or fewer than a layer of the network needs, or
                16 bits where a file takes only bytes, or the only size of the network is too small for the halo.
        """
        check_image(image, self.smallest_side)
        self.check_depth(image.dtype)
        filled_up = self._fill_up(image)
        height, width, _ = filled_up.shape
        dtype = np.dtype(image.dtype)
        bands = bands_in_tiles(
            lambda window: self._run_filled_up(window, dtype),
            filled_up,
            scale=self.scale,
            tile=self._tile(height, width, dtype),
            halo=self.halo,
            fixed=self.shape is not None,
            blend=not self.exact,
            multiple=self._multiple,
            progress=progress,
        )
        if filled_up.shape == image.shape:
            return bands
        enlarged = Stream(bands, (image.shape[0] * self.scale, width * self.scale, 3), image.dtype)
        return (band[:, : image.shape[1] * self.scale] for band in bands_of(enlarged))

    def check_depth(self, dtype: DTypeLike) -> None:
        """Raises a ValueError if the network takes no pictures of that type, uint8 or uint16."""

    def fills_up(self, height: int, width: int) -> bool:
        """Checks whether a picture is smaller than the network's only size, so that its result is approximate."""
        return self.shape is not None and (height < self.shape[0] or width < self.shape[1])

    def _fill_up(self, image: Rows) -> Rows:
        """Pads a picture by reflection if it is smaller than the network's only size."""
        height, width, channels = image.shape
        if not self.shape or not self.fills_up(height, width):
            return image
        below, right = (max(0, least - side) for least, side in zip(self.shape, (height, width), strict=True))
        if right:
            bands = (np.pad(band, [(0, 0), (0, right), (0, 0)], mode="reflect") for band in bands_of(image))
            image = Stream(bands, (height, width + right, channels), image.dtype)
        return np.pad(image[0:height], [(0, below), (0, 0), (0, 0)], mode="reflect") if below else image

    def count_tiles(self, height: int, width: int, dtype: DTypeLike = np.uint8) -> int:
        """Returns the number of tiles for a picture of that size; 1 means the whole picture."""
        sides = zip((height, width), self._tile(height, width, dtype), strict=True)
        return math.prod(len(windows(side, tile, self.halo, multiple=self._multiple)[1]) for side, tile in sides)

    def _run_filled_up(self, window: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """Pads a window to the multiple that the network needs, and runs the network."""
        missing = [(0, -side % self._multiple) for side in window.shape[1:3]]
        filled_up = np.pad(window, [(0, 0), *missing, (0, 0)], mode="edge")
        enlarged = self._run(filled_up, dtype)
        if enlarged.shape != (1, filled_up.shape[1] * self.scale, filled_up.shape[2] * self.scale, 3):
            raise ValueError(
                f"`model` must enlarge pictures of every size by {self.scale}. Received: one that makes "
                f"{enlarged.shape} of {filled_up.shape}"
            )
        return enlarged[:, : window.shape[1] * self.scale, : window.shape[2] * self.scale]

    def _run(self, window: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """Enlarges a window, `(1, height, width, 3)`, by `scale`, to values of that type."""
        raise NotImplementedError

    def _pixel_memory(self, dtype: DTypeLike) -> int:
        """Returns the bytes that the network needs for each pixel of a window."""
        raise NotImplementedError

    def _tile(self, height: int, width: int, dtype: DTypeLike) -> tuple[int, int]:
        """Returns the height and width of the tiles for a picture of that size.

        Raises:
            ValueError: If the only size of the network is too small for the halo.
        """
        if self.shape is not None:
            for side, length in zip((height, width), self.shape, strict=True):
                if side > length and length <= 2 * self.halo:
                    raise ValueError(
                        f"`image` must fit into the only size of this network, {self.shape}, which is too small for "
                        f"tiles: each needs {self.halo} pixels around it. Received: {width} x {height} pixels"
                    )
            return self.shape[0] - 2 * self.halo, self.shape[1] - 2 * self.halo
        tile = self.tile
        if tile is None:
            row_memory = BANDS_AT_ONCE * 3 * np.dtype(dtype).itemsize * width * self.scale**2
            tile = largest_tile(self.memory, self._pixel_memory(dtype), row_memory, self.halo, height, width)
            # With such a halo, the network computes every pixel nine times already.
            tile = max(1, self.halo, tile)
        quick = largest_tile(self._most_pixels, 1, 0, self.halo, height, width)
        tile = min(tile, quick) if quick >= 1 else tile
        return tile, tile
