"""Compares a written file with its network."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_lisr.data.benchmark_sets import BenchmarkSet
from keras_lisr.data.imresize import imresize
from keras_lisr.evaluation import evaluate as measure
from keras_lisr.evaluation import psnr as measure_psnr
from keras_lisr.export.calibration import SIDE, cut_patches
from keras_lisr.export.litert_file import read_litert_file
from keras_lisr.export.saved_model import PICTURES, saved_model_network
from keras_lisr.exported.litert import LiteRTNetwork
from keras_lisr.exported.onnx import ONNXNetwork
from keras_lisr.exported.openvino import OpenVINONetwork
from keras_lisr.exported.upscaler import numbers_of_pixels, pixels_of_numbers
from keras_lisr.graph.receptive_field import traits_of
from keras_lisr.inference.upscaler import Upscaler

Upscale = Callable[[np.ndarray], np.ndarray]  # From uint8 `(height, width, 3)` to uint8, or to floats in [0, 1].

SIZES = ((64, 64), (48, 80), (57, 33))
MOST_DECIBELS = 200.0  # Of equal pictures; JSON knows no infinity.
NETWORKS: dict[str, Callable[[Path], Callable[[np.ndarray], Any]]] = {
    "saved_model": saved_model_network,
    "litert": LiteRTNetwork,
    "onnx": ONNXNetwork,
    "openvino": OpenVINONetwork,
}
# Smallest PSNR on drawn pictures. Good files are far above: the default preset differs by 2e-6 in float32, and reaches
# 92 dB with float16 weights and 46 with a dynamic range. In int8 a drawn picture, which is unlike those of the
# calibration, shows only whether a file is broken: FSRCNN reached 24.9 dB calibrated on black, and 25.5 to 38 on 29
# kinds of pictures.
BOUNDS = {"none": 90, "float16": 60, "dynamic": 35, "int8": 20}
BYTES_BOUND = 60  # Floats that differ by 1e-7 seldom round to different bytes; truncated bytes reach 51 dB.
HELD_OUT_BOUND = 30  # On pictures like those of the calibration; FSRCNN reached 33.6 to 54.
HINT = " (more `representative` pictures or `fine_tune` may help; `verify=False`, --no-verify, keeps the file)"
CROPS = 16
ROUNDING_ERROR = 1 / 12 / 255**2  # Mean square.


@dataclass(frozen=True)
class Comparison:
    """Difference between a file's result and the network's, for one picture.

    Args:
        height: Rows of the low-resolution picture.
        width: Columns of the low-resolution picture.
        largest_difference: Largest difference of a value, where white is 1.
        psnr: PSNR in decibels, 200 at most.
    """

    height: int
    width: int
    largest_difference: float
    psnr: float


@dataclass(frozen=True)
class Verification:
    """Result of `verify`.

    Args:
        operators: Number of each operator in a LiteRT file; empty for other formats.
        rank: Largest number of dimensions of a tensor in a LiteRT file; None for other formats.
        pictures: Comparisons with the network: of three sizes, or of three pictures if the file is for one size.
        held_out: Result of `judge` on pictures of the user's kind; None if there were none.
    """

    operators: dict[str, int]
    rank: int | None
    pictures: list[Comparison]
    held_out: dict[str, float] | None = None


def verify(
    model: keras.Model,
    path: str | Path,
    *,
    format: str = "litert",
    quantize: str = "none",
    held_out: Sequence[np.ndarray] = (),
) -> Verification:
    """Runs a file and checks that it computes what the network does.

    Args:
        model: The network, before it was folded.
        path: The file, or the folder of a SavedModel.
        format: Format of the file.
        quantize: Quantization of the file, as for `export_model`.
        held_out: uint8 RGB `(height, width, 3)` of any size, of the kind that an int8 file was calibrated on.

    Raises:
        ValueError: If the file is broken or its results are too far from the network's: below 90 dB in float32, 60 dB
            with float16 weights, 35 dB with a dynamic range, or 20 dB in int8, 30 dB on held-out pictures; below 60 dB
            if it computes in floats and returns bytes. Of a SavedModel both signatures are run.
    """
    path = Path(path)
    network = NETWORKS[format](path)
    upscale, shape = run(network), getattr(network, "shape", None)
    multiple = traits_of(model).multiple
    sizes = (
        (shape,) * 3 if shape else [(height + -height % multiple, width + -width % multiple) for height, width in SIZES]
    )
    pictures = [draw_picture(height, width, phase) for phase, (height, width) in enumerate(sizes)]
    comparisons = [compare(model, upscale, picture, clipped=quantize == "int8") for picture in pictures]
    returns_bytes = getattr(network, "dtype", None) == np.uint8
    check(comparisons, min(BOUNDS[quantize], BYTES_BOUND) if returns_bytes else BOUNDS[quantize], quantize)
    if format == "saved_model":
        of_bytes = saved_model_network(path, PICTURES)
        found = [compare(model, lambda array: of_bytes(array[None])[0], picture, clipped=True) for picture in pictures]
        check(found, BYTES_BOUND, quantize)
    content = read_litert_file(path) if format == "litert" else None
    operators, rank = (content.operators, content.rank) if content else ({}, None)
    judged = judge(model, upscale, held_out, shape or (SIDE, SIDE)) if held_out else None
    return Verification(operators, rank, comparisons, judged)


def check(comparisons: Iterable[Comparison], bound: float, quantize: str) -> None:
    """Raises a ValueError unless every comparison reaches the bound."""
    for found in comparisons:
        if not found.psnr >= bound:  # NaN does not.
            raise ValueError(
                f"The file must compute what the network does: at least {bound} dB in {quantize!r}. Received: "
                f"{found.psnr:.1f} dB for a picture of {found.height} x {found.width}{HINT * (quantize == 'int8')}"
            )


def judge(
    model: keras.Model, upscale: Upscale, held_out: Sequence[np.ndarray], shape: tuple[int, int]
) -> dict[str, float]:
    """Measures what a file loses on pictures of the kind that it was calibrated on, in crops of this shape.

    Returns:
        `psnr`: of the file's results against the network's. `float`, `file`, `loss`: luma PSNR of the network and of
        the file against originals that were downscaled first, and the difference. All are pooled over the `images`: a
        mean of decibels would be that of an empty sky.

    Raises:
        ValueError: If `psnr` is below 30 dB.
    """
    crops = cut_patches(held_out, shape, CROPS)
    psnr = pool(compare(model, upscale, crop, clipped=True).psnr for crop in crops)
    if not psnr >= HELD_OUT_BOUND:
        raise ValueError(
            f"The file must compute what the network does: at least {HELD_OUT_BOUND} dB on parts of `representative` "
            f"that were kept out of the calibration. Received: {psnr:.1f} dB{HINT}"
        )
    scale = upscale(crops[0]).shape[0] // shape[0]
    originals = cut_patches(held_out, [scale * side for side in shape], CROPS)
    pairs = [(original, imresize(original, 1 / scale)) for original in originals]
    exact = pool(measure_psnr(original, run_network(model, small), shave=scale) for original, small in pairs)
    file = pool(measure_psnr(original, upscale(small), shave=scale) for original, small in pairs)
    return {"psnr": psnr, "float": exact, "file": file, "loss": exact - file, "images": CROPS}


def pool(decibels: Iterable[float]) -> float:
    """Returns the PSNR of several pictures together; rounding to bytes is the least error."""
    errors = [10 ** (-value / 10) for value in decibels]
    return -10 * math.log10(np.mean(errors) + ROUNDING_ERROR)


def run(network: Any) -> Upscale:
    """Wraps the network of an exported file, of floats or integers, as a function on pictures."""
    if getattr(network, "dtype", np.float32) == np.float32:
        return lambda picture: np.asarray(network(to_floats(picture)))[0]
    numbers = numbers_of_pixels(network.input)
    return lambda picture: pixels_of_numbers(network(numbers[picture][None]), network.output)[0]


def run_network(model: keras.Model, picture: np.ndarray) -> np.ndarray:
    """Applies a Keras network to a picture of bytes."""
    return keras.ops.convert_to_numpy(model(to_floats(picture), training=False))[0]


def to_floats(picture: np.ndarray) -> np.ndarray:
    """Converts a picture to a batch in [0, 1]."""
    return picture[None].astype(np.float32) / 255


def draw_picture(height: int, width: int, phase: int) -> np.ndarray:
    """Draws rings that become ever finer, with another centre in each colour: every frequency."""
    rows, columns = np.mgrid[:height, :width]
    centres = np.array([[0.2, 0.3], [0.5, 0.6], [0.8, 0.4]]) * (height, width)
    squares = (rows[..., None] - centres[:, 0]) ** 2 + (columns[..., None] - centres[:, 1]) ** 2
    return np.rint(127.5 + 127.5 * np.cos(squares * np.pi / (2 * max(height, width)) + phase)).astype(np.uint8)


def compare(model: keras.Model, upscale: Upscale, picture: np.ndarray, *, clipped: bool) -> Comparison:
    """Runs a file and a network on a picture of bytes; `clipped` says that the file clips its results."""
    expected, found = run_network(model, picture).astype(np.float64), upscale(picture)
    if found.shape != expected.shape:
        raise ValueError(f"The file must return shape {expected.shape}. Received: shape {found.shape}")
    if clipped or found.dtype == np.uint8:
        expected = np.clip(expected, 0, 1)
    if found.dtype == np.uint8:
        expected, found = np.floor(expected * 255 + 0.5) / 255, found / 255
    differences = np.abs(found - expected)
    error = float(np.mean(differences**2))
    psnr = -10 * math.log10(error) if error else MOST_DECIBELS
    height, width, _ = picture.shape
    return Comparison(height, width, float(differences.max()), min(psnr, MOST_DECIBELS))


def measure_sets(
    model: keras.Model, upscale: Upscale, folders: Iterable[str | Path]
) -> tuple[dict[str, dict[str, float]], str]:
    """Measures the PSNR of a network ("float") and of a file ("file") on benchmark sets, and describes the protocol."""
    network = Upscaler(model, precision="float32")  # In tiles, because TensorFlow hangs on large pictures.
    measured, protocols = {}, []
    for folder in folders:
        benchmark_set = BenchmarkSet(folder, network.scale)
        exact, file = (measure(function, benchmark_set) for function in (network, upscale))
        measured[file.set_name] = {"float": exact.psnr, "file": file.psnr, "images": len(file.images)}
        protocols.append(f"{file.set_name}: {file.protocol}; low resolution: {file.low_resolution_source}")
    return measured, ". ".join(protocols)
