"""How pictures are to be upscaled, in a form that can be sent to other machines."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras_lisr.basics.engines import AUTO, KERAS
from keras_lisr.batch.engines import choose_engine
from keras_lisr.batch.worker import Worker
from keras_lisr.exported import ExportedUpscaler
from keras_lisr.pictures import PictureUpscaler, Size
from keras_lisr.pictures.read import DEFAULT_MAX_PIXELS
from keras_lisr.pictures.size import NETWORK_SCALE
from keras_lisr.tiling.tiles import DEFAULT_MEMORY

if TYPE_CHECKING:
    from keras_lisr.tiling.upscaler import TiledUpscaler


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How pictures are to be upscaled: what a worker takes but for the model.

    Args:
        tile: Side of a tile; by default, as large as fits.
        engine: As for `choose_engine`.
        precision: As for `choose_engine`.
        size: As for `PictureUpscaler`.
        memory: Bytes that the tiles of each worker may take, approximately.
        max_pixels: As for `Worker`.
        quality: As for `Worker`.
        strip_metadata: As for `Worker`.
        replaces: Whether results may replace what was there before the run.
    """

    tile: int | None = None
    engine: str = AUTO
    precision: str = AUTO
    size: Size = NETWORK_SCALE
    memory: int = DEFAULT_MEMORY
    max_pixels: int = DEFAULT_MAX_PIXELS
    quality: int | None = None
    strip_metadata: bool = False
    replaces: bool = False

    def load(self, model: str, threads: int | None = None) -> "TiledUpscaler":
        """What upscales with a model: without Keras, unless `choose_engine` chooses that.

        Args:
            model: Name of a preset, or path of a `.keras`, `.npz` or exported file.
            threads: How many the engine uses. Those of Keras's backends are set by the environment before it starts.

        Raises:
            ValueError: If the model cannot be loaded, or not run so.
            ModuleNotFoundError: If it needs Keras, and that is not installed.
        """
        chosen = choose_engine(model, self.engine, self.precision)
        if chosen.name != KERAS:
            return ExportedUpscaler(
                chosen.model,
                engine=chosen.name,
                precision="bfloat16" if chosen.precision == "bfloat16" else "float32",
                tile=self.tile,
                memory=self.memory,
                threads=threads,
            )
        from keras_lisr.inference.upscaler import Upscaler
        from keras_lisr.zoo import load_model

        precision: Any = chosen.precision  # One that Keras computes in.
        return Upscaler(load_model(model), tile=self.tile, memory=self.memory, precision=precision)

    def worker(self, network: "TiledUpscaler", *, skip_existing: bool = False) -> Worker:
        """What does it with that network."""
        return Worker(
            PictureUpscaler(network, size=self.size),
            max_pixels=self.max_pixels,
            quality=self.quality,
            strip_metadata=self.strip_metadata,
            skip_existing=skip_existing,
        )
