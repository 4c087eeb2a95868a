"""Files that run without Keras: SavedModel, LiteRT, ONNX and OpenVINO."""

from keras_lisr.export.equalize import equalize as equalize
from keras_lisr.export.export_model import export_model as export_model
from keras_lisr.export.fold import fold as fold
from keras_lisr.export.fold import folding as folding
from keras_lisr.export.litert import write_litert as write_litert
from keras_lisr.export.onnx import write_onnx as write_onnx
from keras_lisr.export.openvino import write_openvino as write_openvino
from keras_lisr.export.saved_model import write_saved_model as write_saved_model
from keras_lisr.export.verify import verify as verify

__all__ = [
    "equalize",
    "export_model",
    "fold",
    "folding",
    "verify",
    "write_litert",
    "write_onnx",
    "write_openvino",
    "write_saved_model",
]
