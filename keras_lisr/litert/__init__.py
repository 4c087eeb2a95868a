"""Exported files at work where neither TensorFlow nor Keras is installed: NumPy and ai-edge-litert suffice."""

from keras_lisr.litert.network import LiteRTNetwork as LiteRTNetwork
from keras_lisr.litert.sidecar import Sidecar as Sidecar
from keras_lisr.litert.sidecar import read_sidecar as read_sidecar
from keras_lisr.litert.upscaler import LiteRTUpscaler as LiteRTUpscaler

__all__ = ["LiteRTNetwork", "LiteRTUpscaler", "Sidecar", "read_sidecar"]
