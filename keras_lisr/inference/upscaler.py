"""Picture in, picture out."""

import math

import keras
import numpy as np

from keras_lisr.inference.engines import (
    Precision,
    compile_engine,
    compile_self_ensemble,
    resolve_precision,
)
from keras_lisr.inference.memory import MEMORY_OVERHEAD, MOST_VALUES, bytes_per_pixel, values_per_pixel
from keras_lisr.runtime.tiling import (
    BLENDED_HALO,
    DEFAULT_MEMORY,
    Progress,
    check_image,
    check_tile,
    tile_for_memory,
    tile_for_pixels,
    upscale_in_tiles,
    windows,
)
from keras_lisr.zoo.cast import in_precision
from keras_lisr.zoo.graph import calls
from keras_lisr.zoo.receptive_field import receptive_field_radius


class Upscaler:
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
        memory: Bytes for the network's tensors, beside the pictures and some 600 MB of TensorFlow.
        precision: "float32", "bfloat16", or "auto": bfloat16 where the processor computes it fast. A model that
            computes in another precision is copied, and later changes of its weights are not seen.
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
        model = in_precision(model, self.precision)
        graph = list(calls(model))
        self.exact = math.isfinite(radius)
        self.halo = int(radius) if self.exact else BLENDED_HALO
        self.scale = graph[-1].output_resolution
        self.smallest_side = max(getattr(call.operation, "smallest_side", 1) for call in graph)
        self.tile = tile
        self.memory = memory
        self._pixel_memory = math.ceil(MEMORY_OVERHEAD * bytes_per_pixel(model))
        self._most_pixels = MOST_VALUES // values_per_pixel(model)
        self._engine = compile_self_ensemble(model) if self_ensemble else compile_engine(model)

    def __call__(self, image: np.ndarray, progress: Progress | None = None) -> np.ndarray:
        """Upscales a picture.

        Args:
            image: uint8 RGB, `(height, width, 3)`.
            progress: Called with the number of finished tiles and that of all.

        Returns:
            uint8 RGB, `(height * scale, width * scale, 3)`.

        Raises:
            ValueError: If `image` has another type or shape, no pixels, or fewer than a layer of the network needs, or
                `memory` is too little for tiles of this network.
        """
        check_image(image, self.smallest_side)
        height, width, _ = image.shape
        return upscale_in_tiles(
            self._engine,
            image,
            scale=self.scale,
            tile=self._tile(height, width),
            halo=self.halo,
            blend=not self.exact,
            progress=progress,
        )

    def count_tiles(self, height: int, width: int) -> int:
        """Number of tiles in which a picture of that size is upscaled; a single one is the whole picture."""
        tile = self._tile(height, width)
        return math.prod(len(windows(side, tile, self.halo)[1]) for side in (height, width))

    def _tile(self, height: int, width: int) -> int:
        """Side of the tiles for a picture of that size."""
        tile = self.tile or tile_for_memory(self.memory, self._pixel_memory, self.halo, height, width)
        quick = tile_for_pixels(self._most_pixels, self.halo, height, width)
        return min(tile, quick) if quick >= 1 else tile
