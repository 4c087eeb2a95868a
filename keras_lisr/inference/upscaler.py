"""Picture in, picture out."""

import math
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import DTypeLike

from keras_lisr.graph.cast import cast_model
from keras_lisr.graph.memory import MEMORY_OVERHEAD, MOST_VALUES, bytes_per_pixel, values_per_pixel
from keras_lisr.graph.receptive_field import traits_of
from keras_lisr.inference.engines import (
    Engine,
    Precision,
    compile_engine,
    compile_self_ensemble,
    resolve_precision,
)
from keras_lisr.tiling.tiles import DEFAULT_MEMORY
from keras_lisr.tiling.upscaler import TiledUpscaler


class Compiled(NamedTuple):
    """A network for pictures of one type: the function, and the bytes that it takes for each pixel of a window."""

    engine: Engine
    pixel_memory: int


class Upscaler(TiledUpscaler):
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
        traits = traits_of(model)
        if "float" not in (dtype := model.inputs[0].dtype):
            raise ValueError(f"`model` must be one of floating-point numbers. Received: a model that takes {dtype}")
        super().__init__(traits, tile=tile, memory=memory, most_pixels=MOST_VALUES // values_per_pixel(model))
        self.precision = resolve_precision(precision)
        self._deep_precision = "bfloat16" if precision == "bfloat16" else "float32"
        self._model = model
        self._self_ensemble = self_ensemble
        self._compiled: dict[np.dtype, Compiled] = {}
        self._compile(np.uint8)

    def _run(self, window: np.ndarray, dtype: np.dtype) -> np.ndarray:
        return self._compile(dtype).engine(window)

    def _pixel_memory(self, dtype: DTypeLike) -> int:
        return self._compile(dtype).pixel_memory

    def _compile(self, dtype: DTypeLike) -> Compiled:
        """The network for pictures of a type, compiled when it is first asked for."""
        dtype = np.dtype(dtype)
        if dtype not in self._compiled:
            model = cast_model(self._model, self.precision if dtype == np.uint8 else self._deep_precision)
            self._compiled[dtype] = Compiled(
                compile_self_ensemble(model, dtype) if self._self_ensemble else compile_engine(model, dtype=dtype),
                math.ceil(MEMORY_OVERHEAD * bytes_per_pixel(model)),
            )
        return self._compiled[dtype]
