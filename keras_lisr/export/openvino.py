"""Writes networks as OpenVINO files."""

from functools import partial
from pathlib import Path

import keras

from keras_lisr.export.saved_model import signature
from keras_lisr.exported.openvino import import_openvino


def write_openvino(model: keras.Model, path: Path) -> None:
    """Writes a network, in float32, for pictures of any size and number: the graph, and beside it the weights, `.bin`.

    It takes `low_resolution`, float32 in [0, 1], `(batch, height, width, 3)`, and returns `super_resolved`. OpenVINO
    computes in bfloat16 where a processor is faster so, unless `INFERENCE_PRECISION_HINT` says "f32".

    Raises:
        ValueError: If Keras does not run on TensorFlow, or OpenVINO is not installed.
    """
    network = signature(partial(model, training=False))
    openvino = import_openvino()
    converted = openvino.convert_model(network.get_concrete_function())
    openvino.serialize(converted, path, path.with_suffix(".bin"))
