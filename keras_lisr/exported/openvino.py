"""An exported file as a function on arrays, run by OpenVINO."""

import os
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from keras_lisr.basics.extras import import_extra
from keras_lisr.exported.sidecar import follow

HINTS = {"float32": "f32", "bfloat16": "bf16"}
ALL_BUT_CHANNELS = 0b0111  # Bits of the dimensions of which a slice takes everything.


class OpenVINONetwork:
    """A network in a file of OpenVINO, ONNX or LiteRT (floats only), run by default with a thread for each core.

    Raises:
        ValueError: If OpenVINO is not installed, or cannot read the file.
    """

    def __init__(self, path: str | Path, *, precision: str = "float32", threads: int | None = None):
        openvino = import_openvino()
        self._lock = threading.Lock()
        path = follow(path)  # Where the weights are.
        options = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "INFERENCE_NUM_THREADS": threads or os.cpu_count(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        with TemporaryDirectory() as folder:
            readable = path
            if path.suffix.lower() == ".tflite":
                readable = Path(folder) / f"{path.stem}.tflite"
                readable.write_bytes(rename_slices(path.read_bytes()))
            try:
                self._compiled = openvino.Core().compile_model(readable, "CPU", options)
            except RuntimeError as error:
                raise ValueError(
                    f"`path` must be a file that OpenVINO reads. Received: path={str(path)!r} ({error})"
                ) from error

    def __call__(self, low_resolution: np.ndarray) -> np.ndarray:
        """Runs the network on `(1, height, width, 3)`, float32 in [0, 1]."""
        with self._lock:  # There is one request, and it holds the tensors of a run.
            return self._compiled(low_resolution)[0]


def import_openvino() -> Any:
    """Imports OpenVINO, which would report each import and conversion to Intel if it found openvino_telemetry."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # As if it were not installed.
    return import_extra("openvino", "openvino")


def rename_slices(content: bytes) -> bytes:
    """Returns a LiteRT file with SLICE in place of STRIDED_SLICE where it slices the channels.

    XNNPACK is faster with the latter. OpenVINO does not move its transposes past them, and takes 1.5 times as long for
    IMDN.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content)
    (graph,) = model.subgraphs
    kinds = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]

    def numbers_of(tensor: int) -> np.ndarray:
        return np.frombuffer(bytes(model.buffers[graph.tensors[tensor].buffer].data), np.int32)

    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.SLICE
    code.version = 1
    model.operatorCodes.append(code)
    for operator in graph.operators:
        options = operator.builtinOptions
        if kinds[operator.opcodeIndex] != schema.BuiltinOperator.STRIDED_SLICE:
            continue
        features, begin, end, strides = operator.inputs
        if not options.beginMask == options.endMask == ALL_BUT_CHANNELS or numbers_of(strides).tolist() != [1] * 4:
            continue
        sizes = np.array([-1, -1, -1, numbers_of(end)[3] - numbers_of(begin)[3]], np.int32)
        buffer, tensor = schema.BufferT(), schema.TensorT()
        buffer.data = np.frombuffer(sizes.tobytes(), np.uint8)
        tensor.shape, tensor.type, tensor.buffer = [4], schema.TensorType.INT32, len(model.buffers)
        tensor.name = f"sizes_{len(graph.tensors)}"
        operator.inputs = [features, begin, len(graph.tensors)]
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.builtinOptions = schema.SliceOptionsT()
        operator.builtinOptionsType = schema.BuiltinOptions.SliceOptions
        model.buffers.append(buffer)
        graph.tensors.append(tensor)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
