"""Picture in, picture out, by an exported file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from keras_lisr.basics.engines import ENGINES_OF_FILES
from keras_lisr.exported.litert import LiteRTNetwork
from keras_lisr.exported.onnx import ONNXNetwork
from keras_lisr.exported.openvino import OpenVINONetwork
from keras_lisr.exported.sidecar import read_sidecar
from keras_lisr.tiling.tiles import DEFAULT_MEMORY
from keras_lisr.tiling.upscaler import TiledUpscaler

Network = Callable[[np.ndarray], np.ndarray]

BYTES_PER_PIXEL = 2**14  # Where a sidecar of old does not say it: more than most networks of the zoo take.


class ExportedUpscaler(TiledUpscaler):
    """Upscales pictures of any size with a file that `keras-lisr export` wrote, in tiles.

    The sidecar beside the file says which halo makes the tiles exact, as those of `keras_lisr.inference.Upscaler` are.
    For a network that pools over the picture none does: `exact` is False then, and neighbouring tiles fade into one
    another over 32 pixels, or over 64 if it holds layers whose receptive field is unknown.

    A file for one size sees windows of that size. A picture that is smaller is filled up at its right and lower edge
    with its own reflection, which is cut off again. That is an approximation, which `fills_up` tells beforehand: the
    network itself sees zeros beyond the edges, so that within the halo of these two the result differs from its own,
    and everywhere if it pools over the picture.

    Pictures of 16 bits need a file that takes and returns floats.

    Threads that share an upscaler take turns: LiteRT keeps the tensors of a run in the network.

    Args:
        path: The `.tflite`, `.onnx` or `.xml` file, with its sidecar beside it.
        engine: "litert", "onnxruntime", or "openvino", which reads all three but no file of integers; by
            default, that of the file's format.
        precision: "float32"; with OpenVINO also "bfloat16", which has not the digits for pictures of 16 bits: these are
            computed in float32.
        tile: Side of a tile, at most, in low-resolution pixels and without the halo; by default, the whole picture
            where it fits into `memory`, and else the largest tile that does. A file for one size takes no other.
        memory: Bytes that tiles may take, approximately, and the rows of the result that they make. Tiles are never
            smaller than their halo, and a file for one size ignores it.
        threads: Threads of the engine; by default, one for each processor.

    Raises:
        ValueError: If there is no such file or no sidecar, they are others, the engine is not installed or does not run
            such a file or precision, or `tile` or `threads` is not a positive integer.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        engine: str | None = None,
        precision: str = "float32",
        tile: int | None = None,
        memory: int = DEFAULT_MEMORY,
        threads: int | None = None,
    ):
        sidecar = read_sidecar(path)
        engine = find_engine(path, engine, sidecar.input["dtype"], sidecar.output["dtype"])
        if precision not in (("float32", "bfloat16") if engine == "openvino" else ("float32",)):
            raise ValueError(f"`precision` must be 'float32' for {engine}. Received: precision={precision!r}")
        if threads is not None and (not isinstance(threads, int) or threads < 1):
            raise ValueError(f"`threads` must be a positive integer or None. Received: threads={threads!r}")
        self.shape = sidecar.shape
        if tile and self.shape:
            raise ValueError(
                f"`tile` must be None for a file for {self.shape[1]} x {self.shape[0]} pixels. Received: tile={tile}"
            )
        super().__init__(sidecar, tile=tile, memory=memory)
        self._told = {name: getattr(sidecar, name) for name in ("scale", "shape", "input", "output")}
        self.engine, self.precision = engine, "int8" if sidecar.quantize == "int8" else precision
        self.deep_precision = "float32"
        self._path, self._threads, self._precision = path, threads, precision
        self._networks: dict[str, Network] = {}
        for each in {precision, "float32"}:  # Both now: the file may be gone later.
            self._open(each)
        bytes_per_pixel = 0 if self.shape else sidecar.bytes_per_pixel or BYTES_PER_PIXEL
        # Of the 8.5 KB that IMDN takes in LiteRT, OpenVINO took 3.5 in bfloat16.
        self._bytes_per_pixel = bytes_per_pixel // 2 if precision == "bfloat16" else bytes_per_pixel

    def check_depth(self, dtype: DTypeLike) -> None:
        taken, returned = (self._told[name]["dtype"] for name in ("input", "output"))
        if np.dtype(dtype) == np.uint16 and not taken == returned == "float32":
            raise ValueError(
                f"`image` must have 8 bits for this file, which takes {taken} and returns {returned}. "
                f"Received: image.dtype={dtype}"
            )

    def _run(self, window: np.ndarray, dtype: np.dtype) -> np.ndarray:
        network = self._open(self._precision if dtype == np.uint8 else "float32")
        return pixels_of_numbers(
            network(numbers_of_pixels(self._told["input"], dtype)[window]), self._told["output"], dtype
        )

    def _pixel_memory(self, dtype: DTypeLike) -> int:
        return self._bytes_per_pixel

    def _open(self, precision: str) -> Network:
        """Opens the network in a precision, once."""
        if precision not in self._networks:
            match self.engine:
                case "litert":
                    network: Network = LiteRTNetwork(self._path, threads=self._threads)
                case "onnxruntime":
                    network = ONNXNetwork(self._path, threads=self._threads)
                case "openvino":
                    network = OpenVINONetwork(self._path, precision=precision, threads=self._threads)
            for name, told in self._told.items():
                if (found := getattr(network, name, told)) != told:
                    raise ValueError(
                        f"`path` must have a sidecar that says what the file does, {name}={found}. Received: "
                        f"path={str(self._path)!r}, of which it says {name}={told}"
                    )
            self._networks[precision] = network
        return self._networks[precision]


def find_engine(path: str | Path, engine: str | None, *dtypes: str) -> str:
    """Returns the engine that runs a file, by default that of its format.

    Raises:
        ValueError: If `engine` does not run a file of this suffix that takes and returns `dtypes`.
    """
    engines = ENGINES_OF_FILES.get(Path(path).suffix.lower(), ())
    if {*dtypes} != {"float32"}:
        engines = engines[:1]
    if not engines:
        raise ValueError(f"`path` must end in {', '.join(ENGINES_OF_FILES)}. Received: path={str(path)!r}")
    if engine not in (None, *engines):
        raise ValueError(
            f"`engine` must be {' or '.join(engines)} for such a file. Received: engine={engine!r}, path={str(path)!r}"
        )
    return engine or engines[0]


def numbers_of_pixels(tensor: dict[str, Any], dtype: DTypeLike = np.uint8) -> np.ndarray:
    """Returns the number for each pixel value of a type, in a tensor that a sidecar describes."""
    white = np.iinfo(dtype).max
    pixels = np.arange(white + 1, dtype=np.float32) / white
    taken = np.dtype(tensor["dtype"])
    if taken.kind == "f":
        return pixels.astype(taken)
    limits = np.iinfo(taken)
    integers = np.rint(pixels / tensor["scale"]) + tensor["zero_point"]
    return integers.clip(limits.min, limits.max).astype(taken)


def pixels_of_numbers(numbers: np.ndarray, tensor: dict[str, Any], dtype: DTypeLike = np.uint8) -> np.ndarray:
    """Returns pixels of a type, clipped and rounded half up, from the numbers of a tensor that a sidecar describes."""
    if numbers.dtype.kind == "f":
        pixels = numbers.clip(0, 1)
        pixels *= np.iinfo(dtype).max
        pixels += 0.5
        return pixels.astype(dtype)
    every = np.arange(2 ** (8 * numbers.itemsize)).astype(f"u{numbers.itemsize}")
    values = tensor["scale"] * (every.view(numbers.dtype).astype(np.float64) - tensor["zero_point"])
    return pixels_of_numbers(values, tensor, dtype)[numbers.view(every.dtype)]
