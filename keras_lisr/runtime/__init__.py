"""Exported files at work where neither TensorFlow nor Keras is installed: NumPy and ai-edge-litert suffice."""

from keras_lisr.runtime.litert_network import LiteRTNetwork as LiteRTNetwork
from keras_lisr.runtime.litert_upscaler import LiteRTUpscaler as LiteRTUpscaler
from keras_lisr.runtime.sidecar import Sidecar as Sidecar
from keras_lisr.runtime.sidecar import read_sidecar as read_sidecar

__all__ = ["LiteRTNetwork", "LiteRTUpscaler", "Sidecar", "read_sidecar"]
