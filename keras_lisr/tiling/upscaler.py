"""What Keras's upscaler and LiteRT's have in common: tiles, and the picture that these make."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from keras_lisr.tiling.rows import Progress, Rows, Stream, bands_of, join_bands
from keras_lisr.tiling.tiles import bands_in_tiles, check_image, largest_tile, windows
from keras_lisr.tiling.traits import Traits

# A band of the result is made while the one before is still in use, and either may be copied to be handed on.
BANDS_AT_ONCE = 4


class TiledUpscaler:
    """Enlarges RGB in tiles. Its subclasses run the network: `keras_lisr.inference.Upscaler` and `ExportedUpscaler`.

    Its `scale` is the upscaling factor, `halo` the pixels around each tile that only give context, `smallest_side` what
    a picture needs on each side, and `exact` tells whether tiles make the picture that the network makes of the whole.

    Args:
        traits: What the network does to the grid of pixels. With strides, windows begin and end on the coarsest grid,
            and what is missing at the right and the lower edge is filled up with the last pixels.
        tile: Side of a tile, at most, in low-resolution pixels and without the halo; by default, the whole picture
            where it fits into `memory`, and else the largest tile that does.
        memory: Bytes that tiles may take, approximately, and the rows of the result that they make.
        most_pixels: Pixels of a window, at most, where the halo leaves room.

    Raises:
        ValueError: If `tile` is not a positive integer.
    """

    shape: tuple[int, int] | None = None
    """Height and width of the only windows that the network takes, None if it takes any."""

    engine: str
    """What computes: Keras's backend, or the engine of an exported file."""

    precision: str | None
    """What 8 bits are computed in: "float32", "bfloat16" or "int8"; None for whatever a model of Keras computes in."""

    deep_precision: str | None
    """What 16 bits are computed in."""

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
        self.smallest_side = 1 if self.shape else traits.smallest_side  # Less is filled up to the only size.
        self.tile = tile
        self.memory = memory
        self._most_pixels = most_pixels

    def __call__(self, image: np.ndarray, progress: Progress | None = None) -> np.ndarray:
        """Upscales a picture.

        Args:
            image: uint8 or uint16 RGB, `(height, width, 3)`: an array, or what NumPy makes one of, as of Pillow's.
            progress: Called with the number of finished tiles and that of all.

        Returns:
            RGB of the same type, `(height * scale, width * scale, 3)`.

        Raises:
            ValueError: As `bands`.
        """
        image = np.asarray(image)
        bands = self.bands(image, progress)
        return join_bands(bands, (image.shape[0] * self.scale, image.shape[1] * self.scale, 3), image.dtype)

    def bands(self, image: Rows, progress: Progress | None = None) -> Iterator[np.ndarray]:
        """Upscales a picture of which neither the rows nor the result's need be in memory at once.

        Args:
            image: uint8 or uint16 RGB, `(height, width, 3)`, of which some rows at a time are asked for.
            progress: Called with the number of finished tiles and that of all.

        Returns:
            Finished rows of the result from top to bottom, `(rows, width * scale, 3)`, of the same type; together, they
            are what `__call__` returns.

        Raises:
            ValueError: If `image` has another type or shape, no pixels, or fewer than a layer of the network needs, or
                16 bits where a file knows only bytes, or the only size of the network is too little for the halo.
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
        """Whether a picture of that size is smaller than the network's, so that its result is an approximation."""
        return self.shape is not None and (height < self.shape[0] or width < self.shape[1])

    def _fill_up(self, image: Rows) -> Rows:
        """Continues a picture by its reflection where it is smaller than the network's size."""
        height, width, channels = image.shape
        if not self.shape or not self.fills_up(height, width):
            return image
        below, right = (max(0, least - side) for least, side in zip(self.shape, (height, width), strict=True))
        if right:
            bands = (np.pad(band, [(0, 0), (0, right), (0, 0)], mode="reflect") for band in bands_of(image))
            image = Stream(bands, (height, width + right, channels), image.dtype)
        return np.pad(image[0:height], [(0, below), (0, 0), (0, 0)], mode="reflect") if below else image

    def count_tiles(self, height: int, width: int, dtype: DTypeLike = np.uint8) -> int:
        """Number of tiles in which a picture of that size is upscaled; a single one is the whole picture."""
        sides = zip((height, width), self._tile(height, width, dtype), strict=True)
        return math.prod(len(windows(side, tile, self.halo, multiple=self._multiple)[1]) for side, tile in sides)

    def _run_filled_up(self, window: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """As `_run`, for a window that may end between the places where a network with strides needs it to end."""
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
        """A window, `(1, height, width, 3)`, `scale` times as large, of one type."""
        raise NotImplementedError

    def _pixel_memory(self, dtype: DTypeLike) -> int:
        """Bytes that the network takes for each pixel of a window."""
        raise NotImplementedError

    def _tile(self, height: int, width: int, dtype: DTypeLike) -> tuple[int, int]:
        """Height and width of the tiles for a picture of that size.

        Raises:
            ValueError: If the only size of the network is too little for the halo.
        """
        if self.shape is not None:
            for side, length in zip((height, width), self.shape, strict=True):
                if side > length and length <= 2 * self.halo:
                    raise ValueError(
                        f"`image` must fit into the one size of this network, {self.shape}, which is too small for "
                        f"tiles: each needs {self.halo} pixels around it. Received: {width} x {height} pixels"
                    )
            return self.shape[0] - 2 * self.halo, self.shape[1] - 2 * self.halo
        tile = self.tile
        if tile is None:
            row_memory = BANDS_AT_ONCE * 3 * np.dtype(dtype).itemsize * width * self.scale**2
            tile = largest_tile(self.memory, self._pixel_memory(dtype), row_memory, self.halo, height, width)
            # With the halo, the network computes every pixel nine times, and with less, many times more.
            tile = max(1, self.halo, tile)
        quick = largest_tile(self._most_pixels, 1, 0, self.halo, height, width)
        tile = min(tile, quick) if quick >= 1 else tile
        return tile, tile
