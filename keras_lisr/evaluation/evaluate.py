"""PSNR and SSIM of an upscaler on a benchmark set."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from keras_lisr.data.benchmark_sets import BenchmarkSet
from keras_lisr.data.imresize import imresize
from keras_lisr.evaluation.metrics import psnr, ssim
from keras_lisr.evaluation.protocol import EvaluationProtocol

Upscale = Callable[[np.ndarray], np.ndarray]

FIELD_PROTOCOL = EvaluationProtocol()


@dataclass(frozen=True)
class ImageResult:
    """PSNR in decibels and SSIM of one image."""

    name: str
    psnr: float
    ssim: float


@dataclass(frozen=True)
class EvaluationResult:
    """What `evaluate` measured and on what. `str(result)` is a table headed by set and protocol.

    Args:
        set_name: Name of the benchmark set.
        scale: Its upscaling factor.
        low_resolution_source: Where its low-resolution images came from: `"LR_bicubic/X4"` or `"imresize"`.
        protocol: How images were compared; its `shave` is a number.
        images: One result per image.
    """

    set_name: str
    scale: int
    low_resolution_source: str
    protocol: EvaluationProtocol
    images: tuple[ImageResult, ...]

    @property
    def psnr(self) -> float:
        """Mean PSNR of the images, in decibels."""
        return float(np.mean([image.psnr for image in self.images]))

    @property
    def ssim(self) -> float:
        """Mean SSIM of the images."""
        return float(np.mean([image.ssim for image in self.images]))

    def __str__(self) -> str:
        """The table that is printed and pasted."""
        mean = ImageResult("mean", self.psnr, self.ssim)
        width = max(len(row.name) for row in (*self.images, mean))
        return "\n".join(
            [
                f"{self.set_name} ×{self.scale}, low resolution: {self.low_resolution_source}",
                str(self.protocol),
                f"{'':{width}}   PSNR    SSIM",
                *(f"{row.name:{width}}  {row.psnr:5.2f}  {row.ssim:.4f}" for row in (*self.images, mean)),
            ]
        )


def evaluate(
    upscale: Upscale, benchmark_set: BenchmarkSet, protocol: EvaluationProtocol = FIELD_PROTOCOL
) -> EvaluationResult:
    """Upscales every image of a benchmark set and compares the results with the originals.

    Args:
        upscale: Function from `uint8` RGB `(height, width, 3)` to an image `benchmark_set.scale` times as large, either
            `uint8` or floating-point in [0, 1], which is clipped and rounded to 8 bits.
        benchmark_set: Pairs of images to measure on.
        protocol: How images are compared.

    Returns:
        PSNR and SSIM, per image and on average.

    Raises:
        ValueError: If `upscale` returns an image of another size or type.

    Example:
        print(evaluate(bicubic(4), BenchmarkSet("benchmarks/Set5", scale=4)))
    """
    scale = benchmark_set.scale
    shave = scale if protocol.shave is None else protocol.shave
    images = []
    for name, low_resolution, high_resolution in benchmark_set:
        super_resolved = upscale(low_resolution)
        if super_resolved.shape != high_resolution.shape:
            raise ValueError(
                f"`upscale` must return shape {high_resolution.shape} for image {name!r} of shape "
                f"{low_resolution.shape}. Received: shape {super_resolved.shape}"
            )
        values = (
            metric(
                high_resolution,
                super_resolved,
                shave=shave,
                channels=protocol.channels,
                rounded_luma=protocol.rounded_luma,
            )
            for metric in (psnr, ssim)
        )
        images.append(ImageResult(name, *values))
    return EvaluationResult(
        set_name=benchmark_set.name,
        scale=scale,
        low_resolution_source=benchmark_set.low_resolution_source,
        protocol=replace(protocol, shave=shave),
        images=tuple(images),
    )


def bicubic(scale: int) -> Upscale:
    """Returns the upscaler that every network is compared with: MATLAB's bicubic.

    Args:
        scale: Integer upscaling factor.

    Returns:
        Function for `evaluate`.
    """
    return partial(imresize, scale=scale)
