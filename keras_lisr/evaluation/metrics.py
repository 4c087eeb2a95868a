"""PSNR and SSIM, of two NumPy images (`psnr`, `ssim`) and as Keras metrics (`PSNR`, `SSIM`).

Both round to 8 bits, take luma or RGB, shave the border, and compare with a peak of 255.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lisr.evaluation.color import LUMA_OFFSET, LUMA_WEIGHTS, luma
from keras_lisr.evaluation.protocol import Channels, check_options

PEAK = 255.0
# Resized floats, and an untrained network's output, may leave [0, 1] by this much; the latter's mean may not. Beyond,
# they have another range, such as [-1, 1] or that of bytes.
SLACK = 0.5

# SSIM: constants and window of Wang et al. (https://doi.org/10.1109/TIP.2003.819861).
C1 = (0.01 * PEAK) ** 2
C2 = (0.03 * PEAK) ** 2
GAUSSIAN = [math.exp(-0.5 * (tap / 1.5) ** 2) for tap in range(-5, 6)]
WINDOW = [tap / sum(GAUSSIAN) for tap in GAUSSIAN]


def psnr(
    high_resolution: np.ndarray,
    super_resolved: np.ndarray,
    *,
    shave: int,
    channels: Channels = "luma",
    rounded_luma: bool = False,
) -> float:
    """Measures the peak signal-to-noise ratio of two images, `10 log10(255² / mean squared error)`.

    Args:
        high_resolution: `(height, width, 3)` RGB; `uint8`, or floating-point in [0, 1], which is clipped and rounded to
            8 bits. Values beyond [-0.5, 1.5] are an error.
        super_resolved: Image of the same shape, likewise. A mean beyond [-0.5, 1.5] is an error, and so is
            `high_resolution` in [-1, 1].
        shave: Pixels removed from each side; the field removes as many as the scale.
        channels: "luma" (BT.601, studio range), "rgb" (all three together), or "grey": the values of images that are
            grey replicated to RGB.
        rounded_luma: Whether luma is rounded to integers, as MATLAB's `rgb2ycbcr` does for `uint8` images.

    Returns:
        Decibels; infinity for identical images.

    Raises:
        ValueError: If the images aren't RGB of one shape, have another type or range, or are too small for `shave`.

    Example:
        >>> black = np.zeros((8, 8, 3), np.uint8)
        >>> round(psnr(black, black + 1, shave=0, channels="rgb"), 2)
        48.13
    """
    x, y = _comparable_pixels(high_resolution, super_resolved, shave, channels, rounded_luma)
    squared_error = float(np.mean((x - y) ** 2))
    return 10 * math.log10(PEAK**2 / squared_error) if squared_error else math.inf


def ssim(
    high_resolution: np.ndarray,
    super_resolved: np.ndarray,
    *,
    shave: int,
    channels: Channels = "luma",
    rounded_luma: bool = False,
) -> float:
    """Measures the structural similarity of two images.

    As in the authors' MATLAB code: 11×11 Gaussian window of sigma 1.5, population covariance, mean over the windows
    that lie inside the image. Equals `skimage.metrics.structural_similarity` with `data_range=255`,
    `gaussian_weights=True`, `sigma=1.5` and `use_sample_covariance=False`.

    Args:
        high_resolution: As for `psnr`.
        super_resolved: As for `psnr`.
        shave: As for `psnr`.
        channels: As for `psnr`; for "rgb", the mean over the three.
        rounded_luma: As for `psnr`.

    Returns:
        At most 1, for identical images.

    Raises:
        ValueError: As `psnr`, or if less than 11×11 pixels remain.

    References:
        Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004,
        https://doi.org/10.1109/TIP.2003.819861
    """
    x, y = _comparable_pixels(high_resolution, super_resolved, shave, channels, rounded_luma)
    if min(x.shape[:2]) < len(WINDOW):
        raise ValueError(
            f"Images must be at least 11×11 inside the border. Received: shape={high_resolution.shape}, shave={shave}"
        )
    return float(np.mean(_ssim_map(x, y)))


class _PerImageMetric(keras.metrics.Mean):
    """Averages `measure` over the images of two batches."""

    def __init__(self, shave: int, channels: Channels = "luma", name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name or type(self).__name__.lower(), dtype=dtype)
        check_options(channels, shave)
        self.shave = shave
        self.channels = channels
        self._direction = "up"  # Read by ModelCheckpoint(mode="auto") and the like.

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: the originals, the model's output, and optionally a weight for each image.

        Raises:
            ValueError: If one of them holds integers other than bytes.
        """
        x, y = _unit_range(y_true), _unit_range(y_pred)
        measured = self.measure(self._pixels(x), self._pixels(y))
        is_unit_range = ops.all(ops.abs(x - 0.5) <= 0.5 + SLACK, axis=(1, 2, 3))
        is_other = _is_of_another_range(x, y, partial(ops.mean, axis=(1, 2, 3), keepdims=True))[:, 0, 0, 0]
        super().update_state(ops.where(is_unit_range & ~is_other, measured, math.nan), sample_weight)

    def measure(self, x: Any, y: Any) -> Any:
        """Compares two batches `(batch, height, width, channels)` in [0, 255], one number per image."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "shave": self.shave, "channels": self.channels}

    def _pixels(self, images: Any) -> Any:
        images = ops.floor(ops.clip(images, 0, 1) * PEAK + 0.5)
        if self.channels == "luma":
            images = LUMA_OFFSET + sum(weight * images[..., i : i + 1] for i, weight in enumerate(LUMA_WEIGHTS))
        return _shave(images, self.shave)


@keras.saving.register_keras_serializable(package="keras_lisr")
class PSNR(_PerImageMetric):
    """Peak signal-to-noise ratio of batches, averaged per image as benchmarks do: `psnr` as a Keras metric.

    Args:
        shave: Pixels removed from each side.
        channels: `"luma"` or `"rgb"`.
        name: Name of the metric, `"psnr"` if not given.
        dtype: Type of the metric's result.

    Input shape:
        `(batch, height, width, 3)`, twice: RGB, uint8 or floating-point in [0, 1], which is clipped and rounded to 8
        bits.

    Output shape:
        Scalar: decibels; infinite if an image is identical to its original, NaN if one has another range.

    Raises:
        ValueError: If `shave` isn't an integer of at least 0 or `channels` is neither.

    Example:
        model.compile("adam", "mae", metrics=[PSNR(shave=4), SSIM(shave=4)])
    """

    def measure(self, x: Any, y: Any) -> Any:
        """Returns the decibels of each image."""
        return 10 * ops.log10(PEAK**2 / ops.mean((x - y) ** 2, axis=(1, 2, 3)))


@keras.saving.register_keras_serializable(package="keras_lisr")
class SSIM(_PerImageMetric):
    """Structural similarity of batches, averaged per image as benchmarks do: `ssim` as a Keras metric.

    Args:
        shave, channels, name, dtype: As for `PSNR`.

    Input shape:
        As for `PSNR`. At least 11×11 pixels must remain inside the border.

    Output shape:
        Scalar, at most 1; NaN if an image has another range.

    Raises:
        ValueError: If `shave` isn't an integer of at least 0 or `channels` is neither.
    """

    def measure(self, x: Any, y: Any) -> Any:
        """Returns the mean similarity of each image."""
        return ops.mean(_ssim_map(x, y), axis=(1, 2, 3))


def _comparable_pixels(
    high_resolution: np.ndarray, super_resolved: np.ndarray, shave: int, channels: Channels, rounded_luma: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Checks the arguments and returns the arrays to compare, `(height, width, channels)` in [0, 255]."""
    check_options(channels, shave, rounded_luma)
    shape = high_resolution.shape
    if shape != super_resolved.shape or len(shape) != 3 or shape[2] != 3:
        raise ValueError(
            "`high_resolution` and `super_resolved` must have the same shape (height, width, 3). "
            f"Received: shapes {shape} and {super_resolved.shape}"
        )
    if min(shape[:2]) <= 2 * shave:
        raise ValueError(f"`shave` must leave some of the image. Received: shave={shave}, shape={shape}")

    original, restored = _eight_bits(high_resolution), _eight_bits(super_resolved)
    for image, is_of_another_range in (
        (high_resolution, abs(high_resolution - 0.5).max() > 0.5 + SLACK),
        (super_resolved, _is_of_another_range(original / PEAK, super_resolved, np.mean)),
    ):
        if image.dtype != np.uint8 and is_of_another_range:
            raise ValueError(
                f"Images must be uint8, or floating-point in [0, 1]. Received: {image.dtype} from {image.min():.4g} to "
                f"{image.max():.4g}"
            )

    def pixels(image: np.ndarray) -> np.ndarray:
        if channels != "rgb":
            image = luma(image)[..., None]
        if channels == "grey":
            image = (image - LUMA_OFFSET) / sum(LUMA_WEIGHTS)
        if rounded_luma or channels == "grey":
            image = np.floor(image + 0.5)
        return _shave(image, shave)

    return pixels(original), pixels(restored)


def _eight_bits(image: np.ndarray) -> np.ndarray:
    """Rounds to integers from 0 to 255, as float64 to keep NaN."""
    if image.dtype == np.uint8:
        return image.astype(np.float64)
    if np.issubdtype(image.dtype, np.floating):
        return np.floor(np.clip(image.astype(np.float64), 0, 1) * PEAK + 0.5)
    raise ValueError(f"Images must be uint8, or floating-point in [0, 1]. Received: dtype={image.dtype}")


def _unit_range(images: Any) -> Any:
    """Converts a batch to a float32 tensor, bytes to [0, 1]."""
    images = ops.convert_to_tensor(images)
    dtype = keras.backend.standardize_dtype(images.dtype)
    if keras.backend.is_float_dtype(dtype):
        return ops.cast(images, "float32")
    if dtype != "uint8":
        raise ValueError(f"Images must be uint8, or floating-point in [0, 1]. Received: dtype={dtype}")
    return ops.cast(images, "float32") / PEAK


# From here on `x`, `y` and `images` are NumPy arrays or tensors of any backend, (..., height, width, channels).


def _is_of_another_range(x: Any, y: Any, mean: Callable[[Any], Any]) -> Any:
    """Checks whether `y` is outside [0, 1], unlike `x`: its mean is far out, or it shows `x` in [-1, 1]."""
    variance = mean((x - mean(x)) ** 2)
    return (abs(mean(y) - 0.5) > 0.5 + SLACK) | (mean((2 * x - 1 - y) ** 2) < variance / 2)


def _shave(images: Any, shave: int) -> Any:
    inside = slice(shave, -shave or None)
    return images[..., inside, inside, :]


def _ssim_map(x: Any, y: Any) -> Any:
    """Computes the similarity in every window, 10 pixels smaller than the images."""
    # Variances don't depend on the origin; with a central one, E[x²] - E[x]² keeps its digits in float32.
    x, y = x - PEAK / 2, y - PEAK / 2
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    variances = _window_mean(x**2 + y**2) - mean_x**2 - mean_y**2
    covariance = _window_mean(x * y) - mean_x * mean_y
    mean_x, mean_y = mean_x + PEAK / 2, mean_y + PEAK / 2
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return luminance * (2 * covariance + C2) / (variances + C2)


def _window_mean(images: Any) -> Any:
    # Sums of slices, because a float32 convolution is rounded to TF32 on recent GPUs, which spoils the variances.
    last = len(WINDOW) - 1
    images = sum(weight * images[..., tap : (tap - last) or None, :, :] for tap, weight in enumerate(WINDOW))
    return sum(weight * images[..., tap : (tap - last) or None, :] for tap, weight in enumerate(WINDOW))
