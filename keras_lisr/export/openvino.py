"""Networks as OpenVINO files, for the processors and graphics of Intel."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import keras

from keras_lisr.basics.extras import import_extra
from keras_lisr.export.saved_model import Network, signature


def write_openvino(model: keras.Model, path: Path) -> None:
    """Writes a network, in float32, for pictures of any size and number: the graph, and beside it the weights, `.bin`.

    It takes `low_resolution`, float32 in [0, 1], `(batch, height, width, 3)`, and returns `super_resolved`. The weights
    are float32; OpenVINO itself computes in bfloat16 where a processor is faster so, unless `INFERENCE_PRECISION_HINT`
    says "f32".

    Raises:
        ValueError: If Keras runs on another backend than TensorFlow, or OpenVINO is not installed.
    """
    network = signature(partial(model, training=False))
    openvino = import_openvino()
    converted = openvino.convert_model(network.get_concrete_function())
    openvino.serialize(converted, path, path.with_suffix(".bin"))


def openvino_network(path: str | Path, precision: str = "float32") -> Network:
    """An OpenVINO file as a function on float32 arrays, run on the processor, in bfloat16 only where it has that."""
    path = Path(path).resolve()  # Where the weights are.
    hint = {"float32": "f32", "bfloat16": "bf16"}[precision]
    compiled = import_openvino().Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": hint})

    def network(low_resolution):
        return compiled(low_resolution)[0]

    return network


def import_openvino() -> Any:
    """OpenVINO, which would report each import and conversion to Intel if it found openvino_telemetry."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # As if it were not installed.
    return import_extra("openvino", "openvino")
