"""Picture in, picture out."""

import logging
import math

import keras
import numpy as np
from numpy.typing import DTypeLike

from keras_lisr.graph.calls import calls
from keras_lisr.graph.cast import cast_model
from keras_lisr.graph.flatten import flatten
from keras_lisr.graph.memory import MEMORY_OVERHEAD, MOST_VALUES, bytes_per_pixel, values_per_pixel
from keras_lisr.graph.receptive_field import traits_of
from keras_lisr.inference.engines import Engine, Precision, compile_engine, compile_self_ensemble, resolve_precision
from keras_lisr.tiling.tiles import DEFAULT_MEMORY
from keras_lisr.tiling.upscaler import TiledUpscaler

MOST_CHANGE = 0.15  # Of the range, on average, between a picture and its enlargement; for noise, it is 0.13.
LOOKED_AT = 64  # Pixels a side.


class Upscaler(TiledUpscaler):
    """Upscales pictures of any size with a network, in tiles, as one function compiled once.

    The tiles of a network without pooling over the picture are exact: the halo around each is the radius of its
    receptive field, computed from the graph, so that the result is the one of the whole picture at once, up to
    rounding. At another size floats are added in another order, which changes them by 1e-6 of the range and one byte in
    some 100,000 by one.

    A network with such pooling (RCAN, and IMDN with its native attention) sees other statistics in each tile: `exact`
    is False then, and neighbouring tiles fade into one another over 32 pixels; over 64, and with a line in the log, if
    it holds layers whose receptive field is unknown: a layer can state it by the attribute
    `receptive_field_radius` of its class, in pixels; one set on an instance is lost in a file.

    A network for one size sees windows of that size; see `keras_lisr.exported.ExportedUpscaler`.

    Args:
        model: Any model from RGB in [0, 1], `(batch, height, width, 3)`, to the same range, at an integer scale; models
            inside it are looked into. One that returns something else than the enlarged picture is reported in the
            log: it may expect [0, 255].
        tile: Side of a tile, at most, in low-resolution pixels and without the halo; by default, the whole picture
            where it fits into `memory`, and else the largest tile that does. No layer gets 2^27 values at once, from
            where on TensorFlow is slow.
        memory: Bytes that tiles may take, approximately, and the rows of the result that they make: beside the pictures
            and some 600 MB of TensorFlow. Tiles are never smaller than their halo.
        precision: "float32", "bfloat16", or "auto": bfloat16 where the processor computes it fast and the pictures have
            8 bits; it has not the digits for 16. A model that computes in another precision is copied, and later
            changes of its weights are not seen. None for whatever the model computes in, without a copy.
        self_ensemble: Average over the eight flips and quarter turns of each tile: eight times the work.

    Raises:
        ValueError: If `model` is not such a model, `tile` is not a positive integer, or `precision` is none of those
            named.

    Example:

    >>> from keras_lisr.zoo import fsrcnn
    >>> upscaler = Upscaler(fsrcnn(scale=4))
    >>> upscaler.scale, upscaler.halo, upscaler.exact
    (4, 7, True)
    >>> upscaler(np.zeros((24, 32, 3), np.uint8)).shape
    (96, 128, 3)
    """

    warns = True  # Once, of results that are another picture; training, whose young networks make such, turns it off.

    def __init__(
        self,
        model: keras.Model,
        *,
        tile: int | None = None,
        memory: int = DEFAULT_MEMORY,
        precision: Precision | None = "auto",
        self_ensemble: bool = False,
    ):
        model = flatten(model)
        traits = traits_of(model)
        if "float" not in (dtype := model.inputs[0].dtype):
            raise ValueError(f"`model` must be one of floating-point numbers. Received: a model that takes {dtype}")
        if None not in (sides := model.inputs[0].shape[1:3]):
            self.shape = sides
        unknown = sorted({type(call.operation).__name__ for call in calls(model) if call.radius is None})
        super().__init__(traits, tile=tile, memory=memory, most_pixels=MOST_VALUES // values_per_pixel(model))
        if unknown:
            logging.getLogger(__name__).warning(
                "what %s of %s sees is not known: tiles fade into one another over %d pixels; a layer can say its "
                "`receptive_field_radius`",
                ", ".join(unknown),
                model.name,
                2 * self.halo,
            )
        self.engine = keras.backend.backend()
        self.precision = resolve_precision(precision)
        self.deep_precision = "float32" if precision == "auto" else self.precision
        self._model = model
        self._self_ensemble = self_ensemble
        self._compiled: dict[np.dtype, tuple[Engine, int]] = {}
        self._compile(np.uint8)

    def _run(self, window: np.ndarray, dtype: np.dtype) -> np.ndarray:
        return self._compile(dtype)[0](window)

    def _run_filled_up(self, window: np.ndarray, dtype: np.dtype) -> np.ndarray:
        enlarged = super()._run_filled_up(window, dtype)
        if self.warns and (change := mean_change(window, enlarged, self.scale)) > MOST_CHANGE:
            self.warns = False
            logging.getLogger(__name__).warning(
                "%s returns another picture than it is given, %.0f%% of the range apart: it must be trained, and for "
                "RGB in [0, 1], not in [0, 255]",
                self._model.name,
                100 * change,
            )
        return enlarged

    def _pixel_memory(self, dtype: DTypeLike) -> int:
        return self._compile(dtype)[1]

    def _compile(self, dtype: DTypeLike) -> tuple[Engine, int]:
        """Compiles the network for pictures of a type, once, and returns it with the bytes that each pixel takes."""
        dtype = np.dtype(dtype)
        if dtype not in self._compiled:
            precision = self.precision if dtype == np.uint8 else self.deep_precision
            model = cast_model(self._model, precision) if precision else self._model
            engine = compile_self_ensemble(model, dtype) if self._self_ensemble else compile_engine(model, dtype=dtype)
            self._compiled[dtype] = engine, math.ceil(MEMORY_OVERHEAD * bytes_per_pixel(model))
        return self._compiled[dtype]


def mean_change(window: np.ndarray, enlarged: np.ndarray, scale: int) -> float:
    """Returns the mean difference of a window and its enlargement, in the middle, as a fraction of the range."""
    top, left = (max(0, side - LOOKED_AT) // 2 for side in window.shape[1:3])
    given = window[0, top : top + LOOKED_AT, left : left + LOOKED_AT].astype(np.float32)
    height, width, channels = given.shape
    made = enlarged[0, top * scale : (top + height) * scale, left * scale : (left + width) * scale]
    made = made.reshape(height, scale, width, scale, channels).mean((1, 3))
    return float(np.abs(made - given).mean()) / np.iinfo(window.dtype).max
