"""Writes networks as ONNX files."""

from functools import partial
from typing import Any

import keras
import numpy as np

from keras_lisr.basics.export_options import ExportOptions
from keras_lisr.basics.extras import import_extra
from keras_lisr.export.litert_graph import litert_graph
from keras_lisr.export.saved_model import signature


def write_onnx(model: keras.Model, options: ExportOptions) -> None:
    """Writes a network in float32.

    It takes `low_resolution`, float32 in [0, 1], `(batch, height, width, 3)`, and returns `super_resolved`; with a
    `shape`, one picture at a time.

    Raises:
        ValueError: If tf2onnx does not know the opset or is not installed, or Keras does not run on TensorFlow.
    """
    # LiteRT's graph has no splits and gathers, around which tf2onnx would leave transposes to ONNX's layout.
    size = (1, *options.shape) if options.shape else (None,) * 3
    network = signature(partial(litert_graph(model, dilated=False), training=False), size=size)
    tf2onnx = import_extra("tf2onnx", "onnx")
    # Not model.export(format="onnx"), which calls the output "output_0".
    try:
        converted, _ = tf2onnx.convert.from_function(
            network, network.input_signature, opset=options.opset, custom_op_handlers={"Erfc": (write_erfc, [])}
        )
    except ValueError as error:
        if options.opset is None:
            raise
        raise ValueError(
            f"`opset` must be one in which tf2onnx can write this network. Received: opset={options.opset} ({error})"
        ) from error
    for tensor, suffix in ((converted.graph.input[0], ""), (converted.graph.output[0], "_out")):
        for dimension, name in zip(tensor.type.tensor_type.shape.dim, ("batch", "height", "width"), strict=False):
            if dimension.dim_param:
                dimension.dim_param = name if name == "batch" else name + suffix
    options.path.write_bytes(converted.SerializeToString())


def write_erfc(graph: Any, node: Any, name: str, arguments: list) -> None:
    """Writes TensorFlow's Erfc, part of the exact GELU, as 1 - Erf, which ONNX has; called by tf2onnx."""
    one = graph.make_const(f"{name}_one", np.ones((), np.float32))
    erf = graph.make_node("Erf", node.input)
    shapes, dtypes = node.output_shapes, node.output_dtypes
    graph.remove_node(name)
    graph.make_node("Sub", [one.output[0], erf.output[0]], outputs=node.output, shapes=shapes, dtypes=dtypes)
