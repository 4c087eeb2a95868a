"""Exported files at work where neither TensorFlow nor Keras is installed: NumPy and the file's engine suffice."""

from keras_lisr.exported.litert import LiteRTNetwork
from keras_lisr.exported.sidecar import Sidecar, read_sidecar
from keras_lisr.exported.upscaler import ExportedUpscaler

__all__ = ["ExportedUpscaler", "LiteRTNetwork", "Sidecar", "read_sidecar"]
