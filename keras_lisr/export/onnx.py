"""Networks as ONNX files, for ONNX Runtime and what reads the same files."""

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_lisr.basics.whole_files import write_whole
from keras_lisr.export.saved_model import Network, float_signature
from keras_lisr.litert.network import INPUT


def write_onnx(model: keras.Model, path: str | Path) -> None:
    """Writes a network for pictures of any size and number as one file.

    It takes `low_resolution`, float32 in [0, 1], `(batch, height, width, 3)`, and returns `super_resolved`.

    Args:
        model: Functional model from RGB in [0, 1] to RGB; one that computes in bfloat16 is written in float32.
        path: File to write; an existing one is replaced.

    Raises:
        ValueError: If Keras runs on another backend than TensorFlow, or tf2onnx is not installed.
        OSError: If the file cannot be written; what was there before is left.

    Example:

        write_onnx(from_preset("imdn_x4"), "imdn_x4.onnx")
    """
    network = float_signature(model)
    try:
        import tf2onnx
    except ImportError as error:
        raise ValueError(
            "ONNX files must be written with tf2onnx: pip install 'keras_lisr[onnx]'. "
            f"Received: {type(error).__name__} ({error})"
        ) from error
    # Not model.export(format="onnx"), which calls the output "output_0".
    converted, _ = tf2onnx.convert.from_function(
        network, network.input_signature, custom_op_handlers={"Erfc": (write_erfc, [])}
    )
    with write_whole(Path(path)) as partial:
        partial.write_bytes(converted.SerializeToString())


def write_erfc(graph: Any, node: Any, name: str, arguments: list) -> None:
    """What tf2onnx calls to write TensorFlow's Erfc, of which the exact GELU is made: ONNX has Erf alone."""
    one = graph.make_const(f"{name}_one", np.ones((), np.float32))
    erf = graph.make_node("Erf", node.input)
    shapes, dtypes = node.output_shapes, node.output_dtypes
    graph.remove_node(name)
    graph.make_node("Sub", [one.output[0], erf.output[0]], outputs=node.output, shapes=shapes, dtypes=dtypes)


def onnx_network(path: str | Path) -> Network:
    """An ONNX file as a function on arrays, run by ONNX Runtime on the processor.

    Args:
        path: What `write_onnx` wrote.

    Returns:
        Function from float32 in [0, 1], `(batch, height, width, 3)`, to the same `scale` times as large.

    Raises:
        ValueError: If ONNX Runtime is not installed.
    """
    # Read once, when it is imported. Otherwise it reports its use to Microsoft.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise ValueError(
            "ONNX files must be run by ONNX Runtime: pip install 'keras_lisr[onnx]'. "
            f"Received: {type(error).__name__} ({error})"
        ) from error
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def network(low_resolution):
        return session.run(None, {INPUT: low_resolution})[0]

    return network
