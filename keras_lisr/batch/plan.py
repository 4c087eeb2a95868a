"""Options for upscaling pictures, in a form that can be sent to other machines."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras_lisr.basics.engines import AUTO, KERAS
from keras_lisr.batch.engines import choose_engine
from keras_lisr.exported import ExportedUpscaler
from keras_lisr.pictures import Size
from keras_lisr.pictures.read import DEFAULT_MAX_PIXELS
from keras_lisr.pictures.size import NETWORK_SCALE
from keras_lisr.tiling.tiles import DEFAULT_MEMORY

if TYPE_CHECKING:
    from keras_lisr.tiling.upscaler import TiledUpscaler


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Options for upscaling pictures with any model.

    Args:
        tile: Side of a tile; by default, as large as fits.
        engine: As for `choose_engine`.
        precision: As for `choose_engine`.
        size: As for `PictureUpscaler`.
        memory: Approximate number of bytes for the tiles of each worker.
        max_pixels: Largest number of pixels of a source.
        quality: Quality of JPEG, WebP and AVIF results, from 1 to 100.
        strip_metadata: Whether to write pixels only.
        overwrite: Whether to replace results that exist. By default, their pictures are skipped.
    """

    tile: int | None = None
    engine: str = AUTO
    precision: str = AUTO
    size: Size = NETWORK_SCALE
    memory: int = DEFAULT_MEMORY
    max_pixels: int = DEFAULT_MAX_PIXELS
    quality: int | None = None
    strip_metadata: bool = False
    overwrite: bool = False

    def load(self, model: str, threads: int | None = None) -> "TiledUpscaler":
        """Loads a model; without Keras, unless `choose_engine` chooses that.

        Args:
            model: Name of a preset, or path of a `.keras`, `.npz` or exported file.
            threads: Threads of the engine. Those of Keras's backends are set by the environment before Keras starts.

        Raises:
            ValueError: If the model cannot be loaded, or does not run with these options.
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
