"""From a model's name to what upscales pictures with it."""

from typing import TYPE_CHECKING

from keras_lisr.basics.preset_index import LITERT
from keras_lisr.tiling.tiles import DEFAULT_MEMORY

if TYPE_CHECKING:
    from keras_lisr.inference.engines import Precision
    from keras_lisr.tiling.upscaler import TiledUpscaler


def load_network(
    model: str,
    *,
    tile: int | None = None,
    memory: int | None = None,
    precision: "Precision" = "auto",
    threads: int | None = None,
) -> "TiledUpscaler":
    """What upscales with a model: without Keras if it is exported.

    Args:
        model: Name of a preset, or path of a `.keras`, `.npz` or `.tflite` file.
        tile: Side of a tile; by default, as large as fits.
        memory: Bytes that tiles may take, approximately; by default, 1 GiB.
        precision: "float32", "bfloat16" or "auto"; an exported file has its own.
        threads: How many LiteRT uses. Those of Keras's backends are set by the environment before it starts.

    Raises:
        ValueError: If the model cannot be loaded, or what it needs is not installed.
    """
    if model.endswith(LITERT):
        from keras_lisr.litert import LiteRTUpscaler

        return LiteRTUpscaler(model, tile=tile, memory=memory or DEFAULT_MEMORY, threads=threads)
    try:
        from keras_lisr.inference.upscaler import Upscaler
        from keras_lisr.zoo import load_model
    except ModuleNotFoundError as error:
        raise ValueError(
            f"Keras and its backend must be installed for this model, or an exported .tflite file be given by -n. "
            f"Received: model={model!r} ({error})"
        ) from error
    return Upscaler(load_model(model), tile=tile, memory=memory or DEFAULT_MEMORY, precision=precision)
