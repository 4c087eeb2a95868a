"""PSNR and SSIM of an upscaler on a benchmark set."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import partial

import numpy as np

from keras_lisr.data.benchmark_sets import BenchmarkImage, BenchmarkSet
from keras_lisr.data.image_folder import is_grey
from keras_lisr.data.imresize import imresize
from keras_lisr.evaluation.metrics import psnr, ssim
from keras_lisr.evaluation.protocol import Channels, EvaluationProtocol

Upscale = Callable[[np.ndarray], np.ndarray]

FIELD_PROTOCOL = EvaluationProtocol()


@dataclass(frozen=True)
class Measures:
    """Measurements on an image.

    Args:
        psnr: PSNR of luma, in decibels.
        ssim: SSIM of luma.
        rgb_psnr: PSNR of RGB, in decibels.
        rgb_ssim: SSIM of RGB.
        seconds: Time that upscaling took.
    """

    psnr: float
    ssim: float
    rgb_psnr: float
    rgb_ssim: float
    seconds: float = field(compare=False)


@dataclass(frozen=True)
class EvaluationResult:
    """Result of `evaluate`; `str(result)` is a table headed by set and protocol.

    Args:
        set_name: Name of the benchmark set.
        scale: Its upscaling factor.
        low_resolution_source: Source of its low-resolution images: `"LR_bicubic/X4"` or `"imresize"`.
        protocol: Protocol of the comparison; its `shave` is a number.
        images: Measurements by the image's name.
        skipped: Reasons why images were not measured, by name.
    """

    set_name: str
    scale: int
    low_resolution_source: str
    protocol: EvaluationProtocol
    images: dict[str, Measures]
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def mean(self) -> Measures:
        """Means over the images."""
        names = [measure.name for measure in fields(Measures)]
        return Measures(*(float(np.mean([getattr(image, name) for image in self.images.values()])) for name in names))

    @property
    def psnr(self) -> float:
        """Mean PSNR of luma, in decibels."""
        return self.mean.psnr

    @property
    def ssim(self) -> float:
        """Mean SSIM of luma."""
        return self.mean.ssim

    def __str__(self) -> str:
        rows = {**self.images, "mean": self.mean}
        width = max(map(len, rows))
        return "\n".join(
            [
                f"{self.set_name} ×{self.scale}, low resolution: {self.low_resolution_source}",
                str(self.protocol),
                f"{'':{width}}   PSNR    SSIM  RGB: PSNR    SSIM",
                *(
                    f"{name:{width}}  {row.psnr:5.2f}  {row.ssim:.4f}      {row.rgb_psnr:5.2f}  {row.rgb_ssim:.4f}"
                    for name, row in rows.items()
                ),
            ]
        )


def evaluate(
    upscale: Upscale,
    benchmark_set: BenchmarkSet,
    protocol: EvaluationProtocol = FIELD_PROTOCOL,
    *,
    skip_broken: bool = False,
    progress: Callable[[], object] | None = None,
) -> EvaluationResult:
    """Upscales every image of a benchmark set and compares the results with the originals.

    Args:
        upscale: Function from `uint8` RGB `(height, width, 3)` to an image `benchmark_set.scale` times as large, either
            `uint8` or floating-point in [0, 1], which is clipped and rounded to 8 bits.
        benchmark_set: Pairs of images to measure on.
        protocol: Protocol of the comparison.
        skip_broken: Whether unreadable or too small images are left out and named in the result, instead of raising.
        progress: Called after every image.

    Returns:
        PSNR and SSIM, per image and on average.

    Raises:
        ValueError: If `upscale` returns an image of another size, type or range, or an image is broken; with
            `skip_broken`, if all are.

    Example:
        print(evaluate(bicubic(4), BenchmarkSet("datasets/Set5", scale=4)))
    """
    protocol = replace(protocol, shave=benchmark_set.scale if protocol.shave is None else protocol.shave)
    images, skipped = {}, {}
    for pair in benchmark_set.pairs:
        try:
            image = benchmark_set.read(pair)
            as_grey = protocol.rounded_luma and is_grey(pair.high_resolution)
            images[image.name] = measure(upscale, image, protocol, "grey" if as_grey else "luma")
        except ValueError as error:
            if not skip_broken:
                raise
            skipped[pair.name] = str(error)
        if progress:
            progress()
    if not images:
        raise ValueError(f"`benchmark_set` must hold readable images. Received: {'; '.join(skipped.values())}")
    return EvaluationResult(
        benchmark_set.name, benchmark_set.scale, benchmark_set.low_resolution_source, protocol, images, skipped
    )


def measure(upscale: Upscale, image: BenchmarkImage, protocol: EvaluationProtocol, channels: Channels) -> Measures:
    """Upscales one image and compares the result with the original, in RGB and in `channels`."""
    name, low_resolution, high_resolution = image
    start = time.perf_counter()
    super_resolved = upscale(low_resolution)
    seconds = time.perf_counter() - start
    if super_resolved.shape != high_resolution.shape:
        raise ValueError(
            f"`upscale` must return shape {high_resolution.shape} for image {name!r} of shape "
            f"{low_resolution.shape}. Received: shape {super_resolved.shape}"
        )
    super_resolved = np.asarray(super_resolved)
    pair, shave = (high_resolution, super_resolved), protocol.shave or 0
    rounded_luma = protocol.rounded_luma and channels == "luma"
    return Measures(
        psnr=psnr(*pair, shave=shave, channels=channels, rounded_luma=rounded_luma),
        ssim=ssim(*pair, shave=shave, channels=channels, rounded_luma=rounded_luma),
        rgb_psnr=psnr(*pair, shave=shave, channels="rgb"),
        rgb_ssim=ssim(*pair, shave=shave, channels="rgb"),
        seconds=seconds,
    )


def bicubic(scale: int) -> Upscale:
    """Returns MATLAB's bicubic upscaling by an integer factor, as a function for `evaluate`."""
    return partial(imresize, scale=scale)
