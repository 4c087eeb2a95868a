"""How pictures are to be upscaled, in a form that can be sent to other machines."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keras_lisr.batch.network import load_network
from keras_lisr.batch.worker import Worker
from keras_lisr.pictures import PictureUpscaler, Size
from keras_lisr.pictures.read import DEFAULT_MAX_PIXELS
from keras_lisr.pictures.size import NETWORK_SCALE
from keras_lisr.pictures.upscale import Alpha

if TYPE_CHECKING:
    from keras_lisr.inference.engines import Precision
    from keras_lisr.tiling.upscaler import TiledUpscaler


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How pictures are to be upscaled: what a worker takes but for the model.

    Args:
        tile: As for `load_network`.
        precision: As for `load_network`.
        size: As for `PictureUpscaler`.
        alpha: As for `PictureUpscaler`.
        memory: As for `load_network`: for each worker.
        max_pixels: As for `Worker`.
        quality: As for `Worker`.
        strip_metadata: As for `Worker`.
        replaces: Whether results may replace what was there before the run.
    """

    tile: int | None = None
    precision: "Precision" = "auto"
    size: Size = NETWORK_SCALE
    alpha: Alpha = "network"
    memory: int | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    quality: int | None = None
    strip_metadata: bool = False
    replaces: bool = False

    def load(self, model: str, threads: int | None = None) -> "TiledUpscaler":
        """What `load_network` returns for the model, and raises."""
        return load_network(model, tile=self.tile, memory=self.memory, precision=self.precision, threads=threads)

    def worker(self, network: "TiledUpscaler", *, skip_existing: bool = False) -> Worker:
        """What does it with that network."""
        return Worker(
            PictureUpscaler(network, size=self.size, alpha=self.alpha),
            max_pixels=self.max_pixels,
            quality=self.quality,
            strip_metadata=self.strip_metadata,
            skip_existing=skip_existing,
        )
