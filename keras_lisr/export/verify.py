"""Running a written file beside the network that it was made of."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

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


class Bound(NamedTuple):
    """What a file must reach: the largest difference and the PSNR of a picture, both in [0, 1]."""

    largest_difference: float = math.inf
    psnr: float = 0


# Good files are far from these bounds: the default preset differs by 2e-6 in float32, and reaches 92 dB with float16
# weights and 46 dB with a dynamic range. In int8 a drawn picture tells only what is broken: it is unlike those of the
# calibration. FSRCNN reached 24.9 dB calibrated on black, and 25.5 to 38 on 29 kinds of pictures.
BOUNDS = {
    "none": Bound(largest_difference=1e-4),
    "float16": Bound(psnr=60),
    "dynamic": Bound(psnr=35),
    "int8": Bound(psnr=20),
}
OF_ITS_KIND = 30  # Decibels on pictures such as those of the calibration; FSRCNN reached 33.6 to 54.
CALIBRATED = " (more `representative` pictures or `fine_tune` may help; `verify=False`, --no-verify, keeps the file)"
CROPS = 16
OF_ROUNDING = 1 / 12 / 255**2  # Mean square.
# Floats that differ by 1e-7 may be rounded to two neighbours, but seldom: bytes that are cut off instead reach 51 dB.
OF_BYTES = Bound(largest_difference=1.001 / 255, psnr=60)


@dataclass(frozen=True)
class Comparison:
    """How far the results of a file are from those of the network, for one picture.

    Args:
        height: Rows of the low-resolution picture.
        width: Its columns.
        largest_difference: Of any value, where white is 1.
        psnr: In decibels, 200 at most.
    """

    height: int
    width: int
    largest_difference: float
    psnr: float


@dataclass(frozen=True)
class Verification:
    """What a file was found to be.

    Args:
        operators: How often each operator occurs in a LiteRT file; empty for other formats.
        rank: Largest number of dimensions of a tensor in a LiteRT file; None for other formats.
        pictures: Comparisons with the network: of three sizes, or of three pictures if the file is for one size.
        held_out: What `judge` measured on pictures of the user's kind; None if there were none.
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
    """Runs a file, and makes sure that it computes what the network does.

    Args:
        model: The network, as it was before it was folded.
        path: The file, or the folder of a SavedModel.
        format: What wrote it.
        quantize: As for `write_litert`.
        held_out: uint8 RGB `(height, width, 3)` of any size, of the kind that an int8 file was calibrated on.

    Returns:
        What was measured.

    Raises:
        ValueError: If the file is broken or its results are too far from the network's: by more than 1e-4 in float32,
            below 60 dB with float16 weights, 35 dB with a dynamic range, or 20 dB in int8, 30 dB on what was held out;
            or, where it computes with floats and bytes come out, by more than 1 or below 60 dB. Of a SavedModel both
            signatures are run.
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
    rounds = getattr(network, "dtype", None) == np.uint8 and quantize in ("none", "float16")
    check(comparisons, OF_BYTES if rounds else BOUNDS[quantize], quantize)
    if format == "saved_model":
        of_bytes = saved_model_network(path, PICTURES)
        found = [compare(model, lambda array: of_bytes(array[None])[0], picture, clipped=True) for picture in pictures]
        check(found, OF_BYTES, quantize)
    content = read_litert_file(path) if format == "litert" else None
    operators, rank = (content.operators, content.rank) if content else ({}, None)
    judged = judge(model, upscale, held_out, shape or (SIDE, SIDE)) if held_out else None
    return Verification(operators, rank, comparisons, judged)


def check(comparisons: Iterable[Comparison], bound: Bound, quantize: str) -> None:
    """Raises a ValueError unless every comparison is within the bound."""
    for found in comparisons:
        # Written so that NaN is refused.
        if not (found.largest_difference <= bound.largest_difference and found.psnr >= bound.psnr):
            hint = CALIBRATED if quantize == "int8" else ""
            raise ValueError(
                f"The file must compute what the network does: a difference of at most {bound.largest_difference:.2g}, "
                f"at least {bound.psnr} dB in {quantize!r}. Received: {found.largest_difference:.2g}, "
                f"{found.psnr:.1f} dB for a picture of {found.height} x {found.width}{hint}"
            )


def judge(
    model: keras.Model, upscale: Upscale, held_out: Sequence[np.ndarray], shape: tuple[int, int]
) -> dict[str, float]:
    """Measures what a file loses on pictures of the kind that it was calibrated on, in crops of this shape.

    Returns:
        `psnr` of the file's results beside the network's, for crops; and, for as many that are made smaller first, the
        PSNR of luma of the network ("float") and of the "file" beside the original, and the "loss" in decibels. They
        are of all `images` together: a mean of decibels would be that of an empty sky.

    Raises:
        ValueError: If `psnr` is below 30 dB.
    """
    crops = cut_patches(held_out, shape, CROPS)
    psnr = pooled(compare(model, upscale, crop, clipped=True).psnr for crop in crops)
    if not psnr >= OF_ITS_KIND:
        raise ValueError(
            f"The file must compute what the network does: at least {OF_ITS_KIND} dB on parts of `representative` that "
            f"were kept out of the calibration. Received: {psnr:.1f} dB{CALIBRATED}"
        )
    scale = upscale(crops[0]).shape[0] // shape[0]
    found: dict[str, list[float]] = {"float": [], "file": []}
    for original in cut_patches(held_out, [scale * side for side in shape], CROPS):
        small = imresize(original, 1 / scale)
        results = {
            "float": keras.ops.convert_to_numpy(model(to_floats(small), training=False))[0],
            "file": upscale(small),
        }
        for name, result in results.items():
            found[name].append(measure_psnr(original, result, shave=scale))
    exact, file = (pooled(found[name]) for name in ("float", "file"))
    return {"psnr": psnr, "float": exact, "file": file, "loss": exact - file, "images": CROPS}


def pooled(decibels: Iterable[float]) -> float:
    """PSNR of pictures together, of which each has so many decibels, with the rounding to bytes as the least error."""
    errors = [10 ** (-value / 10) for value in decibels]
    return -10 * math.log10(np.mean(errors) + OF_ROUNDING)


def run(network: Any) -> Upscale:
    """The network of an exported file, which may be one of integers, as a function on pictures."""
    if getattr(network, "dtype", np.float32) == np.float32:
        return lambda picture: np.asarray(network(to_floats(picture)))[0]
    numbers = numbers_of_pixels(network.input)
    return lambda picture: pixels_of_numbers(network(numbers[picture][None]), network.output)[0]


def to_floats(picture: np.ndarray) -> np.ndarray:
    """A picture as the networks take it."""
    return picture[None].astype(np.float32) / 255


def draw_picture(height: int, width: int, phase: int) -> np.ndarray:
    """Rings that become ever finer, from black to white and of another centre in each colour: every frequency."""
    rows, columns = np.mgrid[:height, :width]
    centres = np.array([[0.2, 0.3], [0.5, 0.6], [0.8, 0.4]]) * (height, width)
    squares = (rows[..., None] - centres[:, 0]) ** 2 + (columns[..., None] - centres[:, 1]) ** 2
    return np.rint(127.5 + 127.5 * np.cos(squares * np.pi / (2 * max(height, width)) + phase)).astype(np.uint8)


def compare(model: keras.Model, upscale: Upscale, picture: np.ndarray, *, clipped: bool) -> Comparison:
    """Runs a file and a network on a picture of bytes, where a file of integers or bytes has clipped its results.

    Raises:
        ValueError: If the sizes of the results differ.
    """
    expected = keras.ops.convert_to_numpy(model(to_floats(picture), training=False))[0].astype(np.float64)
    found = upscale(picture)
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
    """PSNR of a network ("float") and of a file ("file") by the set's name, and how it was measured, in words."""
    network = Upscaler(model, precision="float32")  # In tiles: TensorFlow would not come back from large pictures.
    measured, protocols = {}, []
    for folder in folders:
        benchmark_set = BenchmarkSet(folder, network.scale)
        exact, file = (measure(function, benchmark_set) for function in (network, upscale))
        measured[file.set_name] = {"float": exact.psnr, "file": file.psnr, "images": len(file.images)}
        protocols.append(f"{file.set_name}: {file.protocol}; low resolution: {file.low_resolution_source}")
    return measured, ". ".join(protocols)
