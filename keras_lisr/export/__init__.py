"""Export to SavedModel, LiteRT, ONNX and OpenVINO files, which run without Keras."""

from keras_lisr.export.equalize import equalize as equalize
from keras_lisr.export.export_model import export_model as export_model
from keras_lisr.export.fold import fold as fold
from keras_lisr.export.verify import verify as verify

__all__ = ["equalize", "export_model", "fold", "verify"]
