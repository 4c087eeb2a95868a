"""Where an 8-bit file loses its quality."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from keras_lisr.export.quantization_noise import features_of, kernels_of, measure
from keras_lisr.graph.calls import calls
from keras_lisr.graph.cast import in_precision


@dataclass(frozen=True)
class Loss:
    """What rounding one tensor, or the weights of one layer, costs.

    Args:
        name: The operation that returns the tensor; of weights, the layer, with "/kernel".
        low: Smallest value of the tensor; of weights, NaN.
        high: Largest value of the tensor; of weights, NaN.
        narrowest: Range of its narrowest channel that is not empty, as a share of that of the whole tensor; of weights,
            NaN.
        noise: Mean square of the error that it adds to the output, in [0, 1].
    """

    name: str
    low: float
    high: float
    narrowest: float
    noise: float


@dataclass(frozen=True)
class QuantizationReport:
    """What 8-bit integers cost a network, tensor by tensor. `str(report)` is a table of the ten that cost the most.

    Args:
        losses: From the largest to the smallest.
    """

    losses: tuple[Loss, ...]

    @property
    def noise(self) -> float:
        """Mean square of the output's error, if those of the tensors have nothing to do with one another."""
        return sum(loss.noise for loss in self.losses)

    @property
    def psnr(self) -> float:
        """PSNR of the file's output against the network's that is to be expected, in decibels."""
        return -10 * math.log10(self.noise) if self.noise else math.inf

    def __str__(self) -> str:
        lines = [f"{self.psnr:.1f} dB expected against the network in float32. It is lost in", ""]
        lines.append("| tensor | low | high | narrowest channel | share of the noise |")
        lines.append("| --- | ---: | ---: | ---: | ---: |")
        for loss in self.losses[:10]:
            numbers = "" if math.isnan(loss.low) else f"{loss.low:.3g} | {loss.high:.3g} | {loss.narrowest:.1%}"
            lines.append(f"| {loss.name} | {numbers or '| |'} | {loss.noise / (self.noise or 1):.1%} |")
        return "\n".join(lines)


def quantization_report(model: keras.Model, patches: Sequence[np.ndarray]) -> QuantizationReport:
    """Tells which tensors of a network an 8-bit file would round too coarsely.

    Every tensor has one step, every output channel of a kernel one of its own, as in a LiteRT file; the operations that
    `keras_lisr.export.litert` adds or fuses are not told apart.

    Args:
        model: Functional model from RGB in [0, 1] to RGB, folded and, as `export_model` does it, equalized.
        patches: float32 pictures `(height, width, 3)` in [0, 1], of one size, such as `calibration_patches` cuts.

    Raises:
        ValueError: If the graph holds an operation that is not known, as `graph.calls` says.

    Example:

        patches = calibration_patches("DIV2K_train_LR_bicubic/X4")
        print(quantization_report(equalize(fold(from_preset("imdn_x4")), patches), patches))
    """
    model = in_precision(model, "float32")
    graph, statistics = list(calls(model)), measure(model, patches)
    features, kernels = features_of(graph, statistics), kernels_of(graph, statistics)
    low, high, _, gain = features.channels
    noises = keras.ops.convert_to_numpy(features.noise(np.ones_like(gain)))
    losses = [
        Loss(name, *spread(low[features.tensors == i], high[features.tensors == i]), float(noise))
        for i, (name, noise) in enumerate(zip(features.names, noises, strict=True))
    ]
    noises = keras.ops.convert_to_numpy(kernels.noise(np.ones_like(kernels.power)))
    losses += [
        Loss(f"{name}/kernel", math.nan, math.nan, math.nan, float(noise))
        for name, noise in zip(kernels.names, noises, strict=True)
    ]
    return QuantizationReport(tuple(sorted(losses, key=lambda loss: -loss.noise)))


def spread(low: np.ndarray, high: np.ndarray) -> tuple[float, float, float]:
    """Smallest and largest value of a tensor, and the share of its range that its narrowest channel has."""
    widths, whole = high - low, float(high.max() - low.min())
    narrowest = widths[widths > 0].min(initial=whole)
    return float(low.min()), float(high.max()), float(narrowest / (whole or 1))
