"""Exported files at work where neither TensorFlow nor Keras is installed: NumPy and the file's engine suffice."""

from keras_lisr.exported.litert import LiteRTNetwork as LiteRTNetwork
from keras_lisr.exported.sidecar import Sidecar as Sidecar
from keras_lisr.exported.sidecar import read_sidecar as read_sidecar
from keras_lisr.exported.upscaler import ExportedUpscaler as ExportedUpscaler

__all__ = ["ExportedUpscaler", "LiteRTNetwork", "Sidecar", "read_sidecar"]
