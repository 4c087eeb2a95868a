"""Picture in, picture out."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import DTypeLike

from keras_lisr.inference.engines import (
    Engine,
    Precision,
    compile_engine,
    compile_self_ensemble,
    resolve_precision,
)
from keras_lisr.inference.memory import MEMORY_OVERHEAD, MOST_VALUES, bytes_per_pixel, values_per_pixel
from keras_lisr.runtime.rows import PictureNetwork, Progress, Rows
from keras_lisr.runtime.tiling import (
    BLENDED_HALO,
    DEFAULT_MEMORY,
    bands_in_tiles,
    check_image,
    check_tile,
    pixels_in_windows,
    row_memory,
    tile_for_memory,
    tile_for_pixels,
    windows,
)
from keras_lisr.zoo.cast import in_precision
from keras_lisr.zoo.graph import calls
from keras_lisr.zoo.receptive_field import receptive_field_radius


class Compiled(NamedTuple):
    """A network for pictures of one type: the function, and the bytes that it takes for each pixel of a window."""

    engine: Engine
    pixel_memory: int


class Upscaler(PictureNetwork):
    """Upscales pictures of any size with a network, in tiles, as one function compiled once.

    The tiles of a network without pooling over the picture are exact: the halo around each is the radius of its
    receptive field, computed from the graph, so that the result is the one of the whole picture at once, up to
    rounding. At another size floats are added in another order, which changes them by 1e-6 of the range and one byte in
    some 100,000 by one.

    A network with such pooling (RCAN, and IMDN with its native attention) sees other statistics in each tile: `exact`
    is False then, and neighbouring tiles fade into one another over 32 pixels.

    Args:
        model: Functional model from RGB in [0, 1], `(batch, height, width, 3)`, to the same range.
        tile: Side of a tile, at most, in low-resolution pixels and without the halo; by default, the whole picture
            where it fits into `memory`, and else the largest tile that does. No layer gets 2^27 values at once, from
            where on TensorFlow is slow.
        memory: Bytes that tiles may take, approximately, and the rows of the result that they make: beside the pictures
            and some 600 MB of TensorFlow. Tiles are never smaller than their halo.
        precision: "float32", "bfloat16", or "auto": bfloat16 where the processor computes it fast and the pictures have
            8 bits; it has not the digits for 16. A model that computes in another precision is copied, and later
            changes of its weights are not seen.
        self_ensemble: Whether to average over the eight flips and quarter turns of each tile: eight times the work.

    Raises:
        ValueError: If `model` is not such a model or holds a layer whose receptive field is not known, `tile` is not a
            positive integer, or `precision` is none of those named.

    Example:

    >>> from keras_lisr.zoo import fsrcnn
    >>> upscaler = Upscaler(fsrcnn(scale=4))
    >>> upscaler.scale, upscaler.halo, upscaler.exact
    (4, 7, True)
    >>> upscaler(np.zeros((24, 32, 3), np.uint8)).shape
    (96, 128, 3)
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        tile: int | None = None,
        memory: int = DEFAULT_MEMORY,
        precision: Precision = "auto",
        self_ensemble: bool = False,
    ):
        check_tile(tile)
        radius = receptive_field_radius(model)
        for name, shape in (("takes", model.input_shape), ("returns", model.output_shape)):
            if shape[-1] != 3:
                raise ValueError(f"`model` must be one from RGB to RGB. Received: a model that {name} {shape}")
        if "float" not in (dtype := model.inputs[0].dtype):
            raise ValueError(f"`model` must be one of floating-point numbers. Received: a model that takes {dtype}")
        self.precision = resolve_precision(precision)
        self._deep_precision = "bfloat16" if precision == "bfloat16" else "float32"
        self._model = model
        self._self_ensemble = self_ensemble
        self._compiled: dict[np.dtype, Compiled] = {}
        graph = list(calls(model))
        self.exact = math.isfinite(radius)
        self.halo = int(radius) if self.exact else BLENDED_HALO
        self.scale = graph[-1].output_resolution
        self.smallest_side = max(getattr(call.operation, "smallest_side", 1) for call in graph)
        self.tile = tile
        self.memory = memory
        self._most_pixels = MOST_VALUES // values_per_pixel(model)
        self._compile(np.uint8)

    def bands(self, image: Rows, progress: Progress | None = None) -> Iterator[np.ndarray]:
        """Upscales a picture of which neither the rows nor the result's need be in memory at once.

        Args:
            image: uint8 or uint16 RGB, `(height, width, 3)`, of which some rows at a time are asked for.
            progress: Called with the number of finished tiles and that of all.

        Returns:
            Finished rows of the result from top to bottom, `(rows, width * scale, 3)`, of the same type; together, they
            are what `__call__` returns.

        Raises:
            ValueError: If `image` has another type or shape, no pixels, or fewer than a layer of the network needs.
        """
        check_image(image, self.smallest_side)
        height, width, _ = image.shape
        return bands_in_tiles(
            self._compile(image.dtype).engine,
            image,
            scale=self.scale,
            tile=self._tile(height, width, image.dtype),
            halo=self.halo,
            blend=not self.exact,
            progress=progress,
        )

    def count_tiles(self, height: int, width: int, dtype: DTypeLike = np.uint8) -> int:
        """Number of tiles in which a picture of that size is upscaled; a single one is the whole picture."""
        tile = self._tile(height, width, dtype)
        return math.prod(len(windows(side, tile, self.halo)[1]) for side in (height, width))

    def count_pixels(self, height: int, width: int, dtype: DTypeLike = np.uint8) -> int:
        """Number of pixels that are computed for a picture of that size, with those around each tile."""
        tile = self._tile(height, width, dtype)
        return pixels_in_windows(height, width, (tile, tile), self.halo)

    def _tile(self, height: int, width: int, dtype: DTypeLike) -> int:
        """Side of the tiles for a picture of that size."""
        tile = self.tile or tile_for_memory(
            self.memory,
            self._compile(dtype).pixel_memory,
            row_memory(width, self.scale, dtype),
            self.halo,
            height,
            width,
        )
        quick = tile_for_pixels(self._most_pixels, self.halo, height, width)
        return min(tile, quick) if quick >= 1 else tile

    def _compile(self, dtype: DTypeLike) -> Compiled:
        """The network for pictures of a type, compiled when it is first asked for."""
        dtype = np.dtype(dtype)
        if dtype not in self._compiled:
            model = in_precision(self._model, self.precision if dtype == np.uint8 else self._deep_precision)
            self._compiled[dtype] = Compiled(
                compile_self_ensemble(model, dtype) if self._self_ensemble else compile_engine(model, dtype=dtype),
                math.ceil(MEMORY_OVERHEAD * bytes_per_pixel(model)),
            )
        return self._compiled[dtype]
